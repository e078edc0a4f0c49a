"""Test functions: gradients against finite differences, minima, views, stacks, batches."""

import math
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from adamtut import descend, problems, rules
from adamtut.problems import FiniteSum, NoisyProblem, Problem

PROBLEMS = {name: p for name, p in vars(problems).items() if isinstance(p, Problem)} | {
    "tilted well": problems.double_well(0.2),
    "double well": problems.double_well(),
    "steep quadratic": problems.quadratic([100.0, 1.0], 0.3),
}
every_problem = pytest.mark.parametrize("name", PROBLEMS)


def small_sums():
    """One of each kind, small enough for plain Python loops."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(7, 3))
    return {
        "least squares": problems.least_squares(inputs, rng.normal(size=7)),
        "logistic": problems.logistic(inputs, rng.choice([-1, 1], size=7), l2=0.1),
        "softmax": problems.network(inputs, [0, 1, 2, 1, 0, 2, 2], hidden=()),
        "network": problems.network(inputs, [0, 1, 2, 1, 0, 2, 2], hidden=(4,)),
        "deep network": problems.network(inputs, [0, 1, 1, 1, 0, 0, 1], hidden=(4, 5)),
    }


SMALL = small_sums()
BUNDLED = {
    "diabetes": problems.diabetes_regression(),
    "breast cancer": problems.breast_cancer_logistic(),
    "digits": problems.digits_network((8,)),
}
SUMS = SMALL | BUNDLED
every_small_sum = pytest.mark.parametrize("name", SMALL)
every_sum = pytest.mark.parametrize("name", SUMS)


def in_view(problem, count, seed=0):
    """Random points of the window that the problem is drawn in."""
    sides = np.array(problem.view)[: len(problem.start)]
    return np.random.default_rng(seed).uniform(*sides.T, size=(count, len(sides)))


def differences(value, x, h=1e-5):
    """The gradient of `value` at x (n,) by central differences."""
    return np.array([(value(x + h * e) - value(x - h * e)) / (2 * h) for e in np.eye(len(x))])


def assert_gradient(value, grad, points):
    found = np.array([grad(x) for x in points])
    expected = np.array([differences(value, x) for x in points])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())


# Problems to look at.


def test_the_problems_of_the_book_are_there():
    assert set(PROBLEMS) >= {
        *("sphere", "ravine", "rotated_ravine", "rosenbrock", "beale", "himmelblau"),
        *("saddle", "plateau", "noisy_quadratic"),
    }


@every_problem
def test_gradient(name):
    problem = PROBLEMS[name]
    assert_gradient(problem.value, problem.grad, in_view(problem, 100))


def test_a_wrong_gradient_is_noticed():
    beale = problems.beale
    with pytest.raises(AssertionError):
        assert_gradient(beale.value, lambda x: beale.grad(x) * (1 + 1e-5), in_view(beale, 100))


def test_values_by_hand():
    assert problems.sphere.value([3.0, 4.0]) == 25.0
    assert problems.ravine.value([3.0, 1.0]) == pytest.approx(0.1 * 9 + 2)
    assert problems.rotated_ravine.value([1.0, 1.0]) == pytest.approx(0.1 * 2)  # along the floor
    assert problems.rotated_ravine.value([1.0, -1.0]) == pytest.approx(2 * 2)  # up the wall
    assert problems.rosenbrock.value([-1.2, 1.0]) == pytest.approx(24.2)
    assert problems.beale.value([0.0, 0.0]) == 1.5**2 + 2.25**2 + 2.625**2
    assert problems.himmelblau.value([0.0, 0.0]) == 11**2 + 7**2
    assert problems.saddle.value([2.0, 2.0]) == 2 - 2 + 4
    assert problems.double_well(0.25).value([2.0]) == 4 - 2 + 0.5
    assert problems.plateau.value([2.0]) == pytest.approx(0.1 * (4 - 16 + 18.02))


@every_problem
def test_stacks_are_the_points_one_by_one(name):
    problem = PROBLEMS[name]
    stack = in_view(problem, 6).reshape(2, 3, -1)
    values, gradients = problem.value(stack), problem.grad(stack)
    assert values.shape == (2, 3) and gradients.shape == stack.shape
    for i in np.ndindex(2, 3):
        np.testing.assert_allclose(values[i], problem.value(stack[i]), rtol=1e-14)
        np.testing.assert_allclose(gradients[i], problem.grad(stack[i]), rtol=1e-13)
    np.testing.assert_array_equal(problem.value(stack.tolist()), values)
    assert np.shape(problem.value(stack[0, 0])) == ()


@every_problem
def test_points_are_not_changed(name):
    problem = PROBLEMS[name]
    points = in_view(problem, 3)
    points.flags.writeable = False
    problem.value(points)
    assert not np.shares_memory(problem.grad(points), points)


@every_problem
def test_minima_are_stationary_and_lowest(name):
    problem = PROBLEMS[name]
    assert problem.minima.shape == (len(problem.minima), len(problem.start))
    assert len(problem.minima) >= 1
    np.testing.assert_allclose(problem.grad(problem.minima), 0, atol=1e-12)
    lowest = problem.value(problem.minima)
    np.testing.assert_allclose(lowest, lowest[0], rtol=0, atol=1e-12)
    assert (problem.value(in_view(problem, 10_000)) >= lowest.max()).all()


@every_problem
def test_no_global_minimum_is_missing(name):
    """Descent from 300 random points finds no other place that is as low."""
    problem = PROBLEMS[name]
    x = in_view(problem, 300)
    for _ in range(3000):  # steps of at most 0.05: each point shortens its own
        g = problem.grad(x)
        x = x - g * np.minimum(2e-3, 0.05 / (np.linalg.norm(g, axis=-1, keepdims=True) + 1e-12))
    low = x[problem.value(x) < problem.value(problem.minima[0]) + 1e-3]
    distance = np.linalg.norm(low[:, None] - problem.minima, axis=-1).min(axis=1)
    assert (distance < 0.5).all()


@every_problem
def test_the_view_holds_start_and_minima(name):
    problem = PROBLEMS[name]
    points = np.vstack([problem.start, problem.minima])
    coordinates = points
    if points.shape[1] == 1:  # the second pair is the range of values
        coordinates = np.column_stack([points, problem.value(points)])
    low, high = np.array(problem.view).T
    assert ((coordinates > low) & (coordinates < high)).all()


@every_problem
def test_the_start_is_no_place_to_stay(name):
    assert np.linalg.norm(PROBLEMS[name].grad(PROBLEMS[name].start)) > 0.1


@pytest.mark.parametrize("problem", [*PROBLEMS.values(), *SMALL.values()], ids=lambda p: p.name)
def test_objects_are_frozen(problem):
    for field in fields(problem):
        with pytest.raises(FrozenInstanceError):
            setattr(problem, field.name, None)
        with pytest.raises(FrozenInstanceError):
            delattr(problem, field.name)


def test_names_tell_the_problems_apart():
    # The two wells and the two quadratics are of one kind each.
    named = [
        p.name for name, p in PROBLEMS.items() if name not in ("tilted well", "steep quadratic")
    ]
    assert len(set(named)) == len(named)


@pytest.mark.parametrize("angle", [0.0, 0.3, np.pi / 4, -2.0])
def test_a_quadratic_has_the_given_eigenvalues_turned_by_the_angle(angle):
    turned, straight = problems.quadratic([1.0, 10.0], angle), problems.quadratic([1.0, 10.0])
    matrix = turned.grad(np.eye(2))
    np.testing.assert_allclose(np.linalg.eigvalsh(matrix), [1, 10])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = in_view(straight, 20)
    np.testing.assert_allclose(turned.value(points @ turn.T), straight.value(points))


def test_a_quadratic_of_three_variables():
    problem = problems.quadratic([1.0, 2.0, 3.0], start=(1, 1, 1))
    assert problem.value([1.0, 1.0, 1.0]) == 3.0
    np.testing.assert_array_equal(problem.minima, np.zeros((1, 3)))


def test_the_rotated_ravine_is_the_ravine():
    matrices = [p.grad(np.eye(2)) for p in (problems.ravine, problems.rotated_ravine)]
    spectra = [np.linalg.eigvalsh(matrix) for matrix in matrices]
    np.testing.assert_allclose(spectra[0], spectra[1])
    np.testing.assert_allclose(spectra[0], [0.2, 4.0])


def test_the_saddle_catches_its_start():
    """On the axis y = 0 the gradient leads straight to the saddle point."""
    saddle = problems.saddle
    np.testing.assert_array_equal(saddle.grad([0.0, 0.0]), [0, 0])
    assert saddle.grad(saddle.start)[1] == 0
    assert saddle.value([0.0, 0.1]) < saddle.value([0.0, 0.0]) < saddle.value([0.1, 0.0])


def test_the_plateau_is_flat_and_not_a_minimum():
    points = np.linspace(0.5, 5.5, 1001)[:, None]
    slope = problems.plateau.grad(points)[:, 0]
    assert (slope > 0).all()
    assert points[slope.argmin(), 0] == pytest.approx(3, abs=0.02)
    assert slope.min() < 0.01 * slope.max()


@pytest.mark.parametrize("tilt", [0.0, 0.1, 0.38])
def test_a_double_well_has_two_wells_and_lists_the_deeper(tilt):
    problem = problems.double_well(tilt)
    x = np.linspace(-2, 2.2, 100_001)[:, None]
    rising = problem.grad(x)[:, 0] > 0
    bottoms = np.flatnonzero(~rising[:-1] & rising[1:])
    assert len(bottoms) == 2
    assert len(problem.minima) == (2 if tilt == 0 else 1)
    assert problem.minima[0, 0] == pytest.approx(x[bottoms[0], 0], abs=1e-4)


@pytest.mark.parametrize("tilt", [-0.1, 2 / 27**0.5, 1.0, np.nan])
def test_a_tilt_that_leaves_one_well_is_refused(tilt):
    with pytest.raises(ValueError, match=rf"tilt must lie in \[0, 2 / .*0.385\), got {tilt}"):
        problems.double_well(tilt)


@pytest.mark.parametrize("curvatures", [[1.0, 2.0, 3.0], [1.0]])
def test_an_angle_needs_a_plane(curvatures):
    with pytest.raises(ValueError, match=rf"two curvatures, got \({len(curvatures)},\)"):
        problems.quadratic(curvatures, angle=0.1)


def test_the_noise_has_the_given_level():
    quadratic = problems.quadratic([1.0, 3.0])
    noisy = NoisyProblem(**vars(quadratic), sigma=0.5)
    x = np.tile([1.0, -2.0], (40_000, 1))
    noise = noisy.sampled(np.random.default_rng(0))(x) - quadratic.grad(x)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=4 * 0.5 / 200)
    # Variances within 4 of their standard errors, 0.25 √(2 / 40,000); the coordinates independent.
    np.testing.assert_allclose(np.cov(noise.T), 0.25 * np.eye(2), atol=4 * 0.25 * (2 / 4e4) ** 0.5)


def test_the_noise_is_fresh_and_follows_the_seed():
    noisy = problems.noisy_quadratic
    assert noisy.sigma == 1.0
    first, second = (noisy.sampled(np.random.default_rng(3)) for _ in range(2))
    x = np.ones(2)
    calls = [first(x), first(x), first(x)]
    assert len({tuple(c) for c in calls}) == 3
    np.testing.assert_array_equal(calls, [second(x), second(x), second(x)])
    assert (np.ptp(first(np.ones((5, 2))), axis=0) > 0).all()  # each run of a stack has its own


# Losses on an interval, step by step or drawn.


def test_the_online_losses_are_those_of_the_paper():
    problem = problems.reddi_online(C=5.0)
    slopes = [5.0, -1.0, -1.0] * 2
    x = np.array([[0.5, -1.0, 0.25]])
    for t, slope in enumerate(slopes, start=1):
        np.testing.assert_array_equal(problem.value(x, t), slope * x)
        np.testing.assert_array_equal(problem.grad(x, t), np.full((1, 3), slope))
    own = problems.reddi_online(1010.0, rest=-10.0, period=101)
    assert [t for t in range(1, 304) if own.grad(0.0, t) > 0] == [1, 102, 203]
    assert sum(own.grad(0.0, t) for t in range(1, 102)) == 10


@pytest.mark.parametrize(
    "problem", [problems.reddi_online(), problems.reddi_online(1010.0, rest=-10.0, period=101)]
)
def test_the_minimum_of_an_online_problem_is_the_best_fixed_point(problem):
    x = np.linspace(*problem.box, 21)
    total = sum(problem.value(x, t) for t in range(1, 304))
    assert x[total.argmin()] == problem.minimum
    assert problem.box[0] <= problem.start <= problem.box[1]


@pytest.mark.parametrize("problem", [problems.reddi_online(), problems.reddi_stochastic()])
def test_projection_is_onto_the_box(problem):
    inside, outside = np.array([-1.0, 0.3, 1.0]), np.array([-7.0, 1.5])
    np.testing.assert_array_equal(problem.project(inside), inside)
    np.testing.assert_array_equal(problem.project(outside), [-1.0, 1.0])


def test_descend_runs_a_reddi_problem_in_its_box():
    problem = problems.reddi_online()
    path = descend(rules.gd, problem.grad, problem.start, 0.5, 7, project=problem.project)
    np.testing.assert_array_equal(path, [0, -1, -0.5, 0, -1, -0.5, 0, -1])


@pytest.mark.parametrize("batch", [1, 5])
def test_drawn_slopes_have_the_given_probabilities(batch):
    problem = problems.reddi_stochastic(C=4.0, p=0.25, rest=-1.0)
    x = np.zeros(100_000)
    np.testing.assert_array_equal(problem.grad(x), np.full(100_000, 0.25))
    np.testing.assert_array_equal(problem.value([2.0]), [0.5])
    draws = problem.sampled(np.random.default_rng(0), batch)(x)
    deviation = 5 * (0.25 * 0.75 / batch) ** 0.5
    assert draws.mean() == pytest.approx(0.25, abs=4 * deviation / 1e5**0.5)
    assert draws.std() == pytest.approx(deviation, rel=0.02)
    if batch == 1:
        assert set(draws) == {4.0, -1.0}


def test_draws_follow_the_seed_and_are_fresh():
    problem = problems.reddi_stochastic()
    first, second = (problem.sampled(np.random.default_rng(5)) for _ in range(2))
    x = np.zeros((2, 50))
    calls = [first(x), first(x)]
    assert calls[0].shape == (2, 50)
    np.testing.assert_array_equal(calls, [second(x), second(x)])
    assert not np.array_equal(*calls) and not np.array_equal(*calls[0])
    assert first(0.0).shape == ()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: problems.reddi_online(2.0), "must be above 0, got 0$"),
        (lambda: problems.reddi_online(np.nan), "C must be a finite number, got nan"),
        (
            lambda: problems.reddi_online(period=1),
            "period must be a whole number of 2 or more, got 1",
        ),
        (lambda: problems.reddi_stochastic(2.0), "mean slope .* must be above 0, got -0.1"),
        (lambda: problems.reddi_stochastic(p=1.0), r"p must lie in \(0, 1\), got 1.0"),
        (
            lambda: problems.reddi_stochastic().sampled(np.random.default_rng(0), 0),
            "batch must be a whole number of 1 or more, got 0",
        ),
    ],
)
def test_a_reddi_problem_without_its_minimum_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Means over examples.


def plain_loss(name, x, example):
    """f_i(x) for the sums above, in plain Python, from the definition in the docstring."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(7, 3)).tolist()
    targets = rng.normal(size=7)
    signs = rng.choice([-1, 1], size=7)
    a = inputs[example]
    product = sum(ai * xi for ai, xi in zip(a, x, strict=False))
    if name == "least squares":
        return 0.5 * (product - targets[example]) ** 2
    if name == "logistic":
        penalty = 0.1 / 2 * sum(xi**2 for xi in x)
        return math.log(1 + math.exp(-signs[example] * product)) + penalty
    hidden, label = {
        "softmax": ((), [0, 1, 2, 1, 0, 2, 2]),
        "network": ((4,), [0, 1, 2, 1, 0, 2, 2]),
        "deep network": ((4, 5), [0, 1, 1, 1, 0, 0, 1]),
    }[name]
    widths, parameters = [3, *hidden, max(label) + 1], iter(x)
    for layer in range(1, len(widths)):
        weight = [[next(parameters) for _ in range(widths[layer])] for _ in a]
        bias = [next(parameters) for _ in range(widths[layer])]
        logits = [
            sum(ai * row[o] for ai, row in zip(a, weight, strict=True)) + bias[o]
            for o in range(widths[layer])
        ]
        a = [math.tanh(z) for z in logits]
    return math.log(sum(math.exp(z) for z in logits)) - logits[label[example]]


