"""What `descend` and `optim` refuse at their boundary; rules themselves check nothing."""

import inspect
from numbers import Integral, Real
from typing import Any

import numpy as np

from adamtut.traits import Range


def check_range(
    name: str, value: Any, low: float, high: float = np.inf, finite: bool = True
) -> None:
    """Refuse what is no number, or outside [low, high); NaN lies outside every range.

    Without `finite`, `high` itself is allowed too.

    >>> check_range("lr", -1, 0)
    Traceback (most recent call last):
    ValueError: lr must be 0 or more, and finite, got -1
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not np.all((array >= low) & (array < high if finite else array <= high)):
        raise ValueError(f"{name} must {_expected(low, high, finite)}, got {value!r}")


def _expected(low, high, finite):
    if high < np.inf:
        return f"lie in [{low}, {high})"
    if low > -np.inf:
        return f"be {low} or more" + (", and finite" if finite else "")
    return "be finite" if finite else "be a number, not NaN"


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """Refuse what is no whole number of `least` or more.

    >>> check_whole("batch", 0)
    Traceback (most recent call last):
    ValueError: batch must be a whole number of 1 or more, got 0
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number of {least} or more, got {value!r}")


def check_hyper(
    name: str, value: Any, default: Any, allowed: Range | None = None, where: str = ""
) -> None:
    """Refuse a hyper-parameter that is not of the kind of its default, or out of its range.

    Without a range any finite number will do; a tuple has as many entries as its default. What a
    rule has besides numbers and functions of t (a switch, a text, an argument without a default) is
    its own affair, unless it declares a range for it.

    >>> check_hyper("betas", (0.9, 1.0), (0.9, 0.999), Range(0, 1), where="Adam: ")
    Traceback (most recent call last):
    ValueError: Adam: beta2 must lie in [0, 1), got 1.0
    >>> check_hyper("slope", -0.8, default=1.0)
    """
    if is_tuple_of_numbers(default):
        entries = value if isinstance(value, tuple | list) else np.atleast_1d(value)
        if [np.ndim(entry) for entry in entries] != [0] * len(default):
            raise ValueError(f"{where}{name} must be {kind(name, default)}, got {value!r}")
        for entry_name, entry in zip(_entry_names(name, default), entries, strict=True):
            check_range(f"{where}{entry_name}", entry, *(allowed or Range()))
    elif callable(default) and default is not inspect.Parameter.empty:
        if not callable(value):
            raise TypeError(
                f"{where}{name} must be a function of t, as adamtut.schedules has, got {value!r}"
            )
    elif is_number(default) or (allowed and value is not None):
        check_range(f"{where}{name}", value, *(allowed or Range()))


def kind(name: str, default: Any) -> str:
    """What a hyper-parameter with this default must be, in words.

    >>> kind("betas", (0.9, 0.999)), kind("eps", 1e-8)
    ('a pair (beta1, beta2)', 'one number')
    """
    if not is_tuple_of_numbers(default):
        return "one number"
    count = "a pair" if len(default) == 2 else f"{len(default)} numbers"
    return f"{count} ({', '.join(_entry_names(name, default))})"


def is_tuple_of_numbers(value: Any) -> bool:
    """Whether it is a tuple, not empty, that holds nothing but numbers."""
    return isinstance(value, tuple) and len(value) > 0 and all(is_number(entry) for entry in value)


def is_number(value: Any) -> bool:
    """Whether it is a real number, Python's or NumPy's; a switch is none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def _entry_names(name, default):
    return [f"{name.removesuffix('s')}{i}" for i in range(1, len(default) + 1)]
