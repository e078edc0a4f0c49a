"""What figures, tables, data and schedules refuse: plausible input that was drawn wrong."""

import functools

import matplotlib as mpl
import numpy as np
import pytest

from adamtut import data, plot, problems, rules, schedules

mpl.use("Agg")

PATH = np.array([[-4.0, 2.0], [-2.0, 1.0], [-1.0, 0.0]])
STACK = np.stack([PATH, PATH + 1], axis=1)


@pytest.fixture
def ax():
    yield plot.plt.figure().add_subplot()
    plot.plt.close("all")


@pytest.fixture
def ax3d():
    yield plot.plt.figure().add_subplot(projection="3d")
    plot.plt.close("all")


def test_a_partial_of_a_rule_has_the_style_of_the_rule():
    bare = functools.partial(rules.adam, eps=0)
    assert plot.style(bare) == plot.style("adam")
    assert plot.style(functools.partial(bare, betas=(0.5, 0.5))) == plot.style("adam")


class Own:
    """A rule that is an object: it has no `__name__`."""

    def __call__(self, g, t):
        return (g,)

    def __repr__(self):
        return "Own()"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Own(), r"no style for 'Own\(\)'; expected one of gd, "),
        (lambda g, t: (g,), "no style for '<lambda>'; expected one of gd, "),
        (functools.partial(Own()), r"no style for 'Own\(\)'"),
    ],
)
def test_a_rule_without_a_name_has_no_style(rule, said):
    with pytest.raises(ValueError, match=said):
        plot.style(rule)


@pytest.mark.parametrize(
    ("draw", "error", "said"),
    [
        (
            lambda ax: plot.contour(ax, problems.plateau),
            ValueError,
            "plateau has 1 variables; only two can be drawn",
        ),
        (
            lambda ax: plot.contour(ax, problems.quadratic([1.0, 2.0, 3.0])),
            ValueError,
            "quadratic has 3 variables; only two can be drawn",
        ),
        (
            lambda ax: plot.contour(ax, problems.least_squares([[1.0, 0.0]], [1.0])),
            TypeError,
            "problem must be a Problem, which has a view, got FiniteSum",
        ),
        (
            lambda ax: plot.contour(ax, problems.ravine, PATH),
            TypeError,
            "paths must be a dict, name of a rule → numbers, got ndarray",
        ),
        (
            lambda ax: plot.contour(ax, problems.ravine, {"gd": STACK}),
            ValueError,
            r"paths\['gd'\] must have shape \(steps \+ 1, 2\), got \(3, 2, 2\)",
        ),
        (
            lambda ax: plot.contour(ax, problems.ravine, levels=[1.0, 2.0]),
            ValueError,
            r"levels must be a whole number of 1 or more, got \[1.0, 2.0\]",
        ),
        (
            lambda ax: plot.contour([ax, ax], problems.ravine),
            TypeError,
            "ax must be one Axes of matplotlib, got list",
        ),
        (
            lambda ax: plot.losses(np.array([ax, ax]), {"gd": [[1.0]]}),
            TypeError,
            "ax must be one Axes of matplotlib, got ndarray: take one of its 2",
        ),
        (lambda ax: plot.trace(plot.plt, PATH), TypeError, "ax must be one Axes .*, got module"),
        (
            lambda ax: plot.trace(ax, STACK),
            ValueError,
            r"path must have shape \(steps \+ 1, 2\), got \(3, 2, 2\)",
        ),
        (
            lambda ax: plot.trace(ax, PATH.T),
            ValueError,
            r"path must have shape \(steps \+ 1, 2\), got \(2, 3\)",
        ),
        (
            lambda ax: plot.surface(ax, problems.ravine),
            TypeError,
            'ax must be three-dimensional, made with projection="3d"',
        ),
        (
            lambda ax: plot.losses(ax, [[1.0, 2.0]]),
            TypeError,
            "curves must be a dict, name of a rule → numbers, got list",
        ),
        (
            lambda ax: plot.losses(ax, {"gd": [[1.0, 2.0]]}, x=[0, 1, 2]),
            ValueError,
            r"x must have shape \(2,\), as the points of curves\['gd'\], got \(3,\)",
        ),
        (
            lambda ax: plot.losses(ax, {"gd": np.empty((0, 3))}),
            ValueError,
            r"curves\['gd'\] must have shape \(seeds, points\), got \(0, 3\)",
        ),
        (
            lambda ax: plot.grid("one"),
            TypeError,
            "titles must be a list of strings, got the string 'one'",
        ),
        (lambda ax: plot.grid([]), ValueError, "titles must be one for each axes, got none"),
        (
            lambda ax: plot.grid(["one"], columns=0),
            ValueError,
            "columns must be a whole number of 1 or more, got 0",
        ),
    ],
)
def test_a_figure_says_what_it_cannot_draw(ax, draw, error, said):
    """Level lines of one variable were drawn as stripes, stacks of paths as crossed lines."""
    with pytest.raises(error, match=said):
        draw(ax)


@pytest.mark.parametrize("path", [STACK, PATH.T, PATH[0]], ids=["stack", "transposed", "point"])
def test_a_surface_says_which_path_it_can_draw(ax3d, path):
    with pytest.raises(ValueError, match=r"path must have shape \(steps \+ 1, 2\), got "):
        plot.surface(ax3d, problems.ravine, path)


def test_a_grid_takes_what_has_titles(ax):
    assert len(plot.grid({"one": 1, "two": 2})) == len(plot.grid(t for t in "ab")) == 2


@pytest.mark.parametrize(
    ("columns", "formats", "error", "said"),
    [
        ({"rule": "adam"}, "", TypeError, "column 'rule' must be a list of cells, got 'adam'"),
        ({"loss": 0.5}, ".2f", TypeError, "column 'loss' must be a list of cells, got 0.5"),
        ([[1, 2]], "", TypeError, "columns must be a dict, head → cells, got list"),
        ({1: [1, 2]}, "", TypeError, "a head must be a string, got 1"),
        ({"loss": [0.5]}, ".2x", ValueError, "column 'loss' cannot have the format '.2x': "),
    ],
)
def test_a_table_says_what_is_no_column(columns, formats, error, said):
    """The letters of a string were cells."""
    with pytest.raises(error, match=said):
        plot.table(columns, formats)


@pytest.mark.parametrize("load", [data.mnist, data.cifar10, data.airfoil])
def test_a_folder_that_is_not_there_is_named_and_nothing_is_downloaded(load, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "_cached", lambda *_: pytest.fail("it would be downloaded"))
    with pytest.raises(
        NotADirectoryError, match=r"folder must hold the published files, got '.*mn'"
    ):
        load(folder=tmp_path / "mn")


@pytest.mark.parametrize("lr", [0.1, None, [0.1]])
def test_what_is_no_schedule_is_refused_before_the_first_step(lr):
    with pytest.raises(TypeError, match="lr must be a schedule, a function of t, got "):
        schedules.lr_lambda(lr)
