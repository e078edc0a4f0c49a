"""Laws of the update rules, and their first two steps worked out by hand."""

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from adamtut import rules

RULES = {
    name: rule
    for name, rule in vars(rules).items()
    if inspect.isfunction(rule) and rule.__module__ == rules.__name__
}
every_rule = pytest.mark.parametrize("name", RULES)
relaxed = settings(deadline=None, derandomize=True, max_examples=50)

# Far enough from 0 that nothing underflows at eps = 0.
sizes = st.floats(1e-3, 1e3)
gradients = arrays(
    float, st.tuples(st.integers(1, 8), st.just(3)), elements=sizes | sizes.map(lambda a: -a)
)
factors = st.floats(1e-4, 1e4)


def run(rule, gradients, **hyper):
    """The directions of a rule for a stream of gradients, and its last state."""
    state, directions = (), []
    for t, g in enumerate(gradients, start=1):
        d, *state = rule(g, t, *state, **hyper)
        directions.append(d)
    return np.array(directions), state


# Rule → hyper-parameters, and for steps 1 and 2 the gradient, the direction and the state.
# The numbers are chosen so that the roots come out even.
BY_HAND = {
    "gd": ({}, [(3.0, 3.0), (-4.0, -4.0)]),
    # m = 0 / 2 + 3, then 3 / 2 - 4
    "momentum": ({"beta": 0.5}, [(3.0, 3.0, 3.0), (-4.0, -2.5, -2.5)]),
    # m = 3 / 2, then 3 / 4 - 4 / 2
    "ema_momentum": ({"beta": 0.5}, [(3.0, 1.5, 1.5), (-4.0, -1.25, -1.25)]),
    # m as in momentum; d = 3 + 3 / 2, then -4 - 2.5 / 2
    "nesterov": ({"beta": 0.5}, [(3.0, 4.5, 3.0), (-4.0, -5.25, -2.5)]),
    # s = 9, then 9 + 16; d = 3 / (3 + 1), then -4 / (5 + 1)
    "adagrad": ({"eps": 1.0}, [(3.0, 0.75, 9.0), (-4.0, -2 / 3, 25.0)]),
    # v = 9 / 4, then 3/4 · 9/4 + 42.25 / 4 = 12.25; d = 3 / (1.5 + 0.5), then -6.5 / (3.5 + 0.5)
    "rmsprop": (
        {"beta": 0.75, "eps": 0.5},
        [(3.0, 1.5, 2.25), (-6.5, -1.625, 12.25)],
    ),
    # v = 4 / 4, then 3/4 + 1/4; both times √(v + eps) = √1.5625 = 1.25
    # d = 0.75 / 1.25 · 2, then -√(0.36 + 0.5625) / 1.25
    # s = 1.44 / 4, then 3/4 · 0.36 + 0.9225 / 1.5625 / 4
    "adadelta": (
        {"rho": 0.75, "eps": 0.5625},
        [(2.0, 1.2, 1.0, 0.36), (-1.0, -(0.9225**0.5) / 1.25, 1.0, 0.4176)],
    ),
    # m = 2 / 2 and v = 4 / 4, corrected 1 / (1/2) = 2 and 1 / (1/4) = 4; d = 2 / (2 + 0.5)
    # m = 1/2 - 5/2 and v = 3/4 + 25/4, corrected -2 / (3/4) and 7 / (7/16) = 16;
    # d = -(8/3) / (4 + 0.5) = -16/27
    "adam": (
        {"betas": (0.5, 0.75), "eps": 0.5},
        [(2.0, 0.8, 1.0, 1.0), (-5.0, -16 / 27, -2.0, 7.0)],
    ),
}


@every_rule
def test_the_first_two_steps_by_hand(name):
    hyper, steps = BY_HAND[name]
    state = ()
    for t, (g, *expected) in enumerate(steps, start=1):
        found = RULES[name](g, t, *state, **hyper)
        assert found == pytest.approx(tuple(expected), rel=1e-14)
        state = found[1:]


