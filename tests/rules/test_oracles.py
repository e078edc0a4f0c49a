"""Every rule equals its oracles in float64, over 50 steps of hard gradients.

Where neither torch nor optax has it, the paper's algorithm in another style is the oracle.
"""

import numpy as np
import pytest
import torch
from cases import CASES
from oracles import LR, disagreement, rule_path, streams
from torch._dynamo.testing import CompileCounter

from adamtut import descend, rules
from adamtut.registry import RULES


@pytest.mark.parametrize("name", CASES)
def test_a_rule_equals_its_oracles(name):
    assert disagreement(getattr(rules, name), name) <= CASES[name].tolerance


def test_every_rule_has_its_row_and_two_oracles():
    assert list(RULES) == list(CASES)
    for name, case in CASES.items():
        ours = [oracle.ours for oracle in case.oracles]
        assert {} in ours, f"{name} has no oracle for its defaults"
        assert name == "gd" or len(ours) > 1, f"{name} has no oracle for other settings"


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("library", ["float", "numpy", "torch"])
def test_the_same_numbers_on_floats_numpy_and_torch(name, library):
    rule, gradients = getattr(rules, name), streams()["badly scaled"]
    expected = rule_path(rule, {}, gradients)
    convert = {"float": float, "numpy": np.float64, "torch": torch.tensor}[library]
    for column in range(gradients.shape[1]):
        x, state = convert(expected[0, column]), ()
        for t, g in enumerate(gradients[:, column], start=1):
            d, *state = rule(convert(g), t, *state)
            x = x - LR * d
        assert float(x) == pytest.approx(expected[-1, column], rel=1e-14, abs=1e-14)
        assert type(x) is type(convert(0.0))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_of_the_gradient_is_kept(name, dtype):
    arrays = getattr(rules, name)(np.ones(3, dtype), 1)
    assert {a.dtype for a in arrays if np.ndim(a)} == {np.dtype(dtype)}
    tensor = torch.ones(3, dtype=getattr(torch, dtype.__name__))
    arrays = getattr(rules, name)(tensor, 1)
    assert {a.dtype for a in arrays if np.ndim(a)} == {tensor.dtype}


@pytest.mark.parametrize("name", CASES)
def test_zero_tensors_give_zero_never_nan(name):
    zero, state = torch.zeros(2, dtype=torch.float64), ()
    for t in range(1, 6):
        d, *state = getattr(rules, name)(zero, t, *state)
        np.testing.assert_array_equal(d, zero)
        assert all(np.isfinite(np.asarray(a)).all() for a in state)


@pytest.mark.parametrize("name", CASES)
def test_rules_do_not_touch_tensors(name):
    rng = np.random.default_rng(0)
    _, *state = getattr(rules, name)(rng.normal(size=3), 1)
    copies = [rng.normal(size=3), *(np.array(a) for a in state)]
    tensors = [torch.from_numpy(a.copy()) for a in copies]
    getattr(rules, name)(tensors[0], 2, *tensors[1:])
    for tensor, copy in zip(tensors, copies, strict=True):
        np.testing.assert_array_equal(tensor.numpy(), copy)


@pytest.mark.parametrize(
    ("settings", "decay"),
    [({"l2": 0.1}, {"weight_decay": 0.1}), ({"weight_decay": 0.1}, {"weight_decay": 0.1})],
)
def test_descend_decays_as_torch_does(settings, decay):
    """`l2` is torch's Adam(weight_decay=…), `weight_decay` its AdamW."""
    optimizer_class = torch.optim.Adam if "l2" in settings else torch.optim.AdamW
    start = np.array([1.0, -2.0, 3.0])
    path = descend(rules.adam, lambda x: 2 * x, start, lr=0.1, steps=50, **settings)
    x = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = optimizer_class([x], lr=0.1, **decay)
    for expected in path[1:]:
        x.grad = 2 * x.detach()
        optimizer.step()
        np.testing.assert_allclose(x.detach().numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_is_one_graph_under_torch_compile(name):
    """Whatever t is; the branches on t are no branches of Python."""
    gradients = streams()["badly scaled"][:10]
    expected = rule_path(getattr(rules, name), {}, gradients)
    torch._dynamo.reset()
    counter = CompileCounter()
    compiled = torch.compile(getattr(rules, name), backend=counter, fullgraph=True)
    x = torch.linspace(-1, 1, 6, dtype=torch.float64)
    _, *numbers = getattr(rules, name)(np.zeros(6), 1)
    state = [
        torch.full(np.shape(number), start, dtype=torch.float64)
        for number, start in zip(numbers, RULES[name].state.values(), strict=True)
    ]
    for t, g in enumerate(gradients, start=1):
        d, *state = compiled(torch.from_numpy(g), torch.tensor(t, dtype=torch.float64), *state)
        x = x - LR * d
        np.testing.assert_allclose(x.numpy(), expected[t], rtol=0, atol=1e-14 * abs(expected).max())
    assert counter.frame_count == (0 if name == "gd" else 1)  # gd computes nothing


def test_a_branch_of_python_on_t_is_noticed():
    def branching(g, t):
        return (g if t > 5 else -g,)

    torch._dynamo.reset()
    compiled = torch.compile(branching, backend="eager", fullgraph=True)
    with pytest.raises(torch._dynamo.exc.Unsupported, match="branch"):
        compiled(torch.ones(2), torch.tensor(1.0))
