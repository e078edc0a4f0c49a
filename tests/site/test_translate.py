"""The script of the explorables computes what the package does; other text is refused."""

import ast
import copy
import functools
import inspect
import itertools
import json
import math
import random
import re
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from javascript import ThrownError, evaluate, value

from adamtut import ops, plot, rules, schedules
from adamtut.diagnosis.mutants import changes
from adamtut.registry import RULES
from adamtut.schedules import (
    constant,
    cosine,
    cyclical,
    exponential,
    inverse_sqrt,
    linear_decay,
    linear_warmup,
    noam,
    sequence,
    sgdr,
    step_decay,
    triangular,
)
from tools.book import ROOT
from tools.explore.syntax import KNOWN, RUNTIME, Translator
from tools.explore.translate import literals, rules_js

SCRIPT = rules_js()
STEPS = 200
TOLERANCE = 1e-12

# Setting → values besides the default; for others half of the default.
OTHER = {
    "beta": [0.5, 0.99],
    "betas": [(0.5, 0.95), (0.0, 0.6), (0.95, 0.7)],
    "rho": [0.5, 0.999],
    "eps": [1e-3, 0.1, 1e-12],
    "corrected": [True, False],
    "momentum_decay": [0.1, 0.0],
    "base": [2.0, 10.0],
    "alpha": [2.0, 0.25],
    "decay": [
        linear_decay(steps=100),
        cyclical(steps=60, cycles=3.0),
        sgdr(period=20, mult=2, final=0.1),
        0.5 * (linear_warmup(steps=30) * inverse_sqrt()),
        sequence(constant(1.0), 10, cosine(steps=80)),
    ],
}


def halved(default):
    if isinstance(default, bool):
        return not default
    return tuple(map(halved, default)) if isinstance(default, tuple) else default / 2


def cases(name):
    """The defaults, then each of the other values in turn."""
    defaults = RULES[name].defaults
    values = {s: OTHER[s] if s in OTHER else [halved(x)] for s, x in defaults.items()}
    longest = max(map(len, values.values()), default=0)
    return [{}] + [{s: v[i % len(v)] for s, v in values.items()} for i in range(longest)]


def streams():
    """Gradients that are hard on an optimizer."""
    rng = np.random.default_rng(0)
    normal = rng.normal(size=STEPS)
    t = np.arange(STEPS)
    return {
        "small": 1e-3 * normal,
        "large": 1e2 * normal,
        "sparse": normal * (rng.random(STEPS) < 0.1),
        "heavy-tailed": rng.standard_cauchy(STEPS),
        "flips": 3.0 * (-1.0) ** t,
        "constant": np.full(STEPS, 1e-3),  # whose square is the start of Yogi's v
        "growing": normal * 1.05**t,
        "shrinking": normal * 0.9**t,
    }


STREAMS = {name: gradients.tolist() for name, gradients in streams().items()}


def js(x):
    """A setting as JavaScript; what is the default is left out."""
    if isinstance(x, schedules.Schedule):
        parameters = inspect.signature(x.build).parameters
        given = {name: value for name, value in x.settings if value != parameters[name].default}
        return f"adamtut.schedules.{x.build.__name__}({js(given)})"
    if isinstance(x, dict):
        return "{" + ", ".join(f"{name}: {js(value)}" for name, value in x.items()) + "}"
    if isinstance(x, tuple):
        return "[" + ", ".join(map(js, x)) + "]"
    return json.dumps(x)


def run(name, settings, gradients):
    """An expression: direction and state of every step, on given gradients."""
    return f"""{json.dumps(gradients)}.map(((state) => (g, i) => {{
        const result = adamtut.rules.{name}(g, i + 1, state, {js(settings)});
        state = result.slice(1);
        return result;
    }})([]))"""


def runs(name, streams=STREAMS, steps=STEPS):
    """An expression: case → stream → step → direction and state."""
    rows = [
        ", ".join(run(name, settings, STREAMS[stream][:steps]) for stream in streams)
        for settings in cases(name)
    ]
    return "[" + ", ".join(f"[{row}]" for row in rows) + "]"