def points_of(problem, count, seed=1):
    return np.random.default_rng(seed).normal(size=(count, problem.dim))


@every_small_sum
def test_a_value_is_the_mean_of_its_definition(name):
    problem = SMALL[name]
    for x in points_of(problem, 3):
        losses = [plain_loss(name, x, i) for i in range(7)]
        assert problem.value(x) == pytest.approx(np.mean(losses), rel=1e-12)
        assert problem.value(x, [4]) == pytest.approx(losses[4], rel=1e-12)
        rows = [0, 3, 3, 6]  # with replacement
        expected = np.mean([losses[i] for i in rows])
        assert problem.value(x, rows) == pytest.approx(expected, rel=1e-12)


@every_small_sum
@pytest.mark.parametrize("rows", [None, [5], [0, 3, 3, 6]])
def test_the_gradient_of_a_sum(name, rows):
    problem = SMALL[name]
    assert_gradient(
        lambda x: problem.value(x, rows), lambda x: problem.grad(x, rows), points_of(problem, 3)
    )


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("rows", [None, np.array([0, 3, 3, 6])], ids=["all", "batch"])
def test_the_gradient_of_a_sum_on_data(name, rows):
    """Along random directions: the digits have too many coordinates to go through one by one."""
    problem, h = BUNDLED[name], 1e-5
    x, *directions = 0.1 * points_of(problem, 9)
    for d in directions:
        slope = (problem.value(x + h * d, rows) - problem.value(x - h * d, rows)) / (2 * h)
        assert problem.grad(x, rows) @ d == pytest.approx(slope, rel=1e-6, abs=1e-8)


