"""Exact traces of torch.optim, against which rules are held."""

from functools import cache

import numpy as np
import torch

STEPS = 50
LR = 0.01

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
}


def streams(steps: int = STEPS) -> dict[str, np.ndarray]:
    """Gradient streams (steps, 6) that are hard on an optimizer."""
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(steps, 6))
    return {
        "badly scaled": normal * 10.0 ** np.arange(-3, 3),
        "sparse": normal * (rng.random((steps, 6)) < 0.1),
        "heavy-tailed": rng.standard_cauchy((steps, 6)),
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