@functools.cache
def expected(name, streams=tuple(STREAMS), steps=STEPS):
    """The same from Python."""
    found = []
    for settings in cases(name):
        found.append([])
        for stream in streams:
            state, results = (), []
            for t, g in enumerate(STREAMS[stream][:steps], start=1):
                d, *state = RULES[name].function(g, t, *state, **settings)
                results.append([d, *state])
            found[-1].append(results)
    return found


def disagreement(found, oracle):
    """The largest difference, relative number by number; infinite if it cannot be measured."""
    try:
        a, b = np.array(found, dtype=float), np.array(oracle, dtype=float)
    except (TypeError, ValueError):
        return math.inf
    if a.shape != b.shape or not np.isfinite(a).all():
        return math.inf
    size = np.maximum(abs(a), abs(b))
    return (abs(a - b) / np.where(size == 0, 1, size)).max()


@pytest.mark.parametrize("name", RULES)
def test_rules_equal_those_of_the_package(name):
    assert disagreement(value(SCRIPT, runs(name)), expected(name)) <= TOLERANCE


# A comparison that could not fail would prove nothing: every operator and number of a rule is
# changed, once, in a copy of its text, and the translation of that compared.

TIMING = Translator(inspect.getsource(schedules), "schedules.py").schedules
FEW = (("large", "sparse", "constant"), 20)
# Where rho <= 5 the number in its place is not used, and JavaScript minds no root of -1.
EQUIVALENT = {"radam": {f"line {n}: 5.0 → {x}" for n in (20, 21) for x in ("2.5", "-5.0")}}


def translated(text, name):
    functions = Translator(text, "rules.py", [name], TIMING).functions()
    return textwrap.indent(functions[name].code, "  ")


def mutants(name):
    """What was changed → the script with that change."""
    right = translated(inspect.getsource(rules), name)
    assert SCRIPT.count(right) == 1
    tree = ast.parse(inspect.getsource(RULES[name].function))
    tree.body[0].decorator_list = []  # what a rule declares is for Python
    first, made = tree.body[0].lineno - 1, {}
    for i, node in enumerate(ast.walk(tree)):
        for text, change in changes(node, names=()):
            changed = copy.deepcopy(tree)
            change(list(ast.walk(changed))[i])
            if ast.unparse(changed) != ast.unparse(tree):
                wrong = translated(ast.unparse(changed), name)
                made[f"line {node.lineno - first}: {text}"] = SCRIPT.replace(right, wrong)
    return made


@pytest.mark.thorough
@pytest.mark.parametrize("name", RULES)
def test_the_comparison_notices_every_changed_operator_and_number(name):
    made = mutants(name)
    assert len(made) >= (0 if name == "gd" else 5)
    found = evaluate(*((script, runs(name, *FEW)) for script in made.values()))
    survivors = {
        text
        for text, result in zip(made, found, strict=True)
        if disagreement(result, expected(name, *FEW)) <= TOLERANCE
    }
    assert survivors == EQUIVALENT.get(name, set())


# Schedules.

SAMPLES = [
    constant(0.1),
    constant(3),
    inverse_sqrt(),
    step_decay(every=30),
    step_decay(every=7, factor=2),
    exponential(factor=0.99),
    exponential(factor=1.1),
    linear_warmup(steps=4),
    linear_warmup(steps=1500),
    linear_decay(steps=100),
    linear_decay(steps=1999, final=0.3),
    cosine(steps=100),
    cosine(steps=1999, final=0.01),
    cyclical(steps=500, cycles=3.5),
    cyclical(steps=40, cycles=40),
    sgdr(period=50),
    sgdr(period=10, mult=2),
    sgdr(period=1, mult=1.5, final=0.2),
    sgdr(period=7, mult=1.01),
    sgdr(period=30, mult=1.1, final=1),
    triangular(period=4),
    triangular(period=99, low=0.25),
    noam(512, 4000),
    noam(64, 100),
    0.5 * (linear_warmup(steps=16) * inverse_sqrt()) * cosine(steps=999),
    sequence(linear_warmup(steps=20), 20, sgdr(period=30, mult=2)),
    sequence(exponential(factor=0.5), 30, sequence(constant(1), 1000, triangular(period=9))),
]
TIMES = (*range(1, 2001), 0, -3, 0.5, 1.5, 7.25, 1999.5)


