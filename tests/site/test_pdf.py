"""tools/pdf and tools/sphinx/downloads.py: the book as one file, and the links to it."""

import re
from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest

pytest.importorskip("pikepdf")
pytest.importorskip("pypdf")
pytest.importorskip("playwright")

import matplotlib
import numpy as np
import pikepdf
import printed as look
from bs4 import BeautifulSoup
from matplotlib import font_manager
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NumberObject
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from tools.address import SETTING
from tools.book import ROOT
from tools.check import pages as check_pages
from tools.pdf import pdf
from tools.sphinx import downloads

SITE = "file:///site"
LIMIT = 8_000_000

FORMULA = (
    '<span class="math"><span class="katex"><span class="katex-mathml"><math>'
    "<annotation>\\epsilon</annotation></math></span>"
    '<span class="katex-html" aria-hidden="true"><span class="base">ε</span></span></span></span>'
)
FIRST = f"""<html><body><nav>the sidebar</nav><article class="bd-article">
<section id="one"><h1>1. One<a class="headerlink" href="#one">#</a></h1>
<p class="launch"><a href="https://colab.research.google.com/">Run in Colab</a></p>
<p>See <a href="two.html">two</a>, <a href="two.html#deep">its depth</a>, <a href="#here">here</a>,
<a href="../genindex.html">the index</a>, <a href="https://doi.org/1">a paper</a>, {FORMULA}.</p>
<section id="here"><h2>Here</h2>
<a class="image-reference" href="../_images/a%20b.png"><img alt="A" src="../_images/a%20b.png"></a>
<details class="admonition hide above-input"><summary>Show</summary><pre>plot()</pre></details>
<details class="admonition hide below-input"><summary>Show</summary><pre>equal</pre></details>
<details class="check"><summary><span class="tick">✓</span> 2 checks</summary>
<pre>assert a == b</pre></details>
<div class="predict" role="group" aria-labelledby="q"><p class="question" id="q">Which?</p>
<ul class="answers"><li><p>One</p></li><li class="right"><p>Two</p></li></ul>
<div class="verdict" role="status"></div><details><summary>The answer</summary>
<ul class="replies"><li><p>Tempting.</p></li></ul><p>Because.</p></details></div>
<div class="cell"><pre>if find_spec("adamtut") is None: print("missing")</pre></div>
<div class="exercise admonition" id="ex-a"><p class="admonition-title">Exercise 1.1</p>
<section id="exercise-content"><p>Why?</p></section></div>
<div class="solution dropdown admonition" id="s-2"><p class="admonition-title">Solution to<a
href="#ex-a"> Exercise 1.1</a></p><section id="solution-content">Solved.</section></div>
<div class="exercise admonition" id="ex-b"><p class="admonition-title">Exercise 1.2</p>
<section id="exercise-content"><p>Again?</p></section></div>
<div class="solution dropdown admonition" id="s-4"><p class="admonition-title">Solution to<a
href="#ex-b"> Exercise 1.2</a></p><section id="solution-content">Too.</section></div>
<figure id="fig-a"><div class="explorable" data-src="../_static/explore/ravine.html">
<img alt="A" src="../_images/a%20b.png"></div><figcaption><p>A ball.</p></figcaption></figure>
<div class="proof theorem admonition"><p class="admonition-title">Theorem 1.1</p></div>
<div class="proof admonition"><p>Proof. Obvious.</p></div>
<div class="proof dropdown admonition"><p class="admonition-title">Proof</p><p>Clear:</p>
<div class="math">1 = 1</div></div>
<p>A <a href="glossary.html#term-ball">ball</a>, that is:</p>
<ul class="downloads"><li><a href="../_downloads/adamtut.pdf">as one PDF</a></li></ul>
<a href="../_modules/m.html#f"><span><span class="pre">[source]</span></span></a>
<script>run()</script></section></section></article></body></html>"""
SECOND = """<article class="bd-article"><section id="two"><h1>2. “Two”</h1>
<section id="deep"><h2>Deep</h2><p><a href="one.html#here">back</a></p>
<p>Two <a href="glossary.html#term-ball">balls</a>.</p></section></section></article>"""
GLOSSARY = """<article class="bd-article"><section id="words"><h1>Words</h1>
<dl><dt id="term-ball">ball</dt><dd>Rolls.</dd></dl></section></article>"""
API = """<article class="bd-article"><section id="api"><h1>API</h1>
<dl><dt id="a.b">b</dt><dt id="a.c.b">b</dt></dl></section></article>"""
INDEX = """<article class="bd-article"><h1 id="index">Index</h1><div><a href="#B">B</a></div>
<h2 id="B">B</h2><table class="genindextable"><tr><td><ul>
<li><a href="book/api.html#a.b">b() (in module a)</a><ul>
<li><a href="book/api.html#a.c.b">(c method)</a></li></ul></li>
<li><a href="book/glossary.html#term-ball"><strong>ball</strong></a></li>
<li> module <ul><li><a href="book/api.html#a.b">a.data</a></li></ul></li>
</ul></td></tr></table></article>"""
PARTS = [("", ["book/one"]), ("The rest", ["book/two"])]
WITH_INDEX = [*PARTS, ("Look up", ["book/glossary", "book/api", "genindex"])]


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.delenv(SETTING, raising=False)
    return {"book/one": FIRST, "book/two": SECOND}


