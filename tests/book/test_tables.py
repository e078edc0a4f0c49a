"""Tables are right as text and as Markdown, and tell who asks for a wrong one."""

import subprocess
import sys

import numpy as np
import pytest
from markdown_it import MarkdownIt

from adamtut import plot
from adamtut.tables import table


def page(*arguments):
    """Head and rows as a page has them, entities as the characters that they mean."""
    tokens = MarkdownIt("commonmark").enable("table").parse(table(*arguments)._repr_markdown_())
    cells = [
        "".join(child.content for child in token.children)
        for token in tokens
        if token.type == "inline"
    ]
    width = sum(token.type == "th_open" for token in tokens)
    return [cells[n : n + width] for n in range(0, len(cells), width)]


def column(values, formats=""):
    return [cell for (cell,) in page({"x": values}, formats)[1:]]


def text(values, formats=""):
    return repr(table({"x": values}, formats)).split("\n")[1:]


def test_it_is_part_of_plot():
    assert plot.table is table


def test_it_does_not_need_matplotlib():
    code = "import sys; from adamtut.tables import table; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert done.stdout == "False\n"


def test_points_stand_below_each_other():
    values = [0.5, 12.25, 3.0, None]
    assert text(values, "g") == [" 0.5", "12.25", " 3", " –"]
    assert column(values, "g") == [
        "0.5\u2007",
        "12.25",
        "3\u2008\u2007\u2007",
        "–\u2008\u2007\u2007",
    ]


def test_a_minus_is_a_minus_sign_on_the_page_alone():
    assert text([-1.5], ".1f") == ["-1.5"]
    assert column([-1.5], ".1f") == ["−1.5"]


@pytest.mark.parametrize("value", [-0.001, -0.0, np.float64(-1e-300)])
def test_a_rounded_zero_has_no_sign(value):
    assert text([value], ".2f") == ["0.00"]


def test_a_small_number_keeps_its_sign():
    assert text([-1e-300], ".0e") == ["-1e-300"]


@pytest.mark.parametrize(
    ("value", "spec", "shown"),
    [
        (1e-8, ".0e", "10⁻⁸"),
        (-1e-8, ".0e", "−10⁻⁸"),
        (2.5e-3, ".1e", "2.5·10⁻³"),
        (1e16, "g", "10¹⁶"),
        (-7.0, ".1e", "−7.0"),
        (1.0, ".0e", "1"),
        (0.0, ".1e", "0.0"),
        (float("inf"), "g", "∞"),
        (float("-inf"), "g", "−∞"),
        (1234567.0, ",.0f", "1,234,567"),
        (0.125, ".1%", "12.5%"),
    ],
)
def test_numbers_are_typeset(value, spec, shown):
    assert column([value], spec) == [shown]


def test_exponents_are_not_filled_up():
    assert column([1e-8, 0.5], "g") == ["10⁻⁸", "0.5"]


@pytest.mark.parametrize("nothing", [None, float("nan"), np.nan])
def test_what_is_missing_is_a_dash(nothing):
    assert text([nothing], ".1f") == ["–"]
    assert column([nothing], ".1f") == ["–"]


def test_whole_numbers_need_no_format_and_keep_their_form():
    assert column([1, 20], ".2f") == ["1", "20"]
    assert column(np.arange(2)) == ["0", "1"]
    assert column([1, 0.5], ".2f") == ["1.00", "0.50"]
    assert column([1, 20], {"x": ".1f"}) == ["1.0", "20.0"]


def test_numbers_of_other_libraries():
    torch = pytest.importorskip("torch")
    assert column(torch.tensor([0.5, 0.25]), ".2f") == ["0.50", "0.25"]
    assert column([np.float32(0.5), np.array(0.25)], ".2f") == ["0.50", "0.25"]


def test_words_and_truth():
    assert column(["a", "$b$"]) == ["a", "$b$"]
    assert column([True, np.bool_(False)]) == ["yes", "no"]


def test_numbers_are_at_the_right_and_words_at_the_left():
    made = table({"rule": ["adam", "gd"], "n": [1, 20], "none": [None, None]})
    assert made._repr_markdown_().split("\n")[1] == "| :--- | ---: | :--- |"
    assert repr(made) == "rule   n  none\nadam   1  –\ngd    20  –"


def test_a_bar_begins_no_cell():
    heads, row = page({"$|x|$": ["a | b"], "two\nlines": [r"$|y| = \|y\|$"]})
    assert heads == [r"$\vert x\vert $", "two lines"]
    assert row == ["a | b", r"$\vert y\vert  = \Vert y\Vert $"]


@pytest.mark.parametrize(
    ("columns", "formats", "fault"),
    [
        ({"a": [1], "b": [1, 2]}, "", "one length, got {'a': 1, 'b': 2}"),
        ({}, "", "got no column"),
        ({"a": [0.5]}, "", "column 'a' holds fractions: give it a format"),
        ({"a": [0.5], "b": [0.5]}, {"a": ".1f"}, "column 'b' holds fractions"),
        ({"a": [1]}, {"β": ".1f"}, r"formats for \['β'\], which are no columns"),
        ({"a": [1 + 2j]}, "", r"column 'a' holds \(1\+2j\); expected a number"),
        ({"a": [np.ones(2)]}, ".1f", r"column 'a' holds array\(\[1., 1.\]\); expected a number"),
    ],
)
def test_a_wrong_table_is_refused(columns, formats, fault):
    with pytest.raises(ValueError, match=fault):
        table(columns, formats)
