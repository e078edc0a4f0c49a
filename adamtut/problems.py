"""Test functions: small frozen objects with value, gradient, minimum and a view to draw.

Every function accepts a stack of points: `x` of shape (..., n) gives values of shape (...)
and gradients of shape (..., n). One call evaluates a whole grid, or many runs at once.

Data that a problem is made of is copied, so that nobody changes a problem later. Problems can be
pickled, and the gradient functions that they draw too, to be sent to another process.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from itertools import pairwise
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adamtut.checks import check_range, check_whole

View = tuple[tuple[float, float], tuple[float, float]]


def _numbers(name: str, values: ArrayLike, shape: tuple[str | int, ...]) -> NDArray:
    """A copy of finite real numbers that nobody can change; a letter in `shape` is any size."""
    array: NDArray = np.array(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    fits = len(shape) == array.ndim and array.size > 0
    for expected, found in zip(shape, array.shape, strict=False):
        fits = fits and (isinstance(expected, str) or expected == found)
    if not fits:
        sizes = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
        hint = f": pass {name}.ravel()" if shape == (array.size,) else ""
        raise ValueError(f"{name} must have shape {sizes}, got {array.shape}{hint}")
    if not np.isfinite(array).all():
        first = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(f"{name} must be finite, got {array[tuple(first)]} at {first}")
    array = array.astype(float, copy=False)
    array.setflags(write=False)
    return array


def _points(x: ArrayLike, n: int) -> NDArray:
    """Points of n coordinates as floats, whatever their dtype."""
    x = np.asarray(x)
    if x.shape[-1:] != (n,):
        raise ValueError(f"points of this problem have shape (..., {n}), got {x.shape}")
    if x.dtype.kind not in "fiub":
        raise TypeError(f"points must hold real numbers, got dtype {x.dtype}")
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def _check_number(name, value):
    if not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}")


def _check_rng(rng):
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng must be a numpy Generator, such as np.random.default_rng(0), got {rng!r}"
        )


def _rebuilt(problem):
    """For pickle: made by its class once more, so that its arrays cannot be changed either."""
    return type(problem), tuple(getattr(problem, f.name) for f in fields(problem))


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

    Raises
    ------
    ValueError, TypeError
        Minima or a start of another shape, a window without a width, a value that is no function.

    Examples
    --------
    >>> ravine.value([[3.0, 1.0], [0.0, 0.0]])
    array([2.9, 0. ])
    """

    name: str
    value: Callable[[ArrayLike], NDArray] = field(repr=False)
    grad: Callable[[ArrayLike], NDArray] = field(repr=False)
    minima: NDArray
    view: View
    start: NDArray

    def __post_init__(self):
        _check_functions(self)
        start = _numbers("start", self.start, ("n",))
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "minima", _minima(self.minima, len(start)))
        if np.shape(self.view) != (2, 2) or not all(low < high for low, high in self.view):
            raise ValueError(f"view must be two pairs (low, high), got {self.view!r}")

    __reduce__ = _rebuilt


def _check_functions(problem):
    for name in ("value", "grad"):
        if not callable(getattr(problem, name)):
            raise TypeError(f"{name} must be a function, got {getattr(problem, name)!r}")


def _minima(minima, n):
    """Global minima, shape (k, n), of which there may be none."""
    if np.shape(minima) != (0, n):
        return _numbers("minima", minima, ("k", n))
    none = np.empty((0, n))
    none.setflags(write=False)
    return none


def _two_variables(name, value, grad, minima, view, start):
    """A Problem from `value(x, y)` and `grad(x, y)` written in the two coordinates."""
    return Problem(
        name,
        partial(_value_of_two, value),
        partial(_gradient_of_two, grad),
        np.array(minima, dtype=float).reshape(-1, 2),
        view,
        np.array(start, dtype=float),
    )


def _value_of_two(value, points):
    return value(*np.moveaxis(_points(points, 2), -1, 0))


def _gradient_of_two(grad, points):
    return np.stack(grad(*np.moveaxis(_points(points, 2), -1, 0)), axis=-1)