@every_small_sum
def test_single_examples_average_to_the_whole(name):
    problem = SMALL[name]
    x = points_of(problem, 1)[0]
    every = np.arange(problem.size)
    singles = [problem.grad(x, [i]) for i in every]
    np.testing.assert_allclose(np.mean(singles, axis=0), problem.grad(x), atol=1e-13)
    np.testing.assert_allclose(problem.grad(x, every), problem.grad(x), atol=1e-13)
    # The same by one call: a stack of one point, with a batch for each.
    stack = problem.grad(np.tile(x, (7, 1)), every[:, None])
    np.testing.assert_allclose(stack, singles, atol=1e-13)


@every_small_sum
def test_a_stack_of_sums_is_the_points_one_by_one(name):
    problem = SMALL[name]
    stack = points_of(problem, 6).reshape(2, 3, -1)
    own = np.random.default_rng(0).integers(7, size=(2, 3, 4))
    for rows, of in [(None, lambda i: None), ([1, 2], lambda i: [1, 2]), (own, lambda i: own[i])]:
        values, gradients = problem.value(stack, rows), problem.grad(stack, rows)
        assert values.shape == (2, 3) and gradients.shape == stack.shape
        for i in np.ndindex(2, 3):
            np.testing.assert_allclose(values[i], problem.value(stack[i], of(i)), rtol=1e-12)
            np.testing.assert_allclose(gradients[i], problem.grad(stack[i], of(i)), atol=1e-13)


