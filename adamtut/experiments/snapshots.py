"""What five models are worth: snapshots, late checkpoints and new starts at equal cost.

MNIST, shrunk to 14 x 14 pixels (means of four): a network of two hidden layers of 64 ReLU units
learns from 1,000 images, which are shifted by up to one pixel at random, by momentum, beta = 0.9,
on batches of 50 and with a small L2 penalty. All get 5 C epochs:

*snapshots*: one run, five cosine waves of C epochs from the same top; the end of each is kept.
*long*: one run, one wave of 5 C epochs; kept are checkpoints at 80, 85, 90, 95 and 100 per cent.
*spread*: the same, but the checkpoints are taken at the same times as the snapshots.
*flat*: one run at a constant rate; kept are five checkpoints of the last half.
*new*: five runs of C epochs, each from a start of its own.
*dear*: five *long* runs from starts of their own, at five times the cost.

Each may try the same six top rates, on four seeds and 2,500 validation images; the rate with the
lowest calibrated log loss of what is handed in (averaged predictions; of *long* the last model) by
the geometric mean is run with the seeds of the result and judged on 5,000 test images. *dear* takes
the rate of *long*. A seed draws the images, the starts and the batches; its images are the same
for all methods.

Of each group of five: the scores of the models, of their averaged predictions, of the last 1, 2 ...
of them averaged, and of their averaged weights; disagreement, the share of test images on which two
models name different classes; and the log loss on straight lines between two models, on the 1,000
images that were trained on and on 1,000 that were not. *calibrated* is the log loss when all
log-probabilities are divided by the temperature that suits the validation images.
"""

import functools
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from adamtut import data, rules, schedules
from adamtut.experiments import runner

BATCH, EXAMPLES, MEMBERS = 50, 1000, 5
WIDTHS = (196, 64, 64, 10)
PER_EPOCH = EXAMPLES // BATCH
RATES = 0.01 * 2.0 ** np.arange(6)
L2 = 5e-4
TUNING_SEEDS = range(1000, 1004)
LATE = (80, 85, 90, 95, 100)
NAMES = ("snapshots", "long", "spread", "flat", "new", "dear")
LINE = np.linspace(0, 1, 7)
SETTINGS: list[dict[str, Any]] = [
    {"cycle": cycle, "name": name}
    for cycle, names in ((16, NAMES), (64, NAMES[:-1]), (4, NAMES))
    for name in names
]


def plan(name: str, cycle: int) -> tuple[schedules.Schedule, int, list[int]]:
    """The factor of the rate, the number of steps, and after which steps weights are kept."""
    unit = cycle * PER_EPOCH
    whole = MEMBERS * unit
    spread = [k * unit for k in range(1, MEMBERS + 1)]
    if name == "snapshots":
        return schedules.sgdr(period=unit), whole, spread
    if name in ("long", "spread", "dear"):
        late = [whole * k // 100 for k in LATE]
        return schedules.cosine(steps=whole), whole, sorted({*late, *spread})
    if name == "flat":
        return schedules.constant(1.0), whole, [whole * k // 10 for k in range(6, 11)]
    if name == "new":
        return schedules.cosine(steps=unit), unit, [unit]
    raise ValueError(f"unknown name {name!r}")


@functools.cache
def pictures(folder):
    """Framed images and labels: to draw from, to tune on, to judge on."""
    (inputs, labels), (unseen, answers) = (_read(part, folder) for part in ("train", "test"))
    mean, deviation = inputs[:45_000].mean(), inputs[:45_000].std()
    inputs, unseen = (_framed((x - mean) / deviation) for x in (inputs, unseen))
    labels, answers = (torch.tensor(y.astype(np.int64)) for y in (labels, answers))
    return (
        (inputs[:45_000], labels[:45_000]),
        (inputs[45_000:47_500], labels[45_000:47_500]),
        (unseen[:5_000], answers[:5_000]),
    )


def _read(part, folder):
    pixels, labels = data.mnist(part, folder)
    return pixels.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4), dtype=np.float32), labels


def _framed(pixels):
    """Images with a frame of one pixel, as rows."""
    wide = np.pad(pixels, ((0, 0), (1, 1), (1, 1)), mode="edge")
    return torch.tensor(wide.reshape(len(wide), -1))


