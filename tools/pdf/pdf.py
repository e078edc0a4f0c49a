"""Print the built book as one PDF.

    python -m tools.pdf.pdf _build/html _build/download

Chromium prints it, not xelatex. The pages hold algorithms, theorems and exercises from Sphinx
extensions and formulas that are HTML already; a browser shows them as they are online, where LaTeX
would need each of them once more, and 340 MB of packages. What a browser lacks, the page numbers
in the table of contents, comes from printing until they agree.
"""

import html
import json
import logging
import os
import posixpath
import re
import subprocess
import sys
import tempfile
import zlib
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import matplotlib
import numpy as np
import pikepdf
from bs4 import BeautifulSoup, NavigableString, Tag
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    TextStringObject,
)

from tools.address import address
from tools.book import ROOT, read_config
from tools.book import read as read_book
from tools.pdf import chapter, index, page_links
from tools.pdf.page_links import UNKNOWN
from tools.setup import npm_package
from tools.setup.browser import browser
from tools.sphinx.memory import look_seldom

FILE = "adamtut.pdf"
HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"]
ABOUT = "An executable book about the Adam family of optimizers"

# The text. What it has no glyph for comes from the fonts in matplotlib, as does the code's: each
# machine then prints the same pages, and no letter can turn into a box.
TEXT_FONT = "@fontsource/libertinus-serif"
TEXT_FACES = ("400.css", "400-italic.css", "700.css", "700-italic.css")
MORE_FACES = [  # family, weight, style, file
    ("STIX", 400, "normal", "STIXGeneral.ttf"),
    ("STIX", 400, "italic", "STIXGeneralItalic.ttf"),
    ("STIX", 700, "normal", "STIXGeneralBol.ttf"),
    ("DejaVu", 400, "normal", "DejaVuSerif.ttf"),
    ("DejaVu", 700, "normal", "DejaVuSerif-Bold.ttf"),
    ("Symbols", 400, "normal", "DejaVuSans.ttf"),
    ("Symbols", 700, "normal", "DejaVuSans-Bold.ttf"),
    ("Mono", 400, "normal", "DejaVuSansMono.ttf"),
    ("Mono", 700, "normal", "DejaVuSansMono-Bold.ttf"),
    ("Mono", 400, "italic", "DejaVuSansMono-Oblique.ttf"),
]

# Of the page's own machinery: links to a heading, scripts, the list of chapters, links to this
# file, the code that draws a figure, which is hidden online too, and the reply to each answer of
# a prediction, which is for who has just given it, and what filters the ledger.
LEFT_OUT = (
    ".headerlink, script, .toctree-wrapper, .launch, .look-up, .downloads, .above-input, summary, "
    "button, .predict .replies, .predict div.verdict, .ledger fieldset, "
    ".contents"
)

MARKS = r"[,.;:!?)\]’”]*"

# The first cell of a chapter not yet told anew, which readies the notebook for the others.
SETUP = 'find_spec("adamtut")'

# Black in any case; a span for each makes the file heavy.
PLAIN = ".highlight .n, .highlight .nn, .highlight .o, .highlight .p, .highlight .w, .pre"

# Code of at most so many lines is not divided between two pages.
SHORT = 16

# For a print of which only the page numbers are read. Chromium asks of everything that is
# positioned whether it is on a page, for each page; most of it is parts of formulas. Left where
# they would stand without, they reach over the edge, and Chromium would make the pages smaller.
MISPLACED = """
.katex .vlist > span { position: static }
article { overflow-x: clip }"""


def parts() -> list[tuple[str, list[str]]]:
    """The captions of the table of contents, each with its pages; the front page has none."""
    found = [(part.caption, [page.docname for page in part.pages]) for part in read_book().parts]
    found[-1][1].append(index.PAGE)
    return found


def anchor(page: str, name: str = "") -> str:
    """The id that a page, or an id on it, has in the one document."""
    return f"{Path(page).name}.{name}" if name else Path(page).name


def article(page: str, text: str, book: list[str], site: str):
    """The page's content as it stands in the one document.

    `book` names the pages that are part of it; `site` is the address of the built pages.
    """
    content = BeautifulSoup(text, "html.parser").find("article", class_="bd-article")
    if content is None:
        raise ValueError(f"{page} has no <article class='bd-article'>; was it built by make book?")
    formulas = [(take_out(formula), formula) for formula in content.select(".katex")]
    for node in content.select("details.check"):
        keep_line(node)
    for node in content.select(LEFT_OUT):
        node.decompose()
    for node in content.select(".cell"):
        if SETUP in node.get_text():
            node.decompose()
    for node in content.find_all(string=lambda text: text == "[source]"):
        node.find_parent("a").decompose()
    for node in content.select(f"details, {PLAIN}"):
        node.unwrap()
    for node in content.select(".highlight"):
        if node.get_text().count("\n") <= SHORT:
            node["class"].append("short")
    formulas = [(place, formula) for place, formula in formulas if not place.decomposed]
    for place, formula in formulas:
        say_formula(formula)
        keep_punctuation(formula, place)
        place.string = formula.get_text()
    chapter.arrange(content, page)
    set_ids(content, page)
    for node in content.find_all("a", href=True):
        set_link(node, page, book)
    for node in content.find_all(src=True):
        node["src"] = f"{site}/{on_site(node['src'], page)}"
    if page == index.PAGE:
        index.rewrite(content)
    for place, formula in formulas:
        place.replace_with(formula)
    return content


