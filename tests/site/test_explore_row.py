"""The explorable of the row: its springs are chapter 3's, its rows those of the package's rules."""

import json

import numpy as np
import pytest
from test_explore import SPRING, differs, faults_of, mathematics, missed

from adamtut import descend, rules

ROW = SPRING + mathematics("row")
KAPPAS = (10, 100, 10000)
MOVES = [[0, 1], [7, -0.4], [8, 0.25], [20, 1]]
STEPS = 40
LONG = 300  # weights in Python's row, enough for all that is seen


def springs(kappa, size=LONG):
    """The matrix of the chapter's f, and the pull of a hook at 1."""
    mu = 1 / kappa
    tied = 2 * np.eye(size) - np.eye(size, k=1) - np.eye(size, k=-1)
    return (1 - mu) / 4 * tied + mu * np.eye(size), (1 - mu) / 4 * np.eye(size)[0]


def hook(t):
    return [place for step, place in MOVES if step <= t][-1]


def value(x, kappa, end):
    """The chapter's f, with the hook at `end`."""
    stretched = np.diff([end, *x, 0.0])
    return (1 - 1 / kappa) / 8 * (stretched**2).sum() + 0.5 / kappa * (x**2).sum()


def slope_faults():
    x = np.random.default_rng(0).normal(size=7)
    found = yield [f"slopes({x.tolist()}, 0.6, {kappa})" for kappa in KAPPAS]
    faults = []
    for kappa, slopes in zip(KAPPAS, found, strict=True):
        steps = 1e-4 * np.eye(7)
        rises = [value(x + h, kappa, 0.6) - value(x - h, kappa, 0.6) for h in steps]
        if differs(slopes, np.array(rises) / 2e-4, 1e-9):
            faults.append(kappa)
    return faults


def rest_faults():
    """At rest every weight lies at the same share of the place of the one before it."""
    found = yield [f"share({kappa})" for kappa in (10, 100)]
    faults = []
    for kappa, q in zip((10, 100), found, strict=True):
        matrix, pull = springs(kappa)
        if differs(np.linalg.solve(matrix, pull)[:60], q ** np.arange(1, 61), 1e-9):
            faults.append(kappa)
    return faults


SETTINGS = [
    ("gd", 0, lambda kappa: ({"lr": 2 / (1 + 1 / kappa)})),
    ("momentum", 0.3, lambda kappa: {"lr": 2.6 / (1 + 1 / kappa), "beta": 0.3}),
    ("momentum", "best('momentum', KAPPA).beta", lambda kappa: polyak(kappa)),
    ("nesterov", 0.8, lambda kappa: {"lr": 1.0, "beta": 0.8}),
]


def polyak(kappa):
    root = kappa**0.5
    return {"lr": 4 / (1 + 1 / root) ** 2, "beta": ((root - 1) / (root + 1)) ** 2}


def run_faults():
    cases = [(*setting, kappa) for setting in SETTINGS for kappa in KAPPAS]
    found = yield [
        f"follow({{}}, '{rule}', {kappa}, {str(beta).replace('KAPPA', str(kappa))},"
        f" {json.dumps(MOVES)}, {STEPS}).rows.map(row => row.slice(0, SHOWN))"
        for rule, beta, _, kappa in cases
    ]
    faults = []
    for (rule, beta, settings, kappa), rows in zip(cases, found, strict=True):
        matrix, pull = springs(kappa)
        path = descend(
            getattr(rules, rule),
            lambda x, t, matrix=matrix, pull=pull: matrix @ x - hook(t - 1) * pull,
            np.zeros(LONG),
            steps=STEPS,
            **settings(kappa),
        )
        if differs(rows, path[:, :60], 1e-9):
            faults.append((rule, beta, kappa))
        if any(np.any(row[t:]) for t, row in enumerate(rows)):
            faults.append(("news travels one weight a step", rule, beta, kappa))
    return faults