@pytest.fixture
def whole(pages):
    return pages | {"book/glossary": GLOSSARY, "book/api": API, "genindex": INDEX}


def make(pages, numbers=None, parts=PARTS):
    return pdf.document(parts, pdf.articles(pages, SITE), SITE, "Version 1", "", numbers or {})


def faults(text, parts, site=SITE):
    """What is wrong with the one document: ids, links, what it loads, and the order."""
    soup = BeautifulSoup(text, "html.parser")
    ids = Counter(node["id"] for node in soup.find_all(id=True))
    found = [f"the id {name} is there {n} times" for name, n in ids.items() if n > 1]
    for link in soup.find_all("a", href=True):
        to = link["href"]
        if to.startswith("#") and to[1:] not in ids:
            found.append(f"the link {to} leads nowhere")
        if not to.startswith(("#", "https://")):
            found.append(f"the link {to} leads out of the book")
    for what, address in check_pages.Page(text).loads:
        if not address.startswith((f"{site}/", "data:")):
            found.append(f"{what} loads {address}")
    expected = [pdf.anchor(page) for _, names in parts for page in names]
    if [article["id"] for article in soup.find_all("article")] != expected:
        found.append("the pages are not in the order of the table of contents")
    listed = [link["href"][1:] for link in soup.find(class_="contents").select(".chapter a")]
    if listed != expected:
        found.append("the contents do not list the chapters")
    return found


def test_the_document_has_no_fault(whole):
    assert faults(make(whole, parts=WITH_INDEX), WITH_INDEX) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('id="one.here"', 'id="one"', "the id one is there 2 times"),
        ('id="two.deep"', 'id="two.deeper"', "the link #two.deep leads nowhere"),
        ('href="https://doi.org/1"', 'href="../genindex.html"', "the link ../genindex.html"),
        (f'src="{SITE}/_images', 'src="../_images', "img loads ../_images"),
        (f'href="{SITE}/_static/k', 'href="https://a.b/k', "link rel=stylesheet loads https"),
        ('<article class="bd-article" id="two">', "<article id='0'></article>", "not in the order"),
        ('"#two"><span>', '"#one"><span>', "the contents do not list"),
    ],
)
def test_a_fault_of_the_document_is_found(pages, old, new, fault):
    text = make(pages)
    assert old in text
    assert any(fault in found for found in faults(text.replace(old, new), PARTS))


def test_swapped_pages_are_found(pages):
    swapped = dict(reversed(pages.items()))
    assert "order" in " ".join(faults(make(swapped), PARTS))


def test_the_content_is_there_and_the_machinery_is_not(pages):
    text = BeautifulSoup(make(pages), "html.parser").get_text()
    for part in (
        *("Solved.", "Too.", "equal", "✓ 2 checks", "the index", "on this page of the online", "ε"),
        *("Which?", "One", "Two", "Because."),
    ):
        assert part in text
    for part in (
        *(
            "sidebar",
            "#",
            "plot()",
            "assert",
            "Tempting.",
            "The answer",
            "Show",
            "find_spec",
            "in Colab",
            "as one PDF",
            "[source]",
            "run()",
        ),
        r"\epsilon",
    ):
        assert part not in text.partition("Contents")[2]


def test_a_formula_says_its_latex(pages):
    formula = BeautifulSoup(make(pages), "html.parser").select_one("article .katex")
    assert (formula["role"], formula["aria-label"]) == ("img", r"\epsilon.")


