"""What the search page looks through: every section of the book, in the words that a reader sees.

Sphinx's own index knows which words a page has, and not where on it. Ours is the text itself, cut
at headings, terms of the glossary and names of the API, with the entries of the index that lead
there; book/_static/search.js ranks it and shows the sentence in which the words stand.
"""

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

FILE = "search_sections.js"
# A heading is stored by itself; what is folded is code that nobody sees.
DROPPED_TAGS = {"annotation", "button", "script", "style"}
DROPPED = {
    "check",
    "contents",
    "headerlink",
    "hide",
    "katex-html",
    "label",
    "strip",
    "toctree-wrapper",
}
VOID = {"br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
# Boxes that are places of their own: many stand under one heading.
BOXES = {"exercise", "solution"}
BLOCKS = {"caption", "dd", "div", "dt", "figcaption", "li", "p", "summary", "td", "th"}

SUB = dict(
    zip("0123456789+−-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True)
)
SUPER = dict(zip("0123456789+−-=()iknt", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁱᵏⁿᵗ", strict=True))
ACCENTS = {"^": "\u0302", "ˉ": "\u0304", "~": "\u0303"}
ONE = re.compile(r".?[\u0302-\u0304₀-ₜ]*")
INVISIBLE = re.compile("[\u2061\u200b]")


class Section(NamedTuple):
    """A place to land, and what is said there up to the next."""

    anchor: str
    title: str
    words: str  # that lead here from the index
    text: str  # a block a line
    code: str  # which is looked through, and not shown


@dataclass
class Element:
    """An open element, and what has been said in it so far."""

    tag: str = ""
    id: str = ""
    classes: frozenset[str] = frozenset()
    parts: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    title: str = ""
    anchors: list[str] = field(default_factory=list)  # that lead to the section
    terms: list[tuple[str, str]] = field(default_factory=list)  # that wait for their meaning

    @property
    def is_place(self) -> bool:
        """Whether one lands there."""
        return bool(self.id and (self.tag == "section" or self.classes & BOXES))


class Reader(HTMLParser):
    """Reads a page: each element becomes its text when it ends, and is added to the one around."""

    def __init__(self, index: dict[str, list[str]]):
        super().__init__()
        self.index = index
        self.stack = [Element()]
        self.sections: list[Section] = []

    def handle_starttag(self, tag, attrs):
        if tag in VOID:
            return
        known = dict(attrs)
        element = Element(tag, known.get("id") or "", frozenset((known.get("class") or "").split()))
        if element.id and tag != "dt":  # a term has a place of its own
            self.place().anchors.append(element.id)
        self.stack.append(element)

    def handle_data(self, data):
        self.stack[-1].parts.append(data)

    def handle_endtag(self, tag):
        if tag not in (element.tag for element in self.stack):
            return
        while True:
            element = self.stack.pop()
            self.stack[-1].parts.append(self.text(element))
            if element.tag == tag:
                return

    def place(self) -> Element:
        """The nearest open place; without one the page."""
        return next((e for e in reversed(self.stack) if e.is_place), self.stack[0])

    def around(self, tag: str) -> Element:
        """The nearest open element of a kind; without one the page."""
        return next((e for e in reversed(self.stack) if e.tag == tag), self.stack[0])

    def text(self, element: Element) -> str:
        text, tag = "".join(element.parts), element.tag
        if tag in DROPPED_TAGS or element.classes & DROPPED:
            return ""
        if "katex-display" in element.classes:
            return " … "
        if "sig-name" in element.classes:
            self.around("dt").title = lines(text)
        if tag == "pre":
            if not any(around.classes & DROPPED for around in self.stack):
                self.place().code.append(text)
            return ""
        # A fold in a box has a title too, which comes later.
        place = self.place()
        heads_box = "admonition-title" in element.classes and place.classes & BOXES
        if tag in HEADINGS or (heads_box and not place.title):
            place.title = lines(text)
            return ""
        if element.is_place:
            self.add(element.id, element.title, text, element.anchors, element.code)
            return ""
        if tag == "dt" and element.id:
            self.around("dl").terms.append((element.id, element.title or lines(text)))
            return ""
        if tag == "dd" and (terms := self.around("dl").terms):
            for anchor, title in terms:
                self.add(anchor, title, text, [anchor])
            terms.clear()
            return ""
        return f"\n{text}\n" if tag in BLOCKS else formula(tag, element.parts)

    def add(self, anchor, title, text, anchors, code=()) -> None:
        words = dict.fromkeys(word for name in anchors for word in self.index.get(name, []))
        if title:
            found = Section(anchor, title, " ".join(words), lines(text), " ".join(code))
            self.sections.append(found)


def formula(tag: str, parts: list[str]) -> str:
    """A part of a formula as it can stand in a line of text; of other elements what they say."""
    match tag:
        case "mspace":
            return " "
        case "msub":
            return parts[0] + shifted(parts[1], SUB, "_")
        case "msup":
            return parts[0] + shifted(parts[1], SUPER, "^")
        case "msubsup":
            return parts[0] + shifted(parts[1], SUB, "_") + shifted(parts[2], SUPER, "^")
        case "msqrt":
            return "√" + grouped("".join(parts))
        case "mfrac":
            return "/".join(map(grouped, parts))
        case "mover":
            return parts[0] + ACCENTS.get(parts[1], "")
    return "".join(parts)


def shifted(text: str, letters: dict[str, str], sign: str) -> str:
    """Every letter raised or lowered, or all of them after a sign where one has no such form."""
    if all(letter in letters for letter in text):
        return "".join(letters[letter] for letter in text)
    return sign + grouped(text)


def grouped(text: str) -> str:
    return text if ONE.fullmatch(text) else f"({text})"


def lines(text: str) -> str:
    """Without what is not seen, a block a line, so that no sentence runs on into the next."""
    parts = (" ".join(part.split()) for part in INVISIBLE.sub("", text).split("\n\n"))
    return "\n".join(part for part in parts if part)


def sections(page: str, index: dict[str, list[str]] | None = None) -> list[Section]:
    """The sections of a page's HTML; `index` has the entries that lead to each anchor."""
    reader = Reader(index or {})
    reader.feed(page)
    reader.close()
    return reader.sections


def entries(env, page: str) -> dict[str, list[str]]:
    """Of the index, for each anchor of a page."""
    found: dict[str, list[str]] = {}
    for _, words, anchor, *_ in env.get_domain("index").entries.get(page, []):
        found.setdefault(anchor, []).append(words.replace(";", " "))
    return found


def write(app, exception):
    """After the pages, of which an earlier build may have left some."""
    if exception or app.builder.format != "html":
        return
    out, book = Path(app.outdir), []
    for page in sorted(app.env.found_docs):
        text = (out / f"{page}.html").read_text(encoding="utf-8")
        if found := sections(text, entries(app.env, page)):
            book.append([page, found[-1].title, found])
    data = json.dumps(book, ensure_ascii=False, separators=(",", ":"))
    (out / FILE).write_text(f"Search.setIndex({data})\n", encoding="utf-8")


def setup(app):
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
