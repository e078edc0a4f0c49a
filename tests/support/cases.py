"""The table of cases: a row for each rule, with all that the tests know of it.

What the rule itself says, its state and its settings, is in `adamtut.registry`; here is what it is
held to. Nothing here needs PyTorch: what is compared with it is named, and found in `oracles`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from adamtut.experiments.conventions import LR, STEPS, optax_yogi_m_from_0
from adamtut.schedules import constant, linear_decay


class Oracle(NamedTuple):
    """Somebody else's implementation, and the settings with which rule and oracle are equal.

    A class of torch.optim, a function of optax, or a paper's algorithm below, written in another
    way than the rule: a function of a dictionary to remember in, the gradient, which is one number
    of Python's, the step and its settings, that returns the direction.
    """

    library: str  # "torch", "optax" or "paper"
    made: str | Callable
    theirs: Mapping[str, Any] = MappingProxyType({})
    ours: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class DropIn:
    """A class of `adamtut.optim`."""

    settings: dict[str, Any] = field(default_factory=dict)  # that all differ from the defaults
    decay: tuple[float, bool] = (0.0, False)  # defaults: weight_decay, decoupled_weight_decay
    # Of a class that PyTorch does not have: its other defaults, and the keys of a parameter's
    # state, a counter of steps and then the rule's state in its order.
    defaults: dict[str, Any] = field(default_factory=dict)
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """A rule."""

    # What the paper recommends; for eps of AdaGrad, and for eps at all in RMSProp, PyTorch.
    defaults: dict[str, Any]
    # Hyper-parameters, and for the first steps the gradient, the direction and the state, worked
    # out on paper. The numbers are chosen so that the roots come out even.
    by_hand: tuple[dict[str, Any], list[tuple[float, ...]]]
    # One for the defaults and one for other settings, at least.
    oracles: list[Oracle]
    # A gradient that is scaled: the direction is "free" of it, "proportional" to it, or "neither".
    scale: str
    # Which of torch, optax and Keras have it: `adamtut.experiments.conventions` has rows for each.
    libraries: tuple[str, ...] = ()
    classes: dict[str, DropIn] = field(default_factory=dict)
    starts: dict[str, float] = field(default_factory=dict)  # of states that do not start at 0
    numbers: tuple[str, ...] = ()  # states that are one number whatever the gradient
    tolerance: float = 1e-12  # from the oracles, relative to the path
    single: float = 4 * 2.0**-23  # the same from float64, in jax without float64


# The papers' algorithms where no library has them, for one coordinate.


def yogi(memory, g, t, betas=(0.9, 0.999), eps=1e-3):
    """Zaheer et al. 2018, algorithm 2, with v from 1e-6."""
    memory["m"] = betas[0] * memory.get("m", 0.0) + (1 - betas[0]) * g
    v, change = memory.get("v", 1e-6), (1 - betas[1]) * g * g
    memory["v"] = v - change if v > g * g else v + change if v < g * g else v
    return memory["m"] / (math.sqrt(memory["v"]) + eps)


def uncorrected_amsgrad(memory, g, t, betas=(0.9, 0.999), eps=1e-8):
    """Reddi et al. 2018, algorithm 2, with an eps. Sums in the place of recursions."""
    past = memory.setdefault("past", [])
    past.append(g)
    ages = range(len(past) - 1, -1, -1)
    m = sum((1 - betas[0]) * betas[0] ** k * h for k, h in zip(ages, past, strict=True))
    v = sum((1 - betas[1]) * betas[1] ** k * h * h for k, h in zip(ages, past, strict=True))
    memory["largest"] = max(v, memory.get("largest", 0.0))
    return m / (math.sqrt(memory["largest"]) + eps)


def agreement(memory, g, t, beta, steps):
    """1, 0 or -1, with the paper's linear decay where `steps` is given."""
    memory["m"] = beta * memory.get("m", 0.0) + (1 - beta) * g
    decay = 1.0 if steps is None else max(0.0, 1 - (t - 1) / steps)
    return decay * math.copysign(1.0, g * memory["m"]) * (g != 0)


def powersign(memory, g, t, beta=0.9, base=math.e, steps=None):
    """Bello et al. 2017."""
    return math.exp(math.log(base) * agreement(memory, g, t, beta, steps)) * g


