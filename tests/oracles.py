"""Exact traces of torch.optim, against which rules are held; where torch has none, of a paper."""

import math
from functools import cache

import numpy as np
import torch

from adamtut.schedules import linear_decay

STEPS = 50
LR = 0.01


class PaperOptimizer:
    """A paper's algorithm behind torch's interface, coordinate by coordinate in Python floats."""

    def __init__(self, params, lr, **settings):
        (self.x,) = params
        self.lr, self.settings, self.t = lr, settings, 0
        self.memory = [dict() for _ in range(self.x.numel())]

    @torch.no_grad()
    def step(self):
        self.t += 1
        for i, memory in enumerate(self.memory):
            self.x[i] -= self.lr * self.direction(memory, float(self.x.grad[i]), **self.settings)


class Yogi(PaperOptimizer):
    """Zaheer et al. 2018, algorithm 2, with v from 1e-6."""

    def direction(self, memory, g, betas=(0.9, 0.999), eps=1e-3):
        memory["m"] = betas[0] * memory.get("m", 0.0) + (1 - betas[0]) * g
        v, change = memory.get("v", 1e-6), (1 - betas[1]) * g * g
        memory["v"] = v - change if v > g * g else v + change if v < g * g else v
        return memory["m"] / (math.sqrt(memory["v"]) + eps)


class UncorrectedAMSGrad(PaperOptimizer):
    """Reddi et al. 2018, algorithm 2, with an eps. Sums in the place of recursions."""

    def direction(self, memory, g, betas=(0.9, 0.999), eps=1e-8):
        past = memory.setdefault("past", [])
        past.append(g)
        ages = range(len(past) - 1, -1, -1)
        m = sum((1 - betas[0]) * betas[0] ** k * h for k, h in zip(ages, past, strict=True))
        v = sum((1 - betas[1]) * betas[1] ** k * h * h for k, h in zip(ages, past, strict=True))
        memory["largest"] = max(v, memory.get("largest", 0.0))
        return m / (math.sqrt(memory["largest"]) + eps)


class _SignOptimizer(PaperOptimizer):
    def agreement(self, memory, g, beta, steps):
        """1, 0 or -1, with the paper's linear decay where `steps` is given."""
        memory["m"] = beta * memory.get("m", 0.0) + (1 - beta) * g
        decay = 1.0 if steps is None else max(0.0, 1 - (self.t - 1) / steps)
        return decay * math.copysign(1.0, g * memory["m"]) * (g != 0)


class PowerSign(_SignOptimizer):
    """Bello et al. 2017."""

    def direction(self, memory, g, beta=0.9, base=math.e, steps=None):
        return math.exp(math.log(base) * self.agreement(memory, g, beta, steps)) * g


class AddSign(_SignOptimizer):
    """Bello et al. 2017."""

    def direction(self, memory, g, beta=0.9, alpha=1.0, steps=None):
        return alpha * g + self.agreement(memory, g, beta, steps) * g


