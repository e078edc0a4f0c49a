"""Rate against decay, on a map: Adam with an L2 penalty, AdamW, and SGD with momentum.

Two small networks, each trained on few images, so that decay has something to do. *MNIST*: 1,000
images of 14 x 14 pixels (means of four), 32 hidden units, 60 epochs. *CIFAR-10*: 1,500 images of
16 x 16 pixels (means of four), 16 filters of 6 x 6 with batch normalisation, pooled in squares of
four, 20 epochs. Batches of 50; every rate falls linearly to zero; decay and penalty act on the two
matrices of weights and not on the biases.

A run trains one network for each of 5 rates and 7 decays, all from one start, on the same batches.
It notes the loss and the accuracy on 5,000 other training images, and the accuracy on the test set.
With another seed all of it is new: the images, the start and the batches.

A larger run would take a deeper network and all images: at 35 settings, three methods and 20 seeds
that is 2,100 trainings of a residual network, weeks of one GPU.
"""

import functools
from functools import partial
from typing import Any

import numpy as np

from adamtut import data, rules, schedules
from adamtut.experiments import runner

# Rule, and whether its decay is decoupled.
METHODS: dict[str, tuple[Any, bool]] = {
    "adam_l2": (rules.adam, False),
    "adamw": (rules.adam, True),
    "sgd_l2": (rules.momentum, False),
}
ADAM_RATES, SGD_RATES = np.geomspace(1e-3, 1e-1, 5), np.geomspace(1e-2, 1, 5)
RATES = {"adam_l2": ADAM_RATES, "adamw": ADAM_RATES, "sgd_l2": SGD_RATES}
L2 = np.append(0, 1e-4 * np.sqrt(10) ** np.arange(6))
DECAYS = {"adam_l2": L2, "adamw": 100 * L2, "sgd_l2": L2}
EXAMPLES = {"mnist": 1000, "cifar10": 1500}
EPOCHS = {"mnist": 60, "cifar10": 20}
FORMS = {
    "mnist": {"patches": 1, "pixels": 196, "filters": 32},
    "cifar10": {"patches": 36, "pixels": 108, "filters": 16},
}
BATCH, HELD_OUT, SIDE_BY_SIDE = 50, 5000, 5
SETTINGS = [
    {"images": images, "normalised": normalised, "method": method}
    for images, normalised in (("mnist", False), ("cifar10", True))
    for method in METHODS
]


class Networks:
    """Several networks of one form, side by side: filters over patches, ReLU, a linear layer.

    Parameters are four arrays: filters (pixels, networks, filters), their biases, weights
    (networks, features, 10), their biases. An image is an array (patches, pixels).
    """

    def __init__(self, patches, pixels, filters, normalised):
        self.patches, self.pixels, self.filters = patches, pixels, filters
        self.normalised = normalised
        self.side = round(patches**0.5)
        self.pooled = max(self.side // 2, 1)

    def start(self, rng, count, dtype=np.float32):
        """`count` copies of one random start."""
        features = self.pooled**2 * self.filters
        filters = rng.normal(size=(self.pixels, 1, self.filters)) * (2 / self.pixels) ** 0.5
        weights = rng.normal(size=(1, features, 10)) / features**0.5
        arrays = filters, np.zeros((1, self.filters)), weights, np.zeros((1, 1, 10))
        return [
            np.repeat(a.astype(dtype), count, i) for a, i in zip(arrays, (1, 0, 0, 0), strict=True)
        ]

    def features(self, parameters, images, moments=None):
        """Inputs of the linear layer, and what the gradient needs."""
        filters, biases = parameters[:2]
        h = images.reshape(-1, self.pixels) @ filters.reshape(self.pixels, -1)
        deviation = h.dtype.type(1)
        if self.normalised:
            if moments is None:
                mean = h.mean(axis=0)
                variance = np.einsum("ij,ij->j", h, h) / len(h) - mean**2
                moments = mean, np.sqrt(variance + h.dtype.type(1e-5))
            mean, deviation = moments
            h -= mean
            h /= deviation
        out = h + biases.reshape(-1)
        is_on = out > 0
        out *= is_on
        if self.patches > 1:
            out = sum(self._squares(out, len(images))) / 4
        out = out.reshape(len(images), self.pooled**2, -1, self.filters).transpose(2, 0, 1, 3)
        return out.reshape(out.shape[0], len(images), -1), (h, deviation, is_on), moments

    def _squares(self, out, count):
        """Views of the four corners of each square of patches."""
        out = out.reshape(count, self.pooled, 2, self.pooled, 2, -1)
        return [out[:, :, i, :, j] for i in (0, 1) for j in (0, 1)]

    def logits(self, parameters, images, moments=None):
        """What the softmax is taken of, and what the gradient needs."""
        features, kept, _ = self.features(parameters, images, moments)
        return features @ parameters[2] + parameters[3], features, kept

    def gradients(self, parameters, images, labels):
        """Of the mean cross-entropy, one for each array of parameters."""
        logits, features, (h, deviation, is_on) = self.logits(parameters, images)
        error = np.exp(logits - logits.max(axis=-1, keepdims=True))
        error /= error.sum(axis=-1, keepdims=True)
        error[:, np.arange(len(labels)), labels] -= 1
        error /= len(labels)
        back = error @ parameters[2].transpose(0, 2, 1)
        back = back.reshape(len(back), len(images), -1, self.filters).transpose(1, 2, 0, 3)
        if self.patches > 1:
            pooled = back.reshape(len(images), self.pooled, self.pooled, -1) / 4
            back = np.empty_like(h)
            for corner in self._squares(back, len(images)):
                corner[:] = pooled
        back = back.reshape(is_on.shape) * is_on
        of_biases = back.sum(axis=0)
        if self.normalised:
            back -= of_biases / len(h)
            back -= h * (np.einsum("ij,ij->j", back, h) / len(h))
            back /= deviation
        of_filters = images.reshape(-1, self.pixels).T @ back
        return (
            of_filters.reshape(parameters[0].shape),
            of_biases.reshape(parameters[1].shape),
            features.transpose(0, 2, 1) @ error,
            error.sum(axis=1, keepdims=True),
        )

    def scores(self, parameters, images, labels, moments):
        """Mean cross-entropy and share of right answers, one for each network."""
        losses, hits = [], []
        for part in range(0, len(images), 1000):
            logits, *_ = self.logits(parameters, images[part : part + 1000], moments)
            truth = labels[part : part + 1000]
            logits -= logits.max(axis=-1, keepdims=True)
            chosen = logits[:, np.arange(len(truth)), truth]
            losses.append(np.log(np.exp(logits).sum(axis=-1)) - chosen)
            hits.append(logits.argmax(axis=-1) == truth)
        return np.concatenate(losses, axis=1).mean(axis=1), np.concatenate(hits, axis=1).mean(
            axis=1
        )


@functools.cache
def subsets(name: str, folder: str | None):
    """(training images, labels, test images, labels) as (n, patches, pixels) in float32."""
    arrays = []
    for split in ("train", "test"):
        if name == "mnist":
            pixels, labels = data.mnist(split, folder)
            small = pixels.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 1, 196)
            small = (small / 255 - 0.13) * 3
        else:
            pixels, labels = data.cifar10(split, folder, published=False)
            small = pixels.reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4)) / 255
            small = _patches((small - 0.47) / 0.25)
        arrays += [small.astype(np.float32), labels.astype(int)]
    return arrays


