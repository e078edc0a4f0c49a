"""The list of the chapters, made from the book; and where it stands in a file, written into it.

python -m tools.chapter.lists
"""

import re
from collections.abc import Callable
from pathlib import Path

from tools.book import ROOT, Book, Page, read

BEGIN = "<!-- The chapters, as `make format` writes them. -->"
END = "<!-- The end of the chapters. -->"


def table(book: Book, link: Callable[[Page], str]) -> list[str]:
    """Lines of Markdown: number, linked title and question of each chapter, and what is to come."""
    rows = [f"| {c.number} | {link(c)} | {c.question} |" for c in book.chapters]
    lines = ["| | Chapter | Its question |", "|---|---|---|", *rows]
    return [*lines, "", book.to_come] if book.to_come else lines


def in_readme(page: Page) -> str:
    return f"[{page.title}]({page.file})"


def with_chapters(text: str, book: Book) -> str:
    """The text with the list of the book's chapters between its two marks."""
    if [text.count(mark) for mark in (BEGIN, END)] != [1, 1]:
        raise ValueError(f"README.md must have the lines {BEGIN!r} and {END!r} once each")
    between = "\n".join([BEGIN, "", *table(book, in_readme), "", END])
    pattern = f"{re.escape(BEGIN)}.*{re.escape(END)}"
    return re.sub(pattern, lambda _: between, text, flags=re.DOTALL)


def write(root: Path = ROOT) -> bool:
    """Whether the README had another list before."""
    file = root / "README.md"
    before = file.read_text(encoding="utf-8")
    after = with_chapters(before, read(root))
    file.write_text(after, encoding="utf-8")
    return after != before


if __name__ == "__main__":
    if write():
        print("README.md has the list of chapters anew.")
