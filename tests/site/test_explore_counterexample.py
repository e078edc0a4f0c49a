"""The explorable of chapter 9: its walks are those of the package, and its sums decide."""

import json

import numpy as np
import pytest
from test_explore import differs, faults_of, mathematics, missed, results

from adamtut import descend, problems, rules

COUNTEREXAMPLE = mathematics("counterexample")
RULES = ("adam", "amsgrad", "yogi", "gd")
CASES = [(3.0, 0.1, 0.1, 600), (3.0, 0.9, 0.1, 600), (5.0, 0.2, 1.0, 90), (2.1, 0.999, 0.03, 61)]


def asked(large, beta2, lr, steps):
    return json.dumps({"C": large, "beta2": beta2, "lr": lr, "steps": steps})


def walked(rule, large, beta2, lr, steps):
    problem = problems.reddi_online(large)
    hyper = {} if rule == "gd" else {"betas": (0.0, beta2)}
    return descend(
        getattr(rules, rule),
        problem.grad,
        problem.start,
        lambda t: lr / t**0.5,
        steps,
        project=problem.project,
        **hyper,
    )


def directions(rule, large, beta2, steps):
    hyper = {} if rule == "gd" else {"betas": (0.0, beta2)}
    state, found = (), []
    for t in range(1, steps + 1):
        d, *state = getattr(rules, rule)(
            float(problems.reddi_online(large).grad(0.0, t)), t, *state, **hyper
        )
        found.append(d)
    return np.array(found)


def walk_faults():
    found = yield [f"RULES.map(rule => walk(rule, {asked(*case)}))" for case in CASES]
    faults = []
    for case, walks in zip(CASES, found, strict=True):
        large, beta2, _, steps = case
        slopes = [float(problems.reddi_online(large).grad(0.0, t)) for t in range(1, steps + 1)]
        for rule, walk in zip(RULES, walks, strict=True):
            if walk["g"] != slopes:
                faults.append(("gradients", rule, case))
            if differs(walk["d"], directions(rule, large, beta2, steps)):
                faults.append(("directions", rule, case))
            if differs(walk["place"], walked(rule, *case)):
                faults.append(("places", rule, case))
    return faults


def period_faults():
    *found, at_one, at_minus, within = yield [
        *(f"period(walk('adam', {asked(3.0, 0.1, 0.1, 30)}), {n})" for n in (1, 2, 10)),
        "ending({ place: [0, 1, 0.99, 0.98] })",
        "ending({ place: [0, -1, -0.9, -1] })",
        "ending({ place: [0, 0.9, 0.9, 0.9] })",
    ]
    d = directions("adam", 3.0, 0.1, 30)
    faults = []
    for n, shown in zip((1, 2, 10), found, strict=True):
        three = d[3 * n - 3 : 3 * n]
        if differs(shown["three"], three) or differs(shown["sum"], three.sum()):
            faults.append(("period", n))
    expected = ((at_one, 0.99, "worst"), (at_minus, -2.9 / 3, "best"), (within, 0.9, ""))
    for shown, at, kind in expected:
        if shown["kind"] != kind or differs(shown["at"], at):
            faults.append(("ending", at))
    return faults


@pytest.mark.parametrize("check", [walk_faults, period_faults])
def test_the_walks_are_those_of_the_package(check):
    assert faults_of(check, COUNTEREXAMPLE) == []


def test_at_its_first_address_adam_ends_at_the_worst_point_and_the_others_at_the_best():
    (ends,) = results(
        COUNTEREXAMPLE, f"RULES.map(rule => ending(walk(rule, {asked(3.0, 0.1, 0.1, 3000)})).kind)"
    )
    assert ends == ["worst", "best", "best", "best"]


FAULTS = [
    ("t % 3 === 1", "t % 3 === 0"),
    ("? C : -1", "? C : 1"),
    ("betas: [0, beta2]", "betas: [beta2, beta2]"),
    ("let t = 1; t <= steps", "let t = 0; t < steps"),
    ("state = next;", ""),
    ("Math.min(1, Math.max(-1, place", "Math.min(2, Math.max(-2, place"),
    ("place - (lr / Math.sqrt(t)) * d", "place + (lr / Math.sqrt(t)) * d"),
    ("(lr / Math.sqrt(t))", "lr"),
    ("place: [0] }", "place: [] }"),
    ("3 * number - 3, 3 * number", "3 * number - 2, 3 * number + 1"),
    ("place.slice(-3)", "place.slice(-2)"),
    ("at > 0.95", "at > 0.8"),
]


@pytest.mark.thorough
def test_a_wrong_counterexample_is_noticed():
    assert missed((walk_faults, period_faults), COUNTEREXAMPLE, FAULTS) == []
