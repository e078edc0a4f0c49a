"""The gradients on which an update is tried, and the rates of its steps.

Each column is one coordinate, and each is there because some mistake shows in it alone: a missing
correction on steady gradients, an `eps` in the wrong place where gradients are as small as it, a
maximum after an outlier, a start value where nothing has come yet.
"""

import numpy as np

STEPS = 40


def _columns() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    t = np.arange(1, STEPS + 1)
    # Steady gradients creep: two equal numbers would meet in a sign, and rounding would decide it.
    steady = 1 + 0.01 * t
    columns = {
        "steady gradients": steady,
        "alternating gradients": (-1.0) ** t * steady,
        "normal gradients": rng.normal(size=STEPS),
    }
    for power in (-10, -8, -7, -6, -4, -3, -2, -1, 1, 2, 3):
        columns[f"normal gradients of size 1e{power}"] = rng.normal(size=STEPS) * 10.0**power
    outlier = rng.normal(size=STEPS)
    outlier[9] = 1000.0
    late = rng.normal(size=STEPS)
    late[:5] = 0.0
    return columns | {
        "one gradient of 1000 at step 10": outlier,
        "no gradient before step 6": late,
        "a gradient in one step of five": rng.normal(size=STEPS) * (rng.random(STEPS) < 0.2),
        "heavy-tailed gradients": rng.standard_cauchy(STEPS),
        "shrinking gradients": 0.8**t,
        "growing gradients": 1.2**t,
    }


_BY_NAME = _columns()
COLUMNS = list(_BY_NAME)
GRADIENTS = np.stack(list(_BY_NAME.values()), axis=1)

# Powers of two, so that dividing a step by its rate rounds nothing; the change shows what a rule
# keeps of the old rate.
RATES = np.where(np.arange(STEPS) < STEPS // 2, 0.5, 0.125)

# Two starts show whether an update looks at the parameter.
ORIGIN = np.zeros(GRADIENTS.shape[1])
ELSEWHERE = np.linspace(-1, 1, GRADIENTS.shape[1])
