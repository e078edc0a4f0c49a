"""Draw the picture of the README and of the book's front page.

    python -m tools.chapter.readme_picture

Writes book/_static/readme.png. Everything in it comes from `adamtut`; run it again after a
change of the rules or of the book's style.
"""

from dataclasses import replace

import matplotlib
import numpy as np
from PIL import Image

from adamtut import descend, plot, problems, rules
from tools.book import BOOK

PICTURE = BOOK / "_static" / "readme.png"
RATES = {"gd": 0.45, "momentum": 0.04, "adam": 0.3}
TURN = np.array([[1, -1], [1, 1]]) / np.sqrt(2)  # by 45°


def draw() -> matplotlib.figure.Figure:
    plot.use_style()
    straight = problems.ravine
    turned = replace(
        problems.rotated_ravine,
        start=TURN @ straight.start,
        view=((-5.6, 2.4), (-5.0, 1.0)),
    )
    paths, paths_turned = walk(straight), walk(turned)

    # What the caption says: these two do not see the turn, Adam does.
    for name in ("gd", "momentum"):
        np.testing.assert_allclose(paths_turned[name], paths[name] @ TURN.T, atol=1e-12)
    assert np.abs(paths_turned["adam"] - paths["adam"] @ TURN.T).max() > 1

    left, right = plot.grid(
        ["A ravine", "The same ravine, turned by 45°"],
        columns=2,
        sharex=False,
        sharey=False,
        figsize=(9.0, 3.7),
    )
    plot.contour(left, straight, paths).set_aspect("equal")
    plot.contour(right, turned, paths_turned).set_aspect("equal")
    left.legend(loc="lower right")
    return left.figure


def walk(problem: problems.Problem) -> dict[str, np.ndarray]:
    return {
        name: descend(getattr(rules, name), problem.grad, problem.start, lr, steps=60)
        for name, lr in RATES.items()
    }


if __name__ == "__main__":
    matplotlib.use("Agg")
    draw().savefig(PICTURE, dpi=160)
    # 256 colours look the same and weigh a third.
    Image.open(PICTURE).convert("RGB").quantize(256).save(PICTURE, optimize=True)
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")
