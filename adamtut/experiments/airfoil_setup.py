"""Adam on the airfoil data in two set-ups: what changes the loss, one difference at a time.

Dive into Deep Learning trains its own Adam for two epochs on half the squared error from an
intercept of zero, and the framework's for four on the squared error from a random intercept.
"""

from functools import partial

import numpy as np

from adamtut import rules
from adamtut.experiments import airfoil, runner

LR = 0.01
OWN = {"epochs": 2, "scale": 1, "intercept": "zero"}
FRAMEWORK = {"epochs": 4, "scale": 2, "intercept": "random"}
SETTINGS = [OWN, *(OWN | {name: FRAMEWORK[name]} for name in OWN), FRAMEWORK]


def measure(epochs, scale, intercept, seed, device, data):
    """Final half squared error; the gradients are `scale` times those of it."""
    problem = airfoil.regression(data)
    rng = np.random.default_rng(seed)
    x, state, t = 0.01 * rng.normal(size=problem.dim), (), 0
    x[-1] = rng.uniform(-1, 1) / np.sqrt(problem.dim - 1) if intercept == "random" else 0.0
    for _ in range(epochs):
        for rows in rng.permutation(airfoil.ROWS).reshape(-1, airfoil.BATCH):
            t += 1
            d, *state = rules.adam(scale * problem.grad(x, rows), t, *state)
            x = x - LR * d
    return {"loss": float(problem.value(x))}


run = partial(
    runner.run,
    "airfoil_setup",
    measure,
    SETTINGS,
    seeds=200,
    data="NASA airfoil self-noise, first 1,500 rows, standardised",
)

if __name__ == "__main__":
    runner.main(run)