def values(times):
    return f"[{', '.join(map(js, SAMPLES))}].map((f) => {json.dumps(times)}.map(f))"


@functools.cache
def expected_values(times):
    return np.array([[sample(t) for t in times] for sample in SAMPLES])


def schedules_disagree(found, times):
    # 1 + cos is only exact to the rounding of 1.
    return isinstance(found, ThrownError) or not np.allclose(
        np.array(found, dtype=float), expected_values(times), rtol=TOLERANCE, atol=1e-15
    )


def test_schedules_equal_those_of_the_package():
    assert {sample.build.__name__ for sample in SAMPLES} == TIMING.keys()
    assert not schedules_disagree(value(SCRIPT, values(TIMES)), TIMES)


FAULTS = [  # in the script this text becomes that one
    ("(y > x ? y : x)", "(y < x ? y : x)"),
    ("(y < x ? y : x)", "x"),
    ("Math.cos", "Math.sin"),
    ("Math.floor", "Math.ceil"),
    ("(condition ? x : y)", "(condition ? y : x)"),
    ("[...list].reverse()", "[...list]"),
    ("Math.round((x - $mod(x, y)) / y)", "x / y"),
    ("return maximum(1, t)", "return t"),
    ("floor(x + 0.5)", "floor(x)"),
    ("range(31)", "range(3)"),
    ("growth * length", "length"),
    ("2.0 ** j", "2.0 * j"),
    ("mult = 1,", "mult = 2,"),
    ("$mod(t - 1, period)", "$mod(t, period)"),
    ("t <= steps, first", "t < steps, first"),
    ("second(t - steps)", "second(t)"),
    ("warmup ** -1.5", "warmup ** -0.5"),
    ("2 * pi * cycles", "pi * cycles"),
]


def test_the_comparison_of_schedules_notices_faults():
    times = TIMES[:100] + TIMES[-6:]
    for right, _ in FAULTS:
        assert SCRIPT.count(right) == 1, right
    found = evaluate(*((SCRIPT.replace(*fault), values(times)) for fault in FAULTS))
    missed = [
        fault
        for fault, result in zip(FAULTS, found, strict=True)
        if not schedules_disagree(result, times)
    ]
    assert missed == []


# What is not finite.


def test_where_floats_raise_javascript_goes_on_as_numpy():
    gradients = [0.0, 1e200, -1e200]
    oracles, jobs = [], []
    for name, rule in RULES.items():
        settings = {"eps": 0.0} if "eps" in rule.defaults else {}
        call = f"adamtut.rules.{name}(g, 1, [], {js(settings)})"
        jobs.append((SCRIPT, f"{gradients}.map((g) => {call})"))
        with np.errstate(all="ignore"):
            oracles.append([rule.function(np.float64(g), 1, **settings) for g in gradients])
    for found, oracle in zip(evaluate(*jobs), oracles, strict=True):
        np.testing.assert_allclose(np.array(found, dtype=float), np.array(oracle, dtype=float))


@pytest.mark.parametrize(
    ("python", "javascript", "found"),
    [
        (lambda: rules.adam(0.0, 1, eps=0.0), "rules.adam(0, 1, [], {eps: 0})[0]", math.nan),
        (lambda: rules.adamax(0.0, 1, eps=0.0), "rules.adamax(0, 1, [], {eps: 0})[0]", math.nan),
        (lambda: rules.rmsprop(1e200, 1), "rules.rmsprop(1e200, 1)[1]", math.inf),
        (lambda: rules.adagrad(1.0, 1, -2.0), "rules.adagrad(1, 1, [-2])[0]", math.nan),
        (lambda: exponential(factor=9.0)(400), "schedules.exponential({factor: 9})(400)", math.inf),
    ],
)
def test_what_raises_in_python_is_nan_or_infinity(python, javascript, found):
    with pytest.raises((ZeroDivisionError, OverflowError, ValueError)):
        python()
    np.testing.assert_equal(value(SCRIPT, f"adamtut.{javascript}"), found)