def test_a_line_does_not_begin_with_the_comma_after_a_formula(pages):
    kept = BeautifulSoup(make(pages), "html.parser").select_one("article .katex .kept")
    assert [part.get_text() for part in kept.find_all(recursive=False)] == ["ε", "."]
    assert kept.find_parent("span", class_="math").next_sibling is None


def test_the_contents_have_the_numbers_that_are_known(pages):
    soup = BeautifulSoup(make(pages, {"one": 5, "two.deep": 17}), "html.parser")
    lines = [line.get_text(" ", strip=True) for line in soup.select(".contents p")]
    expected = ["1. One 5", "Here 100", "Solutions 100", "The rest", "2. “Two” 100", "Deep 17"]
    assert lines == expected


def test_what_the_contents_lead_to_is_the_heading(pages):
    soup = BeautifulSoup(make(pages), "html.parser")
    ends = [soup.find(id=link["href"][1:]) for link in soup.select(".contents a")]
    assert [end.name for end in ends] == ["article", "h2", "h2", "article", "h2"]


def test_solutions_stand_at_the_end_and_name_the_page_of_their_exercise(pages):
    numbers = {"one.ex-a": 7, "one.solution-ex-a": 9, "one.ex-b": 8}
    article = BeautifulSoup(make(pages, numbers), "html.parser").article
    lines = [line.get_text() for line in article.select(".solved")]
    assert lines == ["Solution: page 9", "Solution: page 100"]
    section = article.select_one("section:has(> h2)").find_next_sibling("section")
    titles = [title.get_text() for title in section.select(".admonition-title")]
    assert titles == ["Solution to Exercise 1.1, page 7", "Solution to Exercise 1.2, page 8"]
    assert section.find_next_sibling() is None
    ends = [link["href"] for link in article.select("a.page")]
    assert ends == ["#one.solution-ex-a", "#one.solution-ex-b", "#one.ex-a", "#one.ex-b"]


def test_a_proof_has_its_name_and_its_end(pages):
    proofs = BeautifulSoup(make(pages), "html.parser").select("article .argument")
    texts = [" ".join(proof.get_text(" ", strip=True).split()) for proof in proofs]
    assert texts == ["Proof. Obvious.", "Proof. Clear: 1 = 1"]
    assert [proof.find_all()[-1]["class"] for proof in proofs] == [["end"], ["end"]]


def test_what_announces_a_thing_does_not_part_from_it(pages):
    soup = BeautifulSoup(make(pages), "html.parser")
    assert [node.get_text() for node in soup.select(".lead")] == [
        "Proof. Clear:",
        "A ball, that is:",
    ]


def test_the_index_names_each_page_once_and_in_order(whole):
    numbers = {"glossary.term-ball": 9, "one.use-0": 4, "two.use-0": 4, "api.a.b": 11}
    soup = BeautifulSoup(make(whole, numbers, WITH_INDEX), "html.parser")
    lines = [" ".join(line.get_text().split()) for line in soup.select(".index p")]
    assert lines == ["b() (in module a) 11", "b() (c method) 100", "ball 4, 9"]
    ball = soup.select(".index p")[-1]
    assert [link["href"] for link in ball.select("a")] == ["#one.use-0", "#glossary.term-ball"]
    assert ball.select_one(".explained").get_text() == "9"
    numbers["two.use-0"] = 6
    soup = BeautifulSoup(make(whole, numbers, WITH_INDEX), "html.parser")
    assert soup.select(".index p")[-1].get_text().split() == ["ball", "4,", "6,", "9"]


def test_pages_bear_the_title_of_their_chapter(pages):
    rules = pdf.running_titles(pdf.articles(pages | {"book/two": SECOND.replace("“", '"')}, SITE))
    assert '@page p1 { @top-left { content: "1. One" } }' in rules
    assert r'content: "2. \"Two”"' in rules


def test_with_an_address_links_lead_to_the_online_book(pages, monkeypatch):
    monkeypatch.setenv(SETTING, "ada/book")
    text = make(pages)
    assert '<a href="https://ada.github.io/book/genindex.html">the index</a>' in text
    assert '<a href="https://ada.github.io/book/book/one.html">' in text
    assert faults(text, PARTS) == []


