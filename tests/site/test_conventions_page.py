"""tools/sphinx/conventions.py: the tables and numbers of the page of defaults and conventions."""

import re

import pytest
from small_book import SmallBook, words

from adamtut.experiments import conventions
from tools.book import BOOK, ROOT
from tools.sphinx import conventions as made

PAGE = (BOOK / "conventions.md").read_text(encoding="utf-8")
SOURCE = (ROOT / made.SOURCE).read_text(encoding="utf-8")


@pytest.fixture
def book(tmp_path):
    return SmallBook(tmp_path, "tools.sphinx.conventions")


def cells(page):
    return [[words(cell) for cell in row.select("td")] for row in page.select("tbody tr")]


def test_every_rule_and_every_call_has_its_table():
    """In a section of its own, or among the others at the end."""
    rules, calls = made.others(PAGE)
    assert PAGE.count("```{other-conventions}") == 1 and "lion" in rules and "lion" in calls
    named = re.findall(r"^```{conventions} (\w+)$", PAGE, re.MULTILINE)
    assert {row.rule for row in conventions.TABLE} == {*named, *rules}
    called = " ".join(re.findall(r"^```{library-defaults} (.+)$", PAGE, re.MULTILINE)).split()
    assert {name.lower() for _, name in conventions.DEFAULTS} == {*called, *calls}


def test_what_has_no_section_is_among_the_others(book):
    named = {row.rule for row in conventions.TABLE} - {"lion", "radam"}
    calls = " ".join({name.lower() for _, name in conventions.DEFAULTS} - {"lion"})
    text = f"```{{library-defaults}} {calls}\n```\n\n```{{other-conventions}}\n```\n"
    sections = "".join(f"```{{conventions}} {rule}\n```\n\n" for rule in sorted(named))
    pages, warnings = book.build(page=f"# All\n\n{sections}{text}")
    assert warnings == []
    *_, others_called, others = pages["page"].select("table")
    assert [row[0] for row in cells(others_called)] == ["optax.lion", "keras.optimizers.Lion"]
    assert {row[0] for row in cells(others)} == {"RAdam", "Lion"}


def test_every_row_has_its_line():
    lines = made.lines_of_rows(SOURCE)
    assert list(lines) == [str(row) for row in conventions.TABLE]
    for row in conventions.TABLE:
        assert row.convention in SOURCE.splitlines()[lines[str(row)] - 1]


def test_libraries_that_do_the_same_share_a_line(book, monkeypatch):
    monkeypatch.setenv("ADAMTUT_REPOSITORY", "ada/book")
    pages, warnings = book.build(page="# Adam\n\n```{conventions} nesterov\n```\n")
    assert warnings == []
    (row,) = cells(pages["page"])
    assert row[0] == "torch, optax, Keras" and row[2].endswith(" % apart")
    links = [link["href"] for link in pages["page"].select("td a")]
    assert len(links) == 3
    for link in links:
        number = int(link.partition("conventions.py#L")[2])
        assert 'Row("nesterov"' in SOURCE.splitlines()[number - 1]


def test_without_an_address_the_line_is_named(book):
    pages, _ = book.build(page="# Adam\n\n```{conventions} gd\n```\n")
    assert not pages["page"].select("td a")
    assert re.fullmatch(r"line\s\d+(, line\s\d+)*", cells(pages["page"])[0][3])


def test_numbers_in_the_text_are_looked_up(book):
    text = (
        "# Numbers\n\n{default}`torch AdamW weight_decay`, {setting}`BETAS`, "
        "{apart}`gd torch Keras ordinary`, "
        "{apart}`torch momentum: the buffer sums gradients, undamped`\n"
    )
    pages, warnings = book.build(page=text)
    assert warnings == []
    assert words(pages["page"].select_one("p")) == "0.01, 0.8, 0.99, equal, 80 %"


@pytest.mark.parametrize("role", ["{default}`torch Adam nothing`", "{apart}`gd`", "{setting}`NO`"])
def test_a_number_that_there_is_not_is_refused(book, role):
    _, warnings = book.build(page=f"# Numbers\n\n{role}\n")
    assert any("have no" in warning for warning in warnings)


def test_a_rule_without_conventions_is_refused(book):
    _, warnings = book.build(page="# Numbers\n\n```{conventions} powersign\n```\n")
    assert any("no library has a convention for powersign" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "equal"), (1e-11, "equal"), (1e-7, "1 · 10⁻⁵ %"), (0.00139, "0.14 %"), (1.778, "178 %")],
)
def test_a_share_is_written_with_as_many_digits_as_it_bears(share, text):
    assert made.percent(share).replace("\u00a0", " ") == text


def test_the_small_number_of_a_convention_is_not_called_equal():
    assert made.size({"size": 8e-12}) != "equal"
