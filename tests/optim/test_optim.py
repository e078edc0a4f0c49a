"""The contract of `adamtut.optim`: whatever torch's optimizers do, these do too."""

import copy
import functools
import inspect
import io
import os
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from cases import CASES, DROP_INS
from torch.optim import lr_scheduler as schedulers
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from adamtut import ops, optim
from adamtut.optim import base, eager
from adamtut.registry import RULES
from adamtut.schedules import constant, linear_decay, linear_warmup, lr_lambda
from adamtut.traits import MEMORY, elementwise, ranges, scalar_states

CLASSES = {
    name: value
    for name, value in vars(optim).items()
    if inspect.isclass(value) and issubclass(value, optim.RuleOptimizer) and hasattr(value, "rule")
}
# torch's optimizer of the same name, where there is one.
TORCH = {name: getattr(torch.optim, name) for name in CLASSES if hasattr(torch.optim, name)}
TORCH["AMSGrad"] = functools.partial(torch.optim.Adam, amsgrad=True)

every_class = pytest.mark.parametrize("name", CLASSES)
every_counterpart = pytest.mark.parametrize("name", TORCH)
# One class for each way in which states differ: none of its own, numbers of its own, a start value.
KINDS = ["SGD", "Adam", "NAdam", "Adagrad"]
some_classes = pytest.mark.parametrize("name", KINDS)

SETTINGS = {name: {"lr": 0.05} | made.settings for name, made in DROP_INS.items()}


def parameters(*shapes, dtype=torch.float64):
    """Parameters with the same values for the same shapes."""
    shapes = shapes or ((3, 2), (4,), ())
    generator = torch.Generator().manual_seed(0)
    return [
        torch.nn.Parameter(torch.randn(shape, generator=generator, dtype=dtype)) for shape in shapes
    ]


def slope(x, t):
    """A gradient that depends on the place and on the step."""
    return (0.3 * x + wave(x.numel(), t).reshape(x.shape)).to(x.dtype)


@functools.cache
def wave(count, t):
    return torch.sin(t + torch.arange(count, dtype=torch.float64))


def train(optimizer, params, steps, first=1):
    for t in range(first, first + steps):
        for i, p in enumerate(params):
            p.grad = slope(p.detach(), t + 7 * i)
        optimizer.step()


def assert_equal(ours, theirs, name="", tolerance=1e-12):
    """Two lists of tensors are equal to rounding; torch keeps NAdam's product in float32."""
    tolerance = max(tolerance, 2e-10 if name == "NAdam" else 0)
    size = max([float(b.detach().abs().max()) for b in theirs if b.numel()], default=1.0)
    for a, b in zip(ours, theirs, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        difference = (a.detach() - b.detach()).abs()
        assert not difference.numel() or difference.max() <= tolerance * size


def states(optimizer):
    """All tensors of an optimizer's state, in the order of its parameters."""
    return [
        value
        for group in optimizer.param_groups
        for p in group["params"]
        for _, value in sorted(optimizer.state.get(p, {}).items())
        if value is not None
    ]


def twins(name, **settings):
    """Our class and torch's over equal parameters: (ours, params, theirs, params)."""
    a, b = parameters(), parameters()
    settings = SETTINGS[name] | settings
    return CLASSES[name](a, **settings), a, TORCH[name](b, **settings), b


def saved(state_dict):
    """What a state is after torch.save and a load that runs no code."""
    file = io.BytesIO()
    torch.save(state_dict, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


# Signatures.


def test_no_class_is_lost():
    assert set(CLASSES) == set(SETTINGS)


@every_class
def test_the_signature_is_what_is_accepted(name):
    made = CLASSES[name]
    first, second, *others = inspect.signature(made).parameters.values()
    assert (first.name, second.name) == ("params", "lr")
    assert {p.kind for p in (first, second)} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}
    assert {p.kind for p in others} == {inspect.Parameter.KEYWORD_ONLY}

    defaults = {p.name: p.default for p in (second, *others)}
    explicit, implicit = made(parameters(), **defaults), made(parameters())
    assert explicit.defaults == implicit.defaults
    assert explicit.state_dict() == implicit.state_dict()
    assert set(implicit.defaults) <= set(defaults)
    assert all(implicit.defaults[key] == defaults[key] for key in implicit.defaults)
    made(params=parameters(), lr=0.1)


@every_class
def test_only_params_and_the_rate_have_a_position(name):
    CLASSES[name](parameters(), 0.1)
    with pytest.raises(TypeError, match="positional"):
        CLASSES[name](parameters(), 0.1, 0.9)


@every_class
def test_an_unknown_argument_is_refused_by_name(name):
    with pytest.raises(TypeError, match=f"^{name} takes params, lr, .*; not beta1, learning_rate$"):
        CLASSES[name](parameters(), learning_rate=0.1, maximize=True, beta1=0.9)


@every_counterpart
def test_the_defaults_are_torchs(name):
    theirs = TORCH[name]([torch.zeros(1)]).param_groups[0]
    signature = inspect.signature(CLASSES[name]).parameters
    for key, value in theirs.items():
        if key != "params":
            assert signature[key].default == value, key
            assert type(signature[key].default) in (type(value), float), key


# What PyTorch does not have.
OURS = [name for name in CLASSES if name not in TORCH]


@pytest.mark.parametrize("name", OURS)
def test_the_defaults_where_torch_has_none(name):
    decay, decoupled = DROP_INS[name].decay
    common = {"weight_decay": decay, "decoupled_weight_decay": decoupled}
    common |= {"maximize": False, "compile": False}
    assert CLASSES[name](parameters()).defaults == common | DROP_INS[name].defaults


@pytest.mark.parametrize("name", OURS)
def test_the_keys_of_the_state_where_torch_has_none(name):
    """Under each key stands what the rule returns there."""
    optimizer = CLASSES[name](params := parameters(), **SETTINGS[name])
    train(optimizer, params, 1)
    expected = by_rule(name, parameters(), weight_decay=0.0, maximize=False)
    for p, q in zip(params, expected.params, strict=True):
        q.grad = p.grad
    expected.step()
    keys = [key for key in DROP_INS[name].keys if key != "step"]
    for p, state in zip(params, expected.states, strict=True):
        assert set(optimizer.state[p]) == set(DROP_INS[name].keys)
        found = [optimizer.state[p][key] for key in keys]
        assert_equal(found, [torch.as_tensor(slot) for slot in state])


@every_class
def test_a_class_says_where_torch_has_none(name):
    assert ("PyTorch has none." in CLASSES[name].__doc__) == (name in OURS)


@every_class
def test_decay_is_decoupled_where_the_class_is_known_for_it(name):
    defaults = CLASSES[name](parameters()).defaults
    found = (defaults["weight_decay"], defaults["decoupled_weight_decay"])
    assert found == DROP_INS[name].decay


def test_every_rule_has_a_class():
    reached = {made.rule for made in CLASSES.values()}
    for settings in ({}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}):
        sgd = optim.SGD(parameters(), **settings)
        reached.add(sgd._rule_for(sgd.param_groups[0]))
    without = {name for name, rule in RULES.items() if rule.function not in reached}
    assert without == {name for name, case in CASES.items() if not case.classes} - {
        "gd",
        "nesterov",
    }
    assert "ema_momentum" in without  # it is SGD at the rate lr (1 - momentum)


# Arguments of torch's with one legal value.

ENGINES = ["foreach", "fused", "capturable", "differentiable"]
# (class, argument, a value that is refused, what to do instead)
REFUSED = [
    ("SGD", "dampening", 0.1, "scale lr"),
    ("SGDW", "dampening", 0.1, "scale lr"),
    ("SGDW", "decoupled_weight_decay", False, "use SGD"),
    ("Adagrad", "lr_decay", 0.1, "use a scheduler"),
    ("RMSprop", "momentum", 0.9, "use Adam"),
    ("RMSprop", "centered", True, "no centred form"),
    ("Adam", "amsgrad", True, "use AMSGrad"),
    ("AdamW", "amsgrad", True, "use AMSGrad"),
    ("AdamW", "decoupled_weight_decay", False, "use Adam"),
    ("AMSGrad", "amsgrad", False, "use Adam"),
]
REFUSED_ENGINES = [(name, key, True, "use compile=True") for name in CLASSES for key in ENGINES]
refused = pytest.mark.parametrize(("name", "key", "value", "advice"), REFUSED)


@pytest.mark.parametrize(("name", "key", "value", "advice"), REFUSED + REFUSED_ENGINES)
def test_what_has_one_legal_value_is_refused_by_name(name, key, value, advice):
    made = CLASSES[name]
    legal = inspect.signature(made).parameters[key].default
    message = f"^{name} has {key}={legal} only, got {value}; .*{advice}"
    with pytest.raises(ValueError, match=message):
        made(parameters(), **{key: value})
    with pytest.raises(ValueError, match=message):
        made([{"params": parameters(), key: value}])
    optimizer = made(parameters())
    with pytest.raises(ValueError, match=message):
        optimizer.add_param_group({"params": parameters(), key: value})
    assert len(optimizer.param_groups) == 1


@every_class
@pytest.mark.parametrize("value", [None, False])
def test_none_and_false_are_legal_where_the_legal_value_is_nothing(name, value):
    fixed = {key for other, key, *_ in REFUSED if other == name} | set(ENGINES)
    fixed = {key for key in fixed if not inspect.signature(CLASSES[name]).parameters[key].default}
    settings = dict.fromkeys(fixed, value)
    optimizer = CLASSES[name]([{"params": parameters(), **settings}], **settings)
    assert not fixed & set(optimizer.param_groups[0])