def test_a_page_without_an_article_is_refused(pages):
    with pytest.raises(ValueError, match="book/two has no <article"):
        pdf.articles(pages | {"book/two": "<p>moved</p>"}, SITE)


def test_missing_pages_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"lacks index, .*make book"):
        pdf.print_book(tmp_path, tmp_path)


def element(writer, kind, **entries):
    """A structure element, as a reference."""
    found = {NameObject("/S"): NameObject(f"/{kind}")}
    found |= {NameObject(f"/{name}"): value for name, value in entries.items()}
    return writer._add_object(DictionaryObject(found))


def test_tags_without_a_meaning_leave_their_text_to_the_tag_around_them():
    writer = PdfWriter()
    first, second = (writer.add_blank_page(9, 9).indirect_reference for _ in range(2))
    inner = element(writer, "NonStruct", Pg=first, K=NumberObject(0))
    outer = element(writer, "NonStruct", K=ArrayObject([inner]))
    strong = element(writer, "Strong", Pg=first, K=NumberObject(1))
    far = element(writer, "NonStruct", Pg=second, K=NumberObject(0))
    paragraph = element(writer, "P", K=ArrayObject([outer, strong, far]))
    numbers = [NumberObject(0), ArrayObject([inner, strong]), NumberObject(1), ArrayObject([far])]
    parents = DictionaryObject({NameObject("/Nums"): ArrayObject(numbers)})
    tree = element(writer, "Root", K=paragraph, ParentTree=parents)
    writer.root_object[NameObject("/StructTreeRoot")] = tree

    pdf.flatten(writer)
    text, kept, other = paragraph.get_object()["/K"]
    assert (text, kept) == (0, strong)
    assert (other.raw_get("/Pg"), other["/MCID"]) == (second, 0)
    assert paragraph.get_object().raw_get("/Pg") == first
    assert strong.get_object().raw_get("/P") == paragraph
    assert pdf.numbered(parents) == [[paragraph, strong], [paragraph]]


def test_a_figure_of_few_colours_is_packed_with_a_palette_and_loses_no_pixel():
    few, many = np.zeros((2, 60, 90, 3), dtype=np.uint8)
    few[20:, :, 0], few[:, 30:, 2] = 255, 127
    many[:] = np.random.default_rng(0).integers(256, size=many.shape)
    name, book = pikepdf.Name, pikepdf.new()
    for pixels in (few, many):
        stream = book.make_stream(pixels.tobytes(), Type=name.XObject, Subtype=name.Image)
        stream.Width, stream.Height, stream.BitsPerComponent = 90, 60, 8
        stream.ColorSpace = name.DeviceRGB
        book.add_blank_page().Resources = pikepdf.Dictionary(XObject={"/A": stream})
    out = BytesIO()
    book.save(out)

    packed = pikepdf.open(BytesIO(pdf.pack(out.getvalue())))
    images = [page.Resources.XObject["/A"] for page in packed.pages]
    spaces = [image.ColorSpace for image in images]
    assert (spaces[0][0], spaces[0][2], spaces[1]) == (name.Indexed, 3, name.DeviceRGB)
    for image, pixels in zip(images, (few, many), strict=True):
        found = pikepdf.PdfImage(image).as_pil_image().convert("RGB")
        assert (np.asarray(found) == pixels).all()


def test_a_bookmark_gets_back_the_spaces_of_its_heading():
    writer = PdfWriter()
    writer.add_blank_page(9, 9)
    one = writer.add_outline_item(title="What becameof it", page_number=0)
    writer.add_outline_item(title="Thestep", page_number=0, parent=one)
    writer.add_outline_item(title="Unknown", page_number=0)
    spelt = {"Whatbecameofit": "What became of it", "Thestep": "The step"}
    pdf.respell(writer.root_object["/Outlines"]["/First"], spelt)
    out = BytesIO()
    writer.write(out)
    found = [(level, title) for level, title, _ in outline(PdfReader(out))]
    assert found == [(1, "What became of it"), (2, "The step"), (1, "Unknown")]


# What was printed


def sentence(article):
    """The first text of a page that is long enough to be nowhere else, without formulas."""
    for node in article.select("p, dd, td"):
        if len(look.letters(node.get_text())) > 60 and not node.select_one(".katex, code, p"):
            return look.letters(node.get_text())[:60]
    raise AssertionError(f"{article['id']} has no sentence")


