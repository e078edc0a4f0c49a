"""Softmax regression on words, some of them rare: what makes one rate fail, and what heals it.

Each of 128 words has a picture, 32 numbers that are uniform in [0, 1]. A reading of a word is its
picture with normal noise of deviation 0.3, and a linear softmax model learns to name the word. On
the *zipf* stream the words have frequencies like 1, 1/2, 1/3 …, on the *flat* one all are equally
frequent; everything else is the same. On the two *centred* streams 0.5 is taken from every
number of a picture, so that the pictures share no direction. From zero, 200 steps on batches of 64
readings; the rate falls to zero in a straight line. The inputs are never sparse: only the answers
are rare. The Zipf stream was chosen after pilots: with a deviation of 0.1 momentum drew level.

The contestants are gradient descent, momentum 0.9, the same momentum of clipped gradients (where
all weights together have a norm above 0.25, they are scaled down to it; the limit was settled in a
pilot on other seeds), sign descent with momentum, and Adam. Each may try eight rates, a factor of
the root of 2 apart, on six seeds that are used for nothing else; the rate with the lowest mean loss
at the end is run with the seeds of the result.
A seed draws pictures and readings. `groups` is the loss on eight new readings of each word after
each of `steps`, for four groups of words that make up about a quarter of the Zipf stream each: from
few frequent words to many rare ones. `loss` is the loss at the end, weighted as in the stream.
"""

import functools

import numpy as np

from adamtut import rules, schedules
from adamtut.experiments import runner

WORDS, FEATURES, NOISE, BATCH, STEPS, EVERY = 128, 32, 0.3, 64, 200, 25
SEEDS, TUNING_SEEDS, NEW = 20, range(1000, 1006), 8
SHARES = {"zipf": 1 / np.arange(1, WORDS + 1), "flat": np.ones(WORDS)}
SHARES = {name: share / share.sum() for name, share in SHARES.items()}
GROUP = np.minimum((4 * (np.cumsum(SHARES["zipf"]) - SHARES["zipf"] / 2)).astype(int), 3)
RATE = schedules.linear_decay(steps=STEPS)
LIMIT = 0.25


def sign(g, t, m=0.0, *, beta=0.9):
    """Sign descent with momentum: the sign of an average of the gradients."""
    m = beta * m + (1 - beta) * g
    return np.sign(m), m


def clipped(g, t, m=0.0, *, beta=0.9):
    """Momentum of gradients whose norm, of all weights together, is at most `LIMIT`."""
    norm = np.sqrt((g**2).sum(axis=(-2, -1), keepdims=True))
    return rules.momentum(g * np.minimum(1.0, LIMIT / norm), t, m, beta=beta)


CONTESTANTS = {
    "gd": (rules.gd, 2.0 ** (3 + np.arange(8) / 2)),
    "momentum": (rules.momentum, 2.0 ** (0.5 + np.arange(8) / 2)),
    "sign": (sign, 0.01 * 2.0 ** (0.5 + np.arange(8) / 2)),
    "adam": (rules.adam, 0.08 * 2.0 ** (np.arange(8) / 2)),
    "clipped": (clipped, 2.0 ** (1.5 + np.arange(8) / 2)),
}
LARGER = {"gd": 4.0, "momentum": 2.0}  # the rates that are tried on centred pictures, times this
STREAMS = [*SHARES, *(f"{name} centred" for name in SHARES)]
SETTINGS = [{"stream": stream, "rule": rule} for stream in STREAMS for rule in CONTESTANTS]


def readings(rng, pictures, words):
    """Noisy pictures of words, of any shape."""
    return pictures[words] + NOISE * rng.normal(size=(*words.shape, FEATURES))


def softmax(x, inputs):
    """The probabilities of the words for each input; x are weights (…, FEATURES, WORDS)."""
    logits = inputs @ x
    logits = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return logits / logits.sum(axis=-1, keepdims=True)


def gradient(x, inputs, words):
    """Of the mean loss of a batch, inputs (BATCH, FEATURES)."""
    error = softmax(x, inputs)
    error[..., np.arange(len(words)), words] -= 1
    return inputs.T @ error / len(words)


def course(rule, rates, seed, stream, times):
    """The loss of each word after so many steps, shape (rates, times, WORDS)."""
    rng = np.random.default_rng(seed)
    share, middle = SHARES[stream.split()[0]], 0.5 if "centred" in stream else 0.0
    pictures = rng.random((WORDS, FEATURES)) - middle
    named = np.repeat(np.arange(WORDS), NEW)
    new = readings(rng, pictures, named)
    x, state, found = np.zeros((len(rates), FEATURES, WORDS)), (), []
    for t in range(1, STEPS + 2):
        if t - 1 in times:
            chance = softmax(x, new)[:, np.arange(len(named)), named]
            loss = -np.log(np.maximum(chance, 1e-300))
            found.append(loss.reshape(len(rates), WORDS, NEW).mean(axis=-1))
        words = rng.choice(WORDS, size=BATCH, p=share)
        d, *state = rule(gradient(x, readings(rng, pictures, words), words), t, *state)
        x = x - RATE(t) * np.asarray(rates)[:, None, None] * d
    return np.stack(found, axis=1)


def contestant(stream, name):
    """The rule and the rates that it tries on this stream."""
    rule, rates = CONTESTANTS[name]
    return rule, rates * (LARGER.get(name, 1.0) if "centred" in stream else 1.0)


def weighted(losses, stream):
    """The mean of losses (…, WORDS), weighted as in the stream."""
    return losses @ SHARES[stream.split()[0]]


@functools.cache
def tuned(stream, name):
    """The mean loss at the end for each rate that is tried."""
    rule, rates = contestant(stream, name)
    ends = [course(rule, rates, seed, stream, [STEPS])[:, 0] for seed in TUNING_SEEDS]
    return weighted(np.mean(ends, axis=0), stream)


def measure(stream, rule, seed, device, data):
    """The loss of a run at the tuned rate, at the end, and for groups of words on the way."""
    ends = tuned(stream, rule)
    function, rates = contestant(stream, rule)
    best = int(ends.argmin())
    times = list(range(0, STEPS + 1, EVERY))
    (found,) = course(function, [rates[best]], seed, stream, times)
    return {
        "lr": float(rates[best]),
        "inside": 0 < best < len(rates) - 1,
        "loss": float(weighted(found[-1], stream)),
        "steps": times,
        "groups": [found[:, group == GROUP].mean(axis=1).round(5).tolist() for group in range(4)],
    }


run = functools.partial(
    runner.run,
    "zipf_words",
    measure,
    SETTINGS,
    seeds=SEEDS,
    data="noisy pictures of 128 words, Zipf and flat, raw and centred, "
    "200 batches of 64, synthetic",
)

if __name__ == "__main__":
    runner.main(run)