# What the papers recommend; for eps of AdaGrad, and for eps at all in RMSProp, PyTorch.
DEFAULTS = {
    "gd": {},
    "momentum": {"beta": 0.9},
    "ema_momentum": {"beta": 0.9},
    "nesterov": {"beta": 0.9},
    "adagrad": {"eps": 1e-10},
    "rmsprop": {"beta": 0.9, "eps": 1e-8},
    "adadelta": {"rho": 0.95, "eps": 1e-6},
    "adam": {"betas": (0.9, 0.999), "eps": 1e-8},
}


@every_rule
def test_the_signature_is_the_algorithm(name):
    g, t, *others = inspect.signature(RULES[name]).parameters.values()
    hyper = {p.name: p.default for p in others if p.kind is p.KEYWORD_ONLY}
    state = {p.name: p.default for p in others if p.kind is not p.KEYWORD_ONLY}
    assert (g.name, t.name) == ("g", "t")
    assert g.default is g.empty and t.default is t.empty
    assert hyper == DEFAULTS[name]
    assert set(state.values()) <= {0.0}
    assert len(RULES[name](1.0, 1)) == 1 + len(state)


# Shapes, libraries, inputs.


@every_rule
@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0,), (3, 0)])
def test_direction_and_state_have_the_shape_of_the_gradient(name, shape):
    state = ()
    for t in (1, 2):
        d, *state = RULES[name](np.full(shape, 2.0), t, *state)
        assert [np.shape(a) for a in (d, *state)] == [shape] * (1 + len(state))


@every_rule
@pytest.mark.parametrize(
    "zero",
    [0.0, np.array(0.0), np.zeros(3), np.zeros((2, 3)), torch.zeros(2, dtype=torch.float64)],
    ids=["float", "0-d", "vector", "matrix", "torch"],
)
def test_zero_gradients_give_zero_never_nan(name, zero):
    state = ()
    for t in range(1, 6):
        d, *state = RULES[name](zero, t, *state)
        for array in (d, *state):
            np.testing.assert_array_equal(array, zero)


@every_rule
def test_a_gradient_of_zero_after_others_leaves_everything_finite(name):
    stream = np.array([[1.0, -2.0], [0.0, 0.0], [0.0, 1.0]])
    directions, state = run(RULES[name], stream)
    assert np.isfinite(directions).all() and np.isfinite(state).all()


@every_rule
def test_rules_do_not_touch_their_inputs(name):
    rng = np.random.default_rng(0)
    _, *state = RULES[name](rng.normal(size=3), 1)
    inputs = [rng.normal(size=3), *(np.array(a) for a in state)]
    copies = [a.copy() for a in inputs]
    for a in inputs:
        a.flags.writeable = False  # an update in place raises
    RULES[name](inputs[0], 2, *inputs[1:])
    np.testing.assert_array_equal(inputs, copies)

    tensors = [torch.from_numpy(a.copy()) for a in copies]
    RULES[name](tensors[0], 2, *tensors[1:])
    np.testing.assert_array_equal(np.array([a.numpy() for a in tensors]), copies)


# Every rule works coordinate by coordinate: order and grouping do not matter.


@every_rule
@relaxed
@given(stream=gradients, order=st.permutations(range(3)))
def test_permuted_coordinates_give_permuted_directions(name, stream, order):
    directions, state = run(RULES[name], stream)
    permuted, permuted_state = run(RULES[name], stream[:, order])
    np.testing.assert_array_equal(permuted, directions[:, order])
    np.testing.assert_array_equal(permuted_state, [a[order] for a in state])


@every_rule
@relaxed
@given(stream=gradients, cut=st.integers(0, 3))
def test_an_array_split_in_two_changes_nothing(name, stream, cut):
    whole, _ = run(RULES[name], stream)
    left, _ = run(RULES[name], stream[:, :cut])
    right, _ = run(RULES[name], stream[:, cut:])
    np.testing.assert_array_equal(np.concatenate([left, right], axis=1), whole)


@every_rule
@relaxed
@given(stream=gradients)
def test_the_opposite_gradients_give_the_opposite_directions(name, stream):
    np.testing.assert_array_equal(run(RULES[name], -stream)[0], -run(RULES[name], stream)[0])


# Scale: the adaptive rules ignore it, the others are proportional to it.


