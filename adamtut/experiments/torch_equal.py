"""How far each class of `adamtut.optim` is from PyTorch's of the same name, in double precision.

Both walk from one start over one stream of gradients that are badly scaled, sparse and
heavy-tailed. tests/optim/test_optim_oracles.py has more settings, and refuses a difference.
"""

from functools import partial

import numpy as np
import torch

from adamtut import optim
from adamtut.experiments import runner

STEPS, SIZE = 1000, 32
NAMES = (
    *("SGD", "Adagrad", "RMSprop", "Adadelta", "Adam"),
    *("AdamW", "Adamax", "AMSGrad", "NAdam", "RAdam"),
)
SETTINGS = [{"optimizer": name} for name in NAMES]


def counterpart(name):
    """PyTorch's optimizer of this name; AMSGrad is a setting of its Adam."""
    if name == "AMSGrad":
        return lambda parameters, lr: torch.optim.Adam(parameters, lr=lr, amsgrad=True)
    return getattr(torch.optim, name)


def gradients(seed):
    """A stream that is badly scaled, sparse and heavy-tailed at once."""
    rng = np.random.default_rng(seed)
    heavy = rng.standard_t(2, size=(STEPS, SIZE))
    seen = rng.random((STEPS, SIZE)) < np.linspace(0.05, 1, SIZE)
    return heavy * seen * np.logspace(-4, 4, SIZE)[rng.permutation(SIZE)]


def walk(build, stream):
    """The parameters after every step."""
    x = torch.nn.Parameter(torch.linspace(-1, 1, SIZE, dtype=torch.float64))
    optimizer = build([x], lr=0.01)
    path = []
    for g in stream:
        x.grad = torch.from_numpy(g.copy())
        optimizer.step()
        path.append(x.detach().numpy().copy())
    return np.stack(path)


def measure(optimizer, seed, device, data):
    """The largest difference on the way, relative to the largest distance gone by that weight."""
    stream = gradients(seed)
    ours, theirs = walk(getattr(optim, optimizer), stream), walk(counterpart(optimizer), stream)
    gone = np.abs(theirs - theirs[0]).max(axis=0)
    return {"difference": float((np.abs(ours - theirs).max(axis=0) / gone).max())}


run = partial(
    runner.run,
    "torch_equal",
    measure,
    SETTINGS,
    seeds=20,
    data=f"{STEPS:,} badly scaled, sparse and heavy-tailed gradients for {SIZE} weights",
    libraries=("numpy", "torch"),
)

if __name__ == "__main__":
    runner.main(run)
