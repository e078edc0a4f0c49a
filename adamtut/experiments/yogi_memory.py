"""How long a memory of squared gradients pays: by Adam's law and by Yogi's, on four problems.

Three of them are streams: forty coordinates, each drawn towards targets ξ with mean 0, so that its
gradient is x - ξ and its best place 0. In *news* ξ is 9 once in ten steps and -1 otherwise; in
*storms* it is ±3, and ±30 during storms, which last twenty steps on average and fill a tenth of the
time; in *rare* it is ±3, and coordinates hear of it between always and once in a thousand steps.
Runs begin at three times a normal number and have 1,000 steps. The fourth is a *network* for the
bundled digits, 500 batches of 32, and the loss on all of them.

The contestants differ in the update of v alone: *yogi*, and as its control Adam *without
correction*, both with v from 1e-6 and nothing corrected; *adam* as it is usual, and *momentum*,
which divides by nothing. *yogi, batch* and *adam, batch* are the first two begun as Yogi's authors
advise: v is the mean of squared gradients over 100 draws at the start. Each of them, with each
memory, may try constant rates and rates that fall
linearly to zero, as many for all, on seeds that are used for nothing else; the best by the
geometric mean is then run with the seeds of the result. `tuning` is its mean log loss before that.
"""

import functools
from collections.abc import Callable
from functools import partial

import numpy as np

from adamtut import problems, rules, schedules
from adamtut.experiments import runner
from adamtut.ops import sqrt

COORDINATES = 40
BURST, LASTING = 0.1, 20.0  # share of the bursts; steps that a storm lasts
MEMORIES = (0.5, 0.9, 0.99, 0.999, 0.9999)
STEPS = {"news": 1000, "storms": 1000, "rare": 1000, "network": 500}
# How many tuning seeds, and how many rates in the range; there are twice as many trials.
TUNING_SEEDS = {"news": 8, "storms": 8, "rare": 8, "network": 4}
RATES = {"news": 41, "storms": 41, "rare": 41, "network": 13}
RANGE = (1e-4, 1e1)
RANGE_ON_NETWORK = (1e-4, 1e0)  # of all but momentum
FIRST_BATCH = 100  # draws for the start of v


def adam_uncorrected(g, t, m=0.0, v=1e-6, *, betas=(0.9, 0.999), eps=1e-8):
    """Adam as Yogi is: nothing corrected, v from 1e-6."""
    beta1, beta2 = betas
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return m / (sqrt(v) + eps), m, v


def yogi_settled(g, t, m=0.0, v=81.0, **hyper):
    """Yogi begun where its v settles on the news."""
    return rules.yogi(g, t, m, v, **hyper)


CONTESTANTS: dict[str, Callable] = {
    "momentum": rules.ema_momentum,
    "adam": rules.adam,
    "without correction": adam_uncorrected,
    "yogi": rules.yogi,
    "adam, batch": adam_uncorrected,
    "yogi, batch": rules.yogi,
}
SETTINGS = [
    {"problem": problem, "name": name, "beta2": beta2}
    for problem in STEPS
    for name in CONTESTANTS
    for beta2 in (MEMORIES if name != "momentum" else (None,))
]
# Not stored: an exercise of chapter 10 runs it.
CONTESTANTS["yogi, settled"] = yogi_settled


def stream(problem, generators):
    """Start (seeds, 1, n), gradient of a stack (seeds, rates, n), and how it is judged."""
    shape = (len(generators), 1, COORDINATES)
    arriving = np.geomspace(1, 1e-3, COORDINATES) if problem == "rare" else np.ones(COORDINATES)
    start = 3 * np.stack([rng.normal(size=shape[1:]) for rng in generators])
    storm = np.zeros(shape, dtype=bool)

    def gradient(x):
        nonlocal storm
        first, second = (np.stack([rng.random(shape[1:]) for rng in generators]) for _ in range(2))
        if problem == "news":
            return x - np.where(first < BURST, 9.0, -1.0)
        target = np.where(first < 0.5, 3.0, -3.0)
        if problem == "rare":
            return (second < arriving) * (x - target)
        begins, ends = BURST / (1 - BURST) / LASTING, 1 / LASTING
        storm = np.where(storm, second >= ends, second < begins)
        return x - np.where(storm, 10.0, 1.0) * target

    return start, gradient, lambda x: 0.5 * (arriving * x**2).mean(axis=-1)


