"""Momentum and Adam, each with eight schedules, on a small network for MNIST.

Images of 7 x 7 pixels, standardised by one number each, and a tanh network with one hidden layer of
16. It trains on the first 55,000 training images, 320 batches of 16; it is tuned by the loss on the
other 5,000 and judged on every second test image. Each schedule multiplies a peak rate, and two
begin with a rise over a tenth of the run. Beside them there is a control, a constant rate whose
points of the last fifth of the run are averaged. Each may try eleven peaks on four seeds that are
used for nothing else; the best by the geometric mean of the validation loss is then run with the
seeds of the result. A diverged run has the loss 100. The rows of seed 0 also hold the tuning: the
log loss of each seed at each peak.
"""

import functools
from functools import partial

import numpy as np

from adamtut import data, problems, rules, schedules
from adamtut.experiments import runner

STEPS, BATCH = 320, 16
TUNING_SEEDS = range(1000, 1004)
DIVERGED = 100.0
RATES = {"momentum": np.geomspace(0.01, 3.2, 11), "adam": np.geomspace(3e-3, 0.96, 11)}
HOLD, UP = STEPS * 4 // 5, STEPS // 10
SHAPES = {
    "constant": schedules.constant(1.0),
    "inverse root": schedules.inverse_sqrt(),
    "one cut": schedules.step_decay(every=STEPS // 2),
    "hold, then fall": schedules.sequence(
        schedules.constant(1.0), HOLD, schedules.linear_decay(steps=STEPS - HOLD)
    ),
    "cosine": schedules.cosine(steps=STEPS),
    "linear": schedules.linear_decay(steps=STEPS),
    "averaged": schedules.constant(1.0),
    "up, inverse root": UP**0.5 * schedules.noam(d_model=1, warmup=UP),
    "up, linear": schedules.sequence(
        schedules.linear_warmup(steps=UP), UP, schedules.linear_decay(steps=STEPS - UP)
    ),
}
SETTINGS = [{"rule": rule, "shape": shape} for rule in RATES for shape in SHAPES]


def shrunk(split, folder):
    """MNIST with 7 x 7 pixels, the means of sixteen, as rows of 49; and the labels."""
    pixels, labels = data.mnist(split, folder)
    return pixels.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(len(pixels), 49), labels


@functools.cache
def images(folder):
    """Inputs and labels to train on, to tune on and to judge on."""
    (inputs, labels), (unseen, digits) = (
        ((pixels - 33.3) / 60.0, labels)
        for pixels, labels in (shrunk(split, folder) for split in ("train", "test"))
    )
    cut = 55_000
    return (inputs[:cut], labels[:cut]), (inputs[cut:], labels[cut:]), (unseen[::2], digits[::2])


@functools.cache
def networks(folder, hidden=(16,)):
    """The network on each of the three."""
    return [problems.network(inputs, labels, hidden) for inputs, labels in images(folder)]


def losses(network, x):
    """Loss of each point (seeds, rates, dim); what is no number is a diverged run."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.array([[network.value(point) for point in row] for row in x])
    return np.minimum(np.where(np.isfinite(values), values, DIVERGED), DIVERGED)


def train(rule, shape, rates, seeds, folder):
    """Final points (seeds, rates, dim); each seed has its start and its batches."""
    problem = networks(folder)[0]
    generators = [np.random.default_rng(seed) for seed in seeds]
    x = np.stack([problem.start(rng) for rng in generators])[:, None]
    x = np.repeat(x, len(rates), axis=1)
    state, points = (), 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(1, STEPS + 1):
            rows = np.array([rng.integers(problem.size, size=BATCH) for rng in generators])
            d, *state = getattr(rules, rule)(problem.grad(x, rows[:, None]), t, *state)
            x = x - SHAPES[shape](t) * rates[:, None] * d
            if shape == "averaged" and t > HOLD:
                points = points + x
    return points / (STEPS - HOLD) if shape == "averaged" else x


@functools.cache
def tuned(rule, shape, folder):
    """Place of the best peak, and the log loss of each seed at each."""
    x = train(rule, shape, RATES[rule], TUNING_SEEDS, folder)
    scores = np.log(losses(networks(folder)[1], x))
    return int(scores.mean(axis=0).argmin()), scores.round(4).tolist()


@functools.cache
def block(rule, shape, folder, number):
    """Test losses and errors of ten seeds at the best peak, run side by side."""
    i, _ = tuned(rule, shape, folder)
    seeds = range(10 * number, 10 * number + 10)
    x = train(rule, shape, RATES[rule][i : i + 1], seeds, folder)
    test = networks(folder)[2]
    return losses(test, x)[:, 0], [1 - test.accuracy(point[0]) for point in x]


def measure(rule, shape, seed, device, data):
    """Test loss and error at the best peak, and the peak."""
    i, scores = tuned(rule, shape, data)
    loss, error = (column[seed % 10] for column in block(rule, shape, data, seed // 10))
    found = {"loss": round(float(loss), 5), "error": round(float(error), 4)}
    found |= {"lr": float(RATES[rule][i]), "place": i / 10}
    return found | ({"tuning": scores} if seed == 0 else {})


run = partial(
    runner.run, "schedule_shapes", measure, SETTINGS, seeds=20, data="MNIST, images of 7 x 7 pixels"
)

if __name__ == "__main__":
    runner.main(run)
