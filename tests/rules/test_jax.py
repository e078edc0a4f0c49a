"""Every rule under `jax.jit`, with the step number traced: NumPy's numbers from one trace."""

from contextlib import nullcontext
from functools import partial

import jax
import numpy as np
import pytest
from cases import CASES
from jax import numpy as jnp

from adamtut import rules, schedules
from adamtut.experiments.conventions import LR, STEPS, streams
from adamtut.ops import maximum, minimum
from adamtut.registry import RULES, describe

# The sign rules once more, with an effect that fades.
FADING = {
    f"{rule.__name__}, fading": partial(rule, decay=schedules.linear_decay(steps=20))
    for rule in (rules.powersign, rules.addsign)
}
FUNCTIONS = {name: rule.function for name, rule in RULES.items()} | FADING

# All streams side by side, since every rule works coordinate by coordinate.
STREAMS = streams() | {"zero": np.zeros((STEPS, 6))}
GRADIENTS = np.concatenate(list(STREAMS.values()), axis=1)
START = np.tile(np.linspace(-1, 1, 6), len(STREAMS))

# dtype, is float64 switched on in jax, largest difference relative to the path
MODES = {
    "float64": (np.float64, True, 1e-14),
    "float32 with float64 on": (np.float32, True, 4 * 2.0**-23),
    "float32": (np.float32, False, 4 * 2.0**-23),
}


def start_state(rule, g):
    """State as the rule returns it, so that the first step is like the others.

    One number for all coordinates has jax's type of Python numbers, which leaves the dtype to g.
    """
    _, *state = jax.eval_shape(rule, g, 1)
    starts = describe(rule).state.values()
    return [
        jnp.full(a.shape, start, a.dtype) if a.ndim else jnp.asarray(start)
        for a, start in zip(state, starts, strict=True)
    ]


def jax_path(rule, dtype, float64):
    """The path, the dtypes of the arrays on it, and how often the rule was traced."""
    traced = 0

    @jax.jit
    def step(x, g, t, *state):
        nonlocal traced
        traced += 1
        d, *state = rule(g, t, *state)
        return x - LR * d, d, *state

    # A context, since the flag itself would hold for every other test of this process.
    with jax.enable_x64(True) if float64 else nullcontext():
        gradients, x = jnp.array(GRADIENTS, dtype), jnp.array(START, dtype)
        state, path, dtypes = start_state(rule, gradients[0]), [x], set()
        for t, g in enumerate(gradients, start=1):
            x, d, *state = step(x, g, t, *state)
            path.append(x)
            dtypes |= {a.dtype for a in (x, d, *state) if a.ndim}
        return np.array(path), dtypes, traced


def numpy_path(rule, dtype):
    x, state = START.astype(dtype), ()
    path = [x]
    for t, g in enumerate(GRADIENTS.astype(dtype), start=1):
        d, *state = rule(g, t, *state)
        x = x - LR * d
        path.append(x)
    return np.array(path)


def check(rule, dtype, float64, tolerance):
    path, dtypes, traced = jax_path(rule, dtype, float64)
    assert dtypes == {np.dtype(dtype)}, "the dtype of the gradient is not kept"
    assert traced == 1, f"{traced} traces, one should serve all steps"
    path = dict(zip(STREAMS, np.split(path, len(STREAMS), axis=1), strict=True))
    assert (path["zero"] == path["zero"][0]).all(), "zero gradients move x"
    expected = np.split(numpy_path(rule, dtype), len(STREAMS), axis=1)
    for found, wanted in zip(path.values(), expected, strict=True):
        difference = np.abs(np.subtract(found, wanted, dtype=float)).max() / np.abs(wanted).max()
        assert difference <= tolerance, "the numbers are not NumPy's"


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("mode", MODES)
def test_one_trace_gives_the_numbers_of_numpy(name, mode):
    dtype, float64, tolerance = MODES[mode]
    if not float64:
        tolerance = CASES[name.partition(",")[0]].single
    check(FUNCTIONS[name], dtype, float64, tolerance)


@pytest.mark.parametrize("name", FADING)
def test_after_the_last_step_of_its_decay_a_sign_rule_is_gradient_descent(name):
    path, _, _ = jax_path(FADING[name], *MODES["float64"][:2])
    steps = np.diff(path, axis=0)
    np.testing.assert_allclose(steps[20:], -LR * GRADIENTS[20:], rtol=0, atol=1e-12)
    assert np.abs(steps[:20] + LR * GRADIENTS[:20]).max() > 0.1


def test_float64_stays_off_outside_its_context():
    check(rules.gd, *MODES["float64"])
    assert jnp.ones(1).dtype == np.float32


# What `check` must notice.


def branching(g, t, m=0.0):
    m = g if t == 1 else 0.9 * m + g
    return m, m


def widening(g, t):
    return (np.float64(0.9) * g,)


def retraced(g, t, total=0.0):
    """Its state begins as a number and goes on as an array."""
    return g, total + g.sum()


def moving(g, t):
    return (g + 1e-10,)


def undefined(g, t):
    return (g / jnp.abs(g) if isinstance(g, jax.Array) else np.sign(g),)


def otherwise(g, t):
    return ((1 + 1e-12) * g if isinstance(g, jax.Array) else g,)


FAULTS = {
    branching: (jax.errors.TracerBoolConversionError, "traced"),
    widening: (AssertionError, "dtype"),
    retraced: (AssertionError, "2 traces"),
    moving: (AssertionError, "zero gradients"),
    undefined: (AssertionError, "zero gradients"),
    otherwise: (AssertionError, "not NumPy's"),
}


@pytest.mark.parametrize("rule", FAULTS, ids=lambda rule: rule.__name__)
def test_a_faulty_rule_is_noticed(rule):
    mode = "float32 with float64 on" if rule is widening else "float64"
    error, message = FAULTS[rule]
    with pytest.raises(error, match=message):
        check(rule, *MODES[mode])


@pytest.mark.parametrize("at_once", [False, True])
def test_the_number_beside_an_array_may_stand_on_either_side(at_once):
    x = jnp.array([-1.0, 2.0], jnp.float32)
    for function, limit, expected in [
        (maximum, 0.0, [0.0, 2.0]),
        (minimum, 1, [-1.0, 1.0]),
    ]:
        first, last = partial(function, limit), lambda x, f=function, n=limit: f(x, n)
        for clip in (first, last):
            found = (jax.jit(clip) if at_once else clip)(x)
            assert isinstance(found, jax.Array) and found.dtype == x.dtype
            np.testing.assert_array_equal(found, expected)
