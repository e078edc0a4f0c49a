"""Adam with and without its bias correction, on a variational autoencoder for MNIST.

The experiment of Kingma & Ba 2015, section 6.4, scaled down: 784-100-10, 10,000 images, five
passes. The code is the mean and the logarithm of the variance of a Gaussian; pixels are
probabilities.
"""

import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np

from adamtut import data, rules
from adamtut.experiments import runner
from adamtut.ops import sqrt

EXAMPLES, HIDDEN, CODE, BATCH, EPOCHS = 10_000, 100, 10, 100, 5
LARGEST = 1000.0  # stored for a larger loss, and for one that has overflowed
SETTINGS = [
    {"lr": lr, "beta2": beta2, "corrected": corrected}
    for lr in (0.001, 0.003, 0.01)
    for beta2 in (0.99, 0.999, 0.9999)
    for corrected in (True, False)
]


def uncorrected(g, t, m=0.0, v=0.0, *, betas=(0.9, 0.999), eps=1e-8):
    """Adam without its two lines of correction."""
    beta1, beta2 = betas
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return m / (sqrt(v) + eps), m, v


def _sigmoid(a):
    return (1 + np.tanh(a / 2)) / 2  # never overflows


ACTIVATIONS: dict[str, tuple[Callable, Callable]] = {  # the function and its slope
    "softplus": (lambda a: np.logaddexp(0, a), _sigmoid),
    "relu": (lambda a: np.maximum(a, 0), lambda a: (a > 0).astype(a.dtype)),
    "tanh": (np.tanh, lambda a: 1 - np.tanh(a) ** 2),
}


class Autoencoder:
    """Pixels → units → code → units → pixels, without a library; softplus units if not said.

    Parameters `x` have shape (..., dim): the leading axes hold independent runs. Images have
    shape (..., n, pixels) and values in [0, 1], the noise of the code (..., n, code).
    """

    def __init__(self, pixels, hidden, code, activation="softplus"):
        self.code = code
        self.activation, self.slope = ACTIVATIONS[activation]
        layers = ((pixels, hidden), (hidden, 2 * code), (code, hidden), (hidden, pixels))
        self.shapes = [shape for layer in layers for shape in (layer, (1, layer[1]))]
        self.dim = sum(map(math.prod, self.shapes))

    def start(self, rng):
        """Weights of variance 1 / inputs, biases 0."""
        weights = [rng.normal(size=shape) / shape[0] ** 0.5 for shape in self.shapes[::2]]
        biases = [np.zeros(shape) for shape in self.shapes[1::2]]
        pairs = zip(weights, biases, strict=True)
        return np.concatenate([part.ravel() for pair in pairs for part in pair])

    def loss(self, x, images, noise):
        """Mean over images of minus the evidence bound, in nats, shape (...)."""
        (_, _, mean, log_var, *_, logits), _ = self._forward(x, images, noise)
        pixels = np.logaddexp(0, logits) - images * logits
        divergence = (mean**2 + np.exp(log_var) - log_var - 1) / 2
        return (pixels.sum(axis=-1) + divergence.sum(axis=-1)).mean(axis=-1)

    def divergence(self, x, images):
        """What a code tells about its image on average, the second part of `loss`, in nats."""
        forward, _ = self._forward(x, images, 0)
        _, _, mean, log_var, *_ = forward
        return ((mean**2 + np.exp(log_var) - log_var - 1) / 2).sum(axis=-1).mean(axis=-1)

    def grad(self, x, images, noise):
        """The gradient of `loss`, shape (..., dim)."""
        forward, weights = self._forward(x, images, noise)
        before1, h1, mean, log_var, z, before2, h2, logits = forward
        _, w2, w3, w4 = weights
        n = images.shape[-2]
        at_logits = (_sigmoid(logits) - images) / n
        at_before2 = at_logits @ _t(w4) * self.slope(before2)
        at_z = at_before2 @ _t(w3)
        at_mean = at_z + mean / n
        at_log_var = at_z * noise * np.exp(log_var / 2) / 2 + (np.exp(log_var) - 1) / (2 * n)
        at_code = np.concatenate([at_mean, at_log_var], axis=-1)
        at_before1 = at_code @ _t(w2) * self.slope(before1)
        pairs = ((images, at_before1), (h1, at_code), (z, at_before2), (h2, at_logits))
        parts = []
        for values, slopes in pairs:
            parts += [_t(values) @ slopes, slopes.sum(axis=-2, keepdims=True)]
        return np.concatenate([p.reshape(*x.shape[:-1], -1) for p in parts], axis=-1)

    def _forward(self, x, images, noise):
        parts, start = [], 0
        for shape in self.shapes:
            stop = start + math.prod(shape)
            parts.append(x[..., start:stop].reshape(*x.shape[:-1], *shape))
            start = stop
        w1, b1, w2, b2, w3, b3, w4, b4 = parts
        before1 = images @ w1 + b1
        h1 = self.activation(before1)
        code = h1 @ w2 + b2
        mean, log_var = code[..., : self.code], code[..., self.code :]
        z = mean + np.exp(log_var / 2) * noise
        before2 = z @ w3 + b3
        h2 = self.activation(before2)
        return (before1, h1, mean, log_var, z, before2, h2, h2 @ w4 + b4), (w1, w2, w3, w4)


def _t(matrix):
    return np.swapaxes(matrix, -1, -2)


@cache
def pictures(folder: str | None):
    """The first images, in single precision, pixels scaled to [0, 1]."""
    images, _ = data.mnist("train", folder)
    return (images[:EXAMPLES].reshape(EXAMPLES, -1) / 255).astype(np.float32)


def measure(lr, beta2, corrected, seed, device, data):
    """The loss on all images after the first pass through them and after the last."""
    with np.errstate(over="ignore", invalid="ignore"):  # without the correction it may diverge
        return _measure(lr, beta2, corrected, seed, data)


def _measure(lr, beta2, corrected, seed, data):
    images = pictures(data)
    network = Autoencoder(images.shape[1], HIDDEN, CODE)
    rng = np.random.default_rng(seed)
    x, state = network.start(rng).astype(np.float32), ()
    fixed = rng.normal(size=(EXAMPLES, CODE)).astype(np.float32)
    rule = rules.adam if corrected else uncorrected
    losses, t = {}, 0
    for epoch in range(1, EPOCHS + 1):
        for rows in rng.permutation(EXAMPLES).reshape(-1, BATCH):
            t += 1
            noise = rng.normal(size=(BATCH, CODE)).astype(np.float32)
            g = network.grad(x, images[rows], noise)
            d, *state = rule(g, t, *state, betas=(0.9, beta2))
            x = x - lr * d
        if epoch in (1, EPOCHS):
            loss = float(network.loss(x, images, fixed))
            losses[f"loss_{epoch}"] = loss if loss < LARGEST else LARGEST
    return losses


run = partial(
    runner.run, "vae_correction", measure, SETTINGS, seeds=20, data="MNIST, first 10,000 images"
)

if __name__ == "__main__":
    runner.main(run)
