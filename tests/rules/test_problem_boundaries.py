"""What the makers of problems refuse, and that problems are nobody else's and can be sent away."""

import pickle
import re

import numpy as np
import pytest

from adamtut import descend, problems, rules

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(20, 3))
TARGETS = INPUTS @ [1.0, -2.0, 0.5]
SIGNS = np.where(TARGETS > 0, 1, -1)
CLASSES = np.arange(20) % 3

SUMS = {
    "least squares": problems.least_squares(INPUTS, TARGETS),
    "logistic": problems.logistic(INPUTS, SIGNS),
    "network": problems.network(INPUTS, CLASSES, hidden=(4,)),
}
PROBLEMS = {name: p for name, p in vars(problems).items() if isinstance(p, problems.Problem)} | {
    "double well": problems.double_well(0.1),
    "three variables": problems.quadratic([1.0, 2.0, 3.0]),
}
DRAWN = {"online": problems.reddi_online(), "drawn": problems.reddi_stochastic()}


# Data of another shape would broadcast: 20 numbers for one value, or the diagonal of a matrix.


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: problems.least_squares(INPUTS, TARGETS[:, None]),
            r"targets must have shape \(20,\), got \(20, 1\): pass targets.ravel\(\)",
        ),
        (
            lambda: problems.least_squares(INPUTS, TARGETS[:5]),
            r"targets must have shape \(20,\), got \(5,\)",
        ),
        (
            lambda: problems.least_squares(TARGETS, TARGETS),
            r"inputs must have shape \(N, n\), got \(20,\)",
        ),
        (
            lambda: problems.least_squares(np.empty((0, 3)), []),
            r"inputs must have shape \(N, n\), got \(0, 3\)",
        ),
        (
            lambda: problems.least_squares([[1.0], [np.nan]], [1.0, 2.0]),
            r"inputs must be finite, got nan at \[1, 0\]",
        ),
        (
            lambda: problems.least_squares([[1.0], [2.0]], [1.0, np.inf]),
            r"targets must be finite, got inf at \[1\]",
        ),
        (
            lambda: problems.logistic(INPUTS, SIGNS[:, None]),
            r"labels must have shape \(20,\), got \(20, 1\): pass labels.ravel\(\)",
        ),
        (
            lambda: problems.network(INPUTS, CLASSES[:, None]),
            r"labels must have shape \(20,\), got \(20, 1\): pass labels.ravel\(\)",
        ),
        (lambda: problems.network(INPUTS, CLASSES[:7]), r"labels must have shape \(20,\), got \(7"),
        (
            lambda: problems.network(INPUTS, CLASSES, hidden=(8, 0)),
            "a width of hidden must be a whole number of 1 or more, got 0",
        ),
        (
            lambda: problems.quadratic([[2.0, 1.0], [1.0, 3.0]]),
            r"the eigenvalues, shape \(n,\), got a matrix of shape \(2, 2\): np.linalg.eigvalsh",
        ),
        (lambda: problems.quadratic(2.0), r"curvatures must have shape \(n,\), got \(\)"),
        (lambda: problems.quadratic([]), r"curvatures must have shape \(n,\), got \(0,\)"),
        (lambda: problems.quadratic([1.0, np.inf]), r"curvatures must be finite, got inf at \[1\]"),
        (lambda: problems.quadratic([1.0, 2.0], np.nan), "angle must be a finite number, got nan"),
        (lambda: problems.double_well("0.1"), r"tilt must lie in .*, got '0.1'"),
        (lambda: problems.reddi_online(np.inf), "C must be a finite number, got inf"),
        (lambda: problems.reddi_online(rest="-1"), "rest must be a finite number, got '-1'"),
        (lambda: problems.reddi_online(period=2.5), "period must be a whole number of 2 or more"),
        (lambda: problems.reddi_stochastic(p="0.3"), r"p must lie in \(0, 1\), got '0.3'"),
    ],
)
def test_what_would_broadcast_or_go_unseen_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: problems.least_squares(INPUTS + 0j, TARGETS), "inputs must hold real numbers"),
        (
            lambda: problems.least_squares([["a"]], [1.0]),
            "inputs must hold real numbers, got dtype",
        ),
        (
            lambda: problems.network(INPUTS, CLASSES, hidden=32),
            r"hidden must be a tuple of widths, such as \(32,\), got 32",
        ),
    ],
)
def test_what_is_no_number_is_refused(make, said):
    with pytest.raises(TypeError, match=said):
        make()


