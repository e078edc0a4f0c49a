"""Exact traces of the oracles of the table of cases, against which rules are held."""

from functools import cache, partial

import jax
import numpy as np
import optax
import torch
from cases import CASES, Oracle

from adamtut.experiments.conventions import LR, streams


class PaperOptimizer:
    """A paper's algorithm behind torch's interface, coordinate by coordinate in Python floats."""

    def __init__(self, algorithm, params, lr, **settings):
        (self.x,) = params
        self.algorithm, self.lr, self.settings, self.t = algorithm, lr, settings, 0
        self.memory = [dict() for _ in range(self.x.numel())]

    @torch.no_grad()
    def step(self):
        self.t += 1
        for i, memory in enumerate(self.memory):
            d = self.algorithm(memory, float(self.x.grad[i]), self.t, **self.settings)
            self.x[i] -= self.lr * d


class OptaxOptimizer:
    """An optimizer of optax behind torch's interface."""

    def __init__(self, make, params, lr, **settings):
        (self.x,) = params
        with jax.enable_x64(True):
            optimizer = make(lr, **settings)
            self.state = optimizer.init(jax.numpy.zeros(self.x.shape))
        self.update = jax.jit(optimizer.update)

    @torch.no_grad()
    def step(self):
        with jax.enable_x64(True):
            g, x = jax.numpy.array(self.x.grad.numpy()), jax.numpy.array(self.x.detach().numpy())
            updates, self.state = self.update(g, self.state, x)
        self.x += torch.from_numpy(np.array(updates))


def optimizer_of(oracle: Oracle):
    """What makes the oracle's optimizer from parameters, a rate and settings."""
    if oracle.library == "torch":
        return getattr(torch.optim, oracle.made)
    if oracle.library == "optax":
        made = getattr(optax, oracle.made) if isinstance(oracle.made, str) else oracle.made
        return partial(OptaxOptimizer, made)
    return partial(PaperOptimizer, oracle.made)


@cache
def oracle_path(rule: str, case: int, stream: str) -> np.ndarray:
    """Parameters (steps + 1, 6) of an oracle's optimizer, in float64."""
    oracle = CASES[rule].oracles[case]
    gradients = streams()[stream]
    x = torch.nn.Parameter(torch.linspace(-1, 1, 6, dtype=torch.float64))
    optimizer = optimizer_of(oracle)([x], **{"lr": LR, **oracle.theirs})
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
    """The largest difference from the oracles, relative to the path, over all streams."""
    worst = 0.0
    for case, oracle in enumerate(CASES[name].oracles):
        for stream, gradients in streams().items():
            expected = oracle_path(name, case, stream)
            difference = np.abs(rule_path(rule, oracle.ours, gradients) - expected).max()
            worst = max(worst, difference / np.abs(expected).max())
            if np.isnan(difference):
                return np.inf
    return worst