@pytest.mark.parametrize("name", ["adam", "rmsprop", "adagrad"])
@relaxed
@given(stream=gradients, factor=factors)
def test_adaptive_rules_ignore_the_scale_of_the_gradient(name, stream, factor):
    expected, _ = run(RULES[name], stream, eps=0.0)
    scaled, _ = run(RULES[name], factor * stream, eps=0.0)
    np.testing.assert_allclose(scaled, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["adam", "rmsprop", "adagrad"])
@relaxed
@given(stream=gradients, diagonal=st.tuples(factors, factors, factors))
def test_adaptive_rules_ignore_a_scale_per_coordinate(name, stream, diagonal):
    expected, _ = run(RULES[name], stream, eps=0.0)
    scaled, _ = run(RULES[name], stream * diagonal, eps=0.0)
    np.testing.assert_allclose(scaled, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["gd", "momentum", "ema_momentum", "nesterov"])
@relaxed
@given(stream=gradients, factor=factors)
def test_the_other_rules_are_proportional_to_the_gradient(name, stream, factor):
    expected = factor * run(RULES[name], stream)[0]
    scaled, _ = run(RULES[name], factor * stream)
    np.testing.assert_allclose(scaled, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["adam", "rmsprop", "adagrad"])
def test_eps_breaks_the_invariance(name):
    """The laws above see eps: they hold at eps = 0 alone."""
    stream = np.array([[1.0, -2.0, 3.0]])
    large, _ = run(RULES[name], stream, eps=0.1)
    small, _ = run(RULES[name], 1e-3 * stream, eps=0.1)
    assert (np.abs(small) < 0.1 * np.abs(large)).all()


# First steps.


@relaxed
@given(stream=gradients, betas=st.tuples(st.floats(0, 0.99), st.floats(0, 0.9999)))
def test_the_first_direction_of_adam_is_the_sign(stream, betas):
    d, *_ = rules.adam(stream[0], 1, betas=betas, eps=0.0)
    np.testing.assert_allclose(d, np.sign(stream[0]), rtol=1e-10)


@relaxed
@given(stream=gradients)
def test_the_first_direction_of_adagrad_is_the_sign(stream):
    d, _ = rules.adagrad(stream[0], 1, eps=0.0)
    np.testing.assert_allclose(d, np.sign(stream[0]), rtol=1e-14)


@relaxed
@given(stream=gradients, beta=st.floats(0, 0.999))
def test_the_first_direction_of_rmsprop_is_too_large(stream, beta):
    d, _ = rules.rmsprop(stream[0], 1, beta=beta, eps=0.0)
    np.testing.assert_allclose(d, np.sign(stream[0]) / (1 - beta) ** 0.5, rtol=1e-10)


# A constant gradient.


@relaxed
@given(stream=gradients, beta=st.floats(0, 0.95))
def test_limits_for_a_constant_gradient(stream, beta):
    g = stream[0]
    constant = [g] * 1000
    limits = {"momentum": g / (1 - beta), "nesterov": g / (1 - beta), "ema_momentum": g}
    for name, limit in limits.items():
        directions, _ = run(RULES[name], constant, beta=beta)
        np.testing.assert_allclose(directions[-1], limit, rtol=1e-9)
    directions, _ = run(rules.rmsprop, constant, beta=beta, eps=0.0)
    np.testing.assert_allclose(directions[-1], np.sign(g), rtol=1e-9)


def test_adam_keeps_to_the_sign_of_a_constant_gradient():
    g = np.array([1e-3, -2.0, 3e5])
    directions, _ = run(rules.adam, [g] * 200, eps=0.0)
    np.testing.assert_allclose(directions, np.broadcast_to(np.sign(g), (200, 3)), rtol=1e-10)


def test_the_rate_of_adagrad_falls_like_one_over_root_t():
    g = np.array([1e-3, -2.0, 3e5])
    directions, _ = run(rules.adagrad, [g] * 100, eps=0.0)
    roots = np.sqrt(np.arange(1, 101))[:, None]
    np.testing.assert_allclose(
        directions * roots, np.broadcast_to(np.sign(g), (100, 3)), rtol=1e-12
    )


# Relations between rules.


