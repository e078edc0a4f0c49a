"""The explorable of chapter 6: weights are those of the averages, steps those of the rule."""

import json

import numpy as np
import pytest
from test_explore import differs, faults_of, mathematics, missed

from adamtut import descend, rules
from adamtut.experiments.vae_correction import uncorrected

WEIGHTS = mathematics("weights")
CASES = [([0.9, 0.999], 5), ([0.5, 0.9999], 1), ([0.99, 0.8], 200), ([0, 0.5], 3)]


def weights_faults():
    found = yield [f"weights({json.dumps(betas)}, {t})" for betas, t in CASES]
    faults = []
    for (betas, t), averages in zip(CASES, found, strict=True):
        for name, beta in zip("mv", betas, strict=True):
            expected = (1 - beta) * beta ** np.arange(t - 1.0, -1, -1)
            if differs(averages[name]["gradients"], expected, 1e-9):
                faults.append(("gradients", name, betas, t))
            if differs([averages[name]["start"]], [beta**t], 1e-9):
                faults.append(("start", name, betas, t))
    return faults


def steps_faults():
    found = yield [
        f"steps({json.dumps(betas)}, {corrected}).slice(0, 300)"
        for betas, _ in CASES
        for corrected in ("true", "false")
    ]
    faults = []
    rows = [(betas, rule) for betas, _ in CASES for rule in (rules.adam, uncorrected)]
    for (betas, rule), directions in zip(rows, found, strict=True):
        path = descend(rule, lambda x: 1.0, 0.0, 1.0, 300, betas=tuple(betas), eps=0.0)
        if differs(directions, -np.diff(path), 1e-9):
            faults.append((betas, rule.__name__))
    return faults


CHECKS = (weights_faults, steps_faults)


@pytest.mark.parametrize("check", CHECKS)
def test_the_weights_and_steps_are_those_of_the_package(check):
    assert faults_of(check, WEIGHTS) == []


FAULTS = [
    ("const LATE = 1e9;", "const LATE = 10;"),
    ("corrected ? i + 1 :", "corrected ? i + 2 :"),
    (": i + 1 + LATE", ": i + 1"),
    ("betas, eps: 0 }", "betas }"),
    ("state = next;", ""),
    ("found.v.push(next[1])", "found.v.push(next[0])"),
    ("run([1, ...Array(t - 1).fill(0)]", "run([2, ...Array(t - 1).fill(0)]"),
    ("run(Array(t).fill(0)", "run(Array(t).fill(1)"),
    ("begin: [1, 1]", "begin: [1, 0]"),
    ("start[name][t - 1]", "start[name][0]"),
    (".reverse()", ""),
    ("run(Array(MOST).fill(1), betas, { corrected })", "run(Array(MOST).fill(1), betas)"),
]


@pytest.mark.thorough
def test_wrong_weights_are_noticed():
    assert missed(CHECKS, WEIGHTS, FAULTS) == []
