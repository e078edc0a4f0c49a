"""What functions that are handed to the loop may do, and what they are told when they may not."""

import itertools

import numpy as np
import pytest

from adamtut import descend, iterate, problems, rules, schedules, walk

START = [1.0, -2.0]
quiet = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # division by 0, before it is refused


def double(x):
    return 2 * x


# They get copies, and what they return is copied: no function can change a path.


def test_a_gradient_may_change_the_point_it_is_given():
    def grad(x):
        x -= 3.0
        return 2 * x

    path = descend(rules.gd, grad, np.zeros(1), 0.25, 3)
    np.testing.assert_array_equal(path.ravel(), [0, 1.5, 2.25, 2.625])


def test_a_gradient_may_keep_the_points_it_is_given():
    seen = []
    path = descend(rules.adam, lambda x: seen.append(x) or 2 * x, START, 0.1, 3)
    for x in seen:
        x += 0.0  # they are the function's own
    np.testing.assert_array_equal(seen, path[:-1])


def test_a_projection_may_change_the_point_it_is_given_and_return_it():
    def project(x):
        np.clip(x, -1, 1, out=x)
        return x

    found = descend(rules.gd, double, [4.0, 1.0], 0.25, 3, project=project)
    np.testing.assert_array_equal(found, [[4, 1], [1, 0.5], [0.5, 0.25], [0.25, 0.125]])


def test_a_projection_may_change_its_point_and_return_another():
    def project(x):
        kept = x.copy()
        x[:] = np.nan
        return kept

    found = descend(rules.gd, double, START, 0.25, 3, project=project)
    np.testing.assert_array_equal(found, descend(rules.gd, double, START, 0.25, 3))


def test_a_function_may_keep_what_it_returned_and_change_it_later():
    kept = []

    def project(x):
        for old in kept:
            old[:] = 1e6
        kept.append(x.copy())
        return kept[-1]

    found = descend(rules.adam, double, START, 0.25, 4, project=project)
    np.testing.assert_array_equal(found, descend(rules.adam, double, START, 0.25, 4))


def test_who_walks_may_change_the_points_and_the_state():
    expected = descend(rules.adam, double, START, 0.1, 4)
    for k, x in enumerate(itertools.islice(iterate(rules.adam, double, START, 0.1), 5)):
        np.testing.assert_array_equal(x, expected[k])
        x *= 0
    for t, x, state in itertools.islice(walk(rules.adam, double, START, 0.1), 5):
        np.testing.assert_array_equal(x, expected[t])
        for value in (x, *state):
            value *= 0


def test_a_rule_may_change_what_it_is_given():
    def heavy(g, t, m=0.0, *, beta=0.9):
        g += beta * m
        return g, g

    found = descend(heavy, double, START, 0.1, 5)
    np.testing.assert_array_equal(found, descend(rules.momentum, double, START, 0.1, 5))


def test_a_rule_that_wants_the_point_may_change_it():
    def shrinking(g, t, *, x):
        x *= 0.5
        return (x + g,)

    found = descend(shrinking, double, START, 0.1, 3)
    np.testing.assert_allclose(found, descend(rules.gd, lambda x: 2.5 * x, START, 0.1, 3))


def test_a_schedule_may_use_its_array_again():
    rates = np.array([0.0, 0.0])

    def lr(t):
        rates[:] = 0.5 / t
        return rates

    found = descend(rules.gd, double, START, lr, 3)
    np.testing.assert_array_equal(found, descend(rules.gd, double, START, lambda t: 0.5 / t, 3))


# What they return is looked at, and the message names the function and the step.


@pytest.mark.parametrize(
    ("project", "error", "said"),
    [
        (lambda x: None, TypeError, "the projection at step 1 is None"),
        (lambda x: x.sum(), ValueError, r"the projection at step 1 has shape \(\), but x"),
        (
            lambda x: x[None],
            ValueError,
            r"the projection at step 1 has shape \(1, 2\), but x has",
        ),
        (lambda x: x > 0, TypeError, "the projection at step 1 has dtype bool.*real numbers"),
        (lambda x: x + 1j, TypeError, "the projection at step 1 has dtype complex128"),
        (
            lambda x: x * np.nan,
            FloatingPointError,
            r"the projection at step 1 is not finite: \[nan",
        ),
    ],
)
def test_a_projection_that_returns_no_point_is_named(project, error, said):
    with pytest.raises(error, match=said) as caught:
        descend(rules.gd, double, START, 0.1, 3, project=project)
    assert "lower lr" not in str(caught.value)


@quiet
def test_a_projection_of_a_point_that_is_not_finite_is_not_blamed():
    with pytest.raises(FloatingPointError, match=r"x after step 4 is not finite.*lower lr"):
        descend(rules.gd, lambda x: x, [1.0], 1e100 - 1, 10, project=lambda x: x)