@every_class
def test_live_groups_hold_what_steps_read_and_nothing_else(name):
    optimizer = CLASSES[name](parameters(), compile=True)
    optimizer.add_param_group({"params": parameters(), "compile": True, "fused": None})
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.add_param_group({"params": parameters(), "foreach": False})
    live = set(optimizer.defaults) - {"compile", "differentiable"} | {"params"}
    for group in optimizer.param_groups:
        assert set(group) == live
    for group in optimizer.state_dict()["param_groups"]:
        assert "compile" not in group
        assert all(group[key] in (None, False) for key in ENGINES)


@every_class
def test_other_keys_of_a_group_are_the_users_own(name):
    """Whatever they hold; torch keeps them, and writes them into the state."""
    own = {"note": "head", "decay": 0.5, "betas": "mine", "beta": -1, "call": len}
    for made in (CLASSES[name], TORCH.get(name, torch.optim.Adam)):
        extra = {key: value for key, value in own.items() if key not in made(parameters()).defaults}
        assert {"note", "call"} < set(extra)
        params = parameters()
        optimizer = made([{"params": params, **extra}])
        optimizer.add_param_group({"params": parameters((2,)), **extra})
        train(optimizer, params, 1)
        state_dict = optimizer.state_dict()
        for group in state_dict["param_groups"]:
            assert group.items() >= extra.items()
            group["call"] = max
        optimizer.load_state_dict(state_dict)
        train(optimizer, params, 1)
        for group in optimizer.param_groups:
            assert group.items() >= (extra | {"call": max}).items()


@every_counterpart
def test_the_state_dict_has_torchs_keys(name):
    ours, a, theirs, b = twins(name)
    train(ours, a, 2)
    train(theirs, b, 2)
    ours, theirs = ours.state_dict(), theirs.state_dict()
    for i in range(len(a)):
        assert set(ours["state"][i]) == set(theirs["state"][i])
        for key, value in theirs["state"][i].items():
            assert ours["state"][i][key].shape == value.shape
    for group, expected in zip(ours["param_groups"], theirs["param_groups"], strict=True):
        assert group.items() >= expected.items()


@refused
def test_a_state_with_such_a_value_is_refused(name, key, value, advice):
    """A state of torch's that our class cannot continue."""
    optimizer = CLASSES[name](parameters())
    state_dict = optimizer.state_dict()
    state_dict["param_groups"][0][key] = value
    with pytest.raises(ValueError, match=f"{key}=.*{advice}"):
        optimizer.load_state_dict(state_dict)


@every_counterpart
def test_how_torch_ran_its_optimizer_does_not_matter(name):
    optimizer = CLASSES[name](parameters())
    state_dict = optimizer.state_dict()
    state_dict["param_groups"][0].update(dict.fromkeys(ENGINES, True))
    optimizer.load_state_dict(state_dict)
    assert not set(ENGINES) & set(optimizer.param_groups[0])


# Bad values.

nan, inf = float("nan"), float("inf")
# (class, argument, value, error, message, whether torch refuses it too)
BAD = [
    *[(n, "lr", -0.1, ValueError, "lr must be 0 or more.* got -0.1", True) for n in CLASSES],
    *[(n, "weight_decay", -1, ValueError, "weight_decay must be 0.*-1", True) for n in CLASSES],
    ("Adam", "lr", nan, ValueError, "lr must be 0 or more.* got nan", True),
    ("Adam", "lr", inf, ValueError, "lr must be .*finite, got inf", False),
    ("Adam", "lr", "0.1", TypeError, "lr must be a number, got '0.1'", True),
    ("Adam", "lr", 1j, TypeError, "lr must be a number, got 1j", True),
    ("Adam", "lr", torch.ones(2), ValueError, r"lr must be one number, got tensor\(\[1", True),
    ("Adam", "lr", np.ones(2), ValueError, r"lr must be one number, got array\(\[1", False),
    ("Adam", "lr", [0.1], ValueError, r"lr must be one number, got \[0.1\]", False),
    ("Adam", "lr", (0.1,), ValueError, r"lr must be one number, got \(0.1,\)", False),
    ("Adam", "lr", torch.tensor(-0.5), ValueError, "lr must be 0 or more.* got -0.5", True),
    ("Adam", "betas", (1.0, 0.9), ValueError, r"beta1 must lie in \[0, 1\), got 1.0", True),
    ("Adam", "betas", (-0.1, 0.9), ValueError, r"beta1 must lie in \[0, 1\), got -0.1", True),
    ("Adam", "betas", (0.9, 1.0), ValueError, r"beta2 must lie in \[0, 1\), got 1.0", True),
    ("Adam", "betas", (0.9, nan), ValueError, r"beta2 must lie in \[0, 1\), got nan", True),
    ("Adam", "betas", ("0.9", 0.9), TypeError, "beta1 must be a number, got '0.9'", True),
    (
        "Adam",
        "betas",
        torch.ones(2),
        ValueError,
        r"betas must be a pair \(beta1, beta2\), got tensor",
        False,
    ),
    ("Adam", "betas", (0.9, [0.9]), ValueError, r"betas must be a pair .* got \(0.9, \[", False),
    ("Adam", "betas", 0.9, ValueError, "betas must be a pair .*, got 0.9", False),
    ("Adam", "betas", (0.9,), ValueError, r"betas must be a pair .*, got \(0.9,\)", False),
    ("Adam", "betas", (0.9,) * 3, ValueError, r"betas must be a pair .*, got \(0.9, ", False),
    *[
        (name, "eps", -1e-8, ValueError, "eps must be 0 or more.* got -1e-08", True)
        for name, settings in SETTINGS.items()
        if "eps" in settings
    ],
    ("Adam", "eps", nan, ValueError, "eps must be 0 or more.* got nan", True),
    ("SGD", "momentum", -0.1, ValueError, "momentum must be 0 or more.* got -0.1", True),
    ("SGD", "nesterov", True, ValueError, "nesterov=True needs a momentum above 0", True),
    ("SGDW", "nesterov", True, ValueError, "nesterov=True needs a momentum above 0", True),
    ("RMSprop", "alpha", -0.1, ValueError, "alpha must be 0 or more.* got -0.1", True),
    ("Adadelta", "rho", -0.1, ValueError, r"rho must lie in \[0, 1\), got -0.1", True),
    ("Adadelta", "rho", 1.1, ValueError, r"rho must lie in \[0, 1\), got 1.1", True),
    ("NAdam", "momentum_decay", -1, ValueError, "momentum_decay must be 0 .* got -1", True),
    ("Adagrad", "initial_accumulator_value", -1, ValueError, "initial_acc.* must be 0 .*-1", True),
    ("Yogi", "initial_accumulator_value", -1, ValueError, "initial_acc.* must be 0 .*-1", True),
    ("PowerSign", "beta", 1.0, ValueError, r"beta must lie in \[0, 1\), got 1.0", True),
    ("PowerSign", "base", -1.0, ValueError, "base must be 0 or more.* got -1.0", True),
    ("AddSign", "alpha", nan, ValueError, "alpha must be 0 or more.* got nan", True),
    ("AddSign", "decay", 0.5, TypeError, "decay must be a function of t.* got 0.5", True),
]
bad_values = pytest.mark.parametrize(
    ("name", "key", "value", "error", "message", "torch_refuses"), BAD
)


@bad_values
def test_bad_values_are_refused_as_torch_does(name, key, value, error, message, torch_refuses):
    message = f"^{name}: {message}"
    with pytest.raises(error, match=message):
        CLASSES[name](parameters(), **{key: value})
    with pytest.raises(error, match=message):
        CLASSES[name]([{"params": parameters(), key: value}])
    if torch_refuses and name in TORCH:
        with pytest.raises(error):
            TORCH[name](parameters(), **{key: value})


@every_class
def test_a_rate_that_was_forgotten_is_not_the_default(name):
    """`lr=None` out of a configuration; torch refuses it too."""
    for made in (CLASSES[name], TORCH.get(name, torch.optim.Adam)):
        with pytest.raises(TypeError):
            made(parameters(), lr=None)
    with pytest.raises(TypeError, match=f"^{name}: lr must be a number, got None$"):
        CLASSES[name]([{"params": parameters(), "lr": None}])


@every_class
def test_zero_is_in_range(name):
    zeros = {
        key: (0, 0) if key == "betas" else 0
        for key, value in CLASSES[name](parameters()).defaults.items()
        if not callable(value) and not isinstance(value, bool)
    }
    CLASSES[name](parameters(), **zeros)


def test_an_argument_may_be_legal_for_a_group_only_with_another_of_the_class():
    nesterov = {"params": parameters(), "nesterov": True}
    optim.SGD([dict(nesterov)], momentum=0.9)
    with pytest.raises(ValueError, match="SGD: nesterov=True needs a momentum"):
        optim.SGD([nesterov | {"momentum": 0.0}], momentum=0.9)
    with pytest.raises(ValueError, match="SGD: nesterov=True needs a momentum"):
        optim.SGD([dict(nesterov)])


@bad_values
def test_a_refused_load_changes_nothing(name, key, value, error, message, torch_refuses):
    optimizer, params = CLASSES[name](parameters()), parameters()
    optimizer = CLASSES[name](params)
    train(optimizer, params, 2)
    before = copy.deepcopy(optimizer.state_dict())
    refused = copy.deepcopy(before)
    for state in refused["state"].values():
        for tensor in state.values():
            tensor += 1
    refused["param_groups"][0] |= {"lr": 0.7, key: value}
    with pytest.raises(error, match=message):
        optimizer.load_state_dict(refused)
    assert str(optimizer.state_dict()) == str(before)


@pytest.mark.parametrize("shapes", [[(3, 2)], [(3, 2), (4,), (), (2,)]])
def test_a_state_of_other_parameters_is_refused(shapes):
    optimizer, params = optim.Adam(parameters()), parameters(*shapes)
    other = optim.Adam(params)
    train(other, params, 1)
    with pytest.raises(ValueError, match="doesn't match the size"):
        optimizer.load_state_dict(other.state_dict())
    assert not optimizer.state and not states(optimizer)


