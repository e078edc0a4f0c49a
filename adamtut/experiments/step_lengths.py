"""How long Adam's steps are on the digits, at three rates and three sizes of batch, and why."""

from functools import partial

import numpy as np

from adamtut import problems, rules
from adamtut.experiments import runner

STEPS = 1000
SETTINGS = [
    {"lr": lr, "batch": batch}
    for lr, batch in ((1e-4, 64), (1e-3, 64), (1e-2, 64), (1e-3, 16), (1e-3, 256))
]


def without_trend(gradients, around=50):
    """Each weight's gradients over their root mean square in the steps around."""
    sums = np.cumsum(np.square(gradients, dtype=float), axis=0)
    sums = np.concatenate([np.zeros_like(sums[:1]), sums])
    n = np.arange(len(gradients))
    first, last = np.maximum(n - around, 0), np.minimum(n + around + 1, len(n))
    count = (last - first).reshape(-1, *[1] * (sums.ndim - 1))
    size = np.sqrt((sums[last] - sums[first]) / count)
    return np.divide(gradients, size, out=np.zeros_like(size), where=size > 1e-12)


def long_steps(gradients):
    """The share of Adam's steps longer than its rate."""
    state, long = (), 0
    for t, g in enumerate(gradients, start=1):
        d, *state = rules.adam(g, t, *state)
        long += int((np.abs(d) > 1).sum())
    return long / gradients.size


def likeness(gradients, lag):
    """The correlation of gradients so many steps apart; their mean counts as agreement."""
    return float((gradients[:-lag] * gradients[lag:]).sum() / (gradients**2).sum())


def measure(lr, batch, seed, device, data):
    """The share of steps longer than lr, the longest, and the farthest way, in units of lr.

    Then the share when the gradients are played to Adam again: with their trend divided out, with
    tossed signs, shuffled, backwards; and how alike they are, without trend, 1 and 30 steps apart.
    Weights that never had a gradient are left out: some pixels are black in every image.
    """
    network = problems.digits_network()
    rng = np.random.default_rng(seed)
    x = start = network.start(rng)
    gradient, state = network.sampled(batch, rng), ()
    gradients, long, longest = [], 0, 0.0
    for t in range(1, STEPS + 1):
        g = gradient(x)
        d, *state = rules.adam(g, t, *state)
        x = x - lr * d
        gradients.append(g)
        long += int((np.abs(d) > 1).sum())
        longest = max(longest, float(np.abs(d).max()))
    recorded = np.array(gradients)
    recorded = recorded[:, (recorded != 0).any(axis=0)]
    level, chance = without_trend(recorded), np.random.default_rng([seed, 1])
    return {
        "share": long / recorded.size,
        "longest": longest,
        "farthest": float(np.abs(x - start).max()) / lr,
        "level": long_steps(level),
        "tossed": long_steps(chance.choice([-1.0, 1.0], size=recorded.shape) * recorded),
        "shuffled": long_steps(chance.permuted(recorded, axis=0)),
        "backwards": long_steps(recorded[::-1]),
        "alike_1": likeness(level, 1),
        "alike_30": likeness(level, 30),
    }


run = partial(
    runner.run, "step_lengths", measure, SETTINGS, seeds=20, data="scikit-learn digits, 64-32-10"
)

if __name__ == "__main__":
    runner.main(run)