@every_sum
def test_sizes(name):
    problem = SUMS[name]
    x = points_of(problem, 1)[0]
    assert problem.grad(x).shape == (problem.dim,)
    problem.value(x, [problem.size - 1])
    with pytest.raises(IndexError):
        problem.value(x, [problem.size])


@every_small_sum
@pytest.mark.parametrize("batch", [1, 3, 7])
def test_sampled_gradients_are_unbiased(name, batch):
    problem = SMALL[name]
    x = points_of(problem, 1)[0]
    draws = problem.sampled(batch, np.random.default_rng(0))(np.tile(x, (5_000, 1)))
    error = draws.std(axis=0, ddof=1) / 5_000**0.5
    np.testing.assert_array_less(np.abs(draws.mean(axis=0) - problem.grad(x)), 4 * error + 1e-13)
    # The variance of a mean of `batch` draws with replacement.
    singles = np.array([problem.grad(x, [i]) for i in range(7)])
    np.testing.assert_allclose(draws.var(axis=0).sum(), singles.var(axis=0).sum() / batch, rtol=0.1)


@every_sum
@pytest.mark.parametrize("stack", [(), (4,), (2, 3)])
def test_sampled_gradients_follow_the_seed(name, stack):
    problem = SUMS[name]
    x = np.broadcast_to(points_of(problem, 1)[0], (*stack, problem.dim))
    first, second = (problem.sampled(2, np.random.default_rng(5)) for _ in range(2))
    calls = [first(x), first(x)]
    assert calls[0].shape == (*stack, problem.dim)
    np.testing.assert_array_equal(calls, [second(x), second(x)])
    assert not np.array_equal(*calls)
    if stack:  # each point its own batch
        assert not np.array_equal(calls[0], np.broadcast_to(calls[0][0], calls[0].shape))