@every_class
@pytest.mark.parametrize(
    ("params", "error"),
    [
        ([], ValueError),
        (torch.ones(2), TypeError),
        ([1.0], TypeError),
        ([torch.ones(2, requires_grad=True) * 2], ValueError),
        ([{"lr": 0.1}], KeyError),
    ],
)
def test_bad_parameters_are_refused_as_torch_does(name, params, error):
    with pytest.raises(error):
        CLASSES[name](params)
    with pytest.raises(error):
        TORCH.get(name, torch.optim.Adam)(params)


def test_a_parameter_belongs_to_one_group():
    optimizer = optim.Adam(params := parameters())
    with pytest.raises(ValueError, match="more than one parameter group"):
        optimizer.add_param_group({"params": params[0]})
    with pytest.raises(TypeError, match="must be a dict"):
        optimizer.add_param_group([params[0]])


@every_class
def test_a_sparse_gradient_is_refused_before_anything_is_counted(name):
    """With settings under which the class does not take it."""
    settings = {"SGD": {"momentum": 0.9}, "Adagrad": {"weight_decay": 0.1}}.get(name, {})
    params = parameters((2,), (3,))
    optimizer = CLASSES[name](params, **settings)
    params[0].grad, params[1].grad = torch.ones(2).double(), torch.ones(3).double().to_sparse()
    message = rf"^{name} takes dense gradients here, got .*sparse_coo"
    with pytest.raises(RuntimeError, match=message):
        optimizer.step()
    assert_equal(params, parameters((2,), (3,)), tolerance=0)
    assert all(state.get("step", 0) == 0 for state in optimizer.state.values())


def test_a_step_that_fails_does_not_count():
    """A second attempt makes the step that the first should have made."""
    a, b, broken = parameters(), parameters(), [2]

    def decay(t):
        if t in broken:
            raise ArithmeticError
        return 1 / t

    ours, alone = optim.AddSign(a, decay=decay), optim.AddSign(b, decay=lambda t: 1 / t)
    train(ours, a, 1)
    train(alone, b, 1)
    with pytest.raises(ArithmeticError):
        train(ours, a, 1, first=2)
    assert_equal(a, b, tolerance=0)
    assert [int(ours.state[p]["step"]) for p in a] == [1, 1, 1]
    broken.clear()
    train(ours, a, 1, first=2)
    train(alone, b, 1, first=2)
    assert_equal(a, b, tolerance=0)


def test_what_was_stepped_before_a_failure_has_counted():
    def decay(t):
        return 1 / (t - 1)

    params = parameters((2,), (3,))
    optimizer = optim.AddSign(params)
    train(optimizer, params[:1], 1)
    optimizer.param_groups[0]["decay"] = decay
    before = copy.deepcopy(params)
    with pytest.raises(ZeroDivisionError):
        train(optimizer, params, 1, first=2)
    assert [torch.equal(p, q) for p, q in zip(params, before, strict=True)] == [False, True]
    assert [int(optimizer.state[p]["step"]) for p in params] == [2, 0]


@pytest.mark.parametrize("name", ["SGD", "NAdam"])
def test_a_state_of_another_shape_is_refused(name):
    """Where one that fits by broadcasting would go wrong unheard."""
    optimizer = CLASSES[name](params := parameters((3, 1)), **SETTINGS[name])
    train(optimizer, params, 1)
    (p,) = params
    p.grad, p.data = None, torch.zeros(3, 2, dtype=torch.float64)
    key = "momentum_buffer" if name == "SGD" else "exp_avg"
    message = rf"^{name}: {key} has shape \(3, 1\), .* \(3, 2\) now; make a new optimizer for it$"
    with pytest.raises(RuntimeError, match=message):
        train(optimizer, params, 1)
    assert not p.any()


def test_a_state_takes_the_dtype_of_its_parameter():
    """As after `model.float()`; torch's state does so when it is loaded."""
    a, b = parameters(), parameters(dtype=torch.float32)
    ours, theirs = optim.NAdam(a, **SETTINGS["NAdam"]), torch.optim.NAdam(b, **SETTINGS["NAdam"])
    train(ours, a, 3)
    theirs.load_state_dict(copy.deepcopy(ours.state_dict()))
    for p, q in zip(a, b, strict=True):
        p.grad, p.data = None, p.data.float()
        q.data.copy_(p)
    train(ours, a, 2, first=4)
    train(theirs, b, 2, first=4)
    assert_equal(a, b, tolerance=1e-6)
    kinds = {key: value.dtype for key, value in ours.state[a[0]].items()}
    moments = dict.fromkeys(["exp_avg", "exp_avg_sq"], torch.float32)
    assert kinds == moments | {"step": torch.float32, "mu_product": torch.float64}


# Against torch.


class ByRule:
    """A rule applied to whole tensors with nothing around it, where torch has no counterpart."""

    def __init__(self, params, rule, starts, lr, weight_decay, maximize, **hyper):
        self.params, self.rule, self.hyper = params, rule, hyper
        self.lr, self.weight_decay, self.sign = lr, weight_decay, -1 if maximize else 1
        self.states, self.t = [starts for _ in params], 0

    def step(self):
        self.t += 1
        for i, p in enumerate(self.params):
            g = self.sign * p.grad.numpy() + self.weight_decay * p.detach().numpy()
            d, *self.states[i] = self.rule(g, self.t, *self.states[i], **self.hyper)
            p.data -= self.lr * torch.as_tensor(d)


def counterpart(name, params, weight_decay, maximize):
    settings = {"weight_decay": weight_decay, "maximize": maximize}
    if name in TORCH:
        settings |= {"decoupled_weight_decay": False} if name == "AdamW" else {}
        oracle = torch.optim.Adam if name == "AdamW" else TORCH[name]
        return oracle(params, **SETTINGS[name], **settings)
    if name == "SGDW":
        return torch.optim.SGD(params, **SETTINGS[name], **settings)
    return by_rule(name, params, **settings)


def by_rule(name, params, **settings):
    hyper, starts = dict(SETTINGS[name]), ()
    if name == "Yogi":
        starts = (0.0, hyper.pop("initial_accumulator_value"))
    if name == "SGDW":
        hyper = {"lr": hyper["lr"], "beta": hyper["momentum"]}
    return ByRule(params, CLASSES[name].rule, starts, **hyper, **settings)


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize(
    ("name", "decay"),
    [
        (name, decay)
        for name in CLASSES
        for decay in ("none", "penalty", "decoupled")
        if decay != "penalty" or name not in ("AdamW", "SGDW")
    ],
)
def test_every_class_against_its_oracle(name, decay, maximize):
    a, b = parameters(), parameters()
    settings = {"weight_decay": 0.0 if decay == "none" else 0.1, "maximize": maximize}
    if decay != "none":
        settings["decoupled_weight_decay"] = decay == "decoupled"
    ours = CLASSES[name](a, **SETTINGS[name], **settings)
    theirs = counterpart(name, b, 0.1 if decay == "penalty" else 0.0, maximize)
    for t in range(1, 11):
        train(ours, a, 1, first=t)
        for i, p in enumerate(b):
            p.grad = slope(p.detach(), t + 7 * i)
            if decay == "decoupled":  # Loshchilov & Hutter: x shrinks, the gradient does not know
                p.data *= 1 - SETTINGS[name]["lr"] * 0.1
        theirs.step()
    assert_equal(a, b, name)


@every_counterpart
@pytest.mark.parametrize("decoupled", [False, True])
def test_no_decay_leaves_infinite_parameters_alone(name, decoupled):
    """0 times infinity is not a number."""
    ours, a, theirs, b = twins(name, weight_decay=0.0)
    if "decoupled_weight_decay" not in CLASSES[name].fixed:
        ours.param_groups[0]["decoupled_weight_decay"] = decoupled
    for optimizer, params in ((ours, a), (theirs, b)):
        params[1].data[0] = float("inf")
        for p in params:
            p.grad = torch.ones_like(p)
        optimizer.step()
    assert a[1][0] == b[1][0] == float("inf")
    assert_equal([a[1][1:]], [b[1][1:]], name)


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}])
def test_sgd_is_three_rules(settings):
    a, b = parameters(), parameters()
    ours, theirs = optim.SGD(a, 0.1, **settings), torch.optim.SGD(b, 0.1, **settings)
    train(ours, a, 5)
    train(theirs, b, 5)
    assert_equal(a, b)
    assert_equal(states(ours), states(theirs))
    assert set(ours.state_dict()["state"]) == set(theirs.state_dict()["state"])


def test_sgd_chooses_its_rule_anew_in_each_step():
    (ours, a, theirs, b) = twins("SGD")
    choices = [(0.8, True), (0.0, False), (0.5, False), (0.9, True), (0.0, False)]
    for t, (momentum, nesterov) in enumerate(choices, start=1):
        for optimizer, params in ((ours, a), (theirs, b)):
            optimizer.param_groups[0].update(momentum=momentum, nesterov=nesterov)
            train(optimizer, params, 2, first=10 * t)
    assert_equal(a, b)


@every_counterpart
def test_groups_have_settings_of_their_own_and_may_come_late(name):
    runs = []
    for made in (CLASSES[name], TORCH[name]):
        a, b, c, d = params = parameters((3, 2), (4,), (), (5,))
        rate = SETTINGS[name]["lr"]
        groups = [{"params": [a, c]}, {"params": b, "lr": 2 * rate, "maximize": True}]
        optimizer = made(groups, weight_decay=0.1, **SETTINGS[name])
        train(optimizer, [a, b, c], 4)
        late = {"params": d, "lr": 3 * rate, "weight_decay": 0.0} | {
            key: value
            for key, value in {"eps": 0.1, "betas": (0.5, 0.6), "momentum": 0.3}.items()
            if key in SETTINGS[name]
        }
        optimizer.add_param_group(late)
        train(optimizer, params, 4, first=5)
        runs.append((optimizer, params))
    (ours, a), (theirs, b) = runs
    assert_equal(a, b, name)
    for found, expected in zip(states(ours), states(theirs), strict=True):
        assert_equal(
            [found.double()], [expected.double()], tolerance=1e-7 if name == "NAdam" else 1e-12
        )