def test_a_number_of_examples_has_one_value():
    """The situation: a column of targets gave twenty values of one point."""
    assert problems.least_squares(INPUTS, TARGETS).value(np.zeros(3)).shape == ()


def test_the_start_of_a_quadratic_has_its_dimension():
    for n in (1, 2, 3):
        problem = problems.quadratic(np.arange(1.0, n + 1))
        assert descend(rules.gd, problem.grad, problem.start, 0.1, 1).shape == (2, n)


def test_a_quadratic_that_falls_without_end_claims_no_minimum():
    assert problems.quadratic([1.0, -1.0]).minima.shape == (0, 2)
    assert problems.quadratic([1.0, 0.0]).minima.shape == (1, 2)


def test_the_minimum_of_a_logistic_regression_is_found_where_newtons_steps_go_too_far():
    """Heavy-tailed inputs, of which whole steps end at a gradient of 133."""
    rng = np.random.default_rng(191)
    size, dim = rng.integers(3, 60), rng.integers(1, 6)
    inputs = rng.standard_cauchy((size, dim)) * 10 ** rng.uniform(-1, 3)
    labels = np.where(rng.random(size) < 0.2, -1, 1)
    problem = problems.logistic(inputs, labels, l2=10 ** rng.uniform(-9, -1))
    assert np.abs(problem.grad(problem.minima[0])).max() < 1e-8


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"minima": [[1.0, 2.0, 3.0]]}, ValueError, r"minima must have shape \(k, 2\), got \(1, 3"),
        ({"minima": [1.0, 2.0]}, ValueError, r"minima must have shape \(k, 2\), got \(2,\)"),
        ({"start": [[1.0, 2.0]]}, ValueError, r"start must have shape \(n,\), got \(1, 2\)"),
        ({"view": ((1.0, -1.0), (0.0, 1.0))}, ValueError, r"view must be two pairs \(low, high\)"),
        ({"view": (0.0, 1.0)}, ValueError, r"view must be two pairs \(low, high\), got \(0.0, 1.0"),
        ({"value": 3.0}, TypeError, "value must be a function, got 3.0"),
        ({"grad": None}, TypeError, "grad must be a function, got None"),
    ],
)
def test_a_problem_of_ones_own_is_looked_at(changed, error, said):
    parts = vars(problems.ravine) | changed
    with pytest.raises(error, match=said):
        problems.Problem(**parts)


def test_lists_will_do_for_a_problem_of_ones_own():
    parts = vars(problems.ravine) | {"minima": [[0.0, 0.0]], "start": [1, 2]}
    problem = problems.Problem(**parts)
    np.testing.assert_array_equal(problem.start, [1.0, 2.0])


# Points and rows.


@pytest.mark.parametrize("name", PROBLEMS)
def test_points_of_another_dimension_are_refused(name):
    problem = PROBLEMS[name]
    n = len(problem.start)
    for x in (1.0, np.ones(n + 1), np.ones((n, n + 1))):
        for function in (problem.value, problem.grad):
            said = re.escape(f"points of this problem have shape (..., {n}), got {np.shape(x)}")
            with pytest.raises(ValueError, match=said):
                function(x)


@pytest.mark.parametrize("name", SUMS)
def test_points_of_a_sum_have_its_dimension(name):
    problem = SUMS[name]
    functions = [problem.value, problem.grad, *([problem.accuracy] if name == "network" else [])]
    for function in functions:
        with pytest.raises(ValueError, match=rf"shape \(..., {problem.dim}\), got \(2,\)"):
            function(np.zeros(2))


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("rows", [3, [], [1.0, 2.0], [True] * 20])
def test_rows_that_are_no_batch_are_refused(name, rows):
    """A single row has no axis of examples: the mean went over the stack of points."""
    problem = SUMS[name]
    for function in (problem.value, problem.grad):
        with pytest.raises(ValueError, match=r"rows must be integers of shape \(batch,\)"):
            function(np.zeros((4, problem.dim)), rows)


def test_whole_numbers_are_points_too():
    x = np.array([7, 8], np.uint8)
    for problem in (problems.rosenbrock, problems.himmelblau, problems.ravine):
        np.testing.assert_array_equal(problem.value(x), problem.value(x.astype(float)))
        np.testing.assert_array_equal(problem.grad(x), problem.grad(x.astype(float)))


