"""Adam, step by step: the Adam family of optimizers, from scratch.

`rules` holds every update rule as a pure function, `traits` what a rule may declare, and `registry`
lists the rules. `descend` applies one to a function, `schedules` are rates that change with the
step, `optim` has the rules as drop-ins for `torch.optim`, `train` a loop for them on the CPU or a
GPU. `problems` are test functions with gradients and minima, `plot` draws the figures of the book,
`data` fetches real data sets. Each part is imported when it is first used, so that `import adamtut`
needs NumPy alone.
"""

import importlib

from adamtut.loop import descend, iterate

__version__ = "0.1.0"
__all__ = [
    "data",
    "descend",
    "experiments",
    "iterate",
    "ops",
    "optim",
    "plot",
    "problems",
    "registry",
    "rules",
    "schedules",
    "train",
    "traits",
]


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"adamtut.{name}")
    raise AttributeError(f"adamtut has no part {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return __all__
