"""tools/book.py: the book as it is, and what a faulty one is told."""

import json
import re

import pytest

from tools import book
from tools.book import ROOT

CONTENTS = """\
format: jb-book
root: book/intro
meta:
  to_come: [Down again, Sideways]
parts:
  - caption: Downhill
    chapters:
      - file: book/01_down
      - file: book/02_up
      - file: book/02_up_again
  - caption: Look up
    chapters:
      - file: book/words
"""
CHAPTERS = {
    "01_down": "(ch-down)=\n# 1. Down\n\n*Which way is down?*\n\nA ball rolls.",
    "02_up": "# 2a. Up\n\n*Who pays for the way up?*",
    "02_up_again": "(ch-again)=\n(again)=\n# 2b. Up, again\n\n*Is it worth it?*\n\nIt *is*.",
}


@pytest.fixture
def root(tmp_path):
    """A small book with all its parts."""
    (tmp_path / "book").mkdir()
    (tmp_path / "_config.yml").write_text("title: Ups and downs\n", encoding="utf-8")
    (tmp_path / "_toc.yml").write_text(CONTENTS, encoding="utf-8")
    (tmp_path / "book" / "intro.md").write_text("(start)=\n# Hello\n", encoding="utf-8")
    (tmp_path / "book" / "words.md").write_text("# Words\n\n# No title\n", encoding="utf-8")
    for name, opening in CHAPTERS.items():
        write(tmp_path, name, opening)
    return tmp_path


def write(root, name, opening):
    """A notebook; as Jupyter stores it, its text is a list of lines."""
    cells = [{"cell_type": "markdown", "source": opening.splitlines(keepends=True)}]
    text = json.dumps({"cells": cells if opening else []})
    (root / "book" / f"{name}.ipynb").write_text(text, encoding="utf-8")


def test_a_small_book_is_read(root):
    found = book.read(root)
    assert found.title == "Ups and downs"
    assert [(part.caption, len(part.pages)) for part in found.parts] == [
        ("", 1),
        ("Downhill", 3),
        ("Look up", 1),
    ]
    assert [(page.file, page.heading) for page in found.pages] == [
        ("book/intro.md", "Hello"),
        ("book/01_down.ipynb", "1. Down"),
        ("book/02_up.ipynb", "2a. Up"),
        ("book/02_up_again.ipynb", "2b. Up, again"),
        ("book/words.md", "Words"),
    ]
    assert [(c.number, c.title, c.question) for c in found.chapters] == [
        ("1", "Down", "Which way is down?"),
        ("2a", "Up", "Who pays for the way up?"),
        ("2b", "Up, again", "Is it worth it?"),
    ]
    again = found.page("book/02_up_again")
    assert (again.name, again.docname, again.is_chapter) == (
        "02_up_again",
        "book/02_up_again",
        True,
    )
    assert not found.page("book/words").is_chapter
    copies = [chapter.copy for chapter in found.chapters]
    assert copies == ["01_down", "02a_up", "02b_up_again"]


def test_copies_sort_in_reading_order():
    copies = [chapter.copy for chapter in book.read().chapters]
    assert "05b_adam_in_practice" in copies and copies == sorted(copies)


def test_pages_under_a_page_come_after_it(root):
    below = "        sections:\n          - file: book/verbs\n"
    toc("- file: book/words\n", f"- file: book/words\n{below}")(root)
    (root / "book" / "verbs.md").write_text("# Verbs\n", encoding="utf-8")
    assert [page.title for page in book.read(root).parts[-1].pages] == ["Words", "Verbs"]
    assert book.docnames(root)[-2:] == ["book/words", "book/verbs"]


def test_what_is_listed_is_known_without_the_files(root):
    expected = [page.docname for page in book.read(root).pages]
    for file in (root / "book").iterdir():
        file.unlink()
    assert book.docnames(root) == expected


@pytest.mark.parametrize(
    ("titles", "said"),
    [
        ("Down again, Sideways", "Chapters 3 to 4 are in preparation."),
        ("Sideways", "Chapter 3 is in preparation."),
        ("", ""),
    ],
)
def test_what_is_to_come_follows_from_what_is_there(root, titles, said):
    toc = CONTENTS.replace("[Down again, Sideways]", f"[{titles}]")
    (root / "_toc.yml").write_text(toc, encoding="utf-8")
    assert book.read(root).to_come == said


def test_chapters_to_come_have_numbers(root):
    assert book.read(root).to_write == ((3, "Down again"), (4, "Sideways"))


def test_chapters_are_sorted_as_numbers():
    assert sorted(["10", "5b", "5a", "9"], key=book.order) == ["5a", "5b", "9", "10"]