@every_counterpart
def test_each_parameter_counts_its_own_steps(name):
    """Without a gradient, or frozen, a parameter rests and so does its count."""
    runs = []
    for made in (CLASSES[name], TORCH[name]):
        params = parameters((3, 2), (4,), (), (2,))
        optimizer = made(params, weight_decay=0.1, **SETTINGS[name])
        for t in range(1, 10):
            for i, p in enumerate(params):
                resting = (i == 0 and 3 <= t <= 6) or (i == 1 and t < 5) or i == 3
                p.requires_grad_(not resting)
                p.grad = None if resting else slope(p.detach(), t)
            optimizer.step()
        runs.append((optimizer, params))
    (ours, a), (_, b) = runs
    assert_equal(a, b, name)
    if CLASSES[name].counts_steps:
        assert [int(ours.state[p]["step"]) for p in a[:3]] == [5, 5, 9]
    assert not ours.state.get(a[3])
    torch.testing.assert_close(a[3], parameters((3, 2), (4,), (), (2,))[3], rtol=0, atol=0)


@every_counterpart
def test_closures(name):
    ours, a, theirs, b = twins(name)

    def closure(optimizer, params):
        assert torch.is_grad_enabled()
        optimizer.zero_grad()
        loss = sum((p**4).sum() for p in params)
        loss.backward()
        return loss

    for _ in range(3):
        found = ours.step(lambda: closure(ours, a))
        expected = theirs.step(closure=lambda: closure(theirs, b))
        assert_equal([found], [expected], name)
    assert ours.step() is None
    theirs.step()
    assert_equal(a, b, name)


@every_class
def test_zero_grad_and_repr(name):
    optimizer = CLASSES[name](params := parameters(), lr=0.125)
    train(optimizer, params, 1)
    optimizer.zero_grad(set_to_none=False)
    assert all((p.grad == 0).all() for p in params)
    optimizer.zero_grad()
    assert all(p.grad is None for p in params)
    assert repr(optimizer).startswith(f"{name} (\nParameter Group 0\n")
    assert "    lr: 0.125\n" in repr(optimizer) and "fused" not in repr(optimizer)


# Hooks.


def test_hooks_around_a_step():
    seen, replacement = [], slope(torch.zeros(2), 1)
    optimizer = optim.Adam(params := parameters((2,), dtype=torch.float32))

    def before(optimizer, args, kwargs):
        params[0].grad = replacement
        seen.append(("before", params[0].detach().clone(), args, kwargs))

    def after(optimizer, args, kwargs):
        seen.append(("after", params[0].detach().clone(), args, kwargs))

    optimizer.register_step_pre_hook(before)
    optimizer.register_step_post_hook(after)
    optimizer.step()
    assert [event for event, *_ in seen] == ["before", "after"]
    assert all(given == [(optimizer,), {}] for _, _, *given in seen)
    start, end = seen[0][1], seen[1][1]
    torch.testing.assert_close(end, start - 1e-3 * replacement.sign())


def register_hooks(optimizer, seen):
    """Each way to watch a step; returns what ends it."""
    return [
        optimizer.register_step_pre_hook(lambda *_: seen.append("before")),
        optimizer.register_step_post_hook(lambda *_: seen.append("after")),
        register_optimizer_step_pre_hook(lambda *_: seen.append("all before")),
        register_optimizer_step_post_hook(lambda *_: seen.append("all after")),
    ]


@pytest.mark.parametrize("compile", [False, True])
def test_each_hook_sees_a_step_once(compile):
    """Alone too: PyTorch's wrapper, which calls them, is left out where there is none."""
    optimizer = optim.Adam(params := parameters(), compile=compile)
    for kept in range(4):
        seen: list[str] = []
        handles = register_hooks(optimizer, seen)
        for i, handle in enumerate(handles):
            if i != kept:
                handle.remove()
        train(optimizer, params, 1)
        handles[kept].remove()
        train(optimizer, params, 1)
        assert seen == [["before", "after", "all before", "all after"][kept]]


@pytest.mark.parametrize("compile", [False, True])
def test_profilers_see_a_step(compile):
    optimizer = optim.Adam(params := parameters(), compile=compile)
    train(optimizer, params, 1)
    for profiler in (torch.profiler.profile, torch.autograd.profiler.profile):
        with profiler() as profile:
            train(optimizer, params, 1)
        assert "Optimizer.step#Adam.step" in {event.key for event in profile.key_averages()}


@pytest.mark.parametrize("compile", [False, True])
def test_a_step_of_ones_own_is_watched_once(compile):
    """PyTorch wraps it, and it calls ours."""
    seen = []

    class Loud(optim.Adam):
        def step(self, closure=None):
            seen.append("own")
            return super().step(closure)

    optimizer = Loud(params := parameters(), compile=compile)
    optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
    train(optimizer, params, 1)
    assert seen == ["before", "own"]


def test_a_closure_under_a_hook_is_called_once_with_gradients():
    optimizer, seen = optim.Adam(params := parameters((2,))), []

    def closure():
        optimizer.zero_grad()
        seen.append(loss := (params[0] ** 2).sum())
        loss.backward()
        return loss

    assert optimizer.step(closure) is seen[-1]
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))
    assert optimizer.step(closure) is seen[-2]
    assert seen[2] == "after" and seen[1] < seen[0]


@pytest.mark.parametrize("made", [optim.Adam, torch.optim.Adam])
def test_hooks_around_a_state_dict_see_and_may_replace_it(made):
    """Ours and torch's do the same."""
    optimizer, events = made(parameters()), []
    optimizer.register_state_dict_pre_hook(lambda optimizer: events.append("before"))
    optimizer.register_state_dict_post_hook(
        lambda optimizer, state_dict: events.append(set(state_dict["param_groups"][0]))
    )
    optimizer.register_state_dict_post_hook(
        lambda optimizer, state_dict: {"optimizer": copy.deepcopy(state_dict)}
    )
    wrapped = optimizer.state_dict()
    assert set(wrapped) == {"optimizer"}
    assert wrapped["optimizer"]["param_groups"][0]["amsgrad"] is False
    assert events[0] == "before" and "params" in events[1]


@pytest.mark.parametrize("made", [optim.Adam, torch.optim.Adam])
def test_hooks_before_a_load_may_replace_the_state(made):
    """As in torch's documentation, which reorders parameters by name in such a hook."""
    optimizer = made(params := parameters((2,), (2,)))
    params[0].grad = torch.ones(2).double()
    optimizer.step()
    params[1].grad = 2 * torch.ones(2).double()
    optimizer.step()  # the first has made two steps, the second one
    state_dict = copy.deepcopy(optimizer.state_dict())

    def swapped(optimizer, state_dict):
        state_dict = copy.deepcopy(state_dict)
        state_dict["state"] = {0: state_dict["state"][1], 1: state_dict["state"][0]}
        return state_dict

    other = made(others := parameters((2,), (2,)))
    other.register_load_state_dict_pre_hook(swapped)
    other.load_state_dict(state_dict)
    assert [int(other.state[p]["step"]) for p in others] == [1, 2]
    assert_equal([other.state[others[0]]["exp_avg"]], [optimizer.state[params[1]]["exp_avg"]])


@pytest.mark.parametrize("made", [optim.Adam, torch.optim.Adam])
def test_hooks_before_a_load_may_unwrap_the_state(made):
    optimizer = made(params := parameters())
    train(optimizer, params, 2)
    other = made(others := parameters())
    other.register_load_state_dict_pre_hook(lambda optimizer, state_dict: state_dict["optimizer"])
    other.load_state_dict({"optimizer": copy.deepcopy(optimizer.state_dict())})
    assert_equal(states(other), states(optimizer), tolerance=0)
    assert [int(other.state[p]["step"]) for p in others] == [2, 2, 2]


@pytest.mark.parametrize("made", [optim.Adam, torch.optim.Adam])
def test_hooks_after_a_load_have_the_last_word(made):
    optimizer = made(params := parameters())
    train(optimizer, params, 2)

    def reset(optimizer):
        for state in optimizer.state.values():
            state["step"] = torch.tensor(0.0)

    optimizer.register_load_state_dict_post_hook(reset)
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert [int(optimizer.state[p]["step"]) for p in params] == [0, 0, 0]


def test_hooks_after_a_load_see_what_steps_will_use():
    """Counts that were not cast to half precision, tensors of its own, and functions."""
    optimizer = optim.AddSign(params := parameters((2,), dtype=torch.bfloat16))
    train(optimizer, params, 1)
    state_dict, seen = copy.deepcopy(optimizer.state_dict()), []
    state_dict["state"][0]["step"] = torch.tensor(301.0)

    def look(optimizer):
        seen.append((dict(optimizer.state[params[0]]), optimizer.param_groups[0]["decay"]))

    optimizer.register_load_state_dict_post_hook(look)
    for t in (301, 302):
        state_dict["state"][0]["step"] = torch.tensor(float(t))
        optimizer.load_state_dict(state_dict)
        state, decay = seen.pop()
        assert int(state["step"]) == t and decay is optimizer.defaults["decay"]
        assert state["exp_avg"] is not state_dict["state"][0]["exp_avg"]
    assert not seen