@functools.cache
def views():
    """Where in a framed row the pixels lie, for each shift; the first is none."""
    places = np.arange(16 * 16).reshape(16, 16)
    corners = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2), (0, 0), (0, 2), (2, 0), (2, 2))
    return torch.tensor(np.array([places[i : i + 14, j : j + 14].ravel() for i, j in corners]))


def start(rng):
    """Random weights, normal with variance 2 / fan-in, and biases of zero."""
    found = []
    for fan_in, fan_out in pairwise(WIDTHS):
        found += [rng.normal(size=(fan_in, fan_out)) * (2 / fan_in) ** 0.5, np.zeros((1, fan_out))]
    return [a.astype(np.float32) for a in found]


def logits(x, inputs):
    """Networks side by side: parameters (networks, ...), inputs (networks or 1, n, pixels)."""
    h = inputs.expand(len(x[0]), -1, -1)
    h = torch.relu(torch.baddbmm(x[1], h, x[0]))
    h = torch.relu(torch.baddbmm(x[3], h, x[2]))
    return torch.baddbmm(x[5], h, x[4])


def train(name, cycle, rates, seeds, starts, folder):
    """Weights that were kept, shape (kept, rates, seeds, starts, ...) for each array."""
    factor, steps, kept_at = plan(name, cycle)
    (inputs, labels), _, _ = pictures(folder)
    own = torch.tensor(
        np.array(
            [np.random.default_rng([seed, 0]).permutation(45_000)[:EXAMPLES] for seed in seeds]
        )
    )
    generators = [np.random.default_rng([s, 1 + k]) for s in seeds for k in range(starts)]
    begun = [start(rng) for rng in generators]
    shape = len(rates), len(seeds), starts
    x = [torch.tensor(np.stack(a)).repeat(len(rates), 1, 1) for a in zip(*begun, strict=True)]
    lr = torch.tensor(np.repeat(rates, len(generators)), dtype=torch.float32).reshape(-1, 1, 1)
    states: list = [()] * len(x)
    of_seed = np.repeat(np.arange(len(seeds)), starts)[:, None]
    kept, tables = [], views()
    orders: list = []
    shifts: list = []
    for t in range(1, steps + 1):
        if not orders:
            order = [rng.permutation(EXAMPLES) for rng in generators]
            shift = [rng.integers(len(tables), size=EXAMPLES) for rng in generators]
            orders = np.split(np.array(order), PER_EPOCH, axis=1)
            shifts = np.split(np.array(shift), PER_EPOCH, axis=1)
        rows = own[of_seed, orders.pop()].repeat(len(rates), 1)
        for a in x:
            a.requires_grad_(True)
        seen = tables[torch.tensor(shifts.pop()).repeat(len(rates), 1)]
        out = logits(x, inputs[rows[..., None], seen])
        target = labels[rows].reshape(-1)
        loss = torch.nn.functional.cross_entropy(out.reshape(-1, 10), target, reduction="sum")
        gradients = torch.autograd.grad(loss / BATCH, x)
        with torch.no_grad():
            for i, g in enumerate(gradients):
                d, *states[i] = rules.momentum(g + L2 * x[i], t, *states[i], beta=0.9)
                x[i] = x[i].detach() - factor(t) * lr * d
        if t in kept_at:
            kept.append([a.reshape(*shape, *a.shape[1:]).clone() for a in x])
    return [torch.stack(arrays) for arrays in zip(*kept, strict=True)], own


def probabilities(x, inputs):
    """Of the ten classes, by one network; the images are not shifted."""
    with torch.no_grad():
        found = logits([a[None] for a in x], inputs[:, views()[0]][None])[0].double()
    return torch.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0).softmax(-1).numpy()


def log_loss(p, labels):
    """Mean negative logarithm of the probability of the right class."""
    return float(-np.log(p[np.arange(len(p)), labels] + 1e-30).mean())


def tempered(p, temperature):
    """Probabilities to the power 1 / temperature, normalised."""
    scores = np.log(p + 1e-30) / temperature
    q = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return q / q.sum(axis=-1, keepdims=True)


TEMPERATURES = np.geomspace(0.4, 6, 55)


def scores(on_tuning, on_test, tuning_labels, test_labels):
    """Log loss and accuracy, and the log loss at the temperature that suits the tuning images."""
    best = min(TEMPERATURES, key=lambda t: log_loss(tempered(on_tuning, t), tuning_labels))
    return {
        "loss": log_loss(on_test, test_labels),
        "accuracy": float((on_test.argmax(-1) == test_labels).mean()),
        "calibrated": log_loss(tempered(on_test, best), test_labels),
        "temperature": float(best),
    }


