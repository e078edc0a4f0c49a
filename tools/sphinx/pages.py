"""What the book's pages say about themselves, and the addresses that follow from the setting.

With `ADAMTUT_REPOSITORY` set a page has buttons to the repository, a chapter has links to Colab and
Binder, and the site has a sitemap. Without it no page leads to where nothing is.
"""

import html
import re
import shutil
import unicodedata
from pathlib import Path
from string import Template

from docutils import nodes
from docutils.parsers.rst import Directive
from markupsafe import Markup
from sphinx.environment import CONFIG_OK

from tools.address import address
from tools.book import ROOT, read_page
from tools.book import load as load_yaml
from tools.book import read as read_book
from tools.sphinx import previews

LOGO = "book/_static/logo.svg"
LONGEST_DESCRIPTION = 160
# Some chapters go on so after their question; what follows says what they are about.
OPENING = "At the end of this chapter you can "
LATEX = re.compile(r"[\\{}^_]")
# The theme names these in their templates, too late for us.
TITLES = {"genindex": "Index", "search": "Search"}


def plain(node) -> str:
    """A paragraph as plain text with Greek letters, up to the first formula that needs LaTeX."""
    text = ""
    for part in node.children:
        words = re.sub(r"\\([a-z]+)\b", lambda name: greek(name[1]), part.astext())
        if isinstance(part, nodes.math) and LATEX.search(words):
            return " ".join(text.split()) + "…"
        text += words
    return " ".join(text.split())


def greek(name: str) -> str:
    try:
        return unicodedata.lookup(f"GREEK SMALL LETTER {name}")
    except KeyError:
        return f"\\{name}"


def shorten(text: str) -> str:
    """The text, or the whole words of it that fit a search result."""
    if len(text) <= LONGEST_DESCRIPTION:
        return text
    words = text[:LONGEST_DESCRIPTION].rsplit(" ", 1)[0]
    return words.rstrip(",;:.") + "…"


def description(title: str, doctree, paragraphs: int = 1) -> str:
    """The page's first paragraphs; what is in a list or an entry says nothing about the page."""
    found = doctree.findall(nodes.paragraph) if doctree else []
    found = [node for node in found if isinstance(node.parent, nodes.section)][:paragraphs]
    texts = [plain(node).removeprefix(OPENING) for node in found] or [
        f"{title}, in Adam, Step by Step: an executable book about the Adam family of optimizers."
    ]
    return shorten(" ".join(text[0].upper() + text[1:] for text in texts))


def describe(app, page, template, context, doctree):
    here = address()
    title = context.get("title") or context.get("indextitle") or TITLES[page]
    title = Markup(title).striptags()
    # A chapter's question and how its story begins.
    text = description(title, doctree, paragraphs=2 if is_chapter(app, page) else 1)
    tags = {
        "name": {"description": text},
        "property": {
            "og:site_name": app.config.html_title,
            "og:type": "article" if is_chapter(app, page) else "website",
            "og:title": title,
            "og:description": text,
        },
    }
    if here:
        tags["property"]["og:url"] = here.site(f"{page}.html")
        tags["property"]["og:image"] = here.site(previews.address(page))
    tags["name"]["twitter:card"] = "summary_large_image" if here else "summary"
    context["metatags"] = context.get("metatags", "") + "".join(
        f'\n    <meta {kind}="{name}" content="{html.escape(value)}" />'
        for kind, named in tags.items()
        for name, value in named.items()
    )


def source(app, page) -> str:
    """The file that a page is written in, from the root of the repository, or ''."""
    return app.env.doc2path(page, base=False) if page in app.env.found_docs else ""


def is_chapter(app, page) -> bool:
    return source(app, page).endswith(".ipynb")


