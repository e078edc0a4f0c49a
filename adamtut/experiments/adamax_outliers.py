"""Rare outliers in the gradient: AdaMax, Adam, and two controls, at a minimum that rests or moves.

The gradient is the distance from the minimum plus normal noise of deviation 1, in two coordinates.
In each coordinate the noise of one step in a thousand, on average, is multiplied by 100 or by
1,000; as a control, by 1. In *still* the minimum rests, five units from the start; in *moving* it
moves by 0.003 a step. A run has 4,000 steps, and is judged by its root mean square distance from
the minimum in the second half.

The controls are *adam, halved*, whose rate is halved after half of the steps, and *adam, clipped*,
which cuts each gradient off at 5 before it looks at it. With the memory *usual* each contestant may
try 21 rates with beta2 = 0.999, with the memory *tuned* 21 rates with each of five beta2, on seeds
that are used for nothing else; the best by the geometric mean is then run with the seeds of the
result. `tuning` is its mean log distance before that, `place` where its rate lies in the range.
"""

import functools

import numpy as np

from adamtut import rules
from adamtut.experiments import runner

STEPS = 4000
DRIFTS = {"still": 0.0, "moving": 0.003}
STARTS = {"still": 5.0, "moving": 0.0}
FACTORS = (1, 100, 1000)
OFTEN = 1e-3
LIMIT = 5.0
RATES = np.geomspace(1e-3, 1e1, 21)
MEMORIES = {"usual": (0.999,), "tuned": (0.5, 0.9, 0.99, 0.999, 0.9999)}
TUNING_SEEDS = range(1000, 1020)
CONTESTANTS = {
    "adam": rules.adam,
    "adamax": rules.adamax,
    "adam, halved": rules.adam,
    "adam, clipped": rules.adam,
}
SETTINGS = [
    {"memory": memory, "task": task, "factor": factor, "name": name}
    for memory in MEMORIES
    for task in DRIFTS
    for factor in FACTORS
    for name in CONTESTANTS
]


def noise(factor, seed):
    """The noise of every step, shape (steps, 2)."""
    rng = np.random.default_rng(seed)
    normal, rare = rng.normal(size=(STEPS, 2)), rng.random((STEPS, 2)) < OFTEN
    return np.where(rare, factor * normal, normal)


def distances(task, name, rates, beta2, seeds):
    """Root mean square distance from the minimum in the second half, a mean over the coordinates.

    The noise has the shape (factors, seeds, 2) at each step; rates and beta2 broadcast with it.
    """
    draws = np.stack([[noise(factor, seed) for seed in seeds] for factor in FACTORS])
    rule, half = CONTESTANTS[name], STEPS // 2
    x, state, total = STARTS[task], (), 0.0
    for t in range(1, STEPS + 1):
        minimum = DRIFTS[task] * t
        g = x - minimum + draws[:, :, t - 1]
        if name == "adam, clipped":
            g = np.clip(g, -LIMIT, LIMIT)
        d, *state = rule(g, t, *state, betas=(0.9, beta2))
        x = x - (0.5 if name == "adam, halved" and t > half else 1.0) * rates * d
        if t > half:
            total = total + ((x - minimum) ** 2).mean(axis=-1)
    return np.sqrt(total / half)


@functools.cache
def tuned(memory, task, name):
    """The best trial for each factor: beta2, the rate, where in its range, mean log distance."""
    tried = MEMORIES[memory]
    memories, rates = np.reshape(tried, (-1, 1, 1, 1, 1)), RATES[:, None, None, None]
    found = distances(task, name, rates, memories, TUNING_SEEDS)  # beta2, rate, factor, seed
    scores = np.log(found).mean(axis=-1)
    best = {}
    for j, factor in enumerate(FACTORS):
        k, i = np.unravel_index(np.argmin(scores[..., j]), scores.shape[:2])
        place = float(i / (len(RATES) - 1))
        best[factor] = tried[k], float(RATES[i]), place, float(scores[k, i, j])
    return best


@functools.cache
def block(memory, task, name, number):
    """Distances of ten seeds at the best trial, run side by side, shape (factors, seeds)."""
    best = tuned(memory, task, name)
    memories, rates = (
        np.array([best[factor][i] for factor in FACTORS])[:, None, None] for i in (0, 1)
    )
    return distances(task, name, rates, memories, range(10 * number, 10 * number + 10))


def measure(memory, task, factor, name, seed, device, data):
    """The distance at the best trial, and the trial."""
    beta2, rate, place, score = tuned(memory, task, name)[factor]
    distance = float(block(memory, task, name, seed // 10)[FACTORS.index(factor), seed % 10])
    return {"distance": distance, "beta2": beta2, "lr": rate, "place": place, "tuning": score}


run = functools.partial(
    runner.run, "adamax_outliers", measure, SETTINGS, seeds=40, data="gradients with outliers"
)

if __name__ == "__main__":
    runner.main(run)
