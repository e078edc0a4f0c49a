"""Slow, timed or real-data experiments, one module per figure, and their stored results.

A run is started by its name, or from code::

    python -m adamtut.experiments.airfoil --help

    from adamtut.experiments import airfoil
    airfoil.run(seeds=2, folder="~/data", out="mine")

It writes `airfoil.json`: what was measured, with data set, device, versions, seeds and date.
`load("airfoil")` reads the stored result that the book shows.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

_PACKAGE = Path(__file__).parents[1]
_STORES = (_PACKAGE.parent / "book" / "results", _PACKAGE / "results")  # a checkout, a wheel


def load(name: str) -> dict[str, Any]:
    """Read a stored result.

    Returns
    -------
    dict
        `runs` holds one entry per setting and seed; `seeds`, `data`, `device`, `versions`
        and `date` say where the numbers come from. A run that ended badly says why as `failed`.

    Raises
    ------
    FileNotFoundError
        There is no such result; the message lists those there are.

    Examples
    --------
    >>> len(load("airfoil")["seeds"]) >= 20
    True
    """
    for store in _STORES:
        if (path := store / f"{name}.json").is_file():
            return json.loads(path.read_text(encoding="utf-8"))
    stored = sorted(path.stem for store in _STORES for path in store.glob("*.json"))
    raise FileNotFoundError(f"no stored result {name!r}; there are: {', '.join(stored) or 'none'}")


def provenance(result: dict[str, Any]) -> str:
    """One sentence that says where a stored result comes from, for the caption of a figure.

    Examples
    --------
    >>> provenance({"data": "airfoil", "seeds": [0, 1], "device": "cpu",
    ...             "date": "2026-01-31", "versions": {"numpy": "2.4.6"}})
    'airfoil; 2 seeds; cpu; numpy 2.4.6; 2026-01-31'
    """
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    seeds = f"{len(result['seeds'])} seeds"
    return "; ".join([result["data"], seeds, result["device"], versions, result["date"]])


def interval(values: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Mean over seeds and the half-width of its confidence interval, by Student's t.

    Where the interval of a paired difference spans zero, the experiment does not separate
    the two. Needs SciPy.

    Parameters
    ----------
    values
        One number per seed, shape (seeds,), two at least.
    level
        Of confidence, between 0 and 1.

    Raises
    ------
    ValueError
        Values of another shape, or that are not finite; a level that is none, such as 95.

    Examples
    --------
    >>> mean, half_width = interval([1.0, 2.0, 3.0])
    >>> mean, round(half_width, 2)
    (2.0, 2.48)
    """
    from scipy.stats import t

    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"values must hold one number for each of several seeds, got {values}")
    if not np.isfinite(values).all():
        raise ValueError(f"values must be finite, got {values}; leave out the runs that failed")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, such as 0.95, got {level!r}")
    standard_error = values.std(ddof=1) / len(values) ** 0.5
    return float(values.mean()), float(t.ppf((1 + level) / 2, len(values) - 1) * standard_error)
