"""A rule is held to what it declares, and one that declares nothing is right without."""

import functools
import math
import types

import numpy as np
import pytest
from own_rules import OWN, anchored, clipped, counted, factored, trust_ratio

from adamtut import descend, registry, rules
from adamtut.checks import check_hyper
from adamtut.ops import maximum
from adamtut.registry import RULES, describe
from adamtut.traits import (
    AT_LEAST_0,
    MEMORY,
    Range,
    elementwise,
    is_elementwise,
    is_resting,
    ranges,
)
from adamtut.traits import scalar_states as scalars

STREAM = np.random.default_rng(0).normal(size=(4, 3, 5))


def directions(rule, stream):
    """What a rule returns for a stream of gradients, with its start at x = 1."""
    about = describe(rule)
    x = np.ones_like(stream[0])
    state = [start(x) if callable(start) else start for start in about.state.values()]
    found = []
    for t, g in enumerate(stream, start=1):
        d, *state = rule(g, t, *state, **({"x": x} if about.wants_x else {}))
        found.append(d)
    return np.stack(found)


def keeps_its_word(rule):
    """Whether parts, another order and another shape leave every element's step as it is."""
    whole = directions(rule, STREAM)
    order = np.random.default_rng(1).permutation(15)
    row = STREAM.reshape(4, 15)
    parts = [directions(rule, row[:, part]) for part in (slice(4), slice(4, 5), slice(5, 15))]
    alike = [
        (directions(rule, row), whole.reshape(4, 15)),
        (directions(rule, row[:, order]), whole.reshape(4, 15)[:, order]),
        (directions(rule, STREAM.transpose(0, 2, 1)), whole.transpose(0, 2, 1)),
        (np.concatenate(parts, axis=1), whole.reshape(4, 15)),
    ]
    return all(np.array_equal(a, b) for a, b in alike)


HERE = [*(rule.function for rule in RULES.values()), *OWN.values()]
ELEMENTWISE = [rule for rule in HERE if is_elementwise(rule)]


@pytest.mark.parametrize("rule", ELEMENTWISE, ids=lambda rule: rule.__name__)
def test_a_rule_that_declares_to_be_elementwise_is_so(rule):
    assert keeps_its_word(rule)


def test_all_rules_of_the_book_are_elementwise():
    assert [name for name, rule in RULES.items() if not rule.elementwise] == []


# Each would be right on some arrays, and wrong in parts.
LIARS = {
    "the norm": lambda g, t: (g / (g * g).sum() ** 0.5,),
    "a norm above a limit": lambda g, t: (g * min(1.0, 2 / (g * g).sum() ** 0.5),),
    "the mean": lambda g, t: (g - g.mean(),),
    "the mean, later": lambda g, t, m=0.0: (g - (m if t == 4 else 0.0), g.mean()),
    "the neighbour": lambda g, t: (np.roll(g, 1, axis=-1),),
    "the largest": lambda g, t: (maximum(0.1 * abs(g).max(), g),),
    "the place": lambda g, t: (g * (1 + np.arange(g.shape[-1])),),
    "the size": lambda g, t: (g / g.size,),
    "the shape": lambda g, t: (g / g.ndim,),
    "the order": lambda g, t: (np.sort(g, axis=-1),),
}


@pytest.mark.parametrize("fault", LIARS)
def test_a_rule_that_lies_is_caught(fault):
    liar = elementwise(LIARS[fault])
    assert is_elementwise(liar) and not keeps_its_word(liar)


