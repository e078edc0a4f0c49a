"""Adam with and without a warm-up, on a small deep network for MNIST.

The images and their parts are those of `schedule_shapes`, the network has four hidden layers of 16.
In 200 batches of 16 the rate falls linearly, and there are seven peaks. *cold* begins with the
peak; *warm-up* spends its first tenth on a linear rise, and *long* its first half; *dip* has the
rise of a tenth in the middle of the run, so that there is as much of it, only not at the start;
*filled* begins with the peak, and with moments from 100 batches of which no step was made; of
these *filled v* keeps only v, so that its mean begins as it always does. Two more take the steps of
*filled v* apart, by a second Adam that sees the same gradients and began with the run: *young
length* has the direction of the filled v and the length of the other's step, *filled length* the
other's direction and the length of the step with the filled v.
"""

import functools
from functools import partial

import numpy as np

from adamtut import rules, schedules
from adamtut.experiments import runner
from adamtut.experiments.schedule_shapes import losses, networks

STEPS, BATCH, FILLING = 200, 16, 100
RATES = np.geomspace(5e-3, 0.32, 7)
TENTH = STEPS // 10
UP = schedules.linear_warmup(steps=TENTH)
FALL = schedules.linear_decay(steps=STEPS)
WARM = schedules.sequence(UP, TENTH, schedules.linear_decay(steps=STEPS - TENTH))
LONG = schedules.sequence(
    schedules.linear_warmup(steps=STEPS // 2), STEPS // 2, schedules.linear_decay(steps=STEPS // 2)
)
STARTS = {
    "cold": FALL,
    "warm-up": WARM,
    "long": LONG,
    "dip": schedules.sequence(schedules.constant(1.0), STEPS // 2, UP) * FALL,
    "filled": FALL,
    "filled v": FALL,
    "young length": FALL,
    "filled length": FALL,
}

# Begun with a filled v and an empty m.
OWN_MEAN = ("filled v", "young length", "filled length")


@functools.cache
def block(start, number, folder):
    """Test losses of ten seeds at each peak, run side by side, and how gradients have grown."""
    problem, _, test = networks(folder, (16, 16, 16, 16))
    generators = [np.random.default_rng(seed) for seed in range(10 * number, 10 * number + 10)]
    x = np.stack([problem.start(rng) for rng in generators])[:, None]
    x = np.repeat(x, len(RATES), axis=1)
    state: list = []
    ahead, sizes = 0, []

    def gradient(x):
        rows = np.array([rng.integers(problem.size, size=BATCH) for rng in generators])
        return problem.grad(x, rows[:, None])

    with np.errstate(over="ignore", invalid="ignore"):
        if start == "filled" or start in OWN_MEAN:
            ahead = FILLING
            for t in range(1, ahead + 1):
                _, *state = rules.adam(gradient(x), t, *state)
        young: list = []
        if start in OWN_MEAN:
            state[0] = 0.0
        for t in range(1, STEPS + 1):
            g = gradient(x)
            sizes.append(np.sqrt((g**2).mean(axis=-1)))
            d, *state = rules.adam(g, t + ahead, *state)
            if start in OWN_MEAN:  # the mean is as old as the run, and corrected so
                d = d * (1 - 0.9 ** (t + ahead)) / (1 - 0.9**t)
            if "length" in start:
                other, *young = rules.adam(g, t, *young)
                ratio = np.linalg.norm(other, axis=-1, keepdims=True) / np.linalg.norm(
                    d, axis=-1, keepdims=True
                )
                d = d * ratio if start == "young length" else other / ratio
            x = x - STARTS[start](t) * RATES[:, None] * d
    grown = np.mean(sizes[25:35], axis=0) / np.mean(sizes[:5], axis=0)
    return losses(test, x), grown


def measure(start, seed, device, data):
    """The test loss at each peak, and how gradients have grown by step 30."""
    loss, grown = (part[seed % 10] for part in block(start, seed // 10, data))
    return {"loss": loss.round(5).tolist(), "grown": grown.round(3).tolist()}


run = partial(
    runner.run,
    "schedule_warmup",
    measure,
    [{"start": start} for start in STARTS],
    seeds=20,
    data="MNIST, images of 7 x 7 pixels",
)

if __name__ == "__main__":
    runner.main(run)