def test_saving_and_loading_leave_no_hooks_behind():
    optimizer = optim.Adam(parameters())
    state_dict = optimizer.state_dict()
    optimizer.load_state_dict(state_dict)
    state_dict["param_groups"][0]["lr"] = -1.0
    with pytest.raises(ValueError):
        optimizer.load_state_dict(state_dict)
    hooks = [value for name, value in vars(optimizer).items() if name.endswith("hooks")]
    assert len(hooks) >= 5 and not any(hooks)


# Copies and checkpoints.


def copied(optimizer, params, how):
    """The optimizer and its parameters a second time."""
    if how == "deepcopy":
        return copy.deepcopy((optimizer, params))
    if how == "pickle":
        return pickle.loads(pickle.dumps((optimizer, params)))
    params = copy.deepcopy(params)
    settings = {key: v for key, v in optimizer.defaults.items() if callable(v)}
    other = type(optimizer)(params, **settings)  # all else comes with the state
    state_dict = optimizer.state_dict()
    other.load_state_dict(saved(state_dict) if how == "file" else state_dict)
    return other, params


@every_class
@pytest.mark.parametrize("how", ["deepcopy", "pickle", "file", "memory"])
def test_a_copy_goes_on_alike_and_alone(name, how):
    params = parameters()
    optimizer = CLASSES[name](params, weight_decay=0.1, **SETTINGS[name])
    train(optimizer, params, 5)
    other, others = copied(optimizer, params, how)
    before = [tensor.clone() for tensor in states(optimizer)]
    train(other, others, 20, first=6)
    assert_equal(states(optimizer), before, tolerance=0)  # the copy's steps did not move it
    assert len(before) == len(states(other)) > 0
    train(optimizer, params, 20, first=6)
    assert_equal(others, params, tolerance=0)
    assert_equal(states(other), states(optimizer), tolerance=0)
    assert str(other.state_dict()["param_groups"]) == str(optimizer.state_dict()["param_groups"])


@every_class
def test_a_loaded_state_and_its_dictionary_are_apart(name):
    params = parameters()
    optimizer = CLASSES[name](params, **SETTINGS[name] | {"lr": torch.tensor(0.05)})
    train(optimizer, params, 2)
    state_dict = copy.deepcopy(optimizer.state_dict())
    before = copy.deepcopy(state_dict)
    optimizer.load_state_dict(state_dict)
    optimizer.param_groups[0]["lr"].fill_(0.5)
    train(optimizer, params, 2)
    assert str(state_dict) == str(before)


@every_counterpart
@pytest.mark.parametrize("how", ["file", "memory"])
def test_checkpoints_go_both_ways_in_the_middle_of_a_run(name, how):
    """Ours goes on as torch's, torch's as ours, and both end where one run of torch's does."""
    ours, a, theirs, b = twins(name, weight_decay=0.1)
    train(ours, a, 10)
    train(theirs, b, 10)
    to_us, to_them = CLASSES[name](a), TORCH[name](b)
    convert = saved if how == "file" else copy.deepcopy
    from_us, from_them = convert(ours.state_dict()), convert(theirs.state_dict())
    to_us.load_state_dict(from_them)
    to_them.load_state_dict(from_us)
    train(to_us, a, 20, first=11)
    train(to_them, b, 20, first=11)
    _, _, alone, expected = twins(name, weight_decay=0.1)
    train(alone, expected, 30)
    assert_equal(a, expected, name)
    assert_equal(b, expected, name)
    if CLASSES[name].counts_steps:
        assert {int(state["step"]) for state in to_us.state.values()} == {30}


@every_counterpart
def test_a_checkpoint_of_parameters_that_never_had_a_gradient(name):
    ours, a, theirs, b = twins(name)
    _, _, alone, expected = twins(name)
    for optimizer, params in ((ours, a), (theirs, b), (alone, expected)):
        train(optimizer, params[:1], 3)
    from_us, from_them = copy.deepcopy(ours.state_dict()), copy.deepcopy(theirs.state_dict())
    ours.load_state_dict(from_them)
    theirs.load_state_dict(from_us)
    for optimizer, params in ((ours, a), (theirs, b), (alone, expected)):
        train(optimizer, params, 3)
    assert_equal(a, expected, name)
    assert_equal(b, expected, name)


def test_torch_writes_none_for_a_momentum_that_has_not_begun():
    ours, a, theirs, b = twins("SGD")
    train(theirs, b, 1)
    state_dict = copy.deepcopy(theirs.state_dict())
    for state in state_dict["state"].values():
        state["momentum_buffer"] = None
    a = copy.deepcopy(b)
    ours = optim.SGD(a)
    ours.load_state_dict(state_dict)
    theirs.load_state_dict(state_dict)
    train(ours, a, 3, first=2)
    train(theirs, b, 3, first=2)
    assert_equal(a, b)


def test_what_an_older_checkpoint_does_not_have_is_filled_in():
    optimizer = optim.AdamW(params := parameters(), weight_decay=0.3)
    train(optimizer, params, 2)
    state_dict = copy.deepcopy(optimizer.state_dict())
    for key in ("maximize", "decoupled_weight_decay", "amsgrad", "fused"):
        del state_dict["param_groups"][0][key]
    state_dict["state"][0]["step"] = 2  # once no tensor
    optimizer.load_state_dict(state_dict)
    assert optimizer.param_groups[0]["decoupled_weight_decay"] is True
    assert optimizer.param_groups[0]["maximize"] is False
    train(optimizer, params, 1, first=3)
    assert [int(optimizer.state[p]["step"]) for p in params] == [3, 3, 3]


def test_counters_and_products_are_not_cast_to_half_precision():
    """Loading casts tensors to the parameter's dtype: 301 would become 300 in bfloat16."""
    optimizer = optim.NAdam(params := parameters((2,), dtype=torch.bfloat16))
    train(optimizer, params, 1)
    state_dict = copy.deepcopy(optimizer.state_dict())
    state_dict["state"][0] |= {"step": torch.tensor(301.0), "mu_product": torch.tensor(0.123456)}
    optimizer.load_state_dict(state_dict)
    state = optimizer.state[params[0]]
    assert int(state["step"]) == 301
    assert state["mu_product"].item() == pytest.approx(0.123456, rel=1e-6)
    assert state["exp_avg"].dtype == torch.bfloat16


def test_named_parameters():
    model = torch.nn.Linear(3, 2)
    ours, theirs = (made(model.named_parameters()) for made in (optim.Adam, torch.optim.Adam))
    names = theirs.state_dict()["param_groups"][0]["param_names"]
    assert ours.state_dict()["param_groups"][0]["param_names"] == names == ["weight", "bias"]
    ours.load_state_dict(saved(theirs.state_dict()))


@pytest.mark.parametrize("how", ["deepcopy", "pickle", "memory"])
def test_copies_stay_compiled(how):
    optimizer = optim.Adam(params := parameters(), compile=True)
    other, _ = copied(optimizer, params, how)
    assert other.defaults["compile"] is (how != "memory")
    optimizer.load_state_dict(optimizer.state_dict())
    assert optimizer.defaults["compile"] is True


# Schedules.


@pytest.mark.parametrize("name", ["PowerSign", "AddSign"])
def test_a_decay_of_the_sign_rules_is_no_part_of_the_state(name):
    first, second, other = constant(0.25), linear_decay(steps=9), linear_decay(steps=5)
    params = parameters((2,), (2,))
    groups = [{"params": params[0], "decay": first}, {"params": params[1]}]
    optimizer = CLASSES[name](groups, decay=second)
    train(optimizer, params, 2)
    state_dict = saved(optimizer.state_dict())
    assert [group["decay"] for group in state_dict["param_groups"]] == [None, None]
    groups = [{"params": p} for p in parameters((2,), (2,))]
    loaded = CLASSES[name](groups, decay=other)
    loaded.load_state_dict(state_dict)
    assert [group["decay"] for group in loaded.param_groups] == [other, other]
    assert [group["decay"] for group in optimizer.param_groups] == [first, second]
    optimizer.load_state_dict(state_dict)
    assert [group["decay"] for group in optimizer.param_groups] == [first, second]


@pytest.mark.parametrize("name", ["PowerSign", "AddSign"])
@pytest.mark.parametrize("kind", [float, np.float64, np.float32, np.array, torch.tensor])
def test_a_decay_may_return_any_number(name, kind):
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        a, b = parameters(dtype=dtype), parameters(dtype=dtype)
        train(CLASSES[name](a, lr=0.1, decay=lambda t: kind(1 / 2**t)), a, 3)
        train(CLASSES[name](b, lr=0.1, decay=lambda t: 1 / 2**t), b, 3)
        assert_equal(a, b, tolerance=1e-6)


def rate(optimizer):
    return optimizer.defaults["lr"]


SCHEDULERS = {
    "step": lambda o: schedulers.StepLR(o, step_size=4, gamma=0.5),
    "exponential": lambda o: schedulers.ExponentialLR(o, gamma=0.9),
    "restarts": lambda o: schedulers.CosineAnnealingWarmRestarts(o, T_0=5, T_mult=2),
    "one cycle": lambda o: schedulers.OneCycleLR(o, max_lr=4 * rate(o), total_steps=31),
    "one cycle of the rate": lambda o: schedulers.OneCycleLR(
        o, max_lr=4 * rate(o), total_steps=31, cycle_momentum=False
    ),
    "cyclic": lambda o: schedulers.CyclicLR(o, base_lr=rate(o), max_lr=4 * rate(o), step_size_up=4),
    "ours": lambda o: schedulers.LambdaLR(o, lr_lambda(linear_warmup(steps=9))),
    "sequential": lambda o: schedulers.SequentialLR(
        o, [schedulers.LinearLR(o), schedulers.ExponentialLR(o, 0.8)], milestones=[4]
    ),
    "plateau": lambda o: schedulers.ReduceLROnPlateau(o, patience=1, factor=0.5),
}


