"""A rule, run once on stand-ins for its arguments, becomes two lists of operations, written as C.

The stand-ins take part in `+ - * / **` and comparisons, and bring the functions that `adamtut.ops`
asks an array for, so that the very text of the rule, and `step.take_step` around it, is what is
compiled. Each is a *number*, the same for all elements of a tensor (t, settings, states that are
one number), or an *element* (x, g, the other states). Numbers are computed in double precision, as
Python does it, once for each tensor; where one meets an element it is rounded to the precision of
the elements first, as NumPy does it. So the loop over the elements holds what depends on them, and
nothing else.

A trace has no values: a rule that branches on one, or turns one into a number of Python's, raises
`UntraceableError`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

from adamtut.optim.eager import _with_functions
from adamtut.registry import Description
from adamtut.step import take_step


class UntraceableError(Exception):
    """A rule asks for the value of something that has none while it is traced; how, and what to do
    instead."""


# Where Python raises (a division of numbers by 0, the root of a negative one), or where rounding
# would, these set *odd, and nothing is stepped: the rule then runs in Python, which says why.
NUMBERS = {
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "div": "quotient({}, {}, &odd)",
    "floordiv": "whole_quotient({}, {}, &odd)",
    "mod": "modulo({}, {}, &odd)",
    "pow": "raised({}, {}, &odd)",
    "neg": "-{}",
    "abs": "fabs({})",
    "sqrt": "root({}, &odd)",
    "cos": "wave({}, &odd)",
    "floor": "whole({}, &odd)",
    "sign": "({0} > 0) - ({0} < 0)",
    "maximum": "{1} > {0} || {1} != {1} ? {1} : {0}",
    "minimum": "{1} < {0} || {1} != {1} ? {1} : {0}",
    "reciprocal": "reciprocal({}, &odd)",
}
ELEMENTS = {
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "div": "{} / {}",
    "square": "{0} * {0}",
    "pow": "pow({}, {})",
    # What NumPy makes of an exponent that is one number.
    "pow_number": "{1} == 2 ? {0} * {0} : {1} == 1 ? {0} : {1} == (T).5 ? sqrt({0}) : "
    "{1} == -1 ? 1 / {0} : {1} == 0 ? 1 : pow({0}, {1})",
    "neg": "-{}",
    "abs": "fabs({})",
    "sqrt": "sqrt({})",
    "cos": "cos({})",
    "floor": "floor({})",
    "sign": "{0} > 0 ? 1 : {0} < 0 ? -1 : {0} == 0 ? 0 : {0}",
    "maximum": "{0} > {1} || {0} != {0} ? {0} : {1}",
    "minimum": "{0} < {1} || {0} != {0} ? {0} : {1}",
}
BOTH = {
    "lt": "{} < {}",
    "le": "{} <= {}",
    "gt": "{} > {}",
    "ge": "{} >= {}",
    "eq": "{} == {}",
    "ne": "{} != {}",
    "and": "{} && {}",
    "or": "{} || {}",
    "not": "!{}",
    "where": "{} ? {} : {}",
}
COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne"}
LOGIC = {"and", "or", "not"}


class Trace:
    """The operations so far, each once, in the order in which they were asked for."""

    def __init__(self, exact):
        self.exact = exact
        self.nodes: dict[tuple, Node] = {}

    def node(self, op, *args, varies=None):
        """The node of an operation; that of an earlier one where it is the same."""
        key = (op, varies, *(a if isinstance(a, str) else a.name for a in args))
        if key not in self.nodes:
            inner = [a for a in args if isinstance(a, Node)]
            if varies is None:
                varies = any(a.varies for a in inner)
            truth = op in COMPARISONS or op in LOGIC
            name = f"{'e' if varies else 'n'}{len(self.nodes)}"
            self.nodes[key] = Node(self, name, op, args, varies, truth)
        return self.nodes[key]

    def as_node(self, value):
        """A Python number as a node."""
        if isinstance(value, Node):
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"expected a number, got {value!r}")
        return self.node("constant", float(value).hex(), varies=False)

    def apply(self, op, *args):
        """An operation on nodes and Python numbers."""
        nodes = [self.as_node(a) for a in args]
        values = nodes[1:] if op == "where" else nodes
        if any(a.truth != (op in LOGIC) for a in values) or (op == "where" and not nodes[0].truth):
            raise TypeError(f"{op} of a truth value and a number is not traced")
        if any(a.varies for a in nodes):
            if op in ("floordiv", "mod"):
                raise TypeError(f"{op} of elements is not traced")
            if op == "pow" and not nodes[1].varies:
                return self._power(*nodes)
            if op == "div" and not nodes[1].varies and not self.exact:
                # One division instead of one for each element.
                return self.node("mul", nodes[0], self.node("reciprocal", nodes[1]))
        return self.node(op, *nodes)

    def _power(self, base, exponent):
        if exponent.op == "constant" and float.fromhex(exponent.args[0]) == 2:
            return self.node("square", base)
        return self.node("pow_number", base, exponent)


def _forward(op):
    def method(self, other):
        return self.trace.apply(op, self, other) if _takes(other) else NotImplemented

    return method


def _backward(op):
    def method(self, other):
        return self.trace.apply(op, other, self) if _takes(other) else NotImplemented

    return method


def _takes(value):
    return isinstance(value, Node | int | float)


def _no_branch(self, *_):
    raise UntraceableError(
        "which branches on a value", "adamtut.ops.where chooses without a branch"
    )


def _no_number(self, *_):
    raise UntraceableError(
        "which needs a number of Python's, as math.sqrt does", "adamtut.ops has what takes any"
    )


class Node:
    """What stands for a number or an element in a rule that is traced."""

    __array_ufunc__ = None  # or NumPy would make an array of objects of it

    def __init__(self, trace, name, op, args, varies, truth):
        self.trace, self.name, self.op, self.args = trace, name, op, args
        self.varies, self.truth = varies, truth

    def __array_namespace__(self):
        return SimpleNamespace(
            sqrt=lambda x: self.trace.apply("sqrt", x),
            cos=lambda x: self.trace.apply("cos", x),
            floor=lambda x: self.trace.apply("floor", x),
            sign=lambda x: self.trace.apply("sign", x),
            clip=self._clip,
            where=lambda condition, x, y: self.trace.apply("where", condition, x, y),
        )

    def _clip(self, x, low, high):
        if low is not None:
            x = self.trace.apply("maximum", x, low)
        return x if high is None else self.trace.apply("minimum", x, high)

    __add__, __radd__ = _forward("add"), _backward("add")
    __sub__, __rsub__ = _forward("sub"), _backward("sub")
    __mul__, __rmul__ = _forward("mul"), _backward("mul")
    __truediv__, __rtruediv__ = _forward("div"), _backward("div")
    __floordiv__, __rfloordiv__ = _forward("floordiv"), _backward("floordiv")
    __mod__, __rmod__ = _forward("mod"), _backward("mod")
    __pow__, __rpow__ = _forward("pow"), _backward("pow")
    __and__ = _forward("and")
    __or__ = _forward("or")
    __lt__ = _forward("lt")
    __le__ = _forward("le")
    __gt__ = _forward("gt")
    __ge__ = _forward("ge")
    __eq__ = _forward("eq")
    __ne__ = _forward("ne")
    __hash__ = None  # type: ignore[assignment]

    def __neg__(self):
        return self.trace.apply("neg", self)

    def __pos__(self):
        return self

    def __abs__(self):
        return self.trace.apply("abs", self)

    def __invert__(self):
        return self.trace.apply("not", self)

    __bool__ = __iter__ = __len__ = _no_branch
    __float__ = __int__ = __index__ = _no_number


class Loop(NamedTuple):
    """A traced rule as lines of C, and how many of each thing it has."""

    numbers: str  # from t, settings `s` and one-number states `c` to `row`
    rounding: str  # from `row` to what the elements meet
    elements: str  # of one `i`, from loads to stores
    row: int  # entries of `row`; new one-number states stand at its end
    states: int  # states that are elements
    counters: int  # states that are one number


@dataclass(frozen=True)
class Number:
    """What stands for each number in the settings of a `trace`."""

    place: int


def trace(about: Description, settings: dict[str, Any], exact: bool) -> Loop:
    """Trace `take_step` of a rule; a setting that is a `Number` has its place among all numbers.

    With `exact` the loop makes the very operations of the rule; without, dividing by a number
    becomes a product with its reciprocal.
    """
    made = Trace(exact)
    t, x, g = made.node("t", varies=False), made.node("x", varies=True), made.node("g", varies=True)
    state, counters = [], 0
    for slot in about.state:
        if slot in about.scalars:
            state.append(made.node("counter", str(counters), varies=False))
            counters += 1
        else:
            state.append(made.node("state", str(len(state) - counters), varies=True))

    def stand_in(value):
        if isinstance(value, Number):
            return made.node("setting", str(value.place), varies=False)
        return value

    given = map_leaves(stand_in, settings)
    given["hyper"] = _with_functions(given["hyper"], given.pop("functions"))
    new_x, new_state = take_step(about, x, g, state, t, **given)
    if len(new_state) != len(state):
        raise TypeError(f"{about.name} returns {len(new_state)} states and takes {len(state)}")
    new = [made.as_node(value) for value in (new_x, *new_state)]
    for slot, old, value in zip(("x", *about.state), (x, *state), new, strict=True):
        if value.varies != old.varies or value.truth:
            raise TypeError(f"{about.name} returns a {slot} of another kind than it takes")
    return _written(made, x, state, new)


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """A tree of dictionaries and tuples with `function` of each of its leaves."""
    if isinstance(tree, dict):
        return {key: map_leaves(function, value) for key, value in tree.items()}
    if isinstance(tree, tuple):
        return tuple([map_leaves(function, value) for value in tree])
    return function(tree)


def leaves(tree: Any) -> list:
    """All leaves of a tree, in order."""
    found: list[Any] = []
    map_leaves(found.append, tree)
    return found


def is_number(value: Any) -> bool:
    """Whether a setting is passed to the loop; a switch is built into it."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _written(made, x, state, new):
    """The operations that the new values need, as C."""
    used = _needed(new)
    nodes = [node for node in made.nodes.values() if node.name in used]
    met = {
        a.name: a
        for node in nodes
        if node.varies
        for a in node.args
        if isinstance(a, Node) and not a.varies and a.op != "constant"
    }
    new_counters = [value for old, value in zip(state, new[1:], strict=True) if not old.varies]
    numbers = [f"const double {n.name} = {_number(n)};" for n in nodes if not n.varies]
    numbers += [
        f"row[{i}] = {_operand(value, False)};"
        for i, value in enumerate([*met.values(), *new_counters])
    ]
    rounding = [
        f"const {'int' if a.truth else 'T'} r{a.name} = {'' if a.truth else '(T)'}row[{i}]"
        f"{' != 0' if a.truth else ''};"
        for i, a in enumerate(met.values())
    ]
    elements = [
        f"const {'int' if n.truth else 'T'} {n.name} = {_element(n)};" for n in nodes if n.varies
    ]
    new_elements = [value for old, value in zip(state, new[1:], strict=True) if old.varies]
    elements += [f"m{k}[i] = STORE({value.name});" for k, value in enumerate(new_elements)]
    elements.append(f"x[i] = STORE({new[0].name});")
    return Loop(
        numbers="\n    ".join(numbers),
        rounding="\n    ".join(rounding),
        elements="\n        ".join(elements),
        row=len(met) + len(new_counters),
        states=len(new_elements),
        counters=len(new_counters),
    )


def _needed(nodes):
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node.name not in found:
            found.add(node.name)
            waiting += [a for a in node.args if isinstance(a, Node)]
    return found


def _number(node):
    """C for a number, from other numbers."""
    if node.op in ("t", "setting", "counter", "constant"):
        place = node.args[0] if node.args else ""
        return {"t": "t", "setting": f"s[{place}]", "counter": f"c[{place}]"}.get(
            node.op, _literal(place)
        )
    form = (NUMBERS | BOTH)[node.op]
    return form.format(*(_operand(a, False) for a in node.args))


def _element(node):
    """C for an element, from other elements and rounded numbers."""
    if node.op in ("x", "g"):
        return f"LOAD({node.op}[i])"
    if node.op == "state":
        return f"LOAD(m{node.args[0]}[i])"
    form = (ELEMENTS | BOTH)[node.op]
    return form.format(*(_operand(a, True) for a in node.args))


def _operand(node, rounded):
    if node.varies or not rounded:
        return node.name
    return f"(T){_literal(node.args[0])}" if node.op == "constant" else f"r{node.name}"


def _literal(text):
    return {"inf": "INFINITY", "-inf": "(-INFINITY)", "nan": "NAN"}.get(text, f"({text})")
