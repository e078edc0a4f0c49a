"""The loop that applies a rule to a function, and every check at its boundary."""

import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adamtut.checks import check_hyper, check_range
from adamtut.progress import late_bar
from adamtut.registry import describe
from adamtut.step import start_state, take_step
from adamtut.traits import Rule

Gradient = Callable[..., ArrayLike]
Rate = float | ArrayLike | Callable[[int], Any]


def descend(
    rule: Rule, grad: Gradient, x: ArrayLike, lr: Rate, steps: int, **settings: Any
) -> NDArray:
    """Apply `rule` for `steps` steps from `x` and return the whole path, start first.

    Parameters
    ----------
    rule
        An update rule of `adamtut.rules`, or any function with such a signature; it may declare
        what `adamtut.traits` has.
    grad
        `grad(x)`, or `grad(x, t)` for a stream that depends on the step number t = 1, 2, …;
        returns an array of the shape of `x`.
    x
        Start point, any shape. Floats keep their dtype; integers become float64. Other dtypes
        are refused.
    lr
        Learning rate α ≥ 0: a number, an array that broadcasts against `x` (one rate for each
        of many runs held in one array), or a schedule, a function of t from 1.
    steps
        Number of steps, 0 or more.
    **settings
        `weight_decay`, `l2`, `project` and the rule's hyper-parameters; see `iterate`.

    Returns
    -------
    ndarray of shape (steps + 1, *x.shape)

    Raises
    ------
    ValueError, TypeError, FloatingPointError
        As `iterate`; and ValueError for a negative `steps`. Nothing is returned then.

    Notes
    -----
    After five seconds a progress bar appears on a terminal and in a notebook, with tqdm
    installed; the environment variable `TQDM_DISABLE=1` turns it off.

    Examples
    --------
    >>> from adamtut.rules import gd
    >>> descend(gd, lambda x: 2 * x, [1.0, -2.0], lr=0.25, steps=2)
    array([[ 1.  , -2.  ],
           [ 0.5 , -1.  ],
           [ 0.25, -0.5 ]])
    """
    if not isinstance(steps, int | np.integer) or isinstance(steps, bool) or steps < 0:
        raise ValueError(f"steps must be a whole number of 0 or more, got {steps!r}")
    points = iterate(rule, grad, x, lr, **settings)
    start = next(points)
    steps_taken = late_bar(itertools.islice(points, steps), total=steps, unit="step", leave=False)
    return np.stack([start, *steps_taken])


def iterate(
    rule: Rule,
    grad: Gradient,
    x: ArrayLike,
    lr: Rate,
    *,
    weight_decay: float = 0.0,
    l2: float = 0.0,
    project: Callable[[NDArray], ArrayLike] | None = None,
    **hyper: Any,
) -> Iterator[NDArray]:
    """Yield x_0, x_1, x_2, … without end; for a stopping rule of your own.

    One step is ``x = project(x - lr * (d + weight_decay * x))`` where `d` comes from
    ``rule(grad(x) + l2 * x, t, *state, **hyper)``: `l2` enters the gradient, `weight_decay`
    is decoupled from it (Loshchilov & Hutter 2019, algorithm 2, with PyTorch's product of
    rate and decay).

    Parameters
    ----------
    rule, grad, x, lr
        As in `descend`.
    weight_decay, l2
        Decay λ ≥ 0, decoupled and as a penalty.
    project
        Maps a point back into the feasible set, for example ``lambda x: x.clip(-1, 1)``.
    **hyper
        The rule's hyper-parameters, for example ``betas=(0.9, 0.99)``.

    Raises
    ------
    ValueError
        `lr`, a decay or a hyper-parameter outside its range; a gradient of another shape than `x`.
    TypeError
        A start point that is not a float or integer array, an argument the rule does not have, a
        hyper-parameter of another kind than its default.
    FloatingPointError
        A gradient, a state or a point that is NaN or infinite; the message names the step.

    Examples
    --------
    >>> from adamtut.rules import gd
    >>> for x in iterate(gd, lambda x: 2 * x, 1.0, lr=0.25):
    ...     if abs(x) < 0.2:
    ...         break
    >>> float(x)
    0.125
    """
    x = _start(x)
    _check_hyper(rule, hyper)
    weight_decay, l2 = _decay("weight_decay", weight_decay), _decay("l2", l2)
    hyper = {name: _python(value) for name, value in hyper.items()}
    return _steps(rule, _with_step(grad), x, _schedule(lr, x), weight_decay, l2, project, hyper)


