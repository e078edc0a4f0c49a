"""What a low loss is worth: digits learnt by heart, and the same with the last layer doubled.

The runs are those of `amsgrad_falling`, of Adam at a falling rate with the short memory and its
best rate. Doubling the weights and biases of the last layer doubles every output, so that each
digit is read as before.
"""

from functools import partial
from typing import Any

import numpy as np

from adamtut.experiments import amsgrad_falling, runner

BETA2, RATE = 0.9, amsgrad_falling.RATES[7]


def doubled(network, x):
    """The weights with those of the last layer doubled, its biases among them."""
    hidden, outputs = network.widths[-2:]
    factors = np.ones_like(x)
    factors[-(hidden + 1) * outputs :] = 2
    return factors * x


def measure(seed, device, data):
    """At the start, at the end and doubled: the weights' length, the loss, what is misread of 360.

    `learnt` is the share of the 1,437 training digits that are read right.
    """
    task: Any = amsgrad_falling.prepared("digits")  # whose problem is a network
    network, start, loss, error = task
    ends, _ = amsgrad_falling.train("digits", "adam", BETA2, True, np.array([RATE]), [seed])
    end = ends[0, 0]
    points = [start(np.random.default_rng(seed)), end, doubled(network, end)]
    return {
        "length": [float(np.linalg.norm(x)) for x in points],
        "loss": [float(loss(x)) for x in points],
        "misread": [round(360 * error(x)) for x in points],
        "learnt": [float(network.accuracy(x)) for x in points],
    }


run = partial(
    runner.run, "digits_doubled", measure, [{}], seeds=30, data="scikit-learn digits, 64-32-10"
)

if __name__ == "__main__":
    runner.main(run)