@every_counterpart
@pytest.mark.parametrize("kind", SCHEDULERS)
def test_schedulers_drive_them_as_they_drive_torchs(name, kind):
    ours, a, theirs, b = twins(name, weight_decay=0.1)
    try:
        expected = SCHEDULERS[kind](theirs)
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            SCHEDULERS[kind](ours)
        return
    if name == "RMSprop" and kind in ("one cycle", "cyclic"):
        # They would turn on its momentum, which the class does not have: not unheard, an error.
        with pytest.raises(ValueError, match="must support momentum"):
            SCHEDULERS[kind](ours)
        return
    scheduler = SCHEDULERS[kind](ours)
    rates = set()
    for t in range(1, 31):
        train(ours, a, 1, first=t)
        train(theirs, b, 1, first=t)
        rates.add(ours.param_groups[0]["lr"])
        for each in (scheduler, expected):
            each.step(1.0) if kind == "plateau" else each.step()
    assert_equal(a, b, name)
    assert len(rates) > 3


@pytest.mark.parametrize("name", ["Adam", "SGD", "RMSprop"])
def test_a_scheduler_and_its_optimizer_resume_together(name):
    def fresh(params):
        optimizer = CLASSES[name](params, lr=0.05)
        return optimizer, schedulers.CosineAnnealingWarmRestarts(optimizer, T_0=5)

    def run(pair, params, steps):
        for t in steps:
            train(pair[0], params, 1, first=t)
            pair[1].step()

    run(whole := fresh(a := parameters()), a, range(1, 21))
    run(half := fresh(b := parameters()), b, range(1, 11))
    resumed = fresh(b)
    for new, old in zip(resumed, half, strict=True):
        new.load_state_dict(saved(old.state_dict()))
    run(resumed, b, range(11, 21))
    assert_equal(b, a, tolerance=0)
    assert resumed[0].param_groups[0]["lr"] == whole[0].param_groups[0]["lr"]


# Numbers that are no Python floats.


@every_counterpart
def test_the_rate_may_be_a_tensor_and_is_read_in_each_step(name):
    ours, a, theirs, b = twins(name)
    lr = SETTINGS[name]["lr"]
    ours = CLASSES[name](a, **SETTINGS[name] | {"lr": torch.tensor(lr, dtype=torch.float64)})
    for t in range(1, 6):
        ours.param_groups[0]["lr"].fill_(lr / t)
        theirs.param_groups[0]["lr"] = lr / t
        train(ours, a, 1, first=t)
        train(theirs, b, 1, first=t)
    assert_equal(a, b, name)


@every_class
def test_settings_may_be_numpy_numbers_and_tensors(name):
    def converted(value, kind):
        if isinstance(value, tuple):
            return tuple(kind(entry) for entry in value)
        return kind(value) if type(value) is float else value

    runs = []
    for kind in (float, np.float64, lambda x: torch.tensor(x, dtype=torch.float64)):
        settings = {"weight_decay": 0.1} | SETTINGS[name]
        settings = {key: converted(value, kind) for key, value in settings.items()}
        optimizer = CLASSES[name](params := parameters(), **settings)
        train(optimizer, params, 3)
        runs.append(params)
    assert_equal(runs[1], runs[0], tolerance=0)
    assert_equal(runs[2], runs[0], tolerance=0)


@pytest.mark.parametrize(
    ("yes", "no"),
    [(1, 0), (np.True_, np.False_), (torch.tensor(True), torch.tensor(False)), ("yes", None)],
)
def test_switches_may_be_of_any_kind(yes, no):
    for on, off in [(True, False), (yes, no)]:
        a, b, c = parameters((2,), (2,), (2,))
        optimizers = [
            optim.SGD([a], momentum=0.9, nesterov=on, maximize=off),
            optim.AMSGrad([b], corrected=off, maximize=on),
            optim.Adam([c], weight_decay=0.5, decoupled_weight_decay=on),
        ]
        for optimizer in optimizers:
            train(optimizer, [a, b, c], 3)
        if on is True:
            expected = [a, b, c]
    assert_equal([a, b, c], expected, tolerance=0)


@pytest.mark.parametrize("kind", [int, np.float64, np.array, torch.tensor])
def test_a_step_computes_with_pythons_numbers(kind):
    """What else is in a group; a compiled step tells numbers from switches by their type."""

    def types(tree):
        entries = tree.values() if isinstance(tree, dict) else tree
        nested = [types(e) if isinstance(e, dict | tuple) else {type(e)} for e in entries]
        return set().union(*nested)

    one, zero = kind(1), kind(0)
    settings = {"lr": one, "weight_decay": one, "maximize": one}
    made = {
        optim.AMSGrad: {"betas": (zero, zero), "eps": one, "corrected": zero},
        optim.AddSign: {"alpha": one, "decay": lambda t: one, "decoupled_weight_decay": one},
        optim.SGD: {"momentum": one, "nesterov": one},
    }
    for optimizer_class, others in made.items():
        optimizer = optimizer_class(parameters(), **settings, **others)
        (group,) = optimizer.param_groups
        found = optimizer._settings_at(1, group, optimizer._rule_for(group))
        assert types(found) <= {int, float, bool, type(None)}
        assert found["maximize"] is True
        assert found["hyper"].get("corrected", False) is False


def test_numbers_are_on_the_cpu_whatever_the_default_device():
    a, b = parameters(), parameters()
    gradients = [slope(p.detach(), 1) for p in a]
    for params in (a, b):
        for p, g in zip(params, gradients, strict=True):
            p.grad = g
        with torch.device("meta" if params is a else "cpu"):
            optimizer = optim.NAdam(params, weight_decay=0.1)
            optimizer.step()
            optimizer.load_state_dict(optimizer.state_dict())
            optimizer.step()
        assert {value.device.type for value in states(optimizer)} == {"cpu"}
    assert_equal(a, b, tolerance=0)


@pytest.mark.parametrize("kind", [np.float32, lambda x: np.array(x, np.float32)])
def test_settings_may_be_of_single_precision_and_pairs_lists(kind):
    a, b = parameters(), parameters()
    train(optim.Adam(a, lr=kind(0.05), betas=[kind(0.8), kind(0.95)]), a, 3)
    rate, *betas = np.float32([0.05, 0.8, 0.95]).tolist()
    train(optim.Adam(b, lr=rate, betas=tuple(betas)), b, 3)
    assert_equal(a, b, tolerance=0)


# Layouts, dtypes.

COUNT = 2 * eager.CHUNK + 3


def strided(shape):
    return torch.zeros(*shape, 2, dtype=torch.float64)[..., 0]


def permuted(*shape):
    return torch.zeros(shape, dtype=torch.float64).permute(*reversed(range(len(shape))))


# An empty parameter and an empty gradient of equal shape, each in its own layout.
LAYOUTS = {
    "0-d": lambda: [torch.zeros(()) for _ in "xg"],
    "one element": lambda: [torch.zeros(1, 1) for _ in "xg"],
    "empty": lambda: [torch.zeros(0) for _ in "xg"],
    "empty matrix": lambda: [torch.zeros(3, 0) for _ in "xg"],
    "transposed": lambda: [permuted(4, 3), permuted(4, 3)],
    "transposed gradient": lambda: [torch.zeros(3, 4), permuted(4, 3)],
    "transposed parameter": lambda: [permuted(4, 3), torch.zeros(3, 4)],
    "permuted": lambda: [permuted(2, 3, 4) for _ in "xg"],
    "channels last": lambda: [
        torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last) for _ in "xg"
    ],
    "channels last gradient": lambda: [
        torch.zeros(2, 3, 4, 5),
        torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last),
    ],
    "strided": lambda: [strided((3, 4)), strided((3, 4))],
    "strided gradient": lambda: [torch.zeros(5), strided((5,))],
    "longer than a chunk": lambda: [torch.zeros(COUNT) for _ in "xg"],
    "exactly a chunk": lambda: [torch.zeros(eager.CHUNK) for _ in "xg"],
    "long and strided": lambda: [strided((COUNT,)), strided((COUNT,))],
    "long and transposed": lambda: [permuted(3, 65537), permuted(3, 65537)],
}


@some_classes
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout(name, layout, dtype):
    runs = []
    for made in (CLASSES[name], TORCH[name]):
        x, g = (tensor.to(dtype) for tensor in LAYOUTS[layout]())
        x.copy_(slope(x, 1))
        p = torch.nn.Parameter(x)
        optimizer = made([p], weight_decay=0.1, **SETTINGS[name])
        for t in range(1, 4):
            p.grad = g.copy_(slope(p.detach(), t))
            optimizer.step()
        assert torch.equal(p.grad, g) and p.stride() == x.stride()
        runs.append((optimizer, p))
    (ours, a), (theirs, b) = runs
    tolerance = 1e-12 if dtype == torch.float64 else 1e-6
    assert_equal([a], [b], name, tolerance)
    for found, expected in zip(states(ours), states(theirs), strict=True):
        at_most = tolerance if found.numel() > 1 else 2e-7  # torch's product is in float32
        assert_equal([found.double()], [expected.double()], name, at_most)
    dense = torch.zeros_like(a).stride()
    assert all(s.stride() == dense for s in states(ours) if s.ndim)


@every_class
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64])
def test_gradients_are_left_alone(name, dtype):
    params = parameters((3, 2), (), (eager.CHUNK + 1,), dtype=dtype)
    optimizer = CLASSES[name](params, weight_decay=0.1, maximize=True, **SETTINGS[name])
    for p in params:
        p.grad = slope(p.detach(), 1)
    before = [(p.grad, p.grad.clone(), p.grad._version) for p in params]
    optimizer.step()
    optimizer.step()
    for p, (gradient, values, version) in zip(params, before, strict=True):
        assert p.grad is gradient and torch.equal(gradient, values)
        assert gradient._version == version