@pytest.mark.parametrize(
    ("batch", "expected"),
    [(0, "be a whole number of 1 or more"), (-1, "be a whole"), (8, r"lie in \[1, 7\]")],
)
def test_a_batch_out_of_range_is_refused(batch, expected):
    with pytest.raises(ValueError, match=rf"batch must {expected}.*, got {batch}"):
        SMALL["least squares"].sampled(batch, np.random.default_rng(0))


@pytest.mark.parametrize("name", ["least squares", "logistic", "diabetes", "breast cancer"])
def test_the_minimum_of_a_sum(name):
    problem = SUMS[name]
    assert problem.minima.shape == (1, problem.dim)
    minimum = problem.minima[0]
    assert np.abs(problem.grad(minimum)).max() < 1e-10
    rng = np.random.default_rng(0)
    others = minimum + rng.normal(size=(10_000, problem.dim)) * rng.lognormal(-3, 2, (10_000, 1))
    assert (problem.value(others) > problem.value(minimum)).all()


@pytest.mark.parametrize("name", ["softmax", "network", "digits"])
def test_a_network_claims_no_minimum(name):
    assert SUMS[name].minima.shape == (0, SUMS[name].dim)


@pytest.mark.parametrize("labels", [[0, 1], [1, 2], [0.5, 1]])
def test_labels_must_be_signs(labels):
    with pytest.raises(ValueError, match="labels must be -1 or 1, got "):
        problems.logistic([[1.0], [2.0]], labels)


