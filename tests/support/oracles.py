"""Exact traces of torch.optim, against which rules are held; where torch has none, of others."""

import math
from functools import cache

import jax
import numpy as np
import optax
import torch

from adamtut.experiments.conventions import LR, streams
from adamtut.schedules import linear_decay


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


class CorrectedYogi:
    """optax's Yogi, behind torch's interface, but with m from 0; optax starts it at 1e-6 like v."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-3):
        (self.x,) = params
        with jax.enable_x64(True):
            optimizer = optax.yogi(lr, *betas, eps=eps)
            moments, *others = optimizer.init(jax.numpy.zeros(self.x.shape))
            self.state = (moments._replace(mu=0 * moments.mu), *others)
        self.update = jax.jit(optimizer.update)

    @torch.no_grad()
    def step(self):
        with jax.enable_x64(True):
            g = jax.numpy.array(self.x.grad.numpy())
            updates, self.state = self.update(g, self.state)
        self.x += torch.from_numpy(np.array(updates))


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
        (CorrectedYogi, {}, {"corrected": True}),
        (
            CorrectedYogi,
            {"betas": (0.5, 0.9), "eps": 0.1},
            {"corrected": True, "betas": (0.5, 0.9), "eps": 0.1},
        ),
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