@functools.cache
def digits() -> problems.Network:
    """The network, whose making takes a while."""
    return problems.digits_network()


def network(generators):
    """The same for the network."""
    problem = digits()
    start = np.stack([problem.start(rng) for rng in generators])[:, None]

    def gradient(x):
        rows = np.array([rng.integers(problem.size, size=32) for rng in generators])
        return problem.grad(x, np.repeat(rows[:, None], x.shape[1], axis=1))

    return start, gradient, problem.value


def prepared(problem, seeds):
    """Start, gradient and judgement of a problem, each seed with draws of its own."""
    generators = [np.random.default_rng(seed) for seed in seeds]
    return network(generators) if problem == "network" else stream(problem, generators)


def from_batch(problem, start, seeds):
    """Adam's and Yogi's state with v from a first batch, which is drawn for nothing else."""
    _, gradient, _ = prepared(problem, [5000 + seed for seed in seeds])
    return 0.0, np.mean([gradient(start) ** 2 for _ in range(FIRST_BATCH)], axis=0)


def final(problem, name, rates, falling, beta2, seeds):
    """Loss above the minimum, of the network the loss, shape (seeds, rates); inf if it diverged."""
    start, gradient, judged = prepared(problem, seeds)
    steps = STEPS[problem]
    hyper = {} if name == "momentum" else {"betas": (0.9, beta2), "eps": 1e-8}
    fall = schedules.linear_decay(steps=steps) if falling else schedules.constant(1.0)
    x = np.repeat(start, len(rates), axis=1)
    state = from_batch(problem, start, seeds) if name.endswith("batch") else ()
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(1, steps + 1):
            d, *state = CONTESTANTS[name](gradient(x), t, *state, **hyper)
            x = x - fall(t) * rates[:, None] * d
        values = judged(x)
    return np.where(np.isfinite(values), values, np.inf)


@functools.cache
def tuned(problem, name, beta2):
    """The best trial: the rate, where in its range, whether it falls, and its mean log loss."""
    own = problem == "network" and name != "momentum"
    rates = np.geomspace(*(RANGE_ON_NETWORK if own else RANGE), RATES[problem])
    seeds, trials = range(1000, 1000 + TUNING_SEEDS[problem]), []
    for falling in (False, True):
        values = final(problem, name, rates, falling, beta2, seeds)
        scores = np.log(values).mean(axis=0)
        i = int(scores.argmin())
        trials.append((float(scores[i]), i, falling))
    score, i, falling = min(trials)
    return float(rates[i]), i / (len(rates) - 1), falling, score


@functools.cache
def block(problem, name, beta2, number):
    """Final losses of ten seeds, run side by side."""
    rate, _, falling, _ = tuned(problem, name, beta2)
    seeds = range(10 * number, 10 * number + 10)
    return final(problem, name, np.array([rate]), falling, beta2, seeds)[:, 0]


def measure(problem, name, beta2, seed, device, data):
    """The final loss at the best trial, and the trial."""
    rate, place, falling, score = tuned(problem, name, beta2)
    loss = block(problem, name, beta2, seed // 10)[seed % 10]
    return {"loss": float(loss), "lr": rate, "place": place, "falling": falling, "tuning": score}


run = partial(
    runner.run,
    "yogi_memory",
    measure,
    SETTINGS,
    seeds=40,
    data="three streams of gradients, and scikit-learn digits",
)

if __name__ == "__main__":
    runner.main(run)
