"""A wrong rule must not survive: every small change of a rule or of the loop is noticed."""

import itertools
import re

import numpy as np
import pytest
import torch
from cases import CASES, by_hand
from oracles import disagreement

from adamtut import loop, rules, step
from adamtut.diagnosis.mutants import mutants
from adamtut.registry import RULES

# Survivors that are no faults, with the reason.
# Shape and dtype of what stands there are the same, and nothing else of it is read.
SAME_DTYPE = {"line 9: free → g", "line 9: free → x", "line 10: x → free", "line 10: x → g"}


def differs(rule, name):
    try:
        with np.errstate(all="ignore"):
            if any(found != pytest.approx(x, rel=1e-13) for found, x in by_hand(rule, name)):
                return True
            return not disagreement(rule, name) <= CASES[name].tolerance
    except Exception:  # a mutant may fail in any way; that too is noticed
        return True


@pytest.mark.parametrize("name", CASES)
def test_every_mutant_of_a_rule_is_killed(name):
    made = list(mutants(getattr(rules, name)))
    assert len(made) >= (1 if name == "gd" else 15)
    survivors = {text for text, mutant in made if not differs(mutant, name)}
    assert survivors == set()


def faulty_adam(fault):
    """Adam with one of the mistakes that people make."""

    def adam(g, t, m=0.0, v=0.0, *, betas=(0.9, 0.999), eps=1e-8):
        beta1, beta2 = betas[::-1] if fault == "betas swapped" else betas
        t = {"t stuck": 1, "t from 0": t - 1 + 1e-30, "t from 2": t + 1}.get(fault, t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * (abs(g) if fault == "|g| for g²" else g**2)
        m_hat = m if fault in ("no correction", "m uncorrected") else m / (1 - beta1**t)
        v_hat = v if fault in ("no correction", "v uncorrected") else v / (1 - beta2**t)
        if fault == "eps inside the root":
            return m_hat / (v_hat + eps) ** 0.5, m, v
        if fault == "eps added to x":
            return m_hat / v_hat**0.5 - eps, m, v
        if fault == "no root":
            return m_hat / (v_hat + eps), m, v
        if fault == "rate ignored":
            return m_hat / (v_hat**0.5 + eps) / 0.01, m, v
        return m_hat / (v_hat**0.5 + eps), m, v

    return adam


FAULTS = [
    "betas swapped",
    "t stuck",
    "t from 0",
    "t from 2",
    "|g| for g²",
    "no correction",
    "m uncorrected",
    "v uncorrected",
    "eps inside the root",
    "eps added to x",
    "no root",
    "rate ignored",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_classic_faults_are_killed(fault):
    assert differs(faulty_adam(fault), "adam")


def test_the_frame_of_the_faults_is_itself_right():
    assert not differs(faulty_adam("none"), "adam")


def schedule(t):
    return 0.1 / t


def torch_loop(settings):
    """What `descend` does, written with torch: schedule, both decays, projection."""
    l2, weight_decay = settings.get("l2", 0.0), settings.get("weight_decay", 0.0)
    x = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64))
    optimizer = torch.optim.Adam([x])
    path = [x.detach().numpy().copy()]
    for t in range(1, 21):
        optimizer.param_groups[0]["lr"] = schedule(t)
        before = x.detach().clone()
        x.grad = before**3 + t * 0.01 + l2 * before
        optimizer.step()
        with torch.no_grad():
            x -= schedule(t) * weight_decay * before
            if "project" in settings:
                x.clamp_(-0.9, 0.9)
        path.append(x.detach().numpy().copy())
    return np.stack(path)


LOOPS = [
    {},
    {"l2": 0.3},
    {"weight_decay": 0.2},
    {"l2": 0.3, "weight_decay": 0.2},
    {"project": lambda x: x.clip(-0.9, 0.9)},
]


def run_loop(grad, steps=20, **settings):
    points = loop.iterate(rules.adam, grad, [1.0, -2.0, 0.5], schedule, **settings)
    return np.stack(list(itertools.islice(points, steps + 1)))