def quadratic(
    curvatures: ArrayLike,
    angle: float = 0.0,
    *,
    name: str = "quadratic",
    view: View = ((-1.5, 1.5), (-1.5, 1.5)),
    start: ArrayLike | None = None,
) -> Problem:
    """f(x) = ½ xᵀ A x, where A has the given eigenvalues and, in the plane, is turned by `angle`.

    Parameters
    ----------
    curvatures
        The eigenvalues of A, shape (n,); the largest is the L of the step-size threshold 2 / L.
        Where one is negative there is no minimum.
    angle
        Turn of the eigenvectors, in radians; n = 2 only.
    start
        Shape (n,); ones by default.

    Raises
    ------
    ValueError
        Curvatures that are no list of finite numbers, such as A itself; an angle without a plane.

    Examples
    --------
    >>> quadratic([1.0, 10.0]).grad([1.0, 1.0])
    array([ 1., 10.])
    """
    if np.ndim(curvatures) == 2:
        raise ValueError(
            f"curvatures must be the eigenvalues, shape (n,), got a matrix of shape "
            f"{np.shape(curvatures)}: np.linalg.eigvalsh finds them"
        )
    curvatures = _numbers("curvatures", curvatures, ("n",))
    matrix = np.diag(curvatures)
    if angle:
        _check_number("angle", angle)
        if curvatures.shape != (2,):
            raise ValueError(f"angle turns a plane: give two curvatures, got {curvatures.shape}")
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = turn @ matrix @ turn.T
    n = len(curvatures)
    minima = np.zeros((1 if curvatures.min() >= 0 else 0, n))
    value, grad = partial(_quadratic_value, matrix), partial(_quadratic_gradient, matrix)
    return Problem(
        name, value, grad, minima, view, np.ones(n) if start is None else np.asarray(start)
    )


def _quadratic_value(matrix, x):
    x = _points(x, len(matrix))
    return 0.5 * (x * (x @ matrix)).sum(axis=-1)


def _quadratic_gradient(matrix, x):
    return _points(x, len(matrix)) @ matrix


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


def _rosenbrock(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def _rosenbrock_gradient(x, y):
    return -2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)


rosenbrock = _two_variables(
    "Rosenbrock",
    _rosenbrock,
    _rosenbrock_gradient,
    minima=[(1, 1)],
    view=((-2.0, 2.0), (-1.0, 3.0)),
    start=(-1.2, 1.0),
)


def _beale(x, y):
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _beale_gradient(x, y):
    return (
        2 * (1.5 - x + x * y) * (y - 1)
        + 2 * (2.25 - x + x * y**2) * (y**2 - 1)
        + 2 * (2.625 - x + x * y**3) * (y**3 - 1),
        2 * (1.5 - x + x * y) * x
        + 4 * (2.25 - x + x * y**2) * x * y
        + 6 * (2.625 - x + x * y**3) * x * y**2,
    )


beale = _two_variables(
    "Beale",
    _beale,
    _beale_gradient,
    minima=[(3, 0.5)],
    view=((-4.5, 4.5), (-4.5, 4.5)),
    start=(1.0, 1.5),
)


def _himmelblau(x, y):
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def _himmelblau_gradient(x, y):
    return (
        4 * x * (x**2 + y - 11) + 2 * (x + y**2 - 7),
        2 * (x**2 + y - 11) + 4 * y * (x + y**2 - 7),
    )


himmelblau = _two_variables(
    "Himmelblau",
    _himmelblau,
    _himmelblau_gradient,
    minima=[  # one is exact; the others are roots of the two cubics, to double precision
        (3.0, 2.0),
        (-2.805118086952745, 3.131312518250573),
        (-3.779310253377747, -3.283185991286170),
        (3.584428340330492, -1.848126526964404),
    ],
    view=((-5.5, 5.5), (-5.5, 5.5)),
    start=(-0.5, 0.5),
)


def _saddle(x, y):
    return 0.5 * x**2 - 0.5 * y**2 + 0.25 * y**4


def _saddle_gradient(x, y):
    return x, y**3 - y


saddle = _two_variables(
    "saddle",
    _saddle,
    _saddle_gradient,
    minima=[(0, 1), (0, -1)],
    view=((-1.6, 1.6), (-1.6, 1.6)),
    start=(1.4, 0.0),
)


def _one_variable(name, value, grad, minima, view, start):
    """A Problem of one variable; points still have a last axis, of length 1."""
    return Problem(
        name,
        partial(_value_of_one, value),
        partial(_gradient_of_one, grad),
        np.array(minima, dtype=float).reshape(-1, 1),
        view,
        np.array(start, dtype=float),
    )


def _value_of_one(value, points):
    return value(_points(points, 1)[..., 0])