def _steps(rule, grad, x, lr, weight_decay, l2, project, hyper):
    about = describe(rule)
    state = start_state(about, x)
    yield x
    for t in itertools.count(1):
        g = _gradient(grad(x, t), x, t)
        x, state = take_step(
            about, x, g, state, t, lr=lr(t), hyper=hyper, weight_decay=weight_decay, l2=l2
        )
        if project is not None:
            x = np.array(project(x), dtype=x.dtype)
        for name, value in zip(about.state, state, strict=True):
            what = f"state {name} of {about.name} after step {t}"
            _check_finite(value, what, f"the gradient is too large for {x.dtype}")
        advice = "lower lr; where a gradient is 0, eps must be above 0"
        _check_finite(x, f"x after step {t}", advice)
        yield x


def _start(x):
    if hasattr(x, "__torch_function__"):
        raise TypeError("x is a torch tensor; descend works on NumPy arrays: pass x.numpy()")
    x = np.array(x)
    if x.dtype.kind in "iu":
        x = x.astype(np.float64)
    if x.dtype.kind != "f":
        raise TypeError(f"x must hold real numbers (float or integer), got dtype {x.dtype}")
    _check_finite(x, "x at the start", "pass a finite start point", ValueError)
    return x


def _python(value):
    """A Python number for a NumPy one, which would turn a float32 path into float64."""
    if isinstance(value, tuple | list):
        return tuple(_python(entry) for entry in value)
    return value.item() if isinstance(value, np.generic) else value


def _decay(name, value):
    """A checked decay as a Python number; None where there is none."""
    check_range(name, value, 0)
    return _python(value) if np.any(value) else None


def _check_hyper(rule, hyper):
    about = describe(rule)
    if unknown := sorted(hyper.keys() - about.defaults.keys()):
        takes = ", ".join(about.defaults) or "no hyper-parameters"
        raise TypeError(f"{about.name} takes {takes}; it does not take {', '.join(unknown)}")
    for name, value in hyper.items():
        check_hyper(name, value, about.defaults[name], about.ranges.get(name))


def _schedule(lr, x):
    """Turn a number, an array or a function of t into a checked function of t."""

    def checked(value):
        check_range("lr", value, 0)
        value = np.array(value, dtype=x.dtype)
        sizes = zip(value.shape[::-1], x.shape[::-1], strict=False)
        if value.ndim > x.ndim or not all(size in (1, wanted) for size, wanted in sizes):
            raise ValueError(f"lr of shape {value.shape} does not broadcast to x, {x.shape}")
        return value

    if callable(lr):
        return lambda t: checked(lr(t))
    constant = checked(lr)
    return lambda t: constant


def _with_step(grad):
    """Turn `grad(x)` into `grad(x, t)`; a gradient takes t if it has a second required argument."""
    try:
        parameters = inspect.signature(grad).parameters.values()
    except ValueError:  # some NumPy functions have no signature; they take x alone
        return lambda x, t: grad(x)
    required = [
        p
        for p in parameters
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return grad if len(required) >= 2 else lambda x, t: grad(x)


def _gradient(g, x, t):
    g = np.asarray(g)
    if g.shape != x.shape:
        raise ValueError(f"the gradient at step {t} has shape {g.shape}, but x has {x.shape}")
    if g.dtype.kind not in "fiu":
        raise TypeError(f"the gradient at step {t} has dtype {g.dtype}; it must hold real numbers")
    g = g.astype(x.dtype)
    _check_finite(g, f"the gradient at step {t}", "lower lr, or look at grad there")
    return g


def _check_finite(value, what, advice, error: type[Exception] = FloatingPointError):
    if not np.isfinite(value).all():
        raise error(f"{what} is not finite: {value}; {advice}")
