"""The loop that applies a rule to a function, and every check at its boundary."""

import dataclasses
import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adamtut.checks import check_hyper, check_range, check_whole
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
        are refused. float16 holds no number between 0 and 6e-8, so `eps` may be 0 there: start
        from float32 or float64. Of complex parameters pass the real view, ``z.view(float)``.
    lr
        Learning rate α ≥ 0: a number, an array that broadcasts against `x` (one rate for each
        of many runs held in one array), or a schedule, a function of t from 1.
    steps
        Number of steps, 0 or more.
    **settings
        `weight_decay`, `l2`, `project`, `t`, `state` and the rule's hyper-parameters; see `walk`.

    Returns
    -------
    ndarray of shape (steps + 1, *x.shape)

    Raises
    ------
    ValueError, TypeError, FloatingPointError
        As `walk`; and ValueError for a negative `steps`. Nothing is returned then.

    Notes
    -----
    A path has points and no state: from ``path[-1]`` a rule begins anew, at t = 1 and with empty
    averages. To go on where a run stopped, take `t` and `state` from `walk`.

    Functions that are handed in get copies and what they return is copied, so they may change and
    keep what they like.

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
    check_whole("steps", steps, 0)
    points = iterate(rule, grad, x, lr, **settings)
    start = next(points)
    steps_taken = late_bar(itertools.islice(points, steps), total=steps, unit="step", leave=False)
    return np.stack([start, *steps_taken])


def iterate(
    rule: Rule, grad: Gradient, x: ArrayLike, lr: Rate, **settings: Any
) -> Iterator[NDArray]:
    """Yield x_0, x_1, x_2, … without end; for a stopping rule of your own.

    Parameters and errors are those of `walk`.

    Examples
    --------
    >>> from adamtut.rules import gd
    >>> for x in iterate(gd, lambda x: 2 * x, 1.0, lr=0.25):
    ...     if abs(x) < 0.2:
    ...         break
    >>> float(x)
    0.125
    """
    return (x for _, x, _ in walk(rule, grad, x, lr, **settings))


def walk(
    rule: Rule,
    grad: Gradient,
    x: ArrayLike,
    lr: Rate,
    *,
    weight_decay: float = 0.0,
    l2: float = 0.0,
    project: Callable[[NDArray], ArrayLike] | None = None,
    t: int = 0,
    state: Sequence[Any] = (),
    **hyper: Any,
) -> Iterator[tuple[int, NDArray, tuple]]:
    """Yield (t, x_t, state) for t = 0, 1, 2, … without end: all that is needed to go on later.

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
    t
        How many steps were made before; the next one is step t + 1.
    state
        The rule's state after them, in the order of its signature; () at the start.
    **hyper
        The rule's hyper-parameters, for example ``betas=(0.9, 0.99)``.

    Raises
    ------
    ValueError
        `lr`, a decay or a hyper-parameter outside its range; a gradient, a direction or a
        projected point of another shape than `x`.
    TypeError
        A start point that is not a float or integer array, an argument the rule does not have, a
        hyper-parameter of another kind than its default; a function that returns no real numbers.
    FloatingPointError
        A gradient, a state or a point that is NaN or infinite; the message names the step.
    RuntimeError
        A function asked an iterator that has ended.

    Examples
    --------
    Three steps, and later two more; the path is that of five.

    >>> from adamtut.rules import adam
    >>> settings = {"grad": lambda x: 2 * x, "lr": 0.1}
    >>> t, x, state = next(itertools.islice(walk(adam, x=1.0, **settings), 3, None))
    >>> rest = descend(adam, x=x, steps=2, t=t, state=state, **settings)
    >>> bool((rest == descend(adam, x=1.0, steps=5, **settings)[3:]).all())
    True
    """
    _check_functions(rule, grad, project)
    x = _start(x)
    _check_hyper(rule, hyper)
    check_whole("t", t, 0)
    about = describe(rule)
    run = _steps(
        _watched(about),
        _named("grad", _with_step(grad)),
        x,
        _schedule(lr, x),
        _decay("weight_decay", weight_decay, x),
        _decay("l2", l2, x),
        None if project is None else _named("project", project),
        {name: _python(value) for name, value in hyper.items()},
        int(t),
        _own_state(about, x, t, state),
    )
    return ((t, x.copy(), _copies(state)) for t, x, state in run)


