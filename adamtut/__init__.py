"""Adam, step by step: the Adam family of optimizers, from scratch.

`rules` holds every update rule as a pure function, `traits` what a rule may declare, and `registry`
lists the rules; `descend`, `iterate` and `walk` apply one to a function. `diagnose` says which rule
an update of your own is, or what is wrong with it. `schedules` are rates that
change with the step, `optim` has the rules as drop-ins for `torch.optim`, `train` a loop for them
on the CPU or a GPU. `problems` are test functions with gradients and minima, `plot` draws the
figures of the book, `data` fetches real data sets. Each part is imported when it is first used, so
that `import adamtut` needs NumPy alone. `optim` and `train` need PyTorch and `plot` needs
matplotlib; without them `import *`, `dir` and `help` have the others.
"""

import importlib
from importlib.util import find_spec

from adamtut.loop import descend, iterate, walk

__version__ = "0.1.0"

# Each part, and the library without which it cannot be imported.
_PARTS = {
    "data": None,
    "diagnosis": None,
    "experiments": None,
    "ops": None,
    "optim": "torch",
    "plot": "matplotlib",
    "problems": None,
    "registry": None,
    "rules": None,
    "schedules": None,
    "train": "torch",
    "traits": None,
}
# Functions of a part that stand here too.
_FUNCTIONS = {"diagnose": "diagnosis", "diagnose_path": "diagnosis"}
__all__ = ["descend", "iterate", "walk", *_FUNCTIONS]
__all__ += [part for part, library in _PARTS.items() if not library or find_spec(library)]
__all__.sort()


def __getattr__(name):
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"adamtut.{_FUNCTIONS[name]}"), name)
    if name not in _PARTS:
        raise AttributeError(f"adamtut has no part {name!r}; it has {', '.join(__all__)}")
    try:
        return importlib.import_module(f"adamtut.{name}")
    except ImportError as error:
        # The only kind that `hasattr` and `help` expect; `from adamtut import optim` imports again.
        raise AttributeError(str(error)) from error


def __dir__():
    return __all__