# The message, as a pattern → a gradient that goes wrong.
FAILURES = {
    r"the gradient at step 3 is not finite.*": lambda x, t: x / (t != 3),
    r"the gradient at step 2 has shape \(2,\), but x has \(3,\)": lambda x, t: x[: 4 - t],
    r"state v of adam after step 2 is not finite.* too large for float64": lambda x, t: np.full(
        3, 1e100**t
    ),
    r"x after step 1 is not finite.* eps must be above 0": lambda x, t: np.zeros(
        3
    ),  # and a decay that overflows
    r"the projection at step 2 has shape \(2,\), but x has \(3,\)": lambda x, t: x,
    r"the projection at step 3 is not finite.*look at project": lambda x, t: x,
}
# The message → what goes wrong besides the gradient.
BESIDES = {
    "x after": {"weight_decay": 1e308},
    r"the projection at step 2": {"project": lambda x: x[: 2 + (x[0] > 0.87)]},
    r"the projection at step 3": {"project": lambda x: x / (x[0] > 0.85)},
}


def failure_differs(message, grad):
    settings = next((BESIDES[start] for start in BESIDES if message.startswith(start)), {})
    try:
        run_loop(grad, **settings)
    except (ValueError, FloatingPointError) as error:
        return not re.fullmatch(message, str(error), re.DOTALL)
    return True


def dtype_differs():
    """A float32 path stays float32 when the gradient and the projection are float64."""
    points = loop.iterate(
        rules.adam, np.float64, np.float32([1, 2]), schedule, project=lambda x: np.float64(x)
    )
    return {x.dtype for x in itertools.islice(points, 3)} != {np.dtype(np.float32)}


def own_differs():
    """A rule may start from the parameter, and may want it in each step."""

    def towards_the_start(g, t, start=lambda x: x, *, x, pull):
        return g + pull * (x - start), start

    points = loop.iterate(towards_the_start, lambda x: 2 * x, [8.0], 0.25, pull=0.5)
    return [x.item() for x in itertools.islice(points, 3)] != [8.0, 4.0, 2.5]


def walk_differs():
    """Steps are counted from those that were made, and the state goes with the point."""
    first = list(itertools.islice(loop.walk(rules.adam, np.sign, [1.0, -2.0], schedule), 5))
    t, x, state = first[2]
    rest = itertools.islice(loop.walk(rules.adam, np.sign, x, schedule, t=t, state=state), 3)
    return any(
        t != expected[0]
        or not np.array_equal(x, expected[1])
        or not np.array_equal(state, expected[2])
        for (t, x, state), expected in zip(rest, first[2:], strict=True)
    )


def step_differs():
    """By hand: g = -4 + 0.5 · 3 and m = 0.5 · 2 + g, so that x = 3 - 0.25 (m + 2 · 3)."""
    found = step.take_step(
        RULES["momentum"],
        3.0,
        4.0,
        [2.0],
        7,
        lr=0.25,
        hyper={"beta": 0.5},
        weight_decay=2.0,
        l2=0.5,
        maximize=True,
    )
    return found != (1.875, [-1.5])


def loop_differs():
    with np.errstate(all="ignore"):
        return (
            any(
                not np.abs(
                    run_loop(lambda x, t: x**3 + t * 0.01, **settings) - torch_loop(settings)
                ).max()
                <= 1e-12
                for settings in LOOPS
            )
            or any(failure_differs(*case) for case in FAILURES.items())
            or dtype_differs()
            or walk_differs()
            or own_differs()
            or step_differs()
        )


def test_the_loop_equals_torch():
    assert not loop_differs()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("module", "name", "equivalent"),
    [(loop, "_steps", SAME_DTYPE), (step, "take_step", set())],
)
def test_every_mutant_of_the_loop_is_killed(module, name, equivalent, monkeypatch):
    survivors = set()
    for text, mutant in mutants(getattr(module, name)):
        monkeypatch.setattr(loop, name, mutant)
        monkeypatch.setattr(module, name, mutant)
        try:
            if not loop_differs():
                survivors.add(text)
        except Exception:  # as above
            continue
    assert survivors == equivalent
