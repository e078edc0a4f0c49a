"""AMSGrad against Adam on CIFAR-10, at a constant rate and at one that falls linearly to zero.

Images of half the size, 16 x 16 pixels, and a network of two convolutions: 3,962 weights and 1,500
batches of 32, about one pass over the training images. Each pair of rule and schedule may try five
rates at beta2 = 0.99 and at 0.999 (the paper's choice) on two seeds that are used for nothing else.
The best by the mean training loss at the end is then run with the seeds of the result. The training
loss is that of the first 10,000 training images.
"""

import functools
import itertools
from functools import partial

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, cross_entropy

from adamtut import data, optim, train
from adamtut.experiments import runner

STEPS, BATCH = 1500, 32
TUNING_SEEDS = (1000, 1001)
RATES = 1e-3 * 2.0 ** np.arange(5)
BETA2 = (0.99, 0.999)
RULES = {"adam": optim.Adam, "amsgrad": optim.AMSGrad}
SETTINGS = [{"rule": rule, "falling": falling} for falling in (False, True) for rule in RULES]


@functools.cache
def images(split, folder):
    """Halved images (n, 3, 16, 16), standardised by one number each, and labels."""
    pixels, labels = data.cifar10(split, folder, published=False)
    pixels = torch.tensor(pixels).movedim(-1, 1) / 255
    return (avg_pool2d(pixels, 2) - 0.47) / 0.25, torch.tensor(labels, dtype=torch.long)


def network(seed):
    """Two convolutions with pooling and one linear layer, drawn as PyTorch draws them."""
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(256, 10),
    )


def trained(rule, falling, beta2, rate, seed, folder):
    """Training loss, test loss and test error after the last step."""
    model = network(seed)
    optimizer = RULES[rule](model.parameters(), lr=rate, betas=(0.9, beta2))
    inputs, labels = images("train", folder)
    stream = train.batches(inputs, labels, size=BATCH, steps=STEPS, seed=seed)
    for t, (x, y) in enumerate(stream):
        if falling:
            optimizer.param_groups[0]["lr"] = rate * (1 - t / STEPS)
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        optimizer.step()
    with torch.no_grad():
        seen = cross_entropy(model(inputs[:10_000]), labels[:10_000])
        unseen, truth = images("test", folder)
        scores = model(unseen)
        error = (scores.argmax(dim=1) != truth).double().mean()
        return float(seen), float(cross_entropy(scores, truth)), float(error)


@functools.cache
def tuned(rule, falling, folder):
    """The best of ten settings: beta2, rate, and where it lies in the range of rates."""
    trials = []
    for beta2, (i, rate) in itertools.product(BETA2, enumerate(RATES)):
        setting = (rule, falling, beta2, float(rate))
        losses = [trained(*setting, seed, folder)[0] for seed in TUNING_SEEDS]
        loss = np.mean(losses) if np.isfinite(losses).all() else np.inf
        trials.append((float(loss), beta2, float(rate), i / (len(RATES) - 1)))
    return min(trials)[1:], [trial[0] if np.isfinite(trial[0]) else None for trial in trials]


def measure(rule, falling, seed, device, data):
    """The losses and the error at the best setting, and the setting; tuning with seed 0."""
    (beta2, rate, place), losses = tuned(rule, falling, data)
    loss, test_loss, error = trained(rule, falling, beta2, rate, seed, data)
    found = {"loss": loss, "test_loss": test_loss, "error": error}
    found |= {"beta2": beta2, "lr": rate, "place": place}
    return found | ({"tuning": losses} if seed == 0 else {})


run = partial(
    runner.run,
    "amsgrad_cifar",
    measure,
    SETTINGS,
    seeds=20,
    data="CIFAR-10, 16 x 16 pixels",
    libraries=("numpy", "torch"),
)

if __name__ == "__main__":
    runner.main(run)