def missing_letters(articles):
    """Letters for which the fonts that the print brings along have no picture."""
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    names = ("DejaVuSerif.ttf", "DejaVuSans.ttf", "DejaVuSansMono.ttf")
    serif, sans, code = (set(font_manager.get_font(fonts / n).get_charmap()) for n in names)
    text = serif | sans
    return {
        letter
        for article in articles.values()
        for string, is_code in strings(article)
        for letter in {*string} - {"\n"}
        if ord(letter) not in (code if is_code else text)
    }


def strings(node, is_code=False):
    """Those outside of formulas, and whether they are code."""
    for child in node.children:
        if isinstance(child, str):
            yield child, is_code
        elif "katex" not in child.get("class", ()):
            yield from strings(child, is_code or child.name in ("code", "pre"))


def outline(reader):
    """Level, title and page number of each bookmark."""

    def walk(entries, level):
        for entry in entries:
            if isinstance(entry, list):
                yield from walk(entry, level + 1)
            else:
                yield level, entry.title, reader.get_destination_page_number(entry) + 1

    return list(walk(reader.outline, 1))


def fonts(reader):
    """Name → whether the font's letters are in the file."""
    found = {}
    for page in reader.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            font = font.get_object()
            if font["/Subtype"] == "/Type3":
                found["Type3"] = True
                continue
            inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
            name = inner["/BaseFont"].partition("+")[2] or inner["/BaseFont"]
            descriptor = inner.get("/FontDescriptor", {})
            found[name] = any(f"/FontFile{kind}" in descriptor for kind in ("", 2, 3))
    return found


def lost_links(reader):
    """Links within the book to what is not there."""
    names = set(reader.named_destinations)
    found, links = [], 0
    for number, page in enumerate(reader.pages, start=1):
        for link in page.get("/Annots", []):
            link = link.get_object()
            action = link.get("/A", {})
            to = link.get("/Dest", action.get("/D"))
            if to is None:
                uri = action.get("/URI", "")
                found += [] if uri.startswith("https://") else [f"page {number}: {uri!r}"]
            else:
                links += 1
                found += [] if str(to) in names else [f"page {number}: {to}"]
    return found, links


def lost_text(reader):
    """Pieces of text that their owner in the tags does not have, or that has no meaning."""
    found = []
    owners = reader.trailer["/Root"]["/StructTreeRoot"]["/ParentTree"]["/Nums"]
    by_number = dict(zip(owners[::2], owners[1::2], strict=True)) if owners else {}
    for number, page in enumerate(reader.pages, start=1):
        for mcid, owner in enumerate(by_number[page["/StructParents"]].get_object()):
            owner = owner.get_object()
            if owner is None:
                continue
            has = [kid.get_object() for kid in pdf.kids(owner)]
            has = [kid.get("/MCID") if isinstance(kid, dict) else kid for kid in has]
            if owner["/S"] == "/NonStruct" or mcid not in has:
                found.append(f"page {number}: {mcid}")
    return found


def of_print(test):
    """The test reads the printed book, which `make test-browser` makes."""
    return pytest.mark.browser(pytest.mark.xdist_group("print")(test))


@pytest.fixture(scope="module")
def book():
    """The printed file, which `make download` has made; its path."""
    return downloads.FOLDER / pdf.FILE


def unpacked(file):
    """The file with its objects one by one; pypdf reads packed ones anew for each that it wants."""
    out = BytesIO()
    with pikepdf.open(file) as pages:
        pages.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return out


@pytest.fixture(scope="module")
def reader(book):
    return PdfReader(unpacked(book))


@pytest.fixture(scope="module")
def sheets(reader):
    """Text and pieces of each page of paper."""
    return [look.read(page) for page in reader.pages]


@pytest.fixture(scope="module")
def texts(sheets):
    return [text for text, _ in sheets]


@pytest.fixture(scope="module")
def pieces(sheets):
    return [pieces for _, pieces in sheets]


@pytest.fixture(scope="module")
def printed():
    """The pages of the book, as they are in the document that was printed."""
    site = ROOT / "_build" / "html"
    names = [page for _, names in pdf.parts() for page in names]
    pages = {name: (site / f"{name}.html").read_text(encoding="utf-8") for name in names}
    return pdf.articles(pages, site.as_uri())


