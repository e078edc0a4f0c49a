"""Which steps of an uncorrected run keep an autoencoder in its trap?

Adam with its correction at the rate 0.01, beta2 = 0.9999, on the digits autoencoder of
`correction_tuned`, 150 steps. At the steps from `first` to `last` the rate is multiplied by the
factor that a missing correction would bring; from 1 to 0 there are none. A seed fixes the start
and the batches, for all of them alike.
"""

import functools

import numpy as np

from adamtut import rules
from adamtut.experiments import runner
from adamtut.experiments.correction_tuned import BATCH, task

STEPS, RATE, BETA1, BETA2 = 150, 0.01, 0.9, 0.9999
PARTS = ((1, 0), (1, STEPS), (1, 1), (1, 10), (2, STEPS), (11, STEPS), (50, STEPS))
SETTINGS = [
    {"activation": activation, "first": first, "last": last}
    for activation in ("softplus", "tanh")
    for first, last in PARTS
]


def measure(activation, first, last, seed, device, data):
    """What the code tells about a picture after the last step, in nats, and the loss."""
    pixels, network, fixed = task(activation)
    rng, state = np.random.default_rng(seed), ()
    x = network.start(rng).astype(np.float32)
    for t in range(1, STEPS + 1):
        rows = rng.integers(len(pixels), size=BATCH)
        noise = rng.normal(size=(BATCH, 4)).astype(np.float32)
        g = network.grad(x, pixels[rows], noise)
        d, *state = rules.adam(g, t, *state, betas=(BETA1, BETA2))
        factor = (1 - BETA1**t) / (1 - BETA2**t) ** 0.5 if first <= t <= last else 1.0
        x = x - RATE * factor * d
    told = network.divergence(x, pixels)
    return {"told": float(told), "loss": float(network.loss(x, pixels, fixed))}


run = functools.partial(
    runner.run, "correction_parts", measure, SETTINGS, seeds=40, data="bundled digits, 900 pictures"
)

if __name__ == "__main__":
    runner.main(run)
