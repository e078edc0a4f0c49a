"""Gradient descent against Adam on 10,000 MNIST digits: the claim of 79 % to 94 %, and controls.

A 784-64-32-10 tanh network, batches of 64. Every setting is run for the full number of steps,
and the training accuracy is noted after a third of them and at the end.
"""

from functools import cache, partial

import numpy as np

from adamtut import data, problems, rules
from adamtut.experiments import runner

EXAMPLES, HIDDEN, BATCH = 10_000, (64, 32), 64
STEPS = 750
NOTED = (250, 750)
RATES = {
    "gd": [0.01, 0.03, 0.1, 0.3, 1.0, 3.0],
    "momentum": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
    "adam": [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1],
}
SETTINGS = [{"rule": rule, "lr": lr} for rule, rates in RATES.items() for lr in rates]


@cache
def mnist_network(folder: str | None) -> problems.Network:
    """The tanh network on the first images, pixels scaled to [0, 1]."""
    images, labels = data.mnist("train", folder)
    inputs = images[:EXAMPLES].reshape(EXAMPLES, -1) / 255
    return problems.network(inputs, labels[:EXAMPLES], HIDDEN, name="MNIST network")


def measure(rule, lr, seed, device, data):
    """Training loss and accuracy after each number of steps in `NOTED`."""
    problem = mnist_network(data)
    rng = np.random.default_rng(seed)
    x, state = problem.start(rng), ()
    noted = {}
    for t in range(1, STEPS + 1):
        rows = rng.integers(problem.size, size=BATCH)
        d, *state = getattr(rules, rule)(problem.grad(x, rows), t, *state)
        x = x - lr * d
        if t in NOTED:
            noted[f"accuracy_{t}"] = float(problem.accuracy(x))
            noted[f"loss_{t}"] = float(problem.value(x))
    return noted


run = partial(
    runner.run, "digits_mnist", measure, SETTINGS, seeds=20, data="MNIST, first 10,000 images"
)

if __name__ == "__main__":
    runner.main(run)
