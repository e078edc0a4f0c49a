"""The schedule designer of chapter 13: rates, runs and floors are those of the package."""

import json

import numpy as np
import pytest
from test_explore import differs, faults_of, mathematics, missed, results

from adamtut import descend, schedules
from adamtut.registry import RULES

SCHEDULES = mathematics("schedules")
T = 60
START = np.array([3.0, 5.0])
# Designs as the page has them, and the same in Python.
DESIGNS = [
    ({"schedule": "constant", "lr": 0.3}, 0.3 * schedules.constant(1.0)),
    ({"schedule": "inverse_sqrt", "lr": 0.3}, 0.3 * schedules.inverse_sqrt()),
    ({"schedule": "step_decay", "lr": 0.5}, 0.5 * schedules.step_decay(every=30)),
    (
        {"schedule": "step_decay", "lr": 0.5, "chosen": {"every": 20, "factor": 0.5}},
        0.5 * schedules.step_decay(every=20, factor=0.5),
    ),
    ({"schedule": "exponential", "lr": 0.5}, 0.5 * schedules.exponential(factor=0.99)),
    ({"schedule": "linear_warmup", "lr": 1}, 1 * schedules.linear_warmup(steps=12)),
    ({"schedule": "linear_decay", "lr": 0.2}, 0.2 * schedules.linear_decay(steps=60)),
    (
        {"schedule": "linear_decay", "lr": 0.2, "chosen": {"final": 0.1}, "warm": 10},
        0.2
        * schedules.sequence(
            schedules.linear_warmup(steps=10), 10, schedules.linear_decay(steps=50, final=0.1)
        ),
    ),
    ({"schedule": "cosine", "lr": 0.2}, 0.2 * schedules.cosine(steps=60)),
    ({"schedule": "cyclical", "lr": 0.2}, 0.2 * schedules.cyclical(steps=60, cycles=4)),
    (
        {"schedule": "sgdr", "lr": 0.2, "chosen": {"period": 9, "mult": 2}},
        0.2 * schedules.sgdr(period=9, mult=2),
    ),
    (
        {"schedule": "triangular", "lr": 0.2, "times": "linear_decay"},
        0.2 * (schedules.triangular(period=15) * schedules.linear_decay(steps=60)),
    ),
    ({"schedule": "noam", "lr": 2}, 2 * schedules.noam(d_model=1, warmup=6)),
]  # fmt: skip


def rate_faults():
    *found, own, late = yield [
        *(f"rates({json.dumps(design)}, {T})" for design, _ in DESIGNS),
        "rates({ schedule: 'own', lr: 0.5, own: [1, 0.5, 0] }, 5)",
        "rates({ schedule: 'own', lr: 1, own: [0, 1], warm: 2 }, 6)",
    ]
    steps = np.arange(1, T + 1)
    faults = [
        str(design)
        for (design, rate), shown in zip(DESIGNS, found, strict=True)
        if differs(shown, rate(steps))
    ]
    if differs(own, [0.5, 0.375, 0.25, 0.125, 0]):
        faults.append("drawn")
    if differs(late, [0.5, 1, 0, 1 / 3, 2 / 3, 1]):
        faults.append("drawn after a warm-up")
    return faults


def test_every_schedule_is_the_package_s():
    assert faults_of(rate_faults, SCHEDULES) == []
    shapes = results(SCHEDULES, "SHAPES")[0]
    assert {*shapes} == {design["schedule"] for design, _ in DESIGNS}
    assert {*shapes, "product", "sequence"} == {*results("", "Object.keys(adamtut.schedules)")[0]}


CASE = {"kappa": 20, "sigma": 0.3, "seed": 3, "seeds": 4, "settings": {}}
RATE = 0.1 * schedules.cosine(steps=T)


def draws(seed):
    return f"(n => Array.from({{ length: {2 * T} }}, n))(explore.normals({seed}))"


def run_faults():
    rate = f"rates({{ schedule: 'cosine', lr: 0.1 }}, {T})"
    *found, noise = yield [
        *(f"losses('{rule}', {rate}, {json.dumps(CASE)})" for rule in RULES),
        f"[{', '.join(draws(1000 * CASE['seed'] + k) for k in range(1, 5))}]",
    ]
    noise = CASE["sigma"] * np.array(noise).reshape(4, T, 2)
    curvature = np.array([1, 1 / CASE["kappa"]])
    faults = []
    for rule, shown in zip(RULES, found, strict=True):
        path = descend(
            RULES[rule].function,
            lambda x, t: curvature * x + noise[:, t - 1],
            np.tile(START, (4, 1)),
            RATE,
            T,
        )
        if differs(shown, 0.5 * (path**2 @ curvature).T):
            faults.append(rule)
    return faults


def test_the_runs_are_those_of_every_rule():
    assert faults_of(run_faults, SCHEDULES) == []


