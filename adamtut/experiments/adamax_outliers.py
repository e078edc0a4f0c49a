"""Rare outliers in the gradient: AdaMax, Adam and controls, at a minimum that rests or moves.

The gradient is the distance from the minimum plus normal noise of deviation 1, in two coordinates.
In each coordinate the noise of one step in a thousand, on average, is multiplied by 100 or by
1,000; as a control, by 1. In *still* the minimum rests, five units from the start, in *near* half a
unit and in *far* twenty; in *moving* it moves by 0.003 a step. A run has 4,000 steps, and is judged
by its root mean square distance from the minimum in the second half.

A rule *halved* has its rate halved after half of the steps; a rule *clipped* gets each gradient cut
off at 5. With the memory *usual* each contestant may try 71 rates a factor of 1.12 apart, from
0.002 or in *near* from 0.0002, with beta2 = 0.999, with the memory *tuned* the same rates with each
of ten beta2, on streams of noise that are used for nothing else. Adam's square with beta2 = 0.998
forgets as fast as AdaMax's peak with 0.999: that is the memory *matched*. The best setting by the
geometric mean is then run on the streams of the result, twenty for each of its seeds. `tuning` is
its mean log distance before that, `place` where its rate lies in the range.
"""

import functools

import numpy as np

from adamtut import rules
from adamtut.experiments import runner

STEPS = 4000
DRIFTS = {"still": 0.0, "moving": 0.003, "near": 0.0, "far": 0.0}
STARTS = {"still": 5.0, "moving": 0.0, "near": 0.5, "far": 20.0}
FACTORS = (1, 100, 1000)
OFTEN = 1e-3
LIMIT = 5.0
RATES = 0.002 * 10 ** (np.arange(71) / 20)
SCALES = {"still": 1.0, "moving": 1.0, "near": 0.1, "far": 1.0}  # of the rates tried
MEMORIES = {
    "usual": (0.999,),
    "matched": (0.998,),
    "tuned": (0.5, 0.8, 0.85, 0.9, 0.93, 0.95, 0.98, 0.99, 0.999, 0.9999),
}
TUNING = range(10_000, 10_040)  # streams
STREAMS = 20  # for each seed of the result
CONTESTANTS = {
    name + kind: rule
    for kind in ("", ", halved", ", clipped")
    for name, rule in (("adam", rules.adam), ("adamax", rules.adamax))
}
SETTINGS = [
    {"memory": memory, "task": task, "factor": factor, "name": name}
    for tasks, contestants in (
        (("still", "moving"), list(CONTESTANTS)),
        (("near", "far"), ["adam", "adamax"]),
    )
    for memory in MEMORIES
    for task in tasks
    for factor in FACTORS
    for name in contestants
    if memory != "matched" or name == "adam"
]


@functools.cache
def noise(streams):
    """The noise of every step, shape (steps, factors, streams, 2)."""
    drawn = []
    for stream in streams:
        rng = np.random.default_rng(stream)
        normal, rare = rng.normal(size=(STEPS, 2)), rng.random((STEPS, 2)) < OFTEN
        drawn.append([np.where(rare, factor * normal, normal) for factor in FACTORS])
    return np.ascontiguousarray(np.transpose(drawn, (2, 1, 0, 3)))


def distances(task, name, rates, beta2, streams):
    """Root mean square distance from the minimum in the second half, a mean over the coordinates.

    The noise has the shape (factors, streams, 2) at each step; rates and beta2 broadcast with it.
    """
    rule, half = CONTESTANTS[name], STEPS // 2
    x, state, total = STARTS[task], (), 0.0
    for t, z in enumerate(noise(streams), start=1):
        minimum = DRIFTS[task] * t
        g = x - minimum + z
        if name.endswith("clipped"):
            g = np.clip(g, -LIMIT, LIMIT)
        d, *state = rule(g, t, *state, betas=(0.9, beta2))
        x = x - (0.5 if name.endswith("halved") and t > half else 1.0) * rates * d
        if t > half:
            total = total + ((x - minimum) ** 2).mean(axis=-1)
    return np.sqrt(total / half)


@functools.cache
def tuned(memory, task, name):
    """The best trial for each factor: beta2, the rate, where in its range, mean log distance."""
    tried, rates = MEMORIES[memory], SCALES[task] * RATES[:, None, None, None]
    found = np.array([distances(task, name, rates, beta2, TUNING) for beta2 in tried])
    scores = np.log(found).mean(axis=-1)  # beta2, rate, factor
    best = {}
    for j, factor in enumerate(FACTORS):
        k, i = np.unravel_index(np.argmin(scores[..., j]), scores.shape[:2])
        place = float(i / (len(RATES) - 1))
        best[factor] = tried[k], rates[i].item(), place, float(scores[k, i, j])
    return best


@functools.cache
def block(memory, task, name, number):
    """Distances of five seeds at the best trial, run side by side, shape (factors, streams)."""
    best = tuned(memory, task, name)
    memories, rates = (
        np.array([best[factor][i] for factor in FACTORS])[:, None, None] for i in (0, 1)
    )
    many = 5 * STREAMS
    return distances(task, name, rates, memories, range(many * number, many * (number + 1)))


def measure(memory, task, factor, name, seed, device, data):
    """The distances at the best trial, and the trial."""
    beta2, rate, place, score = tuned(memory, task, name)[factor]
    own = slice(seed % 5 * STREAMS, (seed % 5 + 1) * STREAMS)
    found = block(memory, task, name, seed // 5)[FACTORS.index(factor), own]
    return {
        "distances": found.round(5).tolist(),
        "beta2": beta2,
        "lr": round(rate, 6),
        "place": place,
        "tuning": round(score, 5),
    }


run = functools.partial(
    runner.run, "adamax_outliers", measure, SETTINGS, seeds=20, data="gradients with outliers"
)

if __name__ == "__main__":
    runner.main(run)