def test_a_wrapper_of_an_elementwise_rule_is_not_elementwise_by_itself():
    """`functools.wraps` copies what was declared to a function that may mix elements."""

    @functools.wraps(rules.adam)
    def clipped(g, *state, **hyper):
        return rules.adam(g / max(1.0, (g * g).sum() ** 0.5), *state, **hyper)

    half = functools.partial(rules.adam, betas=(0.5, 0.5))
    assert [is_elementwise(rule) for rule in (rules.adam, clipped, half)] == [True, False, False]
    assert not describe(clipped).elementwise and not describe(half).elementwise
    for rule in (clipped, half):  # names mean there what they mean in the rule
        assert describe(rule).ranges == describe(rules.adam).ranges != {}
    assert describe(functools.partial(rules.nadam, eps=0.0)).scalars == {"product"}
    assert is_elementwise(elementwise(half))


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (scalars("n"), "scalar_states: n is no state of rule, which has m"),
        (scalars("m", "beta"), "scalar_states: beta is no state of rule, which has m"),
        (ranges(m=MEMORY), "ranges: m is no hyper-parameter of rule, which has beta"),
    ],
)
def test_a_declaration_of_what_is_not_there_is_refused(declare, message):
    def rule(g, t, m=0.0, *, beta=0.9):
        return g, m

    with pytest.raises(ValueError, match=f"^{message}$"):
        declare(rule)


def test_the_registry_knows_what_is_declared():
    assert RULES["nadam"].scalars == {"product"} and RULES["adam"].scalars == set()
    assert RULES["radam"].ranges == {"betas": MEMORY, "eps": AT_LEAST_0}
    assert describe(trust_ratio).wants_x and not describe(factored).wants_x
    assert describe(trust_ratio).defaults == {"beta": 0.9, "trust": 0.01}
    assert describe(lambda g, t, *, x=1.0: (g,)).defaults == {"x": 1.0}  # a setting like any other


def test_every_number_of_the_books_rules_has_a_range():
    """A default is in it, and `descend` refuses what lies below."""
    for rule in RULES.values():
        without = {k for k, default in rule.defaults.items() if k not in rule.ranges}
        assert all(callable(rule.defaults[k]) or rule.defaults[k] in (0, 1) for k in without)
        for name, allowed in rule.ranges.items():
            check_hyper(name, rule.defaults[name], rule.defaults[name], allowed)
            assert allowed.low == 0


def test_a_state_without_a_start_is_refused_by_name():
    def rule(g, t, m, *, beta=0.9):
        return g, m

    with pytest.raises(TypeError, match=r"^rule has a state m without a start: give it a default"):
        descend(rule, lambda x: x, [1.0], 0.1, 1)


def test_a_helper_is_no_rule():
    """Its name begins with an underscore; what is imported is none either."""
    module = types.ModuleType("own")
    source = """
from adamtut.rules import adam

def _halved(g, t):
    return (g / 2,)

def halved(g, t):
    return _halved(g, t)
"""
    exec(source, vars(module) | {"__name__": "own"}, vars(module))
    for name in ("_halved", "halved"):
        vars(module)[name].__module__ = "own"
    assert list(registry.list_rules(module)) == ["halved"]
    assert list(registry.list_rules(rules)) == list(RULES)


# Small rules of other kinds, in `descend`.


def test_a_rule_that_clips_the_norm_sees_the_whole_array():
    big = np.ones(200_000)
    path = descend(clipped, lambda x: big, 0 * big, 1.0, 1)
    assert np.linalg.norm(path[-1]) == pytest.approx(10)


def test_a_rule_that_wants_the_parameter_has_it():
    """A step is a hundredth of the norm of x while the gradient has one direction."""
    path = descend(trust_ratio, lambda x: x, [3.0, 4.0], 0.5, 20, beta=0.0)
    np.testing.assert_allclose(path[-1], np.array([3.0, 4.0]) * (1 - 0.005) ** 20, rtol=1e-12)


def test_a_factored_rule_starts_from_the_shape_of_the_parameter():
    """Of a product of a column and a row it keeps all: it is RMSProp, corrected."""
    g = np.outer([1.0, -2.0, 3.0], [0.5, 4.0])
    path = descend(factored, lambda x: g, np.zeros((3, 2)), 0.1, 3)
    np.testing.assert_allclose(np.diff(path, axis=0), -0.1 * np.sign(g)[None] * np.ones((3, 1, 1)))


