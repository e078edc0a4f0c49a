"""tools/sphinx/formulas.py: the printed formula of each rule computes what the rule does."""

import math
import random
import re

import latex
import pytest

from adamtut import rules
from adamtut.registry import RULES
from tools.sphinx import formulas
from tools.sphinx.formulas import formula

# Of other hyper-parameters half the default. An eps is felt, and RAdam meets both its cases.
SETTINGS = {"betas": (0.6, 0.9), "eps": 0.3, "decay": lambda t: 1 / (1 + t)}


def settings_of(rule, corrected):
    """Settings that are not the defaults, as the rule takes them and by their letters."""
    settings = {
        name: SETTINGS[name] if name in SETTINGS else default / 2
        for name, default in rule.defaults.items()
        if name != "corrected"
    }
    letters = {"corrected": corrected}
    for name, value in settings.items():
        if isinstance(value, tuple):
            letters |= {formulas.LETTERS[f"{name[:-1]}{i}"]: v for i, v in enumerate(value, 1)}
        else:
            letters["f" if callable(value) else formulas.LETTERS[name]] = value
    if "corrected" in rule.defaults:
        settings["corrected"] = corrected
    return settings, letters


def differs(text: str, name: str) -> bool:
    """Whether the formula differs from the rule, in the start or in what a step computes."""
    rule, rng = RULES[name], random.Random(0)
    try:
        start = latex.starts(text)
        if list(start.values()) != list(rule.state.values()):
            return True
        return any(
            step_differs(text, rule, list(start), t, corrected, rng)
            for corrected in (True, False)
            for t in (1, 2, 3, 5, 9, 40)
            for _ in range(4)
        )
    except (ArithmeticError, KeyError, ValueError):
        return True  # a changed formula may divide by zero, or use what is not there yet


def step_differs(text, rule, letters, t, corrected, rng):
    g = rng.choice([-1, 1]) * rng.uniform(0.3, 3)
    # All above 0, where a root needs it.
    state = [rng.uniform(0.2, 2) for _ in letters]
    settings, by_letter = settings_of(rule, corrected)
    before = {f"{letter}_{{t-1}}": value for letter, value in zip(letters, state, strict=True)}
    values = by_letter | before | {"g_t": g, "t": t}
    after = latex.evaluate(text, values)
    printed = [after["d_t"], *(after[f"{letter}_t"] for letter in letters)]
    expected = rule.function(g, t, *state, **settings)
    return not all(
        math.isclose(x, y, rel_tol=1e-12) for x, y in zip(printed, expected, strict=True)
    )


@pytest.mark.parametrize("name", RULES)
def test_the_formula_computes_what_the_rule_does(name):
    assert not differs(formula(RULES[name].function), name)


def wrong(text):
    """The formula with one fault: a sign, an index, a start, a power or a bound."""
    for old, new in [
        (" + ", " - "),
        (" - ", " + "),
        ("_{t-1}", "_t"),
        ("d_t &= ", "d_t &= -"),
        ("_0 &= 0", "_0 &= 1"),
        ("^{2}", "^{3}"),
        (r"\frac{", r"\sqrt{2}\frac{"),
        (r"\hat m_t}", "m_t}"),
        ("> 5", "> 4"),
        ("_1^{t}", "_2^{t}"),
    ]:
        for found in re.finditer(re.escape(old), text):
            yield text[: found.start()] + new + text[found.end() :]


@pytest.mark.parametrize("name", RULES)
def test_each_planted_fault_is_noticed(name):
    faults = list(wrong(formula(RULES[name].function)))
    assert faults
    assert [text for text in faults if not differs(text, name)] == []


def test_a_formula_is_in_the_letters_of_the_book():
    assert formula(rules.adam) == (
        "\\begin{aligned}\n"
        "m_0 &= 0,\\quad v_0 = 0 \\\\\n"
        "m_t &= \\beta_1 \\, m_{t-1} + (1 - \\beta_1) \\, g_t \\\\\n"
        "v_t &= \\beta_2 \\, v_{t-1} + (1 - \\beta_2) \\, g_t^{2} \\\\\n"
        "\\hat m_t &= \\frac{m_t}{1 - \\beta_1^{t}} \\\\\n"
        "\\hat v_t &= \\frac{v_t}{1 - \\beta_2^{t}} \\\\\n"
        "d_t &= \\frac{\\hat m_t}{\\sqrt{\\hat v_t} + \\epsilon}\n"
        "\\end{aligned}"
    )


def no_letter(g, t, *, strength=2.0):
    return (strength * g,)


def unknown_function(g, t):
    return (rules.sqrt(g),)


def other_state(g, t, m=0.0, v=0.0):
    return g, v, m


def a_loop(g, t):
    for _ in range(2):
        g = 2 * g
    return (g,)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (no_letter, r"no_letter has a line without a formula, return \(strength \* g,\): give str"),
        (unknown_function, r"return \(rules\.sqrt\(g\),\): teach tools/sphinx/formulas\.py"),
        (other_state, "return g, v, m: return the direction and then m, v"),
        (a_loop, r"for _ in range\(2\):: teach tools"),
    ],
)
def test_what_cannot_be_printed_is_refused_with_its_line(rule, said):
    with pytest.raises(ValueError, match=said):
        formula(rule)
