"""Small rules of every kind as optimizers: what declares nothing runs whole, at any size."""

import copy
import functools
import inspect
import io
import pickle
import warnings

import numpy as np
import pytest
import torch
from own_rules import OWN

from adamtut import descend, optim
from adamtut.optim import base, eager, native
from adamtut.registry import describe
from adamtut.traits import elementwise

SHAPES = {
    "clipped": [(4, 3), (70_000, 3)],
    "trust_ratio": [(4, 3), (70_000, 3)],
    "factored": [(4, 3), (2, 5)],
}


class Clipped(optim.RuleOptimizer):
    rule = staticmethod(OWN["clipped"])


class TrustRatio(optim.RuleOptimizer):
    rule = staticmethod(OWN["trust_ratio"])


class Factored(optim.RuleOptimizer):
    rule = staticmethod(OWN["factored"])


class Anchored(optim.RuleOptimizer):
    rule = staticmethod(OWN["anchored"])


class Counted(optim.RuleOptimizer):
    rule = staticmethod(OWN["counted"])


class Remembering(optim.RuleOptimizer):
    rule = staticmethod(OWN["remembering"])


CLASSES = [Clipped, TrustRatio, Factored, Anchored, Counted, Remembering]
ELEMENTWISE = [Anchored, Counted, Remembering]
every_elementwise = pytest.mark.parametrize("made", ELEMENTWISE, ids=lambda made: made.__name__)
every_class = pytest.mark.parametrize("made", CLASSES, ids=lambda made: made.__name__)


def parameters(made, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    shapes = SHAPES.get(made.rule.__name__, [(4, 3), ()])
    return [
        torch.nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype))
        for shape in shapes
    ]


def train(optimizer, params, steps):
    for _ in range(steps):
        for p in params:
            p.grad = 3 * p.detach().sin()
        optimizer.step()


def end(made, p, steps, **settings):
    """Where the same rule ends in `descend`, from the same start."""
    path = descend(made.rule, lambda x: 3 * np.sin(x), p.detach().numpy(), 0.05, steps, **settings)
    return torch.as_tensor(path[-1])


def test_every_rule_has_a_class_here():
    assert [made.rule for made in CLASSES] == list(OWN.values())


@every_class
def test_it_makes_the_steps_of_descend(made):
    params = parameters(made)
    expected = [end(made, p, 5, weight_decay=0.2) for p in params]
    optimizer = made(params, lr=0.05, weight_decay=0.2, decoupled_weight_decay=True)
    train(optimizer, params, 5)
    for p, q in zip(params, expected, strict=True):
        torch.testing.assert_close(p.detach(), q, rtol=1e-12, atol=1e-12)


@every_class
@pytest.mark.parametrize("how", ["deepcopy", "pickle", "file"])
def test_it_is_saved_and_goes_on(made, how):
    params = parameters(made)
    optimizer = made(params, lr=0.05)
    train(optimizer, params, 3)
    if how == "deepcopy":
        other, others = copy.deepcopy((optimizer, params))
    elif how == "pickle":
        other, others = pickle.loads(pickle.dumps((optimizer, params)))
    else:
        file = io.BytesIO()
        torch.save(optimizer.state_dict(), file)
        file.seek(0)
        others = copy.deepcopy(params)
        other = made(others)
        other.load_state_dict(torch.load(file, weights_only=True))
    train(optimizer, params, 3)
    train(other, others, 3)
    assert all(torch.equal(p, q) for p, q in zip(params, others, strict=True))


@every_class
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_dtypes_are_near(made, dtype):
    params, wide = parameters(made, dtype), parameters(made)
    train(made(params, lr=0.05), params, 3)
    train(made(wide, lr=0.05), wide, 3)
    for p, q in zip(params, wide, strict=True):
        assert p.dtype == dtype
        tolerance = 1e-5 if dtype == torch.float32 else 0.05
        torch.testing.assert_close(p.detach().double(), q.detach(), rtol=tolerance, atol=tolerance)


@every_class
def test_a_transposed_parameter_is_seen_in_its_own_shape(made):
    (p, *_), (q, *_) = parameters(made), parameters(made)
    q = torch.nn.Parameter(q.detach().mT.contiguous().mT)
    assert not q.is_contiguous()
    train(made([p], lr=0.05), [p], 3)
    train(made([q], lr=0.05), [q], 3)
    torch.testing.assert_close(p.detach(), q.detach(), rtol=1e-12, atol=1e-12)