def _steps(about, grad, x, lr, weight_decay, l2, project, hyper, made, state):
    yield made, x, state
    for t in itertools.count(made + 1):
        g = _like(x, grad(x.copy(), t), "the gradient", t)
        _check_gradient(g, t)
        free, state = take_step(
            about, x, g, state, t, lr=lr(t), hyper=hyper, weight_decay=weight_decay, l2=l2
        )
        x = free if project is None else _like(free, project(free.copy()), "the projection", t)
        _check_state(about, state, t, x.dtype)
        _check_point(x, free, t, about, hyper)
        yield t, x, state


def _check_gradient(g, t):
    if not _all_finite(g):
        raise FloatingPointError(
            f"the gradient at step {t} is not finite: {g}; lower lr, or look at grad there"
        )


def _check_state(about, state, t, dtype):
    for name, value in zip(about.state, state, strict=True):
        if not _finite(value, name, about, t):
            raise FloatingPointError(
                f"state {name} of {about.name} after step {t} is not finite: {value}; "
                f"the gradient is too large for {dtype}"
            )


def _check_point(x, free, t, about, hyper):
    """`free` is the point before it was projected."""
    if _all_finite(x):
        return
    if _all_finite(free):
        raise FloatingPointError(f"the projection at step {t} is not finite: {x}; look at project")
    lost = [
        f"{name} {value} is 0 in {x.dtype}: start from float64"
        for name, value in (about.defaults | hyper).items()
        if isinstance(value, float) and value != 0 and x.dtype.type(value) == 0
    ]
    advice = "; ".join(lost or ["lower lr; where a gradient is 0, eps must be above 0"])
    raise FloatingPointError(f"x after step {t} is not finite: {x}; {advice}")


def _watched(about):
    """The rule with a look at what it returns; what it is given it may change."""
    direction = f"the direction of {about.name}"

    def function(g, t, *state, **hyper):
        if about.wants_x:
            hyper["x"] = hyper["x"].copy()
        d, *state = _parts(about.function(g, t, *state, **hyper), about, t)
        return _like(g, d, direction, t), *state

    return dataclasses.replace(about, function=function)


def _named(name, function):
    """A function that says its name where an iterator ends: a generator would swallow it."""

    def called(*arguments):
        try:
            return function(*arguments)
        except StopIteration as error:
            raise RuntimeError(f"{name} asked an iterator for more than it had") from error

    return called


def _check_functions(rule, grad, project):
    if not callable(rule) or isinstance(rule, type):
        raise TypeError(f"rule must be a function such as adamtut.rules.adam, got {rule!r}")
    if not callable(grad):
        hint = ": pass its .grad" if hasattr(grad, "grad") else ""
        raise TypeError(f"grad must be a callable, grad(x) or grad(x, t), got {grad!r}{hint}")
    if project is not None and not callable(project):
        raise TypeError(f"project must be a function of x, or None, got {project!r}")


def _start(x):
    if hasattr(x, "__torch_function__"):
        raise TypeError("x is a torch tensor; descend works on NumPy arrays: pass x.numpy()")
    x = np.array(x)
    if x.dtype.kind in "iu":
        x = x.astype(np.float64)
    if x.dtype.kind != "f":
        hint = "; pass its real view, x.view(float)" if x.dtype.kind == "c" else ""
        raise TypeError(f"x must hold real numbers (float or integer), got dtype {x.dtype}{hint}")
    if not np.isfinite(x).all():
        raise ValueError(f"x at the start is not finite: {x}; pass a finite start point")
    return x