# rule name → (torch's optimizer, the hyper-parameters for it, the same for the rule)
CASES = {
    "gd": [(torch.optim.SGD, {}, {})],
    "momentum": [
        (torch.optim.SGD, {"momentum": 0.9}, {}),
        (torch.optim.SGD, {"momentum": 0.5}, {"beta": 0.5}),
    ],
    # torch has no average form; it is the heavy ball at the rate lr (1 - beta).
    "ema_momentum": [
        (torch.optim.SGD, {"momentum": 0.9, "lr": LR * (1 - 0.9)}, {}),
        (torch.optim.SGD, {"momentum": 0.5, "lr": LR * (1 - 0.5)}, {"beta": 0.5}),
    ],
    "nesterov": [
        (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}, {}),
        (torch.optim.SGD, {"momentum": 0.5, "nesterov": True}, {"beta": 0.5}),
    ],
    "adagrad": [
        (torch.optim.Adagrad, {}, {}),
        (torch.optim.Adagrad, {"eps": 1e-3}, {"eps": 1e-3}),
    ],
    "rmsprop": [
        (torch.optim.RMSprop, {"alpha": 0.9}, {}),
        (torch.optim.RMSprop, {"alpha": 0.99, "eps": 1e-3}, {"beta": 0.99, "eps": 1e-3}),
    ],
    "adadelta": [
        (torch.optim.Adadelta, {"rho": 0.95}, {}),
        (torch.optim.Adadelta, {"rho": 0.5, "eps": 1e-3}, {"rho": 0.5, "eps": 1e-3}),
    ],
    "adam": [
        (torch.optim.Adam, {}, {}),
        (
            torch.optim.Adam,
            {"betas": (0.5, 0.9), "eps": 1e-3},
            {"betas": (0.5, 0.9), "eps": 1e-3},
        ),
    ],
    "adamax": [
        (torch.optim.Adamax, {}, {}),
        (
            torch.optim.Adamax,
            {"betas": (0.5, 0.9), "eps": 1e-3},
            {"betas": (0.5, 0.9), "eps": 1e-3},
        ),
    ],
    "yogi": [
        (Yogi, {}, {}),
        (Yogi, {"betas": (0.5, 0.9), "eps": 0.1}, {"betas": (0.5, 0.9), "eps": 0.1}),
    ],
    "amsgrad": [
        (torch.optim.Adam, {"amsgrad": True}, {}),
        (
            torch.optim.Adam,
            {"amsgrad": True, "betas": (0.5, 0.9), "eps": 1e-3},
            {"betas": (0.5, 0.9), "eps": 1e-3},
        ),
        (UncorrectedAMSGrad, {}, {"corrected": False}),
        (
            UncorrectedAMSGrad,
            {"betas": (0.5, 0.9), "eps": 1e-3},
            {"corrected": False, "betas": (0.5, 0.9), "eps": 1e-3},
        ),
    ],
    "nadam": [
        (torch.optim.NAdam, {}, {}),
        (
            torch.optim.NAdam,
            {"betas": (0.5, 0.9), "eps": 1e-3, "momentum_decay": 0.1},
            {"betas": (0.5, 0.9), "eps": 1e-3, "momentum_decay": 0.1},
        ),
    ],
    # The third is never certain of v; in the fourth the length of the average ends between 5 and 6.
    "radam": [
        (torch.optim.RAdam, {}, {}),
        (
            torch.optim.RAdam,
            {"betas": (0.5, 0.95), "eps": 1e-3},
            {"betas": (0.5, 0.95), "eps": 1e-3},
        ),
        (torch.optim.RAdam, {"betas": (0.9, 0.6)}, {"betas": (0.9, 0.6)}),
        (torch.optim.RAdam, {"betas": (0.9, 0.7)}, {"betas": (0.9, 0.7)}),
    ],
    "powersign": [
        (PowerSign, {}, {}),
        (
            PowerSign,
            {"beta": 0.5, "base": 2.0, "steps": 40},
            {"beta": 0.5, "base": 2.0, "decay": linear_decay(steps=40)},
        ),
    ],
    "addsign": [
        (AddSign, {}, {}),
        (
            AddSign,
            {"beta": 0.5, "alpha": 2.0, "steps": 40},
            {"beta": 0.5, "alpha": 2.0, "decay": linear_decay(steps=40)},
        ),
    ],
}

# torch keeps NAdam's product of momenta in float32.
TOLERANCES = {"nadam": 2e-10}


def streams(steps: int = STEPS) -> dict[str, np.ndarray]:
    """Gradient streams (steps, 6) that are hard on an optimizer."""
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(steps, 6))
    return {
        "badly scaled": normal * 10.0 ** np.arange(-3, 3),
        "sparse": normal * (rng.random((steps, 6)) < 0.1),
        "heavy-tailed": rng.standard_cauchy((steps, 6)),
        # 1e-6, where Yogi's v starts, is the square of the first; zeros shall stay zeros
        "constant": np.tile([1e-3, 0.0, 1.0, -1.0, 1e3, -0.1], (steps, 1)),
    }


@cache
def torch_path(rule: str, case: int, stream: str) -> np.ndarray:
    """Parameters (steps + 1, 6) of torch's optimizer, in float64."""
    optimizer_class, settings, _ = CASES[rule][case]
    gradients = streams()[stream]
    x = torch.nn.Parameter(torch.linspace(-1, 1, 6, dtype=torch.float64))
    optimizer = optimizer_class([x], **({"lr": LR} | settings))
    path = [x.detach().numpy().copy()]
    for g in gradients:
        x.grad = torch.from_numpy(g.copy())
        optimizer.step()
        path.append(x.detach().numpy().copy())
    return np.stack(path)


def rule_path(rule, settings: dict, gradients: np.ndarray) -> np.ndarray:
    """The same for a rule, with a loop that does nothing but apply it."""
    x, state = np.linspace(-1, 1, 6), ()
    path = [x]
    for t, g in enumerate(gradients, start=1):
        d, *state = rule(g, t, *state, **settings)
        x = x - LR * d
        path.append(x)
    return np.stack(path)


def disagreement(rule, name: str) -> float:
    """The largest difference from torch, relative to the path, over all cases and streams."""
    worst = 0.0
    for case, (_, _, settings) in enumerate(CASES[name]):
        for stream, gradients in streams().items():
            expected = torch_path(name, case, stream)
            difference = np.abs(rule_path(rule, settings, gradients) - expected).max()
            worst = max(worst, difference / np.abs(expected).max())
            if np.isnan(difference):
                return np.inf
    return worst


