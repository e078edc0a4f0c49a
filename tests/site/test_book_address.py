"""tools/sphinx/pages.py: the whole book, built with an address and without, page by page."""

import re
import xml.etree.ElementTree as ET
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browsing import SITE
from docutils import nodes
from docutils.utils import new_document
from PIL import Image

from tools import book
from tools.address import SETTING, Address, address
from tools.book import ROOT
from tools.check import pages as check_pages
from tools.copies import notebooks
from tools.sphinx import conventions
from tools.sphinx.pages import LONGEST_DESCRIPTION, description

HERE = Address("ada", "book")
OUR_HOSTS = {"github.com", "colab.research.google.com", "mybinder.org", "ada.github.io"}
# Licences and papers that the texts link to.
OTHER_HOSTS = {"creativecommons.org", "doi.org"}


def documents():
    """The pages of the table of contents: name → source file."""
    return {page.docname: page.file for page in book.read().pages}


class Page(HTMLParser):
    """The title, descriptions and addresses of a page."""

    def __init__(self, text):
        super().__init__()
        self.text, self.title, self.meta, self.canonical, self.links = text, "", {}, None, []
        self.images = []
        self._in_title = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        name = found.get("name") or found.get("property")
        if tag == "meta" and name:
            self.meta.setdefault(name, []).append(found["content"])
        if tag == "link" and found.get("rel") == "canonical":
            self.canonical = found["href"]
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "img":
            self.images.append(found["src"])
        self._in_title = tag == "title" and not self.title

    def handle_data(self, text):
        if self._in_title:
            self.title += text
            self._in_title = False


@cache
def read(root):
    """Every page; what asks must not change it."""
    names = {path.relative_to(root).as_posix() for path in root.rglob("*.html")}
    names = {name for name in names if not name.startswith("_static/")}
    return {name: Page((root / name).read_text(encoding="utf-8")) for name in sorted(names)}


def copy_of(name, source):
    """The file of a page's download: of a chapter the runner's copy."""
    is_chapter = source.endswith(".ipynb")
    return f"{book.read_page(ROOT, name).copy}.ipynb" if is_chapter else Path(source).name


def up(name):
    """From a page to the root of the site."""
    return "../" * name.count("/")


WAYS_BACK = {"index.html", "search.html", "book/glossary.html", "genindex.html"}
WAYS_BACK |= {f"{chapter.docname}.html" for chapter in book.read().chapters}


def ours(name, here):
    """The addresses of ours that a page must lead to, and the only ones that it may."""
    if here is None:
        return set()
    if name == "index.html":
        return {here.repository, here.edit("index.md"), here.colab("05a_adam.ipynb")}
    if name == "404.html":
        return set(map(here.site, WAYS_BACK))
    source = documents().get(name.removesuffix(".html"))
    found = {here.repository}
    if source:
        found |= {here.edit(source)}
    if source and source.endswith(".ipynb"):
        notebook = copy_of(name.removesuffix(".html"), source)
        found |= {here.colab(notebook), here.binder(notebook)}
    if name == "book/conventions.html":  # each row of the table
        lines = conventions.lines_of_rows((ROOT / conventions.SOURCE).read_text(encoding="utf-8"))
        found |= {f"{here.source(conventions.SOURCE)}#L{line}" for line in lines.values()}
    return found


def link_faults(name, page, here):
    absolute = {link for link in page.links if urlsplit(link).netloc}
    to_us = {link for link in absolute if urlsplit(link).netloc in OUR_HOSTS}
    faults = [f"lacks {link}" for link in ours(name, here) - to_us]
    faults += [f"leads to {link}" for link in to_us - ours(name, here)]
    hosts = {urlsplit(link).netloc for link in absolute} - OUR_HOSTS - OTHER_HOSTS
    faults += [f"leads to the host {host}" for host in hosts]
    for owner in re.findall(r"github\.com/([\w.-]+/[\w.-]+)|([\w-]+)\.github\.io", page.text):
        expected = here and (f"{here.owner}/{here.name}", here.owner)
        if not here or not set(owner) <= {"", *expected}:
            faults.append(f"names the repository {''.join(owner)}")
    faults += [f"has {word}" for word in ("executablebooks", "OWNER") if word in page.text]
    return faults