# What the script says of rules and schedules.


@pytest.fixture(scope="module")
def about():
    """What stands there as JSON, a schedule in it as its value at the first step."""
    told = "(_, x) => typeof x === 'function' ? x(1) : x"
    return value(SCRIPT, f"JSON.parse(JSON.stringify(adamtut.about, {told}))")


def test_every_rule_and_schedule_is_there_in_order():
    names = value(SCRIPT, "Object.values(adamtut).map((part) => Object.keys(part))")
    assert names == [list(RULES), list(TIMING), list(RULES), list(TIMING)]


@pytest.mark.parametrize("name", RULES)
def test_about_a_rule_stands_what_the_package_says(about, name):
    rule, style, found = RULES[name], plot.style(name), dict(about[name])
    dash = [float(length) / 2 for length in found.pop("dash").split()]
    assert dash == ([] if style["linestyle"] == "-" else list(style["linestyle"][1]))
    assert found.pop("lr", None) in (
        None,
        *map(float, re.findall(r"[\d.]*\d", rule.function.__doc__)),
    )
    assert found == {
        "name": name,
        "title": rule.title,
        "paper": rule.paper,
        "year": rule.year,
        "label": style["label"],
        "colour": style["color"],
        "state": rule.state,
        "defaults": {
            setting: list(x) if isinstance(x, tuple) else x(1) if callable(x) else x
            for setting, x in rule.defaults.items()
        },
    }


def test_the_rates_that_rules_are_meant_for(about):
    rates = {name: found["lr"] for name, found in about.items()}
    assert rates.items() >= {"adam": 0.001, "adamax": 0.002, "yogi": 0.01, "adadelta": 1}.items()
    assert rates["gd"] is None


def test_about_a_schedule_stand_its_settings():
    found = value(
        SCRIPT,
        "Object.values(adamtut.aboutSchedules).map(({ name, defaults }) =>"
        " [name, Object.keys(defaults), defaults])",
    )
    for name, settings, defaults in found:  # undefined is not in the JSON
        parameters = inspect.signature(getattr(schedules, name)).parameters
        assert settings == list(parameters)
        assert defaults == {
            setting: p.default for setting, p in parameters.items() if p.default is not p.empty
        }


# Calls.


