"""The contest of `correction_tuned` where there is no trap, and with a rate that falls.

A classifier of the same 900 digits, 64-32-10, its units softplus, ReLU or tanh, 150 steps at a
constant rate; and the autoencoder again, 150 and 600 steps, with a rate that falls to 0 in a
straight line. The batches, the seeds that tune and the seeds that judge are those of
`correction_tuned`; as in `correction_units`, two larger rates are tried beside the thirteen.
"""

import functools

import numpy as np

from adamtut import data as datasets
from adamtut import rules
from adamtut.experiments import correction_tuned, runner
from adamtut.experiments.correction_tuned import BATCH, EXAMPLES, MEMORIES, TUNING_SEEDS
from adamtut.experiments.correction_units import MORE_RATES
from adamtut.experiments.vae_correction import ACTIVATIONS, LARGEST, uncorrected

CONTESTS = [
    {"task": "classifier", "activation": activation, "steps": 150, "beta2": beta2}
    for activation in ACTIVATIONS
    for beta2 in MEMORIES
] + [
    {"task": "autoencoder", "activation": "softplus", "steps": steps, "beta2": 0.999}
    for steps in (150, 600)
]
SETTINGS = [contest | {"corrected": side} for contest in CONTESTS for side in (True, False)]


class Classifier:
    """Pixels → units → classes; parameters `x` as those of the autoencoder."""

    def __init__(self, pixels, hidden, classes, activation):
        self.shapes = (pixels, hidden), (1, hidden), (hidden, classes), (1, classes)
        self.ends = np.cumsum([rows * columns for rows, columns in self.shapes])
        self.dim = int(self.ends[-1])
        self.activation, self.slope = ACTIVATIONS[activation]

    def start(self, rng):
        """Weights of variance 1 / inputs, biases 0."""
        parts = [rng.normal(size=shape) / shape[0] ** 0.5 for shape in self.shapes]
        parts[1:4:2] = [np.zeros(shape) for shape in self.shapes[1::2]]
        return np.concatenate([part.ravel() for part in parts])

    def loss(self, x, images, labels):
        """Mean cross-entropy over the images, shape (...)."""
        *_, logits = self._forward(x, images)
        chosen = np.take_along_axis(logits, self._column(labels, logits), axis=-1)
        return (np.log(np.exp(logits).sum(axis=-1)) - chosen[..., 0]).mean(axis=-1)

    def grad(self, x, images, labels):
        """The gradient of `loss`, shape (..., dim)."""
        w2, before, h, logits = self._forward(x, images)
        errors = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        errors -= np.arange(logits.shape[-1]) == self._column(labels, logits)
        errors /= logits.shape[-2]
        hidden = errors @ np.swapaxes(w2, -1, -2) * self.slope(before)
        parts = []
        for values, slopes in ((images, hidden), (h, errors)):
            parts += [np.swapaxes(values, -1, -2) @ slopes, slopes.sum(axis=-2, keepdims=True)]
        return np.concatenate([part.reshape(*x.shape[:-1], -1) for part in parts], axis=-1)

    def _column(self, labels, logits):
        return np.broadcast_to(labels, logits.shape[:-1])[..., None]

    def _forward(self, x, images):
        pieces = zip(np.split(x, self.ends[:-1], axis=-1), self.shapes, strict=True)
        w1, b1, w2, b2 = (piece.reshape(*x.shape[:-1], *shape) for piece, shape in pieces)
        before = images @ w1 + b1
        h = self.activation(before)
        logits = h @ w2 + b2
        return w2, before, h, logits - logits.max(axis=-1, keepdims=True)


@functools.cache
def digits():
    """The pictures and what they show."""
    pixels, labels = datasets.digits()
    return pixels[:EXAMPLES].astype(np.float32), labels[:EXAMPLES]


def losses(task, activation, steps, beta2, corrected, rates, seed):
    """The loss on all pictures after the last step, one for each rate."""
    if task == "autoencoder":
        return correction_tuned.losses(steps, beta2, "falling", corrected, rates, seed, activation)
    pixels, labels = digits()
    network = Classifier(pixels.shape[1], 32, 10, activation)
    rng, rule = np.random.default_rng(seed), rules.adam if corrected else uncorrected
    x, state = np.tile(network.start(rng).astype(np.float32), (len(rates), 1)), ()
    rates = np.reshape(rates, (-1, 1)).astype(np.float32)
    for t in range(1, steps + 1):
        rows = rng.integers(len(pixels), size=BATCH)
        d, *state = rule(network.grad(x, pixels[rows], labels[rows]), t, *state, betas=(0.9, beta2))
        x = x - rates * d
    return np.minimum(network.loss(x, pixels, labels), LARGEST)


@functools.cache
def tuned(task, activation, steps, beta2, corrected):
    """The best of the rates, and where in their range it lies, from 0 to 1."""
    contestant = task, activation, steps, beta2, corrected
    trials = [losses(*contestant, MORE_RATES, seed) for seed in TUNING_SEEDS]
    i = int(np.mean(trials, axis=0).argmin())
    return float(MORE_RATES[i]), i / (len(MORE_RATES) - 1)


def measure(task, activation, steps, beta2, corrected, seed, device, data):
    """The loss at the best rate, and the rate."""
    contestant = task, activation, steps, beta2, corrected
    rate, place = tuned(*contestant)
    (loss,) = losses(*contestant, [rate], seed)
    return {"loss": float(loss), "lr": rate, "place": place}


run = functools.partial(
    runner.run,
    "correction_elsewhere",
    measure,
    SETTINGS,
    seeds=40,
    data="bundled digits, 900 pictures",
)

if __name__ == "__main__":
    runner.main(run)
