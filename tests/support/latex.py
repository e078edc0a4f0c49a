"""Evaluate displayed formulas: as much of LaTeX as tools/sphinx/formulas.py writes.

Written without a look at that printer, so that a fault of it is one fault and not two that agree.
"""

import math
import re

TOKENS = re.compile(
    r"""\s*(?:
      (?P<number>\d+(?:\.\d+)?)
    | (?P<name>(?:\\hat\s+\w | \\mathrm\{\w+\} | v\^\{\\max\}
        | \\(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau
            |phi|chi|psi|omega)(?![a-z]) | [A-Za-z])
        '? (?:_(?:\{[^}]*\}|\\infty|\w))?)
    | (?P<command>\\(?:d?frac|sqrt|operatorname\{sign\}|max|cdot|infty|,|\\)
        | \\begin\{cases\} | \\end\{cases\} | \\text\{[^}]*\} | [-+^{}(),|&>])
    )""",
    re.VERBOSE,
)


def evaluate(formula: str, values: dict) -> dict:
    """The value of each name in the lines `name &= expression`; starts are not needed.

    `values` are those of the names that no line explains; `f` is a function, and of the words in
    conditions the value says whether they hold.
    """
    values = dict(values)
    for name, expression in lines(formula):
        if not name.endswith("_0"):
            values[name] = Reader(expression, values).all()
    return values


def starts(formula: str) -> dict:
    """Name of a state without its index → start value, in the order of the rule."""
    first = formula.splitlines()[1].removesuffix(r"\\").replace("&", "")
    found = [part.split("=") for part in first.split(r",\quad")]
    return {
        name.strip().removesuffix("_0"): Reader(value, {}).all()
        for name, value in found
        if name.strip().endswith("_0")
    }


def lines(formula):
    body = formula.removeprefix("\\begin{aligned}\n").removesuffix("\n\\end{aligned}")
    for line in body.split("\\\\\n"):
        name, _, expression = line.partition("&=")
        yield name.strip(), expression


class Reader:
    """A parser of one expression, by recursive descent."""

    def __init__(self, text, values):
        self.values, self.tokens, at = values, [], 0
        while text[at:].strip():
            found = TOKENS.match(text, at)
            assert found, f"no formula that this test can read: {text[at:]}"
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self.tokens = [token for token in self.tokens if token[1] not in (r"\,", r"\cdot")]

    def next(self):
        return self.tokens[0][1] if self.tokens else ""

    def take(self, *expected):
        kind, token = self.tokens.pop(0)
        assert not expected or token in expected, f"expected {expected}, found {token}"
        return kind, token

    def all(self):
        value = self.sum()
        assert not self.tokens, f"left over: {self.tokens}"
        return value

    def cases(self):
        first = self.sum()
        self.take("&")
        self.take(r"\text{if }")
        if self.next().startswith(r"\text"):
            holds = self.values[self.take()[1][6:-1]]
        else:
            left = self.sum()
            self.take(">")
            holds = left > self.sum()
        self.take("\\\\")
        second = self.sum()
        self.take("&")
        self.take(r"\text{else}")
        self.take(r"\end{cases}")
        return first if holds else second

    def sum(self):
        sign = self.take()[1] if self.next() == "-" else "+"
        value = self.product() if sign == "+" else -self.product()
        while self.next() in ("+", "-"):
            sign = self.take()[1]
            value = value + self.product() if sign == "+" else value - self.product()
        return value

    def product(self):
        value = self.power()
        while self.next() and self.next() not in {*"+-)},|&>", "\\\\", r"\end{cases}"}:
            value *= self.power()
        return value

    def power(self):
        value = self.atom()
        if self.next() == "^":
            self.take()
            value **= self.braced()
        return value

    def braced(self):
        if self.next() != "{":
            return self.atom()
        self.take("{")
        value = self.sum()
        self.take("}")
        return value

    def arguments(self):
        self.take("(")
        found = [self.sum()]
        while self.take(",", ")")[1] == ",":
            found.append(self.sum())
        return found

    def atom(self):
        kind, token = self.take()
        if kind == "number":
            return float(token)
        if kind == "name" and token == "f":
            return self.values["f"](*self.arguments())
        if kind == "name":
            return self.values[token]
        if token in (r"\frac", r"\dfrac"):
            above = self.braced()
            return above / self.braced()
        if token == r"\sqrt":
            return math.sqrt(self.braced())
        if token == r"\operatorname{sign}":
            (x,) = self.arguments()
            return (x > 0) - (x < 0)
        if token == r"\max":
            return max(self.arguments())
        if token == "(":
            value = self.sum()
            self.take(")")
            return value
        if token == r"\begin{cases}":
            return self.cases()
        assert token == "|", f"no value begins with {token}"
        value = abs(self.sum())
        self.take("|")
        return value
