"""What a reader of the printed book sees, read from the file: its type, its heads, its numbers.

Each function returns what is wrong, page by page.
"""

import re
from collections import Counter
from dataclasses import dataclass
from math import sqrt

PIXEL = 0.75  # pt, of the page that Chromium prints
TEXT, CODE = "LibertinusSerif", "DejaVuSansMono"
SMALLEST = 8.0  # pt
BODY = (10.5, 11.05)
FITS = 84  # letters of code that a line has room for
# What only a page on a screen has.
WEB = re.compile(
    r"find_spec|\b[Cc]lick|download button|[Hh]idden until|until you ask|open alone|Run in Colab"
    r"|Show the (?:source|code)|Interactive picture"
)


def letters(text):
    """The text without what printing changes: line ends, hyphens, quotes."""
    return re.sub(r"[\W_]+", "", text)


@dataclass(frozen=True)
class Piece:
    """Some letters of one font; their size, and how much smaller than wanted they are."""

    font: str
    size: float
    shrunk: float
    text: str


def read(page):
    """The text of a page, and its pieces."""
    pieces = []

    def visit(text, page_matrix, text_matrix, font, size):
        if text.strip() and font:
            scale = sqrt(abs(area(page_matrix) * area(text_matrix)))
            name = font.get("/BaseFont", "").partition("+")[2]
            pieces.append(Piece(name, size * scale, scale / PIXEL, text))

    return page.extract_text(visitor_text=visit), pieces


def area(matrix):
    a, b, c, d = matrix[:4]
    return a * d - b * c


def type_faults(pages):
    """Type that is too small, by the pieces of each page."""
    faults, body = [], Counter()
    for number, pieces in enumerate(pages, start=1):
        for piece in pieces:
            if abs(piece.shrunk - 1) > 0.01:
                faults.append(f"page {number} is printed at {piece.shrunk:.2f} of its size")
            if piece.font.startswith((TEXT, CODE)) and piece.size < SMALLEST:
                faults.append(f"page {number} has {piece.size:.1f} pt: {piece.text.strip()[:40]}")
            if piece.font.startswith(TEXT):
                body[round(piece.size, 1)] += len(piece.text)
    most = body.most_common(1)[0][0]
    if not BODY[0] <= most <= BODY[1]:
        faults.append(f"most of the text is of {most} pt")
    return list(dict.fromkeys(faults))


def head_faults(texts, chapters):
    """Pages whose head is not the title of their chapter; `chapters` are (title, first page)."""
    faults = []
    for number, text in enumerate(texts[1:], start=2):
        title = [title for title, start in chapters if start <= number][-1]
        head = text.partition("\n")[0]
        if letters(head) != f"{letters(title)}{number}":
            faults.append(f"page {number} has the head {head!r}, expected {title!r}")
    return faults


def contents_faults(pages, contents, titles):
    """Lines of the contents with another number than that of the page on which the heading stands.

    `titles` are those of chapters and sections, in order; headings are found by their large type.
    """
    large = [
        letters("".join(p.text for p in pieces if p.font.startswith(TEXT) and p.size > 14.5))
        for pieces in pages
    ]
    faults, number, at = [], 1 + next(n for n, text in enumerate(large, 1) if "Contents" in text), 0
    line = letters(contents)
    for title in titles:
        wanted = letters(title)
        found = (n for n in range(number, len(large) + 1) if wanted in large[n - 1])
        number = next(found, number)
        entry = line.find(wanted, at)
        if not line.startswith(f"{wanted}{number}", entry):
            faults.append(f"{title} is on page {number}; the contents: {line[entry:][:60]}")
        at = entry + len(wanted)
    return faults


def solution_faults(texts):
    """Exercises and solutions that do not name each other's page, of those with a number."""
    faults, count = [], 0
    for number, text in enumerate(texts, start=1):
        # The note is the last line of an exercise, which is not divided.
        for name, page in re.findall(
            r"^Exercise (\w+\.\d+) (?:(?!^Exercise ).)*?^Solution: page (\d+)$", text, re.M | re.S
        ):
            count += 1
            there = " ".join(texts[int(page) - 1].split())
            back = re.search(rf"Solution to Exercise {re.escape(name)} [^,]*.*?, page (\d+)", there)
            if not back or int(back[1]) != number:
                faults.append(f"exercise {name} on page {number}: {back and back[0]!r}")
    return faults, count


def index_faults(reader, texts, start):
    """Numbers of the index that are not those of the pages to which they lead."""
    faults = []
    for number in range(start, len(texts) + 1):
        _, _, body = texts[number - 1].partition("\n")
        written = [int(n) for n in re.findall(r"(?<=[ ,\n])\d+(?=,|$)", body, re.M)]
        links = [link.get_object() for link in reader.pages[number - 1].get("/Annots", [])]
        names = reader.named_destinations
        led = [reader.get_destination_page_number(names[str(link["/Dest"])]) + 1 for link in links]
        if Counter(written) != Counter(led):
            wrong = Counter(written) - Counter(led)
            faults.append(f"page {number}: {sorted(wrong)} lead elsewhere")
    return faults


def code_faults(texts, articles):
    """Lines of code that are broken although they fit."""
    lines = {"".join(line.split()) for text in texts for line in text.split("\n")}
    code = [pre.get_text() for article in articles.values() for pre in article.select("pre")]
    fit = {line for text in code for line in text.split("\n") if len(line) <= FITS}
    return [line for line in sorted(fit) if "".join(line.split()) not in lines | {""}]


def leftovers(articles):
    """What only a page on a screen has."""
    texts = {name: " ".join(article.get_text(" ").split()) for name, article in articles.items()}
    return [f"{name}: {found}" for name, text in texts.items() for found in WEB.findall(text)]


def citation_faults(articles):
    """Citations that do not name their work as the bibliography does."""
    labels = {
        f"#{work['id']}": " ".join(work.select_one(".label").get_text().split()).strip("[]")
        for work in articles["book/bibliography"].select(".citation")
    }
    faults = []
    for name, article in articles.items():
        for citation in article.select(".bibtex-citation"):
            text, links = " ".join(citation.get_text().split()), citation.select("a")
            said = [" ".join(link.get_text().split()) for link in links]
            if not text.startswith("["):  # Ruder [2017]
                said = [", ".join(pair) for pair in re.findall(r"(\w.*?) \[(.*?)\]", text)]
            for words, link in zip(said, links, strict=True):
                if words != labels.get(link["href"]):
                    faults.append(f"{name}: {words} is {labels.get(link['href'])}")
    return faults
