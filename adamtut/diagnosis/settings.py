"""The settings of a rule that an update may be: read from its signature, or fitted to its trace."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adamtut.registry import Description

# What libraries and readers call them.
NAMES = {
    "beta1": ("beta1", "beta_1", "b1"),
    "beta2": ("beta2", "beta_2", "b2"),
    "rho": ("rho", "beta", "decay", "gamma"),
    "eps": ("eps", "epsilon"),
}
BETA_OF_M = ("beta", "momentum", "mu", "decay", "gamma", "beta1")
BETA_OF_V = ("beta", "alpha", "rho", "decay", "gamma", "beta2")
L2_NAMES = ("weight_decay", "l2", "wd", "lam")

# Where a fit begins, from each combination; and what is tried besides.
STARTS: dict[str, tuple[Any, ...]] = {
    "betas": tuple(itertools.product((0.9, 0.5), (0.999, 0.9))),
    "beta": (0.9, 0.5, 0.99),
    "rho": (0.9, 0.95),
    "eps": (1e-8, 1e-6, 1e-3),
    "momentum_decay": (0.004, 1.0, math.inf),
    "corrected": (False, True),
    "dampening": (0.5, 0.9),
    "momentum": (0.9, 0.5),
    "l2": (0.01, 0.1),
}
# What lies between 0 and 1, most often near 1.
SHARES = ("betas", "beta", "rho", "dampening", "momentum")
DAMPING, ROUNDS, TURNS = 1e-3, 40, 12


def read(about: Description, given: Mapping[str, Any]) -> dict[str, Any]:
    """What `given` has of a rule's settings, under its names for them.

    >>> from adamtut.registry import RULES
    >>> read(RULES["adam"], {"b1": 0.5, "b2": 0.9, "epsilon": 1e-7})
    {'betas': (0.5, 0.9), 'eps': 1e-07}
    """
    if _is_pair(given.get("betas")) and len(given["betas"]) == 2:
        given = dict(zip(("beta1", "beta2"), given["betas"], strict=True)) | dict(given)
    found = {}
    for name, default in about.defaults.items():
        if name == "betas" and _is_pair(given.get("betas")):
            found[name] = tuple(given["betas"])
        elif name == "betas":
            pair = [_first(given, NAMES[part]) for part in ("beta1", "beta2")]
            if None not in pair:
                found[name] = tuple(pair)
        else:
            beta = BETA_OF_V if "v" in about.state else BETA_OF_M
            value = _first(given, beta if name == "beta" else (name, *NAMES.get(name, ())))
            if value is not None and callable(value) == callable(default):
                found[name] = value
    return found


def read_l2(given: Mapping[str, Any]) -> float | None:
    """The weight decay among the settings."""
    return _first(given, L2_NAMES)


def _first(given, names):
    usable = (given[name] for name in names if name in given and not _is_pair(given[name]))
    return next((value for value in usable if value is not None), None)


def _is_pair(value):
    return isinstance(value, tuple | list)


def starts(known: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Combinations of settings from which to fit what is not known."""
    free = [name for name in names if name in STARTS]
    for values in itertools.product(*(STARTS[name] for name in free)):
        yield {**known, **dict(zip(free, values, strict=True))}


def fit(
    run: Callable[[dict[str, Any]], NDArray | None],
    target: NDArray,
    begin: dict[str, Any],
    free: tuple[str, ...],
) -> dict[str, Any]:
    """Settings for which `run` comes nearest to the target: Levenberg and Marquardt's steps.

    A share β is fitted as log(1 - β), a small number as its logarithm.
    """
    numbers, names = _flat(begin, free)
    if not names:
        return begin
    scale = np.maximum(np.abs(target).max(axis=0), 1e-300)

    def residual(numbers):
        found = run(_settings(begin, numbers, names))
        if found is None:
            return np.full(target.size, 1e3)
        difference = np.nan_to_num((found - target) / scale, nan=1e3, posinf=1e3, neginf=-1e3)
        return np.clip(difference, -1e3, 1e3).ravel()

    here, damping = residual(numbers), DAMPING
    for turn in range(ROUNDS):
        cost = here @ here
        if cost < 1e-26 or (turn >= TURNS and cost > 1e-6):
            break
        slopes = np.stack(
            [(residual(numbers + h) - here) / 1e-6 for h in 1e-6 * np.eye(len(names))]
        )
        normal, pull = slopes @ slopes.T, slopes @ here
        for _ in range(6):
            step = np.linalg.lstsq(
                normal + damping * np.diag(np.diag(normal) + 1e-12), -pull, rcond=None
            )[0]
            there = residual(numbers + np.clip(step, -3, 3))
            if there @ there < cost:
                numbers, here = numbers + np.clip(step, -3, 3), there
                damping = max(damping / 10, 1e-12)
                break
            damping *= 10
        else:
            break
    return _settings(begin, numbers, names)


def _flat(settings, free):
    """The free settings as numbers without bounds, and what each is."""
    numbers, names = [], []
    for name in free:
        entries = settings[name] if name == "betas" else [settings[name]]
        for i, value in enumerate(entries):
            is_share = name in SHARES
            size = 1 - value if is_share else value
            if math.isfinite(size) and size > 0:
                numbers.append(math.log(size))
                names.append((name, i, is_share))
    return np.array(numbers), names


def _settings(begin, numbers, names):
    settings = {k: list(v) if k == "betas" else v for k, v in begin.items()}
    for number, (name, i, is_share) in zip(numbers, names, strict=True):
        size = math.exp(min(max(number, -60.0), 60.0))
        value = 1 - size if is_share else size
        if name == "betas":
            settings[name][i] = value
        else:
            settings[name] = value
    return {k: tuple(v) if k == "betas" else v for k, v in settings.items()}


def rounded(settings: Mapping[str, Any], digits: int) -> dict[str, Any]:
    """Settings with so many digits; a memory keeps as many of 1 - β.

    >>> rounded({"betas": (0.9000000001, 0.5), "eps": 1.00000002e-8}, digits=6)
    {'betas': (0.9, 0.5), 'eps': 1e-08}
    """

    def short(value):
        if isinstance(value, tuple):
            return tuple(short(entry) for entry in value)
        return float(f"{value:.{digits}g}") if isinstance(value, float) else value

    return {name: short(value) for name, value in settings.items()}
