"""Time of one step of Adam, beside one of other rules and the gradient it uses."""

import json
import time
from functools import partial

import numpy as np

from adamtut import problems, rules
from adamtut.experiments import runner

HIDDEN = {"2,410 parameters": (32,), "83,498 parameters": (512, 96)}
RULES = ["gd", "momentum", "rmsprop", "adam"]
BATCH, ROUNDS = 64, 60


def measure(network, seed, device, data):
    """Median seconds of a step of each rule and of one gradient, taken in turns in one run."""
    problem = problems.digits_network(HIDDEN[network])
    rng = np.random.default_rng(seed)
    x, state = problem.start(rng), dict.fromkeys(RULES, ())
    seconds: dict[str, list[float]] = {name: [] for name in [*RULES, "gradient"]}
    for t in range(1, ROUNDS + 1):
        rows = rng.integers(problem.size, size=BATCH)
        before = time.perf_counter()
        g = problem.grad(x, rows)
        seconds["gradient"].append(time.perf_counter() - before)
        for name in rng.permutation(RULES).tolist():
            rule = getattr(rules, name)
            before = time.perf_counter()
            d, *state[name] = rule(g, t, *state[name])
            x_new = x - 1e-3 * d
            seconds[name].append(time.perf_counter() - before)
        x = x_new
    return {"parameters": problem.dim} | {k: float(np.median(v)) for k, v in seconds.items()}


def ratios(runs):
    """Time of a step relative to the gradient it uses, median over runs, one line a network."""
    for network in HIDDEN:
        own = [run for run in runs if run["network"] == network]
        parts = [f"{n} {np.median([run[n] / run['gradient'] for run in own]):.2f}" for n in RULES]
        yield f"{network}: {', '.join(parts)}"


run = partial(
    runner.run,
    "adam_cost",
    measure,
    [{"network": name} for name in HIDDEN],
    seeds=20,
    data="scikit-learn digits, tanh networks, batches of 64",
)

if __name__ == "__main__":
    path = runner.main(run)
    print(*ratios(json.loads(path.read_text(encoding="utf-8"))["runs"]), sep="\n")
