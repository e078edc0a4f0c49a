"""The figures and tables of the book: one style, one colour and line style per optimizer.

Every function draws into the axes it is given and returns them. Colours are told apart by
readers with a colour-vision deficiency, line styles by readers of a grey print.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

try:
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
except ImportError as error:
    raise ImportError(
        "adamtut.plot needs matplotlib: install adamtut with its 'book' extra"
    ) from error

from adamtut.checks import check_whole
from adamtut.problems import Problem
from adamtut.tables import table as table

INK = "#1f2430"
PALE = "#9aa3b2"
ACCENT = "#d55e00"

_solid, _dotted, _dashed, _dashdot = "-", (0, (1, 1.2)), (0, (5, 1.5)), (0, (5, 1.5, 1, 1.5))
_dashdotdot = (0, (7, 1.5, 1, 1.5, 1, 1.5))
# Of every rule; and of AdamW and SGDW, which are Adam and momentum with the loop's weight decay.
STYLES: dict[str, tuple[str, Any]] = {
    "gd": ("#5b6470", _dashdotdot),
    "momentum": ("#0072b2", _dashed),
    "sgdw": ("#0072b2", _dashdotdot),
    "ema_momentum": ("#0072b2", _dotted),
    "nesterov": ("#3d8bc4", _dashdot),
    "adagrad": ("#b35a8b", _dashed),
    "rmsprop": ("#009e73", _dashdot),
    "adadelta": ("#8c6d1f", _dotted),
    "adam": ("#d55e00", _solid),
    "adamw": ("#00695c", _dashed),
    "adamax": ("#b87a00", _dashed),
    "yogi": ("#7b3294", _solid),
    "amsgrad": ("#a50f15", _dashdot),
    "nadam": ("#1b9aaa", _dashed),
    "radam": ("#6a8d2f", _dotted),
    "powersign": ("#4b3f9e", _dashdot),
    "addsign": ("#c2185b", _dotted),
    "lion": ("#6d4c41", _dashdotdot),
}
LABELS = {
    "gd": "gradient descent",
    "momentum": "momentum",
    "sgdw": "SGDW",
    "ema_momentum": "momentum (average)",
    "nesterov": "Nesterov",
    "adagrad": "AdaGrad",
    "rmsprop": "RMSProp",
    "adadelta": "Adadelta",
    "adam": "Adam",
    "adamw": "AdamW",
    "adamax": "AdaMax",
    "yogi": "Yogi",
    "amsgrad": "AMSGrad",
    "nadam": "NAdam",
    "radam": "RAdam",
    "powersign": "PowerSign",
    "addsign": "AddSign",
    "lion": "Lion",
}


def use_style() -> None:
    """Set the book's matplotlib style, with sharp figures in a notebook.

    Figures keep a white ground in dark mode: a card is read more easily than inverted colours.
    """
    plt.rcParams.update(
        {
            "figure.figsize": (7.0, 3.6),
            "figure.dpi": 100,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "savefig.facecolor": "white",
            "font.size": 10,
            "axes.titlesize": 10.5,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "axes.edgecolor": PALE,
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "lines.linewidth": 1.8,
            "legend.frameon": False,
            "legend.fontsize": 9,
            "legend.handlelength": 2.6,
            "image.cmap": "Blues",
        }
    )
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:  # outside a notebook there is nothing to sharpen
        return
    from IPython.core.getipython import get_ipython

    if get_ipython() is not None:
        set_matplotlib_formats("retina")


def style(rule: str | Callable, **overrides: Any) -> dict[str, Any]:
    """Keyword arguments for `ax.plot`: the colour, line style and label of a rule.

    Parameters
    ----------
    rule
        Its name, the rule itself, or a partial of it.

    Raises
    ------
    ValueError
        A rule that has no style; add a row to `STYLES`.

    Examples
    --------
    >>> style("adam")["color"], style("adam", label="ours")["label"]
    ('#d55e00', 'ours')
    """
    while isinstance(rule, functools.partial):
        rule = rule.func
    name = rule if isinstance(rule, str) else getattr(rule, "__name__", repr(rule))
    if name not in STYLES:
        raise ValueError(f"no style for {name!r}; expected one of {', '.join(STYLES)}")
    color, linestyle = STYLES[name]
    return {"color": color, "linestyle": linestyle, "label": LABELS[name]} | overrides


def _check_axes(ax, kind="contourf"):
    if not isinstance(ax, Axes):
        hint = f": take one of its {ax.size}" if isinstance(ax, np.ndarray) else ""
        raise TypeError(f"ax must be one Axes of matplotlib, got {type(ax).__name__}{hint}")
    if not hasattr(ax, kind):
        raise TypeError('ax must be three-dimensional, made with projection="3d"')


def _check_plane(problem):
    if not isinstance(problem, Problem):
        raise TypeError(
            f"problem must be a Problem, which has a view, got {type(problem).__name__}"
        )
    if len(problem.start) != 2:
        raise ValueError(
            f"{problem.name} has {len(problem.start)} variables; only two can be drawn"
        )


def _in_the_plane(path: ArrayLike, name: str = "path") -> NDArray:
    points = np.asarray(path)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{name} must have shape (steps + 1, 2), got {points.shape}")
    return points


def contour(
    ax: Axes, problem: Problem, paths: Mapping[str, ArrayLike] | None = None, *, levels: int = 14
) -> Axes:
    """Draw level lines of a problem of two variables, its minima, and paths over them.

    Parameters
    ----------
    problem
        Its `view` is the window.
    paths
        Rule name → path of shape (steps + 1, 2). A name without a style of its own is drawn
        in the plain ink colour and labelled with itself.
    levels
        Number of lines; they lie closer together near the minimum.

    Raises
    ------
    TypeError, ValueError
        An array of axes, a problem that has not two variables, paths that are no mapping or of
        another shape, levels that are no whole number above 0.

    Examples
    --------
    >>> from adamtut import problems
    >>> ax = contour(plt.figure().add_subplot(), problems.ravine)
    """
    _check_axes(ax)
    _check_plane(problem)
    _check_mapping("paths", {} if paths is None else paths)
    check_whole("levels", levels)
    (x_low, x_high), (y_low, y_high) = problem.view
    x, y = np.linspace(x_low, x_high, 161), np.linspace(y_low, y_high, 161)
    z = problem.value(np.stack(np.meshgrid(x, y), axis=-1))
    heights = z.min() + (z.max() - z.min()) * np.linspace(0, 1, levels + 1)[1:] ** 3
    ax.contourf(x, y, z, [z.min(), *heights], cmap="Blues", alpha=0.35)
    ax.contour(x, y, z, heights, colors=PALE, linewidths=0.6)
    if len(problem.minima):
        ax.plot(*problem.minima.T, "*", color=INK, markersize=10, zorder=4)
    for name, path in (paths or {}).items():
        look = style(name) if name in STYLES else {"color": INK, "label": name}
        trace(ax, _in_the_plane(path, f"paths[{name!r}]"), **look)
    ax.set(xlim=(x_low, x_high), ylim=(y_low, y_high), xlabel=r"$\theta_1$", ylabel=r"$\theta_2$")
    return ax


def trace(ax: Axes, path: ArrayLike, **line: Any) -> Axes:
    """Draw one path of shape (steps + 1, 2): a line with a dot per step and a ring at the start.

    Examples
    --------
    >>> ax = trace(plt.figure().add_subplot(), [[0, 0], [1, 1]], color=INK)
    """
    _check_axes(ax)
    x, y = _in_the_plane(path).T
    look: dict[str, Any] = {"linewidth": 1.4, "marker": "o", "markersize": 2.8, "zorder": 3}
    ax.plot(x, y, **(look | line))
    ax.plot(x[0], y[0], "o", color="white", markeredgecolor=line.get("color", INK), zorder=5)
    return ax


def surface(ax: Any, problem: Problem, path: ArrayLike | None = None, **line: Any) -> Any:
    """Draw a problem of two variables as a surface over the plane, with a path upon it.

    Parameters
    ----------
    ax
        Three-dimensional axes, ``projection="3d"``.
    path
        Shape (steps + 1, 2).

    Examples
    --------
    >>> from adamtut import problems
    >>> ax = surface(plt.figure().add_subplot(projection="3d"), problems.sphere)
    """
    _check_axes(ax, "plot_surface")
    _check_plane(problem)
    (x_low, x_high), (y_low, y_high) = problem.view
    x, y = np.meshgrid(np.linspace(x_low, x_high, 61), np.linspace(y_low, y_high, 61))
    z = problem.value(np.stack([x, y], axis=-1))
    ax.plot_surface(x, y, z, cmap="Blues_r", alpha=0.55, linewidth=0, antialiased=True)
    ax.plot_wireframe(x, y, z, color=PALE, linewidth=0.3, rcount=16, ccount=16)
    if path is not None:
        path = _in_the_plane(path)
        height = problem.value(path)
        ax.plot(*path.T, height, zorder=9, **({"marker": "o", "markersize": 3} | line))
    ax.set(xlabel=r"$\theta_1$", ylabel=r"$\theta_2$")
    return ax


def losses(
    ax: Axes, curves: Mapping[str, ArrayLike], x: ArrayLike | None = None, **line: Any
) -> Axes:
    """Draw loss curves: the median over seeds, and a band from the smallest to the largest.

    Parameters
    ----------
    curves
        Rule name (or any label) → losses of shape (seeds, points).
    x
        Horizontal positions, shape (points,); the index by default.

    Examples
    --------
    >>> ax = losses(plt.figure().add_subplot(), {"gd": [[2.0, 1.0], [3.0, 1.5]]})
    """
    _check_axes(ax)
    _check_mapping("curves", curves)
    for name, values in curves.items():
        values = np.asarray(values)
        if values.ndim != 2 or len(values) == 0:
            raise ValueError(
                f"curves[{name!r}] must have shape (seeds, points), got {values.shape}"
            )
        across: NDArray = np.arange(values.shape[1]) if x is None else np.asarray(x)
        if across.shape != values.shape[1:]:
            raise ValueError(
                f"x must have shape {values.shape[1:]}, as the points of curves[{name!r}], "
                f"got {across.shape}"
            )
        look = (style(name) if name in STYLES else {"label": name}) | line
        (middle,) = ax.plot(across, np.median(values, axis=0), **look)
        ax.fill_between(
            across,
            values.min(axis=0),
            values.max(axis=0),
            color=middle.get_color(),
            alpha=0.18,
            lw=0,
        )
    ax.set(ylabel="loss")
    return ax


def _check_mapping(name, given):
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{name} must be a dict, name of a rule → numbers, got {type(given).__name__}"
        )


def grid(
    titles: Iterable[str], columns: int = 3, *, height: float = 2.6, **subplots: Any
) -> NDArray:
    """Make small multiples: a flat array of axes with the given titles, shared scales.

    Examples
    --------
    >>> grid(["one", "two"], columns=2).shape
    (2,)
    """
    if isinstance(titles, str):
        raise TypeError(f"titles must be a list of strings, got the string {titles!r}")
    titles = list(titles)
    if not titles:
        raise ValueError("titles must be one for each axes, got none")
    check_whole("columns", columns)
    rows = -(-len(titles) // columns)
    options: dict[str, Any] = {"sharex": True, "sharey": True, "figsize": (7.0, height * rows)}
    _, axes = plt.subplots(rows, columns, squeeze=False, **(options | subplots))
    for ax, title in zip(axes.flat, titles, strict=False):
        ax.set_title(title)
    for ax in axes.flat[len(titles) :]:
        ax.set_axis_off()
    return axes.flat[: len(titles)]