def test_a_page_that_is_not_there_is_named(root):
    with pytest.raises(KeyError, match=r"'book/03_sideways' is not in _toc\.yml, which has book/i"):
        book.read(root).page("book/03_sideways")


def test_the_book_has_every_notebook_and_its_pages_know_their_number():
    found = book.read()
    assert {chapter.file for chapter in found.chapters} == {
        f"book/{path.name}" for path in (ROOT / "book").glob("*.ipynb")
    }
    assert len(found.parts) >= 3 and found.parts[0].pages[0].docname == "index"
    assert found.page("book/05_adam").heading == "5a. Adam"


@pytest.mark.parametrize("chapter", book.read().chapters, ids=lambda chapter: chapter.name)
def test_a_question_is_short_and_the_chapters_own(chapter):
    assert 5 <= len(chapter.question.split()) <= 14
    assert chapter.question[0].isupper()
    others = [c.question for c in book.read().chapters if c != chapter]
    assert chapter.question not in [*others, chapter.title]


# What is wrong, and what is said about it.


def toc(old, new):
    """Plant a fault in the table of contents."""

    def plant(root):
        assert old in CONTENTS
        (root / "_toc.yml").write_text(CONTENTS.replace(old, new), encoding="utf-8")

    return plant


def opening(name, text):
    return lambda root: write(root, name, text)


FAULTS = {
    "no number": (
        opening("01_down", "# Down\n\n*Which way?*"),
        "book/01_down.ipynb: the first cell must begin with a title that has a number, as in "
        "`# 5a. Adam`, got '# Down'",
    ),
    "no title": (opening("01_down", "Down we go."), "book/01_down.ipynb: the first cell must"),
    "no cell": (opening("01_down", ""), "book/01_down.ipynb: the first cell must begin"),
    "no question": (
        opening("02_up", "# 2a. Up\n\nUp we go."),
        "book/02_up.ipynb: the paragraph under the title must be the chapter's question, one line "
        "in italics, as in `*Which gradients deserve a step?*`, got 'Up we go.'",
    ),
    "nothing under it": (opening("02_up", "# 2a. Up"), "question, one line in italics"),
    "bold": (opening("02_up", "# 2a. Up\n\n**Up?**"), "got '**Up?**'"),
    "a statement": (opening("02_up", "# 2a. Up\n\n*Up.*"), "got '*Up.*'"),
    "two lines": (opening("02_up", "# 2a. Up\n\n*Up\nor not?*"), "one line in italics"),
    "glued": (opening("02_up", "# 2a. Up\n*Up?*"), "title that has a number"),
    "one number twice": (
        opening("02_up_again", "# 2a. Up, again\n\n*Up?*"),
        "book/02_up_again.ipynb: chapter 2a comes after book/02_up.ipynb, which is chapter 2a; "
        "give it a later number, or move it in _toc.yml",
    ),
    "wrong order": (
        toc(
            "      - file: book/02_up\n      - file: book/02_up_again\n",
            "      - file: book/02_up_again\n      - file: book/02_up\n",
        ),
        "book/02_up.ipynb: chapter 2a comes after book/02_up_again.ipynb, which is chapter 2b",
    ),
    "another number than the file": (
        opening("02_up", "# 3. Up\n\n*Up?*"),
        "book/02_up.ipynb: the name must begin with the chapter's number, 3",
    ),
    "no file": (
        lambda root: (root / "book" / "words.md").unlink(),
        "_toc.yml: expected a file book/words.ipynb or book/words.md; write it or remove",
    ),
    "no title of a page": (
        lambda root: (root / "book" / "words.md").write_text("Words\n"),
        "book/words.md: expected a title, as in `# Glossary`",
    ),
    "no chapters to come": (
        toc("to_come", "chapters"),
        "_toc.yml: meta must have the keys to_come",
    ),
    "no caption": (toc("- caption: Downhill\n    ", "- "), "_toc.yml: a part must have the keys"),
    "a title in the contents": (
        toc("- file: book/words", "- file: book/words\n        title: Words"),
        "_toc.yml: a chapter must have the keys file, got",
    ),
    "a title of a section": (
        toc("- file: book/words", "- file: book/words\n        sections: [{title: Verbs}]"),
        "_toc.yml: a section must have the keys file, got {'title': 'Verbs'}",
    ),
    "chapters without parts": (toc("parts:", "entries:"), "_toc.yml: the top must have the keys"),
}


@pytest.mark.parametrize(("plant", "said"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named(root, plant, said):
    plant(root)
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(said)):
        book.read(root)