def _patches(pixels, size=6, stride=2):
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (size, size), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    return windows.reshape(len(pixels), -1, 3 * size**2)


def train(networks, method, lrs, decays, inputs, labels, epochs, seed):
    """Parameters after training, one network for each pair of rate and decay."""
    rule, is_decoupled = METHODS[method]
    rng = np.random.default_rng([seed, 1])
    parameters, states = networks.start(rng, len(lrs)), [(), (), (), ()]
    per_epoch = len(inputs) // BATCH
    falls = schedules.linear_decay(steps=epochs * per_epoch)
    rows: list = []
    for t in range(1, epochs * per_epoch + 1):
        rows = rows or np.array_split(rng.permutation(len(inputs)), per_epoch)
        batch = rows.pop()
        gradients = networks.gradients(parameters, inputs[batch], labels[batch])
        for i, g in enumerate(gradients):
            shape = [1, -1, 1] if i == 0 else [-1] + [1] * (g.ndim - 1)
            lr = (falls(t) * lrs).astype(np.float32).reshape(shape)
            decay = decays.astype(np.float32).reshape(shape) * (i in (0, 2))  # the two matrices
            x = parameters[i]
            l2, weight_decay = (0, decay) if is_decoupled else (decay, 0)
            d, *states[i] = rule(g + l2 * x, t, *states[i])
            parameters[i] = x - lr * (d + weight_decay * x)
    return parameters


def measure(images, normalised, method, seed, device, data):
    """The map of one seed: lists over rates of lists over decays."""
    inputs, labels, test_inputs, test_labels = subsets(images, data)
    rows = np.random.default_rng([seed, 0]).permutation(len(inputs))
    own, held_out = np.split(rows[: EXAMPLES[images] + HELD_OUT], [EXAMPLES[images]])
    networks = Networks(**FORMS[images], normalised=normalised)
    grid = np.array(np.meshgrid(RATES[method], DECAYS[method], indexing="ij"))
    found = []
    with np.errstate(over="ignore", invalid="ignore"):
        for lrs, decays in grid.reshape(2, -1, SIDE_BY_SIDE).transpose(1, 0, 2):
            result = train(
                networks, method, lrs, decays, inputs[own], labels[own], EPOCHS[images], seed
            )
            moments = networks.features(result, inputs[own])[2]
            loss, accuracy = networks.scores(result, inputs[held_out], labels[held_out], moments)
            test = networks.scores(result, test_inputs, test_labels, moments)[1]
            largest = [np.abs(result[i]).max(axis=axes) for i, axes in ((0, (0, 2)), (2, (1, 2)))]
            found.append([loss, accuracy, test, np.max(largest, axis=0)])
    maps = np.concatenate(found, axis=1).reshape(4, *grid.shape[1:])
    maps = np.nan_to_num(maps, nan=99, posinf=99).clip(max=99)  # diverged
    names = ("loss", "accuracy", "test", "largest")
    return {name: m.round(4).tolist() for name, m in zip(names, maps, strict=True)}


run = partial(
    runner.run,
    "decay_valley",
    measure,
    SETTINGS,
    seeds=20,
    data="MNIST, and CIFAR-10 whose pictures went through JPEG; subsets",
)

if __name__ == "__main__":
    runner.main(run)