@pytest.mark.parametrize("t", [0, -1, 1.5])
def test_the_steps_of_an_online_problem_count_from_1(t):
    for function in (DRAWN["online"].value, DRAWN["online"].grad):
        with pytest.raises(ValueError, match="t must be a whole number of 1 or more, got "):
            function(0.0, t)


# Draws.


@pytest.mark.parametrize(
    "sampled",
    [
        lambda rng: problems.noisy_quadratic.sampled(rng),
        lambda rng: problems.reddi_stochastic().sampled(rng),
        lambda rng: SUMS["least squares"].sampled(4, rng),
        lambda rng: SUMS["network"].start(rng),
    ],
)
@pytest.mark.parametrize(
    "rng", [0, None, np.random, np.random.RandomState(0)], ids=["seed", "none", "module", "legacy"]
)
def test_a_seed_in_place_of_a_generator_is_refused_at_the_call(sampled, rng):
    with pytest.raises(TypeError, match=r"rng must be a numpy Generator, such as .*default_rng\(0"):
        sampled(rng)


def test_a_batch_is_a_whole_number():
    with pytest.raises(ValueError, match=r"batch must be a whole number of 1 or more, got 2.5"):
        SUMS["logistic"].sampled(2.5, RNG)
    with pytest.raises(ValueError, match=r"batch must be a whole number .* got Generator"):
        SUMS["logistic"].sampled(RNG, 4)  # the two the wrong way round
    with pytest.raises(ValueError, match=r"batch must be a whole number of 1 or more, got 1.5"):
        DRAWN["drawn"].sampled(RNG, 1.5)


@pytest.mark.parametrize("sigma", [-1.0, np.nan, "1"])
def test_a_noise_has_a_level(sigma):
    with pytest.raises((ValueError, TypeError), match="sigma must be"):
        problems.NoisyProblem(**vars(problems.ravine), sigma=sigma)


# A problem is nobody else's.


def test_data_that_is_changed_later_does_not_change_the_problem():
    for make, labels in [
        (problems.least_squares, TARGETS),
        (problems.logistic, SIGNS),
        (problems.network, CLASSES),
    ]:
        inputs, labels = INPUTS.copy(), labels.copy()
        problem = make(inputs, labels)
        x = np.full(problem.dim, 0.1)
        before = problem.value(x)
        inputs *= 0
        labels *= 0
        assert problem.value(x) == before
    curvatures = np.array([1.0, 2.0])
    problem = problems.quadratic(curvatures)
    curvatures *= 0
    assert problem.value([1.0, 1.0]) == 1.5


def test_the_arrays_that_a_problem_was_made_of_stay_writeable():
    minima, start = np.zeros((1, 2)), np.ones(2)
    problems.Problem(**(vars(problems.ravine) | {"minima": minima, "start": start}))
    minima += 1
    start += 1


# And can be sent to another process.


@pytest.mark.parametrize("name", [*PROBLEMS, *SUMS, *DRAWN])
def test_a_problem_can_be_pickled(name):
    problem = (PROBLEMS | SUMS | DRAWN)[name]
    other = pickle.loads(pickle.dumps(problem))
    assert type(other) is type(problem) and other.name == problem.name
    if name in DRAWN:
        arguments = (np.full(3, 0.5), *([2] if name == "online" else []))
    else:
        arguments = (np.full(problem.minima.shape[1], 0.5),)
        np.testing.assert_array_equal(other.minima, problem.minima)
        assert not other.minima.flags.writeable
    np.testing.assert_array_equal(other.value(*arguments), problem.value(*arguments))
    np.testing.assert_array_equal(other.grad(*arguments), problem.grad(*arguments))


@pytest.mark.parametrize(
    ("sampled", "n"),
    [
        (problems.noisy_quadratic.sampled, 2),
        (problems.reddi_stochastic().sampled, 5),
        (lambda rng: SUMS["least squares"].sampled(4, rng), 3),
    ],
)
def test_a_gradient_that_is_drawn_can_be_pickled_with_its_generator(sampled, n):
    grad = sampled(np.random.default_rng(3))
    other = pickle.loads(pickle.dumps(grad))
    np.testing.assert_array_equal(other(np.zeros(n)), grad(np.zeros(n)))