@of_print
def test_the_books_document_has_no_fault(printed):
    site = (ROOT / "_build" / "html").as_uri()
    assert faults(pdf.document(pdf.parts(), printed, site, "", "", {}), pdf.parts(), site) == []


@of_print
def test_no_letter_is_a_box(printed, pages):
    assert missing_letters(printed) == set()
    pages["book/one"] = FIRST.replace("Solved.", "Solved 字 ★ <code>α 本</code>")
    assert missing_letters(pdf.articles(pages, SITE)) == {"字", "本"}


def bookmark_faults(reader, texts, titles):
    """Bookmarks and lines of the contents that lead elsewhere than to the chapter of that title."""
    chapters = [(title, page) for level, title, page in outline(reader) if level == 1]
    expected = ["Contents", *titles]
    if [title for title, _ in chapters] != expected:
        return [f"the bookmarks are {[title for title, _ in chapters]}, expected {expected}"]
    contents = "".join(look.letters(text) for text in texts[1 : chapters[1][1] - 1])
    faults = []
    for title, page in chapters[1:]:
        if look.letters(title) not in look.letters(texts[page - 1]):
            faults.append(f"{title} is not on page {page}")
        if f"{look.letters(title)}{page}" not in contents:
            faults.append(f"the contents do not say that {title} is on page {page}")
    return faults


def titles_of(printed):
    return [article.h1.get_text() for article in printed.values()]


@of_print
def test_bookmarks_and_contents_lead_to_the_chapters(reader, texts, printed):
    assert bookmark_faults(reader, texts, titles_of(printed)) == []


def sections_without_bookmark(reader, headings):
    found = Counter(title for level, title, _ in outline(reader) if level == 2)
    return list(Counter(" ".join(heading.split()) for heading in headings) - found)


@of_print
def test_every_section_has_a_bookmark(reader, printed):
    headings = [h for article in printed.values() for h in article.find_all("h2")]
    words = [h.get_text() for h in headings if not h.select_one(".katex")]
    assert len(words) > 50
    assert sections_without_bookmark(reader, words) == []


@of_print
def test_every_page_of_the_book_is_in_the_print(texts, printed):
    assert len(texts) > 100
    whole = look.letters("".join(texts))
    # The index has words, and a test of its own below.
    pages = {name: article for name, article in printed.items() if name != "genindex"}
    assert [name for name, article in pages.items() if sentence(article) not in whole] == []


def page_faults(pages, texts):
    """Pages with nothing but their running head, and pages after the title without their number."""
    faults = []
    for number, (page, text) in enumerate(zip(pages, texts, strict=True), start=1):
        _, _, body = text.partition("\n")
        if not look.letters(body) and not page["/Resources"].get("/XObject"):
            faults.append(f"page {number} is blank")
        if number > 1 and str(number) not in text.split():
            faults.append(f"page {number} has no number")
    return faults


@of_print
def test_no_page_is_blank_and_each_has_its_number(reader, texts):
    assert page_faults(reader.pages, texts) == []


@of_print
def test_links_within_the_book_lead_somewhere(reader):
    found, links = lost_links(reader)
    assert found == []
    assert links > 500


@of_print
def test_the_fonts_are_ours_and_in_the_file(reader):
    found = fonts(reader)
    assert [name for name, embedded in found.items() if not embedded] == []
    ours = ("LibertinusSerif", "STIXGeneral", "DejaVuS", "KaTeX_")
    assert [name for name in found if not name.startswith(ours)] == []


@of_print
def test_the_tags_hold_all_text(reader):
    assert lost_text(reader) == []


@of_print
def test_the_file_says_what_it_is_and_is_light(book, reader):
    assert (reader.metadata.title, reader.metadata.author) == (
        "Adam, Step by Step",
        "The adamtut authors",
    )
    root = reader.trailer["/Root"]
    assert root["/Lang"] == "en" and root["/MarkInfo"]["/Marked"]
    assert all(abs(page.mediabox.height - 842) < 1 for page in reader.pages)
    assert book.stat().st_size < LIMIT


