"""Time of a mini-batch gradient per example, against the batch size."""

import json
import time
from functools import partial

import numpy as np

from adamtut import problems
from adamtut.experiments import runner

BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 569]
ROUNDS = 200


def measure(seed, device, data):
    """Median seconds of one gradient for every batch size, taken in turns in one run."""
    problem = problems.breast_cancer_logistic()
    rng = np.random.default_rng(seed)
    x = rng.normal(size=problem.dim)
    seconds: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    for _ in range(ROUNDS):
        for batch in rng.permutation(BATCHES).tolist():
            rows = rng.integers(problem.size, size=batch)
            before = time.perf_counter()
            problem.grad(x, rows)
            seconds[batch].append(time.perf_counter() - before)
    return {"batches": BATCHES, "seconds": [float(np.median(seconds[b])) for b in BATCHES]}


def ratios(runs):
    """Time per example relative to batch size 1, median over runs, one line a batch size."""
    per_example = np.median([run["seconds"] for run in runs], axis=0) / BATCHES
    for batch, time_per_example in zip(BATCHES, per_example, strict=True):
        yield f"batch {batch:4d}: {time_per_example / per_example[0]:.3f}"


run = partial(
    runner.run, "batch_time", measure, [{}], seeds=20, data="breast-cancer logistic regression"
)

if __name__ == "__main__":
    path = runner.main(run)
    print(*ratios(json.loads(path.read_text(encoding="utf-8"))["runs"]), sep="\n")
