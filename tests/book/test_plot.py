"""The figures draw what they are given, into the axes they are given, in one style."""

import itertools
import subprocess
import sys

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.colors import to_hex, to_rgba

from adamtut import descend, plot, problems, rules
from adamtut.registry import RULES

PATH = np.array([[-5.0, 2.0], [-3.0, -1.0], [-1.0, 0.5], [0.0, 0.0]])


@pytest.fixture
def ax():
    yield plt.figure().add_subplot()
    plt.close("all")


@pytest.fixture
def ax3d():
    yield plt.figure().add_subplot(projection="3d")
    plt.close("all")


@pytest.fixture(autouse=True)
def _own_settings():
    with matplotlib.rc_context():
        yield
    plt.close("all")


def drawn(ax):
    """Every line that is drawn, as points (n, 2)."""
    return [line.get_xydata() for line in ax.lines]


def is_drawn(ax, points):
    return any(
        line.shape == np.shape(points) and np.array_equal(line, points) for line in drawn(ax)
    )


# One style.


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_a_style_and_a_label(name):
    look = plot.style(name)
    assert look == plot.style(getattr(rules, name))
    assert set(look) == {"color", "linestyle", "label"}
    assert look["label"] == plot.LABELS[name]


def test_styles_and_labels_name_the_same_rules():
    assert list(plot.STYLES) == list(plot.LABELS)
    assert len(set(plot.LABELS.values())) == len(plot.LABELS)


def test_any_two_styles_differ():
    looks = {name: (to_rgba(color), str(line)) for name, (color, line) in plot.STYLES.items()}
    for one, other in itertools.combinations(looks, 2):
        assert looks[one] != looks[other], (one, other)


def test_style_can_be_overridden():
    assert plot.style("adam", label="ours", alpha=0.5) == plot.style("adam") | {
        "label": "ours",
        "alpha": 0.5,
    }


@pytest.mark.parametrize("unknown", ["adma", lambda g, t: (g,)])
def test_an_unknown_rule_has_no_style(unknown):
    with pytest.raises(ValueError, match=r"no style for '(adma|<lambda>)'; expected one of gd, "):
        plot.style(unknown)


def test_use_style_draws_without_a_warning():
    plot.use_style()
    assert plt.rcParams["figure.facecolor"] == "white"
    figure = plt.figure()
    plot.contour(figure.add_subplot(), problems.ravine, {"adam": PATH})
    figure.canvas.draw()


# contour and trace


@pytest.mark.parametrize(
    "problem",
    [problems.ravine, problems.himmelblau, problems.rosenbrock, problems.saddle],
    ids=lambda p: p.name,
)
def test_contour_draws_the_view_and_every_minimum(ax, problem):
    assert plot.contour(ax, problem) is ax
    assert (ax.get_xlim(), ax.get_ylim()) == problem.view
    assert len(ax.lines) == 1
    assert is_drawn(ax, problem.minima)
    assert ax.get_xlabel() and ax.get_ylabel()


@pytest.mark.parametrize("levels", [5, 14])
def test_contour_draws_so_many_level_lines_at_their_height(ax, levels):
    problem = problems.ravine
    plot.contour(ax, problem, levels=levels)
    filled, lines = ax.collections
    assert len(lines.levels) == levels
    assert len(filled.levels) == levels + 1
    assert (np.diff(lines.levels, 2) > 0).all()  # denser near the minimum
    for level, path in zip(lines.levels[:-1], lines.get_paths()[:-1], strict=True):
        heights = problem.value(path.vertices)
        np.testing.assert_allclose(heights, level, atol=0.01 * lines.levels[-1])


def test_contour_draws_every_path_in_the_style_of_its_rule(ax):
    paths = {
        name: descend(getattr(rules, name), problems.ravine.grad, [-5.0, 2.0], 0.1, 5)
        for name in ("gd", "adam")
    }
    plot.contour(ax, problems.ravine, paths)
    labelled = {line.get_label(): line for line in ax.lines if line.get_label()[0] != "_"}
    assert list(labelled) == ["gradient descent", "Adam"]
    for name, path in paths.items():
        line = labelled[plot.LABELS[name]]
        np.testing.assert_array_equal(line.get_xydata(), path)
        assert line.get_color() == plot.STYLES[name][0]
    assert len(ax.lines) == 1 + 2 * 2  # the minimum; a line and a ring for each path


def test_contour_labels_a_path_without_a_style_with_its_name(ax):
    plot.contour(ax, problems.ravine, {"rate 0.5": PATH})
    (line,) = (line for line in ax.lines if line.get_label() == "rate 0.5")
    assert line.get_color() == plot.INK
    np.testing.assert_array_equal(line.get_xydata(), PATH)


def test_contour_leaves_out_minima_that_are_not_there(ax):
    problem = problems.Problem(
        "slope",
        lambda x: np.asarray(x)[..., 0],
        lambda x: np.ones_like(x),
        np.empty((0, 2)),
        ((0.0, 1.0), (0.0, 1.0)),
        np.zeros(2),
    )
    plot.contour(ax, problem)
    assert len(ax.lines) == 0


def test_trace_draws_a_line_with_a_ring_at_the_start(ax):
    assert plot.trace(ax, PATH.tolist(), color="#123456", label="one") is ax
    line, ring = ax.lines
    np.testing.assert_array_equal(line.get_xydata(), PATH)
    np.testing.assert_array_equal(ring.get_xydata(), PATH[:1])
    assert line.get_marker() == "o" and line.get_color() == "#123456"
    assert ring.get_markeredgecolor() == "#123456"