def floor_faults():
    gd, momentum, low, at, between, above, none, whole, mean = yield [
        "settled('gd', { sigma: 0.5, settings: {}, chains: 8 })",
        "settled('momentum', { sigma: 0.5, settings: { beta: 0.5 } })",
        "interpolated([[0.1, 2], [0.2, 8]], 0.05)",
        "interpolated([[0.1, 2], [0.2, 8]], 0.2)",
        "interpolated([[0.1, 2], [0.2, 8]], 0.1 * Math.SQRT2)",
        "interpolated([[0.1, 2], [0.2, 8]], 0.3)",
        "settled('adagrad', { sigma: 0.5, settings: {} })",
        "floorAt([[0.1, 2], [0.2, 8]], 0.2, 4)",
        "mean([[1, 2], [3, 6]])",
    ]
    faults = []
    rates, floors = np.transpose(gd)
    if (np.abs(floors / (0.5 * rates * 0.25 / (2 - rates)) - 1) > 0.15).any() or rates[-1] != 1.9:
        faults.append("gradient descent's floor")
    rates, floors = np.transpose(momentum)
    exact = 0.5 * rates * 0.25 * 1.5 / (0.5 * (3 - rates))
    if (np.abs(floors / exact - 1) > 0.25).any() or rates[-1] != 2.6:
        faults.append("momentum's floor")
    if differs([low, at, between, whole], [1, 8, 4, 8 + 4 * 1]) or np.isfinite(above):
        faults.append("between the measured rates")
    if none != [] or mean != [2, 4]:
        faults.append("AdaGrad has a floor, or the mean is none")
    return faults


def test_the_floor_is_where_a_constant_rate_settles():
    assert faults_of(floor_faults, SCHEDULES) == []


@pytest.mark.parametrize("rule", RULES)
def test_a_curvature_only_scales_a_floor(rule):
    """What `floorAt` says: with λθ in the place of θ, the rate α has become αλ."""
    noise = np.random.default_rng(0).normal(size=500)
    function = RULES[rule].function
    steep = descend(function, lambda x, t: x + noise[t - 1], 1.0, 0.05, 500)
    flat = descend(function, lambda x, t: 0.1 * x + noise[t - 1], 10.0, 0.5, 500)
    np.testing.assert_allclose(0.1 * flat, steep, rtol=1e-9, atol=1e-12)


def test_a_late_cut_ends_below_an_early_one_and_below_none():
    design = "{ schedule: 'step_decay', lr: 0.5, chosen: { every: %d } }"
    case = json.dumps(CASE | {"kappa": 100, "seeds": 200})
    ends = [f"mean(losses('gd', rates({design % n}, 400), {case})).at(-1)" for n in (360, 400, 100)]
    late, never, early = results(SCHEDULES, *ends)
    curvature, expected = np.array([1, 0.01]), []
    for every in (360, 400, 100):
        rate, square = 0.5 * schedules.step_decay(every=every), START**2
        for t in range(1, 401):
            square = (1 - rate(t) * curvature) ** 2 * square + (0.3 * rate(t)) ** 2
        expected.append(0.5 * curvature @ square)
    assert not differs([late, never, early], expected, 0.12)
    assert late < never < early


FAULTS = [
    ("lr * rate(t)", "rate(t)"),
    ("range(1, T).map(t => lr", "range(0, T - 1).map(t => lr"),
    ("const made = (name, settings) => adamtut.schedules[name](filled(name, settings, T - warm))",
     "const made = (name, settings) => adamtut.schedules[name](filled(name, settings, T))"),
    ("first: up, steps: warm, second: rate", "first: up, steps: warm - 1, second: rate"),
    ("second: made(times, timesChosen)", "second: rate"),
    ("(t - 1) / Math.max(1, T - 1)", "t / T"),
    ("warmup: T => T / 10", "warmup: T => T / 5"),
    ("curvatures[j] * x[j] + sigma * normal()", "x[j] + sigma * normal()"),
    ("curvatures[j] * x[j] + sigma * normal()", "curvatures[j] * x[j] + normal()"),
    ("step(g, i + 1, states[j], settings)", "step(g, i, states[j], settings)"),
    ("states[j] = next;", ""),
    ("x[j] -= alpha * d", "x[j] += alpha * d"),
    ("0.5 * curvatures.reduce", "curvatures.reduce"),
    ("1000 * seed + k", "seed + k"),
    ("step(x[k] + sigma * normal()", "step(2 * x[k] + sigma * normal()"),
    ("states[k] = next;", "states[0] = next;"),
    ("(0.5 * sum) / counted / chains", "sum / counted / chains"),
    ("(0.5 * sum) / counted / chains", "(0.5 * sum) / (counted + warm) / chains"),
    ("(f1 * rate) / r1", "f1"),
    ("Math.log(rate / r0) / Math.log(r1 / r0)", "(rate - r0) / (r1 - r0)"),
    ("interpolated(table, rate * curvature) / curvature", "interpolated(table, rate * curvature)"),
    ("interpolated(table, rate * curvature) / curvature", "interpolated(table, rate) / curvature"),
    ("/ runs.length", "/ 2 / runs.length"),
]  # fmt: skip


@pytest.mark.thorough
def test_a_wrong_designer_is_noticed():
    assert missed((rate_faults, run_faults, floor_faults), SCHEDULES, FAULTS) == []
