"""What the loss does in the steps after a warm restart, with and without a rise of the rate.

The network, images and units of `restarts`. *jump* is SGDR with cycles of 1, 2 and 4 units at the
rate that was tuned there. *rise* spends the first tenth of each cycle on a linear rise, has the
same eight rates to choose from on the same seeds, and falls in the rest of the cycle. *stay* keeps
the top rate of *jump* all the time: the floor that a restart leads back to. `curve` is the test
loss after the steps in `POINTS`.
"""

import functools
from functools import partial

from adamtut import schedules
from adamtut.experiments import restarts, runner
from adamtut.experiments.restarts import MANY, RATES, UNIT, UNITS

CYCLES = (1, 2, 4)
RESTARTS = (1 * UNIT, 3 * UNIT)
AFTER = (0, 1, 2, 3, 5, 7, 10, 14, 20, 30, 40, 60, 80)
# A wave has half the sum of rates of a run at the top: where *stay* has come as far.
AS_FAR = {RESTARTS[1] // 2 + after for after in AFTER}
POINTS = tuple(sorted({at + after for at in RESTARTS for after in AFTER} | AS_FAR | {UNITS * UNIT}))
SETTINGS = [{"name": name} for name in ("jump", "rise", "stay")]


def schedule(name: str) -> schedules.Schedule:
    """The factor of the rate."""
    if name == "stay":
        return schedules.constant(1.0)
    if name == "jump":
        return schedules.sgdr(period=UNIT, mult=2)
    waves = []
    for length in CYCLES:
        up = length * UNIT // 10
        fall = schedules.cosine(steps=length * UNIT - up)
        waves.append(schedules.sequence(schedules.linear_warmup(steps=up), up, fall))
    first, second, third = waves
    second = schedules.sequence(second, CYCLES[1] * UNIT, third)
    return schedules.sequence(first, CYCLES[0] * UNIT, second)


@functools.cache
def tuned(name, folder) -> int:
    """The number of the best rate."""
    if name == "rise":
        return restarts.best(schedule(name), UNITS * UNIT, MANY, folder)
    return restarts.tuned("sgdr", UNITS, MANY, folder)


@functools.cache
def curves(name, seeds, folder):
    """Test losses of all seeds, run side by side, shape (points, seeds)."""
    rate = RATES[MANY][[tuned(name, folder)]]
    return restarts.train(schedule(name), MANY, rate, range(seeds), POINTS, "judge", folder)[..., 0]


def measure(name, seed, device, data, seeds=24):
    """The test loss after some steps, and the rate."""
    number = tuned(name, data)
    losses = curves(name, max(seeds, seed + 1), data)[:, seed].round(5).tolist()
    place = number / (len(RATES[MANY]) - 1)
    return {"lr": float(RATES[MANY][number]), "place": place, "curve": losses}


run = partial(
    runner.run, "restart_jump", measure, SETTINGS, seeds=24, data="MNIST, shrunk to 7 x 7 pixels"
)

if __name__ == "__main__":
    runner.main(run)