def take_out(formula) -> Tag:
    """What stands for a formula; most of a page is parts of formulas, which would be looked through
    for everything else."""
    place = Tag(name="span")
    formula.replace_with(place)
    return place


def keep_line(check) -> None:
    """The one line of a check; its code is online, and in the notebook."""
    line = check.summary.extract()
    line.name, line["class"] = "p", "check"
    check.replace_with(line)


def say_formula(formula) -> None:
    """The formula's LaTeX for who listens; its invisible MathML would double the copied text."""
    mathml = formula.find(class_="katex-mathml")
    formula["role"], formula["aria-label"] = "img", mathml.find("annotation").get_text()
    mathml.decompose()


def keep_punctuation(formula, place) -> None:
    """A comma that follows a formula goes with its last part; a line would begin with it."""
    after = place.parent.next_sibling
    marks = re.match(MARKS, after)[0] if isinstance(after, NavigableString) else ""
    parts = formula.find(class_="katex-html").find_all(class_="base", recursive=False)
    if marks and parts:
        kept = parts[-1].wrap(BeautifulSoup('<span class="kept"></span>', "html.parser").span)
        kept.append(BeautifulSoup(f'<span class="after">{marks}</span>', "html.parser").span)
        formula["aria-label"] += marks
        after.replace_with(after[len(marks) :])


def set_ids(content, page: str) -> None:
    """Ids that are unique in the book; where a page has one twice, its links lead to the first.

    A section's id goes to its heading. The section may begin at the foot of a page and its heading,
    which does not part from the text below it, stand on the next one.
    """
    for section in content.select("section[id]:has(> h1, > h2, > h3)"):
        section.find(HEADINGS, recursive=False)["id"] = section.attrs.pop("id")
    seen = set()
    for node in content.find_all(id=True):
        name = node.attrs.pop("id")
        if name not in seen:
            node["id"] = anchor(page, name)
        seen.add(name)
    content["id"] = anchor(page)


def set_link(link, page: str, book: list[str]) -> None:
    """A link within the book, to elsewhere, or no link at all where only the site has its end."""
    parts = urlsplit(link["href"])
    if parts.netloc or parts.scheme:
        return
    path = on_site(link["href"], page)
    target = path.removesuffix(".html")
    if target in book:
        link["href"] = f"#{anchor(target, unquote(parts.fragment))}"
    elif path.endswith(".html") and (here := address()):
        link["href"] = here.site(path)
    else:
        link.unwrap()


def on_site(href: str, page: str) -> str:
    """The path, from the root of the site, of the file that an address on a page means."""
    path = unquote(urlsplit(href).path)
    return (
        posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
        if path
        else f"{page}.html"
    )


def contents(parts: list, articles: dict, numbers: dict[str, int]) -> str:
    """The table of contents: parts, chapters and their sections."""
    lines = []
    for caption, pages in parts:
        if caption:
            lines.append(f'<p class="part">{html.escape(caption)}</p>')
        for page in pages:
            content = articles[page]
            lines.append(entry("chapter", content.h1, anchor(page), numbers))
            for heading in content.find_all("h2"):
                lines.append(entry("section", heading, heading["id"], numbers))
    return "\n".join(lines)


def entry(kind: str, heading, to: str, numbers: dict[str, int]) -> str:
    number = numbers.get(to, UNKNOWN)
    title = heading.decode_contents()
    return (
        f'<p class="{kind}"><a href="#{html.escape(to)}"><span>{title}</span>'
        f'<span class="dots"></span><span>{number}</span></a></p>'
    )


def title_page(site: str, version: str) -> str:
    config = read_config()
    here = address()
    url = html.escape(here.site()) if here else ""
    online = f' at <a href="{url}">{url}</a>' if here else ""
    return f"""<section class="title-page">
<img src="{site}/_static/logo.svg" alt="">
<p class="title">{html.escape(config["title"])}</p>
<p class="about">{ABOUT}</p>
<p class="author">{html.escape(config["author"])}</p>
<p class="version">{html.escape(version)}</p>
<div class="edition">
<p>The chapters are notebooks; their code runs, and what it prints is tested. This is their printed
form. The code that only draws a figure and the code of the checks are left out, the solutions stand
at the end of their chapter, and the pictures that you can move are in the online book{online}.</p>
{config["html"]["extra_footer"].strip()}
</div>
</section>"""


