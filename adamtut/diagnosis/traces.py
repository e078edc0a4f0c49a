"""What an update does on the streams: a direction for each step and coordinate.

The direction is the whole move divided by the learning rate, decay included, as NumPy's float64.
"""

import inspect
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adamtut.diagnosis.streams import GRADIENTS, ORIGIN, RATES
from adamtut.registry import describe

Run = Callable[..., Any]
RATE_NAMES = ("lr", "learning_rate", "alpha_t")


@dataclass(frozen=True)
class Subject:
    """An update that is to be diagnosed.

    Attributes
    ----------
    name
        What it is called in the report.
    trace
        Start → directions, and whether they were rounded to single precision.
    settings
        The numbers that its signature and its caller give, by their names.
    sees_x
        Whether the parameter may enter its direction.
    states
        What it keeps from step to step, mixed into one number a coordinate; for rules alone.
    """

    name: str
    trace: Callable[[NDArray], tuple[NDArray, bool]]
    settings: dict[str, Any] = field(default_factory=dict)
    sees_x: bool = True
    states: Callable[[], NDArray] | None = None


def of_rule(rule: Callable, given: dict[str, Any]) -> Subject:
    """A function with the signature of our rules, or with a keyword `lr` that returns the move."""
    name = getattr(rule, "__name__", type(rule).__name__)
    about = describe(rule)
    if unknown := [key for key in given if key not in about.defaults]:
        known = ", ".join(about.defaults) or "none"
        raise TypeError(f"{name} has no setting {unknown[0]}; those behind its * are {known}")
    settings = about.defaults | given
    missing = [k for k, v in settings.items() if v is inspect.Parameter.empty]
    missing = [k for k in missing if k not in RATE_NAMES]
    if missing:
        raise TypeError(f"{name} needs a value for {missing[0]}: diagnose(…, {missing[0]}=…)")

    def trace(start, of_state=False):
        wanted = {k: v for k, v in settings.items() if k not in RATE_NAMES}
        rate_name = next((k for k in settings if k in RATE_NAMES), None)
        refusal: Exception | None = None
        for kind in _kinds(rule, about.state):
            try:
                rows = rule_directions(
                    kind,
                    wanted,
                    start,
                    wants_x=about.wants_x,
                    rate_name=rate_name,
                    of_state=of_state,
                )
                return _collected(name, rows)
            except (TypeError, ValueError) as error:  # math.sqrt of an array, `if` on one
                refusal = refusal or error
            except ArithmeticError as error:
                error.add_note(f"{name} itself raised this, on gradients that diagnose gave it")
                raise
        raise refusal  # type: ignore[misc]

    def states():
        return trace(ORIGIN, of_state=True)[0]

    return Subject(name, trace, settings, about.wants_x, states)


def of_torch(optimizer: type, given: dict[str, Any]) -> Subject:
    """A class of PyTorch's kind: parameters first, a rate `lr` in its groups."""
    import torch

    parameters = inspect.signature(optimizer).parameters
    settings = {
        key: parameter.default
        for key, parameter in parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }

    def run(start, gradients, rates):
        x = torch.nn.Parameter(torch.from_numpy(start.copy()))
        rate = {"lr": float(rates[0])} if "lr" in parameters else {}
        made = optimizer([x], **(rate | given))
        path = [start]
        for g, lr in zip(gradients, rates, strict=True):
            for group in made.param_groups:
                if "lr" in group:
                    group["lr"] = float(lr)
            x.grad = torch.from_numpy(g.copy()).to(x.dtype)
            made.step()
            path.append(x.detach().to(torch.float64).numpy().copy())
        return np.stack(path)

    return of_path(run, settings | given, name=optimizer.__name__)


def of_path(run: Run, settings: dict[str, Any], name: str | None = None) -> Subject:
    """A function of start, gradients and rates that returns the path, start first."""
    title = name or str(getattr(run, "__name__", type(run).__name__))

    def trace(start):
        path = np.asarray(run(start.copy(), GRADIENTS.copy(), RATES.copy()))
        expected = (len(GRADIENTS) + 1, *start.shape)
        if path.shape != expected:
            raise ValueError(
                f"{title} returned a path of shape {path.shape}, expected {expected}: the start, "
                "then the point after each gradient"
            )
        with np.errstate(all="ignore"):
            moves = path[:-1].astype(float) - path[1:].astype(float)
            return moves / RATES[:, None], path.dtype == np.float32

    return Subject(title, trace, settings)


def rule_directions(
    rule: Callable,
    settings: dict[str, Any],
    start: NDArray = ORIGIN,
    *,
    wants_x: bool = False,
    rate_name: str | None = None,
    l2: float = 0.0,
    of_state: bool = False,
) -> Iterator[Any]:
    """Yield the direction of each step; a rule that has a rate returns the whole move.

    With `of_state`, what it keeps from step to step: its states, with weights that tell them apart.
    """
    x, state = start.copy(), list[Any]()
    for t, (g, rate) in enumerate(zip(GRADIENTS, RATES, strict=True), start=1):
        hyper = dict(settings)
        if wants_x:
            hyper["x"] = x.copy()
        if rate_name:
            hyper[rate_name] = float(rate)
        d, *state = rule(g + l2 * x, t, *state, **hyper)
        if rate_name:
            d = d / float(rate)
        yield sum((k + np.e) * slot for k, slot in enumerate(state)) if of_state else d
        if wants_x or l2:
            x = x - rate * np.asarray(d, dtype=float)


def _kinds(rule, states):
    """The rule as it takes arrays; and, for one that does not, tensors, or Python's numbers."""

    def arrays(g, t, *state, **hyper):
        found = rule(g, t, *state, **hyper)
        if not isinstance(found, tuple) or len(found) != 1 + len(states):
            raise TypeError(
                f"{getattr(rule, '__name__', rule)} must return the tuple "
                f"({', '.join(['d', *states])}), a direction and its new state, got "
                f"{found!r:.60}; settings stand behind * in its signature"
            )
        return found

    def tensors(g, t, *state, **hyper):
        torch = sys.modules["torch"]
        if "x" in hyper:
            hyper["x"] = torch.from_numpy(hyper["x"])
        d, *state = arrays(torch.from_numpy(g), t, *state, **hyper)
        return d.detach().numpy(), *state

    def numbers(g, t, *state, **hyper):
        steps = []
        for i, number in enumerate(g):
            own = hyper | {"x": float(hyper["x"][i])} if "x" in hyper else hyper
            steps.append(arrays(float(number), t, *(slot[i] for slot in state), **own))
        columns = list(zip(*steps, strict=True))
        return np.array(columns[0]), *columns[1:]

    return [arrays, *([tensors] if "torch" in sys.modules else []), numbers]


def _collected(name, rows):
    """The directions as one array, and whether they are float32."""
    kept, single = [], False
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for t, d in enumerate(rows, start=1):
            row = np.asarray(d)
            if row.shape not in ((), ORIGIN.shape):
                raise ValueError(
                    f"{name} returned a direction of shape {row.shape} at step {t} for a gradient "
                    f"of shape {ORIGIN.shape}"
                )
            single = single or row.dtype == np.float32
            kept.append(np.broadcast_to(row, ORIGIN.shape).astype(float))
    return np.stack(kept), single


def is_optimizer_class(update: Any) -> bool:
    """Whether it is a class of PyTorch's kind; without PyTorch there are none."""
    torch = sys.modules.get("torch")
    return (
        torch is not None and isinstance(update, type) and issubclass(update, torch.optim.Optimizer)
    )
