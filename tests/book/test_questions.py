"""The page *Your question*: the lines of each answer say what the page says, and it has a link."""

import ast
import re
from contextlib import suppress

import pytest

from tools.book import BOOK
from tools.sphinx import questions

PAGE = (BOOK / "questions.md").read_text(encoding="utf-8")
ENTRY = re.compile(r"^### ([^\n]+)$\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ARROW = "# → "
BLOCKS = [block for block in CODE.findall(PAGE) if ARROW in block]
ENTRIES = dict(ENTRY.findall(PAGE))


def answer(block, namespace):
    """The value of the last expression, as the page writes it."""
    tree = ast.parse(block)
    last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, "<block>", "exec"), namespace)
    return repr(eval(compile(last, "<block>", "eval"), namespace))


@pytest.fixture(scope="module")
def answers():
    """Each block after those above it, as a reader pastes them."""
    namespace = {}
    exec(next(block for block in CODE.findall(PAGE) if ARROW not in block), namespace)
    return [answer(block, namespace) for block in BLOCKS]


@pytest.mark.xdist_group("answers")
@pytest.mark.parametrize("number", range(len(BLOCKS)), ids=lambda n: BLOCKS[n].splitlines()[0][:50])
def test_the_lines_say_what_the_page_says(number, answers):
    assert answers[number] == BLOCKS[number].rstrip().rpartition(ARROW)[2]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0][:50])
def test_the_lines_are_few_and_short(block):
    *code, arrow = filter(None, block.splitlines())
    assert len(code) <= 3 and arrow.startswith(ARROW)
    assert all(len(line) <= 88 for line in (*code, arrow))


def test_a_number_that_is_wrong_is_noticed():
    assert answer("x = 2\nx / 4\n# → 0.6", {}) == "0.5"


@pytest.mark.parametrize("question", ENTRIES)
def test_an_answer_leads_to_a_section(question):
    targets = re.findall(r"\{ref\}`[^`<]+<([^>]+)>`", ENTRIES[question])
    assert targets or "{mistakes}" in ENTRIES[question]
    assert not [target for target in targets if target.startswith("ch-")]


def test_the_page_is_by_symptom():
    heads = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert heads == [
        *("The loss …", "The numbers …", "My code …", "Which value …", "Moving from …"),
        "Is it true that …",
    ]
    assert len(ENTRIES) >= 50


# The two steps that find out which mistake a home-made Adam has.


def printed(update, capsys):
    (block,) = [block for block in CODE.findall(PAGE) if "my_adam" in block]
    with suppress(ZeroDivisionError):
        exec(block, {"my_adam": update})
    return capsys.readouterr().out.split()


@pytest.mark.parametrize("name", questions.MISTAKES)
def test_the_pasted_test_prints_the_row_of_the_table(name, capsys):
    row = {name: cells for name, *cells in questions.rows()}[name]
    found = printed(questions.MISTAKES[name], capsys) or ["division by 0", ""]
    assert found == row


def test_no_two_mistakes_leave_the_same_trace():
    traces = [tuple(cells) for _, *cells in questions.rows()]
    assert len({*traces}) == len(traces) >= 16


def test_the_first_row_is_the_rule_itself():
    from adamtut import descend, rules

    path = descend(rules.adam, lambda x, t: [3.0, 1.0][t - 1], 0.0, 1.0, 2, eps=0.1)
    name, *cells = next(iter(questions.rows()))
    assert name == "none"
    assert cells == [str(round(x, 4)) for x in path[1:].tolist()]