def head_faults(name, page, here):
    meta = {key: values[0] for key, values in page.meta.items()}
    once = ["description"]
    if name != "404.html":
        once += ["og:title", "og:description", "og:type", "og:site_name", "twitter:card"]
        once += ["og:url", "og:image"] if here else []
    faults = [f"has {key} {len(page.meta.get(key, []))} times" for key in once]
    faults = [fault for fault in faults if not fault.endswith(" 1 times")]
    if here is None:
        faults += [f"has {key}" for key in ("og:url", "og:image") if key in meta]
        faults += ["has a canonical address"] if page.canonical else []
    elif name != "404.html" and {page.canonical, meta.get("og:url")} != {here.site(name)}:
        faults.append(f"says that it is at {page.canonical} and {meta.get('og:url')}")
    text = meta.get("description", "")
    if not 40 <= len(text) <= 160 or re.search(r"[\\${}<>]|^\W", text):
        faults.append(f"is described as {text!r}")
    if name != "404.html":
        if meta.get("og:description") != text:
            faults.append("has two descriptions")
        if not page.title.startswith(meta.get("og:title") or "?"):
            faults.append(f"is called {page.title!r} and {meta.get('og:title')!r}")
    return faults


def picture_faults(name, page, root, here):
    """The picture is the page's own, a file of the site, and as large as networks ask for."""
    (address,) = page.meta["og:image"]
    if not address.startswith(here.site()):
        return [f"has a picture at {address}"]
    file = address.removeprefix(here.site())
    stems = {found.docname: found.name for found in book.read().pages}
    expected = f"_static/previews/{stems.get(name.removesuffix('.html'), 'index')}.png"
    if file != expected or not (root / file).is_file():
        return [f"has the picture {file}, expected {expected}"]
    with Image.open(root / file) as picture:
        return [] if picture.size == (1200, 630) else [f"has a picture of {picture.size}"]


def twins(pages):
    """What two pages have in common that one alone may have."""
    faults = []
    for what in ("title", "description"):
        seen = {}
        for name, page in pages.items():
            value = page.title if what == "title" else page.meta["description"][0]
            if value in seen:
                faults.append(f"{name} and {seen[value]} have the same {what}")
            seen[value] = name
    return faults


def sitemap_faults(text, here):
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    listed = [loc.text for loc in ET.fromstring(text).iter(f"{space}loc")]
    expected = [here.site(f"{name}.html") for name in sorted(documents())]
    return [] if sorted(listed) == expected else [f"lists {sorted(set(listed) ^ set(expected))}"]


def citation(text):
    """The entry in a Markdown file or on a page."""
    return re.search(r"@misc\{adamtut,\n.*?\n\}", re.sub(r"<[^>]+>", "", text), re.DOTALL)[0]


@pytest.fixture(scope="module")
def sites(published):
    """The book with an address, and as make has built it, without one."""
    assert address() is None, f"the tests need a book without an address: unset {SETTING}"
    return {HERE: published, None: SITE}


def built(test):
    """The test reads the whole book, which `make test-browser` builds."""
    return pytest.mark.browser(pytest.mark.xdist_group("published")(test))


both = pytest.mark.parametrize("here", [HERE, None], ids=["set", "unset"])


@built
@both
def test_the_pages_pass_the_check(sites, here):
    assert check_pages.check(sites[here]) == []


@built
@both
def test_every_page_leads_where_it_should(sites, here):
    pages = read(sites[here])
    assert {f"{name}.html" for name in documents()} < set(pages)
    faults = [f"{n} {fault}" for n, page in pages.items() for fault in link_faults(n, page, here)]
    assert faults == []


@built
@both
def test_every_page_says_what_it_is(sites, here):
    pages = read(sites[here])
    faults = [f"{n} {fault}" for n, page in pages.items() for fault in head_faults(n, page, here)]
    assert faults + twins(pages) == []


@built
def test_every_page_has_a_picture_of_its_own_or_the_books(sites):
    root = sites[HERE]
    pages = {name: page for name, page in read(root).items() if name != "404.html"}
    assert [
        f"{n} {fault}" for n, page in pages.items() for fault in picture_faults(n, page, root, HERE)
    ] == []


@built
@both
def test_a_page_can_be_downloaded_and_a_chapter_as_the_runners_copy(sites, here):
    copies = notebooks.folder_of_this_checkout(here)
    pages = read(sites[here])
    for name, source in documents().items():
        file = copy_of(name, source)
        within = Path("_sources", source).with_name(file)
        assert f"{up(name)}{within.as_posix()}" in pages[f"{name}.html"].links
        text = (sites[here] / within).read_text(encoding="utf-8")
        chapter = (ROOT / source).read_text(encoding="utf-8")
        assert text == copies.get(file, chapter)
        assert (text != chapter) == source.endswith(".ipynb")


