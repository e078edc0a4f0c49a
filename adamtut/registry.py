"""The list of rules, made from the rules themselves: signature, first line, line `Source`.

Tables, tests, `optim` and pages of the book go through `RULES`; to write a rule is to join it.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adamtut import rules


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
        Names and start values of its state.
    defaults
        Names and defaults of its hyper-parameters.
    """

    name: str
    function: Callable[..., tuple]
    title: str
    paper: str
    year: int
    where: str
    state: dict[str, float]
    defaults: dict[str, Any]


def describe(function: Callable[..., tuple]) -> Description:
    """Read a rule's signature and docstring; a rule of your own needs no line `Source`.

    >>> describe(rules.adam).state
    {'m': 0.0, 'v': 0.0}
    >>> describe(rules.adam).paper, describe(rules.adam).year
    ('Kingma & Ba', 2015)
    """
    parameters = list(inspect.signature(function).parameters.values())[2:]  # after g and t
    text = inspect.getdoc(function) or ""
    source = re.search(r"^Source: (.+) (\d{4})(?:, (.+))?$", text, re.MULTILINE)
    return Description(
        name=getattr(function, "__name__", repr(function)),
        function=function,
        title=text.partition("\n")[0],
        paper=source[1] if source else "",
        year=int(source[2]) if source else 0,
        where=(source[3] or "") if source else "",
        state={p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD},
        defaults={p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY},
    )


RULES = {
    name: describe(function)
    for name, function in vars(rules).items()  # in the order of the file
    if inspect.isfunction(function) and function.__module__ == rules.__name__
}