@pytest.mark.parametrize("l2", [0.0, -1.0, np.nan])
def test_the_penalty_must_be_positive(l2):
    with pytest.raises(ValueError, match=f"l2 must be above 0 .*got {l2}"):
        problems.logistic([[1.0], [2.0]], [-1, 1], l2=l2)


def test_large_margins_do_not_overflow():
    problem = problems.logistic([[1.0], [2.0]], [1, -1], l2=1e-9)
    for x in (1e4, -1e4):
        assert np.isfinite(problem.value([x])) and np.isfinite(problem.grad([x])).all()
    softmax = problems.network([[1.0], [2.0]], [0, 1], hidden=())
    x = np.array([1e4, -1e4, 0.0, 0.0])
    assert softmax.value(x) == pytest.approx(2e4)  # half of a margin of 4e4
    assert np.isfinite(softmax.grad(x)).all()


# Networks.


@pytest.mark.parametrize("hidden", [(), (4,), (4, 5)])
def test_a_network_equals_torch(hidden):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    inputs, labels = rng.normal(size=(9, 3)), np.arange(9) % 3
    problem = problems.network(inputs, labels, hidden)
    x = problem.start(rng)
    layers, rest = [], torch.from_numpy(x.copy())
    for fan_in, fan_out in zip(problem.widths, problem.widths[1:], strict=False):
        layer = torch.nn.Linear(fan_in, fan_out, dtype=torch.float64)
        weight, bias, rest = torch.split(
            rest, [fan_in * fan_out, fan_out, len(rest) - (fan_in + 1) * fan_out]
        )
        layer.weight.data, layer.bias.data = weight.reshape(fan_in, fan_out).T, bias
        layers += [layer, torch.nn.Tanh()]
    assert len(rest) == 0
    net = torch.nn.Sequential(*layers[:-1])
    logits = net(torch.from_numpy(inputs))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels))
    loss.backward()
    gradients = [p for layer in layers[::2] for p in (layer.weight.grad.T, layer.bias.grad)]
    assert problem.value(x) == pytest.approx(loss.item(), rel=1e-14)
    np.testing.assert_allclose(
        problem.grad(x), np.concatenate([g.numpy().ravel() for g in gradients]), atol=1e-15
    )
    right = (logits.argmax(dim=1).numpy() == labels).mean()
    assert problem.accuracy(x) == right