def test_parameters_may_share_a_gradient():
    ours, a, theirs, b = twins("Adam", weight_decay=0.1, maximize=True)
    for optimizer, params in ((ours, a), (theirs, b)):
        gradient = slope(params[0].detach(), 1)
        params[0].grad, params[1].grad = gradient, gradient[:2].view(-1)
        optimizer.step()
        optimizer.step()
    assert_equal(a, b)


# Parameters whose elements are not where, or not what, they seem to be.
UNUSUAL = {
    "expanded": lambda: torch.ones(1, dtype=torch.float64).expand(3),
    "conjugate": lambda: torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex128).conj(),
}


@some_classes
@pytest.mark.parametrize("kind", UNUSUAL)
def test_a_parameter_that_cannot_be_moved_is_refused(name, kind):
    """Not to move, or to move elements that share their place, and not to say so, is the fault."""
    torch_too = (kind, name) != ("conjugate", "SGD")
    for made in (CLASSES[name], TORCH[name]) if torch_too else (CLASSES[name],):
        p = UNUSUAL[kind]()
        p.grad = torch.ones_like(p.resolve_conj().clone())
        with pytest.raises(RuntimeError):
            made([p], **SETTINGS[name]).step()
        assert torch.equal(p, UNUSUAL[kind]())


@some_classes
def test_an_inference_tensor_moves_like_any_other(name):
    """torch refuses it."""
    with torch.inference_mode():
        a = torch.ones(3, dtype=torch.float64)
    assert a.is_inference()
    a.grad, (b,) = torch.ones(3, dtype=torch.float64), parameters((3,))
    b.data, b.grad = torch.ones(3, dtype=torch.float64), a.grad
    for made, p in ((CLASSES[name], a), (TORCH[name], b)):
        made([p], **SETTINGS[name]).step()
    assert_equal([a], [b], name)


@some_classes
def test_a_parameter_with_its_sign_still_to_be_changed(name):
    a, b = (torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex128).conj().imag for _ in "ab")
    b = b.resolve_neg()
    assert a.is_neg() and not b.is_neg()
    a.grad, b.grad = torch.ones_like(b), torch.ones_like(b)
    for made, p in ((CLASSES[name], a), (TORCH[name], b)):
        optimizer = made([p], **SETTINGS[name])
        optimizer.step()
        optimizer.step()
    assert_equal([a], [b], name)


@every_counterpart
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_parameters(name, dtype):
    runs = []
    for made in (CLASSES[name], TORCH[name]):
        params = [*parameters((3, 2), (), dtype=dtype)]
        params.append(torch.nn.Parameter(parameters((2, 3), dtype=dtype)[0].detach().mT))
        optimizer = made(params, weight_decay=0.1, **SETTINGS[name])
        for t in range(1, 6):
            for p in params:
                p.grad = slope(p.detach(), t).conj()  # autograd hands out such views
            if made is TORCH[name]:
                for p in params:
                    p.grad = p.grad.resolve_conj()
            optimizer.step()
        runs.append((optimizer, params))
    (ours, a), (theirs, b) = runs
    tolerance = 1e-12 if dtype == torch.complex128 else 1e-6
    assert_equal(a, b, name, tolerance)
    assert [s.dtype for s in states(ours)[:1]] == [s.dtype for s in states(theirs)[:1]]
    train(theirs, b, 1)  # and back
    theirs.load_state_dict(copy.deepcopy(ours.state_dict()))


def test_a_gradient_with_its_sign_still_to_be_changed():
    a, b = parameters((2,)), parameters((2,))
    negative = torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex128).conj().imag
    assert negative.is_neg()
    a[0].grad, b[0].grad = negative, negative.resolve_neg()
    optim.SGD(a, 0.1).step()
    torch.optim.SGD(b, 0.1).step()
    assert_equal(a, b)


def ulps(found, expected, before):
    """Their distance in units in the last place of the larger of the numbers before and after.

    Where a sum cancels, what is left has fewer correct digits than its own last place.
    """
    size = torch.maximum(before.detach().abs(), expected.detach().abs()).double()
    exponent = torch.frexp(size.clamp(min=torch.finfo(found.dtype).tiny)).exponent - 1
    unit = torch.finfo(found.dtype).eps * 2.0**exponent
    return float(((found.detach().double() - expected.detach().double()).abs() / unit).max())


FUSED = ["SGD", "Adagrad", "Adam", "AdamW", "AMSGrad"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", FUSED)
def test_half_precision_is_within_two_ulps_of_torchs_fused_step(name, dtype):
    # torch 2.13's fused SGD on the CPU goes wrong in half precision where it uses vectors.
    shapes = [(7,)] * 100 if name == "SGD" else [(eager.CHUNK + 5,)]
    ours, theirs = parameters(*shapes, dtype=dtype), parameters(*shapes, dtype=dtype)
    settings = SETTINGS[name] | {"weight_decay": 0.1}
    optimizer = CLASSES[name](ours, **settings)
    oracle = TORCH[name](theirs, **settings, fused=True)
    for t in range(1, 6):
        before = copy.deepcopy([(p.detach(), oracle.state.get(p, {})) for p in theirs])
        for p, q in zip(ours, theirs, strict=True):
            wave = torch.sin(t + torch.arange(p.numel()))  # it does not cancel with the penalty
            p.grad = (p.detach() * (1 + wave)).to(dtype)
            q.grad = p.grad.clone()
        optimizer.step()
        oracle.step()
        for p, q, (old, old_state) in zip(ours, theirs, before, strict=True):
            assert ulps(p, q, old) <= 2
            for key, expected in oracle.state[q].items():
                found = optimizer.state[p][key]
                assert found.dtype == expected.dtype
                if found.ndim:
                    assert ulps(found, expected, old_state.get(key, expected)) <= 2
                    found.copy_(expected)  # the next step begins at the same place
            p.data.copy_(q.data)


@every_class
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32_and_rounded_once(name, dtype):
    (half,), (wide,) = parameters((50,), dtype=dtype), parameters((50,), dtype=torch.float32)
    wide.data.copy_(half.data)
    settings = SETTINGS[name] | {"weight_decay": 0.1, "maximize": True}
    ours, oracle = CLASSES[name]([half], **settings), CLASSES[name]([wide], **settings)
    for t in range(1, 6):
        half.grad = slope(half.detach(), t)
        wide.grad = half.grad.float()
        ours.step()
        oracle.step()
        wide.data.copy_(rounded := wide.data.to(dtype))
        assert torch.equal(half, rounded)
        for key, value in oracle.state[wide].items():
            found = ours.state[half][key]
            if value.ndim:
                assert found.dtype == dtype
                value.copy_(value.to(dtype))
            assert torch.equal(found.float(), value.float())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_default_dtype_does_not_limit_the_count(dtype):
    """In bfloat16 256 + 1 is 256."""
    torch.set_default_dtype(dtype)
    try:
        ours, a, theirs, b = twins("Adam")
        for optimizer, params in ((ours, a), (theirs, b)):
            params[0].grad = torch.ones_like(params[0])
            for _ in range(300):
                optimizer.step()
    finally:
        torch.set_default_dtype(torch.float32)
    step = ours.state[a[0]]["step"]
    assert (int(step), step.dtype) == (300, theirs.state[b[0]]["step"].dtype)
    assert_equal(a, b)


def test_a_gradient_of_another_dtype():
    """torch refuses it; here the arithmetic is done, and the parameter keeps its dtype."""
    if not hasattr(torch.Tensor, "grad_dtype"):
        pytest.skip("this torch ties the gradient's dtype to the parameter's")
    (p,) = parameters((3,), dtype=torch.bfloat16)
    p.grad_dtype = torch.float32
    p.grad = torch.ones(3)
    start = p.detach().clone()
    optimizer = optim.Adam([p], lr=0.25)
    optimizer.step()
    torch.testing.assert_close(p.detach(), start - 0.25)
    assert {p.dtype, optimizer.state[p]["exp_avg"].dtype} == {torch.bfloat16}


@every_class
@pytest.mark.parametrize("kind", ["plain", "0-d", "strided", "half", "complex"])
def test_autograd_knows_of_the_change(name, kind):
    """Or a gradient computed with the new value in the place of the old would be wrong unheard."""
    dtype = {"half": torch.bfloat16, "complex": torch.complex64}.get(kind, torch.float32)
    x = torch.ones(() if kind == "0-d" else (4, 2), dtype=dtype)
    p = torch.nn.Parameter(x[:, 0] if kind == "strided" else x)
    optimizer = CLASSES[name]([p])
    p.grad = torch.ones_like(p)
    loss = (p * p).abs().sum()
    version = p._version
    optimizer.step()
    assert p._version > version
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@every_counterpart
def test_a_scaler_skips_the_step_that_overflowed(name):
    runs = []
    for made in (CLASSES[name], TORCH[name]):
        (p,) = parameters((4,), dtype=torch.float32)
        optimizer, scaler = made([p], lr=0.05), torch.amp.GradScaler("cpu", init_scale=16.0)
        for t in range(4):
            optimizer.zero_grad()
            factor = float("inf") if t == 2 else 1.0
            scaler.scale((p**2).sum() * factor).backward()
            before = p.detach().clone()
            scaler.step(optimizer)
            scaler.update()
            assert torch.equal(p, before) is (t == 2)
        assert scaler.get_scale() == 8.0
        runs.append([p])
    assert_equal(*runs, name, tolerance=1e-6)


@pytest.mark.parametrize("compile", [False, True])
def test_two_parameters_in_one_place_move_one_after_the_other(compile, monkeypatch):
    """Each by its own gradient; a graph of both may read both before it writes one."""
    from adamtut.optim import inductor  # which takes seconds to import

    monkeypatch.setattr(inductor, "_kernels", graphs := {})
    runs = []
    for made, settings in ((optim.NAdam, {"compile": compile}), (torch.optim.NAdam, {})):
        (p,) = parameters((5,))
        params = [torch.nn.Parameter(p.detach()), torch.nn.Parameter(p.detach())]
        assert params[0].data_ptr() == params[1].data_ptr()
        optimizer = made(params, weight_decay=0.1, **SETTINGS["NAdam"], **settings)
        train(optimizer, params, 3)
        runs.append(params)
    assert_equal(*runs, "NAdam")
    assert not graphs


# A rule of one's own.


class SignSGD(optim.RuleOptimizer):
    rule = staticmethod(lambda g, t: (ops.sign(g),))


class Lion(optim.RuleOptimizer):
    @staticmethod
    @elementwise
    @ranges(betas=MEMORY)
    def rule(g, t, m=0.0, *, betas=(0.9, 0.99)):
        beta1, beta2 = betas
        return ops.sign(beta1 * m + (1 - beta1) * g), beta2 * m + (1 - beta2) * g


def test_the_example_of_the_module_works():
    """The lines under `::` in its docstring, on every path that a tensor can take."""
    code = inspect.cleandoc("\n" + optim.__doc__.split("::\n")[1])
    namespace = vars(optim) | {"ops": ops, "elementwise": elementwise}
    exec(code, namespace)
    made = namespace[re.search(r"class (\w+)", code)[1]]
    for dtype in (torch.float32, torch.bfloat16, torch.complex64):
        for p in parameters((5,), (), dtype=dtype):
            start, p.grad = p.detach().clone(), slope(p.detach(), 1)
            made([p], lr=0.25).step()
            assert not torch.equal(p, start)


def test_a_rule_of_ones_own_is_an_optimizer_in_two_lines():
    params = parameters()
    starts = [p.detach().clone() for p in params]
    optimizer = SignSGD(params, lr=0.25, weight_decay=0.5, decoupled_weight_decay=True)
    train(optimizer, params, 1)
    for p, start in zip(params, starts, strict=True):
        torch.testing.assert_close(p.detach(), start * (1 - 0.125) - 0.25 * p.grad.sign())


def test_a_rule_of_ones_own_has_state_settings_and_checkpoints():
    assert "betas=(0.9, 0.99)" in str(inspect.signature(Lion))
    with pytest.raises(ValueError, match="Lion: beta1 must lie"):
        Lion(parameters(), betas=(2.0, 0.9))
    optimizer = Lion(params := parameters(), lr=0.05, betas=(0.5, 0.75))
    train(optimizer, params, 4)
    for how in ("deepcopy", "pickle", "file"):
        other, others = copied(optimizer, params, how)
        train(other, others, 2, first=5)
        assert set(other.state[others[0]]) == {"step", "m"}
        train(again := copy.deepcopy((optimizer, params))[0], again.param_groups[0]["params"], 2, 5)
        assert_equal(others, again.param_groups[0]["params"], tolerance=0)


class Fading(optim.RuleOptimizer):
    """Its state is two numbers."""

    @staticmethod
    @scalar_states("size", "steps")
    def rule(g, t, size=0.7, steps=0.0, *, factor=0.9):
        return size * g, factor * size, steps + 1


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_state_may_be_one_number_and_stays_exact(dtype):
    (p,) = parameters((9,), dtype=dtype)
    optimizer = Fading([p], lr=0.25, factor=0.5)
    for t in (1, 2):
        start, p.grad = p.detach().clone(), slope(p.detach(), t)
        optimizer.step()
        expected = (start - 0.25 * 0.7 * 0.5 ** (t - 1) * p.grad).to(dtype)
        torch.testing.assert_close(p.detach(), expected)
    for _ in range(2):
        state = optimizer.state[p]
        assert (state["size"].item(), state["steps"].item()) == (0.5 * 0.5 * 0.7, 2)
        assert {state[key].dtype for key in ("size", "steps")} == {torch.float64}
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))