def _gradient_of_one(grad, points):
    return grad(_points(points, 1))


def _plateau(x):
    return 0.1 * (x**4 / 4 - 2 * x**3 + 4.505 * x**2)


def _plateau_gradient(x):
    return 0.1 * x * ((x - 3) ** 2 + 0.01)


plateau = _one_variable(
    "plateau",
    _plateau,
    _plateau_gradient,
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
    if not isinstance(tilt, Real) or not 0 <= tilt < 2 / 27**0.5:
        raise ValueError(f"tilt must lie in [0, 2 / (3 √3)) = [0, 0.385), got {tilt!r}")
    wells = np.sort(np.roots([1, 0, -1, tilt]).real)[[0, 2]]
    return _one_variable(
        "double well",
        partial(_wells, tilt),
        partial(_wells_gradient, tilt),
        minima=wells if tilt == 0 else wells[:1],
        view=((-2.0, 2.2), (-0.7, 3.0)),
        start=(2.0,),
    )


def _wells(tilt, x):
    return x**4 / 4 - x**2 / 2 + tilt * x


def _wells_gradient(tilt, x):
    return x**3 - x + tilt


@dataclass(frozen=True)
class NoisyProblem(Problem):
    """A Problem whose gradient can also be drawn with Gaussian noise of deviation `sigma`."""

    sigma: float

    def __post_init__(self):
        super().__post_init__()
        check_range("sigma", self.sigma, 0)

    def sampled(self, rng: np.random.Generator) -> Callable[[NDArray], NDArray]:
        """A gradient function with fresh independent noise at every call.

        Examples
        --------
        >>> noisy_quadratic.sampled(np.random.default_rng(0))(np.zeros(2)).round(2)
        array([ 0.13, -0.13])
        """
        _check_rng(rng)
        return partial(self._noisy, rng)

    def _noisy(self, rng, x):
        return self.grad(x) + self.sigma * rng.normal(size=np.shape(x))


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
    check_whole("period", period, 2)
    _check_number("C", C)
    _check_number("rest", rest)
    total = C + (period - 1) * rest
    if not total > 0:
        raise ValueError(f"C + (period - 1) rest must be above 0, got {total:g}")

    return OnlineProblem(
        "Reddi's period",
        partial(_online_value, C, rest, period),
        partial(_online_gradient, C, rest, period),
        box=(-1.0, 1.0),
        minimum=-1.0,
        start=0.0,
    )


def _online_value(first, rest, period, x, t):
    return _slope(first, rest, period, t) * np.asarray(x, dtype=float)


def _online_gradient(first, rest, period, x, t):
    return np.full(np.shape(x), float(_slope(first, rest, period, t)))


def _slope(first, rest, period, t):
    """The slope of step t: the first of each period is another one."""
    check_whole("t", t)
    return first if (t - 1) % period == 0 else rest


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
        check_whole("batch", batch)
        _check_rng(rng)
        return partial(self._mean_slope, rng, batch)

    def _mean_slope(self, rng, batch, x):
        return self.draw(rng, (*np.shape(x), batch)).mean(axis=-1)


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
    if not isinstance(p, Real) or not 0 < p < 1:
        raise ValueError(f"p must lie in (0, 1), got {p!r}")
    _check_number("C", C)
    _check_number("rest", rest)
    mean = p * C + (1 - p) * rest
    if not mean > 0:
        raise ValueError(f"the mean slope p C + (1 - p) rest must be above 0, got {mean:g}")
    return RandomSlope(
        "Reddi's draws",
        partial(_mean_value, mean),
        partial(_mean_gradient, mean),
        box=(-1.0, 1.0),
        minimum=-1.0,
        start=0.0,
        draw=partial(_drawn_slopes, C, p, rest),
    )


def _mean_value(mean, x):
    return mean * np.asarray(x, dtype=float)


def _mean_gradient(mean, x):
    return np.full(np.shape(x), mean)


def _drawn_slopes(rare, p, frequent, rng, shape):
    return np.where(rng.random(shape) < p, rare, frequent)


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
    value: Callable[..., NDArray] = field(repr=False)
    grad: Callable[..., NDArray] = field(repr=False)
    minima: NDArray = field(repr=False)

    def __post_init__(self):
        _check_functions(self)
        check_whole("size", self.size)
        check_whole("dim", self.dim)
        object.__setattr__(self, "minima", _minima(self.minima, self.dim))

    __reduce__ = _rebuilt

    def sampled(self, batch: int, rng: np.random.Generator) -> Callable[[NDArray], NDArray]:
        """A mini-batch gradient function: `batch` examples drawn anew, with replacement, per call.

        Each point of a stack gets a batch of its own.

        Examples
        --------
        >>> line = least_squares([[1.0], [1.0]], [0.0, 2.0])
        >>> line.sampled(1, np.random.default_rng(0))(np.zeros(1))
        array([-2.])
        """
        check_whole("batch", batch)
        if batch > self.size:
            raise ValueError(f"batch must lie in [1, {self.size}], got {batch}")
        _check_rng(rng)
        return partial(self._of_a_batch, batch, rng)

    def _of_a_batch(self, batch, rng, x):
        return self.grad(x, rng.integers(self.size, size=(*np.shape(x)[:-1], batch)))


def _rows(rows):
    """The examples of a batch; a single number would have no axis to average over."""
    rows = np.asarray(rows)
    if rows.ndim == 0 or rows.shape[-1] == 0 or rows.dtype.kind not in "iu":
        raise ValueError(f"rows must be integers of shape (batch,) or (..., batch), got {rows!r}")
    return rows


def least_squares(inputs: ArrayLike, targets: ArrayLike, name: str = "least squares") -> FiniteSum:
    """Linear regression, f(x) = (1/2N) Σ (aᵢᵀ x - bᵢ)².

    Parameters
    ----------
    inputs, targets
        Rows aᵢ, shape (N, n), and numbers bᵢ, shape (N,). Of several minima, where the columns
        depend on each other, `minima` has the one nearest to 0.

    Raises
    ------
    ValueError, TypeError
        Inputs or targets of another shape, or that are not finite, or no real numbers.

    Examples
    --------
    >>> least_squares([[1.0], [1.0]], [0.0, 2.0]).minima
    array([[1.]])
    """
    inputs = _numbers("inputs", inputs, ("N", "n"))
    targets = _numbers("targets", targets, (len(inputs),))
    value, grad = partial(_squares, inputs, targets), partial(_squares_gradient, inputs, targets)
    minimum = np.linalg.lstsq(inputs, targets)[0]
    size, dim = inputs.shape
    return FiniteSum(name, size, dim, value, grad, minimum[None])


def _squares(inputs, targets, x, rows=None):
    return 0.5 * (_residual(inputs, targets, x, rows)[1] ** 2).mean(axis=-1)


def _squares_gradient(inputs, targets, x, rows=None):
    a, r = _residual(inputs, targets, x, rows)
    return (r[..., None, :] @ a)[..., 0, :] / r.shape[-1]


def _residual(inputs, targets, x, rows):
    """Inputs of a batch, and how far the line lies above its targets."""
    x = _points(x, inputs.shape[1])
    a, b = (inputs, targets) if rows is None else (inputs[_rows(rows)], targets[_rows(rows)])
    return a, (a @ x[..., None])[..., 0] - b


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

    Raises
    ------
    ValueError, TypeError
        As `least_squares`; labels that are not ±1; a penalty that is not above 0.

    Examples
    --------
    >>> float(logistic([[1.0], [2.0]], [1, -1]).value(np.zeros(1)).round(4))
    0.6931
    """
    inputs = _numbers("inputs", inputs, ("N", "n"))
    labels = _numbers("labels", labels, (len(inputs),))
    if not isinstance(l2, Real) or not 0 < l2 < np.inf:
        raise ValueError(f"l2 must be above 0 for the minimum to exist, got {l2!r}")
    if not np.isin(labels, (-1, 1)).all():
        raise ValueError(f"labels must be -1 or 1, got {np.unique(labels)}")
    value = partial(_logistic, inputs, labels, l2)
    grad = partial(_logistic_gradient, inputs, labels, l2)

    def newton(x):
        p = np.exp(-np.logaddexp(0, -(inputs @ x)))
        hessian = (inputs.T * (p * (1 - p))) @ inputs / len(inputs) + l2 * np.eye(len(x))
        step = np.linalg.solve(hessian, grad(x))
        while value(x - step) > (1 + 1e-9) * value(x):  # a whole step may go too far
            step = step / 2
        return x - step

    minimum = np.zeros(inputs.shape[1])
    for _ in range(30):
        minimum = newton(minimum)
    size, dim = inputs.shape
    return FiniteSum(name, size, dim, value, grad, minimum[None])


def _logistic(inputs, labels, l2, x, rows=None):
    *_, m = _margin(inputs, labels, x, rows)
    return np.logaddexp(0, -m).mean(axis=-1) + 0.5 * l2 * (np.asarray(x) ** 2).sum(axis=-1)


def _logistic_gradient(inputs, labels, l2, x, rows=None):
    a, b, m = _margin(inputs, labels, x, rows)
    pull = -b * np.exp(-np.logaddexp(0, m))
    return (pull[..., None, :] @ a)[..., 0, :] / m.shape[-1] + l2 * np.asarray(x)


def _margin(inputs, labels, x, rows):
    """Inputs and labels of a batch, and how far each lies on its own side."""
    x = _points(x, inputs.shape[1])
    a, b = (inputs, labels) if rows is None else (inputs[_rows(rows)], labels[_rows(rows)])
    return a, b, b * (a @ x[..., None])[..., 0]


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
        _check_rng(rng)
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

    Raises
    ------
    ValueError, TypeError
        As `least_squares`; labels that are no classes; widths that are no tuple of whole numbers.

    Examples
    --------
    >>> tiny = network([[0.0], [1.0]], [0, 1], hidden=(3,))
    >>> tiny.dim, tiny.widths
    (14, (1, 3, 2))
    """
    inputs, labels = _numbers("inputs", inputs, ("N", "n")), np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(f"labels must be the integers 0, 1, …, got {np.unique(labels)}")
    _numbers("labels", labels, (len(inputs),))
    if not isinstance(hidden, Sequence):
        raise TypeError(f"hidden must be a tuple of widths, such as (32,), got {hidden!r}")
    for width in hidden:
        check_whole("a width of hidden", width)
    layers = _Layers(inputs, labels.copy(), (inputs.shape[1], *hidden, int(labels.max()) + 1))
    return Network(
        name,
        len(inputs),
        layers.dim,
        layers.value,
        layers.grad,
        np.empty((0, layers.dim)),
        layers.widths,
        layers.accuracy,
    )


@dataclass(frozen=True, repr=False)
class _Layers:
    """The examples and the widths of a network, and what can be computed from them."""

    inputs: NDArray
    labels: NDArray
    widths: tuple[int, ...]

    @property
    def ends(self):
        """Where each weight and each bias ends in the vector of all."""
        return np.cumsum([size for i, o in pairwise(self.widths) for size in (i * o, o)])

    @property
    def dim(self):
        return int(self.ends[-1])

    def layers(self, x):
        """Split (..., dim) into weights (..., i, o) and biases (..., 1, o)."""
        ends = self.ends
        parts = iter(np.split(_points(x, int(ends[-1])), ends[:-1], axis=-1))
        for i, o in pairwise(self.widths):
            weight, bias = next(parts), next(parts)
            yield weight.reshape(*weight.shape[:-1], i, o), bias[..., None, :]

    def forward(self, x, rows):
        activations = [self.inputs if rows is None else self.inputs[_rows(rows)]]
        for weight, bias in self.layers(x):
            activations.append(np.tanh(activations[-1] @ weight + bias))
        activations[-1] = activations[-2] @ weight + bias  # no tanh on the last layer
        return activations

    def one_hot(self, rows):
        return np.eye(self.widths[-1])[self.labels if rows is None else self.labels[rows]]

    def value(self, x, rows=None):
        logits = self.forward(x, rows)[-1]
        return -(_log_softmax(logits) * self.one_hot(rows)).sum(axis=-1).mean(axis=-1)

    def grad(self, x, rows=None):
        *activations, logits = self.forward(x, rows)
        delta = (np.exp(_log_softmax(logits)) - self.one_hot(rows)) / logits.shape[-2]
        parts = []
        weights = [weight for weight, _ in self.layers(x)]
        for a, weight in zip(reversed(activations), reversed(weights), strict=True):
            grad_weight = np.swapaxes(a, -1, -2) @ delta
            parts += [delta.sum(axis=-2), grad_weight.reshape(*grad_weight.shape[:-2], -1)]
            delta = (delta @ np.swapaxes(weight, -1, -2)) * (1 - a**2)
        return np.concatenate(parts[::-1], axis=-1)

    def accuracy(self, x):
        return (self.forward(x, None)[-1].argmax(axis=-1) == self.labels).mean(axis=-1)


def _log_softmax(logits):
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


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
