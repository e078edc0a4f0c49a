"""What a reader can take away: each chapter as a notebook, and the book as one file.

The download button of a chapter gives the runner's copy. The directive `downloads` links to the
files that `make download` puts into _build/download. They are copied to where the pages are, and a
page that lists them is written anew when one of them appears, changes or goes.
"""

import hashlib
import shutil
import zlib
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive

from tools.address import address
from tools.book import BUILD, ROOT, read_page
from tools.copies import notebooks

FOLDER = BUILD / "download"
FILES = {
    "adamtut.pdf": "The whole book as one PDF",
    "adamtut-notebooks.zip": "All chapters as notebooks, with the package, to run offline",
}
# Within the built pages. Sphinx's own downloads lie in folders beside ours.
COPIES = "_downloads"


def made() -> list[Path]:
    """The files that there are."""
    return [FOLDER / name for name in FILES if (FOLDER / name).is_file()]


def state() -> str:
    """What changes when one of the files does."""
    return " ".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in made())


def size(path: Path) -> str:
    return f"{max(0.1, path.stat().st_size / 1e6):.1f} MB"


class Downloads(Directive):
    """```{downloads}``` lists the files, or is nothing where none was made."""

    def run(self):
        env = self.state.document.settings.env
        env.metadata[env.docname]["downloads"] = state()
        if not made():
            return []
        up = "../" * env.docname.count("/")
        lines = nodes.bullet_list(classes=["downloads"])
        for path in made():
            url = f"{up}{COPIES}/{path.name}"
            link = nodes.reference("", FILES[path.name], refuri=url, internal=True)
            lines += nodes.list_item(
                "", nodes.paragraph("", "", link, nodes.Text(f", {size(path)}"))
            )
        return [lines]


def reread(app, env, added, changed, removed):
    """The pages that list other files than there are now."""
    now = state()
    return [page for page, data in env.metadata.items() if data.get("downloads", now) != now]


def copy_files(app, exception):
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir) / COPIES
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    for path in made():
        folder.mkdir(exist_ok=True)
        shutil.copyfile(path, folder / path.name)


def name_source(app, page, template, context, doctree):
    """The file behind a chapter's button has the name of the runner's copy."""
    source = Path(context.get("sourcename", ""))
    if source.suffix == ".ipynb":
        copy = read_page(ROOT, page).copy
        context["sourcename"] = source.with_name(f"{copy}.ipynb").as_posix()


def replace_sources(app, exception):
    """Sphinx puts the chapters themselves, labels and directives and all, behind the button."""
    if exception or app.builder.format != "html":
        return
    sources = sorted((Path(app.outdir) / "_sources").rglob("*.ipynb"))
    copies = notebooks.folder_of_this_checkout(address()) if sources else {}
    for path in sources:
        if path.name in copies:
            path.write_text(copies[path.name], encoding="utf-8", newline="\n")
        else:  # of a chapter that has another name now
            path.unlink()


def setup(app):
    app.add_directive("downloads", Downloads)
    app.connect("env-get-outdated", reread)
    # Before the theme makes a button of the name.
    app.connect("html-page-context", name_source, priority=400)
    app.connect("build-finished", copy_files)
    app.connect("build-finished", replace_sources)
    return {
        "parallel_read_safe": True,
        "parallel_write_safe": True,
        # Pages keep the names of their copies; they are written again when these change.
        "env_version": zlib.crc32(Path(__file__).read_bytes()),
    }
