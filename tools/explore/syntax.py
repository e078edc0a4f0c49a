"""Functions of Python as JavaScript, by their syntax tree: as much as rules and schedules need.

Names and lines stay. What is not known here, names included, is refused with file and line.
"""

import ast
import json
import math
import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

from adamtut.traits import elementwise, ranges, rests_at_zero, scalar_states

RUNTIME = Path(__file__).with_name("runtime.js").read_text(encoding="utf-8")
KNOWN = set(re.findall(r"^const (\w+)", RUNTIME, re.MULTILINE))
WORDS = """
    arguments case catch const debugger default delete do enum eval export extends function
    implements instanceof interface let new null package private protected public static super
    switch this throw typeof undefined var void
    about aboutSchedules settings state
"""  # of JavaScript, and of the lines that `rule` and `schedule` put before a function's own
RESERVED = set(WORDS.split())

# What a rule declares of itself above its signature; what it computes stays the same.
TRAITS = {trait.__name__ for trait in (elementwise, ranges, rests_at_zero, scalar_states)}

# How tightly JavaScript binds. What binds less than its place asks for stands in parentheses.
CHOICE, COMPARISON, SUM, PRODUCT, POWER, SIGN, ATOM = range(7)
OPERATORS = {
    ast.Lt: ("<", COMPARISON),
    ast.LtE: ("<=", COMPARISON),
    ast.Gt: (">", COMPARISON),
    ast.GtE: (">=", COMPARISON),
    ast.Add: ("+", SUM),
    ast.Sub: ("-", SUM),
    ast.Mult: ("*", PRODUCT),
    ast.Div: ("/", PRODUCT),
    ast.UAdd: ("+", SIGN),
    ast.USub: ("-", SIGN),
}
ROUNDED = {ast.Mod: "$mod", ast.FloorDiv: "$floordiv"}


@dataclass(frozen=True)
class Function:
    """A function in JavaScript; state and settings: name → start value or default there."""

    code: str
    state: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str | None] = field(default_factory=dict)