def ray_faults():
    """At the best pair the row repeats the hook, a step later at each weight, fading by q."""
    found = yield [
        f"follow({{}}, 'momentum', {kappa}, best('momentum', {kappa}).beta,"
        f" {json.dumps(MOVES)}, {STEPS}).rows"
        for kappa in KAPPAS
    ]
    faults = []
    for kappa, rows in zip(KAPPAS, found, strict=True):
        q = polyak(kappa)["beta"] ** 0.5
        repeated = [
            [q**i * hook(t - i) if i <= t else 0.0 for i in range(1, 61)] for t in range(STEPS + 1)
        ]
        if differs(np.array(rows)[:, :60], repeated, 1e-9):
            faults.append(kappa)
    return faults


def follow_faults():
    """A run that goes on is the run from the start; where the hook moved otherwise, a new one."""
    moved = json.dumps([[0, 1], [7, -0.4], [8, 0.5]])
    asked = f"'momentum', 100, 0.5, {json.dumps(MOVES)}"
    whole, on, anew, other = yield [
        f"follow({{}}, {asked}, 30).rows",
        f"follow(follow({{}}, {asked}, 12), {asked}, 30).rows",
        f"follow(follow({{}}, 'momentum', 100, 0.5, {moved}, 30), {asked}, 30).rows",
        f"follow(follow({{}}, 'momentum', 100, 0.6, {json.dumps(MOVES)}, 30), {asked}, 30).rows",
    ]
    return [name for name, rows in (("on", on), ("anew", anew), ("other", other)) if rows != whole]


def far_faults():
    rest = [-0.8 * (9 / 11) ** i for i in range(1, 7)]
    halves = [0.6 * place if i < 3 else 0.4 * place for i, place in enumerate(rest)]
    gap = [rest[0], 0.0, *rest[2:]]
    counts = f"[{halves}, {rest}, {gap}, [0, 0]].map(row => far(row, -0.8, 100))"
    at = "[40, 10].map(t => ['gd', 'momentum'].map(rule => far(follow({}, rule, 100, BETA[rule],"
    at += " [[0, 1]], t).rows[t], 1, 100)))"
    counted, (after40, after10) = yield [
        counts,
        at.replace("BETA", "({ gd: 0, momentum: best('momentum', 100).beta })"),
    ]
    faults = [] if counted == [3, 6, 1, 0] else [counted]
    if after40 != [10, 40] or after10[1] != 10:
        faults.append(("what the page says at first", after40, after10))
    return faults


CHECKS = (slope_faults, rest_faults, run_faults, ray_faults, follow_faults, far_faults)


@pytest.mark.parametrize("check", CHECKS)
def test_the_row_is_that_of_the_chapter_and_the_package(check):
    assert faults_of(check, ROW) == []


FAULTS = [
    ("(SHOWN + MOST) / 2", "SHOWN / 2"),
    ("(Math.sqrt(kappa) - 1) / (Math.sqrt(kappa) + 1)", "(kappa - 1) / (kappa + 1)"),
    ("{ rate: 1, own: { beta } }", "{ rate: 2, own: { beta } }"),
    ("(1 + beta) * aL", "aL"),
    ("const own = 1 / kappa", "const own = 0 / kappa"),
    ("(1 - own) / 4", "(1 + own) / 4"),
    ("places[i - 1] ?? hook", "places[i - 1] ?? 0"),
    ("places[i + 1] ?? 0", "places[i + 1] ?? hook"),
    ("+ own * place)", "- own * place)"),
    ("found.rows.at(-1), t", "found.rows[0], t"),
    (".slice(0, t)", ".slice(0, t - 1)"),
    ("results[i]?.slice(1) ?? state", "state"),
    ("place - rate * results", "place + rate * results"),
    ("step <= t)[1]", "step < t)[1] ?? 1"),
    ("?? hook) === hook)", "?? hook) !== 7)"),
    ("known.key === key", "known.rows"),
    ("hooks[found.rows.length - 1]", "hooks[0]"),
    ("** (i + 1)) > 0.5", "** i) > 0.5"),
    ("> 0.5)", "> 0.3)"),
    ("? places.length :", "? 0 :"),
]


@pytest.mark.thorough
def test_a_wrong_row_is_noticed():
    assert missed(CHECKS, ROW, FAULTS) == []
