"""Which part of AdaGrad pays where gradients are sparse: its clock, or its scale?

AdaGrad divides by the root of a count times the root of a mean. Of the two factors the contestants
have neither (one rate), the first (the own clock), the second (the own scale), or both (AdaGrad).

Fifty words learn a number each. At every step one of them turns up, with frequencies like 1, 1/2,
1/3, …, and with it a noisy reading of its number; the gradient of all others is 0. The loss is
half the squared distance from the numbers, each word weighted by its frequency. On the problem
`loud` the gradient of every word is multiplied by a factor of its own between 1/10 and 10. These
are gradients of a loss in which the word counts for that factor more. Where `trained` is set, that
is the loss that chooses the rates and judges.

Every contestant may try 36 settings on 24 seeds that are used for nothing else: 36 rates, or 12
rates with three memories, or three offsets, where it has one. The best by the mean loss after the
last step is then run with the seeds of the result.

A rule that adapts its rates and one that does not are fair rivals only if both may end calmly.
So each of them runs twice: at a constant rate, and at one that falls in a straight line to 0.
"""

import functools
from collections.abc import Callable

import numpy as np

from adamtut import rules, schedules
from adamtut.experiments import runner

TUNING_SEEDS = range(1000, 1024)
WORDS, STEPS, SEEDS = 50, 2000, 40
SHARE = 1 / np.arange(1, WORDS + 1) / (1 / np.arange(1, WORDS + 1)).sum()
CHOICES = {
    "beta": (0.9, 0.99, 0.999),
    "betas": ((0.9, 0.9), (0.9, 0.99), (0.9, 0.999)),
    "offset": (0.0, 3.0, 10.0),
}
MANY, FEW = 10.0 ** np.linspace(-3, 1.375, 36), 10.0 ** np.linspace(-3.25, 0.875, 12)


def visits(g, t, n=0.0, *, power=0.5, offset=0.0):
    """The clock alone: divide by a power of the number of gradients that were not 0."""
    n = n + (g != 0)
    return g / np.maximum(n + offset, 1) ** power, n


def scale(g, t, s=0.0, n=0.0):
    """The scale alone: divide by the root of the mean of the squares that were not 0."""
    s, n = s + g**2, n + (g != 0)
    return g / (np.sqrt(s / np.maximum(n, 1)) + 1e-10), s, n


def one_sum(g, t, s=0.0):
    """AdaGrad with one sum of squares for all words."""
    s = s + (g**2).sum(axis=-1, keepdims=True)
    return g / (np.sqrt(s) + 1e-10), s


def root(t):
    """The shared clock."""
    return 1 / t**0.5


line = schedules.linear_decay(steps=STEPS)

# Rule, the settings it has, the factor of its rate at step t, and which setting it may choose.
CONTESTANTS = {
    "constant": (rules.gd, {}, None, None),
    "constant, line": (rules.gd, {}, line, None),
    "shared clock": (rules.gd, {}, root, None),
    "own clock": (visits, {}, None, None),
    "own clock, line": (visits, {}, line, None),
    "own clock, 1/n": (visits, {"power": 1.0}, None, None),
    "own clock, 1/(n + offset)": (visits, {"power": 1.0}, None, "offset"),
    "own scale": (scale, {}, None, None),
    "own scale, line": (scale, {}, line, None),
    "one sum": (one_sum, {}, None, None),
    "one sum, line": (one_sum, {}, line, None),
    "adagrad": (rules.adagrad, {}, None, None),
    "adagrad, line": (rules.adagrad, {}, line, None),
    "rmsprop": (rules.rmsprop, {}, None, "beta"),
    "rmsprop, line": (rules.rmsprop, {}, line, "beta"),
    "adam": (rules.adam, {}, None, "betas"),
    "adam, line": (rules.adam, {}, line, "betas"),
}
# What these do to a word depends on the other words, or moves it when it does not turn up.
WHOLE: tuple[Callable, ...] = one_sum, rules.adam
PROBLEMS = [{"noise": noise, "loud": False} for noise in (0.1, 1.0, 3.0)]
PROBLEMS += [{"noise": 1.0, "loud": True}, {"noise": 1.0, "loud": True, "trained": True}]
SETTINGS = [problem | {"name": name} for problem in PROBLEMS for name in CONTESTANTS]