LAUNCH = re.compile(
    r'</h1>\n<p class="launch"><a href="([^"]+)">Run in Colab</a> <a href="([^"]+)">'
)


@built
@both
def test_a_chapter_can_be_run_with_one_click(sites, here):
    """Under its title, in words; not within a menu."""
    pages = read(sites[here])
    for name, source in documents().items():
        links = [match.groups() for match in LAUNCH.finditer(pages[f"{name}.html"].text)]
        copy = copy_of(name, source)
        expected = [(here.colab(copy), here.binder(copy))] if here else []
        assert links == (expected if source.endswith(".ipynb") else [])


@built
@both
def test_every_page_shows_the_logo(sites, here):
    pages = read(sites[here])
    for name in documents():
        text = pages[f"{name}.html"].text
        assert f'<link rel="icon" href="{up(name)}_static/logo.svg"' in text
        assert re.search(
            rf'<img src="{up(name)}_static/logo.svg"[^>]* alt="A path down a ravine"', text
        )
    assert (sites[here] / "_static" / "logo.svg").stat().st_size < 2000


@built
def test_the_sitemap_is_there_with_an_address_alone(sites):
    assert sitemap_faults((sites[HERE] / "sitemap.xml").read_text(encoding="utf-8"), HERE) == []
    robots = (sites[HERE] / "robots.txt").read_text(encoding="utf-8")
    assert f"Sitemap: {HERE.site('sitemap.xml')}" in robots.splitlines()
    assert not {"sitemap.xml", "robots.txt"} & {path.name for path in sites[None].iterdir()}


@built
def test_the_missing_page_needs_no_file_but_itself(sites):
    for root in sites.values():
        assert check_pages.read(root / "404.html").loads == []
    page = Page((sites[None] / "404.html").read_text(encoding="utf-8"))
    assert set(page.links) == WAYS_BACK


@built
def test_the_front_page_and_the_readme_are_cited_alike(sites):
    readme = citation((ROOT / "README.md").read_text(encoding="utf-8"))
    name = "index.html"
    assert citation(read(sites[None])[name].text) == readme
    url = f",\n  url    = {{{HERE.site()}}}\n}}"
    assert citation(read(sites[HERE])[name].text) == readme.removesuffix("\n}") + url


# Each check refuses a page that is wrong in one way.

NAME = "book/05_adam.html"
GOOD = f"""<title>5a. Adam — Book</title>
<meta name="description" content="How to write Adam from memory, and what its parts do.">
<meta property="og:title" content="5a. Adam"><meta property="og:type" content="article">
<meta property="og:description" content="How to write Adam from memory, and what its parts do.">
<meta property="og:site_name" content="Book"><meta name="twitter:card" content="summary">
<meta property="og:url" content="{HERE.site(NAME)}">
<meta property="og:image" content="{HERE.site("_static/previews/05_adam.png")}">
<link rel="canonical" href="{HERE.site(NAME)}">
<a href="{HERE.repository}">r</a> <a href="{HERE.edit("book/05_adam.ipynb")}">e</a>
<a href="{HERE.colab("05a_adam.ipynb")}">c</a> <a href="{HERE.binder("05a_adam.ipynb")}">b</a>
<a href="https://doi.org/1">paper</a>"""


def all_faults(text, root, here=HERE):
    page = Page(text)
    faults = link_faults(NAME, page, here) + head_faults(NAME, page, here)
    return faults + (picture_faults(NAME, page, root, here) if here else [])


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "_static" / "previews"
    folder.mkdir(parents=True)
    for name, size in (("05_adam", (1200, 630)), ("06_bias_correction", (1200, 630))):
        Image.new("P", size).save(folder / f"{name}.png")
    return tmp_path


def document_of(*paragraphs):
    """A page with these paragraphs in a section, each a list of texts and formulas."""
    section = nodes.section("", nodes.title("", "Title"), nodes.bullet_list())
    section[-1] += nodes.list_item("", nodes.paragraph("", "An entry of a list."))
    for parts in paragraphs:
        section += nodes.paragraph("", "", *parts)
    document = new_document("page")
    document += section
    return document


