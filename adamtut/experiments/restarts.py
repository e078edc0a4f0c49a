"""SGDR against schedules that know how long they have, and against some that do not.

MNIST, shrunk to 7 x 7 pixels: momentum, beta = 0.9, trains a network of 16 hidden tanh units on
batches of 8, drawn from 50,000 images. Time is counted in units of 200 steps. Runs of seven units
are also made with 224 images, which are then seen fifty times. *sgdr* has cycles of 1, 2 and 4
units, and may also be stopped after two of them. *triangles* rises and falls linearly once a unit,
from a hundredth of the rate. *step decay* is cut to a fifth after 30, 60 and 80 per cent of the
seven units, as that of Zagoruyko & Komodakis. *cosine* and *linear* fall to zero once, in as many
units as they are given. *branches* has a constant rate, the trunk; by the end of units 1, 3 and 7 a
fifth of all that has been spent is a linear fall from it, whose weights are handed in and then left
behind. *averaged* has a constant rate throughout, and hands in the mean of its last fifth.

All may try the same eight rates (lower ones for few images), on four seeds and on validation
images; the rate with the lowest loss at the end by the geometric mean (for *branches* at the end of
the last one) is then run with the seeds of the result and judged on 1,500 test images. `curve` is
the test loss at half units as far as a run goes, of short ones at their end.
"""

from functools import cache, partial

import numpy as np

from adamtut import problems, rules, schedules
from adamtut.experiments import runner
from adamtut.experiments.schedule_shapes import shrunk

UNIT, BATCH, UNITS = 200, 8, 7
TUNING_SEEDS = range(1000, 1004)
# How long the trunk and the fall of each branch are.
BRANCHES = {1: (0.8, 0.2), 3: (2.2, 0.6), 7: (4.8, 1.4)}
MANY, FEW = 50_000, 224
# A few images, seen often, are learnt by heart at rates that are good for many.
RATES = {MANY: np.geomspace(0.006, 0.1, 8), FEW: np.geomspace(0.0012, 0.02, 8)}
SETTINGS = [
    {"name": name, "units": units, "images": images}
    for images in (MANY, FEW)
    for name, lengths in (
        ("cosine", (1, 3, 7)),
        ("linear", (3, 7)),
        ("branches", (1, 3, 7)),
        ("step decay", (7,)),
        ("sgdr", (3, 7)),
        ("triangles", (3, 7)),
        ("averaged", (7,)),
    )
    for units in lengths
    if images == MANY or units == UNITS
]


def schedule(name: str, units: int) -> tuple[schedules.Schedule, int]:
    """The factor of the rate, and how many steps it is run for."""
    steps = units * UNIT
    if name == "cosine":
        return schedules.cosine(steps=steps), steps
    if name == "linear":
        return schedules.linear_decay(steps=steps), steps
    if name == "sgdr":
        return schedules.sgdr(period=UNIT, mult=2), steps
    if name == "averaged":
        return schedules.constant(1.0), steps
    if name == "triangles":
        return schedules.triangular(period=UNIT, low=0.01), steps
    if name == "branches":
        trunk, fall = (round(part * UNIT) for part in BRANCHES[units])
        falling = schedules.linear_decay(steps=fall)
        return schedules.sequence(schedules.constant(1.0), trunk, falling), trunk + fall
    if name == "step decay":
        made = schedules.constant(0.008)
        for factor, share in ((0.04, 0.2), (0.2, 0.3), (1.0, 0.3)):
            made = schedules.sequence(schedules.constant(factor), round(share * steps), made)
        return made, steps
    raise ValueError(f"unknown schedule {name!r}")


@cache
def networks(folder) -> dict[int | str, problems.Network]:
    """The network with the images that train, by their number, that tune and that judge."""
    images, labels = shrunk("train", folder)
    test_images, test_labels = shrunk("test", folder)
    mean, deviation = images[:MANY].mean(), images[:MANY].std()
    parts: dict[int | str, tuple] = {
        MANY: (images[:MANY], labels[:MANY]),
        FEW: (images[:FEW], labels[:FEW]),
        "tune": (images[MANY : MANY + 1_500], labels[MANY : MANY + 1_500]),
        "judge": (test_images[:1_500], test_labels[:1_500]),
    }
    return {
        part: problems.network((x - mean) / deviation, y, hidden=(16,))
        for part, (x, y) in parts.items()
    }


def train(factor, images, rates, seeds, points, part, folder, averaged=False):
    """Losses after some of the steps, shape (points, seeds, rates), or of the mean of a fifth."""
    network, judge = networks(folder)[images], networks(folder)[part]
    generators = [np.random.default_rng(seed) for seed in seeds]
    start = np.stack([network.start(rng) for rng in generators])
    x, state, losses = np.repeat(start[:, None], len(rates), axis=1), (), []
    total, totals = np.zeros_like(x), {}  # of the points so far; where a mean may begin or end
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(1, max(points) + 1):
            rows = np.array([rng.integers(network.size, size=BATCH) for rng in generators])
            g = network.grad(x, np.repeat(rows[:, None], len(rates), axis=1))
            d, *state = rules.momentum(g, t, *state, beta=0.9)
            x = x - factor(t) * rates[:, None] * d
            total = total + x
            if t % (UNIT // 10) == 0:
                totals[t] = total
            if t in points:
                first = t - t // 5
                answer = (total - totals[first]) / (t - first) if averaged else x
                losses.append([[judge.value(run) for run in runs] for runs in answer])
    found = np.array(losses)
    return np.where(np.isfinite(found), found, np.inf)


def best(factor, steps, images, folder, averaged=False) -> int:
    """The number of the rate that ends lowest on the tuning seeds."""
    rates = RATES[images]
    (losses,) = train(factor, images, rates, TUNING_SEEDS, (steps,), "tune", folder, averaged)
    return int(np.log(losses).mean(axis=0).argmin())


@cache
def tuned(name, units, images, folder) -> int:
    """The number of the best rate; one trunk has one rate."""
    factor, steps = schedule(name, UNITS if name == "branches" else units)
    return best(factor, steps, images, folder, name == "averaged")


@cache
def curves(name, units, images, seeds, folder):
    """Test losses of all seeds, run side by side, shape (points, seeds)."""
    factor, steps = schedule(name, units)
    whole = units == UNITS and name != "branches"
    points = range(UNIT // 2, steps + 1, UNIT // 2) if whole else (steps,)
    rate = RATES[images][[tuned(name, units, images, folder)]]
    averaged = name == "averaged"
    return train(factor, images, rate, range(seeds), points, "judge", folder, averaged)[..., 0]


def measure(name, units, images, seed, device, data, seeds=24):
    """The test loss along a run at the best rate, and where in the range that rate lies."""
    number = tuned(name, units, images, data)
    losses = curves(name, units, images, max(seeds, seed + 1), data)[:, seed].round(5).tolist()
    return {
        "lr": float(RATES[images][number]),
        "place": number / (len(RATES[images]) - 1),
        "curve": losses,
    }


run = partial(
    runner.run, "restarts", measure, SETTINGS, seeds=24, data="MNIST, shrunk to 7 x 7 pixels"
)

if __name__ == "__main__":
    runner.main(run)