def test_a_start_may_be_the_parameter_and_is_a_copy():
    """x is at rest where the slope 2 x is as large as the pull, half the way back to 8."""
    start = np.array([8.0])
    path = descend(anchored, lambda x: 2 * x, start, 0.25, 100)
    start[:] = 0
    assert path[-1] == pytest.approx(8 * 0.5 / 2.5)


# Settings of rules that declare no range.


@pytest.mark.parametrize(
    "hyper", [{}, {"slope": -5}, {"slope": 0.0}, {"weights": (1, -2.0, 3)}, {"weights": [0, 0, 0]}]
)
def test_without_a_range_any_finite_number_will_do(hyper):
    expected = hyper.get("slope", -0.8) * sum(hyper.get("weights", (-1.0, 0.5, 2.0)))
    assert descend(counted, lambda x: 1.0, 0.0, 1.0, 1, **hyper)[-1] == -expected


@pytest.mark.parametrize(
    ("hyper", "error", "message"),
    [
        ({"slope": math.nan}, ValueError, "slope must be finite, got nan"),
        ({"slope": math.inf}, ValueError, "slope must be finite, got inf"),
        ({"slope": "1"}, TypeError, "slope must be a number, got '1'"),
        ({"slope": None}, TypeError, "slope must be a number, got None"),
        ({"weights": (1.0, 2.0)}, ValueError, r"weights must be 3 numbers \(weight1, weight2, wei"),
        ({"weights": 1.0}, ValueError, r"weights must be 3 numbers .* got 1.0"),
        ({"weights": (1.0, [2.0], 3.0)}, ValueError, "weights must be 3 numbers"),
        ({"weights": (1.0, math.nan, 3.0)}, ValueError, "weight2 must be finite, got nan"),
        ({"weights": (1.0, 2.0, "3")}, TypeError, "weight3 must be a number, got '3'"),
    ],
)
def test_without_a_range_the_kind_is_checked(hyper, error, message):
    with pytest.raises(error, match=f"^{message}"):
        descend(counted, lambda x: x, 1.0, 0.1, 1, **hyper)


def test_a_range_counts_by_what_it_says_and_not_by_a_name():
    @ranges(beta=Range(-2, 2), speed=Range(0, finite=False), clip=AT_LEAST_0)
    def rule(g, t, *, beta=1.5, speed=1.0, clip=None):
        return (g,)

    def run(**hyper):
        return descend(rule, lambda x: x, 1.0, 0.1, 1, **hyper)

    run(beta=-2, speed=math.inf, clip=None)
    run(clip=3)
    for hyper, message in [
        ({"beta": 2}, r"beta must lie in \[-2, 2\), got 2"),
        ({"speed": -1}, "speed must be 0 or more, got -1"),
        ({"clip": -1}, "clip must be 0 or more, and finite, got -1"),
    ]:
        with pytest.raises(ValueError, match=f"^{message}$"):
            run(**hyper)


# An element whose gradient is 0.


def rests(rule):
    """Whether it neither moves nor changes its state, whatever that is, at any step."""
    rng = np.random.default_rng(0)
    about = describe(rule)
    for t in (1, 2, 7, 1000):
        state = [rng.uniform(0.1, 2, size=6) for _ in about.state]
        d, *new = rule(np.zeros(6), t, *state)
        if np.any(d != 0) or any(np.any(a != b) for a, b in zip(new, state, strict=True)):
            return False
    return True


@pytest.mark.parametrize("name", RULES)
def test_a_rule_declares_that_it_rests_if_and_only_if_it_does(name):
    assert RULES[name].rests_at_zero is rests(RULES[name].function)


def test_the_rules_that_rest():
    """An average fades where there is no gradient, and moves on."""
    assert [name for name, rule in RULES.items() if rule.rests_at_zero] == ["gd", "adagrad"]


def test_a_wrapper_of_a_rule_that_rests_says_so_itself():
    @functools.wraps(rules.gd)
    def pulled(g, t):
        return (g + 1,)

    assert [is_resting(rule) for rule in (rules.gd, pulled)] == [True, False]
    assert not describe(functools.partial(rules.adagrad, eps=1.0)).rests_at_zero
