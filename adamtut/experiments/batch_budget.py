"""The best batch size for a budget, of examples or of time, with rates tuned for each size.

Logistic regression on the bundled breast-cancer data, 569 cases. A budget of examples is a number
of passes over the data. A budget of time is what so many gradients of all the data take, and buys
steps of every batch size at the price that `batch_time` measured, a fixed part and a part in
proportion to the batch. For every budget and size 58 settings are tried on 32 seeds that are used
for nothing else: 19 rates, and then ten between the neighbours of the best, 8 % apart, each kept
and falling linearly to zero. The best by the geometric mean of the loss above the minimum is then
run with the seeds of the result, and so is the best of the other kind, kept or falling.
"""

import functools

import numpy as np

from adamtut import problems, rules, schedules
from adamtut.experiments import load, runner

TUNING_SEEDS = range(1000, 1032)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 569)
RATES = np.geomspace(0.02, 80.0, 19)
BETWEEN = (RATES[1] / RATES[0]) ** (np.delete(np.arange(-5, 6), 5) / 6)  # as factors
BUDGETS = (("time", 30), ("time", 10), ("time", 100), ("examples", 10))
SETTINGS = [
    {"budget": budget, "passes": passes, "batch": batch}
    for budget, passes in BUDGETS
    for batch in BATCHES
]

regression = functools.cache(problems.breast_cancer_logistic)


@functools.cache
def fixed_price():
    """The fixed part of the price of a step, in examples: how many it would pay for."""
    timing = load("batch_time")
    seconds = np.median([run["seconds"] for run in timing["runs"]], axis=0)
    per_example, fixed = np.polyfit(timing["runs"][0]["batches"], seconds, 1)
    return fixed / per_example


def number_of_steps(budget, passes, batch):
    """How many steps of a batch size the budget buys."""
    fixed = fixed_price() if budget == "time" else 0.0
    return int(passes * (fixed + regression().size) / (fixed + batch))


def excess(batch, steps, rates, falling, seeds):
    """Loss above the minimum after the last step, shape (rates, seeds); inf where it diverged."""
    problem = regression()
    generators = [np.random.default_rng(seed) for seed in seeds]
    start = np.stack([0.1 * generator.normal(size=problem.dim) for generator in generators])

    def gradient(x, t):
        if batch == problem.size:
            return problem.grad(x)
        rows = [generator.integers(problem.size, size=batch) for generator in generators]
        return problem.grad(x, np.array(rows))  # the same batches for every rate

    fall = schedules.linear_decay(steps=steps) if falling else schedules.constant(1.0)
    x, state = np.broadcast_to(start, (len(rates), *start.shape)), ()
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(1, steps + 1):
            d, *state = rules.gd(gradient(x, t), t, *state)
            x = x - fall(t) * rates[:, None, None] * d
        values = problem.value(x) - problem.value(problem.minima[0])
    return np.where(np.isfinite(values), values, np.inf)


@functools.cache
def tuned(batch, steps):
    """The best of 58 settings and the best of the other kind: rates, and whether they fall."""
    found = []
    for falling in (False, True):
        rates, scores = RATES, _scores(batch, steps, RATES, falling)
        finer = RATES[scores.argmin()] * BETWEEN
        rates = np.append(rates, finer)
        scores = np.append(scores, _scores(batch, steps, finer, falling))
        i = int(scores.argmin())
        found.append((float(scores[i]), float(rates[i]), falling))
    return [setting[1:] for setting in sorted(found)]


def _scores(batch, steps, rates, falling):
    """Mean logarithm of the loss above the minimum on the seeds for tuning."""
    values = excess(batch, steps, rates, falling, TUNING_SEEDS)
    return np.log(np.maximum(values, 1e-300)).mean(axis=1)


@functools.cache
def judged(batch, steps, block):
    """The losses above the minimum of twenty seeds at once, of the best of both kinds."""
    seeds = range(20 * block, 20 * block + 20)
    return [
        excess(batch, steps, np.array([rate]), falling, seeds)[0]
        for rate, falling in tuned(batch, steps)
    ]


def measure(budget, passes, batch, seed, device, data):
    """As `outcome`, after as many steps as the budget buys."""
    return outcome(batch, number_of_steps(budget, passes, batch), seed)


def outcome(batch, steps, seed):
    """The loss at the best setting, the setting, the number of steps, and the other kind's."""
    (rate, falling), (other_rate, _) = tuned(batch, steps)
    value, other = (losses[seed % 20] for losses in judged(batch, steps, seed // 20))
    return {
        "excess": float(value),
        "lr": rate,
        "falling": falling,
        "steps": steps,
        "other_excess": float(other),
        "other_lr": other_rate,
    }


run = functools.partial(
    runner.run,
    "batch_budget",
    measure,
    SETTINGS,
    seeds=40,
    data="breast-cancer logistic regression",
)

if __name__ == "__main__":
    runner.main(run)
