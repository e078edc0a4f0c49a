"""Finding the way: a strip under each chapter's title, with its neighbours and minutes to read, and
at its end a way to the pages by symptom.

book/_static/way.js adds how far one has read, and ticks the chapters that were read to their end.
"""

import html

from sphinx.util.osutil import relative_uri

from tools import book


def strip(page: book.Page, found: book.Book) -> str:
    """Before, minutes, after; the front page comes before the first chapter."""
    here = found.pages.index(page)
    before = neighbour(page, found.pages[here - 1], "prev", "‹ {}")
    after = neighbour(page, found.pages[here + 1], "next", "{} ›")
    return (
        f'<nav class="strip" aria-label="Chapters beside this one" data-chapter="{page.name}">'
        f"{before}<span>{page.minutes} minutes to read</span>{after}</nav>"
    )


def neighbour(page: book.Page, other: book.Page, rel: str, words: str) -> str:
    address = relative_uri(f"{page.docname}.html", f"{other.docname}.html")
    return f'<a rel="{rel}" href="{address}">{words.format(html.escape(other.heading))}</a>'


# The pages for whoever comes with a symptom; each chapter ends with them.
LOOK_UP = ("book/questions", "book/conventions")


def look_up(page: book.Page, found: book.Book) -> str:
    """The line at a chapter's end."""
    links = [
        f'<a href="{relative_uri(f"{page.docname}.html", f"{name}.html")}">'
        f"{html.escape(found.page(name).title)}</a>"
        for name in LOOK_UP
    ]
    return f'<p class="look-up">Something does not go as it should? {" · ".join(links)}</p>\n'


def add_strip(app, page, template, context, doctree):
    for script in ("way.js", "lightbox.js"):
        app.add_js_file(script, loading_method="defer")
    found = book.read()
    for chapter in found.chapters:
        if chapter.docname == page:
            context["body"] = context["body"].replace("</h1>", f"</h1>\n{strip(chapter, found)}", 1)
            context["body"] += look_up(chapter, found)


def reread(app, env, added, changed, removed):
    """A chapter names its neighbours, whose titles may have changed."""
    titles = [page.heading for page in book.read().pages]
    before, env.titles_of_pages = getattr(env, "titles_of_pages", titles), titles
    return [] if before == titles else [chapter.docname for chapter in book.read().chapters]


def setup(app):
    app.connect("env-get-outdated", reread)
    app.connect("html-page-context", add_strip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
