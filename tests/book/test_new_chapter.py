"""`make chapter`: what it makes passes every guard, and what it cannot make it refuses in words."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from chapter_guards import BOOK_GUARDS, CHAPTER_GUARDS, read, read_book
from test_glossary import PAGE, entries, link_faults

from tools import book
from tools.book import ROOT
from tools.chapter import lists, new, template
from tools.copies import notebooks


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """What `make chapter` reads and writes, in a copy."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "book", folder / "book")
    shutil.copytree(
        ROOT / "tests" / "rules", folder / "tests" / "rules"
    )  # what pages are settled by
    for name in ("_config.yml", "_toc.yml", "index.md", "README.md"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def chapter(root):
    """A new chapter, executed."""
    return new.begin("98_new_words", 'Does Adam\'s "step" converge?', root)


# What is refused, and with which words.


@pytest.mark.parametrize(
    "name",
    ["", "9_convergence", "convergence", "09_Convergence", "09_a.ipynb", "book/09_a", "09-a"],
)
def test_another_name_is_refused(root, name):
    with pytest.raises(ValueError, match=r"^NAME must be .* as in NAME=09_convergence; got '"):
        new.begin(name, "Title", root)


@pytest.mark.parametrize("title", ["", "  ", "One\nTwo"])
def test_another_title_is_refused(root, title):
    with pytest.raises(ValueError, match='TITLE must be one line, as in TITLE="Does Adam'):
        new.begin("98_words", title, root)


def test_a_chapter_that_is_there_is_refused_and_stays(root):
    before = (root / "book" / "08_adamax.ipynb").read_bytes()
    with pytest.raises(ValueError, match=r"book/08_adamax\.ipynb is there already; choose another"):
        new.begin("08_adamax", "Title", root)
    assert (root / "book" / "08_adamax.ipynb").read_bytes() == before


def test_a_label_that_is_taken_is_refused(root):
    with pytest.raises(ValueError, match=r"book/05_adam\.ipynb has the label ch-adam already"):
        new.begin("98_adam", "Title", root)


@pytest.mark.parametrize(
    ("first", "number"),
    [(98, "98"), (5, "5c"), (7, "7b"), (8, "8c")],
    ids=["a new number", "after 5a and 5b", "after 7", "after 8 and 8b"],
)
def test_the_next_number(first, number):
    assert new.free_number(first, book.read()) == number


@pytest.mark.parametrize(
    ("number", "before"),
    [("98", book.read().chapters[-1].docname), ("5c", "book/05_adam_in_practice"), ("0", None)],
)
def test_the_place_in_the_table_of_contents(number, before):
    text = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    lines = new.with_entry(text, "xx_new", number, book.read()).splitlines()
    place = lines.index("      - file: book/xx_new")
    assert [line for line in lines if "xx_new" not in line] == text.splitlines()
    if before:
        assert lines[place - 1] == f"      - file: {before}"
    else:
        assert lines[place + 1] == "      - file: book/01_gradient_descent"


def test_a_title_may_hold_any_word():
    first, *_ = template.cells("9", "The NUMBER of a SLUG", "snail")
    assert first.source.startswith("(ch-snail)=\n# 9. The NUMBER of a SLUG\n\n*")


def test_an_attempt_that_fails_leaves_nothing(root, monkeypatch):
    def fail(path):
        raise RuntimeError("no kernel")

    before = {file: file.read_bytes() for file in root.rglob("*") if file.is_file()}
    monkeypatch.setattr(new.execute, "execute", fail)
    with pytest.raises(RuntimeError, match="no kernel"):
        new.begin("98_words", "Title", root)
    assert {file: file.read_bytes() for file in root.rglob("*") if file.is_file()} == before


def make(*variables):
    """`make chapter` with a Python that says what it is given, in the checkout's Makefile."""
    show = ["make", "--dry-run", "chapter", *variables]
    done = subprocess.run(show, cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = (line for line in done.stdout.splitlines() if "tools.chapter.new" in line)
    arguments = line.partition("tools.chapter.new ")[2]
    echo = f"printf '%s|' {arguments}"
    return subprocess.run(["sh", "-c", echo], capture_output=True, text=True).stdout.split("|")[:-1]


@pytest.mark.parametrize("title", ["Does Adam's step converge?", 'A "large" step', "", "a; b & c"])
def test_make_hands_the_words_on_as_they_are(title):
    assert make("NAME=09_x", f"TITLE={title}") == ["09_x", title]


def test_the_command_says_what_is_wrong_in_one_line():
    """In the checkout, where a wrong name changes nothing."""
    command = [sys.executable, "-m", "tools.chapter.new", "nine", "Title"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("NAME must be ") and done.stderr.count("\n") == 1


# What is made.


def of_new(test):
    """The tests of what is made are a group, which makes it once."""
    return pytest.mark.slow(pytest.mark.xdist_group("new chapter")(test))


@of_new
@pytest.mark.parametrize("guard", CHAPTER_GUARDS, ids=lambda guard: guard.__name__)
def test_a_new_chapter_passes_every_guard(chapter, guard):
    assert guard(read(chapter), chapter) == []


@of_new
@pytest.mark.parametrize("guard", BOOK_GUARDS, ids=lambda guard: guard.__name__)
def test_the_book_passes_every_guard_with_it(chapter, guard):
    assert guard(read_book(chapter.parent), chapter.parent) == []


@of_new
def test_it_is_in_the_book_and_in_every_list(root, chapter):
    found = book.read(root)
    page = found.page("book/98_new_words")
    assert (page.number, page.title) == ("98", 'Does Adam\'s "step" converge?')
    assert found.chapters[-1] == page
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert lists.with_chapters(readme, found) == readme
    assert f"| 98 | [{page.title}](book/98_new_words.ipynb) | {page.question} |" in readme


@of_new
def test_it_stores_what_a_new_run_gives_and_its_code_is_formatted(chapter):
    nbval = ["--nbval", "--nbval-current-env", "--runxfail", "-p", "no:cacheprovider", "-n", "0"]
    command = [sys.executable, "-m", "pytest", "-q", *nbval, chapter]
    environment = {**os.environ, "TQDM_DISABLE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    for check in (["format", "--check"], ["check"]):
        ruff = [Path(sys.executable).with_name("ruff"), *check, "--stdin-filename"]
        command = [*ruff, ROOT / "book" / chapter.name, "-"]
        text = chapter.read_text(encoding="utf-8")
        done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@of_new
def test_its_terms_are_linked_where_they_first_stand(chapter):
    assert link_faults(notebooks.text_of(chapter), entries(PAGE)) == []


@of_new
def test_its_copy_reads_well(root, chapter):
    arguments = {"name": chapter.name, "address": None, "commit": "", "version": "1"}
    # What it has no plain form for, it refuses.
    copied = notebooks.runner_copy(
        nbformat.read(chapter, as_version=4),
        references=notebooks.read_references(root),
        **arguments,
    )
    text = "\n".join(cell.source for cell in copied.cells if cell.cell_type == "markdown")
    assert ":::" not in text and "{predict}" not in text
    assert re.search(r"^### Exercise .*★ Another start", text, re.MULTILINE)
    assert "## Works cited" in text


@of_new
def test_it_says_that_it_is_a_placeholder(chapter):
    cells = json.loads(chapter.read_text(encoding="utf-8"))["cells"]
    text = "".join("".join(cell["source"]) for cell in cells)
    assert text.count("**Placeholder.**") > 10