def test_accuracy_is_the_share_of_right_answers():
    problem = problems.network([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0], [2.0, 1.0]], [0, 1, 1, 1], ())
    keep, swap = [1, 0, 0, 1, 0, 0], [0, 1, 1, 0, 0, 0]  # weights (2, 2), biases (2,)
    assert problem.accuracy(keep) == 0.75
    np.testing.assert_array_equal(problem.accuracy(np.array([keep, swap])), [0.75, 0.25])


def test_the_digits_can_be_learned():
    problem = problems.digits_network()
    assert (problem.size, problem.dim, problem.widths) == (1797, 2410, (64, 32, 10))
    x = problem.start(np.random.default_rng(0))
    assert problem.value(x) == pytest.approx(math.log(10), abs=0.1)  # knows nothing yet
    path = descend(rules.adam, problem.sampled(64, np.random.default_rng(0)), x, 0.01, 200)
    assert problem.accuracy(path[-1]) > 0.9


@pytest.mark.parametrize("hidden", [(), (8,), (8, 16)])
def test_start_weights_are_uniform_in_one_over_root_fan_in(hidden):
    problem = problems.network(np.zeros((4, 25)), [0, 1, 2, 3], hidden)
    starts = np.stack([problem.start(np.random.default_rng(seed)) for seed in range(200)])
    assert starts.shape == (200, problem.dim)
    begin = 0
    for fan_in, fan_out in zip(problem.widths, problem.widths[1:], strict=False):
        end = begin + (fan_in + 1) * fan_out
        scaled = starts[:, begin:end] * fan_in**0.5
        assert np.abs(scaled).max() <= 1
        assert scaled.std() == pytest.approx(3**-0.5, rel=0.05)
        assert scaled.mean() == pytest.approx(0, abs=0.05)
        begin = end
    np.testing.assert_array_equal(starts[7], problem.start(np.random.default_rng(7)))
    assert not np.array_equal(starts[0], starts[1])


def test_bundled_sums_are_what_they_say():
    assert isinstance(BUNDLED["diabetes"], FiniteSum)
    sizes = {name: (p.size, p.dim) for name, p in BUNDLED.items()}
    assert sizes == {
        "diabetes": (442, 10),
        "breast cancer": (569, 30),
        "digits": (1797, 64 * 8 + 8 + 8 * 10 + 10),
    }


@pytest.mark.parametrize("labels", [[-1, 0], [0.0, 1.0]])
def test_network_refuses_labels_that_are_no_classes(labels):
    with pytest.raises(ValueError, match="labels must be the integers 0, 1, …, got"):
        problems.network([[0.0], [1.0]], labels)


def test_the_arrays_of_a_problem_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        problems.ravine.start[0] = 0.0
    with pytest.raises(ValueError, match="read-only"):
        problems.least_squares([[1.0]], [2.0]).minima[0] = 0.0
