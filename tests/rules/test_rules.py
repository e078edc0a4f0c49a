"""Laws of the update rules, and their first two steps worked out by hand."""

import inspect
import math

import numpy as np
import pytest
from cases import CASES, by_hand
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from adamtut import registry, rules
from adamtut.schedules import constant, cyclical, linear_decay, sgdr

RULES = {name: rule.function for name, rule in registry.RULES.items()}
every_rule = pytest.mark.parametrize("name", RULES)
relaxed = settings(deadline=None, derandomize=True, max_examples=50)

# Far enough from 0 that nothing underflows at eps = 0.
sizes = st.floats(1e-3, 1e3)
gradients = arrays(
    float, st.tuples(st.integers(1, 8), st.just(3)), elements=sizes | sizes.map(lambda a: -a)
)
# Powers of two, so that nothing is rounded: a sum near 0 keeps its sign.
factors = st.integers(-13, 13).map(lambda k: 2.0**k)


def run(rule, gradients, **hyper):
    """The directions of a rule for a stream of gradients, and its last state."""
    state, directions = (), []
    for t, g in enumerate(gradients, start=1):
        d, *state = rule(g, t, *state, **hyper)
        directions.append(d)
    return np.array(directions), state


@every_rule
def test_the_first_two_steps_by_hand(name):
    for found, expected in by_hand(RULES[name], name):
        assert found == pytest.approx(expected, rel=1e-13)


@every_rule
def test_the_signature_is_the_algorithm(name):
    g, t, *others = inspect.signature(RULES[name]).parameters.values()
    hyper = {p.name: p.default for p in others if p.kind is p.KEYWORD_ONLY}
    state = {p.name: p.default for p in others if p.kind is not p.KEYWORD_ONLY}
    assert (g.name, t.name) == ("g", "t")
    assert g.default is g.empty and t.default is t.empty
    assert hyper == CASES[name].defaults
    assert state == dict.fromkeys(state, 0.0) | CASES[name].starts
    assert len(RULES[name](1.0, 1)) == 1 + len(state)


# Shapes, libraries, inputs.


@every_rule
@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0,), (3, 0)])
def test_direction_and_state_have_the_shape_of_the_gradient(name, shape):
    state = ()
    for t in (1, 2):
        d, *state = RULES[name](np.full(shape, 2.0), t, *state)
        numbers = [slot in CASES[name].numbers for slot in registry.RULES[name].state]
        expected = [() if number else shape for number in numbers]
        assert [np.shape(a) for a in (d, *state)] == [shape, *expected]


@every_rule
@pytest.mark.parametrize(
    "zero",
    [0.0, np.array(0.0), np.zeros(3), np.zeros((2, 3))],
    ids=["float", "0-d", "vector", "matrix"],
)
def test_zero_gradients_give_zero_never_nan(name, zero):
    state = ()
    for t in range(1, 6):
        d, *state = RULES[name](zero, t, *state)
        np.testing.assert_array_equal(d, zero)
        assert all(np.isfinite(np.asarray(a)).all() for a in state)


@every_rule
def test_a_gradient_of_zero_after_others_leaves_everything_finite(name):
    stream = np.array([[1.0, -2.0], [0.0, 0.0], [0.0, 1.0]])
    directions, state = run(RULES[name], stream)
    assert np.isfinite(directions).all() and all(np.isfinite(a).all() for a in state)


