"""The lists of chapters are those of the book: in the README."""

from dataclasses import replace

import pytest

from tools import book
from tools.chapter import lists

BOOK = book.read()
README = (book.ROOT / "README.md").read_text(encoding="utf-8")


def changed(**changes):
    """The book with another last chapter."""
    *parts, look_up = BOOK.parts
    *pages, last = parts[-1].pages
    pages = (*pages, replace(last, **changes))
    return replace(BOOK, parts=(*parts[:-1], replace(parts[-1], pages=pages), look_up))


def test_the_readme_lists_the_chapters_of_the_book():
    stale = "README.md lists other chapters than the book has; run `make format`"
    assert lists.with_chapters(README, BOOK) == README, stale


@pytest.mark.parametrize(
    "change",
    [{"title": "Another"}, {"question": "Why?"}, {"number": "99"}, {"file": "book/x.ipynb"}],
)
def test_a_change_of_the_book_makes_the_readme_stale(change):
    assert lists.with_chapters(README, changed(**change)) != README


def test_nothing_but_the_list_is_written():
    text = f"# Before\n\n{lists.BEGIN}\nold \\1\n{lists.END}\n\nAfter\n"
    written = lists.with_chapters(text, BOOK)
    assert written.startswith(f"# Before\n\n{lists.BEGIN}\n\n| | Chapter |")
    assert written.endswith(f"{BOOK.to_come}\n\n{lists.END}\n\nAfter\n")
    assert lists.with_chapters(written, BOOK) == written


@pytest.mark.parametrize("text", ["", lists.BEGIN, lists.END, 2 * f"{lists.BEGIN}{lists.END}"])
def test_a_file_without_its_marks_is_refused(text):
    with pytest.raises(ValueError, match=r"README\.md must have the lines .* once each"):
        lists.with_chapters(text, BOOK)


def test_a_stale_readme_is_written_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(lists, "read", lambda root: BOOK)
    file = tmp_path / "README.md"
    file.write_text(f"{lists.BEGIN}{lists.END}\n", encoding="utf-8")
    assert lists.write(tmp_path)
    row = f"| 5a | [Adam](book/05_adam.ipynb) | {BOOK.page('book/05_adam').question} |"
    assert row in file.read_text(encoding="utf-8")
    assert not lists.write(tmp_path)


def test_a_finished_book_has_nothing_to_come():
    finished = replace(BOOK, coming=())
    assert not any("in preparation" in line for line in lists.table(finished, lists.in_readme))
