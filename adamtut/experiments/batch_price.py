"""The best batch size where starting a step costs less, or more, than it was measured to.

The problem, the batch sizes, the 58 settings and the seeds of `batch_budget`, with the fixed part
of the price of a step multiplied. The budget of time is about what the count (p + b)(1 + b*/b)
asks for at every price for the height that the measured price reaches in thirty gradients of all
the data, in whole gradients of all, so that the noise is as much of a brake everywhere.
"""

import functools

from adamtut.experiments import batch_budget, runner

PASSES = {0.01: 7, 0.1: 12, 10: 49}  # by the factor of the fixed price; for 1 see batch_budget
SETTINGS = [
    {"factor": factor, "passes": passes, "batch": batch}
    for factor, passes in PASSES.items()
    for batch in batch_budget.BATCHES
]


def measure(factor, passes, batch, seed, device, data):
    """As `batch_budget.outcome`, after as many steps as the time buys at that price."""
    fixed = factor * batch_budget.fixed_price()
    steps = int(passes * (fixed + batch_budget.regression().size) / (fixed + batch))
    return batch_budget.outcome(batch, steps, seed)


run = functools.partial(
    runner.run,
    "batch_price",
    measure,
    SETTINGS,
    seeds=40,
    data="breast-cancer logistic regression",
)

if __name__ == "__main__":
    runner.main(run)
