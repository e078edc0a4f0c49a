"""The list of rules, made from the rules themselves: signature, traits, first line, line `Source`.

Tables, tests, `optim` and pages of the book go through `RULES`; to write a rule is to join it.
"""

import inspect
import re
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from adamtut import rules
from adamtut.traits import Range, Rule, declared, is_elementwise, is_resting


@dataclass(frozen=True)
class Description:
    """What is known of one rule.

    Attributes
    ----------
    name
        Its name in `adamtut.rules`.
    function
        The rule.
    title
        The first line of its docstring.
    paper, year, where
        Who published it, when, and the equation or section.
    state
        Names and start values of its state; a start may be a function of the parameter.
    defaults
        Names and defaults of its hyper-parameters.
    elementwise
        Whether it treats each element by itself.
    rests_at_zero
        Whether an element whose gradient is 0 neither moves nor changes its state.
    scalars
        Names of the states that are one number.
    ranges
        The ranges of its hyper-parameters, where it declares any.
    wants_x
        Whether it has a keyword `x`, for the parameter.
    """

    name: str
    function: Rule
    title: str
    paper: str
    year: int
    where: str
    state: dict[str, Any]
    defaults: dict[str, Any]
    elementwise: bool
    rests_at_zero: bool
    scalars: frozenset[str]
    ranges: dict[str, Range]
    wants_x: bool


def describe(function: Rule) -> Description:
    """Read a rule's signature and docstring; a rule of your own needs no line `Source`.

    >>> describe(rules.adam).state
    {'m': 0.0, 'v': 0.0}
    >>> describe(rules.adam).paper, describe(rules.adam).year
    ('Kingma & Ba', 2015)
    """
    parameters = list(inspect.signature(function).parameters.values())[2:]  # after g and t
    state = {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
    hyper = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    name = getattr(function, "__name__", repr(function))
    for slot, start in state.items():
        if start is inspect.Parameter.empty:
            raise TypeError(
                f"{name} has a state {slot} without a start: give it a default, a number or a "
                "function of the parameter; hyper-parameters stand behind *"
            )
    wants_x = hyper.get("x") is inspect.Parameter.empty
    if wants_x:
        del hyper["x"]
    text = inspect.getdoc(function) or ""
    source = re.search(r"^Source: (.+) (\d{4})(?:, (.+))?$", text, re.MULTILINE)
    return Description(
        name=name,
        function=function,
        title=text.partition("\n")[0],
        paper=source[1] if source else "",
        year=int(source[2]) if source else 0,
        where=(source[3] or "") if source else "",
        state=state,
        defaults=hyper,
        elementwise=is_elementwise(function),
        rests_at_zero=is_resting(function),
        scalars=declared(function, "scalar_states", frozenset()),
        ranges=declared(function, "ranges", {}),
        wants_x=wants_x,
    )


def list_rules(module: ModuleType) -> dict[str, Description]:
    """The rules that a module defines, in the order of its file; helpers, `_name`, are none."""
    return {
        name: describe(function)
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and not name.startswith("_")
    }


RULES = list_rules(rules)