@pytest.mark.parametrize("name", ["momentum", "ema_momentum", "nesterov"])
@relaxed
@given(stream=gradients)
def test_without_memory_momentum_is_gradient_descent(name, stream):
    np.testing.assert_array_equal(run(RULES[name], stream, beta=0.0)[0], run(rules.gd, stream)[0])


@relaxed
@given(stream=gradients, beta=st.floats(0, 0.99))
def test_both_forms_of_momentum_agree_after_rescaling(stream, beta):
    heavy_ball, _ = run(rules.momentum, stream, beta=beta)
    average, _ = run(rules.ema_momentum, stream, beta=beta)
    np.testing.assert_allclose(average, (1 - beta) * heavy_ball, rtol=1e-9, atol=1e-9)


@relaxed
@given(stream=gradients, beta=st.floats(0, 0.99))
def test_nesterov_is_momentum_one_step_ahead(stream, beta):
    """Its direction is what `momentum` would give if the gradient came once more, less beta g."""
    directions, _ = run(rules.nesterov, stream, beta=beta)
    _, (m,) = run(rules.momentum, stream, beta=beta)
    np.testing.assert_allclose(directions[-1], stream[-1] + beta * m, rtol=1e-9, atol=1e-9)


@relaxed
@given(stream=gradients, beta=st.floats(0, 0.9999), eps=st.floats(0, 1))
def test_adam_without_beta1_is_rmsprop_with_a_corrected_average(stream, beta, eps):
    adam, _ = run(rules.adam, stream, betas=(0.0, beta), eps=eps)
    v = 0.0
    for t, g in enumerate(stream, start=1):
        _, v = rules.rmsprop(g, t, v, beta=beta)
        corrected = v / (1 - beta**t)
        np.testing.assert_allclose(adam[t - 1], g / (np.sqrt(corrected) + eps), rtol=1e-9)


def test_adam_without_beta1_is_not_plain_rmsprop():
    stream = [np.array([1.0, -2.0])] * 3
    adam, _ = run(rules.adam, stream, betas=(0.0, 0.99), eps=0.0)
    rmsprop, _ = run(rules.rmsprop, stream, beta=0.99, eps=0.0)
    np.testing.assert_allclose(rmsprop[0], 10 * adam[0])  # 1 / √(1 - 0.99)
    assert (np.abs(rmsprop) > 5 * np.abs(adam)).all()


def test_adam_without_beta2_is_momentum_over_the_size_of_the_gradient():
    stream = np.random.default_rng(0).normal(size=(5, 3))
    adam, _ = run(rules.adam, stream, betas=(0.9, 0.0), eps=0.0)
    average, _ = run(rules.ema_momentum, stream, beta=0.9)
    corrected = average / (1 - 0.9 ** np.arange(1, 6))[:, None]
    np.testing.assert_allclose(adam, corrected / np.abs(stream), rtol=1e-12)


def test_adagrad_is_a_limit_of_adam():
    """beta1 = 0, the rate alpha / √t, and beta2 → 1: the error falls in proportion to 1 - beta2."""
    stream = np.random.default_rng(0).normal(size=(50, 3))
    roots = np.sqrt(np.arange(1, 51))[:, None]
    adagrad, _ = run(rules.adagrad, stream, eps=0.0)
    errors = []
    for gap in (1e-3, 1e-4, 1e-5):
        adam, _ = run(rules.adam, stream, betas=(0.0, 1 - gap), eps=0.0)
        errors.append(np.abs(adam / roots - adagrad).max())
    assert errors[0] < 0.05
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 10, rtol=0.1)


def test_the_unit_of_adadelta_is_that_of_x():
    """Its step has the unit of x: at eps = 0 the scale of f does not matter (Zeiler, sec. 3.2)."""
    stream = np.random.default_rng(0).normal(size=(20, 3))
    state = (np.ones(3), np.full(3, 1e-4))  # a run under way; from 0 it would never move at eps = 0
    scaled_state = (1e6 * state[0], state[1])
    for t, g in enumerate(stream, start=1):
        d, *state = rules.adadelta(g, t, *state, eps=0.0)
        scaled, *scaled_state = rules.adadelta(1e3 * g, t, *scaled_state, eps=0.0)
        np.testing.assert_allclose(scaled, d, rtol=1e-12)