def addsign(memory, g, t, beta=0.9, alpha=1.0, steps=None):
    """Bello et al. 2017."""
    return alpha * g + agreement(memory, g, t, beta, steps) * g


ALL = ("torch", "optax", "Keras")
SHORT = {"betas": (0.5, 0.9), "eps": 1e-3}
FADING = linear_decay(steps=40)
# With float64 off, jax has beta2**t in float32. 1 - beta2**t is then off by 2e-5, and a direction
# of size 1 by half of that; rho of RAdam, a small difference of such numbers, is off by 0.05.
POWER_IN_FLOAT32, RHO_IN_FLOAT32 = LR * STEPS * 1e-5, 5e-5

CASES: dict[str, Case] = {
    "gd": Case(
        defaults={},
        by_hand=({}, [(3.0, 3.0), (-4.0, -4.0)]),
        oracles=[Oracle("torch", "SGD")],
        scale="proportional",
        libraries=ALL,
    ),
    "momentum": Case(
        defaults={"beta": 0.9},
        # m = 0 / 2 + 3, then 3 / 2 - 4
        by_hand=({"beta": 0.5}, [(3.0, 3.0, 3.0), (-4.0, -2.5, -2.5)]),
        oracles=[
            Oracle("torch", "SGD", {"momentum": 0.9}),
            Oracle("torch", "SGD", {"momentum": 0.5}, {"beta": 0.5}),
        ],
        scale="proportional",
        libraries=ALL,
        # SGD chooses among gd, momentum and nesterov.
        classes={
            "SGD": DropIn({"momentum": 0.8, "nesterov": True}),
            "SGDW": DropIn(
                {"momentum": 0.8, "nesterov": True},
                decay=(1e-2, True),
                defaults={"lr": 1e-3, "momentum": 0.0, "nesterov": False},
                keys=("momentum_buffer",),
            ),
        },
    ),
    "ema_momentum": Case(
        defaults={"beta": 0.9},
        # m = 3 / 2, then 3 / 4 - 4 / 2
        by_hand=({"beta": 0.5}, [(3.0, 1.5, 1.5), (-4.0, -1.25, -1.25)]),
        # torch has no average form; it is the heavy ball at the rate lr (1 - beta).
        oracles=[
            Oracle("torch", "SGD", {"momentum": 0.9, "lr": LR * (1 - 0.9)}),
            Oracle("torch", "SGD", {"momentum": 0.5, "lr": LR * (1 - 0.5)}, {"beta": 0.5}),
        ],
        scale="proportional",
        libraries=("torch", "optax"),
    ),
    "nesterov": Case(
        defaults={"beta": 0.9},
        # m as in momentum; d = 3 + 3 / 2, then -4 - 2.5 / 2
        by_hand=({"beta": 0.5}, [(3.0, 4.5, 3.0), (-4.0, -5.25, -2.5)]),
        oracles=[
            Oracle("torch", "SGD", {"momentum": 0.9, "nesterov": True}),
            Oracle("torch", "SGD", {"momentum": 0.5, "nesterov": True}, {"beta": 0.5}),
        ],
        scale="proportional",
        libraries=ALL,
    ),
    "adagrad": Case(
        defaults={"eps": 1e-10},
        # s = 9, then 9 + 16; d = 3 / (3 + 1), then -4 / (5 + 1)
        by_hand=({"eps": 1.0}, [(3.0, 0.75, 9.0), (-4.0, -2 / 3, 25.0)]),
        oracles=[
            Oracle("torch", "Adagrad"),
            Oracle("torch", "Adagrad", {"eps": 1e-3}, {"eps": 1e-3}),
        ],
        scale="free",
        libraries=ALL,
        classes={"Adagrad": DropIn({"initial_accumulator_value": 0.25, "eps": 1e-3})},
    ),
    "rmsprop": Case(
        defaults={"beta": 0.9, "eps": 1e-8},
        # v = 9 / 4, then 3/4 · 9/4 + 42.25 / 4 = 12.25
        # d = 3 / (1.5 + 0.5), then -6.5 / (3.5 + 0.5)
        by_hand=({"beta": 0.75, "eps": 0.5}, [(3.0, 1.5, 2.25), (-6.5, -1.625, 12.25)]),
        oracles=[
            Oracle("torch", "RMSprop", {"alpha": 0.9}),
            Oracle("torch", "RMSprop", {"alpha": 0.99, "eps": 1e-3}, {"beta": 0.99, "eps": 1e-3}),
        ],
        scale="free",
        libraries=ALL,
        classes={"RMSprop": DropIn({"alpha": 0.8, "eps": 1e-3})},
    ),
    "adadelta": Case(
        defaults={"rho": 0.95, "eps": 1e-6},
        # v = 4 / 4, then 3/4 + 1/4; both times √(v + eps) = √1.5625 = 1.25
        # d = 0.75 / 1.25 · 2, then -√(0.36 + 0.5625) / 1.25
        # s = 1.44 / 4, then 3/4 · 0.36 + 0.9225 / 1.5625 / 4
        by_hand=(
            {"rho": 0.75, "eps": 0.5625},
            [(2.0, 1.2, 1.0, 0.36), (-1.0, -(0.9225**0.5) / 1.25, 1.0, 0.4176)],
        ),
        oracles=[
            Oracle("torch", "Adadelta", {"rho": 0.95}),
            Oracle("torch", "Adadelta", {"rho": 0.5, "eps": 1e-3}, {"rho": 0.5, "eps": 1e-3}),
        ],
        scale="neither",  # it starts from eps
        libraries=ALL,
        classes={"Adadelta": DropIn({"rho": 0.8, "eps": 1e-3})},
    ),
    "adam": Case(
        defaults={"betas": (0.9, 0.999), "eps": 1e-8},
        # m = 2 / 2 and v = 4 / 4, corrected 1 / (1/2) = 2 and 1 / (1/4) = 4; d = 2 / (2 + 0.5)
        # m = 1/2 - 5/2 and v = 3/4 + 25/4, corrected -2 / (3/4) and 7 / (7/16) = 16;
        # d = -(8/3) / (4 + 0.5) = -16/27
        by_hand=(
            {"betas": (0.5, 0.75), "eps": 0.5},
            [(2.0, 0.8, 1.0, 1.0), (-5.0, -16 / 27, -2.0, 7.0)],
        ),
        oracles=[Oracle("torch", "Adam"), Oracle("torch", "Adam", SHORT, SHORT)],
        scale="free",
        libraries=ALL,
        classes={
            "Adam": DropIn({"betas": (0.8, 0.95), "eps": 1e-3}),
            "AdamW": DropIn({"betas": (0.8, 0.95), "eps": 1e-3}, decay=(1e-2, True)),
        },
        single=POWER_IN_FLOAT32,
    ),
    "adamax": Case(
        defaults={"betas": (0.9, 0.999), "eps": 1e-8},
        # m as in adam, corrected 2 and -8/3; u = max(0, 2 + 0.5), then max(3/4 · 2.5, 5 + 0.5)
        by_hand=(
            {"betas": (0.5, 0.75), "eps": 0.5},
            [(2.0, 0.8, 1.0, 2.5), (-5.0, -16 / 33, -2.0, 5.5)],
        ),
        oracles=[Oracle("torch", "Adamax"), Oracle("torch", "Adamax", SHORT, SHORT)],
        scale="free",
        libraries=ALL,
        classes={"Adamax": DropIn({"betas": (0.8, 0.95), "eps": 1e-3})},
    ),
    "yogi": Case(
        defaults={"betas": (0.9, 0.999), "eps": 1e-3, "corrected": False},
        # m = 2 / 2, then 1/2 - 1/4; v = 1e-6 + 4/4 as v < g², then falls by 0.25 / 4 as v > g²
        by_hand=(
            {"betas": (0.5, 0.75), "eps": 0.5},
            [
                (2.0, 1 / (1.000001**0.5 + 0.5), 1.0, 1.000001),
                (-0.5, 0.25 / (0.937501**0.5 + 0.5), 0.25, 0.937501),
            ],
        ),
        oracles=[
            Oracle("paper", yogi),
            Oracle("paper", yogi, SHORT | {"eps": 0.1}, SHORT | {"eps": 0.1}),
            Oracle(
                "optax",
                optax_yogi_m_from_0,
                {"b1": 0.9, "b2": 0.999, "eps": 1e-3},
                {"corrected": True},
            ),
            Oracle(
                "optax",
                optax_yogi_m_from_0,
                {"b1": 0.5, "b2": 0.9, "eps": 0.1},
                SHORT | {"eps": 0.1, "corrected": True},
            ),
        ],
        scale="neither",  # v starts from 1e-6
        libraries=("optax",),
        classes={
            "Yogi": DropIn(
                {
                    "betas": (0.8, 0.95),
                    "eps": 1e-2,
                    "corrected": True,
                    "initial_accumulator_value": 0.25,
                },
                defaults={
                    "lr": 1e-2,
                    "betas": (0.9, 0.999),
                    "eps": 1e-3,
                    "corrected": False,
                    "initial_accumulator_value": 1e-6,  # as in optax
                },
                keys=("step", "exp_avg", "exp_avg_sq"),
            )
        },
        starts={"v": 1e-6},
    ),
    "amsgrad": Case(
        defaults={"betas": (0.9, 0.999), "eps": 1e-8, "corrected": True},
        # m, v and their corrections as in adam; then g = 0: m = -1, v = 7 · 3/4, but v_max stays
        # at 7, corrected 7 / (37/64); m is corrected -1 / (7/8)
        by_hand=(
            {"betas": (0.5, 0.75), "eps": 0.5},
            [
                (2.0, 0.8, 1.0, 1.0, 1.0),
                (-5.0, -16 / 27, -2.0, 7.0, 7.0),
                (0.0, -8 / 7 / ((448 / 37) ** 0.5 + 0.5), -1.0, 5.25, 7.0),
            ],
        ),
        oracles=[
            Oracle("torch", "Adam", {"amsgrad": True}),
            Oracle("torch", "Adam", {"amsgrad": True} | SHORT, SHORT),
            Oracle("paper", uncorrected_amsgrad, {}, {"corrected": False}),
            Oracle("paper", uncorrected_amsgrad, SHORT, {"corrected": False} | SHORT),
        ],
        scale="free",
        libraries=ALL,
        classes={"AMSGrad": DropIn({"betas": (0.8, 0.95), "eps": 1e-3})},
        single=POWER_IN_FLOAT32,
    ),
    "nadam": Case(
        defaults={"betas": (0.9, 0.999), "eps": 1e-8, "momentum_decay": 0.004},
        # mu = 1/2 (1 - 0.96/2), 1/2 (1 - 0.96²/2), 1/2 (1 - 0.96³/2) = 0.26, 0.2696, 0.278816
        # d = (0.2696 · 1 / (1 - 0.26 · 0.2696) + 0.74 · 2 / (1 - 0.26)) / (2 + 0.5)
        # product = 0.070096; d = -(0.278816 · 2 / (1 - 0.070096 · 0.278816)
        #                           + 0.7304 · 5 / (1 - 0.070096)) / (4 + 0.5)
        by_hand=(
            {"betas": (0.5, 0.75), "eps": 0.5, "momentum_decay": 1.0},
            [
                (2.0, (0.2696 / (1 - 0.070096) + 2) / 2.5, 1.0, 1.0, 0.26),
                (
                    -5.0,
                    -(0.557632 / (1 - 0.070096 * 0.278816) + 3.652 / (1 - 0.070096)) / 4.5,
                    -2.0,
                    7.0,
                    0.070096,
                ),
            ],
        ),
        oracles=[
            Oracle("torch", "NAdam"),
            Oracle(
                "torch", "NAdam", SHORT | {"momentum_decay": 0.1}, SHORT | {"momentum_decay": 0.1}
            ),
        ],
        scale="free",
        libraries=ALL,
        classes={
            "NAdam": DropIn({"betas": (0.8, 0.95), "eps": 1e-3, "momentum_decay": 0.1, "lr": 0.002})
        },
        starts={"product": 1.0},
        numbers=("product",),
        tolerance=2e-10,  # torch keeps the product of momenta in float32
        single=POWER_IN_FLOAT32,
    ),
    "radam": Case(
        defaults={"betas": (0.9, 0.999), "eps": 1e-8},
        # beta2 = 3/4: the length of the average tends to 7, and is 1 and 13/7 in the first steps
        by_hand=(
            {"betas": (0.5, 0.75), "eps": 0.5},
            [(2.0, 2.0, 1.0, 1.0), (-5.0, -8 / 3, -2.0, 7.0)],
        ),
        # The third is never certain of v; in the fourth the length of the average ends between 5
        # and 6.
        oracles=[
            Oracle("torch", "RAdam"),
            Oracle(
                "torch", "RAdam", SHORT | {"betas": (0.5, 0.95)}, SHORT | {"betas": (0.5, 0.95)}
            ),
            Oracle("torch", "RAdam", {"betas": (0.9, 0.6)}, {"betas": (0.9, 0.6)}),
            Oracle("torch", "RAdam", {"betas": (0.9, 0.7)}, {"betas": (0.9, 0.7)}),
        ],
        scale="neither",  # proportional first, free of it later
        libraries=("torch", "optax"),
        classes={"RAdam": DropIn({"betas": (0.8, 0.95), "eps": 1e-2})},
        single=RHO_IN_FLOAT32,
    ),
    "powersign": Case(
        defaults={"beta": 0.9, "base": math.e, "decay": constant(1.0)},
        # m = 3 / 2, then 3/4 - 1/2; the signs agree, then disagree, then one of them is 0
        by_hand=(
            {"beta": 0.5, "base": 4.0},
            [(3.0, 12.0, 1.5), (-1.0, -0.25, 0.25), (0.0, 0.0, 0.125)],
        ),
        oracles=[
            Oracle("paper", powersign),
            Oracle(
                "paper",
                powersign,
                {"beta": 0.5, "base": 2.0, "steps": 40},
                {"beta": 0.5, "base": 2.0, "decay": FADING},
            ),
        ],
        scale="proportional",
        classes={
            "PowerSign": DropIn(
                {"beta": 0.8, "base": 3.0, "decay": linear_decay(steps=20)},
                defaults={"lr": 1e-3, "beta": 0.9, "base": math.e, "decay": constant(1.0)},
                keys=("step", "exp_avg"),
            )
        },
    ),
    "addsign": Case(
        defaults={"beta": 0.9, "alpha": 1.0, "decay": constant(1.0)},
        # as powersign
        by_hand=(
            {"beta": 0.5, "alpha": 1.5},
            [(3.0, 7.5, 1.5), (-1.0, -0.5, 0.25), (0.0, 0.0, 0.125)],
        ),
        oracles=[
            Oracle("paper", addsign),
            Oracle(
                "paper",
                addsign,
                {"beta": 0.5, "alpha": 2.0, "steps": 40},
                {"beta": 0.5, "alpha": 2.0, "decay": FADING},
            ),
        ],
        scale="proportional",
        classes={
            "AddSign": DropIn(
                {"beta": 0.8, "alpha": 1.5, "decay": linear_decay(steps=20)},
                defaults={"lr": 1e-3, "beta": 0.9, "alpha": 1.0, "decay": constant(1.0)},
                keys=("step", "exp_avg"),
            )
        },
    ),
    "lion": Case(
        defaults={"betas": (0.9, 0.99)},
        # the mix is 4 / 2, then 1/2 - 2/2, then 1/8; m = 4 / 4, then 3/4 - 2/4, then 3/16
        by_hand=(
            {"betas": (0.5, 0.75)},
            [(4.0, 1.0, 1.0), (-2.0, -1.0, 0.25), (0.0, 1.0, 0.1875)],
        ),
        oracles=[
            Oracle("optax", "lion", {"weight_decay": 0.0}),
            Oracle(
                "optax", "lion", {"b1": 0.5, "b2": 0.8, "weight_decay": 0.0}, {"betas": (0.5, 0.8)}
            ),
        ],
        scale="free",
        libraries=("optax", "Keras"),
        classes={
            "Lion": DropIn(
                {"betas": (0.8, 0.95)},
                decay=(0.0, True),
                defaults={"lr": 1e-4, "betas": (0.9, 0.99)},
                keys=("step", "exp_avg"),
            )
        },
    ),
}
"""Rule → its row, in the order of `adamtut.rules`."""

DROP_INS = {name: made for case in CASES.values() for name, made in case.classes.items()}


def by_hand(rule, name):
    """Yield what the rule returns in its first steps, and what it should."""
    hyper, steps = CASES[name].by_hand
    state = ()
    for t, (g, *expected) in enumerate(steps, start=1):
        found = rule(g, t, *state, **hyper)
        yield found, tuple(expected)
        state = found[1:]
