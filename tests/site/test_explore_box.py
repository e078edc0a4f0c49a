"""The explorable of chapter 12: its walks are those of the package, and end where it says."""

import json

import numpy as np
import pytest
from test_explore import differs, faults_of, mathematics, missed, results

from adamtut import descend, rules

BOX = mathematics("box")
METHODS = {
    "gd_l2": ("gd", "l2"),
    "gd_decay": ("gd", "weight_decay"),
    "adam_l2": ("adam", "l2"),
    "adamw": ("adam", "weight_decay"),
}
CASES = [
    {"c": [4, 1.5], "lambda": 0.5, "lr": 0.1, "beta2": 0.99, "steps": 120},
    {"c": [-3, 0.2, 5, 0], "lambda": 1.6, "lr": 0.03, "beta2": 0.999, "steps": 90},
    {"c": [1, -1], "lambda": 0, "lr": 0.4, "beta2": 0.9, "steps": 40},
]


def walked(method, case):
    rule, kind = METHODS[method]
    hyper = {"betas": (0.9, case["beta2"])} if rule == "adam" else {}
    c = np.array(case["c"], dtype=float)
    arguments = {kind: case["lambda"], **hyper}
    return descend(
        getattr(rules, rule), lambda x: x - c, 0 * c, case["lr"], case["steps"], **arguments
    )


def walk_faults():
    found = yield [
        f"Object.keys(METHODS).map(method => walk(method, {json.dumps(case)}))" for case in CASES
    ]
    faults = []
    for case, walks in zip(CASES, found, strict=True):
        for method, walk in zip(METHODS, walks, strict=True):
            expected = walked(method, case)
            decay = case["lambda"] * (METHODS[method][1] == "weight_decay")
            steps = -np.diff(expected, axis=0) / case["lr"] - decay * expected[:-1]
            if differs(walk["x"], expected):
                faults.append(("places", method, case["c"]))
            if np.shape(walk["d"]) != steps.shape or np.abs(walk["d"] - steps).max() > 1e-9:
                faults.append(("directions", method, case["c"]))
    return faults


def rest_faults():
    """What is marked is where the package's walks end."""
    case = {"c": [5, 3, 0.3, -4, 0], "lambda": 0.5, "lr": 0.03, "beta2": 0.99, "steps": 4000}
    found = yield [f"Object.keys(METHODS).map(method => rest(method, {json.dumps(case)}))"]
    return [
        method
        for method, marked in zip(METHODS, found[0], strict=True)
        if np.abs(walked(method, case)[-1] - marked).max() > 0.005
    ]


@pytest.mark.parametrize("check", [walk_faults, rest_faults])
def test_the_walks_are_those_of_the_package(check):
    assert faults_of(check, BOX) == []


def test_a_walk_that_is_lost_ends_early():
    case = {"c": [4, 1], "lambda": 30, "lr": 0.4, "beta2": 0.99, "steps": 400}
    ((places, directions),) = results(
        BOX, f"(({{ x, d }}) => [x.length, d.length])(walk('gd_l2', {json.dumps(case)}))"
    )
    assert 3 < places < 20 and directions == places - 1


FAULTS = [
    ('gd_decay: { rule: "gd", decoupled: true', 'gd_decay: { rule: "adam", decoupled: true'),
    ('adam_l2: { rule: "adam", decoupled: false', 'adam_l2: { rule: "adam", decoupled: true'),
    ("betas: [0.9, beta2]", "betas: [beta2, beta2]"),
    ("decoupled ? [0, lambda] : [lambda, 0]", "decoupled ? [lambda, 0] : [0, lambda]"),
    ("x: [c.map(() => 0)]", "x: [c.map(() => 1)]"),
    ("let t = 1; t <= steps", "let t = 0; t < steps"),
    ("x_i - c[i] + l2", "x_i + c[i] + l2"),
    ("+ l2 * x_i", "+ l2"),
    ("states = results.map(([, ...state]) => state);", ""),
    ("(d[i] + decay * x_i)", "(d[i] + decay)"),
    ("x_i - lr * (", "x_i + lr * ("),
    ("c_i / (1 + lambda)", "c_i * (1 - lambda)"),
    ("Math.min(Math.abs(c_i), 1 / lambda)", "Math.max(Math.abs(c_i), 1 / lambda)"),
    ("Math.sign(c_i) *", ""),
]


@pytest.mark.thorough
def test_a_wrong_box_is_noticed():
    assert missed((walk_faults, rest_faults), BOX, FAULTS) == []