QUESTION = [nodes.emphasis("", "Which gradients deserve a step?")]


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (
            [nodes.Text("Four gradients agree.")],
            "Which gradients deserve a step? Four gradients agree.",
        ),
        (
            [nodes.Text("At the end of this chapter you can write Adam.")],
            "Which gradients deserve a step? Write Adam.",
        ),
        (
            [nodes.Text("Take "), nodes.math("", r"\alpha"), nodes.Text(" steps.")],
            "Which gradients deserve a step? Take α steps.",
        ),
        (
            [nodes.Text("It moves by "), nodes.math("", r"m/\sqrt{v}"), nodes.Text(" now.")],
            "Which gradients deserve a step? It moves by…",
        ),
        ([nodes.Text("so " * 80)], f"Which gradients deserve a step? So {'so ' * 40}so…"),
    ],
)
def test_a_chapter_is_described_by_its_question_and_how_it_begins(story, expected):
    doctree = document_of(QUESTION, story, [nodes.Text("More.")])
    assert description("5a. Adam", doctree, paragraphs=2) == expected
    assert len(expected) <= LONGEST_DESCRIPTION


def test_another_page_is_described_by_its_first_paragraph_or_its_title():
    doctree = document_of([nodes.Text("One name for one thing.")], [nodes.Text("More.")])
    assert description("Notation", doctree) == "One name for one thing."
    assert description("Index", None).startswith("Index, in Adam, Step by Step: an exec")


def test_a_good_page_passes(pictures):
    assert all_faults(GOOD, pictures) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("blob/notebooks/05a", "blob/notebooks/book/05a", "lacks https://colab"),
        ("blob/notebooks/05a", "blob/main/05a", "leads to https://colab"),
        ("lab/tree/05a_adam", "tree/05a_adam", "lacks https://mybinder"),
        ("edit/main/book/05", "edit/main/05", "lacks https://github.com/ada/book/edit"),
        ('<a href="https://github.com/ada/book">', "<a>", "lacks https://github.com/ada/book"),
        ("https://doi.org/1", "https://example.org/", "leads to the host example.org"),
        ("https://doi.org/1", "https://github.com/bob/book", "names the repository bob/book"),
        ("paper", "see github.com/ada/other", "names the repository ada/other"),
        ("paper", "bob.github.io", "names the repository bob"),
        ("paper", "executablebooks", "has executablebooks"),
        ("paper", "OWNER/NAME", "has OWNER"),
        ('name="description"', 'name="keywords"', "has description 0 times"),
        ("<title>", '<meta name="description" content="x"><title>', "has description 2 times"),
        ('rel="canonical"', 'rel="alternate"', "says that it is at None"),
        ("from memory", r"from \epsilon", "is described as"),
        ("How to write Adam from memory, and", ",", "is described as"),
        ('og:description" content="How', 'og:description" content="Where', "has two descriptions"),
        ('content="5a. Adam"', 'content=""', "is called"),
        ('content="5a. Adam"', 'content="6. Other"', "is called"),
        ("previews/05_adam", "previews/06_bias_correction", "has the picture _static/previews/06"),
        ("_static/previews/05_adam", "_images/gone", "has the picture _images/gone.png"),
        ("https://ada.github.io/book/_static", "../_static", "has a picture at"),
    ],
)
def test_a_page_with_a_fault_is_refused(pictures, old, new, fault):
    assert old in GOOD
    assert any(found.startswith(fault) for found in all_faults(GOOD.replace(old, new), pictures))


def test_a_picture_of_another_size_is_refused(pictures):
    Image.new("P", (600, 315)).save(pictures / "_static" / "previews" / "05_adam.png")
    assert all_faults(GOOD, pictures) == ["has a picture of (600, 315)"]


def test_without_an_address_nothing_of_ours_may_be_there(pictures):
    faults = " ".join(all_faults(GOOD, pictures, here=None))
    for fault in (
        *("has og:url", "has og:image", "has a canonical address", "names the repository ada/book"),
        *(f"leads to {link}" for link in ours(NAME, HERE)),
    ):
        assert fault in faults


def test_twins_are_found():
    pages = {"a.html": Page(GOOD), "b.html": Page(GOOD.replace("5a", "6").replace("How", "Why"))}
    assert twins(pages) == []
    assert len(twins(pages | {"c.html": Page(GOOD)})) == 2


@pytest.mark.parametrize("change", ["more", "less", "twice"])
def test_a_wrong_sitemap_is_refused(change):
    names = sorted(documents())
    assert sitemap_faults(sitemap_of(names), HERE) == []
    wrong = {"more": [*names, "search"], "less": names[1:], "twice": [*names, names[0]]}[change]
    assert sitemap_faults(sitemap_of(wrong), HERE)


def sitemap_of(names):
    urls = "".join(f"<url><loc>{HERE.site(f'{name}.html')}</loc></url>" for name in names)
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'
