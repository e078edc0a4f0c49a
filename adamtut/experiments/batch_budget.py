"""The best batch size for a budget, of examples or of time, with rates tuned for each size.

Logistic regression on the bundled breast-cancer data, 569 cases. A budget of examples is a number
of passes over the data. A budget of time is what so many gradients of all the data take, and buys
steps of every batch size at the price that `batch_time` measured, a fixed part and a part in
proportion to the batch. For every budget and size 38 settings are tried on 16 seeds that are used
for nothing else, 19 rates, each constant and falling linearly to zero; the best by the geometric
mean of the loss above the minimum is then run with the seeds of the result.
"""

import functools

import numpy as np

from adamtut import problems, rules, schedules
from adamtut.experiments import load, runner

TUNING_SEEDS = range(1000, 1016)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 569)
RATES = np.geomspace(0.02, 80.0, 19)
BUDGETS = (("time", 30), ("time", 10), ("time", 100), ("examples", 10), ("examples", 100))
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
    """The best of 38 settings: the rate, and whether it falls."""
    trials = []
    for falling in (False, True):
        values = excess(batch, steps, RATES, falling, TUNING_SEEDS)
        scores = np.log(np.maximum(values, 1e-300)).mean(axis=1)
        i = int(scores.argmin())
        trials.append((float(scores[i]), float(RATES[i]), falling))
    return min(trials)[1:]


@functools.cache
def judged(batch, steps, block):
    """The loss above the minimum at the best setting, of twenty seeds at once."""
    rate, falling = tuned(batch, steps)
    return excess(batch, steps, np.array([rate]), falling, range(20 * block, 20 * block + 20))[0]


def measure(budget, passes, batch, seed, device, data):
    """As `outcome`, after as many steps as the budget buys."""
    return outcome(batch, number_of_steps(budget, passes, batch), seed)


def outcome(batch, steps, seed):
    """The loss above the minimum at the best setting, the setting, and the number of steps."""
    rate, falling = tuned(batch, steps)
    value = judged(batch, steps, seed // 20)[seed % 20]
    return {"excess": float(value), "lr": rate, "falling": falling, "steps": steps}


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
