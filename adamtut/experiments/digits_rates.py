"""The loss of six rules at nineteen rates, with the seeds that choose a rate and those that judge.

A tanh network, 64-16-10, on scikit-learn's bundled digits; 150 steps on batches of 16 at a constant
rate. `losses` are the losses on all data after the last step, one for each of `rates`, three to a
power of ten. `lr` is the rate with the lowest mean loss over 40 choosing seeds, which are none of
the seeds of the result. A seed draws the start and the batches, the same for all rules and rates.
"""

import functools

import numpy as np

from adamtut import problems, rules
from adamtut.experiments import runner

STEPS, BATCH, SEEDS = 150, 16, 40
CHOOSING_SEEDS = range(1000, 1040)
RATES = 10.0 ** (np.arange(-15, 4) / 3)
FACTOR = {"adadelta": 1000.0}  # its rate multiplies a step that is a length already
CONTESTANTS = ("gd", "momentum", "nesterov", "rmsprop", "adadelta", "adam")
SETTINGS = [{"rule": rule} for rule in CONTESTANTS]

network = functools.cache(lambda: problems.digits_network(hidden=(16,)))


@functools.cache
def ends(name, seeds):
    """The losses after the last step, shape (rates, seeds); they are finite, as tanh is bounded."""
    digits, rule = network(), getattr(rules, name)
    generators = [np.random.default_rng(seed) for seed in seeds]
    start = np.stack([digits.start(rng) for rng in generators])
    lr = FACTOR.get(name, 1.0) * RATES[:, None, None]
    x, state = np.broadcast_to(start, (len(RATES), *start.shape)), ()
    for t in range(1, STEPS + 1):
        rows = np.stack([rng.integers(digits.size, size=BATCH) for rng in generators])
        d, *state = rule(digits.grad(x, rows), t, *state)
        x = x - lr * d
    return digits.value(x)


def measure(rule, seed, device, data):
    """The loss at each rate, and the rate that the choosing seeds chose."""
    factor = FACTOR.get(rule, 1.0)
    chosen = RATES[ends(rule, CHOOSING_SEEDS).mean(axis=1).argmin()]
    losses = ends(rule, range(SEEDS))[:, seed]
    return {
        "lr": float(factor * chosen),
        "rates": (factor * RATES).tolist(),
        "losses": losses.round(6).tolist(),
    }


run = functools.partial(
    runner.run,
    "digits_rates",
    measure,
    SETTINGS,
    seeds=SEEDS,
    data="scikit-learn digits, 64-16-10",
)

if __name__ == "__main__":
    runner.main(run)
