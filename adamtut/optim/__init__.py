"""The rules as drop-ins for `torch.optim`.

A class is data: its rule, and what PyTorch calls the rule's state and hyper-parameters. All of the
arithmetic is in `adamtut.rules`; `RuleOptimizer` keeps the books, as a `torch.optim.Optimizer`
does. A rule of your own, written with `adamtut.ops`, becomes an optimizer in two lines; each of its
hyper-parameters needs a default. It is given whole tensors, unless it declares that it treats each
element by itself, which is faster; `adamtut.traits` has what else a rule may declare::

    class SignDescent(RuleOptimizer):
        rule = staticmethod(elementwise(lambda g, t: (ops.sign(g),)))
"""

try:
    import torch  # noqa: F401
except ImportError as error:
    raise ImportError(
        "adamtut.optim needs PyTorch: install adamtut with its 'torch' extra"
    ) from error

from adamtut.optim import classes
from adamtut.optim.base import RuleOptimizer
from adamtut.optim.classes import *  # noqa: F403 - the names that it lists

__all__ = ["RuleOptimizer"]
__all__ += classes.__all__
