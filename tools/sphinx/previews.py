"""The picture of each page that networks show of its address, drawn when the book is built.

A page that the table of contents does not list has the front page's.
"""

from tools import book
from tools.sphinx import pictures

FOLDER = "_static/previews"


def address(docname: str) -> str:
    """Where the picture of a page is, from the root of the site."""
    names = {page.docname: page.name for page in book.read().pages}
    return f"{FOLDER}/{names.get(docname, 'index')}.png"


def draw(app, exception):
    if not exception and app.builder.format == "html":
        pictures.draw(app, FOLDER, book.read().pages, pictures.preview)


def setup(app):
    app.connect("build-finished", draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
