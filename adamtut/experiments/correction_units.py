"""The contest of `correction_tuned` with other units and other starts.

The same pictures, batches, tuning seeds and 150 steps at a constant rate, with beta2 = 0.9999; the
units of the network are softplus, ReLU or tanh, and its first weights, of variance 1 / inputs, are
multiplied by a scale. Two larger rates are tried beside the thirteen: tanh bears them.
"""

import functools

from adamtut.experiments import runner
from adamtut.experiments.correction_tuned import RATES, losses, tuned

NETWORKS = {"softplus": (0.5, 1.0), "relu": (1.0, 2**0.5), "tanh": (0.1, 0.5, 1.0, 1.5)}
MORE_RATES = (*RATES, RATES[-1] ** 2 / RATES[-2], RATES[-1] ** 3 / RATES[-2] ** 2)
SETTINGS = [
    {"activation": activation, "scale": scale, "corrected": corrected}
    for activation, scales in NETWORKS.items()
    for scale in scales
    for corrected in (True, False)
]


def measure(activation, scale, corrected, seed, device, data):
    """The loss at the best rate, and the rate."""
    contestant = 150, 0.9999, "constant", corrected
    rate, place = tuned(*contestant, activation, scale, rates=MORE_RATES)
    (loss,) = losses(*contestant, [rate], seed, activation, scale)
    return {"loss": float(loss), "lr": rate, "place": place}


run = functools.partial(
    runner.run, "correction_units", measure, SETTINGS, seeds=40, data="bundled digits, 900 pictures"
)

if __name__ == "__main__":
    runner.main(run)
