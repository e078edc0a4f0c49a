"""One model of the book: its order, parts, numbers, titles, questions and files.

`_toc.yml` has the order; all else stands in the pages themselves. What the tools, the pages and the
tests know of the book, they know from here.

    from tools import book
    for chapter in book.read().chapters:
        print(chapter.heading, chapter.question, chapter.file)
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
BUILD = ROOT / "_build"

NUMBER = re.compile(r"(\d+)([a-z]?)")

# Of someone who follows an argument; code and displayed formulas take longer.
WORDS_A_MINUTE, LINES_A_MINUTE, FORMULAS_A_MINUTE = 200, 25, 6
FOLDED = {"setup", "check", "hide-input", "hide-cell", "remove-input", "remove-cell"}
EXERCISES = re.compile(r"^## Exercises", re.MULTILINE)
FORMULA = re.compile(r"\$\$.*?\$\$", re.DOTALL)
# Fences of directives, their options, labels and comments.
NO_WORDS = re.compile(r"^ *(?:[`:]{3,}.*|:[\w-]+:.*|\(\S+\)=|%.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """A page of the book; a chapter is a page with a number and a question."""

    file: str  # book/05_adam.ipynb, from the root of the repository
    title: str  # Adam
    number: str = ""  # 5a
    question: str = ""  # Which gradients deserve a step?
    minutes: int = 0  # to read it, without its exercises

    @property
    def docname(self) -> str:
        """What Sphinx and _toc.yml call it: book/05_adam."""
        return self.file.rpartition(".")[0]

    @property
    def name(self) -> str:
        """05_adam."""
        return Path(self.file).stem

    @property
    def copy(self) -> str:
        """What the runner's copy is called, so that copies sort in reading order: 05a_adam."""
        digits, letter = order(self.number)
        return f"{digits:02d}{letter}_{self.name.partition('_')[2]}"

    @property
    def heading(self) -> str:
        """5a. Adam."""
        return f"{self.number}. {self.title}" if self.number else self.title

    @property
    def is_chapter(self) -> bool:
        return bool(self.number)


@dataclass(frozen=True)
class Part:
    """Pages under a caption; the front page has none."""

    caption: str
    pages: tuple[Page, ...]


@dataclass(frozen=True)
class Book:
    """The parts in their order, the front page first."""

    title: str
    parts: tuple[Part, ...]
    coming: tuple[str, ...] = ()  # the titles of the chapters that are not written yet

    @property
    def pages(self) -> tuple[Page, ...]:
        return tuple(page for part in self.parts for page in part.pages)

    @property
    def chapters(self) -> tuple[Page, ...]:
        return tuple(page for page in self.pages if page.is_chapter)

    @property
    def to_come(self) -> str:
        """The sentence about the chapters that are not there yet, or ''."""
        if not self.coming:
            return ""
        first, last = self.to_write[0][0], self.to_write[-1][0]
        if first == last:
            return f"Chapter {last} is in preparation."
        return f"Chapters {first} to {last} are in preparation."

    @property
    def to_write(self) -> tuple[tuple[int, str], ...]:
        """Number and title of each chapter that is not there yet."""
        written = max((order(chapter.number)[0] for chapter in self.chapters), default=0)
        return tuple(enumerate(self.coming, start=written + 1))

    def page(self, docname: str) -> Page:
        """The page that Sphinx calls so."""
        found = {page.docname: page for page in self.pages}
        if docname not in found:
            raise KeyError(f"{docname!r} is not in _toc.yml, which has {', '.join(found)}")
        return found[docname]


def order(number: str) -> tuple[int, str]:
    """What chapters are sorted by: 5a, 5b, 10."""
    digits, letter = NUMBER.fullmatch(number).groups()
    return int(digits), letter


def read(root: Path = ROOT) -> Book:
    """The book as it lies in the folder `root`."""
    toc = read_toc(root)
    front = Part("", (read_page(root, toc["root"]),))
    parts = [
        Part(part["caption"], tuple(read_page(root, name) for name in files(part)))
        for part in toc["parts"]
    ]
    book = Book(read_config(root)["title"], (front, *parts), tuple(toc["meta"]["to_come"]))
    check_numbers(book)
    return book


