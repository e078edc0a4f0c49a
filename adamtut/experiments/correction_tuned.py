"""Adam with and without its bias correction, each at the rate that suits it best.

The digits autoencoder of chapter 6: 900 of the bundled digits, 64-32-4, batches of 32, 150 or 600
steps, beta1 = 0.9. The rate is held, or it grows linearly over the first tenth of the steps and is
held then. Every contestant may try 13 rates, evenly spaced in their logarithms, on eight seeds that
are used for nothing else; the one with the lowest mean loss is then run with the seeds of the
result. A seed fixes the start and the batches, for all contestants alike.
"""

import functools

import numpy as np

from adamtut import data as datasets
from adamtut import rules, schedules
from adamtut.experiments import runner
from adamtut.experiments.vae_correction import LARGEST, Autoencoder, uncorrected

EXAMPLES, BATCH = 900, 32
TUNING_SEEDS = range(1000, 1008)
RATES = tuple(np.geomspace(2e-4, 0.05, 13))
MEMORIES = (0.99, 0.999, 0.9999)
SCHEDULES = ("constant", "warm-up")
SETTINGS = [
    {"steps": steps, "beta2": beta2, "schedule": schedule, "corrected": corrected}
    for steps in (150, 600)
    for beta2 in MEMORIES
    for schedule in SCHEDULES
    for corrected in (True, False)
]


@functools.cache
def task(activation):
    """The pictures, the network, and the noise with which its loss is measured."""
    pixels = datasets.digits()[0][:EXAMPLES].astype(np.float32)
    noise = np.random.default_rng(2).normal(size=(EXAMPLES, 4)).astype(np.float32)
    return pixels, Autoencoder(64, 32, 4, activation), noise


def losses(steps, beta2, schedule, corrected, rates, seed, activation="softplus", scale=1.0):
    """The loss on all pictures after the last step, one for each rate."""
    pixels, network, fixed = task(activation)
    rng, rule = np.random.default_rng(seed), rules.adam if corrected else uncorrected
    if schedule == "falling":
        share = schedules.linear_decay(steps=steps)
    else:
        share = schedules.linear_warmup(steps=steps // 10 if schedule == "warm-up" else 1)
    start = (scale * network.start(rng)).astype(np.float32)
    x, state = np.tile(start, (len(rates), 1)), ()
    rates = np.reshape(rates, (-1, 1)).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(1, steps + 1):
            rows = rng.integers(len(pixels), size=BATCH)
            noise = rng.normal(size=(BATCH, 4)).astype(np.float32)
            g = network.grad(x, pixels[rows], noise)
            d, *state = rule(g, t, *state, betas=(0.9, beta2))
            x = x - share(t) * rates * d
        found = network.loss(x, pixels, fixed)
    return np.where(found < LARGEST, found, LARGEST)


@functools.cache
def tuned(steps, beta2, schedule, corrected, *network, rates=RATES):
    """The best of the rates, and where in their range it lies, from 0 to 1."""
    contestant = steps, beta2, schedule, corrected
    trials = [losses(*contestant, rates, seed, *network) for seed in TUNING_SEEDS]
    i = int(np.mean(trials, axis=0).argmin())
    return float(rates[i]), i / (len(rates) - 1)


def measure(steps, beta2, schedule, corrected, seed, device, data):
    """The loss at the best rate, and the rate."""
    rate, place = tuned(steps, beta2, schedule, corrected)
    (loss,) = losses(steps, beta2, schedule, corrected, [rate], seed)
    return {"loss": float(loss), "lr": rate, "place": place}


run = functools.partial(
    runner.run, "correction_tuned", measure, SETTINGS, seeds=40, data="bundled digits, 900 pictures"
)

if __name__ == "__main__":
    runner.main(run)