SAME = [
    ("rules.adam(2, 1)", "rules.adam(2, 1, [0, 0], {betas: [0.9, 0.999], eps: 1e-8})"),
    ("rules.yogi(2, 1, [3])", "rules.yogi(2, 1, [3, 1e-6], {})"),
    ("rules.adam(2, 1, [], {eps: undefined})", "rules.adam(2, 1)"),
    ("rules.adam(2, 1, new Float64Array([1, 2]))", "rules.adam(2, 1, [1, 2])"),
    ("rules.powersign(2, 9, [1], about.powersign.defaults)", "rules.powersign(2, 9, [1])"),
    ("schedules.inverse_sqrt()(4)", "schedules.inverse_sqrt({})(4)"),
]
REFUSED = [
    ("rules.adam(1, 1, [], {beta: 0.9})", "adam: no setting beta; it has betas, eps"),
    ("rules.gd(1, 1, [], {eps: 0})", "gd: no setting eps; it has none"),
    ("rules.adam(1, 1, [], {toString: 0})", "adam: no setting toString; it has betas, eps"),
    ("rules.adam(1, 1, [], {eps: '1e-8'})", "adam: eps must be number, got string 1e-8"),
    ("rules.adam(1, 1, [], {eps: null})", "adam: eps must be number, got object null"),
    ("rules.adam(1, 1, [], {betas: 0.9})", "betas must be [number, number], got number"),
    ("rules.adam(1, 1, [], {betas: [0.9]})", "betas must be [number, number], got [number]"),
    ("rules.adam(1, 1, [], {betas: [0.9, '']})", "got [number, string]"),
    ("rules.amsgrad(1, 1, [], {corrected: 1})", "corrected must be boolean, got number 1"),
    ("rules.addsign(1, 1, [], {decay: 0.5})", "decay must be function, got number 0.5"),
    ("rules.adam(1, 1, [1, 2, 3])", "adam: its state is [m, v], got 3 numbers"),
    ("rules.adam(1, 1, rules.adam(1, 1))", "adam: its state is [m, v], got 3 numbers"),
    ("rules.adam('1', 1)", "g, t and state must be numbers, got [string, number]"),
    ("rules.adam(1)", "g, t and state must be numbers, got [number, undefined]"),
    ("rules.adam(1, 1, ['0'])", "got [number, number, string]"),
    ("schedules.sgdr({})", "sgdr: the setting period is missing"),
    ("schedules.sgdr()", "sgdr: the setting period is missing"),
    ("schedules.sgdr({period: '5'})", "period must be number or function, got string 5"),
    ("schedules.sgdr({period: 5, times: 2})", "no setting times; it has period, mult, final"),
    ("schedules.sgdr({period: 5})('3')", "sgdr: t must be a number, got string 3"),
    ("schedules.sgdr({period: 5})()", "sgdr: t must be a number, got undefined"),
]


def called(*calls):
    bare = "const { rules, schedules, about } = adamtut;"
    return evaluate(*((SCRIPT + bare, call) for call in calls))


def test_what_is_left_out_has_its_default():
    for first, second in called(*(f"[{', '.join(pair)}]" for pair in SAME)):
        assert first == second and np.isfinite(first).all()


def test_a_call_that_python_would_refuse_is_refused():
    results = called(*(call for call, _ in REFUSED))
    accepted = [
        (call, result)
        for (call, message), result in zip(REFUSED, results, strict=True)
        if message not in str(result) or not str(result).startswith("TypeError: ")
    ]
    assert accepted == []


# The script.


def test_every_function_of_ops_has_its_twin():
    functions = {name for name, f in vars(ops).items() if inspect.isfunction(f)} - {"namespace"}
    assert functions - KNOWN == set(), "write it into tools/explore/runtime.js, on numbers"


def test_the_script_defines_nothing_but_adamtut():
    names = set(re.findall(r"(?:const|var|function) \[?([\w$]+)", SCRIPT)) - {"adamtut"}
    assert {"about", "adam", "sqrt", "$mod", "m_hat"} <= names
    kinds = [f"typeof {name}" for name in sorted(names)]
    assert value(SCRIPT, f"[{', '.join(kinds)}, typeof adamtut]") == [
        *["undefined"] * len(kinds),
        "object",
    ]


def test_the_script_can_stand_in_a_page():
    assert SCRIPT.isascii()
    assert "</" not in SCRIPT and "<!--" not in SCRIPT
    (text,) = literals({"title": "</script><!--"}).values()
    assert "<" not in text and value("", text) == "</script><!--"


def test_the_script_is_small():
    assert len(SCRIPT) < 25_000


# The translation keeps the meaning.


def both(text, *arguments):
    """What the function `helper` of a text returns in Python and in JavaScript."""
    namespace = {}
    exec(text, namespace)
    python = [namespace["helper"](*given) for given in arguments]
    rule = "\n\ndef rule(g, t):\n    return (helper(g, t),)\n"
    functions = Translator(text + rule, "new.py", ["rule"]).functions()
    script = "\n".join([RUNTIME, *(function.code for function in functions.values())])
    return python, value(script, f"{json.dumps(arguments)}.map((given) => helper(...given))")