@pytest.mark.thorough
@of_print
def test_a_faulty_print_is_noticed(book, reader, texts, printed):
    titles = titles_of(printed)
    assert bookmark_faults(reader, texts, titles[1:])[0].startswith("the bookmarks are")
    late = [*texts[:9], "", *texts[9:]]  # the pages, one later than the bookmarks say
    assert f"{titles[-1]} is not on page" in bookmark_faults(reader, late, titles)[-1]
    start = next(page for _, title, page in outline(reader) if title == titles[0])
    unlisted = [texts[0], *[""] * (start - 2), *texts[start - 1 :]]
    assert "the contents do not say" in bookmark_faults(reader, unlisted, titles)[0]
    assert sections_without_bookmark(reader, ["Where nothing is"]) == ["Where nothing is"]

    writer = PdfWriter(clone_from=unpacked(book))
    link = next(
        link.get_object()
        for page in writer.pages
        for link in page.get("/Annots", [])
        if "/Dest" in link.get_object()
    )
    link[NameObject("/Dest")] = NameObject("/nowhere")
    assert lost_links(writer)[0][0].endswith("/nowhere")
    font = next(iter(writer.pages[0]["/Resources"]["/Font"].values())).get_object()
    del font["/DescendantFonts"][0]["/FontDescriptor"]["/FontFile2"]
    assert not all(fonts(writer).values())
    count = len(texts)
    blank = writer.add_blank_page()
    faults = page_faults([*writer.pages][count - 1 :], [texts[-1], blank.extract_text()])
    assert faults == ["page 2 is blank", "page 2 has no number"]
    assert page_faults([blank, blank], ["A title\nAnd text", "Contents 2"]) == ["page 2 is blank"]


def beginnings(reader):
    return [(title, page) for level, title, page in outline(reader) if level == 1]


@of_print
def test_the_type_is_as_large_as_it_was_meant(pieces):
    assert look.type_faults(pieces) == []


@of_print
def test_each_page_has_the_title_of_its_chapter_at_its_head(reader, texts):
    assert look.head_faults(texts, beginnings(reader)) == []
    swapped = [*texts[:-1], texts[-2]]
    assert len(look.head_faults(swapped, beginnings(reader))) == 1


@of_print
def test_the_contents_name_the_pages_on_which_the_headings_stand(reader, texts, pieces, printed):
    headings = [h for article in printed.values() for h in article.find_all(["h1", "h2"])]
    titles = [h.get_text() for h in headings if not h.select_one(".katex, code")]
    start = beginnings(reader)[1][1]
    contents = "".join(text.partition("\n")[2] for text in texts[1 : start - 1])
    assert look.contents_faults(pieces, contents, titles) == []
    later = [*pieces[:start], [], *pieces[start:]]
    assert len(look.contents_faults(later, contents, titles)) > len(titles) / 2


@of_print
def test_exercises_and_solutions_name_each_others_page(texts):
    faults, count = look.solution_faults(texts)
    assert faults == []
    assert count > 80


@of_print
def test_the_index_names_the_pages_to_which_it_leads(reader, texts):
    start = beginnings(reader)[-1][1]
    assert look.index_faults(reader, texts, start) == []
    wrong = [*texts[:-1], re.sub(r"\d+$", "1", texts[-1], flags=re.M)]
    assert len(look.index_faults(reader, wrong, start)) == 1


@of_print
def test_no_line_of_code_breaks_that_fits(texts, printed):
    assert look.code_faults(texts, printed) == []


@of_print
def test_nothing_is_printed_that_only_a_screen_has(printed):
    assert look.leftovers(printed) == []


@of_print
def test_a_citation_names_its_work_as_the_bibliography_does(printed):
    assert look.citation_faults(printed) == []


def piece(text, size=11.0, font=look.TEXT, shrunk=1.0):
    return look.Piece(font, size, shrunk, text)


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (piece("x", shrunk=0.75), "page 1 is printed at 0.75 of its size"),
        (piece("x = 1", 7.4, look.CODE), "page 1 has 7.4 pt: x = 1"),
        (piece("fine print", 6.0), "page 1 has 6.0 pt: fine print"),
        (piece("small text" * 9, 9.5), "most of the text is of 9.5 pt"),
    ],
)
def test_small_type_is_found(found, fault):
    text = piece("A text of the usual size.")
    assert look.type_faults([[text]]) == []
    assert look.type_faults([[text, found]]) == [fault]