def test_states_have_the_shape_of_their_start():
    params = parameters(Factored)
    optimizer = Factored(params)
    train(optimizer, params, 1)
    for p in params:
        state = optimizer.state[p]
        assert [state[key].shape for key in ("rows", "columns")] == [p.shape[:1], p.shape[1:]]
    optimizer = Counted(params := parameters(Counted))
    train(optimizer, params, 2)
    assert {optimizer.state[p]["total"].shape for p in params} == {()}
    assert {optimizer.state[p]["total"].item() for p in params} == {3.0}


def test_a_start_may_be_a_number_for_each_parameter():
    """Not declared to be one, it is a tensor without a dimension."""

    class Halving(optim.RuleOptimizer):
        @staticmethod
        def rule(g, t, size=lambda x: 2.0):
            return size * g, size / 2

    for dtype in (torch.float64, torch.bfloat16):
        p = torch.nn.Parameter(torch.zeros(3, dtype=dtype))
        p.grad = torch.ones_like(p)
        optimizer = Halving([p], lr=1.0)
        optimizer.step()
        optimizer.step()
        assert torch.equal(p, torch.full_like(p, -3))
        size = optimizer.state[p]["size"]
        assert (size.dtype, size.item()) == (dtype, 0.5)


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_norm_is_that_of_the_whole_parameter(compile, dtype):
    """In parts of 65,536 elements the step of this one would have the length 20."""
    p = torch.nn.Parameter(torch.zeros(200_000, dtype=dtype))
    p.grad = torch.ones_like(p)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Clipped([p], lr=1.0, compile=compile).step()
    assert p.detach().double().norm().item() == pytest.approx(10, rel=2e-3)


def test_a_rule_that_lies_would_be_wrong_here():
    """The test above sees it."""

    class Lying(optim.RuleOptimizer):
        @staticmethod
        @elementwise
        def rule(g, t, *, limit=10.0):
            return OWN["clipped"](g, t, limit=limit)

    p = torch.nn.Parameter(torch.zeros(200_000))
    p.grad = torch.ones_like(p)
    Lying([p], lr=1.0).step()
    assert p.detach().norm().item() > 15


@pytest.mark.parametrize("made", [Clipped, TrustRatio, Factored], ids=lambda made: made.__name__)
def test_what_is_not_elementwise_is_not_compiled_and_named_once(made, monkeypatch):
    told = functools.cache(inspect.unwrap(base._can_be_compiled))
    monkeypatch.setattr(base, "_can_be_compiled", told)
    (p, *_), (q, *_) = parameters(made), parameters(made)
    optimizer = made([p], lr=0.05, compile=True)
    message = f"^compile=True .*; {made.rule.__name__} does not declare that .*elementwise"
    with pytest.warns(RuntimeWarning, match=message):
        train(optimizer, [p], 1)
    train(optimizer, [p], 2)  # a second warning would be an error
    train(made([q], lr=0.05), [q], 3)
    assert torch.equal(p, q)


@pytest.fixture(params=["loop", pytest.param("inductor", marks=pytest.mark.slow)])
def engine(request, monkeypatch):
    """What compiles: the loop in C, or inductor, as on another device."""
    if request.param == "inductor":
        monkeypatch.setattr(native, "compiler", lambda: None)


