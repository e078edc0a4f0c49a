"""One function in two coordinate systems: what Adam's parts are worth in each.

Logistic regression on the bundled breast-cancer data, 569 tumours and thirty measurements, each
with its mean subtracted, and an intercept. In *standard* units a measurement is divided by its
standard deviation; in *file* units it is not, and the deviations are those of the file, from 0.003
to 569. The penalty, 1e-3 / 2 times the squared weights of the standard units, is the same in both,
so both systems have one function with one minimum, and all runs start at zero.

Every contestant may try 144 settings on eight seeds that are used for nothing else, half of them
with a constant rate, half with one that falls linearly to zero; the best by the geometric mean is
then run with the seeds of the result. The rates are spaced evenly in their logarithms: 72 for
gradient descent, 24 for each of three memories elsewhere. Momentum is the average form, and Adam's
beta1 is 0.9. *gd, long start* is gradient descent whose rate has the factor that an uncorrected
Adam's steps have, (1 - 0.9^t) / sqrt(1 - beta2^t), with three beta2 to choose from: the control
for what is the schedule and what the division by the root of v. *one v* is Adam with one v for all
weights, the mean of theirs: it divides by a size, and mends no unit between two weights.
"""

import functools
import itertools
from functools import partial
from typing import Any

import numpy as np

from adamtut import problems, rules, schedules
from adamtut.experiments import runner
from adamtut.ops import sqrt

TUNING_SEEDS = range(1000, 1008)
MEMORIES = (0.9, 0.99, 0.999)


def adam_uncorrected(g, t, m=0.0, v=0.0, *, betas=(0.9, 0.999), eps=1e-8):
    """Adam without its corrections: the first steps are longer."""
    beta1, beta2 = betas
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return m / (sqrt(v) + eps), m, v


def gd_long_start(g, t, *, beta2=0.999):
    """Gradient descent with the long first steps of an uncorrected Adam."""
    return (g * (1 - 0.9**t) / (1 - beta2**t) ** 0.5,)


def adam_one_v(g, t, m=0.0, v=0.0, *, betas=(0.9, 0.999), eps=1e-8):
    """Adam with a single v for all weights of a run."""
    beta1, beta2 = betas
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * np.mean(g**2, axis=-1, keepdims=True)
    return m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps), m, v


# Rule, and the hyper-parameters that it may try.
CONTESTANTS: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "gd": (rules.gd, [{}]),
    "momentum": (rules.ema_momentum, [{"beta": beta} for beta in (0.8, 0.9, 0.95)]),
    "no mean": (rules.adam, [{"betas": (0.0, beta2)} for beta2 in MEMORIES]),
    "adam": (rules.adam, [{"betas": (0.9, beta2)} for beta2 in MEMORIES]),
    "no correction": (adam_uncorrected, [{"betas": (0.9, beta2)} for beta2 in MEMORIES]),
    "gd, long start": (gd_long_start, [{"beta2": beta2} for beta2 in MEMORIES]),
    "one v": (adam_one_v, [{"betas": (0.9, beta2)} for beta2 in MEMORIES]),
}
# Their rates multiply gradients, the others' numbers without a unit.
RAW = ("gd", "momentum", "gd, long start")
# Lowest and highest rate; the best must not lie at an end.
RANGES = {
    ("raw", "standard"): (1e-1, 1e2),
    ("raw", "file"): (1e-6, 3e-2),
    ("scaled", "standard"): (1e-3, 1.0),
    ("scaled", "file"): (1e-3, 1e1),
    ("one v", "standard"): (1e-3, 1.0),
    ("one v", "file"): (1e-5, 1e-1),
}
BATCHES = (2, 8, 32, 128, "all")
RUNS = [(batch, 1000) for batch in BATCHES] + [(32, 300), (32, 3000)]
SETTINGS = [
    {"units": units, "batch": batch, "steps": steps, "name": name}
    for units in ("file", "standard")
    for batch, steps in RUNS
    for name in CONTESTANTS
    if name != "one v" or (batch, steps) == (32, 1000)
]


@functools.cache
def regression() -> tuple[problems.FiniteSum, np.ndarray]:
    """The function in standard units, and what a weight of file units is multiplied by."""
    from sklearn.datasets import load_breast_cancer

    inputs, target = load_breast_cancer(return_X_y=True)
    deviations = inputs.std(axis=0)
    standard = np.column_stack([(inputs - inputs.mean(axis=0)) / deviations, np.ones(len(inputs))])
    return problems.logistic(standard, 2 * target - 1, 1e-3, "tumours"), np.append(deviations, 1.0)


def excess(name, units, batch, steps, rates, falling, hyper, seeds):
    """Loss above the minimum after the last step, shape (seeds, rates); inf where it diverged."""
    problem, deviations = regression()
    scale = deviations if units == "file" else np.ones(problem.dim)
    rule, _ = CONTESTANTS[name]
    generators = [np.random.default_rng(seed) for seed in seeds]

    def gradient(x):
        if batch == "all":
            return scale * problem.grad(scale * x)
        rows = [generator.integers(problem.size, size=batch) for generator in generators]
        return scale * problem.grad(scale * x, np.repeat(np.array(rows)[:, None], len(rates), 1))

    fall = schedules.linear_decay(steps=steps) if falling else schedules.constant(1.0)
    x, state = np.zeros((len(generators), len(rates), problem.dim)), ()
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(1, steps + 1):
            d, *state = rule(gradient(x), t, *state, **hyper)
            x = x - fall(t) * rates[:, None] * d
        values = problem.value(scale * x) - problem.value(problem.minima[0])
    return np.where(np.isfinite(values), values, np.inf)


@functools.cache
def tuned(name, units, batch, steps):
    """The best of 144 settings: rate, where in the range, whether it falls, hyper-parameters."""
    kind = "raw" if name in RAW else "one v" if name == "one v" else "scaled"
    hypers = CONTESTANTS[name][1]
    rates = np.geomspace(*RANGES[kind, units], 72 // len(hypers))
    trials = []
    for hyper, falling in itertools.product(hypers, (False, True)):
        values = excess(name, units, batch, steps, rates, falling, hyper, TUNING_SEEDS)
        scores = np.log(np.maximum(values, 1e-300)).mean(axis=0)
        i = int(scores.argmin())
        trials.append((scores[i], i, falling, hyper))
    _, i, falling, hyper = min(trials, key=lambda trial: trial[0])
    return float(rates[i]), i / (len(rates) - 1), falling, hyper


def measure(name, units, batch, steps, seed, device, data):
    """The loss above the minimum at the best setting, and the setting."""
    rate, place, falling, hyper = tuned(name, units, batch, steps)
    ((value,),) = excess(name, units, batch, steps, np.array([rate]), falling, hyper, [seed])
    return {"excess": float(value), "lr": rate, "place": place, "falling": falling, **hyper}


run = partial(
    runner.run,
    "adam_units",
    measure,
    SETTINGS,
    seeds=40,
    data="scikit-learn breast cancer, logistic regression",
)

if __name__ == "__main__":
    runner.main(run)