NUMBERS = [-2.5, -1.0, 0.5, 1.0, 3.0]
TRIPLES = list(itertools.product(NUMBERS, repeat=3))
EXPRESSIONS = [
    "-a ** 2",
    "(-a) ** 2",
    "abs(a) ** -b",
    "abs(a) ** abs(b) ** c",
    "(abs(a) ** abs(b)) ** c",
    "a - (b - c)",
    "a - b - c",
    "a / (b / c)",
    "a * (b / c)",
    "a / b * c",
    "a % b",
    "-a % b",
    "-(a % b)",
    "a % -b * c",
    "a // b",
    "a // b % c",
    "2 * a % b ** 2",
    "- -a",
    "-(-a)",
    "a - -b",
    "+a",
    "(a < b) + (b <= c)",
    "(a > b) - (a < b)",
    "(a < b) < c",
    "a < (b < c)",
    "a if b > c else c",
    "(a if b > c else c) - 1",
    "a if b > c else b if a >= c else 0.5",
    "(a if a > b else b) if c > 0 else (b if a > b else a)",
    "1 if (a if b > c else c) > 0 else 2",
    "a if (0 if b > c else 1) else c",
    "True + a",
    "[a, (b, c), [], (a,)]",
]  # fmt: skip


def differing(expressions, arguments):
    python, javascript = both(
        f"def helper(a, b, c=0.0):\n    return [{', '.join(expressions)}]\n", *arguments
    )
    return {
        text
        for expected, found in zip(python, javascript, strict=True)
        for text, x, y in zip(expressions, expected, found, strict=True)
        if json.loads(json.dumps(x)) != y
    }


def test_expressions_mean_the_same():
    assert differing(EXPRESSIONS, TRIPLES) == set()


def random_expression(rng, depth):
    if depth == 0:
        return ast.Name(rng.choice("abc")) if rng.random() < 0.7 else ast.Constant(0.5)
    grow = functools.partial(random_expression, rng, depth - 1)
    match rng.choice(["binary"] * 5 + ["power", "minus", "compare", "choice"]):
        case "power":  # where Python and Node have the same last digit
            return ast.BinOp(grow(), ast.Pow(), ast.Constant(2))
        case "minus":
            return ast.UnaryOp(ast.USub(), grow())
        case "compare":
            return ast.Compare(grow(), [rng.choice([ast.Lt(), ast.GtE()])], [grow()])
        case "choice":
            return ast.IfExp(grow(), grow(), grow())
    operators = [ast.Add(), ast.Sub(), ast.Mult(), ast.Div(), ast.Mod(), ast.FloorDiv()]
    return ast.BinOp(grow(), rng.choice(operators), grow())


def test_random_expressions_mean_the_same():
    rng, arguments, texts = random.Random(0), [(2.0, 3.0, 0.5), (-1.5, 0.25, 4.0)], []
    while len(texts) < 500:
        text = ast.unparse(random_expression(rng, depth=rng.choice([2, 3, 4])))
        try:
            for given in arguments:
                eval(text, dict(zip("abc", given, strict=True)))
        except ZeroDivisionError:
            continue
        texts.append(text)
    assert differing(texts, arguments) == set()


@pytest.mark.parametrize(
    "body",
    [
        "a, b = b, a\nreturn a - 2 * b",
        "m = a\nm = m + b\na = m\nreturn [a, m]",
        "x = 1\nfor x in range(4):\n    a = a + x\nreturn [a, x]",
        "x = 1\nfor x, y in [(2, 3), (4, 5)]:\n    z = x * y\n    a = a + z\nreturn [a, x]",
        "for j in range(3):\n    j = j + 10\n    a = a + j\nreturn a",
        "k = []\nfor j in range(3):\n    if a < j:\n        a = j\n    k.append((j, a))\nreturn k",
        "k = [1]\nfor x in reversed([1, 2, 3]):\n    k.append(x)\nreturn k",
        "if a > b:\n    a = b\nreturn maximum(a, minimum(b, 0.25))",
        "sign = a + b\nreturn sign * where(a > b, 1, 2)",
        "if a > b:\n    return a\nreturn _half(b)",
        "return [math.e, math.pi, floor(-0.5), float(2), sign(-3.0), sign(0), cos(0)]",
    ],
)
def test_statements_mean_the_same(body):
    text = "import math\nfrom adamtut.ops import cos, floor, maximum, minimum, sign, where\n\n\n"
    text += f"def helper(a, b, c=0.0):\n{textwrap.indent(body, '    ')}\n\n\n"
    text += "def _half(x):\n    return x / 2\n"
    python, javascript = both(text, *TRIPLES)
    assert javascript == json.loads(json.dumps(python))