def add_links(app, page, template, context, doctree):
    """Our own: the theme's launch the file of the source branch, from a menu behind a picture."""
    here = address()
    if not here:
        return
    file = source(app, page)
    if is_chapter(app, page):
        copy = f"{read_page(ROOT, page).copy}.ipynb"
        context["body"] = context["body"].replace("</h1>", f"</h1>\n{launch_line(here, copy)}", 1)
    buttons = [button("Repository", "Source repository", here.repository, "fab fa-github")]
    if file:
        edit = button("Suggest edit", "Suggest an edit", here.edit(file), "fas fa-pencil-alt")
        buttons.append(edit)
    repository = {
        "type": "group",
        "tooltip": "Source repository",
        "icon": "fab fa-github",
        "label": "source-buttons",
        "buttons": buttons,
    }
    context["header_buttons"] = [repository, *context["header_buttons"]]


def launch_line(here, copy: str) -> str:
    """Under the title of a chapter, in words: one click runs it."""
    return (
        f'<p class="launch"><a href="{html.escape(here.colab(copy))}">Run in Colab</a> '
        f'<a href="{html.escape(here.binder(copy))}">Run on Binder</a></p>'
    )


def button(text: str, tooltip: str, url: str, icon: str) -> dict:
    return {"type": "link", "text": text, "tooltip": tooltip, "url": url, "icon": icon}


def bibtex(year: str) -> str:
    """How to cite the book, from CITATION.cff, with an address when there is one."""
    cff = load_yaml((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    author = " and ".join(f"{{{author['name']}}}" for author in cff["authors"])
    fields = {"author": author, "title": cff["title"], "year": year}
    if here := address():
        fields["url"] = here.site()
    lines = ",\n".join(f"  {name:<6} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{adamtut,\n{lines}\n}}"


class Citation(Directive):
    """```{citation}``` prints the book's entry in BibTeX."""

    def run(self):
        text = bibtex(self.state.document.settings.env.config.copyright)
        return [nodes.literal_block(text, text, language="bibtex")]


def write_site_files(app, exception):
    if exception or app.builder.format != "html":
        return
    here, out = address(), Path(app.outdir)
    (out / "404.html").write_text(not_found(here), encoding="utf-8")
    pages = sorted(f"{page}.html" for page in app.env.found_docs)
    if here:
        robots = f"User-agent: *\nAllow: /\nSitemap: {here.site('sitemap.xml')}\n"
        (out / "robots.txt").write_text(robots, encoding="utf-8")
        (out / "sitemap.xml").write_text(sitemap(here, pages), encoding="utf-8")
    else:
        # An earlier build with an address may have left them.
        (out / "robots.txt").unlink(missing_ok=True)
        (out / "sitemap.xml").unlink(missing_ok=True)


def sitemap(here, pages: list[str]) -> str:
    urls = "".join(f"  <url><loc>{html.escape(here.site(page))}</loc></url>\n" for page in pages)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}</urlset>\n'
    )


def not_found(here) -> str:
    """One file that needs no other, since it is served at addresses of any depth."""
    template = Template(Path(__file__).with_name("404.html").read_text(encoding="utf-8"))
    path = here.site if here else str
    chapters = [(f"{c.docname}.html", html.escape(c.heading)) for c in read_book().chapters]
    return template.substitute(
        logo=(ROOT / LOGO).read_text(encoding="utf-8").strip(),
        front=path("index.html"),
        search=path("search.html"),
        glossary=path("book/glossary.html"),
        index=path("genindex.html"),
        chapters="\n".join(f'<li><a href="{path(to)}">{name}</a></li>' for to, name in chapters),
    )


def configure(app, config):
    if here := address():
        config.html_baseurl = here.site()


def drop_source_pages(app):
    """After a changed setting; viewcode keeps a page for as long as its module is the same."""
    if app.env.config_status != CONFIG_OK:
        shutil.rmtree(Path(app.outdir) / "_modules", ignore_errors=True)


def setup(app):
    here = address()
    # A changed address is a changed setting, after which Sphinx writes every page anew.
    app.add_config_value("book_address", here.repository if here else "", "env")
    app.add_directive("citation", Citation)
    app.connect("config-inited", configure)
    app.connect("builder-inited", drop_source_pages)
    app.connect("html-page-context", describe)
    # After the theme has made its list, at 501.
    app.connect("html-page-context", add_links, priority=600)
    app.connect("build-finished", write_site_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
