"""The pages that repeat facts of the code: the table of rules, and the lists of the API page."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from adamtut import __all__ as public
from adamtut import problems, rules

BOOK = Path(__file__).parents[1] / "book"
NOTATION = (BOOK / "notation.md").read_text(encoding="utf-8")
API = (BOOK / "api.md").read_text(encoding="utf-8")


def rules_on_the_page(page):
    """The second table as {function: (state, hyper-parameters)}, each a dict of name → value."""
    table = page.split("\n## Rules\n")[1]
    rows = re.findall(r"^\| [^`|]+ \| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", table, re.MULTILINE)
    return {function: (assignments(state), assignments(hyper)) for function, state, hyper in rows}


def assignments(cell):
    """`m = 0.0`, `v = 0.0` → {"m": 0.0, "v": 0.0}; the word none → {}."""
    if cell == "none":
        return {}
    pairs = [text.partition(" = ") for text in re.findall(r"`([^`]+)`", cell)]
    return {name: ast.literal_eval(value) for name, _, value in pairs}


def rules_in_the_code():
    return {
        name: signature(function)
        for name, function in vars(rules).items()
        if inspect.isfunction(function) and function.__module__ == rules.__name__
    }


def signature(rule):
    _, _, *parameters = inspect.signature(rule).parameters.values()
    state = {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
    hyper = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    return state, hyper


def test_the_table_of_rules_is_what_the_signatures_say():
    on_the_page = rules_on_the_page(NOTATION)
    assert on_the_page == rules_in_the_code()
    assert list(on_the_page) == list(rules_in_the_code())  # in the order of the book


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("`eps = 1e-10`", "`eps = 1e-8`"),
        ("`betas = (0.9, 0.999)`", "`betas = (0.9, 0.99)`"),
        ("`betas = (0.9, 0.999)`, `eps = 1e-8`", "`betas = (0.9, 0.999)`"),
        ("`rho = 0.95`", "`beta = 0.95`"),
        ("`v = 0.0`, `s = 0.0`", "`v = 0.0`"),
        ("`m = 0.0`, `v = 0.0`", "`m = 0.0`, `v = 1e-6`"),
        ("| `nesterov` |", "| `nesterov_momentum` |"),
        ("| Gradient descent | `gd` | none | none |\n", ""),
    ],
)
def test_a_wrong_table_is_noticed(right, wrong):
    assert NOTATION.count(right) == 1
    assert rules_on_the_page(NOTATION.replace(right, wrong)) != rules_in_the_code()


def names_missing_from(page):
    """Parts of the package, and problems ready to use, that the API page does not list."""
    parts = [name for name in public if not re.search(rf":: adamtut\.{name}\b", page)]
    ready = {name for name, value in vars(problems).items() if isinstance(value, problems.Problem)}
    return {*parts, *(name for name in ready if f"`{name}`" not in page)}


def test_the_api_page_lists_every_part_and_every_problem():
    assert names_missing_from(API) == set()


@pytest.mark.parametrize("name", ["iterate", "ops", "data", "beale", "noisy_quadratic"])
def test_a_name_missing_from_the_api_page_is_noticed(name):
    without = API.replace(f":: adamtut.{name}\n", "").replace(f"`{name}`", "")
    assert names_missing_from(without) == {name}
