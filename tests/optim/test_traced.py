"""compile=True on the CPU: the rule's text, traced once, as one loop in C."""

import copy
import gc
import json
import math
import os
import subprocess
import sys
import textwrap
import weakref

import numpy as np
import powers
import pytest
import torch
from own_rules import OWN

from adamtut import ops, optim, schedules
from adamtut.optim import eager, inductor, native, trace, traced
from adamtut.traits import elementwise, scalar_states

if native.compiler() is None:
    pytest.skip("there is no C compiler", allow_module_level=True)

NAMES = [name for name in optim.__all__ if name != "RuleOptimizer"]
CASES = {name: (getattr(optim, name), {}) for name in NAMES} | {
    "SGD, momentum": (optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    "SGD, nesterov": (optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "Adam, decay": (optim.Adam, {"weight_decay": 0.1, "maximize": True}),
    "AMSGrad, paper": (optim.AMSGrad, {"corrected": False}),
    "Yogi, corrected": (optim.Yogi, {"corrected": True}),
    "PowerSign, sgdr": (optim.PowerSign, {"decay": schedules.sgdr(period=5, mult=2)}),
    "AddSign, cyclical": (optim.AddSign, {"decay": schedules.cyclical(steps=20, cycles=2)}),
    "PowerSign, called": (optim.PowerSign, {"decay": lambda t: 1 / t}),
    **{
        f"own rule, {name}": (type(name, (optim.RuleOptimizer,), {"rule": staticmethod(rule)}), {})
        for name, rule in OWN.items()
        if name in ("anchored", "counted", "remembering")
    },
}
every_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture(autouse=True)
def left(monkeypatch):
    """What the loop leaves to inductor, as a list that grows; it is run uncompiled, in no time."""
    parameters = []

    def run(rule, tensors, t, **numbers):
        parameters.extend(p for p, _ in tensors)
        eager.run(rule, tensors, t, **numbers)

    monkeypatch.setattr(inductor, "run", run)
    return parameters


@pytest.fixture
def kernels(monkeypatch):
    """The kernels that are made, as a list that grows; those of other tests are forgotten."""
    made, compiled = [], native.compiled

    def counted(source):
        made.append(source)
        return compiled(source)

    monkeypatch.setattr(native, "compiled", counted)
    monkeypatch.setattr(traced, "_kernels", {})
    return made


@pytest.fixture
def plans(monkeypatch):
    """The plans that are made, as a list that grows."""
    made, init = [], traced.Plan.__init__

    def counted(self, *arguments):
        made.append(self)
        init(self, *arguments)

    monkeypatch.setattr(traced.Plan, "__init__", counted)
    return made


def parameters(dtype=torch.float32, seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(3, 4), (), (17,), (0, 2), (700,), (2, 3, 2, 2)]
    made = [torch.from_numpy(np.array(rng.normal(size=shape))).to(dtype) for shape in shapes]
    made[-1] = made[-1].contiguous(memory_format=torch.channels_last)
    return [torch.nn.Parameter(start) for start in made]


def train(optimizer, params, steps, seed=1):
    """Gradients of many sizes, each step in new tensors."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        for p in params:
            g = rng.normal(size=(*p.shape, 2)) * np.exp(rng.normal())
            g = torch.from_numpy(g)
            g = torch.complex(g[..., 0], g[..., 1]) if p.is_complex() else g[..., 0]
            p.grad = torch.empty_like(p).copy_(g)
        optimizer.step()


def end(made, compile, dtype=torch.float32, steps=50, **settings):
    params = parameters(dtype)
    train(made(params, compile=compile, **settings), params, steps)
    return [p.detach() for p in params]


def assert_equal(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)


# The numbers.


@every_case
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_with_the_divisions_kept_every_bit_is_that_of_the_rule(case, dtype, left, monkeypatch):
    monkeypatch.setattr(traced, "EXACT", True)
    made, settings = CASES[case]
    found, expected = (end(made, compile, dtype, **settings) for compile in (True, False))
    # With a schedule the exponents of PowerSign are no whole numbers.
    bound = powers.NEAR[dtype] if powers.NUMPYS_OWN and case.startswith("PowerSign,") else 0
    torch.testing.assert_close(found, expected, rtol=bound, atol=bound)
    assert not left


@every_case
def test_by_default_it_is_near(case, left):
    """Also in the complex and half types, which are computed in float32."""
    made, settings = CASES[case]
    for dtype, bound in [
        *powers.NEAR.items(),
        (torch.complex64, powers.NEAR[torch.float32]),
        (torch.complex128, powers.NEAR[torch.float64]),
        (torch.bfloat16, 2**-6),
        (torch.float16, 2**-9),
    ]:
        found, expected = (end(made, compile, dtype, 20, **settings) for compile in (True, False))
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=bound, atol=bound)
    assert not left


@pytest.mark.parametrize("name", ["Adam", "AMSGrad", "Adamax", "NAdam", "RAdam"])
def test_it_is_as_exact_as_the_uncompiled_rule(name):
    """Beside the same run in float64, the worst error of an element is at most a fifth larger."""
    made, errors = getattr(optim, name), {}
    truth = end(made, False, torch.float64)
    for compile in (True, False):
        found = end(made, compile)
        errors[compile] = max(
            (a.double() - b).abs().max().item()
            for a, b in zip(found, truth, strict=True)
            if b.numel()
        )
    assert errors[True] <= 1.2 * errors[False]


def test_the_number_of_threads_does_not_matter(monkeypatch):
    monkeypatch.setattr(traced, "GRAIN", 1)
    before, ends = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 5):
            torch.set_num_threads(threads)
            ends.append(end(optim.NAdam, True, steps=5))
    finally:
        torch.set_num_threads(before)
    for other in ends[1:]:
        assert_equal(other, ends[0])
    assert_equal(ends[0], end(optim.NAdam, True, steps=5))


def test_the_uncompiled_run_would_be_told_from_another():
    """The comparisons above can fail."""
    found, other = end(optim.Adam, True), end(optim.Adam, False, lr=1.001e-3)
    assert not all(torch.allclose(a, b, rtol=5e-6) for a, b in zip(found, other, strict=True))


# What a rule may do: numbers as Python computes them, elements as NumPy does.

NUMBERS = {
    "sum": lambda t: 1 + t - 0.25,
    "product": lambda t: -t * 0.3 / 7,
    "whole quotient": lambda t: (t - 4) // 3 + 7.5 // t,
    "remainder": lambda t: (t - 4) % 3 + 7.5 % t + (-t) % 2.5,
    "powers": lambda t: 0.9**t + t**-0.5 + t**2 + 2.5 ** (t - 3),
    "root": lambda t: ops.sqrt(t),
    "wave": lambda t: ops.cos(1.7 * t),
    "floor": lambda t: ops.floor(0.3 * t) + ops.floor(-0.3 * t),
    "sign": lambda t: ops.sign(t - 3) + abs(t - 4),
    "maximum": lambda t: ops.maximum(3, t) + ops.maximum(t, 2) + ops.minimum(t, 4.5),
    "choice": lambda t: ops.where(t > 3, 1 / t, -t) + ops.where((t < 2) | (t >= 5), 1.0, 2.0),
    "logic": lambda t: ops.where((t > 1) & ~(t == 4), 1.0, 2.0) + ops.where(t != 2, 0.5, +t),
    "constant": lambda t: 0.1,
}
ELEMENTS = {
    "sum": lambda g, t: 1 + g - 0.25 - t,
    "product": lambda g, t: -g * 0.3 / 7 / t,
    "quotient": lambda g, t: 1 / g + t / g + g / abs(g),
    "powers": lambda g, t: g**2 + g**3 + abs(g) ** 0.5 + g**-1 + g**1 + g**0,
    "powers of t": lambda g, t: abs(g) ** (t / 2) + abs(g) ** -t + 1.5**g + abs(g) ** g,
    "root": lambda g, t: ops.sqrt(abs(g)),
    "floor": lambda g, t: ops.floor(g),
    "sign": lambda g, t: ops.sign(g) * t,
    "sign of nothing": lambda g, t: ops.sign(g - g) - ops.sign(0 * g),
    "maximum": lambda g, t: ops.maximum(g, 0.1) + ops.maximum(-t, g) + ops.minimum(g, g * g),
    "choice": lambda g, t: ops.where(g > 0, g, 2 * g) + ops.where(t > 3, g, -g),
    "logic": lambda g, t: ops.where((g > 0.1) & (g <= 1) | ~(g < 2), g, 0.5 * g),
}


def rule_class(formula):
    return type("Made", (optim.RuleOptimizer,), {"rule": staticmethod(elementwise(formula))})


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_pythons(name, left, monkeypatch):
    monkeypatch.setattr(traced, "EXACT", True)
    made = rule_class(lambda g, t: (g * NUMBERS[name](t),))
    for dtype in (torch.float32, torch.float64):
        found, expected = (end(made, compile, dtype, 8) for compile in (True, False))
        assert_equal(found, expected)
    assert not left


@pytest.mark.parametrize("name", ELEMENTS)
def test_elements_are_numpys(name, left, monkeypatch):
    monkeypatch.setattr(traced, "EXACT", True)
    made = rule_class(lambda g, t: (ELEMENTS[name](g, t),))
    for dtype in (torch.float32, torch.float64):
        found, expected = (end(made, compile, dtype, 6) for compile in (True, False))
        for a, b in zip(found, expected, strict=True):
            rtol = atol = 0
            if "powers" in name and powers.NUMPYS_OWN:
                rtol = atol = powers.NEAR[dtype]
            elif "powers" in name and not a.ndim:  # a scalar to NumPy, whose powers differ
                rtol = 1e-6
            torch.testing.assert_close(a, b, rtol=rtol, atol=atol)
    assert not left


def test_infinity_and_nan_go_the_same_way(monkeypatch):
    monkeypatch.setattr(traced, "EXACT", True)
    wild = torch.tensor([math.inf, -math.inf, math.nan, 0.0, -0.0, 3e38, -1e-45, 1e-30])
    for made, settings in CASES.values():
        ends = []
        for compile in (True, False):
            p = torch.nn.Parameter(torch.linspace(-1, 1, 8))
            optimizer = made([p], compile=compile, **settings)
            for g in (wild, wild.flip(0), torch.ones(8)):
                p.grad = g.clone()
                optimizer.step()
            ends.append(p.detach())
        torch.testing.assert_close(*ends, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(
    ("formula", "error"),
    [
        (lambda g, t: (g / (t - 3),), None),  # an element by 0 is infinity to both
        (lambda g, t: (g * (1 / (t - 3)),), ZeroDivisionError),
        (lambda g, t: (g * (1 // (t - 3)),), ZeroDivisionError),
        (lambda g, t: (g * (1 % (t - 3)),), ZeroDivisionError),
        (lambda g, t: (g * (3.0 - t) ** -2,), ZeroDivisionError),
        (lambda g, t: (g * 1e200 ** (t - 1),), OverflowError),
        (lambda g, t: (g * ops.sqrt(2 - t),), ValueError),
        (lambda g, t: (g * ops.cos(math.inf * (t - 0.5)),), ValueError),
        (lambda g, t: (g * ops.floor(math.inf * (t - 0.5)),), OverflowError),
    ],
)
def test_where_python_raises_nothing_is_stepped(formula, error):
    made, params = rule_class(formula), parameters(torch.float64)
    optimizer = made(params, compile=True)
    if error is None:
        train(optimizer, params, 3)
        assert not params[0].isfinite().any()
        return
    with pytest.raises(error):
        train(optimizer, params, 5)
    steps = {int(optimizer.state[p]["step"]) for p in params}
    assert len(steps) == 1 and steps < {0, 1, 2}
    others = parameters(torch.float64)
    train(made(others), others, steps.pop())
    for p, q in zip(params, others, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-14, atol=1e-14)


def test_where_a_reciprocal_would_be_inexact_the_rule_divides():
    """1e-40 is a number in float32, and its reciprocal is none."""
    made = rule_class(lambda g, t, *, unit=1e-40: (g / unit,))
    for unit in (1e-40, 1e-30, 1e38, 1e39):
        ends = []
        for compile in (True, False):
            p = torch.nn.Parameter(torch.zeros(3))
            p.grad = torch.tensor([1e-38, 1e-39, 0.0])
            made([p], compile=compile, lr=1.0, unit=unit).step()
            ends.append(p.detach())
        torch.testing.assert_close(*ends, rtol=1e-6, atol=0)


# What takes which way.


def test_a_rule_that_branches_on_a_value_runs_uncompiled_and_is_named_once(left):
    @elementwise
    def hesitant(g, t):
        return (g if t > 2 else 0 * g,)

    made = type("Hesitant", (optim.RuleOptimizer,), {"rule": staticmethod(hesitant)})
    params, others = parameters(), parameters()
    optimizer = made(params, compile=True)
    with pytest.warns(RuntimeWarning, match=r"^compile=True cannot compile hesitant, which branch"):
        train(optimizer, params, 1)
    train(optimizer, params, 4, seed=2)  # a second warning would be an error
    plain = made(others)
    train(plain, others, 1)
    train(plain, others, 4, seed=2)
    assert_equal(params, others)
    assert not left


@pytest.mark.parametrize(
    "formula",
    [
        lambda g, t: (torch.tanh(g),),
        lambda g, t: (g.tanh(),),
        lambda g, t: (ops.where(g, g, g),),
        lambda g, t: (g * (g > 0),),
        lambda g, t: (g // 2,),
        lambda g, t: (g, g),
        lambda g, t, m=0.0: (g, 1.0),
    ],
)
def test_what_a_trace_does_not_know_goes_to_inductor(formula, left, monkeypatch):
    monkeypatch.setattr(inductor, "run", lambda rule, tensors, t, **_: left.extend(tensors))
    params = parameters()
    train(rule_class(formula)(params, compile=True), params, 1)
    assert len(left) == len(params)


def test_odd_parameters_take_the_other_way_and_the_rest_does_not(left):
    good = torch.nn.Parameter(torch.ones(3))
    strided = torch.nn.Parameter(torch.ones(3, 2)[:, 0])
    other_order = torch.nn.Parameter(torch.ones(3, 2))
    negative = torch.nn.Parameter(torch.ones(2))
    odd = [strided, other_order, negative]
    optimizer = optim.Adam([good, *odd], compile=True)
    for step in range(1, 4):
        good.grad, strided.grad = torch.ones(3), torch.ones(3)
        other_order.grad = torch.ones(2, 3).mT
        negative.grad = torch.tensor([1j, 2j]).conj().imag
        assert negative.grad.is_neg()
        optimizer.step()
        assert [id(p) for p in left] == step * [id(p) for p in odd]
    negative.grad = torch.ones(2)
    other_order.grad = torch.ones(3, 2)
    optimizer.step()
    assert [id(p) for p in left[9:]] == [id(strided)]
    assert {int(optimizer.state[p]["step"]) for p in (good, *odd)} == {4}


def test_a_gradient_that_becomes_odd_takes_the_other_way(left):
    params = [torch.nn.Parameter(torch.ones(3, 2, dtype=torch.complex64)) for _ in range(2)]
    optimizer = optim.Adam(params, compile=True)
    for p in params:
        p.grad = torch.ones_like(p)
    optimizer.step()
    for odd in (
        torch.ones(2, 3, dtype=torch.complex64).mT,
        (1j * torch.ones(3, 2)).conj(),
        torch.ones((), dtype=torch.complex64).expand(3, 2),
    ):
        params[0].grad = odd
        optimizer.step()
        assert [id(p) for p in left] == [id(params[0])]
        left.clear()


def test_a_count_that_is_no_number_is_left_to_python():
    params = parameters()
    optimizer = optim.Adam(params, compile=True)
    train(optimizer, params, 1)
    before = [p.detach().clone() for p in params]
    for p in params:
        optimizer.state[p]["step"].fill_(math.nan)
    with pytest.raises(ValueError, match="NaN"):
        train(optimizer, params, 1)
    assert_equal(params, before)


def overlapping(start, size):
    """A parameter whose gradient lies in its own memory, and beyond."""

    def make():
        memory = torch.linspace(-1, 1, 64)
        p = torch.nn.Parameter(memory[8 : 8 + 40])
        p.grad = memory[start : start + size]
        return [p]

    return make


def beside():
    """Gradients in the memory of the other parameter."""
    memory = torch.linspace(-1, 1, 80)
    params = [torch.nn.Parameter(memory[i : i + 40]) for i in (0, 40)]
    params[0].grad, params[1].grad = memory[40:], memory[:40]
    return params


def in_one_place():
    memory = torch.linspace(-1, 1, 80)
    params = [torch.nn.Parameter(memory[i : i + 40]) for i in (0, 20)]
    for p in params:
        p.grad = torch.ones(40)
    return params


@pytest.mark.parametrize(
    "make",
    [overlapping(8, 40), overlapping(7, 40), overlapping(10, 40), beside, in_one_place],
)
def test_memory_that_is_shared_is_read_before_it_is_written(make, monkeypatch):
    monkeypatch.setattr(traced, "EXACT", True)
    ends = []
    for compile in (True, False):
        params = make()
        optimizer = optim.Adam(params, lr=0.1, compile=compile)
        for _ in range(3):
            optimizer.step()
        ends.append([p.detach() for p in params])
    assert_equal(*ends)


def test_states_in_one_place_follow_one_another(monkeypatch):
    monkeypatch.setattr(traced, "EXACT", True)
    ends = []
    for compile in (True, False):
        params = parameters()
        optimizer = optim.NAdam(params, lr=0.1, compile=compile)
        train(optimizer, params, 2)
        shared = optimizer.state[params[0]]["mu_product"]
        optimizer.state[params[2]]["mu_product"] = shared
        train(optimizer, params, 3)
        ends.append([p.detach() for p in params])
    assert_equal(*ends)


def test_without_a_compiler_it_is_left_to_inductor(left, monkeypatch):
    monkeypatch.setattr(native, "compiler", lambda: None)
    end(optim.Adam, True, steps=2)
    assert len(left) == 2 * len(parameters())
    assert native.compiled("") is None


def test_a_compiler_that_fails_is_named_once(left, monkeypatch):
    monkeypatch.setattr(traced, "_kernels", {})
    monkeypatch.setattr(
        native, "compiler", lambda: [sys.executable, "-c", "raise SystemExit('no')"]
    )
    params = parameters()
    optimizer = optim.Adam(params, compile=True)
    with pytest.warns(RuntimeWarning, match=r"^compile=True could not compile a rule with .*: no$"):
        train(optimizer, params, 1)
    train(optimizer, params, 2)
    assert len(left) == 3 * len(params)


def test_a_compiler_may_know_fewer_flags(kernels, monkeypatch):
    monkeypatch.setattr(native, "_choices", lambda: [["-no-such-flag"], []])
    assert_equal(end(optim.Adam, True), end(optim.Adam, True))
    assert len(kernels) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [("", True), ("/nonexistent/cc", False), (f"{sys.executable} -c 1", True)],
)
def test_the_environment_names_the_compiler(text, found, monkeypatch):
    monkeypatch.setenv("CC", text)
    command = native.compiler.__wrapped__()
    assert (command is not None) == found
    if text and found:
        assert command == text.split()


# Kernels and plans are kept.


def test_a_kernel_serves_every_shape_number_and_list(kernels):
    for lr, betas, shapes in [(0.1, (0.9, 0.99), [(2,)]), (0.2, (0.5, 0.6), [(3, 4), ()])]:
        params = [torch.nn.Parameter(torch.ones(shape)) for shape in shapes]
        optimizer = optim.Adam(params, lr=lr, betas=betas, compile=True)
        train(optimizer, params, 2)
        optimizer.param_groups[0]["eps"] = 1e-3
        train(optimizer, params, 2)
    assert len(kernels) == 1
    train(optim.Adam(params, weight_decay=0.1, compile=True), params, 1)
    train(optim.Adam(params, maximize=True, compile=True), params, 1)
    assert len(kernels) == 3


def one_at_a_time(optimizer, params):
    """A rate that changes from step to step."""
    for i in range(5):
        optimizer.param_groups[0]["lr"] = 0.1 / (i + 1)
        train(optimizer, params, 1)


def test_a_plan_serves_new_gradients_and_rates(plans):
    params = parameters()
    optimizer = optim.Adam(params, compile=True)
    one_at_a_time(optimizer, params)
    for p in params:
        p.grad = p.grad.clone()
    optimizer.step()
    optimizer.step()
    assert len(plans) == 1


def test_a_new_plan_is_made_where_something_moved(plans):
    """How often is the point: what is made too often is slow, what too seldom, wrong."""
    params = parameters()
    optimizer = optim.Adam(params, compile=True)
    state = optimizer.state

    def moved(event):
        before = len(plans)
        event()
        train(optimizer, params, 2)
        return len(plans) - before

    def set_data():
        params[0].grad, params[0].data = None, params[0].detach().clone()

    def set_state(key):
        state[params[1]][key] = state[params[1]][key].clone()

    def set_memory(key):
        state[params[1]][key].data = state[params[1]][key].clone()

    assert moved(lambda: None) == 1
    assert moved(lambda: None) == 0
    assert moved(set_data) == 1
    for key in ("step", "exp_avg", "exp_avg_sq"):
        assert moved(lambda key=key: set_state(key)) == 1
        assert moved(lambda key=key: set_memory(key)) == 1
        assert moved(lambda key=key: state[params[2]][key].share_memory_()) == 1
    assert moved(lambda: state.update({params[1]: dict(state[params[1]])})) == 1
    assert moved(lambda: optimizer.load_state_dict(optimizer.state_dict())) == 1
    assert moved(lambda: optimizer.param_groups[0]["params"].reverse()) == 1
    assert moved(lambda: optimizer.param_groups[0].update(weight_decay=0.1)) == 1
    assert moved(lambda: optimizer.add_param_group({"params": [torch.ones(2)]})) == 0


def test_plans_of_groups_that_are_gone_are_forgotten(plans):
    params = parameters()
    optimizer = optim.Adam([{"params": [p]} for p in params], compile=True)
    train(optimizer, params, 2)
    assert len(plans) == len(optimizer._books.plans) == len(params)
    del optimizer.param_groups[1:]
    params[0].grad, params[0].data = None, params[0].detach().clone()
    train(optimizer, params[:1], 1)
    assert len(optimizer._books.plans) == 1


def test_gradients_are_not_kept_alive():
    params = parameters()
    optimizer = optim.Adam(params, compile=True)
    train(optimizer, params, 2)
    grads = [weakref.ref(p.grad.untyped_storage()) for p in params]
    optimizer.zero_grad()
    gc.collect()
    assert not any(ref() for ref in grads)


def test_no_copy_has_the_plans():
    params = parameters()
    optimizer = optim.Adam(params, compile=True)
    train(optimizer, params, 2)
    other = copy.deepcopy(optimizer)
    assert optimizer._books.plans and other._books is None
    assert vars(other).keys() <= vars(optimizer).keys() - {"_books"}


def test_a_schedule_is_traced_and_another_function_called(kernels):
    calls = []

    def called(t):
        calls.append(t)
        return 1 / t

    @schedules.schedule
    def branching(t, *, after):
        calls.append(t)
        return 1.0 if t <= after else 0.5

    for decay, expected in [
        (0.5 * schedules.sgdr(period=3), 0),
        (called, 4),
        (branching(after=2), 4),
    ]:
        calls.clear()
        params, others = parameters(), parameters()
        optimizer = optim.AddSign(params, decay=decay, compile=True)
        train(optimizer, params, 4)
        assert len(set(filter(lambda t: isinstance(t, int), calls))) == expected
        train(optim.AddSign(others, decay=decay), others, 4)
        for a, b in zip(params, others, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
    assert len(kernels) == 2  # the branching one is the called one's


def test_a_function_with_several_values_is_left(left):
    params = parameters()
    optimizer = optim.AddSign(params, decay=lambda t: 1 / t, compile=True)
    train(optimizer, params[1:], 1)
    train(optimizer, params, 1)
    assert len(left) == len(params)
    train(optim.AddSign(params, decay=schedules.cosine(steps=3), compile=True), params[1:], 1)
    train(optimizer, params, 1)


def test_parameters_may_be_at_different_steps(left, monkeypatch):
    monkeypatch.setattr(traced, "EXACT", True)
    ends = []
    for compile in (True, False):
        params = parameters()
        optimizer = optim.NAdam(params, compile=compile)
        for some in (params[1:], params[2:], params[:3], params):
            for p in params:
                p.grad = None
            train(optimizer, some, 2)
        ends.append([p.detach() for p in params])
        counts = [int(optimizer.state[p]["step"]) for p in params]
    assert counts == [4, 6, 8, 6, 6, 6]
    assert_equal(*ends)
    assert not left


# What else a step does.


def test_a_closure_is_called_with_gradients_and_its_loss_returned():
    params = parameters(torch.float64)
    optimizer = optim.Adam(params, lr=0.1, compile=True)

    def closure():
        optimizer.zero_grad()
        loss = sum((p**2).sum() for p in params)
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(4)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0]


def test_autograd_knows_of_the_change():
    params = parameters()
    optimizer = optim.Adam(params, compile=True)
    for _ in range(2):
        versions = [p._version for p in params]
        train(optimizer, params, 1)
        assert all(p._version > v for p, v in zip(params, versions, strict=True))


@pytest.mark.filterwarnings("ignore:grad and param do not obey the gradient layout contract")
def test_a_square_that_was_turned_in_place_is_stepped_as_it_lies_now():
    """Its gradient, which stays, does not tell."""

    def run(compile):
        p = torch.nn.Parameter(torch.arange(9.0).view(3, 3))
        optimizer = optim.SGD([p], lr=0.1, momentum=0.9, compile=compile)
        weights = torch.arange(9.0).view(3, 3)
        for t in range(4):
            optimizer.zero_grad(set_to_none=False)
            (p * weights).sum().backward()
            optimizer.step()
            if t == 1:
                p.data = p.data.t()
        return p.detach()

    assert torch.equal(run(True), run(False))


# A trace.


def test_a_trace_tells_what_it_does_not_know():
    t = trace.Trace(exact=True)
    number, element = t.node("t", varies=False), t.node("x", varies=True)
    for value in (number, element):
        for ask in (bool, iter, len):
            with pytest.raises(trace.UntraceableError, match=r"branches on a value.*where"):
                ask(value)
        for ask in (float, int, range, math.sqrt):
            with pytest.raises(trace.UntraceableError, match=r"needs a number of Python's.*ops"):
                ask(value)
        for wrong in ("text", True, None):
            with pytest.raises(TypeError):
                value + wrong
            with pytest.raises(TypeError):
                wrong - value
        with pytest.raises(TypeError):
            np.tanh(value)
    assert (number + 1) is (number + 1)
    assert (element == None) is False  # noqa: E711


def test_one_number_states_are_numbers():
    @elementwise
    @scalar_states("total")
    def bad(g, t, total=0.0):
        return g, total + g

    with pytest.raises(TypeError, match="bad returns a total of another kind than it takes"):
        trace.trace(eager.describe(bad), {"lr": 0.1, "hyper": {}, "functions": {}}, exact=True)


FIRST_STEP = textwrap.dedent("""
    import json, sys, time, torch
    from adamtut import optim
    p = torch.nn.Parameter(torch.ones(3))
    p.grad = torch.ones(3)
    optimizer = optim.Adam([p], compile=True)
    optimizer.step()
    optimizer.step()
    print(json.dumps([p.tolist(), "adamtut.optim.inductor" in sys.modules]))
""")


def test_the_first_step_imports_no_inductor():
    """Which alone takes seconds."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FIRST_STEP],
        env=os.environ,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    values, imported = json.loads(done.stdout)
    assert values == pytest.approx([1 - 2e-3] * 3, rel=1e-6)
    assert not imported
