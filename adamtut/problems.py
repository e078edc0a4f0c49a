"""Test functions: small frozen objects with value, gradient, minimum and a view to draw.

Every function accepts a stack of points: `x` of shape (..., n) gives values of shape (...)
and gradients of shape (..., n). One call evaluates a whole grid, or many runs at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

View = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Problem:
    """A function of two variables (or one), made to be looked at.

    Attributes
    ----------
    name
        For titles and messages.
    value
        Points (..., n) → values (...).
    grad
        Points (..., n) → gradients (..., n).
    minima
        All global minima, shape (k, n); empty where there is none.
    view
        A good window to draw: ((x_low, x_high), (y_low, y_high)); for n = 1 the second pair is
        the range of values.
    start
        A start point that shows what is difficult here, shape (n,).

    Examples
    --------
    >>> ravine.value([[3.0, 1.0], [0.0, 0.0]])
    array([2.9, 0. ])
    """

    name: str
    value: Callable[[ArrayLike], NDArray]
    grad: Callable[[ArrayLike], NDArray]
    minima: NDArray
    view: View
    start: NDArray

    def __post_init__(self):
        for array in (self.minima, self.start):
            array.setflags(write=False)


def _two_variables(name, value, grad, minima, view, start):
    """A Problem from `value(x, y)` and `grad(x, y)` written in the two coordinates."""

    def stacked_value(point):
        return value(*np.moveaxis(np.asarray(point), -1, 0))

    def stacked_grad(point):
        return np.stack(grad(*np.moveaxis(np.asarray(point), -1, 0)), axis=-1)

    minima = np.array(minima, dtype=float).reshape(-1, 2)
    return Problem(name, stacked_value, stacked_grad, minima, view, np.array(start, dtype=float))


def quadratic(
    curvatures: ArrayLike,
    angle: float = 0.0,
    *,
    name: str = "quadratic",
    view: View = ((-1.5, 1.5), (-1.5, 1.5)),
    start: ArrayLike = (1.0, 1.0),
) -> Problem:
    """f(x) = ½ xᵀ A x, where A has the given eigenvalues and, in the plane, is turned by `angle`.

    Parameters
    ----------
    curvatures
        The eigenvalues of A, shape (n,); the largest is the L of the step-size threshold 2 / L.
    angle
        Turn of the eigenvectors, in radians; n = 2 only.

    Examples
    --------
    >>> quadratic([1.0, 10.0]).grad([1.0, 1.0])
    array([ 1., 10.])
    """
    curvatures = np.asarray(curvatures, dtype=float)
    matrix = np.diag(curvatures)
    if angle:
        if curvatures.shape != (2,):
            raise ValueError(f"angle turns a plane: give two curvatures, got {curvatures.shape}")
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = turn @ matrix @ turn.T

    def grad(x):
        return np.asarray(x) @ matrix

    def value(x):
        return 0.5 * (np.asarray(x) * grad(x)).sum(axis=-1)

    minimum = np.zeros((1, len(curvatures)))
    return Problem(name, value, grad, minimum, view, np.array(start, dtype=float))


sphere = quadratic([2.0, 2.0], name="sphere")

_ravine_view: View = ((-5.5, 2.5), (-3.0, 3.0))
ravine = quadratic([0.2, 4.0], name="ravine", view=_ravine_view, start=(-5.0, 2.0))
rotated_ravine = quadratic(
    [0.2, 4.0],
    np.pi / 4,
    name="rotated ravine",
    view=((-5.0, 3.0), (-5.0, 1.5)),
    start=(-4.95, -2.1),
)

rosenbrock = _two_variables(
    "Rosenbrock",
    lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
    lambda x, y: (-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)),
    minima=[(1, 1)],
    view=((-2.0, 2.0), (-1.0, 3.0)),
    start=(-1.2, 1.0),
)

beale = _two_variables(
    "Beale",
    lambda x, y: (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2,
    lambda x, y: (
        2 * (1.5 - x + x * y) * (y - 1)
        + 2 * (2.25 - x + x * y**2) * (y**2 - 1)
        + 2 * (2.625 - x + x * y**3) * (y**3 - 1),
        2 * (1.5 - x + x * y) * x
        + 4 * (2.25 - x + x * y**2) * x * y
        + 6 * (2.625 - x + x * y**3) * x * y**2,
    ),
    minima=[(3, 0.5)],
    view=((-4.5, 4.5), (-4.5, 4.5)),
    start=(1.0, 1.5),
)

himmelblau = _two_variables(
    "Himmelblau",
    lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
    lambda x, y: (
        4 * x * (x**2 + y - 11) + 2 * (x + y**2 - 7),
        2 * (x**2 + y - 11) + 4 * y * (x + y**2 - 7),
    ),
    minima=[  # one is exact; the others are roots of the two cubics, to double precision
        (3.0, 2.0),
        (-2.805118086952745, 3.131312518250573),
        (-3.779310253377747, -3.283185991286170),
        (3.584428340330492, -1.848126526964404),
    ],
    view=((-5.5, 5.5), (-5.5, 5.5)),
    start=(-0.5, 0.5),
)

saddle = _two_variables(
    "saddle",
    lambda x, y: 0.5 * x**2 - 0.5 * y**2 + 0.25 * y**4,
    lambda x, y: (x, y**3 - y),
    minima=[(0, 1), (0, -1)],
    view=((-1.6, 1.6), (-1.6, 1.6)),
    start=(1.4, 0.0),
)


def _one_variable(name, value, grad, minima, view, start):
    """A Problem of one variable; points still have a last axis, of length 1."""
    return Problem(
        name,
        lambda point: value(np.asarray(point)[..., 0]),
        lambda point: grad(np.asarray(point)),
        np.array(minima, dtype=float).reshape(-1, 1),
        view,
        np.array(start, dtype=float),
    )


plateau = _one_variable(
    "plateau",
    lambda x: 0.1 * (x**4 / 4 - 2 * x**3 + 4.505 * x**2),
    lambda x: 0.1 * x * ((x - 3) ** 2 + 0.01),
    minima=[0],
    view=((-1.5, 6.0), (-0.3, 4.0)),
    start=(5.5,),
)


def double_well(tilt: float = 0.0) -> Problem:
    """f(x) = x⁴/4 - x²/2 + tilt x: two wells; a positive tilt makes the right one shallower.

    The right well vanishes at tilt = 2 / (3 √3) = 0.385.

    Raises
    ------
    ValueError
        A tilt outside [0, 2 / (3 √3)), where there are no two wells.

    Examples
    --------
    >>> double_well().minima.ravel()
    array([-1.,  1.])
    """
    if not 0 <= tilt < 2 / 27**0.5:
        raise ValueError(f"tilt must lie in [0, 2 / (3 √3)) = [0, 0.385), got {tilt}")
    wells = np.sort(np.roots([1, 0, -1, tilt]).real)[[0, 2]]
    return _one_variable(
        "double well",
        lambda x: x**4 / 4 - x**2 / 2 + tilt * x,
        lambda x: x**3 - x + tilt,
        minima=wells if tilt == 0 else wells[:1],
        view=((-2.0, 2.2), (-0.7, 3.0)),
        start=(2.0,),
    )


@dataclass(frozen=True)
class NoisyProblem(Problem):
    """A Problem whose gradient can also be drawn with Gaussian noise of deviation `sigma`."""

    sigma: float

    def sampled(self, rng: np.random.Generator) -> Callable[[NDArray], NDArray]:
        """A gradient function with fresh independent noise at every call.

        Examples
        --------
        >>> noisy_quadratic.sampled(np.random.default_rng(0))(np.zeros(2)).round(2)
        array([ 0.13, -0.13])
        """
        return lambda x: self.grad(x) + self.sigma * rng.normal(size=np.shape(x))


noisy_quadratic = NoisyProblem(**vars(quadratic([1.0, 1.0], name="noisy quadratic")), sigma=1.0)


@dataclass(frozen=True)
class OnlineProblem:
    """Losses of one variable on an interval, a new one at each step: f_1(x), f_2(x), …

    Points have any shape; each element is a run of its own.

    Attributes
    ----------
    name
        For titles and messages.
    value, grad
        `value(x, t)` and `grad(x, t)` of the loss of step t = 1, 2, …; x and the result (...).
    box
        The interval (low, high) that the points must not leave.
    minimum
        The point of the interval that is best in the long run.
    start
        Where the book's runs begin.
    """

    name: str
    value: Callable[[ArrayLike, int], NDArray]
    grad: Callable[[ArrayLike, int], NDArray]
    box: tuple[float, float]
    minimum: float
    start: float

    def project(self, x: ArrayLike) -> NDArray:
        """The nearest point of the interval; for the argument `project` of `descend`.

        Examples
        --------
        >>> reddi_online().project([-0.5, 1.5])
        array([-0.5,  1. ])
        """
        return np.clip(x, *self.box)


def reddi_online(
    C: float = 3.0,  # noqa: N803 - the paper's letter
    *,
    rest: float = -1.0,
    period: int = 3,
) -> OnlineProblem:
    """Reddi et al. 2018, theorem 1: f_t(x) = C x at t = 1, 4, 7, …, else -x, on [-1, 1].

    The sum of a period rises, so -1 is best. The paper's section 3 runs ``reddi_online(1010.0,
    rest=-10.0, period=101)``.

    Parameters
    ----------
    C, rest
        The slope at the first step of each period, and at the others.
    period
        Steps of a period, 2 or more.

    Raises
    ------
    ValueError
        Slopes whose sum over a period is not above 0: then -1 is not the minimum.

    Examples
    --------
    >>> problem = reddi_online()
    >>> [float(problem.grad(0.0, t)) for t in range(1, 6)]
    [3.0, -1.0, -1.0, 3.0, -1.0]
    """
    if period < 2:
        raise ValueError(f"period must be 2 or more, got {period}")
    total = C + (period - 1) * rest
    if not total > 0:
        raise ValueError(f"C + (period - 1) rest must be above 0, got {total:g}")

    def slope(t):
        return C if (t - 1) % period == 0 else rest

    return OnlineProblem(
        "Reddi's period",
        lambda x, t: slope(t) * np.asarray(x, dtype=float),
        lambda x, t: np.full(np.shape(x), float(slope(t))),
        box=(-1.0, 1.0),
        minimum=-1.0,
        start=0.0,
    )


@dataclass(frozen=True)
class RandomSlope:
    """A loss of one variable on an interval, of which each draw has another slope.

    Points have any shape; each element is a run of its own, with its own draws.

    Attributes
    ----------
    name
        For titles and messages.
    value, grad
        Of the mean loss; x and the result (...).
    box, minimum, start
        As in `OnlineProblem`.
    draw
        `draw(rng, shape)`: independent slopes of that shape.
    """

    name: str
    value: Callable[[ArrayLike], NDArray]
    grad: Callable[[ArrayLike], NDArray]
    box: tuple[float, float]
    minimum: float
    start: float
    draw: Callable[[np.random.Generator, tuple[int, ...]], NDArray]

    def project(self, x: ArrayLike) -> NDArray:
        """The nearest point of the interval; for the argument `project` of `descend`.

        Examples
        --------
        >>> reddi_stochastic().project([-0.5, 1.5])
        array([-0.5,  1. ])
        """
        return np.clip(x, *self.box)

    def sampled(self, rng: np.random.Generator, batch: int = 1) -> Callable[[NDArray], NDArray]:
        """A gradient function that averages `batch` fresh draws at every call.

        Examples
        --------
        >>> gradient = reddi_stochastic().sampled(np.random.default_rng(0))
        >>> gradient(np.zeros(8))
        array([-1.,  3.,  3.,  3., -1., -1., -1., -1.])
        """
        if batch < 1:
            raise ValueError(f"batch must be 1 or more, got {batch}")
        return lambda x: self.draw(rng, (*np.shape(x), batch)).mean(axis=-1)


def reddi_stochastic(
    C: float = 3.0,  # noqa: N803 - the paper's letter
    p: float = 0.3,
    *,
    rest: float = -1.0,
) -> RandomSlope:
    """Reddi et al. 2018, theorem 3: f(x) = C x with probability p, else -x, on [-1, 1].

    The mean rises, so -1 is best. The paper's section 3 runs ``reddi_stochastic(1010.0, 0.01,
    rest=-10.0)``.

    Parameters
    ----------
    C, rest
        The rare slope and the frequent one.
    p
        The probability of C, in (0, 1).

    Raises
    ------
    ValueError
        A probability outside (0, 1), or a mean slope that is not above 0.

    Examples
    --------
    >>> float(reddi_stochastic().grad(0.0).round(12))
    0.2
    """
    if not 0 < p < 1:
        raise ValueError(f"p must lie in (0, 1), got {p}")
    mean = p * C + (1 - p) * rest
    if not mean > 0:
        raise ValueError(f"the mean slope p C + (1 - p) rest must be above 0, got {mean:g}")
    return RandomSlope(
        "Reddi's draws",
        lambda x: mean * np.asarray(x, dtype=float),
        lambda x: np.full(np.shape(x), mean),
        box=(-1.0, 1.0),
        minimum=-1.0,
        start=0.0,
        draw=lambda rng, shape: np.where(rng.random(shape) < p, C, rest),
    )


@dataclass(frozen=True)
class FiniteSum:
    """A mean over examples, f(x) = (1/N) Σ f_i(x), whose gradient can be taken on a batch.

    Attributes
    ----------
    name
        For titles and messages.
    size, dim
        Number of examples N and of parameters n.
    value, grad
        `value(x, rows=None)` and `grad(x, rows=None)`: x of shape (..., n); `rows` are the
        examples to average over, integers of shape (batch,), or (..., batch) with a batch for
        each point of the stack. None means all of them.
    minima
        The minimum, shape (1, n); shape (0, n) where it is not known.
    """

    name: str
    size: int
    dim: int
    value: Callable[..., NDArray]
    grad: Callable[..., NDArray]
    minima: NDArray

    def __post_init__(self):
        self.minima.setflags(write=False)

    def sampled(self, batch: int, rng: np.random.Generator) -> Callable[[NDArray], NDArray]:
        """A mini-batch gradient function: `batch` examples drawn anew, with replacement, per call.

        Each point of a stack gets a batch of its own.

        Examples
        --------
        >>> line = least_squares([[1.0], [1.0]], [0.0, 2.0])
        >>> line.sampled(1, np.random.default_rng(0))(np.zeros(1))
        array([-2.])
        """
        if not 1 <= batch <= self.size:
            raise ValueError(f"batch must lie in [1, {self.size}], got {batch}")
        return lambda x: self.grad(x, rng.integers(self.size, size=(*np.shape(x)[:-1], batch)))


def least_squares(inputs: ArrayLike, targets: ArrayLike, name: str = "least squares") -> FiniteSum:
    """Linear regression, f(x) = (1/2N) Σ (aᵢᵀ x - bᵢ)².

    Parameters
    ----------
    inputs, targets
        Rows aᵢ, shape (N, n), and numbers bᵢ, shape (N,).

    Examples
    --------
    >>> least_squares([[1.0], [1.0]], [0.0, 2.0]).minima
    array([[1.]])
    """
    inputs, targets = np.asarray(inputs, dtype=float), np.asarray(targets, dtype=float)

    def residual(x, rows):
        a, b = (inputs, targets) if rows is None else (inputs[rows], targets[rows])
        return a, (a @ np.asarray(x)[..., None])[..., 0] - b

    def value(x, rows=None):
        return 0.5 * (residual(x, rows)[1] ** 2).mean(axis=-1)

    def grad(x, rows=None):
        a, r = residual(x, rows)
        return (r[..., None, :] @ a)[..., 0, :] / r.shape[-1]

    minimum = np.linalg.lstsq(inputs, targets)[0]
    size, dim = inputs.shape
    return FiniteSum(name, size, dim, value, grad, minimum[None])


def logistic(
    inputs: ArrayLike, labels: ArrayLike, l2: float = 1e-3, name: str = "logistic regression"
) -> FiniteSum:
    """Logistic regression, f(x) = (1/N) Σ log(1 + exp(-bᵢ aᵢᵀ x)) + (l2/2) ‖x‖².

    Parameters
    ----------
    inputs, labels
        Rows aᵢ, shape (N, n), and bᵢ = ±1, shape (N,).
    l2
        Weight of the penalty, above 0, so that there is exactly one minimum.

    Examples
    --------
    >>> float(logistic([[1.0], [2.0]], [1, -1]).value(np.zeros(1)).round(4))
    0.6931
    """
    inputs, labels = np.asarray(inputs, dtype=float), np.asarray(labels, dtype=float)
    if not l2 > 0:
        raise ValueError(f"l2 must be above 0 for the minimum to exist, got {l2}")
    if not np.isin(labels, (-1, 1)).all():
        raise ValueError(f"labels must be -1 or 1, got {np.unique(labels)}")

    def margin(x, rows):
        a, b = (inputs, labels) if rows is None else (inputs[rows], labels[rows])
        return a, b, b * (a @ np.asarray(x)[..., None])[..., 0]

    def value(x, rows=None):
        *_, m = margin(x, rows)
        return np.logaddexp(0, -m).mean(axis=-1) + 0.5 * l2 * (np.asarray(x) ** 2).sum(axis=-1)

    def grad(x, rows=None):
        a, b, m = margin(x, rows)
        pull = -b * np.exp(-np.logaddexp(0, m))
        return (pull[..., None, :] @ a)[..., 0, :] / m.shape[-1] + l2 * np.asarray(x)

    def newton(x):
        p = np.exp(-np.logaddexp(0, -(inputs @ x)))
        hessian = (inputs.T * (p * (1 - p))) @ inputs / len(inputs) + l2 * np.eye(len(x))
        return x - np.linalg.solve(hessian, grad(x))

    minimum = np.zeros(inputs.shape[1])
    for _ in range(30):
        minimum = newton(minimum)
    size, dim = inputs.shape
    return FiniteSum(name, size, dim, value, grad, minimum[None])


@dataclass(frozen=True)
class Network(FiniteSum):
    """A classifier: a FiniteSum that also draws start weights and measures its accuracy.

    Attributes
    ----------
    widths
        Layer widths, inputs first, classes last.
    accuracy
        `accuracy(x)`: share of all examples classified correctly, x (..., n) → (...).
    """

    widths: tuple[int, ...]
    accuracy: Callable[[ArrayLike], NDArray]

    def start(self, rng: np.random.Generator) -> NDArray:
        """Start weights and biases, uniform in ±1/√(fan-in) as torch.nn.Linear draws them: (n,)."""
        return np.concatenate(
            [
                rng.uniform(-(fan_in**-0.5), fan_in**-0.5, size=(fan_in + 1) * fan_out)
                for fan_in, fan_out in pairwise(self.widths)
            ]
        )


def network(
    inputs: ArrayLike, labels: ArrayLike, hidden: tuple[int, ...] = (32,), name: str = "network"
) -> Network:
    """A tanh network with a softmax cross-entropy loss; all weights in one vector.

    Parameters
    ----------
    inputs, labels
        Rows of shape (N, features) and classes 0, 1, …, shape (N,).
    hidden
        Widths of the hidden layers; () gives softmax regression.

    Examples
    --------
    >>> tiny = network([[0.0], [1.0]], [0, 1], hidden=(3,))
    >>> tiny.dim, tiny.widths
    (14, (1, 3, 2))
    """
    inputs, labels = np.asarray(inputs, dtype=float), np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(f"labels must be the integers 0, 1, …, got {np.unique(labels)}")
    widths = (inputs.shape[1], *hidden, int(labels.max()) + 1)
    shapes = list(pairwise(widths))
    ends = np.cumsum([size for i, o in shapes for size in (i * o, o)])
    dim = int(ends[-1])

    def layers(x):
        """Split (..., dim) into weights (..., i, o) and biases (..., 1, o)."""
        parts = iter(np.split(np.asarray(x), ends[:-1], axis=-1))
        for i, o in shapes:
            weight, bias = next(parts), next(parts)
            yield weight.reshape(*weight.shape[:-1], i, o), bias[..., None, :]

    def forward(x, rows):
        activations = [inputs if rows is None else inputs[rows]]
        for weight, bias in layers(x):
            activations.append(np.tanh(activations[-1] @ weight + bias))
        activations[-1] = activations[-2] @ weight + bias  # no tanh on the last layer
        return activations

    def log_softmax(logits):
        logits = logits - logits.max(axis=-1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))

    def one_hot(rows):
        return np.eye(widths[-1])[labels if rows is None else labels[rows]]

    def value(x, rows=None):
        return -(log_softmax(forward(x, rows)[-1]) * one_hot(rows)).sum(axis=-1).mean(axis=-1)

    def grad(x, rows=None):
        *activations, logits = forward(x, rows)
        delta = (np.exp(log_softmax(logits)) - one_hot(rows)) / logits.shape[-2]
        parts = []
        for a, (weight, _) in zip(reversed(activations), reversed(list(layers(x))), strict=True):
            grad_weight = np.swapaxes(a, -1, -2) @ delta
            parts += [delta.sum(axis=-2), grad_weight.reshape(*grad_weight.shape[:-2], -1)]
            delta = (delta @ np.swapaxes(weight, -1, -2)) * (1 - a**2)
        return np.concatenate(parts[::-1], axis=-1)

    def accuracy(x):
        return (forward(x, None)[-1].argmax(axis=-1) == labels).mean(axis=-1)

    no_minimum = np.empty((0, dim))
    return Network(name, len(inputs), dim, value, grad, no_minimum, widths, accuracy)


def diabetes_regression() -> FiniteSum:
    """Linear regression on scikit-learn's bundled diabetes data: 442 patients, 10 features.

    Standardised inputs and targets; no intercept, since both have mean 0. Needs scikit-learn.

    Examples
    --------
    >>> diabetes_regression().dim
    10
    """
    from adamtut import data

    return least_squares(*data.diabetes(), name="diabetes regression")


def breast_cancer_logistic() -> FiniteSum:
    """Logistic regression on scikit-learn's bundled breast-cancer data: 569 cases, 30 features.

    Standardised inputs, l2 = 1e-3, no intercept. Needs scikit-learn.

    Examples
    --------
    >>> breast_cancer_logistic().size
    569
    """
    from adamtut import data

    return logistic(*data.breast_cancer(), name="breast-cancer logistic regression")


def digits_network(hidden: tuple[int, ...] = (32,)) -> Network:
    """A tanh network on scikit-learn's bundled digits: 1,797 images of 8 x 8, 10 classes.

    Examples
    --------
    >>> digits_network().widths
    (64, 32, 10)
    """
    from adamtut import data

    return network(*data.digits(), hidden=hidden, name="digits network")
