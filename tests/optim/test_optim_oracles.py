"""Every drop-in with a counterpart equals torch's class in float64, step by step."""

import inspect
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from cases import DROP_INS
from oracles import streams
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, OneCycleLR

from adamtut import optim

EXACT = 1e-12
FLOAT32_PRODUCT = 2e-10  # for rates up to 0.002

# name → (our class, torch's, settings for both, settings for torch alone)
CASES = {
    "SGD": (optim.SGD, torch.optim.SGD, {}, {}),
    "SGD momentum": (optim.SGD, torch.optim.SGD, {"momentum": 0.9}, {}),
    "SGD nesterov": (optim.SGD, torch.optim.SGD, {"momentum": 0.9, "nesterov": True}, {}),
    "Adagrad": (optim.Adagrad, torch.optim.Adagrad, {}, {}),
    "Adagrad from 0.1": (
        optim.Adagrad,
        torch.optim.Adagrad,
        {"initial_accumulator_value": 0.1},
        {},
    ),
    "RMSprop": (optim.RMSprop, torch.optim.RMSprop, {}, {}),
    "RMSprop short": (optim.RMSprop, torch.optim.RMSprop, {"alpha": 0.9, "eps": 1e-3}, {}),
    "Adadelta": (optim.Adadelta, torch.optim.Adadelta, {}, {}),
    "Adam": (optim.Adam, torch.optim.Adam, {}, {}),
    "Adam short": (optim.Adam, torch.optim.Adam, {"betas": (0.5, 0.9), "eps": 1e-3}, {}),
    "AdamW": (optim.AdamW, torch.optim.AdamW, {}, {}),
    "Adamax": (optim.Adamax, torch.optim.Adamax, {}, {}),
    "AMSGrad": (optim.AMSGrad, torch.optim.Adam, {}, {"amsgrad": True}),
    "NAdam": (optim.NAdam, torch.optim.NAdam, {}, {}),
    "RAdam": (optim.RAdam, torch.optim.RAdam, {}, {}),
    # rho is above 4 for some steps before it passes 5: there the paper adapts and torch does not
    "RAdam short": (optim.RAdam, torch.optim.RAdam, {"betas": (0.5, 0.7)}, {}),
}
DECAYS = {
    "no decay": {"weight_decay": 0.0},
    "decay": {"weight_decay": 0.1},
    "decoupled": {"weight_decay": 0.1, "decoupled_weight_decay": True},
}


def no_scheduler(optimizer, steps):
    return None