def draws(seeds, noise):
    """The numbers, which word turns up at each step, how far its reading is off, its loudness."""
    generators = [np.random.default_rng(seed) for seed in seeds]
    target = np.stack([rng.normal(size=WORDS) for rng in generators])
    seen = np.stack([rng.choice(WORDS, size=STEPS, p=SHARE) for rng in generators])
    error = noise * np.stack([rng.normal(size=STEPS) for rng in generators])
    loudness = np.stack([10 ** rng.uniform(-1, 1, size=WORDS) for rng in generators])
    return target, seen, error, loudness


def end(name, rates, seeds, noise, loud=False, **hyper):
    """The places after the last step, shape (rates, seeds, words), and the numbers to be found."""
    rule, own, fall, choice = CONTESTANTS[name]
    target, seen, error, loudness = draws(seeds, noise)
    lr = np.asarray(rates, dtype=float)[:, None]
    x, rows = np.zeros((len(lr), *target.shape)), np.arange(len(target))
    _, *state = rule(np.zeros_like(x), 1, **own, **hyper)
    last = np.zeros(target.shape)  # the step of a word's last visit
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(1, STEPS + 1):
            word = rows, seen[:, t - 1]
            at = np.s_[:, *word]
            g = x[at] - target[word] - error[:, t - 1]
            g = g * loudness[word] if loud else g
            rate = lr * (fall(t) if fall else 1.0)
            if rule in WHOLE:
                full = np.zeros_like(x)
                full[at] = g
                d, *state = rule(full, t, *state, **own, **hyper)
                x = x - rate[..., None] * d
                continue
            # The others stay where they are; what they have forgotten meanwhile is made up for.
            kept = hyper["beta"] ** (t - 1 - last[word]) if choice == "beta" else 1.0
            d, *new = rule(g, t, *(kept * s[at] for s in state), **own, **hyper)
            x[at] -= rate * d
            last[word] = t
            for s, value in zip(state, new, strict=True):
                s[at] = value
    return x, target


def best_guess(seeds, noise):
    """The places that nobody beats who knows how the numbers and the noise are spread.

    From its `n` readings a word's number is known best as their sum over `n + noise²`.
    """
    target, seen, error, _ = draws(seeds, noise)
    n, total = np.zeros_like(target), np.zeros_like(target)
    for t in range(STEPS):
        word = np.arange(len(target)), seen[:, t]
        n[word] += 1
        total[word] += target[word] + error[:, t]
    return total / (n + noise**2), target


def loss(x, target, factor=1.0):
    """Half the squared distance, each word weighted by its frequency; inf where it diverged."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = 0.5 * ((x - target) ** 2 * SHARE * factor).sum(axis=-1)
    return np.where(np.isfinite(values), values, np.inf)


def losses(name, rates, seeds, noise, loud=False, trained=False, **hyper):
    """The loss after the last step, shape (rates, seeds); `trained`: with every word's factor."""
    factor = draws(seeds, noise)[3] if trained else 1.0
    x, target = end(name, rates, seeds, noise, loud, **hyper)
    return loss(x, target, factor)


@functools.cache
def tuned(name, noise, loud, trained=False):
    """The best rate, the setting that was chosen, and whether the rate is no end of its grid."""
    choice = CONTESTANTS[name][3]
    trials = []
    for value in CHOICES[choice] if choice else (None,):
        hyper = {choice: value} if choice else {}
        rates = FEW if choice else MANY
        tries = losses(name, rates, TUNING_SEEDS, noise, loud, trained, **hyper)
        scores = tries.mean(axis=1)
        i = int(scores.argmin())
        trials.append((scores[i], float(rates[i]), hyper, 0 < i < len(rates) - 1))
    return min(trials, key=lambda trial: trial[0])[1:]


@functools.cache
def judged(name, noise, loud, trained=False):
    """The losses of all seeds at the best setting."""
    lr, hyper, _ = tuned(name, noise, loud, trained)
    return losses(name, [lr], range(SEEDS), noise, loud, trained, **hyper)[0]


def measure(name, noise, loud, seed, device, data, trained=False):
    """The loss at the best setting, and the setting."""
    lr, hyper, inside = tuned(name, noise, loud, trained)
    value = judged(name, noise, loud, trained)[seed]
    return {"loss": float(value), "lr": lr, "inside": inside, **hyper}


run = functools.partial(
    runner.run,
    "fifty_words",
    measure,
    SETTINGS,
    seeds=SEEDS,
    data="50 words with frequencies like 1/rank, 2,000 steps, synthetic",
)

if __name__ == "__main__":
    runner.main(run)
