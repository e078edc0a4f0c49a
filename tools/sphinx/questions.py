"""`mistakes`: the two numbers that each classic mistake of a home-made Adam prints.

The page *Your question* has a test to paste, two steps from x = 0 with the gradients 3 and 1, at
the rate 1 and with eps = 0.1, so large that it shows where it stands. The table is computed here,
with Adams that have one mistake each.
"""

import zlib
from collections.abc import Callable, Iterator
from math import nan
from pathlib import Path

from tools.sphinx.tables import Table, table

EPS, BETA1, BETA2 = 0.1, 0.9, 0.999
GRADIENTS = (3.0, 1.0)

Update = Callable[..., tuple[float, float, float]]


def sqrt(v: float) -> float:
    """As NumPy has it, below 0 too."""
    return v**0.5 if v >= 0 else nan


def adam(
    *,
    power: Callable = lambda beta, t: beta**t,
    square: Callable = lambda g: g * g,
    root: Callable = lambda v, c2: sqrt(v / c2) + EPS,
    correct1: bool = True,
    correct2: bool = True,
    beta1: float = BETA1,
    beta2: float = BETA2,
    keep: Callable = lambda m, v, c1, c2: (m, v),
    first: Callable = lambda m, g: m,
    step: Callable = lambda x, d: x - d,
) -> Update:
    """Adam at the rate 1, with the parts of it that can be done wrong."""

    def update(x, g, m, v, t):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * square(g)
        c1 = 1 - power(beta1, t) if correct1 else 1.0
        c2 = 1 - power(beta2, t) if correct2 else 1.0
        d = first(m, g) / c1 / root(v, c2)
        return step(x, d), *keep(m, v, c1, c2)

    return update


MISTAKES: dict[str, Update] = {
    "none": adam(),
    "no correction at all": adam(correct1=False, correct2=False),
    "$m$ is not corrected": adam(correct1=False),
    "$v$ is not corrected": adam(correct2=False),
    "$t$ begins at 0": adam(power=lambda beta, t: beta ** (t - 1)),
    "$t$ begins at 2": adam(power=lambda beta, t: beta ** (t + 1)),
    "$t$ stays at 1": adam(power=lambda beta, t: beta),
    "$\\beta\\,t$ in the place of $\\beta^t$": adam(power=lambda beta, t: beta * t),
    "the corrected averages are stored": adam(keep=lambda m, v, c1, c2: (m / c1, v / c2)),
    "the betas are swapped": adam(beta1=BETA2, beta2=BETA1),
    "$\\epsilon$ inside the root": adam(root=lambda v, c2: sqrt(v / c2 + EPS)),
    "$\\epsilon$ beside the uncorrected root": adam(root=lambda v, c2: (sqrt(v) + EPS) / sqrt(c2)),
    "$\\epsilon$ added to the weight": adam(
        root=lambda v, c2: sqrt(v / c2), step=lambda x, d: x - d + EPS
    ),
    "no $\\epsilon$": adam(root=lambda v, c2: sqrt(v / c2)),
    "no root": adam(root=lambda v, c2: v / c2 + EPS),
    "$\\lvert g\\rvert$ in the place of $g^2$": adam(square=abs),
    "$g$ in the place of $m$": adam(correct1=False, first=lambda m, g: g),
    "$m$ and $v$ begin anew at each step": adam(keep=lambda m, v, c1, c2: (0.0, 0.0)),
    "the step is added": adam(step=lambda x, d: x + d),
}


def rows() -> Iterator[list[str]]:
    """Each mistake with what the test on the page prints."""
    for name, update in MISTAKES.items():
        x, m, v, printed = 0.0, 0.0, 0.0, []
        try:
            for t, g in enumerate(GRADIENTS, start=1):
                x, m, v = update(x, g, m, v, t)
                printed.append(str(round(x, 4)))
        except ZeroDivisionError:
            printed = ["division by 0", ""]
        yield [name, *printed]


class Mistakes(Table):
    def lines(self):
        return table(["Mistake", "After one step", "After two"], rows())


def setup(app):
    app.add_directive("mistakes", Mistakes)
    return {
        "parallel_read_safe": True,
        "parallel_write_safe": True,
        "env_version": zlib.crc32(Path(__file__).read_bytes()),
    }
