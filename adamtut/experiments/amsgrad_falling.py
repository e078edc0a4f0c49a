"""AMSGrad against Adam, at a constant rate and at one that falls linearly to zero.

Two tasks, both with beta1 = 0.9 and 1,500 batches of 32: *tumours*, logistic regression on the
bundled breast-cancer data, with a penalty, so that the loss above its minimum can be measured; and
*digits*, a network that learns 1,437 of the bundled digits by heart, the other 360 being kept for
the test. Each pair of rule and schedule may try thirteen rates at each of three beta2, on seeds
that are used for nothing else. The best rate by the geometric mean of the final training loss is
then run with the seeds of the result.

AMSGrad is PyTorch's, which corrects the maximum. On the tumours two more forms of it run: the
paper's, without corrections, with Adam without its correction as a control, and the one that takes
the maximum of what is corrected. Momentum, which has one rate for all coordinates, is the control
of both tasks; it has no beta2. The rows of seed 0 also hold the tuning: the mean of the log loss
for each rate.
"""

import functools
from collections.abc import Callable
from functools import partial

import numpy as np

from adamtut import data, problems, rules, schedules
from adamtut.experiments import runner
from adamtut.experiments.adam_units import adam_uncorrected
from adamtut.ops import maximum, sqrt

STEPS, BATCH = 1500, 32
TUNING_SEEDS = {"tumours": range(1000, 1012), "digits": range(1000, 1008)}
RATES = np.geomspace(1e-3, 1.0, 13)


def correct_first(g, t, m=0.0, v=0.0, v_max=0.0, *, betas=(0.9, 0.999), eps=1e-8):
    """AMSGrad with the maximum of what is already corrected."""
    beta1, beta2 = betas
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    v_max = maximum(v_max, v / (1 - beta2**t))
    return m / (1 - beta1**t) / (sqrt(v_max) + eps), m, v, v_max


def momentum(g, t, *state, betas):
    """Heavy ball with beta1; it has no use for beta2."""
    return rules.momentum(g, t, *state, beta=betas[0])


RULES: dict[str, Callable] = {
    "adam": rules.adam,
    "amsgrad": rules.amsgrad,
    "paper": functools.partial(rules.amsgrad, corrected=False),
    "correct first": correct_first,
    "uncorrected": adam_uncorrected,
    "momentum": momentum,
}
SETTINGS = [
    {"task": task, "rule": rule, "beta2": beta2, "falling": falling}
    for task in TUNING_SEEDS
    for rule in (RULES if task == "tumours" else ("adam", "amsgrad", "momentum"))
    for beta2 in ((0.9, 0.99, 0.999) if rule != "momentum" else (None,))
    for falling in (False, True)
]

Task = tuple[problems.FiniteSum, Callable, Callable, Callable | None]


@functools.cache
def prepared(task) -> Task:
    """The training problem, its start, what is measured, and the error on a test set."""
    if task == "tumours":
        tumours = problems.breast_cancer_logistic()
        lowest = tumours.value(tumours.minima[0])
        return tumours, lambda rng: np.zeros(30), lambda x: tumours.value(x) - lowest, None
    inputs, labels = data.digits()
    parts = np.split(np.random.default_rng(0).permutation(len(labels)), [1437])
    network, unseen = (problems.network(inputs[rows], labels[rows]) for rows in parts)
    return network, network.start, network.value, lambda x: 1 - unseen.accuracy(x)


def train(task, rule, beta2, falling, rates, seeds):
    """Final points (seeds, rates, dim) and the state; each seed has its start and its batches."""
    problem, start, *_ = prepared(task)
    generators = [np.random.default_rng(seed) for seed in seeds]
    x = np.stack([start(generator) for generator in generators])[:, None]
    x = np.repeat(x, len(rates), axis=1)
    fall = schedules.linear_decay(steps=STEPS) if falling else schedules.constant(1.0)
    state: list = []
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(1, STEPS + 1):
            drawn = [generator.integers(problem.size, size=BATCH) for generator in generators]
            rows = np.repeat(np.array(drawn)[:, None], len(rates), axis=1)
            d, *state = RULES[rule](problem.grad(x, rows), t, *state, betas=(0.9, beta2))
            x = x - fall(t) * rates[:, None] * d
    return x, state


@functools.cache
def tuned(task, rule, beta2, falling):
    """The best rate, and the mean log loss of each; None where a run diverged."""
    measured = prepared(task)[2]
    values = []
    for seed in TUNING_SEEDS[task]:
        x, _ = train(task, rule, beta2, falling, RATES, [seed])
        values.append([measured(point) for point in x[0]])
    scores = np.log(np.maximum(values, 1e-300)).mean(axis=0)
    scores = np.where(np.isfinite(scores), scores, np.inf)
    tried = [round(float(score), 4) if np.isfinite(score) else None for score in scores]
    return int(scores.argmin()), tried


def measure(task, rule, beta2, falling, seed, device, data):
    """The final loss and error at the best rate, and by how much the divisor exceeds √v."""
    i, tried = tuned(task, rule, beta2, falling)
    x, state = train(task, rule, beta2, falling, RATES[i : i + 1], [seed])
    _, _, measured, error = prepared(task)
    found = {"loss": float(measured(x[0, 0])), "lr": float(RATES[i]), "place": i / 12}
    if error is not None:
        found["error"] = float(error(x[0, 0]))
    if rule == "amsgrad":  # by how much is the divisor above √v, in the middle of the weights
        _, v, v_max = (part[0, 0] for part in state)
        found["held"] = float(np.median(np.sqrt(v_max[v > 0] / v[v > 0])))
    if seed == 0:
        found["tuning"] = tried
    return found


run = partial(
    runner.run,
    "amsgrad_falling",
    measure,
    SETTINGS,
    seeds=30,
    data="scikit-learn breast cancer and digits",
)

if __name__ == "__main__":
    runner.main(run)