@pytest.mark.parametrize(
    ("grad", "error", "said"),
    [
        (lambda x: None, TypeError, "the gradient at step 1 is None; the function must return"),
        (lambda x: (3.0, 2 * x), ValueError, r"the gradient at step 1 is no array but \(3.0, arr"),
        (lambda x: "one", ValueError, r"the gradient at step 1 has shape \(\)"),
        (lambda x: np.array(["1", "2"]), TypeError, "the gradient at step 1 has dtype <U1"),
    ],
)
def test_a_gradient_that_is_no_array_of_numbers_is_named(grad, error, said):
    with pytest.raises(error, match=said):
        descend(rules.gd, grad, START, 0.1, 3)


@pytest.mark.parametrize(
    ("lr", "error", "said"),
    [
        (lambda t: None if t == 2 else 0.1, TypeError, r"lr\(2\) must be a number, got None"),
        (lambda t: "0.1", TypeError, r"lr\(1\) must be a number, got '0.1'"),
        (lambda t: 0.1j, TypeError, r"lr\(1\) must be a number, got 0.1j"),
        (lambda t: -0.1 if t == 3 else 0.1, ValueError, r"lr\(3\) must be 0 or more.* got -0.1"),
        (lambda t: [0.1, np.nan], ValueError, r"lr\(1\) must be 0 or more.*nan"),
        (lambda t: schedules.cosine(steps=9), TypeError, r"lr\(1\) must be a number, got cosine"),
        (iter([0.1, 0.2]), TypeError, "lr must be a number, got <list_iterator"),
    ],
)
def test_a_schedule_that_returns_no_rate_is_named_with_its_step(lr, error, said):
    with pytest.raises(error, match=said):
        descend(rules.gd, double, START, lr, 3)


@pytest.mark.parametrize(
    ("rule", "error", "said"),
    [
        (
            lambda g, t: g,
            TypeError,
            r"<lambda> must return the tuple \(d,\), at step 1 it returned",
        ),
        (
            lambda g, t, m=0.0: g,
            TypeError,
            r"must return the tuple \(d, m\), at step 1 it returned",
        ),
        (lambda g, t, m=0.0: (g,), TypeError, r"must return the tuple \(d, m\), at step 1"),
        (lambda g, t: (g, g), TypeError, r"must return the tuple \(d,\), at step 1"),
        (lambda g, t: None, TypeError, r"must return the tuple \(d,\), .* it returned None"),
        (
            lambda g, t: (g.mean(),),
            ValueError,
            r"the direction of <lambda> at step 1 has shape \(\)",
        ),
        (lambda g, t: (g[:, None],), ValueError, r"at step 1 has shape \(2, 1\), but x has \(2,\)"),
        (lambda g, t: (None,), TypeError, "the direction of <lambda> at step 1 is None"),
        (lambda g, t: (g * 1j,), TypeError, "<lambda> at step 1 has dtype complex128"),
        (lambda g, t, m=0.0: (g, None), TypeError, "state m of <lambda> after step 1 holds no num"),
    ],
)
def test_a_rule_that_returns_something_else_is_named(rule, error, said):
    """A direction of another shape would broadcast, and the path would grow."""
    with pytest.raises(error, match=said):
        descend(rule, double, START, 0.1, 3)


def test_a_direction_in_double_precision_does_not_change_the_dtype_of_the_path():
    path = descend(lambda g, t: (g * np.float64(0.5),), double, np.float32(START), 0.1, 3)
    assert path.dtype == np.float32


@pytest.mark.parametrize("decay", ["weight_decay", "l2"])
def test_decays_of_many_runs_neither_widen_the_path_nor_its_dtype(decay):
    starts, decays = np.float32([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.1], [0.2]])
    paths = descend(rules.adam, double, starts, 0.1, 3, **{decay: decays})
    assert paths.dtype == np.float32
    for run, start in enumerate(starts):
        alone = descend(rules.adam, double, start, 0.1, 3, **{decay: float(decays[run, 0])})
        np.testing.assert_allclose(paths[:, run], alone, rtol=1e-6)
    with pytest.raises(
        ValueError, match=rf"{decay} of shape \(2, 1\) does not broadcast to x, \(2"
    ):
        descend(rules.adam, double, START, 0.1, 3, **{decay: decays})


