"""How low Adam gets on real data when its rate falls to zero, and what the skew of the noise costs.

Logistic regression on the bundled breast-cancer data, standardised, one patient a step. Most
patients have tiny gradients near the minimum and a few have large ones, so the noise is skewed.
*Mirrored* noise is the control: the deviation of the patient's gradient from the mean gradient is
kept or turned round by the toss of a coin. It has the same mean and the same covariance at every
point, and no skew.

Every contestant may try 16 rates on four seeds that are used for nothing else, each rate falling
linearly to zero; the best by the geometric mean is then run with the seeds of the result.
"""

import functools
from functools import partial

import numpy as np

from adamtut import problems, rules
from adamtut.data import breast_cancer
from adamtut.experiments import runner

SEEDS = 20
TUNING_SEEDS = range(1000, 1004)
CONTESTANTS = {
    "gd": (rules.gd, {}),
    "adam 0.9": (rules.adam, {"betas": (0.9, 0.9)}),
    "adam 0.99": (rules.adam, {"betas": (0.9, 0.99)}),
    "adam 0.999": (rules.adam, {"betas": (0.9, 0.999)}),
    "amsgrad 0.99": (rules.amsgrad, {"betas": (0.9, 0.99)}),
}
# The lowest and the highest rate at 1,000 steps; `rates` has those of longer runs.
RANGES = {"gd": (3e-2, 3e1), "adam": (1e-3, 1.0), "amsgrad": (1e-3, 1.0)}
SETTINGS = [
    {"noise": noise, "steps": steps, "name": name}
    for noise in ("drawn", "mirrored")
    for steps in (1_000, 10_000, 100_000)
    for name in CONTESTANTS
]
# Those that still fall at the end, for ten times as long.
SETTINGS += [
    {"noise": "drawn", "steps": 1_000_000, "name": name}
    for name in ("gd", "adam 0.999", "amsgrad 0.99")
]
AT_ONCE = 1000  # steps whose patients are drawn at once

regression = functools.cache(problems.breast_cancer_logistic)


@functools.cache
def signed():
    """The patients' rows, each times its label."""
    inputs, labels = breast_cancer()
    return inputs * labels[:, None]


def mean_gradient(x):
    """The problem's own gradient over all patients, with one product for the whole stack."""
    flat = x.reshape(-1, x.shape[-1])
    pull = -1 / (1 + np.exp(flat @ signed().T))
    return (pull @ signed() / len(signed())).reshape(x.shape) + 1e-3 * x


def mirrored(g, x, signs):
    """The gradients at x, each deviation from the mean gradient times the seed's sign."""
    mean = mean_gradient(x)
    return mean + signs[:, None, None] * (g - mean)


def rates(name, steps):
    """16 rates over three decades, three times smaller for ten times as many steps."""
    low, high = RANGES[name.split()[0]]
    return np.geomspace(low, high, 16) / (steps / 1000) ** 0.5


def draws(seeds, steps):
    """For each step a patient, and 1 or -1, for each seed."""
    size, generators = regression().size, [np.random.default_rng(seed) for seed in seeds]
    for begin in range(0, steps, AT_ONCE):
        shape = min(AT_ONCE, steps - begin)
        rows = np.stack([g.integers(size, size=shape) for g in generators], axis=1)
        signs = np.stack([g.choice((-1.0, 1.0), size=shape) for g in generators], axis=1)
        yield from zip(rows, signs, strict=True)


def excess(noise, steps, name, tried, seeds):
    """Loss above the minimum after the last step, shape (seeds, rates); inf where it diverged."""
    problem, (rule, hyper) = regression(), CONTESTANTS[name]
    x, state = np.zeros((len(seeds), len(tried), problem.dim)), ()
    with np.errstate(over="ignore", invalid="ignore"):
        for t, (rows, signs) in enumerate(draws(seeds, steps), start=1):
            g = problem.grad(x, np.broadcast_to(rows[:, None, None], (*x.shape[:2], 1)))
            if noise == "mirrored":
                g = mirrored(g, x, signs)
            d, *state = rule(g, t, *state, **hyper)
            x = x - (1 - (t - 1) / steps) * tried[:, None] * d
        values = problem.value(x) - problem.value(problem.minima[0])
    return np.where(np.isfinite(values), values, np.inf)


@functools.cache
def tuned(noise, steps, name):
    """The best of 16 rates, and its place among them from 0 to 1."""
    tried = rates(name, steps)
    values = excess(noise, steps, name, tried, TUNING_SEEDS)
    i = int(np.log(np.maximum(values, 1e-300)).mean(axis=0).argmin())
    return float(tried[i]), i / 15


@functools.cache
def judged(noise, steps, name, seeds):
    """The losses above the minimum at the best rate, for these seeds."""
    rate, _ = tuned(noise, steps, name)
    return excess(noise, steps, name, np.array([rate]), seeds)[:, 0]


def measure(noise, steps, name, seed, device, data):
    """The loss above the minimum at the best rate, and the rate."""
    rate, place = tuned(noise, steps, name)
    seeds = range(SEEDS) if seed < SEEDS else range(seed, seed + 1)  # all at once, which is faster
    value = judged(noise, steps, name, seeds)[seed - seeds.start]
    return {"excess": float(value), "lr": rate, "place": place}


run = partial(
    runner.run,
    "adam_bias",
    measure,
    SETTINGS,
    seeds=SEEDS,
    data="scikit-learn breast cancer, logistic regression, standardised",
)

if __name__ == "__main__":
    runner.main(run)