def load(text: str):
    """What is written in YAML; by the parser in C, ten times as fast, where PyYAML has it."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def read_config(root: Path = ROOT) -> dict:
    """What Jupyter Book is told: title, author, licence."""
    return load((root / "_config.yml").read_text(encoding="utf-8"))


def read_toc(root: Path = ROOT) -> dict:
    """The table of contents; of what the format allows it may use as much as is read here."""
    toc = load((root / "_toc.yml").read_text(encoding="utf-8"))
    expect_keys("the top", toc, {"format", "root", "meta", "parts"})
    expect_keys("meta", toc["meta"], {"to_come"})
    for part in toc["parts"]:
        expect_keys("a part", part, {"caption", "chapters"})
        for entry in part["chapters"]:
            expect_keys("a chapter", entry, {"file"}, {"sections"})
            for section in entry.get("sections", []):
                expect_keys("a section", section, {"file"})
    return toc


def docnames(root: Path = ROOT) -> list[str]:
    """The pages that _toc.yml lists, whether their files are there or not."""
    toc = read_toc(root)
    return [toc["root"], *(name for part in toc["parts"] for name in files(part))]


def files(part: dict) -> list[str]:
    """The pages of a part of the table of contents, each before those that stand under it."""
    entries = [found for entry in part["chapters"] for found in (entry, *entry.get("sections", []))]
    return [entry["file"] for entry in entries]


def expect_keys(what: str, found: dict, keys: set[str], more: Collection[str] = ()) -> None:
    """All of the keys, and none but these and `more`."""
    if not keys <= set(found) <= keys | set(more):
        raise ValueError(
            f"_toc.yml: {what} must have the keys {', '.join(sorted(keys))}, got {found}"
        )


def read_page(root: Path, docname: str) -> Page:
    """The page that _toc.yml calls so, a notebook or a text."""
    notebook, text = f"{docname}.ipynb", f"{docname}.md"
    if (root / notebook).is_file():
        return read_chapter(notebook, (root / notebook).read_text(encoding="utf-8"))
    if not (root / text).is_file():
        raise FileNotFoundError(
            f"_toc.yml: expected a file {notebook} or {text}; write it or remove the entry"
        )
    title = re.search(r"^# (.+)$", (root / text).read_text(encoding="utf-8"), re.MULTILINE)
    if not title:
        raise ValueError(f"{text}: expected a title, as in `# Glossary`")
    return Page(text, title[1])


@cache  # every page of the site asks for all of them
def read_chapter(file: str, text: str) -> Page:
    """The chapter in a notebook: its first cell has label, title and question."""
    cells = json.loads(text)["cells"]
    opening = "".join(cells[0]["source"]) if cells else ""
    blocks = re.split(r"\n\s*\n", re.sub(r"\A(?:\([^()\s]+\)=\s*)+", "", opening).strip())
    title = re.fullmatch(r"# (\d+[a-z]?)\. (.+)", blocks[0])
    if not title:
        raise ValueError(
            f"{file}: the first cell must begin with a title that has a number, as in "
            f"`# 5a. Adam`, got {blocks[0][:80]!r}"
        )
    number, title = title.groups()
    if not Path(file).name.startswith(f"{order(number)[0]:02d}_"):
        raise ValueError(f"{file}: the name must begin with the chapter's number, {number}")
    under = blocks[1] if len(blocks) > 1 else ""
    question = re.fullmatch(r"\*([^*\n]+\?)\*", under)
    if not question:
        raise ValueError(
            f"{file}: the paragraph under the title must be the chapter's question, one line in "
            f"italics, as in `*Which gradients deserve a step?*`, got {under[:80]!r}"
        )
    return Page(file, title, number, question[1], reading_minutes(cells))


def reading_minutes(cells: list[dict]) -> int:
    """How long a chapter takes up to its exercises, in whole minutes."""
    minutes = 0.0
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            if not FOLDED & {*cell["metadata"].get("tags", [])}:
                minutes += len(source.splitlines()) / LINES_A_MINUTE
            continue
        text, *exercises = EXERCISES.split(source)
        minutes += len(FORMULA.findall(text)) / FORMULAS_A_MINUTE
        minutes += len(NO_WORDS.sub("", FORMULA.sub("", text)).split()) / WORDS_A_MINUTE
        if exercises:
            break
    return max(1, round(minutes))


def check_numbers(book: Book) -> None:
    """Chapters stand in the order of their numbers, and no two have the same."""
    for before, after in pairwise(book.chapters):
        if order(before.number) >= order(after.number):
            raise ValueError(
                f"{after.file}: chapter {after.number} comes after {before.file}, which is "
                f"chapter {before.number}; give it a later number, or move it in _toc.yml"
            )