# What it does not know it refuses.

UNKNOWN = [
    "x = lambda y: y",
    "x = [y for y in betas]",
    "x = sum(y for y in betas)",
    "x = {1: 2}",
    "x = betas[0]",
    "x = g.shape",
    "x = math.sqrt(g)",
    "x = math.inf",
    "x = g if g else None",
    "x = 'text'",
    "x = f'{g}'",
    "x = 1j",
    "x = 1e999",
    "x = 2**53 + 9007199254740993",
    "x = g < m < 1",
    "x = g == m",
    "x = g is m",
    "x = g and m",
    "x = not g",
    "x = ~t",
    "x = g @ g",
    "x = t & 1",
    "x = (y := g)",
    "x = max(g, m)",
    "x = g.clip(0, 1)",
    "x = maximum(x=g, y=m)",
    "x = maximum(*betas)",
    "x = constant(1, 2)",
    "x = constant(wert=1)",
    "x = constant(**betas)",
    "x = rule",
    "x = rule(g, t)",
    "x = y = g",
    "x, *y = betas",
    "x, (y, z) = betas",
    "betas.x = 1",
    "betas[0] = 1",
    "x: float = g",
    "m += g",
    "del g",
    "assert g",
    "pass",
    "return",
    "print(g)",
    "m.extend(betas)",
    "while g: m = g",
    "with g: m = g",
    "import math",
    "global m",
    "def inner(): return g",
    "raise ValueError",
    "for x in betas: break",
    "var = g",
    "state = g",
    "about = g",
    "x = x_later",
    "x = x",
]


RULE = '''"""One line.

Another."""


def rule(g, t, m=0.0, *, betas=(0.9, 0.999)):
    {line}
    x_later = g
    return g, m
'''


def refused(text):
    with pytest.raises(SyntaxError) as refusal:
        Translator(text, "new.py", ["rule"], TIMING).functions()
    return str(refusal.value)


@pytest.mark.parametrize("line", UNKNOWN)
def test_unknown_syntax_is_refused_with_its_line(line):
    assert refused(RULE.format(line=line)).startswith(f"new.py, line 7: {line}: ")


def test_what_stands_in_the_place_is_not_refused():
    Translator(RULE.format(line="x = g"), "new.py", ["rule"], TIMING).functions()


def test_in_a_function_that_is_called_too():
    text = RULE.format(line="x = other(g)") + "\n\ndef other(g):\n    return g.T\n"
    assert refused(text).startswith("new.py, line 13: return g.T: ")


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("def rule(g, t, m, *, beta=0.9):", "states with start values"),
        ("def rule(g, *, m=0.0):", "a rule takes gradient and step"),
        ("def rule(g, t, /, m=0.0):", "does not know"),
        ("def rule(g, t, *m):", "does not know"),
        ("def rule(g, t, **m):", "does not know"),
        ("def rule(g, t, m=0.0, *, beta=unknown):", "unknown has no value"),
        ("def rule(g, t, m=0.0, *, beta=m):", "m has no value"),
        ("def rule(g, t, m=0.0, *, default=0.9):", "default is taken in JavaScript"),
        ("@elsewhere\ndef rule(g, t):", "does not know"),
    ],
)
def test_an_unknown_head_is_refused(head, why):
    message = refused(f"{head}\n    m = g\n    return g, m\n")
    assert re.match(r"new.py, line [12]: ", message) and why in message


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("if g > 0:\n    x = g\nreturn g, x", "x"),  # Python has no x when g <= 0
        ("for x in range(0):\n    m = g\nreturn x, m", "x"),
        ("for j in range(3):\n    m = late\n    late = g\nreturn g, m", "late"),
        ("m = sign(g)\nsign = m\nreturn g, m", "sign"),
        ("return g, unknown", "unknown"),
        ("return missing(g), m", "missing"),
        ("return g, _private(m)", "_private"),
    ],
)
def test_a_name_without_a_value_is_refused(body, name):
    text = f"def rule(g, t, m=0.0):\n{textwrap.indent(body, '    ')}\n"
    assert f"{name} has no value here" in refused(text)


