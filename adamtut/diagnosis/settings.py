"""The settings of a rule that an update may be: read from its signature, or fitted to its trace."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adamtut.registry import Description
from adamtut.traits import AT_LEAST_0, MEMORY, Range

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
    "l2": (0.01, 0.0),  # single precision may look like a penalty where there is none
}
# Where it begins besides, of a rule without a mistake: no memory, a long one, and eps as in Keras,
# much larger, or none.
RARE: dict[str, tuple[Any, ...]] = {
    "betas": ((0.9, 0.0), (0.5, 0.0), (0.0, 0.999), (0.0, 0.9), (0.0, 0.0)),
    "beta": (0.0, 0.999),
    "rho": (0.0, 0.999),
    "eps": (1e-7, 0.01, 0.1, 1.0, 10.0, 100.0, 0.0),
}
# What lies between 0 and 1, most often near 1.
SHARES = ("betas", "beta", "rho", "dampening", "momentum")
DAMPING, ROUNDS, TURNS = 1e-3, 40, 12
TINY = 1e-15  # the least by which a share is below 1


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


def starts(
    known: Mapping[str, Any], names: tuple[str, ...], rare: bool
) -> Iterator[dict[str, Any]]:
    """Combinations of settings from which to fit what is not known, the defaults among them."""
    free = [name for name in names if name in STARTS]
    choices = [(known[name], *STARTS[name], *(RARE.get(name, ()) * rare)) for name in free]
    for values in itertools.product(*(dict.fromkeys(choice) for choice in choices)):
        yield {**known, **dict(zip(free, values, strict=True))}


def range_of(about: Description, name: str) -> Range:
    """Where a setting lies: as its rule declares, or as a convention's or a penalty's must."""
    return about.ranges.get(name, MEMORY if name in SHARES else AT_LEAST_0)


def are_allowed(settings: Mapping[str, Any], within: Mapping[str, Range]) -> bool:
    """Whether settings lie in their ranges.

    >>> are_allowed({"betas": (0.9, 1.0), "eps": 0.0}, {"betas": MEMORY})
    False
    """
    return all(
        low <= number < high or (number == high and not is_finite)
        for name, (low, high, is_finite) in within.items()
        for number in entries(settings[name])
    )


def entries(value: Any) -> tuple:
    """The numbers of a setting: of a pair two, of any other one."""
    return tuple(value) if _is_pair(value) else (value,)


def with_entry(settings: Mapping[str, Any], name: str, i: int, number: Any) -> dict[str, Any]:
    """Settings with another number in one place.

    >>> with_entry({"betas": (0.0, 0.5)}, "betas", 1, 0.99)
    {'betas': (0.0, 0.99)}
    """
    whole = settings[name]
    changed = (*whole[:i], number, *whole[i + 1 :]) if _is_pair(whole) else number
    return {**settings, name: changed}


def fit(
    run: Callable[[dict[str, Any]], NDArray | None],
    target: NDArray,
    begin: dict[str, Any],
    free: Mapping[str, Range],
) -> dict[str, Any]:
    """Settings within their ranges for which `run` comes nearest to the target.

    The steps are Levenberg's and Marquardt's. A share β is fitted as log(1 - β), a size as its
    logarithm. A setting that only signs see has no slope, and is looked for step by step.
    """
    numbers, names = _flat(begin, free)
    if not names:
        return begin
    scale = np.maximum(np.abs(target).max(axis=0), 1e-300)
    low = np.array([math.log(TINY) if name.is_share else -60.0 for name in names])
    high = np.array([math.log(name.bound - name.low) if name.is_share else 60.0 for name in names])

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
        # Backwards, where a share that is 0 has room.
        slopes = np.stack(
            [(here - residual(numbers - h)) / 1e-6 for h in 1e-6 * np.eye(len(names))]
        )
        normal, pull = slopes @ slopes.T, slopes @ here
        for _ in range(6):
            step = np.linalg.lstsq(
                normal + damping * np.diag(np.diag(normal) + 1e-12), -pull, rcond=None
            )[0]
            moved = np.clip(numbers + np.clip(step, -3, 3), low, high)
            there = residual(moved)
            if there @ there < cost:
                numbers, here = moved, there
                damping = max(damping / 10, 1e-12)
                break
            damping *= 10
        else:
            is_flat = ~slopes.any(axis=1)
            if not is_flat.any():
                break
            moved = _searched(residual, numbers, is_flat, low, high)
            if np.array_equal(moved, numbers):
                break
            numbers, here, damping = moved, residual(moved), DAMPING
    return _settings(begin, numbers, names)


def _searched(residual, numbers, is_free, low, high):
    """The free numbers moved, by steps each half of the last, as long as that comes nearer."""
    cost = np.sum(residual(numbers) ** 2)
    ways = np.array(list(itertools.product((-1, 0, 1), repeat=int(is_free.sum()))))
    for size in 0.5 ** np.arange(-1, 12):
        nearer = True
        while nearer:
            nearer = False
            for way in ways:
                moved = numbers.copy()
                moved[is_free] += size * way
                moved = np.clip(moved, low, high)
                there = np.sum(residual(moved) ** 2)
                if there < cost:
                    numbers, cost, nearer = moved, there, True
    return numbers


class _Number(NamedTuple):
    """One of the numbers that are fitted: which entry of a setting, and how it is written."""

    name: str
    i: int
    is_share: bool
    low: float
    bound: float


def _flat(settings, free):
    """The free settings as numbers without bounds, and what each is."""
    numbers, names = [], []
    for name, (low, bound, _) in free.items():
        is_share, low = math.isfinite(bound), max(low, 0.0)
        for i, value in enumerate(entries(settings[name])):
            size = bound - value if is_share else value - low
            # What is no number, or begins at its end, stays.
            if not isinstance(value, bool) and math.isfinite(size) and size > 0:
                numbers.append(math.log(size))
                names.append(_Number(name, i, is_share, low, bound))
    return np.array(numbers), names


def _settings(begin, numbers, names):
    settings = {k: list(v) if _is_pair(v) else v for k, v in begin.items()}
    for number, (name, i, is_share, low, bound) in zip(numbers, names, strict=True):
        size = math.exp(number)
        value = bound - size if is_share else low + size
        if isinstance(settings[name], list):
            settings[name][i] = value
        else:
            settings[name] = value
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}


def rounded(settings: Mapping[str, Any], digits: int) -> dict[str, Any]:
    """Settings with so many digits, a share with so many places.

    >>> rounded({"betas": (0.9000000001, 1e-12), "eps": 1.00000002e-8}, digits=6)
    {'betas': (0.9, 0.0), 'eps': 1e-08}
    """

    def short(name, value):
        if isinstance(value, tuple):
            return tuple(short(name, entry) for entry in value)
        if not isinstance(value, float):
            return value
        return round(value, digits) if name in SHARES else float(f"{value:.{digits}g}")

    return {name: short(name, value) for name, value in settings.items()}