def length(x):
    return (x * x).sum() ** 0.5


class Whole(optim.RuleOptimizer):
    """Its rule looks at all elements at once."""

    @staticmethod
    def rule(g, t, m=0.0):
        m = 0.5 * m + g
        return m / length(m), m


class LaterWhole(optim.RuleOptimizer):
    """From the second step on."""

    @staticmethod
    def rule(g, t, m=0.0):
        m = 0.5 * m + g
        return (m / length(m) if t > 1 else m), m


@pytest.mark.parametrize("made", [Whole, LaterWhole])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_rule_that_mixes_elements_sees_the_whole_tensor(made, layout):
    """In its shape, not in parts and not as one row."""
    x, g = (tensor.double() for tensor in LAYOUTS[layout]())
    x.copy_(slope(x, 1))
    p, q = torch.nn.Parameter(x), torch.nn.Parameter(x.clone())
    settings = {"lr": 0.25, "weight_decay": 0.1, "maximize": True}
    ours, oracle = made([p], **settings), ByRule([q], made.rule, (), **settings)
    for t in range(1, 4):
        p.grad = q.grad = g.copy_(slope(p.detach(), t))
        ours.step()
        oracle.step()
    assert_equal([p], [q])


@pytest.mark.parametrize("axis", [0, -1])
def test_a_rule_may_mix_along_one_axis(axis):
    class Shares(optim.RuleOptimizer):
        @staticmethod
        def rule(g, t):
            return (g / abs(g).sum(axis)[..., None] if axis else g / abs(g).sum(axis),)

    for tensor in (torch.zeros(2, 3).mT, torch.zeros(3, 2), torch.zeros(3, COUNT)):
        p = torch.nn.Parameter(tensor.double())
        p.grad = slope(torch.zeros_like(p), 1)
        Shares([p], lr=1.0).step()
        (direction,) = Shares.rule(p.grad, 1)
        torch.testing.assert_close(p.detach(), -direction)


def test_a_rule_that_mixes_elements_does_not_move_elements_that_share_their_place():
    p = torch.ones(1, dtype=torch.float64).expand(3)
    p.grad = torch.ones(3, dtype=torch.float64)
    with pytest.raises(RuntimeError):
        Whole([p]).step()
    assert torch.equal(p, torch.ones(3).double())


@pytest.mark.parametrize("made", [Whole, LaterWhole])
def test_a_rule_that_mixes_elements_is_not_compiled(made, monkeypatch):
    """It says so, once, and makes the step that it makes without."""
    monkeypatch.setattr(
        base, "_can_be_compiled", functools.cache(inspect.unwrap(base._can_be_compiled))
    )
    monkeypatch.setattr(base, "_compiled_engine", None)
    compiled, plain = parameters(), parameters()
    optimizer = made(compiled, compile=True)
    message = "^compile=True is for rules that treat each element by itself; rule does not declare"
    with pytest.warns(RuntimeWarning, match=message):
        train(optimizer, compiled, 1)
    train(optimizer, compiled, 2, first=2)
    train(made(plain), plain, 3)
    assert_equal(compiled, plain, tolerance=0)


def test_signatures_of_subclasses():
    class Marked:
        def __init_subclass__(cls, mark, **kwargs):
            super().__init_subclass__(**kwargs)
            cls.mark = mark

    class Short(optim.Adam):
        fixed = {"amsgrad": (False, "use AMSGrad"), "eps": (1e-8, "leave it")}  # noqa: RUF012

    class ShortAndMarked(Short, Marked, mark="x"):
        """With an argument of its own."""

    class Own(optim.Adam):
        def __init__(self, params):
            super().__init__(params, lr=0.5)

    class OfOwn(Own):
        """With the `__init__` of another."""

    class Base(optim.RuleOptimizer):
        """Without a rule yet."""

    assert ShortAndMarked.mark == "x"
    assert (
        str(inspect.signature(ShortAndMarked))
        == str(inspect.signature(Short))
        == (
            "(params, lr=0.001, *, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0, "
            "decoupled_weight_decay=False, maximize=False, compile=False, amsgrad=False, "
            "foreach=None, fused=None, capturable=False, differentiable=False)"
        )
    )
    assert str(inspect.signature(Own)) == str(inspect.signature(OfOwn)) == "(params)"
    assert Own(parameters()).defaults["lr"] == 0.5
    for made in (optim.RuleOptimizer, Base):
        assert "settings" in inspect.signature(made).parameters


def test_loading_does_not_warn_of_what_a_rule_does_with_zeros():
    class Normalised(optim.RuleOptimizer):
        @staticmethod
        def rule(g, t, m=0.0):
            return g / abs(g), m + g

    optimizer = Normalised(parameters())
    optimizer.load_state_dict(optimizer.state_dict())


# Without a compiler.

WITHOUT_COMPILER = """
import warnings, torch
from adamtut import optim
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    ends = []
    for compile in (True, True, False):
        p = torch.nn.Parameter(torch.linspace(-1, 1, 6))
        optimizer = optim.Adam([p], lr=0.1, compile=compile)
        for _ in range(3):
            p.grad = p.detach() ** 3
            optimizer.step()
        ends.append(p.detach())
assert torch.equal(ends[0], ends[2]) and torch.equal(ends[1], ends[2])
for each in caught:
    print(each.category.__name__, each.message)
"""


@pytest.mark.slow
def test_without_a_compiler_a_warning_comes_once_and_the_eager_path_runs(tmp_path):
    environment = os.environ | {
        "CC": str(tmp_path / "no-such-compiler"),
        "CXX": str(tmp_path / "no-such-compiler"),
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache"),
    }
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT_COMPILER],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    (line,) = [line for line in found.stdout.splitlines() if line.startswith("RuntimeWarning")]
    assert "C++ compiler" in line