@every_rule
def test_rules_do_not_touch_their_inputs(name):
    rng = np.random.default_rng(0)
    _, *state = RULES[name](rng.normal(size=3), 1)
    inputs = [rng.normal(size=3), *(np.array(a) for a in state)]
    copies = [a.copy() for a in inputs]
    for a in inputs:
        a.flags.writeable = False  # an update in place raises
    RULES[name](inputs[0], 2, *inputs[1:])
    for array, copy in zip(inputs, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


# Every rule works coordinate by coordinate: order and grouping do not matter.


@every_rule
@relaxed
@given(stream=gradients, order=st.permutations(range(3)))
def test_permuted_coordinates_give_permuted_directions(name, stream, order):
    directions, state = run(RULES[name], stream)
    permuted, permuted_state = run(RULES[name], stream[:, order])
    np.testing.assert_array_equal(permuted, directions[:, order])
    for after, before in zip(permuted_state, state, strict=True):
        np.testing.assert_array_equal(after, before[order] if np.ndim(before) else before)


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


def of_scale(kind):
    return [name for name, case in CASES.items() if case.scale == kind]


def exactly(name):
    """Settings under which the law of its scale holds to the last digit: no eps."""
    return {"eps": 0.0} if "eps" in CASES[name].defaults else {}


@pytest.mark.parametrize("name", of_scale("free"))
@relaxed
@given(stream=gradients, factor=factors)
def test_adaptive_rules_ignore_the_scale_of_the_gradient(name, stream, factor):
    expected, _ = run(RULES[name], stream, **exactly(name))
    scaled, _ = run(RULES[name], factor * stream, **exactly(name))
    np.testing.assert_allclose(scaled, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", of_scale("free"))
@relaxed
@given(stream=gradients, diagonal=st.tuples(factors, factors, factors))
def test_adaptive_rules_ignore_a_scale_per_coordinate(name, stream, diagonal):
    expected, _ = run(RULES[name], stream, **exactly(name))
    scaled, _ = run(RULES[name], stream * diagonal, **exactly(name))
    np.testing.assert_allclose(scaled, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", of_scale("proportional"))
@relaxed
@given(stream=gradients, factor=factors)
def test_the_other_rules_are_proportional_to_the_gradient(name, stream, factor):
    expected = factor * run(RULES[name], stream)[0]
    scaled, _ = run(RULES[name], factor * stream)
    np.testing.assert_allclose(scaled, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@every_rule
def test_a_rule_is_neither_adaptive_nor_proportional_only_if_it_breaks_both_laws(name):
    kind = CASES[name].scale
    assert kind in ("free", "proportional", "neither")
    stream = np.random.default_rng(0).normal(size=(20, 3))
    hyper = exactly(name) if kind == "free" else {}
    expected, _ = run(RULES[name], stream, **hyper)
    scaled, _ = run(RULES[name], 1e-3 * stream, **hyper)
    free = np.allclose(scaled, expected, rtol=1e-9, atol=0)
    proportional = np.allclose(scaled, 1e-3 * expected, rtol=1e-9, atol=0)
    assert (free, proportional) == (kind == "free", kind == "proportional")


@pytest.mark.parametrize("name", [name for name in of_scale("free") if exactly(name)])
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


# AdaMax, AMSGrad, Yogi, NAdam, RAdam and the sign rules.

betas = st.tuples(st.floats(0, 0.99), st.floats(0, 0.9999))


@relaxed
@given(stream=gradients, betas=betas)
def test_the_recursion_of_adamax_is_its_closed_form(stream, betas):
    """u_t is the largest of beta2^(t-i) |g_i| (Kingma & Ba 2015, section 7.1), without eps."""
    _, (_, u) = run(rules.adamax, stream, betas=betas, eps=0.0)
    ages = np.arange(len(stream))[::-1, None]
    np.testing.assert_allclose(u, (betas[1] ** ages * np.abs(stream)).max(axis=0), rtol=1e-12)


@relaxed
@given(stream=gradients, betas=betas, g=sizes)
def test_the_first_direction_of_adamax_is_the_sign(stream, betas, g):
    d, _, u = rules.adamax(stream[0], 1, betas=betas, eps=0.0)
    np.testing.assert_allclose(d, np.sign(stream[0]), rtol=1e-10)
    np.testing.assert_array_equal(u, np.abs(stream[0]))  # nothing to correct


def test_adamax_is_the_limit_of_adam_with_powers():
    """v of the p-th power, to the power 1/p, tends to u as p grows (section 7.1, eq. 8-11)."""
    stream = np.random.default_rng(0).normal(size=(10, 3))
    beta2, ages = 0.999, np.arange(10)[::-1, None]
    _, (_, u) = run(rules.adamax, stream, betas=(0.9, beta2), eps=0.0)
    errors = []
    for p in (2, 8, 32, 128, 512):
        # beta2 becomes beta2^p; in logarithms, since the powers leave the range of floats
        logarithms = p * (ages * math.log(beta2) + np.log(np.abs(stream)))
        v = np.logaddexp.reduce(logarithms, axis=0) + math.log1p(-(beta2**p))
        errors.append(np.abs(np.exp(v / p) - u).max())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.02


def test_the_paper_s_adamax_divides_by_zero():
    """Without eps, a coordinate that never saw a gradient becomes NaN; with it, it stays."""
    g = np.array([0.0, 1.0])
    with np.errstate(invalid="ignore"):
        d, _, _ = rules.adamax(g, 1, eps=0.0)
    np.testing.assert_array_equal(d, [np.nan, 1.0])
    np.testing.assert_allclose(rules.adamax(g, 1)[0], [0.0, 1.0], rtol=1e-7)


@relaxed
@given(stream=gradients)
def test_amsgrad_is_adam_while_v_grows(stream):
    growing = np.sort(np.abs(stream), axis=0)
    np.testing.assert_array_equal(run(rules.amsgrad, growing)[0], run(rules.adam, growing)[0])


@relaxed
@given(stream=gradients, betas=betas)
def test_the_rates_of_the_paper_s_amsgrad_never_grow(stream, betas):
    state, rates = (), []
    for t, g in enumerate(stream, start=1):
        d, *state = rules.amsgrad(g, t, *state, betas=betas, eps=0.0, corrected=False)
        with np.errstate(invalid="ignore"):
            rates.append(d / state[0])
    rates = np.array(rates)[:, (np.array(rates) > 0).all(axis=0)]
    assert (np.diff(rates, axis=0) <= 1e-12 * rates[:-1]).all()


def test_the_rates_of_adam_do_grow():
    """After a burst they recover, which is what AMSGrad forbids."""
    stream = np.array([[10.0], *[[0.1]] * 200])
    for rule, grows in ((rules.adam, True), (rules.amsgrad, False)):
        state, rates = (), []
        for t, g in enumerate(stream, start=1):
            d, *state = rule(g, 10_000 + t, *state, betas=(0.9, 0.99), eps=0.0)
            rates.append((d / state[0]).item())
        assert (rates[-1] > 2 * rates[0]) is grows


@relaxed
@given(stream=gradients, beta2=st.floats(0, 0.9999))
def test_yogi_changes_v_by_no_more_than_the_new_square(stream, beta2):
    state = ()
    for t, g in enumerate(stream, start=1):
        before = state[1] if state else 1e-6
        _, *state = rules.yogi(g, t, *state, betas=(0.9, beta2))
        change = np.abs(state[1] - before)
        assert (change <= (1 - beta2) * g**2 * (1 + 1e-9) + 1e-15 * state[1]).all()


@relaxed
@given(stream=gradients, beta2=st.floats(0, 0.9999))
def test_yogi_equals_adam_s_v_when_both_start_at_zero_and_once_only(stream, beta2):
    """v = (1 - beta2) g² after one step; sign(0 - g²) is -1."""
    _, _, yogi = rules.yogi(stream[0], 1, 0.0, 0.0, betas=(0.9, beta2))
    _, _, adam = rules.adam(stream[0], 1, betas=(0.9, beta2))
    np.testing.assert_allclose(yogi, adam, rtol=1e-12)


def test_yogi_forgets_a_burst_slowly_and_adam_at_once():
    """Zaheer et al. 2018, section 3: the fall of v does not depend on its height."""
    burst, quiet = np.array([100.0]), np.array([0.1])
    _, (_, adam) = run(rules.adam, [burst, *[quiet] * 1000], betas=(0.9, 0.99))
    _, (_, yogi) = run(rules.yogi, [burst, *[quiet] * 1000], betas=(0.9, 0.99))
    assert yogi > 1000 * adam


@relaxed
@given(stream=gradients, beta2=st.floats(0, 0.9999))
def test_nadam_without_beta1_is_adam_without_beta1(stream, beta2):
    nadam, _ = run(rules.nadam, stream, betas=(0.0, beta2))
    adam, _ = run(rules.adam, stream, betas=(0.0, beta2))
    np.testing.assert_allclose(nadam, adam, rtol=1e-12)


def test_nadam_s_momentum_warms_up_from_half_of_beta1():
    product = [run(rules.nadam, np.ones((t, 1)))[1][-1] for t in (1, 2000, 2001)]
    assert product[0] == pytest.approx(0.9 * (1 - 0.5 * 0.96**0.004))
    assert product[0] == pytest.approx(0.45, rel=1e-3)
    _, (*_, constant_mu) = run(rules.nadam, np.ones((10, 1)), momentum_decay=0.0)
    assert constant_mu == pytest.approx(0.45**10)


@relaxed
@given(stream=gradients)
def test_radam_begins_as_corrected_momentum(stream):
    """At beta2 = 0.999 the length of the average passes 5 at t = 6 (Liu et al. 2020)."""
    directions, _ = run(rules.radam, stream[:5])
    average, _ = run(rules.ema_momentum, stream[:5])
    corrected = average / (1 - 0.9 ** np.arange(1, len(average) + 1))[:, None]
    np.testing.assert_allclose(directions, corrected, rtol=1e-9, atol=1e-12)


def test_radam_becomes_adam():
    """Its factor r and the length of the average tend to those of full trust."""
    stream = np.random.default_rng(0).normal(size=(3000, 3))
    radam, _ = run(rules.radam, stream, betas=(0.9, 0.99), eps=0.0)
    adam, _ = run(rules.adam, stream, betas=(0.9, 0.99), eps=0.0)
    ratios = radam / adam
    assert np.ptp(ratios[20:], axis=1).max() < 1e-9  # one factor for all coordinates
    assert (np.diff(ratios[20:, 0]) >= -1e-9).all()
    np.testing.assert_allclose(ratios[-1], 1, rtol=1e-9)
    assert ratios[10, 0] < 0.5


@pytest.mark.parametrize("t", [1, 3, 5, 6, 50])
def test_radam_on_floats_never_leaves_the_real_numbers(t):
    """The root that is not used before t = 6 is of a negative number, or divides by zero."""
    for beta2 in (0.0, 1 / 3, 0.5, 0.6, 0.7, 0.999):
        assert isinstance(rules.radam(2.0, t, betas=(0.9, beta2))[0], float)


@relaxed
@given(stream=gradients, base=st.floats(1.1, 10), beta=st.floats(0, 0.99))
def test_powersign_multiplies_by_base_or_divides(stream, base, beta):
    directions, _ = run(rules.powersign, stream, base=base, beta=beta)
    ratios = directions / stream
    agrees = np.sign(run(rules.ema_momentum, stream, beta=beta)[0]) == np.sign(stream)
    np.testing.assert_allclose(ratios, np.where(agrees, base, 1 / base), rtol=1e-12)


@relaxed
@given(stream=gradients, beta=st.floats(0, 0.99))
def test_addsign_doubles_or_stops(stream, beta):
    directions, _ = run(rules.addsign, stream, beta=beta)
    agrees = np.sign(run(rules.ema_momentum, stream, beta=beta)[0]) == np.sign(stream)
    np.testing.assert_allclose(directions, np.where(agrees, 2 * stream, 0.0), rtol=1e-12)


@pytest.mark.parametrize("name", ["powersign", "addsign"])
@pytest.mark.parametrize(
    "decay", [linear_decay(steps=4), cyclical(steps=8, cycles=2), sgdr(period=4)]
)
def test_the_sign_rules_decay_as_they_are_told(name, decay):
    """Where signs always agree the direction is base^f(t) g, or (alpha + f(t)) g."""
    directions, _ = run(RULES[name], np.ones((10, 1)), decay=decay)
    f = np.array([decay(t) for t in range(1, 11)])
    expected = math.e**f if name == "powersign" else 1 + f
    np.testing.assert_allclose(directions[:, 0], expected, rtol=1e-12)
    assert np.ptp(f) > 0.5


def test_the_sign_rules_without_their_effect_are_gradient_descent():
    stream = np.random.default_rng(0).normal(size=(5, 3))
    for name in ("powersign", "addsign"):
        np.testing.assert_array_equal(run(RULES[name], stream, decay=constant(0.0))[0], stream)


def test_lion_turns_before_the_average_that_it_keeps():
    """k steps after the gradient turned, its average is (2 - beta2^50) beta2^k - 1."""
    turn = np.array([[1.0]] * 50 + [[-1.0]] * 50)
    averages = (2 - 0.99**50) * 0.99 ** np.arange(51) - 1
    directions, _ = run(rules.lion, turn)
    expected = np.sign(0.9 * averages[:-1] - 0.1)
    np.testing.assert_array_equal(directions[:, 0], [*[1] * 50, *expected])
    assert (expected < 0).sum() > (averages[1:] < 0).sum() > 0


@relaxed
@given(stream=gradients, beta=st.floats(0.1, 0.99))
def test_lion_with_one_memory_is_the_sign_of_momentum(stream, beta):
    average, _ = run(rules.ema_momentum, stream, beta=beta)
    directions, (m,) = run(rules.lion, stream, betas=(beta, beta))
    np.testing.assert_array_equal(directions, np.sign(average))
    np.testing.assert_array_equal(m, average[-1])


def test_lion_keeps_half_of_what_adam_keeps():
    assert 2 * len(registry.RULES["lion"].state) == len(registry.RULES["adam"].state)


# The registry.


def test_the_registry_lists_every_rule_in_the_order_of_the_file():
    functions = [
        name
        for name, value in vars(rules).items()
        if inspect.isfunction(value) and value.__module__ == rules.__name__ and name[0] != "_"
    ]
    lines = [inspect.getsourcelines(getattr(rules, name))[1] for name in functions]
    assert list(registry.RULES) == functions
    assert lines == sorted(lines)


@every_rule
def test_the_registry_knows_the_paper(name):
    rule = registry.RULES[name]
    assert rule.paper and 1847 <= rule.year <= 2026
    assert rule.title.endswith(".")
    assert rule.function(1.0, 1)


def test_a_rule_that_joins_needs_nothing_but_to_be_written():
    def signed(g, t, m=0.5, *, beta=0.9):
        """Sign descent.

        Source: Nobody & Sons 2031, eq. 3
        """

    rule = registry.describe(signed)
    assert (rule.paper, rule.year, rule.where) == ("Nobody & Sons", 2031, "eq. 3")
    assert (rule.title, rule.state, rule.defaults) == ("Sign descent.", {"m": 0.5}, {"beta": 0.9})
    assert registry.describe(lambda g, t: (g,)).year == 0
