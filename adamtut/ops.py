"""The one place that knows array libraries: the functions that rules need beyond `+ - * / **`.

Each finds the function of the library its argument came from: Python numbers,
NumPy, JAX (anything with `__array_namespace__`) or torch.
"""

import math
import sys
from types import SimpleNamespace

import numpy as np

_python_numbers = SimpleNamespace(
    sqrt=math.sqrt,
    cos=math.cos,
    floor=math.floor,
    # NaN stays NaN, as in the libraries; `max` and `min` would drop it.
    maximum=lambda x, y: y if y > x or y != y else x,
    minimum=lambda x, y: y if y < x or y != y else x,
    sign=lambda x: (x > 0) - (x < 0),
    where=lambda condition, x, y: x if condition else y,
)


def namespace(x):
    """Return the library that holds the functions for `x`.

    >>> namespace(1.0).sqrt(4.0)
    2.0
    """
    if hasattr(x, "__array_namespace__"):
        return x.__array_namespace__()
    if isinstance(x, np.generic):  # NumPy's scalars, before NumPy 2.1
        return np
    if isinstance(x, int | float):
        return _python_numbers
    if "torch" not in sys.modules:  # then x is no tensor either
        raise TypeError(f"expected a number or an array, got {x!r}")
    return sys.modules["torch"]


def sqrt(x):
    """Square root, element by element.

    >>> sqrt(9.0)
    3.0
    """
    return namespace(x).sqrt(x)


def cos(x):
    """Cosine of an angle in radians, element by element.

    >>> cos(0.0)
    1.0
    """
    return namespace(x).cos(x)


def floor(x):
    """The largest whole number not above `x`, element by element.

    >>> floor(2.5)
    2
    """
    return namespace(x).floor(x)


def maximum(x, y):
    """The larger of `x` and `y`, element by element; one of the two may be a number.

    >>> maximum(0.0, 2.5)
    2.5
    """
    if namespace(y) is _python_numbers:
        x, y = y, x  # `clip` is asked of the array
    library = namespace(y)
    if library is _python_numbers:
        return library.maximum(y, x)
    return library.clip(y, x, None)


def minimum(x, y):
    """The smaller of `x` and `y`, element by element; one of the two may be a number.

    >>> minimum(1.0, 2.5)
    1.0
    """
    if namespace(y) is _python_numbers:
        x, y = y, x  # `clip` is asked of the array
    library = namespace(y)
    if library is _python_numbers:
        return library.minimum(y, x)
    return library.clip(y, None, x)


def sign(x):
    """-1, 0 or 1, element by element.

    >>> sign(-3.0)
    -1
    """
    return namespace(x).sign(x)


def where(condition, x, y):
    """`x` where `condition` holds, else `y`; `condition` may be a Python bool.

    >>> where(True, 1.0, 2.0)
    1.0
    """
    if isinstance(condition, bool):
        return x if condition else y
    return namespace(condition).where(condition, x, y)