def _own_state(about, x, t, state):
    """The state to go on from after t steps; () is that of the start."""
    if not isinstance(state, tuple | list) or len(state) not in (0, len(about.state)):
        names = ", ".join(about.state) or "nothing"
        raise ValueError(
            f"state must be what walk yields for {about.name}, a tuple of {names}, got {state!r}"
        )
    start = start_state(about, x)
    for name, value, first in zip(about.state, state, start, strict=False):
        if not _finite(value, name, about, t):
            raise ValueError(f"state {name} of {about.name} is not finite: {value}")
        own = name in about.scalars or callable(about.state[name])
        allowed = [np.shape(first)] if own else [np.shape(first), x.shape]
        if np.shape(value) not in allowed:
            raise ValueError(
                f"state {name} of {about.name} must have the shape {allowed[-1]}, got "
                f"{np.shape(value)}: {value}"
            )
    return _copies(state or start)


def _copies(state):
    """A state of one's own; numbers cannot change."""
    return tuple(value.copy() if hasattr(value, "copy") else value for value in state)


def _python(value):
    """A Python number for a NumPy one, which would turn a float32 path into float64."""
    if isinstance(value, tuple | list):
        return tuple(_python(entry) for entry in value)
    return value.item() if isinstance(value, np.generic) else value


def _check_hyper(rule, hyper):
    about = describe(rule)
    if unknown := sorted(hyper.keys() - about.defaults.keys()):
        takes = ", ".join(about.defaults) or "no hyper-parameters"
        raise TypeError(f"{about.name} takes {takes}; it does not take {', '.join(unknown)}")
    for name, value in hyper.items():
        check_hyper(name, value, about.defaults[name], about.ranges.get(name))


def _schedule(lr, x):
    """Turn a number, an array or a function of t into a checked function of t."""
    if callable(lr):
        rate = _named("lr", lr)
        return lambda t: _fitted(f"lr({t})", rate(t), x)
    constant = _fitted("lr", lr, x)
    if np.any((constant == 0) & (np.asarray(lr) > 0)):
        raise ValueError(f"lr {lr!r} is 0 in {x.dtype}, the dtype of x: start from float64")
    return lambda t: constant


def _decay(name, value, x):
    """A checked decay, a Python number where it is one; None where there is none."""
    decay = _fitted(name, value, x)
    if not decay.any():
        return None
    return decay if decay.ndim else _python(value)


def _fitted(name, value, x):
    """Numbers of 0 or more as an array of the dtype of `x` that broadcasts against it."""
    check_range(name, value, 0)
    array = np.array(value, dtype=x.dtype)
    sizes = zip(array.shape[::-1], x.shape[::-1], strict=False)
    if array.ndim > x.ndim or not all(size in (1, wanted) for size, wanted in sizes):
        raise ValueError(f"{name} of shape {array.shape} does not broadcast to x, {x.shape}")
    return array


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


def _like(x, value, what, t):
    """An array of its own, of the shape and dtype of `x`, from what a function returned."""
    if value is None:
        raise TypeError(f"{what} at step {t} is None; the function must return an array")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{what} at step {t} is no array but {value!r}") from error
    if array.shape != x.shape:
        raise ValueError(f"{what} at step {t} has shape {array.shape}, but x has {x.shape}")
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{what} at step {t} has dtype {array.dtype}; it must hold real numbers")
    return array.astype(x.dtype)


def _parts(returned, about, t):
    """What a rule returned, if it is a direction and as many states as the rule takes."""
    if not isinstance(returned, tuple | list) or len(returned) != 1 + len(about.state):
        expected = ", ".join(["d", *about.state]) + ("" if about.state else ",")
        raise TypeError(
            f"{about.name} must return the tuple ({expected}), at step {t} it returned {returned!r}"
        )
    return returned


def _finite(value, name, about, t):
    """Whether a state is finite; TypeError if it holds no numbers."""
    if np.asarray(value).dtype.kind not in "fiubc":
        raise TypeError(f"state {name} of {about.name} after step {t} holds no numbers: {value!r}")
    return _all_finite(value)


def _all_finite(value):
    """Whether nothing in it is NaN or infinite.

    The sum of squares is if one of them is, and takes a third of the time for a few numbers; that
    it overflows decides nothing.
    """
    return math.isfinite(np.vdot(value, value).real) or bool(np.isfinite(value).all())
