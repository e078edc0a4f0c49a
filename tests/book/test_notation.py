"""The pages that repeat facts of the code: the table of rules, and the pages of the API."""

import ast
import inspect
import re
import subprocess
import sys

import pytest
import torch

from adamtut import __all__ as public
from adamtut import experiments, optim, problems
from adamtut.optim import classes
from adamtut.registry import RULES
from tools.book import BOOK
from tools.sphinx import tables

RULE_ROWS = list(tables.rule_rows())
API = "".join(path.read_text(encoding="utf-8") for path in sorted((BOOK / "api").glob("*.md")))


def table_of_rules():
    return list(tables.table(["Rule", "Function", "Source", "State", "Hyper"], RULE_ROWS))


def rules_in(rows):
    """Rows of the table as {function: (state, hyper-parameters)}, each a dict of name → text."""
    return {
        function.strip("`"): (assignments(state), assignments(hyper))
        for _, function, _, state, hyper in rows
    }


def assignments(cell):
    """`m = 0.0`, `v = 0.0` → {"m": "0.0", "v": "0.0"}; the word none → {}."""
    if cell == "none":
        return {}
    pairs = [text.partition(" = ") for text in re.findall(r"`([^`]+)`", cell)]
    return {name: value for name, _, value in pairs}


def signature(rule):
    _, _, *parameters = inspect.signature(rule).parameters.values()
    state = {p.name: repr(p.default) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
    hyper = {p.name: repr(p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}
    return state, hyper


def test_the_table_of_rules_is_what_the_signatures_say():
    in_the_code = {name: signature(rule.function) for name, rule in RULES.items()}
    assert rules_in(RULE_ROWS) == in_the_code
    assert [row[1].strip("`") for row in RULE_ROWS] == list(in_the_code)  # the book's order


def test_every_source_is_in_the_bibliography():
    bibliography = (BOOK / "references.bib").read_text(encoding="utf-8")
    keys = [re.match(r"{cite:t}`(\w+)`", source)[1] for _, _, source, _, _ in RULE_ROWS]
    assert [key for key in keys if f"{{{key}," not in bibliography] == []


def test_a_table_is_one_of_markdown():
    lines = table_of_rules()
    assert {line.count(" | ") for line in lines} == {4}
    assert lines[1] == "| --- | --- | --- | --- | --- |"
    assert len(lines) == 2 + len(RULE_ROWS)


def test_the_table_of_optimizers_is_what_the_classes_say():
    rows = list(tables.optimizer_rows())
    names = [row[0].strip("`") for row in rows]
    assert names == [
        name
        for name, value in vars(classes).items()
        if inspect.isclass(value) and value.__module__ == classes.__name__
    ]
    for name, arguments, state in rows:
        cls = getattr(optim, name.strip("`"))
        parameters = inspect.signature(cls).parameters
        shown = assignments(arguments)
        assert shown == {key: repr(parameters[key].default) for key in shown}
        p = torch.nn.Parameter(torch.ones(2))
        p.grad = torch.ones(2)
        optimizer = cls([p], **({"momentum": 0.9} if "momentum" in shown else {}))
        optimizer.step()
        assert re.findall(r"`(\w+)`", state) == list(optimizer.state[p])


def test_the_book_has_the_same_table_without_torch():
    code = """
from tools.sphinx import tables
from unittest.mock import Mock
tables.setup(Mock())
assert type(tables.adamtut.optim.torch).__name__ == "_MockModule"
print(list(tables.optimizer_rows()))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=BOOK.parent,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert ast.literal_eval(done.stdout) == list(tables.optimizer_rows())


def test_the_page_says_what_was_measured_and_what_was_missed():
    result = experiments.load("optimizer_step")
    text = "\n".join(tables.speed_lines())
    missed = [goal for goal in result["goals"] if not goal["reached"]]
    assert text.count("**") == 2 * len(missed)
    assert f"{len(result['goals'])} goals set beforehand {len(missed)} are missed" in text
    for row in result["speeds"]:
        if row["class"] == "Adam":
            assert f"{row['adamtut eager'][1]:.2f}" in text
    assert str(result["date"]) in text


@pytest.mark.parametrize("page", ["notation", "api/optim"])
def test_the_pages_hold_the_tables(page):
    directive = {"notation": "rule-table", "api/optim": "optimizer-table"}[page]
    assert f"```{{{directive}}}\n```" in (BOOK / f"{page}.md").read_text(encoding="utf-8")


def names_missing_from(page):
    """Parts of the package, and problems ready to use, that no page of the API documents."""
    parts = [name for name in public if not re.search(rf":: adamtut\.{name}\b", page)]
    ready = {name for name, value in vars(problems).items() if isinstance(value, problems.Problem)}
    return {*parts, *(name for name in ready if f":: {name}\n" not in page)}


def test_the_api_documents_every_part_and_every_problem():
    assert names_missing_from(API) == set()


@pytest.mark.parametrize(
    "name", ["iterate", "ops", "data", "optim", "schedules", "beale", "noisy_quadratic"]
)
def test_a_name_missing_from_the_api_is_noticed(name):
    without = re.sub(rf":: (adamtut\.)?{name}\n", "\n", API)
    assert names_missing_from(without) == {name}