def test_what_is_wrong_on_paper_is_found(pages):
    texts = ["Title", "One 2\nExercise 1.1 (A)\nWhy?\nSolution: page 3", "One 3\n"]
    right = texts[2] + "Solution to Exercise 1.1 (A), page 2"
    assert look.solution_faults([*texts[:2], right]) == ([], 1)
    assert look.solution_faults([*texts[:2], right[:-1] + "1"])[0]
    assert look.solution_faults(texts)[0] == ["exercise 1.1 on page 2: None"]
    assert look.head_faults(texts, [("One", 1)]) == []
    assert look.head_faults(texts, [("One", 1), ("Two", 3)])[0].startswith("page 3 has the head")

    code = {"one": BeautifulSoup("<pre>print(a, b)\n" + "x" * 85 + "</pre>", "html.parser")}
    assert look.code_faults(["a\nprint(a, b)\nb"], code) == []
    assert look.code_faults(["a\nprint(\na, b)\nb"], code) == ["print(a, b)"]
    left = pdf.articles({"book/one": FIRST.replace("Why?", "Click to see.")}, SITE)
    assert look.leftovers(left) == ["book/one: Click"]


CITED = """<p><span class="bibtex-citation">[<a href="#w">Doe, 2005</a>]</span>
<span class="bibtex-citation">Doe [<a href="#w">2005</a>]</span></p>"""
WORK = '<div class="citation" id="w"><span class="label">[Doe, 2005]</span></div>'


def test_a_citation_with_another_name_is_found():
    soups = {"one": CITED, "book/bibliography": WORK}
    parsed = {name: BeautifulSoup(text, "html.parser") for name, text in soups.items()}
    assert look.citation_faults(parsed) == []
    parsed["book/bibliography"].select_one(".label").string = "[12]"
    assert look.citation_faults(parsed) == ["one: Doe, 2005 is 12"] * 2


# The links to it


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A book of one page that lists its downloads, and a function that builds it."""
    source, out = tmp_path / "source", tmp_path / "html"
    (source / "book").mkdir(parents=True)
    (source / "index.rst").write_text("Index\n=====\n\n.. toctree::\n\n   book/intro\n")
    (source / "book" / "intro.rst").write_text("Intro\n=====\n\n.. downloads::\n\nThe end.\n")
    folder = tmp_path / "download"
    folder.mkdir()
    monkeypatch.setattr(downloads, "FOLDER", folder)

    def build():
        settings = {"extensions": ["tools.sphinx.downloads"], "master_doc": "index"}
        with docutils_namespace():
            Sphinx(source, None, out, tmp_path / "trees", "html", settings, status=None).build()
        page = (out / "book" / "intro.html").read_text(encoding="utf-8")
        return re.findall(r'href="\.\./(_downloads/[^"]+)">([^<]*)</a>([^<]*)<', page)

    return folder, out, build


def test_without_files_there_are_no_links(project):
    _, out, build = project
    assert build() == []
    assert "The end." in (out / "book" / "intro.html").read_text(encoding="utf-8")
    assert not (out / "_downloads").exists()


def test_links_come_change_and_go_with_the_files(project):
    folder, out, build = project
    build()
    (folder / "adamtut.pdf").write_bytes(b"x" * 6_240_000)
    assert build() == [("_downloads/adamtut.pdf", "The whole book as one PDF", ", 6.2 MB")]
    (folder / "adamtut.pdf").write_bytes(b"y" * 7_000_000)
    (folder / "adamtut-notebooks.zip").write_bytes(b"z")
    (folder / "other.txt").write_bytes(b"z")
    assert [(path, size) for path, _, size in build()] == [
        ("_downloads/adamtut.pdf", ", 7.0 MB"),
        ("_downloads/adamtut-notebooks.zip", ", 0.1 MB"),
    ]
    assert (out / "_downloads" / "adamtut.pdf").read_bytes()[:1] == b"y"
    (folder / "adamtut.pdf").unlink()
    assert [path for path, *_ in build()] == ["_downloads/adamtut-notebooks.zip"]
    assert [path.name for path in (out / "_downloads").iterdir()] == ["adamtut-notebooks.zip"]


def test_a_page_is_read_again_only_after_a_change(project):
    folder, out, build = project
    (folder / "adamtut.pdf").write_bytes(b"x")
    build()
    page = out / "book" / "intro.html"
    before = page.stat().st_mtime_ns
    build()
    assert page.stat().st_mtime_ns == before


def test_the_front_page_lists_the_downloads():
    text = (ROOT / "index.md").read_text(encoding="utf-8")
    assert text.count("```{downloads}\n```\n") == 1
