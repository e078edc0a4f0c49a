"""What `descend` and `optim` refuse at their boundary; rules themselves check nothing."""

import inspect
from numbers import Integral
from typing import Any

import numpy as np


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
        expected = f"be {low} or more" + (", and finite" if finite else "")
        if high < np.inf:
            expected = f"lie in [{low}, {high})"
        raise ValueError(f"{name} must {expected}, got {value!r}")


def check_hyper(key: str, value: Any, default: Any, where: str = "") -> None:
    """Refuse a hyper-parameter that is not of the kind of its default, or out of its range.

    Numbers are 0 or more; a memory lies below 1. What a rule of your own has besides numbers and
    functions of t (a switch, a text, an argument without a default) is its own affair.

    >>> check_hyper("betas", (0.9, 1.0), default=(0.9, 0.999), where="Adam: ")
    Traceback (most recent call last):
    ValueError: Adam: beta2 must lie in [0, 1), got 1.0
    """
    if key == "betas":
        if np.shape(value) != (2,):
            raise ValueError(f"{where}betas must be a pair (beta1, beta2), got {value!r}")
        check_range(f"{where}beta1", value[0], 0, 1)
        check_range(f"{where}beta2", value[1], 0, 1)
    elif callable(default) and default is not inspect.Parameter.empty:
        if not callable(value):
            raise TypeError(
                f"{where}{key} must be a function of t, as adamtut.schedules has, got {value!r}"
            )
    elif key in ("beta", "rho"):
        check_range(f"{where}{key}", value, 0, 1)
    elif key == "momentum_decay":  # infinite: mu is beta1 from the first step
        check_range(f"{where}{key}", value, 0, finite=False)
    elif key == "eps" or (isinstance(default, int | float) and not isinstance(default, bool)):
        check_range(f"{where}{key}", value, 0)


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """Refuse what is no whole number of `least` or more.

    >>> check_whole("batch", 0)
    Traceback (most recent call last):
    ValueError: batch must be a whole number of 1 or more, got 0
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number of {least} or more, got {value!r}")