def test_what_the_caller_says_about_a_line_wins(ax):
    plot.trace(ax, PATH, marker="", linewidth=3.0)
    assert ax.lines[0].get_marker() in ("", "None") and ax.lines[0].get_linewidth() == 3.0


# surface


def test_surface_draws_the_function_with_a_path_upon_it(ax3d):
    problem = problems.ravine
    assert plot.surface(ax3d, problem, PATH, color="#123456") is ax3d
    (line,) = ax3d.lines
    x, y, z = line.get_data_3d()
    np.testing.assert_array_equal(np.column_stack([x, y]), PATH)
    np.testing.assert_allclose(z, problem.value(PATH))
    assert to_hex(line.get_color()) == "#123456"
    assert len(ax3d.collections) == 2  # a surface and a wire frame
    x_limits, y_limits = np.array(ax3d.get_xlim()), np.array(ax3d.get_ylim())
    for limits, side in ((x_limits, problem.view[0]), (y_limits, problem.view[1])):
        assert limits[0] <= side[0] and limits[1] >= side[1]


def test_surface_without_a_path(ax3d):
    plot.surface(ax3d, problems.sphere)
    assert len(ax3d.lines) == 0
    ax3d.figure.canvas.draw()


# losses


def test_losses_draw_the_median_and_the_whole_range(ax):
    adam = np.array([[4.0, 3.0, 2.0], [5.0, 1.0, 0.0], [9.0, 2.0, 1.0]])
    curves = {"adam": adam, "ours": (adam + 1).tolist()}
    assert plot.losses(ax, curves) is ax
    assert [line.get_label() for line in ax.lines] == ["Adam", "ours"]
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[0, 5], [1, 2], [2, 1]])
    np.testing.assert_array_equal(ax.lines[1].get_xydata(), [[0, 6], [1, 3], [2, 2]])
    bands = [c for c in ax.collections if isinstance(c, FillBetweenPolyCollection)]
    for band, values in zip(bands, (adam, adam + 1), strict=True):
        edge = {tuple(v) for v in band.get_paths()[0].vertices}
        assert edge >= {(i, v) for i in range(3) for v in (values[:, i].min(), values[:, i].max())}
        assert {y for _, y in edge} <= {*values.min(axis=0), *values.max(axis=0)}
    assert ax.lines[0].get_color() == plot.STYLES["adam"][0]
    assert ax.get_ylabel() == "loss"


def test_a_band_has_the_colour_of_its_line(ax):
    plot.losses(ax, {name: [[2.0, 1.0], [3.0, 2.0]] for name in ("gd", "adam", "a", "b")})
    for line, band in zip(ax.lines, ax.collections, strict=True):
        np.testing.assert_allclose(band.get_facecolor()[0][:3], to_rgba(line.get_color())[:3])
        assert band.get_facecolor()[0][3] < 0.5


def test_losses_take_positions_and_a_look(ax):
    plot.losses(ax, {"gd": [[2.0, 1.0]]}, x=[10, 20], color="#123456", linewidth=3.0)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[10, 2], [20, 1]])
    assert ax.lines[0].get_color() == "#123456" and ax.lines[0].get_linewidth() == 3.0


@pytest.mark.parametrize("values", [[2.0, 1.0], 1.0, np.zeros((2, 3, 4))], ids=str)
def test_losses_without_seeds_are_refused(ax, values):
    shape = str(np.shape(values)).replace("(", r"\(").replace(")", r"\)")
    message = rf"curves\['adam'\] must have shape \(seeds, points\), got {shape}"
    with pytest.raises(ValueError, match=message):
        plot.losses(ax, {"adam": values})


# grid


def test_a_grid_hides_the_axes_it_does_not_need():
    axes = plot.grid(["one", "two", "three", "four"], columns=3)
    assert axes.shape == (4,)
    assert [ax.get_title() or ax.get_title(loc="left") for ax in axes] == [
        "one",
        "two",
        "three",
        "four",
    ]
    everything = axes[0].figure.axes
    assert len(everything) == 6
    assert [ax.axison for ax in everything] == [True] * 4 + [False] * 2


def test_a_grid_shares_its_scales_and_grows_with_its_rows():
    two_rows = plot.grid(["1", "2", "3"], columns=2, height=2.0)
    assert two_rows[0].figure.get_size_inches().tolist() == [7.0, 4.0]
    two_rows[0].set(xlim=(3, 4), ylim=(5, 6))
    assert two_rows[2].get_xlim() == (3, 4) and two_rows[2].get_ylim() == (5, 6)


def test_a_grid_passes_on_what_subplots_takes():
    axes = plot.grid(["1", "2"], columns=2, sharex=False, figsize=(3.0, 2.0))
    axes[0].set(xlim=(3, 4), ylim=(5, 6))
    assert axes[1].get_xlim() != (3, 4) and axes[1].get_ylim() == (5, 6)
    assert axes[0].figure.get_size_inches().tolist() == [3.0, 2.0]


def test_drawing_opens_no_figure_of_its_own(ax, ax3d):
    before = plt.get_fignums()
    plot.contour(ax, problems.ravine, {"gd": PATH})
    plot.surface(ax3d, problems.ravine)
    plot.losses(ax, {"gd": [[1.0, 2.0]]})
    assert plt.get_fignums() == before


def test_importing_plot_changes_no_setting():
    code = (
        "import matplotlib; matplotlib.use('Agg'); before = dict(matplotlib.rcParams)\n"
        "import adamtut.plot; assert dict(matplotlib.rcParams) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rules_that_share_a_figure_are_told_apart_in_grey():
    together = ("gd", "momentum", "nesterov", "adam")
    assert len({str(plot.STYLES[name][1]) for name in together}) == len(together)