def articles(pages: dict[str, str], site: str) -> dict:
    """The content of each page of the book, from the text of the built pages, in order."""
    found = {page: article(page, text, list(pages), site) for page, text in pages.items()}
    if index.PAGE in found:
        index.add_uses(found)
    return found


def document(
    parts: list, articles: dict, site: str, version: str, styles: str, numbers: dict[str, int]
) -> str:
    """The whole book as one HTML document.

    `numbers` says on which page of the print an anchor is, as far as that is known.
    """
    for content in articles.values():
        page_links.fill(content, numbers)
    if index.PAGE in articles:
        index.fill(articles[index.PAGE], numbers)
    return f"""<!DOCTYPE html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<title>{html.escape(read_config()["title"])}</title>
<link rel="stylesheet" href="{site}/_static/pygments.css">
<link rel="stylesheet" href="{site}/_static/katex.min.css">
<style>
{styles}
{running_titles(articles)}
</style>
</head>
<body>
{title_page(site, version)}
<nav class="contents"><h1>Contents</h1>
{contents(parts, articles, numbers)}
</nav>
{"".join(map(str, articles.values()))}
</body>
</html>"""


def running_titles(articles: dict) -> str:
    """Each chapter's pages of paper bear its title at their top."""
    rules = []
    for i, content in enumerate(articles.values(), start=1):
        title = json.dumps(content.h1.get_text(), ensure_ascii=False)
        rules.append(f"@page p{i} {{ @top-left {{ content: {title} }} }}")
        rules.append(f"article:nth-of-type({i}) {{ page: p{i} }}")
    return "\n".join(rules)


def styles() -> str:
    fonts = npm_package.folder_of(TEXT_FONT)
    faces = [
        (fonts / name).read_text(encoding="utf-8").replace("./files", (fonts / "files").as_uri())
        for name in TEXT_FACES
    ]
    more = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for family, weight, style, file in MORE_FACES:
        faces.append(
            f"@font-face {{ font-family: {family}; font-weight: {weight}; font-style: {style};\n"
            f"  src: url({(more / file).as_uri()}); }}"
        )
    return "\n".join([*faces, Path(__file__).with_name("pdf.css").read_text(encoding="utf-8")])


def version() -> str:
    """The package's version, and the commit where git knows it."""
    import adamtut

    text = f"Version {adamtut.__version__}"
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%cs, commit %h"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return text  # a source archive has no history
    return f"{text}, {done.stdout.strip()}"


def page_numbers(pdf: bytes) -> dict[str, int]:
    """On which page each anchor is that some link leads to."""
    reader = PdfReader(BytesIO(pdf))
    found = reader.named_destinations.items()
    return {
        name.removeprefix("/"): reader.get_destination_page_number(to) + 1 for name, to in found
    }


def flatten(writer: PdfWriter) -> None:
    """Take the elements without a meaning out of the tags, which hold the text in their place.

    Chromium makes one for each word of code and each letter of a formula; they would be half the
    file.
    """
    tree = writer.root_object["/StructTreeRoot"]
    holders = {}  # the number of an element that was taken out → the one that holds its text

    def tidy(reference, element):
        kept, page = ArrayObject(), element.get("/Pg")
        todo = [(kid, page) for kid in reversed(kids(element))]
        while todo:
            kid, kid_page = todo.pop()
            part = kid.get_object()
            if isinstance(part, NumberObject):  # text, by its number on the page
                page = element.setdefault(NameObject("/Pg"), kid_page)
                kept.append(part if kid_page == page else text_on(kid_page, part))
            elif part.get("/S") == "/NonStruct":
                holders[kid.idnum] = reference
                todo += [(inner, part.get("/Pg")) for inner in reversed(kids(part))]
            else:
                if "/S" in part:
                    part[NameObject("/P")] = reference
                    tidy(kid, part)
                kept.append(kid)
        element[NameObject("/K")] = kept

    for kid in kids(tree):
        tidy(kid, kid.get_object())
    for owners in numbered(tree["/ParentTree"]):
        if isinstance(owners, ArrayObject):
            owners[:] = [holders.get(getattr(owner, "idnum", None), owner) for owner in owners]


def kids(element) -> list:
    found = element.get("/K", [])
    return list(found) if isinstance(found, ArrayObject) else [found]


def text_on(page, number) -> DictionaryObject:
    names = {NameObject("/Type"): NameObject("/MCR"), NameObject("/Pg"): page}
    return DictionaryObject(names | {NameObject("/MCID"): number})


