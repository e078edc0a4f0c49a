"""What momentum gains at six batch sizes, beside gradient descent with as many trials.

Linear regression on the bundled diabetes data, standardised: 442 patients, ten measurements, a
condition number of 470. Both rules may try 240 settings on 32 seeds that are used for nothing else:
gradient descent 120 rates, momentum 24 rates with each of five betas, 0 among them, all with a
constant rate and with one that falls linearly to zero. The best by the geometric mean is then run
with the seeds of the result. For 300 steps with batches of 256 the same is done with constant rates
alone, and for 300 steps with constant rates where not the last point is judged but the mean of the
second half of all points.
"""

import functools
import itertools
from functools import partial

import numpy as np

from adamtut import problems, rules, schedules
from adamtut.experiments import runner

TUNING_SEEDS = range(1000, 1032)
STEPS = (300, 1000)
BATCHES = (1, 4, 16, 64, 256, "all")
BETAS = (0.0, 0.5, 0.7, 0.8, 0.9)
# Momentum's are rates of the average form, so that each beta is searched where it makes sense.
RATES = {"gd": np.geomspace(2e-3, 1.0, 120), "momentum": np.geomspace(2e-3, 10.0, 24)}
SETTINGS = [
    {"steps": steps, "batch": batch, "rates": "any", "rule": rule}
    for steps in STEPS
    for batch in BATCHES
    for rule in RATES
]
SETTINGS += [{"steps": 300, "batch": 256, "rates": "constant", "rule": rule} for rule in RATES]
SETTINGS += [
    {"steps": 300, "batch": batch, "rates": "constant, points averaged", "rule": rule}
    for batch in (4, 16, 64, 256)
    for rule in RATES
]


regression = functools.cache(problems.diabetes_regression)


def excess(rule, steps, batch, rates, falling, hyper, seeds, averaged=1):
    """Loss above the minimum, shape (seeds, rates); inf where it diverged.

    It is that of the mean of so many last points.
    """
    problem = regression()
    generators = [np.random.default_rng(seed) for seed in seeds]

    def gradient(x, t):
        if batch == "all":
            return problem.grad(x)
        rows = [generator.integers(problem.size, size=batch) for generator in generators]
        return problem.grad(x, np.repeat(np.array(rows)[:, None], len(rates), axis=1))

    fall = schedules.linear_decay(steps=steps) if falling else schedules.constant(1.0)
    x, state = np.zeros((len(generators), len(rates), problem.dim)), ()
    mean = 0 * x
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(1, steps + 1):
            d, *state = getattr(rules, rule)(gradient(x, t), t, *state, **hyper)
            x = x - fall(t) * rates[:, None] * d
            if t > steps - averaged:
                mean = mean + x / averaged
        values = problem.value(mean) - problem.value(problem.minima[0])
    return np.where(np.isfinite(values), values, np.inf)


@functools.cache
def tuned(rule, steps, batch, kinds):
    """The best of 240 settings: rate, whether it falls, hyper-parameters; of 120 constant ones."""
    averaged = judged(steps, kinds)
    betas = BETAS if rule == "momentum" else (0.0,)
    trials = []
    for beta, falling in itertools.product(betas, (False, True) if kinds == "any" else (False,)):
        hyper = {"beta": beta} if rule == "momentum" else {}
        tried = RATES[rule] * (1 - beta)
        values = excess(rule, steps, batch, tried, falling, hyper, TUNING_SEEDS, averaged)
        scores = np.log(np.maximum(values, 1e-300)).mean(axis=0)
        i = int(scores.argmin())
        trials.append((scores[i], float(tried[i]), falling, hyper))
    return min(trials, key=lambda trial: trial[0])[1:]


def judged(steps, kinds):
    """How many of the last points are averaged."""
    return steps // 2 if kinds.endswith("averaged") else 1


def measure(rule, steps, batch, rates, seed, device, data):
    """The loss above the minimum at the best setting, and the setting."""
    rate, falling, hyper = tuned(rule, steps, batch, rates)
    averaged = judged(steps, rates)
    ((value,),) = excess(rule, steps, batch, np.array([rate]), falling, hyper, [seed], averaged)
    return {"excess": float(value), "lr": rate, "falling": falling, **hyper}


run = partial(
    runner.run,
    "momentum_batch",
    measure,
    SETTINGS,
    seeds=40,
    data="scikit-learn diabetes, linear regression, standardised",
)

if __name__ == "__main__":
    runner.main(run)
