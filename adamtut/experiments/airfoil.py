"""Six rules on the airfoil data, beside torch's own optimizers on the same batches.

The set-up is that of Dive into Deep Learning: inputs and target standardised over all rows, the
first 1,500 of them, linear regression with half the squared error, batches of 10, two epochs.
"""

from functools import partial

import numpy as np

from adamtut import data, problems, rules
from adamtut.experiments import runner

ROWS, BATCH, EPOCHS = 1500, 10, 2
SETTINGS = [
    {"rule": "gd", "lr": 0.05},
    {"rule": "momentum", "lr": 0.005},
    {"rule": "adagrad", "lr": 0.1},
    {"rule": "rmsprop", "lr": 0.01},
    {"rule": "adadelta", "lr": 1.0},
    {"rule": "adam", "lr": 0.01},
]


def regression(folder: str | None) -> problems.FiniteSum:
    """The standardised regression with a column of ones for the intercept."""
    inputs, targets = ((a - a.mean(axis=0)) / a.std(axis=0) for a in data.airfoil(folder))
    inputs, targets = inputs[:ROWS], targets[:ROWS]
    return problems.least_squares(np.column_stack([inputs, np.ones(ROWS)]), targets, "airfoil")


def batches(rng: np.random.Generator):
    """Rows of every batch: each epoch visits all rows once, in a new order."""
    for _ in range(EPOCHS):
        yield from rng.permutation(ROWS).reshape(-1, BATCH)


def measure(rule, lr, seed, device, data):
    """Final losses of our rule and of torch's optimizer, from one start over the same batches."""
    problem = regression(data)
    rng = np.random.default_rng(seed)
    start = 0.01 * rng.normal(size=problem.dim)
    rows = list(batches(rng))
    ours = final_point(getattr(rules, rule), lr, problem, start, rows)
    theirs = torch_final_point(rule, lr, problem, start, rows)
    return {
        "loss": float(problem.value(ours)),
        "torch": float(problem.value(theirs)),
        "optimum": float(problem.value(problem.minima[0])),
    }


def final_point(rule, lr, problem, x, batches):
    """The parameters after all batches."""
    state = ()
    for t, rows in enumerate(batches, start=1):
        d, *state = rule(problem.grad(x, rows), t, *state)
        x = x - lr * d
    return x


def torch_final_point(rule, lr, problem, start, batches):
    """The same run by torch.optim, at the hyper-parameters that are the rule's defaults."""
    import torch

    optimizer_class, settings = {
        "gd": (torch.optim.SGD, {}),
        "momentum": (torch.optim.SGD, {"momentum": 0.9}),
        "adagrad": (torch.optim.Adagrad, {}),
        "rmsprop": (torch.optim.RMSprop, {"alpha": 0.9}),
        "adadelta": (torch.optim.Adadelta, {"rho": 0.95}),
        "adam": (torch.optim.Adam, {}),
    }[rule]
    x = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = optimizer_class([x], lr=lr, **settings)
    for rows in batches:
        x.grad = torch.from_numpy(problem.grad(x.detach().numpy(), rows))
        optimizer.step()
    return x.detach().numpy()


run = partial(
    runner.run,
    "airfoil",
    measure,
    SETTINGS,
    seeds=40,
    data="NASA airfoil self-noise, first 1,500 rows, standardised",
    libraries=("numpy", "torch"),
)

if __name__ == "__main__":
    runner.main(run)