# Rule → hyper-parameters, and for the first steps the gradient, the direction and the state.
# The numbers are chosen so that the roots come out even.
BY_HAND = {
    "gd": ({}, [(3.0, 3.0), (-4.0, -4.0)]),
    # m = 0 / 2 + 3, then 3 / 2 - 4
    "momentum": ({"beta": 0.5}, [(3.0, 3.0, 3.0), (-4.0, -2.5, -2.5)]),
    # m = 3 / 2, then 3 / 4 - 4 / 2
    "ema_momentum": ({"beta": 0.5}, [(3.0, 1.5, 1.5), (-4.0, -1.25, -1.25)]),
    # m as in momentum; d = 3 + 3 / 2, then -4 - 2.5 / 2
    "nesterov": ({"beta": 0.5}, [(3.0, 4.5, 3.0), (-4.0, -5.25, -2.5)]),
    # s = 9, then 9 + 16; d = 3 / (3 + 1), then -4 / (5 + 1)
    "adagrad": ({"eps": 1.0}, [(3.0, 0.75, 9.0), (-4.0, -2 / 3, 25.0)]),
    # v = 9 / 4, then 3/4 · 9/4 + 42.25 / 4 = 12.25; d = 3 / (1.5 + 0.5), then -6.5 / (3.5 + 0.5)
    "rmsprop": (
        {"beta": 0.75, "eps": 0.5},
        [(3.0, 1.5, 2.25), (-6.5, -1.625, 12.25)],
    ),
    # v = 4 / 4, then 3/4 + 1/4; both times √(v + eps) = √1.5625 = 1.25
    # d = 0.75 / 1.25 · 2, then -√(0.36 + 0.5625) / 1.25
    # s = 1.44 / 4, then 3/4 · 0.36 + 0.9225 / 1.5625 / 4
    "adadelta": (
        {"rho": 0.75, "eps": 0.5625},
        [(2.0, 1.2, 1.0, 0.36), (-1.0, -(0.9225**0.5) / 1.25, 1.0, 0.4176)],
    ),
    # m = 2 / 2 and v = 4 / 4, corrected 1 / (1/2) = 2 and 1 / (1/4) = 4; d = 2 / (2 + 0.5)
    # m = 1/2 - 5/2 and v = 3/4 + 25/4, corrected -2 / (3/4) and 7 / (7/16) = 16;
    # d = -(8/3) / (4 + 0.5) = -16/27
    "adam": (
        {"betas": (0.5, 0.75), "eps": 0.5},
        [(2.0, 0.8, 1.0, 1.0), (-5.0, -16 / 27, -2.0, 7.0)],
    ),
    # m as in adam, corrected 2 and -8/3; u = max(0, 2 + 0.5), then max(3/4 · 2.5, 5 + 0.5)
    "adamax": (
        {"betas": (0.5, 0.75), "eps": 0.5},
        [(2.0, 0.8, 1.0, 2.5), (-5.0, -16 / 33, -2.0, 5.5)],
    ),
    # m = 2 / 2, then 1/2 - 1/4; v = 1e-6 + 4/4 as v < g², then falls by 0.25 / 4 as v > g²
    "yogi": (
        {"betas": (0.5, 0.75), "eps": 0.5},
        [
            (2.0, 1 / (1.000001**0.5 + 0.5), 1.0, 1.000001),
            (-0.5, 0.25 / (0.937501**0.5 + 0.5), 0.25, 0.937501),
        ],
    ),
    # m, v and their corrections as in adam; then g = 0: m = -1, v = 7 · 3/4, but v_max stays
    # at 7, corrected 7 / (37/64); m is corrected -1 / (7/8)
    "amsgrad": (
        {"betas": (0.5, 0.75), "eps": 0.5},
        [
            (2.0, 0.8, 1.0, 1.0, 1.0),
            (-5.0, -16 / 27, -2.0, 7.0, 7.0),
            (0.0, -8 / 7 / ((448 / 37) ** 0.5 + 0.5), -1.0, 5.25, 7.0),
        ],
    ),
    # mu = 1/2 (1 - 0.96/2), 1/2 (1 - 0.96²/2), 1/2 (1 - 0.96³/2) = 0.26, 0.2696, 0.278816
    # d = (0.2696 · 1 / (1 - 0.26 · 0.2696) + 0.74 · 2 / (1 - 0.26)) / (2 + 0.5)
    # product = 0.070096; d = -(0.278816 · 2 / (1 - 0.070096 · 0.278816)
    #                           + 0.7304 · 5 / (1 - 0.070096)) / (4 + 0.5)
    "nadam": (
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
    # beta2 = 3/4: the length of the average tends to 7, and is 1 and 13/7 in the first steps
    "radam": (
        {"betas": (0.5, 0.75), "eps": 0.5},
        [(2.0, 2.0, 1.0, 1.0), (-5.0, -8 / 3, -2.0, 7.0)],
    ),
    # m = 3 / 2, then 3/4 - 1/2; the signs agree, then disagree, then one of them is 0
    "powersign": (
        {"beta": 0.5, "base": 4.0},
        [(3.0, 12.0, 1.5), (-1.0, -0.25, 0.25), (0.0, 0.0, 0.125)],
    ),
    # as powersign
    "addsign": (
        {"beta": 0.5, "alpha": 1.5},
        [(3.0, 7.5, 1.5), (-1.0, -0.5, 0.25), (0.0, 0.0, 0.125)],
    ),
}


def by_hand(rule, name):
    """Yield what the rule returns in its first steps, and what it should."""
    hyper, steps = BY_HAND[name]
    state = ()
    for t, (g, *expected) in enumerate(steps, start=1):
        found = rule(g, t, *state, **hyper)
        yield found, tuple(expected)
        state = found[1:]
