"""Yogi on the airfoil data, in the set-up and on the batches of `airfoil`, started in four ways.

*paper* is algorithm 2 with v from a large first batch: the mean, over a hundred batches at the
start, of the squared gradient. *small* begins at 1e-6 instead, as libraries do. *corrected* also
divides m and v by 1 - beta^t, and *text* does so from v = 0, as Dive into Deep Learning has it.
"""

from functools import partial

import numpy as np

from adamtut import rules
from adamtut.experiments import airfoil, runner

FIRST = 100  # batches
SETTINGS = [
    {"start": start, "lr": lr}
    for start in ("paper", "small", "corrected", "text")
    for lr in (0.003, 0.01, 0.03, 0.1)
]


def measure(start, lr, seed, device, data):
    """Final loss after two epochs."""
    problem = airfoil.regression(data)
    rng = np.random.default_rng(seed)
    x = 0.01 * rng.normal(size=problem.dim)
    rows = list(airfoil.batches(rng))
    if start == "paper":
        drawn = np.random.default_rng(1000 + seed).integers(
            problem.size, size=(FIRST, airfoil.BATCH)
        )
        v = (problem.grad(np.tile(x, (FIRST, 1)), drawn) ** 2).mean(axis=0)
    else:
        v = 0.0 if start == "text" else 1e-6
    state, corrected = (0.0, v), start in ("corrected", "text")
    for t, batch in enumerate(rows, start=1):
        d, *state = rules.yogi(problem.grad(x, batch), t, *state, corrected=corrected)
        x = x - lr * d
    return {
        "loss": float(problem.value(x)),
        "optimum": float(problem.value(problem.minima[0])),
    }


run = partial(
    runner.run,
    "airfoil_yogi",
    measure,
    SETTINGS,
    seeds=40,
    data="NASA airfoil self-noise, first 1,500 rows, standardised",
)

if __name__ == "__main__":
    runner.main(run)