@pytest.mark.usefixtures("engine")
@every_elementwise
def test_what_is_elementwise_is_compiled(made):
    """It may want the parameter, start from it, and have a state that is one number."""
    params, others = parameters(made), parameters(made)
    train(made(params, lr=0.05, compile=True), params, 3)
    train(made(others, lr=0.05), others, 3)
    for p, q in zip(params, others, strict=True):
        torch.testing.assert_close(p.detach(), q.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_states_that_change_hands_when_compiled_are_the_places_that_were(dtype):
    p, _ = parameters(Remembering, dtype)
    optimizer, path = Remembering([p], lr=0.05, compile=True), [p.detach().clone()]
    for _ in range(3):
        train(optimizer, [p], 1)
        path.append(p.detach().clone())
    assert torch.equal(optimizer.state[p]["last"], path[-2])
    assert torch.equal(optimizer.state[p]["older"], path[-3])


@every_elementwise
def test_what_is_elementwise_runs_in_parts(made, monkeypatch):
    (p, *_), (q, *_) = parameters(made), parameters(made)
    train(made([p], lr=0.05), [p], 3)
    monkeypatch.setattr(eager, "CHUNK", 5)
    train(made([q], lr=0.05), [q], 3)
    assert torch.equal(p, q)


def test_a_state_that_changes_its_shape_is_refused_by_name():
    class Rows(optim.RuleOptimizer):
        """Without a start that has their shape; in a square matrix they would fit unheard."""

        @staticmethod
        def rule(g, t, rows=0.0):
            return g, g.mean(-1)

    for dtype in (torch.float64, torch.bfloat16):
        p = torch.nn.Parameter(torch.ones(3, 3, dtype=dtype))
        p.grad = torch.ones_like(p)
        message = r"^rule returns a state rows of shape \(3,\), which had \(3, 3\)\. A state has"
        with pytest.raises(ValueError, match=message):
            Rows([p]).step()
        assert torch.equal(p, torch.ones_like(p))


class Averaged(optim.RuleOptimizer):
    """It does not say that it is elementwise, and does not start from 0."""

    @staticmethod
    def rule(g, t, m=0.5):
        return m, (m + g) / 2


def test_a_state_of_its_own_shape_takes_the_dtype_of_the_parameter():
    """As after `model.float()`."""
    params = parameters(Factored)
    optimizer = Factored(params)
    train(optimizer, params, 1)
    for p in params:
        p.grad, p.data = None, p.data.float()
    train(optimizer, params, 1)
    kinds = {optimizer.state[p][key].dtype for p in params for key in ("rows", "columns")}
    assert kinds == {torch.float32}


@pytest.mark.parametrize(("made", "key"), [(Anchored, "start"), (TrustRatio, "m"), (Averaged, "m")])
def test_a_state_of_a_parameter_that_changed_its_shape_is_refused(made, key):
    p = torch.nn.Parameter(torch.ones(3, 1, dtype=torch.float64))
    optimizer = made([p])
    train(optimizer, [p], 1)
    p.grad, p.data = None, torch.ones(3, 2, dtype=torch.float64)
    message = rf"^{made.__name__}: {key} has shape \(3, 1\), but the parameter has \(3, 2\) now"
    with pytest.raises(RuntimeError, match=message):
        train(optimizer, [p], 1)
    assert torch.equal(p, torch.ones_like(p))


def test_the_rate_and_the_decay_have_ranges_whatever_the_rule():
    for setting in ({"lr": -1.0}, {"weight_decay": -1.0}):
        (name,) = setting
        with pytest.raises(ValueError, match=f"^Counted: {name} must be 0 or more"):
            Counted(parameters(Counted), **setting)
    Counted(parameters(Counted), slope=-5.0, weights=(-1, -2, -3))
    with pytest.raises(ValueError, match=r"^Counted: weights must be 3 numbers \(weight1, wei"):
        Counted(parameters(Counted), weights=(0.9, 0.99))
    with pytest.raises(ValueError, match=r"^Clipped: limit must be 0 or more"):
        Clipped(parameters(Clipped), limit=-1)
    renamed = type("Renamed", (Clipped,), {"arguments": {"limit": "max_norm"}})
    with pytest.raises(ValueError, match=r"^Renamed: max_norm must be 0 or more"):
        renamed(parameters(Clipped), max_norm=-1)


# What the rules in the book refuse, and PyTorch takes.
WIDER = [
    (optim.SGD, {"momentum": 1.5}),
    (optim.SGDW, {"momentum": 1.0}),
    (optim.RMSprop, {"alpha": 1.5}),
]


@pytest.mark.parametrize(("made", "settings"), WIDER)
def test_ranges_are_pytorchs_where_those_are_wider(made, settings):
    made(parameters(Counted), **settings)
    assert describe(made.rule).ranges["beta"].high == 1


def test_a_complex_parameter_is_seen_as_real_numbers():
    """Its norm is that of all of them, and a start has the shape of its real view."""
    p = torch.nn.Parameter(torch.zeros(3, dtype=torch.complex128))
    p.grad = torch.full_like(p, 30 + 40j)
    Clipped([p], lr=1.0).step()
    torch.testing.assert_close(p.detach(), -p.grad / p.grad.norm() * 10)
    for dtype in (torch.complex64, torch.complex128):
        q = torch.nn.Parameter(torch.tensor([8 + 4j, -2j], dtype=dtype))
        optimizer = Anchored([q], lr=0.25)
        for _ in range(60):
            q.grad = 2 * q.detach()
            optimizer.step()
            optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        expected = torch.tensor([8 + 4j, -2j], dtype=dtype) * 0.5 / 2.5
        torch.testing.assert_close(q.detach(), expected)
        assert optimizer.state[q]["start"].shape == (2, 2)
        yogi = optim.Yogi([q])
        yogi.step()
        yogi.step()
        assert {yogi.state[q][key].dtype for key in ("exp_avg", "exp_avg_sq")} == {dtype}