def numbered(tree) -> list:
    """The values of a PDF's number tree."""
    found = [value.get_object() for value in tree.get("/Nums", [])[1::2]]
    return found + [value for kid in tree.get("/Kids", []) for value in numbered(kid.get_object())]


def respell(item: DictionaryObject | None, spelt: dict[str, str]) -> None:
    """Put the spaces back that Chromium drops from a bookmark where its heading breaks a line."""
    while item:
        item = item.get_object()
        title = spelt.get("".join(item["/Title"].split()), item["/Title"])
        item[NameObject("/Title")] = TextStringObject(title)
        respell(item.get("/First"), spelt)
        item = item.get("/Next")


def headings(articles: dict) -> list[str]:
    found = [h for content in articles.values() for h in content.find_all(HEADINGS)]
    return [" ".join(h.get_text().split()) for h in found]


def finish(pdf: bytes, headings: list[str]) -> bytes:
    """The print without needless weight, and with what readers and libraries ask of it."""
    # pypdf warns that Chromium's file counts fewer objects than it has itself after copying.
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    writer = PdfWriter(clone_from=BytesIO(pdf))
    flatten(writer)
    outlines = writer.root_object["/Outlines"]
    respell(outlines["/First"], {"".join(heading.split()): heading for heading in headings})
    config = read_config()
    metadata = {"/Title": config["title"], "/Author": config["author"], "/Subject": ABOUT}
    writer.add_metadata(metadata)
    writer.root_object[NameObject("/Lang")] = TextStringObject("en")
    writer.page_mode = "/UseOutlines"
    writer.create_viewer_preferences()
    writer.viewer_preferences[NameObject("/DisplayDocTitle")] = BooleanObject(True)
    out = BytesIO()
    writer.write(out)
    return pack(out.getvalue())


def pack(pdf: bytes) -> bytes:
    """The same file, with its figures' few colours in a palette again and its objects compressed.

    Chromium writes a figure of at most 256 colours with three bytes a pixel.
    """
    out = BytesIO()
    with pikepdf.open(BytesIO(pdf)) as book:
        for stream in book.objects:
            if isinstance(stream, pikepdf.Stream) and stream.get("/Subtype") == "/Image":
                picture = pikepdf.PdfImage(stream).as_pil_image()
                if picture.mode == "RGB" and (colours := picture.getcolors(256)):
                    palette_again(stream, picture, sorted(colour for _, colour in colours))
        book.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate, recompress_flate=True)
    return out.getvalue()


def palette_again(stream: pikepdf.Stream, picture: Image.Image, colours: list) -> None:
    place = np.zeros((256, 256, 256), dtype=np.uint8)
    place[tuple(np.transpose(colours))] = np.arange(len(colours))
    palette = bytes(np.array(colours, dtype=np.uint8))
    red, green, blue = np.moveaxis(np.asarray(picture), -1, 0)
    packed = zlib.compress(place[red, green, blue].tobytes(), 9)
    stream.write(packed, filter=pikepdf.Name.FlateDecode)
    space = [pikepdf.Name.Indexed, stream.ColorSpace, len(colours) - 1, palette]
    stream.ColorSpace = pikepdf.Array(space)


def print_book(site: Path, out: Path) -> Path:
    """The book's PDF in the folder `out`, from the pages under `site`."""
    toc = parts()
    names = [page for _, pages in toc for page in pages]
    missing = [name for name in names if not (site / f"{name}.html").is_file()]
    if missing:
        raise FileNotFoundError(f"{site} lacks {', '.join(missing)}; run `make book` first")
    pages = {name: (site / f"{name}.html").read_text(encoding="utf-8") for name in names}
    site_uri = site.resolve().as_uri()
    texts, look, edition, numbers = articles(pages, site_uri), styles(), version(), {}
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        file = Path(folder) / "book.html"
        page = chromium.new_page()
        # The second print has the numbers that the first one found.
        for shown in (False, True, True, True):
            styled = look if shown else look + MISPLACED
            text = document(toc, texts, site_uri, edition, styled, numbers)
            file.write_text(text, encoding="utf-8")
            page.goto(file.as_uri())
            page.evaluate("document.fonts.ready")
            pdf = page.pdf(prefer_css_page_size=True, outline=shown, tagged=shown)
            # The index names a page once: some ends of links are known from the print before.
            found = numbers | page_numbers(pdf)
            if found == numbers:
                break
            numbers = found
        else:
            raise RuntimeError("the page numbers of the contents do not settle in 4 prints")
    out.mkdir(parents=True, exist_ok=True)
    (out / FILE).write_bytes(finish(pdf, headings(texts)))
    return out / FILE


if __name__ == "__main__":
    look_seldom()
    file = print_book(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f"{os.path.relpath(file)}: {file.stat().st_size / 1e6:.1f} MB")