@pytest.mark.parametrize("what", ["grad", "lr", "project"])
def test_an_iterator_that_ends_is_named_with_the_function(what):
    """Within a generator Python would say that a generator raised StopIteration, and no more."""
    numbers = iter([0.1, 0.1])
    given = {"grad": double, "lr": 0.1, "project": None}
    given[what] = lambda x: next(numbers) * np.ones_like(x, dtype=float)
    with pytest.raises(RuntimeError, match=f"{what} asked an iterator for more than it had"):
        descend(rules.gd, x=1.0, steps=5, **given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rule": "adam"}, "rule must be a function such as adamtut.rules.adam, got 'adam'"),
        ({"rule": dict}, "rule must be a function such as adamtut.rules.adam, got <class 'dict'>"),
        ({"grad": problems.ravine}, r"grad must be a callable.*pass its \.grad"),
        ({"grad": [1.0, 2.0]}, r"grad must be a callable, grad\(x\) or grad\(x, t\), got \[1"),
        ({"project": (-1, 1)}, r"project must be a function of x, or None, got \(-1, 1\)"),
    ],
)
def test_what_is_no_function_is_refused_at_the_call(given, said):
    with pytest.raises(TypeError, match=said):
        iterate(**({"rule": rules.gd, "grad": double, "x": START, "lr": 0.1} | given))


# Kinds of numbers.


@quiet
def test_an_eps_that_is_0_in_half_precision_is_named():
    with pytest.raises(FloatingPointError, match="eps 1e-08 is 0 in float16: start from float64"):
        descend(rules.adam, np.zeros_like, np.ones(2, np.float16), 0.1, 3)
    with pytest.raises(FloatingPointError, match="eps 1e-50 is 0 in float32"):
        descend(rules.adam, np.zeros_like, np.ones(2, np.float32), 0.1, 3, eps=1e-50)
    with pytest.raises(FloatingPointError, match="where a gradient is 0, eps must be above 0"):
        descend(rules.adam, np.zeros_like, np.ones(2), 0.1, 3, eps=0.0)


def test_a_rate_that_is_0_in_half_precision_is_refused():
    """Else the path would stand still without a word."""
    with pytest.raises(ValueError, match="lr 1e-08 is 0 in float16, the dtype of x"):
        descend(rules.gd, double, np.ones(2, np.float16), 1e-8, 3)
    descend(rules.gd, double, np.ones(2, np.float16), [0.1, 0.0], 3)


def test_complex_parameters_are_told_of_their_real_view():
    z = np.array([1 + 2j, -1j])
    with pytest.raises(
        TypeError, match=r"got dtype complex128; pass its real view, x\.view\(float"
    ):
        descend(rules.gd, double, z, 0.25, 1)
    path = descend(rules.gd, double, z.view(float), 0.25, 1)
    np.testing.assert_array_equal(path[1].view(complex), z / 2)


# Going on where a run stopped.


@pytest.mark.parametrize("name", ["gd", "momentum", "adam", "nadam", "radam", "amsgrad"])
@pytest.mark.parametrize("shape", [(), (2,)])
def test_a_run_goes_on_bit_for_bit_where_it_stopped(name, shape):
    rule, settings = getattr(rules, name), {"lr": lambda t: 0.3 / t, "weight_decay": 0.1, "l2": 0.2}
    start = np.full(shape, 1.5, np.float32)
    whole = descend(rule, double, start, steps=9, **settings)
    t, x, state = next(itertools.islice(walk(rule, double, start, **settings), 4, None))
    assert t == 4
    rest = descend(rule, double, x, steps=5, t=np.int64(t), state=state, **settings)
    np.testing.assert_array_equal(rest, whole[4:])
    assert rest.dtype == whole.dtype
    from_the_point_alone = descend(rule, double, whole[4], steps=5, **settings)
    assert not np.array_equal(from_the_point_alone, whole[4:])


def test_a_state_that_was_handed_in_is_neither_changed_nor_kept():
    def in_place(g, t, m=0.0):
        m += g
        return m, m

    mine = [np.ones(2)]
    points = iterate(in_place, double, START, 0.1, t=1, state=mine)
    mine[0][:] = 100.0
    second = list(itertools.islice(points, 2))[1]
    np.testing.assert_allclose(second, [1 - 0.1 * 3, -2 + 0.1 * 3])
    np.testing.assert_array_equal(mine[0], 100.0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"t": -1}, "t must be a whole number of 0 or more, got -1"),
        ({"t": 2.0}, "t must be a whole number of 0 or more, got 2.0"),
        ({"state": (1.0,)}, r"what walk yields for adam, a tuple of m, v, got \(1.0,\)"),
        ({"state": {"m": 0, "v": 0}}, "what walk yields for adam, a tuple of m, v, got {'m'"),
        ({"state": (np.nan, 0.0)}, "state m of adam is not finite: nan"),
        # One number for two coordinates would be broadcast.
        (
            {"state": (np.zeros(2), np.ones(1))},
            r"state v of adam must have the shape \(2,\), got \(1,\)",
        ),
    ],
)
def test_what_is_no_state_is_refused_at_the_call(given, said):
    with pytest.raises(ValueError, match=said):
        walk(rules.adam, double, START, 0.1, **given)
