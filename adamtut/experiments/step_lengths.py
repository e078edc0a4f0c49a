"""How long Adam's steps are on the digits, at three rates and three sizes of batch."""

from functools import partial

import numpy as np

from adamtut import problems, rules
from adamtut.experiments import runner

STEPS = 1000
SETTINGS = [
    {"lr": lr, "batch": batch}
    for lr, batch in ((1e-4, 64), (1e-3, 64), (1e-2, 64), (1e-3, 16), (1e-3, 256))
]


def measure(lr, batch, seed, device, data):
    """The share of steps longer than lr, the longest, and the farthest way, in units of lr.

    Weights that never had a gradient are left out: some pixels are black in every image.
    """
    network = problems.digits_network()
    rng = np.random.default_rng(seed)
    x = start = network.start(rng)
    gradient, state = network.sampled(batch, rng), ()
    moved, long, longest = np.zeros(x.size, dtype=bool), 0, 0.0
    for t in range(1, STEPS + 1):
        d, *state = rules.adam(gradient(x), t, *state)
        x = x - lr * d
        moved |= d != 0
        long += int((np.abs(d) > 1).sum())
        longest = max(longest, float(np.abs(d).max()))
    return {
        "share": long / (STEPS * int(moved.sum())),
        "longest": longest,
        "farthest": float(np.abs(x - start).max()) / lr,
    }


run = partial(
    runner.run, "step_lengths", measure, SETTINGS, seeds=20, data="scikit-learn digits, 64-32-10"
)

if __name__ == "__main__":
    runner.main(run)
