"""tools/sphinx/cells.py: what becomes of a cell on the page, by its role."""

import re
from unittest.mock import Mock

import nbformat
import pytest
from small_book import SmallBook, code, text, words

from tools.sphinx import cells

CHECK = """\
# the sizes agree, whatever the unit.
np.testing.assert_allclose(a, b)
for size in sizes:
    assert size > 0
with pytest.raises(ValueError, match="no size"):
    check(None)
with quiet(), pytest.raises(TypeError):
    check()\
"""


@pytest.mark.parametrize(
    ("source", "count"),
    [
        (CHECK, 4),
        ("assert a\nassert b", 2),
        ("def f():\n    assert a", 1),
        ("assert_allclose(a, b)", 1),
        ("self.assert_(a)", 1),
        ("print('assert a')  # assert b", 0),
        ("assertion(a)\nraises(ValueError)", 0),
        ("", 0),
    ],
)
def test_assertions_are_counted(source, count):
    assert cells.count_assertions(source) == count


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (CHECK, "✓ 4 checks · the sizes agree, whatever the unit"),
        ("assert a\n# later", "✓ 1 check"),
        ("\n#  one thing  \nassert a", "✓ 1 check · one thing"),
    ],
)
def test_the_line_of_a_check(source, line):
    assert cells.summary(source) == line


@pytest.fixture
def build(tmp_path):
    book = SmallBook(tmp_path, "tools.sphinx.cells")

    def build(*notebook):
        pages, warnings = book.build(page=[text("# A page"), *notebook])
        return pages["page"], warnings

    return build


def test_a_setup_cell_is_not_on_the_page(build):
    page, warnings = build(code("import secret", tags=["setup"]), code("shown = 1"))
    assert warnings == []
    assert "secret" not in words(page)
    assert "shown" in words(page)


def test_a_check_is_folded_in_its_place(build):
    page, warnings = build(
        text("Before."), code(CHECK, tags=["check", "hide-input"]), text("After.")
    )
    assert warnings == []
    (fold,) = page.select("details")
    assert "open" not in fold.attrs
    assert words(fold.summary) == "✓ 4 checks · the sizes agree, whatever the unit"
    assert "assert_allclose" in words(fold.select_one(".cell_input"))
    assert words(fold.find_previous_sibling("p")) == "Before."
    assert words(fold.find_next_sibling("p")) == "After."


def test_the_first_line_of_a_check_is_text(build):
    page, _ = build(code("# a < b & c\nassert a", tags=["check"]))
    assert words(page.select_one("summary .about")) == "· a < b & c"


PRINTED = nbformat.v4.new_output("stream", text="0.5\n")
FAILED = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=["no"])


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        (code("a = 1", tags=["check"]), "a check cell asserts nothing"),
        (code("assert a", PRINTED, tags=["check"]), "a check cell stores an output"),
        (code("assert a", FAILED, tags=["check"]), "a check cell stores a traceback"),
        (code("%pip install a\nassert a", tags=["check"]), "a check cell is no plain Python"),
    ],
)
def test_a_check_that_checks_nothing_is_a_warning(build, cell, fault):
    _, (warning,) = build(cell)
    assert re.search(rf"page\.ipynb:\d+: WARNING: {fault}", warning)


def test_pages_are_read_again_when_the_transform_changes(monkeypatch):
    before = cells.setup(Mock())["env_version"]
    monkeypatch.setattr(cells, "__file__", __file__)
    assert cells.setup(Mock())["env_version"] != before