@pytest.mark.parametrize("statement", ["for j in range(3)", "if g > 0"])
def test_else_is_refused(statement):
    body = f"    {statement}:\n        m = g\n    else:\n        m = t\n    return g, m\n"
    assert "does not know" in refused(f"def rule(g, t, m=0.0):\n{body}")


# The package grows, and the script with it.

SIGNUM = """

def signum(g, t, m=0.0, *, beta=0.9):
    \"\"\"Signum: the sign of the heavy ball's direction.

    Source: Bernstein et al. 2018, algorithm 2
    \"\"\"
    m = beta * m + g
    return sign(m), m
"""
INVERSE_TIME = """

@schedule
def inverse_time(t, *, rate=0.5):
    \"\"\"Falls as 1 / t.\"\"\"
    return 1 / (1 + rate * (t - 1))
"""


@pytest.fixture
def copy_of_the_package(tmp_path):
    shutil.copytree(ROOT / "adamtut", tmp_path / "adamtut", ignore=shutil.ignore_patterns("__pyc*"))
    shutil.copytree(ROOT / "tools/explore", tmp_path / "tools/explore")
    (tmp_path / "tools/__init__.py").touch()

    def add(file, text):
        with (tmp_path / "adamtut" / file).open("a", encoding="utf-8") as f:
            f.write(text)

    def printed():
        return subprocess.run(
            [sys.executable, "-m", "tools.explore.translate"],
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
        )

    return add, printed


def test_a_new_rule_and_a_new_schedule_are_in_the_script(copy_of_the_package):
    add, printed = copy_of_the_package
    add("rules.py", SIGNUM)
    add("schedules.py", INVERSE_TIME)
    script = printed().stdout
    gradients = STREAMS["heavy-tailed"]
    namespace = {"sign": rules.sign}
    exec(SIGNUM, namespace)
    state, expected = (), []
    for t, g in enumerate(gradients, start=1):
        d, *state = namespace["signum"](g, t, *state, beta=0.5)
        expected.append([d, *state])
    assert disagreement(value(script, run("signum", {"beta": 0.5}, gradients)), expected) <= 1e-12
    assert value(script, "adamtut.schedules.inverse_time({ rate: 1 })(4)") == 0.25
    assert value(script, "adamtut.about.signum") == {
        "name": "signum",
        "title": "Signum: the sign of the heavy ball's direction.",
        "paper": "Bernstein et al.",
        "year": 2018,
        "label": "signum",
        "colour": plot.INK,
        "dash": "",
        "lr": None,
        "state": {"m": 0},
        "defaults": {"beta": 0.9},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "\n\ndef bad(g, t):\n    return (g.clip(0, 1),)\n",
            r"rules.py, line \d+: return \(g.clip",
        ),
        ("\n\ndef cosine(g, t):\n    return (g,)\n", "two functions have the name cosine"),
        ("\n\ndef sqrt(g, t):\n    return (g,)\n", "two functions have the name sqrt"),
    ],
)
def test_what_cannot_be_translated_stops_the_build(copy_of_the_package, text, message):
    add, printed = copy_of_the_package
    add("rules.py", text)
    done = printed()
    assert done.returncode != 0 and done.stdout == ""
    assert re.search(message, done.stderr)
