"""Adam at a tiny, a good and a huge rate on the bundled digits, for a long time."""

from functools import partial

import numpy as np

from adamtut import problems, rules
from adamtut.experiments import runner

HIDDEN, BATCH = (16,), 16
NOTED = (10, 100, 1000, 10_000, 50_000)
SETTINGS = [{"lr": lr} for lr in (1e-5, 0.02, 0.3)]


def measure(lr, seed, device, data):
    """The loss on all data after each number of steps in `NOTED`."""
    network = problems.digits_network(HIDDEN)
    rng = np.random.default_rng(seed)
    x, state = network.start(rng), ()
    gradient = network.sampled(BATCH, rng)
    losses = []
    for t in range(1, max(NOTED) + 1):
        d, *state = rules.adam(gradient(x), t, *state)
        x = x - lr * d
        if t in NOTED:
            losses.append(float(network.value(x)))
    return {"steps": NOTED, "loss": losses}


run = partial(
    runner.run, "small_rate", measure, SETTINGS, seeds=20, data="scikit-learn digits, 64-16-10"
)

if __name__ == "__main__":
    runner.main(run)