def members(name, cycle, kept, seed):
    """The five models of a seed, each a list of parameters."""
    if name in ("new", "dear"):
        return [[a[-1, 0, seed, k] for a in kept] for k in range(MEMBERS)]
    _, steps, kept_at = plan(name, cycle)
    wanted = kept_at
    if name in ("long", "spread"):
        shares = LATE if name == "long" else (20, 40, 60, 80, 100)
        wanted = [steps * share // 100 for share in shares]
    return [[a[kept_at.index(t), 0, seed, 0] for a in kept] for t in wanted]


@functools.cache
def trained(family, cycle, rates, seeds, folder):
    """The kept weights of several rates and seeds, run side by side; *spread* is *long*."""
    starts = MEMBERS if family in ("new", "dear") else 1
    return train(family, cycle, RATES[list(rates)], seeds, starts, folder)


def family(name):
    """*long* and *spread* are one run, looked at in two ways."""
    return "long" if name == "spread" else name


@functools.cache
def tuned(name, cycle, folder) -> int:
    """The number of the best rate."""
    name = "long" if name == "dear" else name
    everything = tuple(range(len(RATES)))
    kept, _ = trained(family(name), cycle, everything, TUNING_SEEDS, folder)
    inputs, labels = pictures(folder)[1]
    losses = np.zeros((len(RATES), len(TUNING_SEEDS)))
    for rate in everything:
        for seed in range(len(TUNING_SEEDS)):
            models = members(name, cycle, [a[:, [rate]] for a in kept], seed)
            handed_in = models[-1:] if name == "long" else models
            p = np.mean([probabilities(x, inputs) for x in handed_in], axis=0)
            losses[rate, seed] = scores(p, p, labels.numpy(), labels.numpy())["calibrated"]
    return int(np.log(losses).mean(axis=1).argmin())


def measure(cycle, name, seed, device, data, seeds=24):
    """Everything that is known of each group of five models."""
    torch.set_num_threads(1)
    number = tuned(name, cycle, data)
    judged = range(max(seeds, seed + 1))
    kept, own = trained(family(name), cycle, (number,), judged, data)
    everything, (inputs, labels), (unseen, answers) = pictures(data)
    seen, right = everything[0][own[seed]], everything[1][own[seed]].numpy()
    labels, answers = labels.numpy(), answers.numpy()
    models = members(name, cycle, kept, seed)
    tuning, test = (np.array([probabilities(x, z) for x in models]) for z in (inputs, unseen))
    middle = [torch.stack(arrays).mean(dim=0) for arrays in zip(*models, strict=True)]
    of_middle = probabilities(middle, inputs), probabilities(middle, unseen)
    single = [scores(p, q, labels, answers) for p, q in zip(tuning, test, strict=True)]
    last = [(tuning[-m:].mean(axis=0), test[-m:].mean(axis=0)) for m in range(1, MEMBERS + 1)]
    voted = test.argmax(-1)
    lines = {}
    for first, second in ((3, 4), (0, 4)):
        ends = list(zip(models[first], models[second], strict=True))
        between = [[(1 - s) * a + s * b for a, b in ends] for s in LINE.tolist()]
        lines[f"{first}-{second}"] = [
            [round(log_loss(probabilities(x, z), y), 4) for x in between]
            for z, y in ((seen, right), (unseen[:1_000], answers[:1_000]))
        ]
    return {
        "lr": float(RATES[number]),
        "place": number / (len(RATES) - 1),
        "models": {key: [round(s[key], 5) for s in single] for key in single[0]},
        "train": [round(log_loss(probabilities(x, seen), right), 5) for x in models],
        "last": [_rounded(scores(p, q, labels, answers)) for p, q in last],
        "weights": _rounded(scores(*of_middle, labels, answers)),
        "disagreement": [[round(float((a != b).mean()), 4) for b in voted] for a in voted],
        "lines": lines,
    }


def _rounded(values):
    return {name: round(value, 5) for name, value in values.items()}


run = partial(
    runner.run,
    "snapshots",
    measure,
    SETTINGS,
    seeds=24,
    data="MNIST, shrunk to 14 x 14 pixels",
    libraries=("numpy", "torch"),
)

if __name__ == "__main__":
    runner.main(run)
