"""What Adam's memory of one phase of training is worth in the next, each way at its best rate.

A tanh network, 64-16-10, has learned scikit-learn's bundled digits for 500 steps on batches of 64
at the rate 0.02. Then comes another phase: the *same* one, *new data* (the same images with their
pixels shuffled), or the loss *divided* by a hundred. It begins with *all* of the memory of the
first, with *nothing* of it, or with *v alone* and the count, where m starts from zero. Each way has
the same fifteen rates to choose from, three to a power of ten around 0.02. `lr` is the best by the
mean loss of 20 choosing seeds, which are none of the seeds of the result; `losses` are the losses
after the phase at each of the rates, on all data and undivided, and `before` is the loss at its
start. `length` is the mean length of the last step at the rate 0.02, in units of the rate, over the
weights that moved.
"""

import functools

import numpy as np

from adamtut import data, problems, rules
from adamtut.experiments import runner

FIRST, BATCH, SEEDS = 500, 64, 20
CHOOSING_SEEDS = tuple(range(1000, 1020))
RATE = 0.02
RATES = RATE * 10.0 ** (np.arange(-6, 9) / 3)
SETTINGS = [
    {"steps": steps, "phase": phase, "kept": kept}
    for steps in (20, 200)
    for phase in ("same", "new data", "divided")
    for kept in ("all", "nothing", "v alone")
]


@functools.cache
def network(phase):
    """The digits, with their pixels shuffled if the data are new."""
    inputs, targets = data.digits()
    pixels = np.arange(64)
    if phase == "new data":
        pixels = np.random.default_rng(5).permutation(64)
    return problems.network(inputs[:, pixels], targets, hidden=(16,))


def train(phase, x, t, memory, lr, steps, generators):
    """Adam for some steps: where it is, its count and memory, and its last step."""
    digits, factor, before = network(phase), 0.01 if phase == "divided" else 1.0, x
    for _ in range(steps):
        t += 1
        rows = np.stack([rng.integers(digits.size, size=BATCH) for rng in generators])
        d, *memory = rules.adam(factor * digits.grad(x, rows), t, *memory)
        before, x = x, x - lr * d
    return x, t, memory, x - before


@functools.cache
def first_phase(seeds):
    """The networks of these seeds after the first phase, with count and memory."""
    generators = [np.random.default_rng(seed) for seed in seeds]
    start = np.stack([network("same").start(rng) for rng in generators])
    return train("same", start, 0, (), RATE, FIRST, generators)[:3]


@functools.cache
def second_phase(steps, phase, kept, seeds):
    """Losses after it, shape (rates, seeds), those before it, and the lengths of the last step."""
    x, t, (m, v) = first_phase(seeds)
    t, memory = {"all": (t, (m, v)), "nothing": (0, ()), "v alone": (t, (0 * m, v))}[kept]
    generators = [np.random.default_rng([1, seed]) for seed in seeds]
    # The rates are an axis of the networks; all of them see the same batches.
    many = np.broadcast_to(x, (len(RATES), *x.shape))
    lr = RATES[:, None, None]
    ends, *_, step = train(phase, many, t, memory, lr, steps, generators)
    moved = step[at_old_rate()] != 0
    length = np.abs(step[at_old_rate()]).sum(axis=1) / moved.sum(axis=1) / RATE
    judge = network(phase)
    return judge.value(ends), judge.value(x), length


def at_old_rate() -> int:
    """The number of the rate of the first phase."""
    return int(np.abs(RATES - RATE).argmin())


def measure(steps, phase, kept, seed, device, data):
    """The loss after the phase at each rate, and the rate that the choosing seeds chose."""
    chosen = second_phase(steps, phase, kept, CHOOSING_SEEDS)[0].mean(axis=1).argmin()
    judged = tuple(range(SEEDS))
    losses, before, length = second_phase(steps, phase, kept, judged)
    return {
        "lr": float(RATES[chosen]),
        "before": round(float(before[seed]), 6),
        "length": round(float(length[seed]), 6),
        "rates": RATES.tolist(),
        "losses": losses[:, seed].round(6).tolist(),
    }


run = functools.partial(
    runner.run,
    "phase_memory",
    measure,
    SETTINGS,
    seeds=SEEDS,
    data="scikit-learn digits, 64-16-10",
)

if __name__ == "__main__":
    runner.main(run)
