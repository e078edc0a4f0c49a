"""A book of a few pages, built in a temporary folder, for tests of its directives."""

import io
import re

import nbformat
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

SETTINGS = {
    "root_doc": "index",
    "myst_enable_extensions": ["colon_fence", "deflist", "dollarmath"],
    "nb_execution_mode": "off",
    "nb_render_markdown_format": "myst",
    "html_theme": "basic",
}


def code(source, *outputs, tags=(), **metadata):
    """A code cell."""
    cell = nbformat.v4.new_code_cell(source, outputs=list(outputs))
    cell.metadata.update(metadata)
    if tags:
        cell.metadata["tags"] = list(tags)
    return cell


def text(source):
    """A Markdown cell."""
    return nbformat.v4.new_markdown_cell(source)


class SmallBook:
    """Pages are Markdown, or lists of cells; `build` may be called again after a change."""

    def __init__(self, folder, *extensions, **settings):
        self.folder = folder
        self.extensions = ["myst_nb", *extensions]
        self.settings = SETTINGS | settings
        (folder / "source" / "book").mkdir(parents=True)

    def write(self, pages):
        for name, content in pages.items():
            path = self.folder / "source" / "book" / name
            if isinstance(content, list):
                notebook = nbformat.v4.new_notebook(cells=content)
                notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
                notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "python3"}
                nbformat.write(notebook, path.with_suffix(".ipynb"))
            else:
                path.with_suffix(".md").write_text(content, encoding="utf-8")
        lines = ["# Book", "", "```{toctree}", *(f"book/{name}" for name in pages), "```", ""]
        (self.folder / "source" / "index.md").write_text("\n".join(lines), encoding="utf-8")

    def build(self, **pages):
        """The pages as (soup by name, lines of warnings); without arguments as they are."""
        if pages:
            self.write(pages)
        warnings = io.StringIO()
        folders = [self.folder / name for name in ("html", "trees")]
        settings = self.settings | {"extensions": self.extensions}
        with docutils_namespace():
            source = self.folder / "source"
            app = Sphinx(source, None, *folders, "html", settings, status=None, warning=warnings)
            app.build()
        plain = re.sub(r"\x1b\[[\d;]*m", "", warnings.getvalue())
        found = [line for line in plain.splitlines() if line]
        return {path.stem: soup(path) for path in (folders[0] / "book").glob("*.html")}, found


def soup(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def words(node):
    """The text of an element, with single spaces."""
    return " ".join(node.get_text().split())