class Translator:
    """Translates the rules of these names in one file, its schedules, and what they call.

    `schedules` are those of other files: name → names of the settings, by which they are called.
    """

    def __init__(self, text, file, rules=(), schedules=()):
        self.text, self.file, self.rules = text, file, set(rules)
        tree = ast.parse(text)
        self.sources = {f.name: f for f in tree.body if isinstance(f, ast.FunctionDef)}
        own = {name: f for name, f in self.sources.items() if decorators(f) == ["schedule"]}
        self.schedules = dict(schedules) | {name: [*defaults(f)][1:] for name, f in own.items()}
        self.helpers = self.sources.keys() - own.keys() - self.rules
        self.wanted = [*rules, *own]

    def functions(self) -> dict[str, Function]:
        """Name → function, in the order of the file."""
        done = {}
        for name in self.wanted:  # it grows when one calls a helper
            done[name] = self.function(self.sources[name])
        return {name: done[name] for name in self.sources if name in done}

    def refuse(self, node, why="the translator does not know this; write it otherwise or teach it"):
        line = self.text.splitlines()[node.lineno - 1].strip()
        raise SyntaxError(f"{self.file}, line {node.lineno}: {line}: {why}")

    def function(self, f):
        if f.args.posonlyargs or f.args.vararg or f.args.kwarg:
            self.refuse(f)
        for decorator in f.decorator_list:
            known = TRAITS if f.name in self.rules else {"schedule"}
            if ast.unparse(decorator).partition("(")[0] not in known:
                self.refuse(decorator)
        self.local, self.bound = set(), set()  # a default is an expression of the file
        values = {name: d and self.expression(d) for name, d in defaults(f).items()}
        self.local = {*values, *(n.id for n in ast.walk(f) if is_stored(n))}
        self.bind(f, f.name, *values)
        body = self.block(f.body)
        if f.name in self.schedules:
            return schedule(f.name, *split(values, 1), body)
        positional, keyword = split(values, len(f.args.args))
        if f.name in self.rules:
            first, state = split(positional, 2)
            if len(first) < 2 or None in state.values():
                self.refuse(f, "a rule takes gradient and step, then states with start values")
            return rule(f.name, first, state, keyword, body)
        if keyword:
            self.refuse(f)
        return Function(braced(f"function {f.name}({', '.join(taken(values))}) ", body))

    def bind(self, node, *names):
        for name in names:
            if name in RESERVED:
                self.refuse(node, f"the name {name} is taken in JavaScript; choose another")
        self.bound |= set(names)

    def block(self, statements):
        """The lines of a block. A name first bound in it may have no value after it."""
        before = set(self.bound)
        lines = [line for statement in statements for line in self.statement(statement)]
        self.bound = before
        return lines

    def statement(self, node):
        match node:
            case ast.Expr(ast.Constant(str())):  # a docstring
                return []
            case ast.Expr(ast.Call(ast.Attribute(ast.Name() as items, "append"), [item], [])):
                return [f"{self.expression(items)}.push({self.expression(item)});"]
            case ast.Assign([target], value):
                value = self.expression(value)
                return [f"{self.target(target)} = {value};"]
            case ast.Return(ast.expr() as value):
                return [f"return {self.expression(value)};"]
            case ast.If(test, body, []):
                return [braced(f"if ({self.expression(test)}) ", self.block(body))]
            case ast.For(target, items, body, []):
                items, before = self.expression(items), set(self.bound)
                lines = [braced(f"for ({self.target(target)} of {items}) ", self.block(body))]
                self.bound = before
                return lines
        return self.refuse(node)

    def target(self, node):
        """The left side of an assignment. Like a name of Python, `var` belongs to the function."""
        names = node.elts if isinstance(node, ast.Tuple) else [node]
        if not all(isinstance(name, ast.Name) for name in names):
            self.refuse(node)
        names = [name.id for name in names]
        new = "" if self.bound.issuperset(names) else "var "
        self.bind(node, *names)
        return new + (f"[{', '.join(names)}]" if isinstance(node, ast.Tuple) else names[0])

    def expression(self, node, at_least=CHOICE):
        """The text of an expression, in parentheses if it binds less than `at_least`."""
        level, text = self.bare(node)
        return text if level >= at_least else f"({text})"

    def bare(self, node):
        """How tightly an expression binds, and its text."""
        match node:
            case ast.Constant(bool() | int() | float() as x) if float(x) == x < math.inf:
                return ATOM, json.dumps(x)
            case ast.Name(name):
                return ATOM, self.name(node, name)
            case ast.Attribute(ast.Name("math"), "e" | "pi" as name):
                return ATOM, f"Math.{name.upper()}"
            case ast.Tuple(items) | ast.List(items):
                return ATOM, f"[{self.listed(items)}]"
            case ast.UnaryOp(op, x) if type(op) in OPERATORS:
                sign, level = OPERATORS[type(op)]
                return level, sign + self.expression(x, ATOM)
            case ast.BinOp(x, ast.Pow(), y):  # from the right; -a ** b is no JavaScript
                return POWER, f"{self.expression(x, ATOM)} ** {self.expression(y, POWER)}"
            case ast.BinOp(x, op, y) | ast.Compare(x, [op], [y]) if type(op) in OPERATORS:
                sign, level = OPERATORS[type(op)]
                return level, f"{self.expression(x, level)} {sign} {self.expression(y, level + 1)}"
            case ast.BinOp(x, op, y) if type(op) in ROUNDED:
                return ATOM, f"{ROUNDED[type(op)]}({self.listed([x, y])})"
            case ast.IfExp(test, x, y):
                test = self.expression(test, COMPARISON)
                return CHOICE, f"{test} ? {self.expression(x)} : {self.expression(y)}"
            case ast.Call(ast.Name(name)) if name in self.schedules and name not in self.local:
                return ATOM, f"{name}({self.settings(node, self.schedules[name])})"
            case ast.Call(ast.Name(name) as function, items, []):
                return ATOM, f"{self.name(function, name)}({self.listed(items)})"
        return self.refuse(node)

    def listed(self, items):
        return ", ".join(map(self.expression, items))

    def name(self, node, name):
        helper = name in self.helpers and name not in self.local
        if helper and name not in self.wanted:
            self.wanted.append(name)
        if not helper and name not in (self.bound if name in self.local else KNOWN):
            self.refuse(node, f"{name} has no value here that the translator knows of")
        return name

    def settings(self, call, names):
        """What a call of a schedule gives, by name."""
        given = dict(zip(names, call.args, strict=False))
        given |= {keyword.arg: keyword.value for keyword in call.keywords}
        if len(given) < len(call.args) + len(call.keywords) or not given.keys() <= set(names):
            self.refuse(call, f"its settings are {', '.join(names)}")
        return braces(f"{name}: {self.expression(value)}" for name, value in given.items())


def rule(name, first, state, settings, body):
    g, t = first
    head = [
        f"var [{', '.join(taken(state))}] = $state(about.{name}, {g}, {t}, state);",
        f"var {braces(taken(settings))} = $settings(about.{name}, settings);",
    ]
    code = braced(f"function {name}({g}, {t}, state, settings) ", head + body)
    return Function(code, state, settings)


def schedule(name, first, settings, body):
    (t,) = first
    about = f"aboutSchedules.{name}"
    formula = braced(f"return ({t}) => ", [f"{t} = $step({about}, {t});", *body])
    head = f"var {braces(taken(settings))} = $settings({about}, settings);"
    return Function(braced(f"function {name}(settings) ", [head, formula + ";"]), {}, settings)


def taken(values):
    """Parameters, with their defaults."""
    return [name if value is None else f"{name} = {value}" for name, value in values.items()]


def braces(items):
    text = ", ".join(items)
    return f"{{ {text} }}" if text else "{}"


def braced(head, lines):
    body = textwrap.indent("\n".join(lines), "  ")
    return f"{head}{{\n{body}\n}}"


def split(values, n):
    items = list(values.items())
    return dict(items[:n]), dict(items[n:])


def decorators(f):
    return [ast.unparse(decorator) for decorator in f.decorator_list]


def defaults(f):
    """Name of a parameter → syntax tree of its default, or None."""
    without = [None] * (len(f.args.args) - len(f.args.defaults))
    values = [*without, *f.args.defaults, *f.args.kw_defaults]
    return dict(zip([p.arg for p in f.args.args + f.args.kwonlyargs], values, strict=True))


def is_stored(node):
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
