"""The classes: each is its rule, and what PyTorch calls the rule's state and hyper-parameters."""

from typing import ClassVar

from adamtut import rules
from adamtut.optim.base import RuleOptimizer, next_step
from adamtut.optim.eager import as_python
from adamtut.traits import AT_LEAST_0

__all__ = [  # noqa: RUF022 - the order of the API page
    "SGD",
    "SGDW",
    "Adagrad",
    "RMSprop",
    "Adadelta",
    "Adam",
    "AdamW",
    "Adamax",
    "AMSGrad",
    "NAdam",
    "RAdam",
    "Yogi",
    "PowerSign",
    "AddSign",
    "Lion",
]


class SGD(RuleOptimizer):
    """Gradient descent, heavy ball or Nesterov momentum, as `momentum` and `nesterov` say.

    Rules `gd`, `momentum` and `nesterov` of `adamtut.rules`, chosen anew in each step.
    """

    rule = staticmethod(rules.momentum)
    numbers: ClassVar = {"momentum": 0.0, "nesterov": False}
    arguments: ClassVar = {"beta": "momentum"}
    slots: ClassVar = {"m": "momentum_buffer"}
    ranges: ClassVar = {"momentum": AT_LEAST_0}
    fixed: ClassVar = {"dampening": (0, "for an average scale lr by 1 - momentum")}
    instead_of_sparse = "set momentum=0 and weight_decay=0"
    counts_steps = False

    @classmethod
    def _check(cls, settings):
        super()._check(settings)
        if settings.get("nesterov") and not settings.get("momentum"):
            raise ValueError(f"{cls.__name__}: nesterov=True needs a momentum above 0")

    def _rule_for(self, group):
        if as_python(group["momentum"]) == 0:
            return rules.gd
        return rules.nesterov if group["nesterov"] else rules.momentum


class SGDW(SGD):
    """`SGD` with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 1).

    PyTorch has none.
    """

    numbers: ClassVar = SGD.numbers | {"weight_decay": 1e-2, "decoupled_weight_decay": True}
    fixed: ClassVar = SGD.fixed | {"decoupled_weight_decay": (True, "use SGD")}


class Adagrad(RuleOptimizer):
    """AdaGrad, rule `adagrad`; PyTorch's `lr_decay` is a schedule."""

    rule = staticmethod(rules.adagrad)
    numbers: ClassVar = {"lr": 1e-2}
    slots: ClassVar = {"s": "sum"}
    starts: ClassVar = {"s": "initial_accumulator_value"}
    ranges: ClassVar = {"initial_accumulator_value": AT_LEAST_0}
    fixed: ClassVar = {"lr_decay": (0, "use a scheduler")}

    def share_memory(self) -> None:
        """Move the sums to shared memory, for training in several processes."""
        for group in self.param_groups:
            for p in group["params"]:
                next_step(state := self.state[p])
                for slot in self._slots_of(p, state, group, self.rule):
                    slot.share_memory_()


class RMSprop(RuleOptimizer):
    """RMSProp, rule `rmsprop`, with PyTorch's `alpha` for beta."""

    rule = staticmethod(rules.rmsprop)
    numbers: ClassVar = {"lr": 1e-2, "alpha": 0.99}
    arguments: ClassVar = {"beta": "alpha"}
    ranges: ClassVar = {"alpha": AT_LEAST_0}
    slots: ClassVar = {"v": "square_avg"}
    fixed: ClassVar = {
        "momentum": (0, "use Adam for momentum"),
        "centered": (False, "the rule has no centred form"),
    }


class Adadelta(RuleOptimizer):
    """Adadelta, rule `adadelta`."""

    rule = staticmethod(rules.adadelta)
    numbers: ClassVar = {"lr": 1.0, "rho": 0.9}
    slots: ClassVar = {"v": "square_avg", "s": "acc_delta"}


class Adam(RuleOptimizer):
    """Adam, rule `adam`."""

    rule = staticmethod(rules.adam)
    slots: ClassVar = {"m": "exp_avg", "v": "exp_avg_sq"}
    fixed: ClassVar = {"amsgrad": (False, "use AMSGrad")}
    instead_of_sparse = "use torch.optim.SparseAdam, which has no decay"


class AdamW(Adam):
    """`Adam` with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2)."""

    numbers: ClassVar = {"weight_decay": 1e-2, "decoupled_weight_decay": True}
    fixed: ClassVar = Adam.fixed | {"decoupled_weight_decay": (True, "use Adam")}


class Adamax(RuleOptimizer):
    """AdaMax, rule `adamax`."""

    rule = staticmethod(rules.adamax)
    numbers: ClassVar = {"lr": 2e-3}
    slots: ClassVar = {"m": "exp_avg", "u": "exp_inf"}


class AMSGrad(RuleOptimizer):
    """AMSGrad, rule `amsgrad`; checkpoints go to and from PyTorch's `Adam(amsgrad=True)`."""

    rule = staticmethod(rules.amsgrad)
    slots: ClassVar = {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"}
    fixed: ClassVar = {"amsgrad": (True, "use Adam")}


class NAdam(RuleOptimizer):
    """NAdam, rule `nadam`."""

    rule = staticmethod(rules.nadam)
    numbers: ClassVar = {"lr": 2e-3}
    slots: ClassVar = {"m": "exp_avg", "v": "exp_avg_sq", "product": "mu_product"}


class RAdam(RuleOptimizer):
    """RAdam, rule `radam`."""

    rule = staticmethod(rules.radam)
    slots: ClassVar = {"m": "exp_avg", "v": "exp_avg_sq"}


class Yogi(RuleOptimizer):
    """Yogi, rule `yogi`; `initial_accumulator_value` is where `v` starts. PyTorch has none.

    Collections of optimizers divide by 1 - beta^t, here ``corrected=True``, and most of them start
    the first moment at 1e-6 as well, which moves parameters that have never had a gradient.
    """

    rule = staticmethod(rules.yogi)
    numbers: ClassVar = {"lr": 1e-2}
    slots: ClassVar = {"m": "exp_avg", "v": "exp_avg_sq"}
    starts: ClassVar = {"v": "initial_accumulator_value"}
    ranges: ClassVar = {"initial_accumulator_value": AT_LEAST_0}


class PowerSign(RuleOptimizer):
    """PowerSign, rule `powersign`; `decay` is a function of t. PyTorch has none."""

    rule = staticmethod(rules.powersign)
    slots: ClassVar = {"m": "exp_avg"}


class AddSign(RuleOptimizer):
    """AddSign, rule `addsign`; `decay` is a function of t. PyTorch has none."""

    rule = staticmethod(rules.addsign)
    slots: ClassVar = {"m": "exp_avg"}


class Lion(RuleOptimizer):
    """Lion, rule `lion`; its weight decay is decoupled, as in the paper. PyTorch has none."""

    rule = staticmethod(rules.lion)
    numbers: ClassVar = {"lr": 1e-4, "decoupled_weight_decay": True}
    slots: ClassVar = {"m": "exp_avg"}
