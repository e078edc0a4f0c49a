"""One step of one array: the arithmetic that `descend` and every engine of `optim` share."""

from typing import Any

from adamtut.registry import Description


def start_state(about: Description, x: Any) -> list:
    """The state before step 1, for the parameters `x`; a start that is a function gets a copy."""
    return [start(1 * x) if callable(start) else start for start in about.state.values()]


def take_step(
    about: Description,
    x: Any,
    g: Any,
    state: Any,
    t: Any,
    *,
    lr: Any,
    hyper: dict[str, Any],
    weight_decay: Any = None,
    l2: Any = None,
    maximize: bool = False,
) -> tuple[Any, list]:
    """Return the new parameters and the new state; nothing that was passed is changed.

    The decoupled decay joins the direction, as in the paper. PyTorch multiplies `x` by the factor
    1 - lr λ instead, which in single precision is rounded before it meets `x`: where lr λ is 1e-5,
    by up to 0.3 % of the decay.

    Parameters
    ----------
    about
        What `registry.describe` says of the rule.
    x, g
        Parameters and gradient, of one shape: NumPy arrays, tensors, or what stands in for them.
    state
        The rule's state after step t - 1, a sequence; that of `start_state` before the first.
    t
        Number of the step, from 1.
    lr
        Learning rate α, a number, or an array that broadcasts against `x`.
    hyper
        The rule's hyper-parameters; `x`, where it wants that, is added here.
    weight_decay, l2
        Decay λ, decoupled (Loshchilov & Hutter 2019, algorithm 2, with PyTorch's product of rate
        and decay) and as a penalty. None is none, where 0 would make NaN of an infinite `x`.
    maximize
        Climb instead of descend.

    Examples
    --------
    >>> from adamtut.registry import RULES
    >>> take_step(RULES["momentum"], 8.0, 2.0, [1.0], 2, lr=0.25, hyper={"beta": 0.5})
    (7.375, [2.5])
    """
    if maximize:
        g = -g
    if l2 is not None:
        g = g + l2 * x
    if about.wants_x:
        hyper = hyper | {"x": x}
    d, *state = about.function(g, t, *state, **hyper)
    if weight_decay is not None:
        d = d + weight_decay * x
    return x - lr * d, state