def warm_restarts(optimizer, steps):
    return CosineAnnealingWarmRestarts(optimizer, T_0=max(1, steps // 7), T_mult=2)


def one_cycle(optimizer, steps):
    """Rate and momentum cycle, where the class has one; RMSprop's is torch's alone."""
    momentum = "betas" in optimizer.defaults or isinstance(optimizer, torch.optim.SGD | optim.SGD)
    return OneCycleLR(optimizer, max_lr=0.1, total_steps=steps, cycle_momentum=momentum)


SCHEDULERS = [no_scheduler, warm_restarts, one_cycle]


def torch_takes(torch_class, decay):
    return DECAYS[decay].keys() <= inspect.signature(torch_class).parameters.keys()


def combinations(cases):
    return [
        pytest.param(case, decay, scheduler, id=f"{case}-{decay}-{scheduler.__name__}")
        for case in cases
        for decay in DECAYS
        if torch_takes(CASES[case][1], decay)
        for scheduler in SCHEDULERS
    ]


# One case for each class and rule; the others are the same with other numbers.
NAMES = [case for case in CASES if not case.endswith(("short", "0.1"))]


def parameters(steps):
    """Name → (gradients of every step, the step from which on there are any)."""
    hard = streams(steps)
    return {
        "vector": (hard["badly scaled"], 1),
        "matrix": (hard["sparse"].reshape(steps, 2, 3), 1),
        "cube": (hard["heavy-tailed"].reshape(steps, 1, 3, 2), 1),
        "0-d": (hard["badly scaled"][:, 0], 1),
        "empty": (np.zeros((steps, 0, 2)), 1),
        "late": (hard["heavy-tailed"][:, :4], 1 + steps // 3),
        "late and sparse": (hard["sparse"][:, 1:2], 1 + steps // 2),
    }


def start_like(g):
    start = torch.linspace(-1, 1, g.numel(), dtype=torch.float64).reshape(g.shape)
    return torch.nn.Parameter(start.to(g.dtype))


def trace(optimizer_class, settings, scheduler, steps, given=None):
    """Name → parameter after every step, from fixed gradients, in their dtype.

    One parameter has no gradients at first. Another is added to the optimizer late, which torch's
    schedulers do not allow; with one of them it has no gradients at first.
    """
    given = parameters(steps) if given is None else given
    tensors = {name: start_like(torch.from_numpy(g[0, ...])) for name, (g, _) in given.items()}
    added = "late" if "late" in given and scheduler is no_scheduler else None
    optimizer = optimizer_class([p for name, p in tensors.items() if name != added], **settings)
    schedule = scheduler(optimizer, steps)
    path = {name: [p.detach().numpy().copy()] for name, p in tensors.items()}
    for t in range(1, steps + 1):
        if added and t == given[added][1]:
            optimizer.add_param_group({"params": [tensors[added]]})
        for name, (g, since) in given.items():
            tensors[name].grad = torch.from_numpy(g[t - 1, ...].copy()) if t >= since else None
        optimizer.step()
        if schedule is not None:
            schedule.step()
        for name, p in tensors.items():
            path[name].append(p.detach().numpy().copy())
    return {name: np.stack(p) for name, p in path.items()}


@contextmanager
def float64_product():
    """Make torch's NAdam exact: it keeps its product of momenta in the default dtype."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(default)


def torch_trace(case, decay, scheduler, steps, given=None):
    """The same for torch's class, parameter by parameter, and all of it in float64."""
    _, torch_class, settings, torchs = CASES[case]
    settings = settings | torchs | DECAYS[decay] | {"foreach": False}
    with float64_product():
        return trace(torch_class, settings, scheduler, steps, given)


def disagreement(found, expected):
    """The largest difference of two traces, each parameter's relative to its path; inf for NaN."""
    assert found.keys() == expected.keys()
    worst = 0.0
    for name, path in expected.items():
        if path.size:
            ratio = np.abs(found[name] - path).max() / np.abs(path).max()
            worst = max(worst, np.inf if np.isnan(ratio) else ratio)
    return worst


def our_trace(case, decay, scheduler, steps, given=None, **changes):
    optimizer_class, _, settings, _ = CASES[case]
    return trace(optimizer_class, settings | DECAYS[decay] | changes, scheduler, steps, given)


@pytest.mark.parametrize(("case", "decay", "scheduler"), combinations(CASES))
def test_fifty_steps_equal_torchs(case, decay, scheduler):
    expected = torch_trace(case, decay, scheduler, 50)
    assert disagreement(our_trace(case, decay, scheduler, 50), expected) <= EXACT


# OneCycleLR changes rate and betas at each step.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "decay", "scheduler"),
    [
        pytest.param(*p.values, id=p.id, marks=pytest.mark.thorough)
        if one_cycle not in p.values
        else p
        for p in combinations(NAMES)
    ],
)
def test_a_thousand_steps_equal_torchs(case, decay, scheduler):
    expected = torch_trace(case, decay, scheduler, 1000)
    assert disagreement(our_trace(case, decay, scheduler, 1000), expected) <= EXACT


def gentle_cycle(optimizer, steps):
    return OneCycleLR(optimizer, max_lr=0.002, total_steps=steps)


@pytest.mark.parametrize("scheduler", [no_scheduler, warm_restarts, gentle_cycle])
@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("steps", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_nadam_differs_by_torchs_product_in_float32_alone(decay, scheduler, steps):
    """As it comes, torch's NAdam is that much less exact; the tests above hold ours to it."""
    expected = trace(torch.optim.NAdam, DECAYS[decay] | {"foreach": False}, scheduler, steps)
    found = disagreement(our_trace("NAdam", decay, scheduler, steps), expected)
    assert EXACT < found <= FLOAT32_PRODUCT


def test_every_drop_in_with_a_counterpart_has_an_oracle():
    classes = {c for c in vars(optim).values() if inspect.isclass(c)}
    drop_ins = {c for c in classes if issubclass(c, optim.RuleOptimizer) and hasattr(c, "rule")}
    assert {c.__name__ for c in drop_ins} == set(DROP_INS)
    without = {c for c in drop_ins if DROP_INS[c.__name__].keys}
    assert {ours for ours, *_ in CASES.values()} == drop_ins - without
    assert {c.__name__ for c in without} & set(vars(torch.optim)) == set()


def test_decoupled_decay_of_sgdw_by_hand():
    """torch has no SGDW; without momentum it is SGD on parameters that shrink before the step."""
    given = parameters(50)["vector"][0]
    x = torch.nn.Parameter(torch.linspace(-1, 1, 6, dtype=torch.float64))
    optimizer, expected = optim.SGDW([x], lr=0.1, weight_decay=0.1), x.detach().clone()
    for g in torch.from_numpy(given):
        x.grad = g.clone()
        optimizer.step()
        expected = expected * (1 - 0.1 * 0.1) - 0.1 * g
    np.testing.assert_allclose(x.detach(), expected, rtol=EXACT, atol=EXACT * abs(given).max())


# The bound sees every number, and the books.


def numbers_of(case):
    """Every number a case may be given, changed: rates by a millionth, eps and λ doubled."""
    optimizer_class, torch_class, settings, _ = CASES[case]
    known = inspect.signature(optimizer_class).parameters
    values = {key: settings.get(key, p.default) for key, p in known.items()}
    values |= DECAYS["decay"]
    for key in sorted(inspect.signature(torch_class).parameters.keys() & values.keys()):
        value = values[key]
        if key == "betas":
            yield {"betas": (value[0] * (1 + 1e-6), value[1])}
            yield {"betas": (value[0], value[1] * (1 - 1e-6))}
        elif type(value) is float:
            small = key in ("eps", "weight_decay", "initial_accumulator_value")
            yield {key: 2 * value if small and value else value * (1 - 1e-6)}


CHANGES = [
    pytest.param(case, change, id=f"{case}-{'-'.join(change)}-{next(iter(change.values()))}")
    for case in CASES
    for change in numbers_of(case)
    if next(iter(change.values())) != 0
]


@pytest.mark.parametrize(("case", "change"), CHANGES)
def test_no_number_can_change_unseen(case, change):
    expected = torch_trace(case, "decay", no_scheduler, 50)
    found = our_trace(case, "decay", no_scheduler, 50, **change)
    assert disagreement(found, expected) > 10 * EXACT


class CountsFromTheGroup(optim.Adam):
    """A faulty Adam: a late parameter is corrected as if it had been there from the start."""

    def step(self, closure=None):
        super().step(closure)
        most = max(state["step"] for state in self.state.values())
        for state in self.state.values():
            state["step"] = most.clone()


class DecaysTwice(optim.Adam):
    """A faulty Adam: λ is a penalty, and shrinks the parameters too."""

    def step(self, closure=None):
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    p *= 1 - group["lr"] * group["weight_decay"]
        super().step(closure)


class SwapsItsAverages(optim.Adam):
    """A faulty Adam: after one step both averages change places."""

    def step(self, closure=None):
        super().step(closure)
        for state in self.state.values():
            if state["step"] == 25:
                state["exp_avg"], state["exp_avg_sq"] = state["exp_avg_sq"], state["exp_avg"].abs()


class IgnoresTheRate(optim.Adam):
    """A faulty Adam: it keeps the rate that it began with."""

    def step(self, closure=None):
        for group in self.param_groups:
            group["lr"] = self.defaults["lr"]
        super().step(closure)


@pytest.mark.parametrize(
    "faulty", [CountsFromTheGroup, DecaysTwice, SwapsItsAverages, IgnoresTheRate]
)
def test_faults_in_the_books_are_seen(faulty):
    expected = torch_trace("Adam", "decay", warm_restarts, 50)
    found = trace(faulty, DECAYS["decay"], warm_restarts, 50)
    assert disagreement(found, expected) > 1e-6


def test_one_wrong_element_of_one_step_is_seen():
    expected = torch_trace("Adam", "no decay", no_scheduler, 50)
    for fault in (1e-11, np.nan):
        found = {name: path.copy() for name, path in expected.items()}
        found["late and sparse"][-1] += fault
        assert disagreement(found, expected) > EXACT
