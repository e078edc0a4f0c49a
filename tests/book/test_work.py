"""tools/copies/work.py: what the runner changed stays, and the rest is renewed."""

import re
import tomllib
from pathlib import Path

import pytest

from tools.book import ROOT
from tools.copies import work

FIRST = {"01_down.ipynb": "down", "02_up.ipynb": "up", "explore/ball.html": "ball"}
SECOND = {"01_down.ipynb": "new down", "02_up.ipynb": "new up", "explore/ball.html": "new ball"}


def content(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != work.RECORD]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


@pytest.fixture
def folder(tmp_path):
    assert work.update(tmp_path / "work", FIRST) == []
    assert content(tmp_path / "work") == FIRST
    return tmp_path / "work"


def test_what_nobody_changed_is_renewed(folder):
    assert work.update(folder, SECOND) == []
    assert content(folder) == SECOND


def test_what_was_changed_stays_however_often_the_book_changes(folder):
    (folder / "02_up.ipynb").write_text("mine")
    (folder / "notes.txt").write_text("mine too")
    mine = {"02_up.ipynb": "mine", "notes.txt": "mine too"}
    for files in (SECOND, FIRST, SECOND):
        assert work.update(folder, files) == ["02_up.ipynb"]
        assert content(folder) == files | mine


def test_a_file_that_was_there_before_is_the_runners(tmp_path):
    (tmp_path / "02_up.ipynb").write_text("mine")
    assert work.update(tmp_path, FIRST) == ["02_up.ipynb"]
    assert content(tmp_path) == FIRST | {"02_up.ipynb": "mine"}


def test_what_was_deleted_or_renamed_comes_again(folder):
    (folder / "02_up.ipynb").write_text("mine")
    (folder / "02_up.ipynb").rename(folder / "mine.ipynb")
    (folder / "01_down.ipynb").unlink()
    assert work.update(folder, SECOND) == []
    assert content(folder) == SECOND | {"mine.ipynb": "mine"}


def test_a_change_taken_back_counts_as_none(folder):
    (folder / "02_up.ipynb").write_text("mine")
    work.update(folder, FIRST)
    (folder / "02_up.ipynb").write_text("up")
    assert work.update(folder, SECOND) == []


def test_a_chapter_with_another_name_goes_unless_it_was_changed(folder):
    (folder / "02_up.ipynb").write_text("mine")
    new = {"01_down_again.ipynb": "down", "02_up_again.ipynb": "up"}
    assert work.update(folder, new) == []
    assert content(folder) == new | {"02_up.ipynb": "mine"}


def test_one_line_says_what_was_kept():
    assert work.report(Path("work"), FIRST, []).splitlines() == [
        "2 chapters in work/, to run and to change; what you change stays."
    ]
    *_, line = work.report(Path("work"), FIRST, ["02_up.ipynb"]).splitlines()
    assert line.startswith("Kept as you changed them: 02_up.ipynb. ")


def test_make_lab_opens_the_copies_and_never_the_sources():
    """In a folder that git does not see and `make clean` leaves alone."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = dict(re.findall(r"^(\w+):.*##.*\n((?:\t.*\n)+)", makefile, re.MULTILINE))
    *_, copies, lab = recipes["lab"].splitlines()
    assert copies.endswith("tools.copies.work work") and lab.endswith("/jupyter lab work")
    assert "work" not in recipes["clean"]
    assert "work/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "work" not in pyproject["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
