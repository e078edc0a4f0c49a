"""PyTorch's own database of optimizers: all that its tests give to its classes, given to ours.

Each entry is taken with PyTorch's result, or refused by name as the API page says.
"""

import copy
import inspect
import re
from pathlib import Path

import pytest
import torch
from cases import DROP_INS
from test_optim import CLASSES, OURS, SETTINGS, TORCH, assert_equal, saved, states
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.testing._internal.common_optimizers import (
    OptimizerErrorEnum,
    _get_optim_inputs_including_global_cliquey_kwargs,
    optim_db,
)

INFOS = {info.name: info for info in optim_db}
# Classes that the database does not have are given the entries of Adam, or else of SGD.
NEAREST = {
    name: name if name in INFOS else "Adam" if "betas" in SETTINGS[name] else "SGD"
    for name in CLASSES
}

# Arguments with one legal value here, which the API page lists.
ENGINES = {"foreach", "fused", "capturable", "differentiable"}
ONE_VALUE = {
    "SGD": {"dampening"},
    "SGDW": {"dampening"},
    "Adagrad": {"lr_decay"},
    "RMSprop": {"momentum", "centered"},
    "Adam": {"amsgrad"},
    "AdamW": {"amsgrad"},
    "AMSGrad": {"amsgrad"},
}
COMMON = {"weight_decay", "decoupled_weight_decay", "maximize"} | ENGINES


def database(name):
    """Every set of arguments for a class, with and without the switches of PyTorch's engines."""
    info = INFOS[NEAREST[name]]
    return _get_optim_inputs_including_global_cliquey_kwargs("cpu", torch.float32, info)


def refused(name, kwargs):
    """Arguments that a class refuses as they are, and those that it does not have."""
    one = {key for key in ONE_VALUE.get(name, set()) & kwargs.keys() if kwargs[key]}
    one |= {key for key in ENGINES & kwargs.keys() if kwargs[key]}
    if name == "AMSGrad":
        one -= {"amsgrad"}
    if name not in OURS:
        return one, set()
    known = DROP_INS[name].defaults.keys() | COMMON | ONE_VALUE.get(name, set())
    return one, kwargs.keys() - known


CASES = [
    pytest.param(name, entry.kwargs, id=f"{name}-{entry.desc}")
    for name in CLASSES
    for entry in database(name)
]
TAKEN = [case for case in CASES if not any(refused(*case.values))]


def layer(dtype=torch.float64):
    """A weight, a bias and an input, as in PyTorch's tests."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(10, 5), (10,), (5,)]
    weight, bias, x = (torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes)
    return torch.nn.Parameter(weight), torch.nn.Parameter(bias), x


def closure(optimizer, weight, bias, x):
    def loss():
        optimizer.zero_grad()
        y = (weight.mv(x) + bias).abs().pow(2).sum()
        y.backward()
        return y

    return loss


def made(name, oracle, params, kwargs):
    """Our optimizer, or PyTorch's; of a class without a counterpart ours in float64 stands in."""
    kwargs = {key: copy.deepcopy(value) for key, value in kwargs.items()}
    if not oracle or name not in TORCH:
        return CLASSES[name](params, **kwargs)
    return TORCH[name](params, **{"amsgrad": True} | kwargs if name == "AMSGrad" else kwargs)


def run(optimizer, weight, bias, x, steps=10, schedulers=()):
    """The losses; a scheduler that looks at them is given them."""
    step, losses = closure(optimizer, weight, bias, x), []
    for _ in range(steps):
        losses.append(optimizer.step(step).detach())
        for scheduler in schedulers:
            watches = isinstance(scheduler, ReduceLROnPlateau)
            scheduler.step(losses[-1]) if watches else scheduler.step()
    return losses


def test_the_database_has_every_class_with_a_counterpart():
    assert {name for name in CLASSES if name in INFOS} == set(TORCH) - {"AMSGrad"}
    assert len(CASES) > 200 and {case.values[0] for case in TAKEN} == set(CLASSES)
    documented = {name: set(CLASSES[name].fixed) - {"decoupled_weight_decay"} for name in CLASSES}
    assert {name: keys for name, keys in documented.items() if keys} == ONE_VALUE
    page = (Path(__file__).parents[2] / "book" / "api" / "optim.md").read_text(encoding="utf-8")
    assert all(f"`{key}`" in page for key in ENGINES.union(*ONE_VALUE.values()))


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_an_entry_is_taken_or_refused_by_name(name, kwargs):
    one, unknown = refused(name, kwargs)
    weight, bias, _ = layer()
    if unknown:
        takes = rf"^{name} takes params, .*; not {', '.join(sorted(unknown))}$"
        with pytest.raises(TypeError, match=takes):
            CLASSES[name]([weight, bias], **kwargs)
    elif one:
        with pytest.raises(ValueError, match=rf"^{name} has ({'|'.join(one)})=.* only, got .*; "):
            CLASSES[name]([weight, bias], **kwargs)
    else:
        CLASSES[name]([weight, bias], **kwargs)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.complex128])
@pytest.mark.parametrize(("name", "kwargs"), [case for case in TAKEN if case.values[0] in TORCH])
def test_what_is_taken_gives_pytorchs_path(name, kwargs, dtype):
    runs = []
    for oracle in (False, True):
        weight, bias, x = layer(dtype)
        groups = [{"params": weight}, {"params": bias, "weight_decay": 0.3}]
        losses = run(made(name, oracle, groups, kwargs), weight, bias, x)
        runs.append([weight, bias, *losses])
    assert_equal(*runs, name, 1e-5 if dtype is torch.float32 else 1e-12)


@pytest.mark.parametrize(("name", "kwargs"), TAKEN)
def test_it_goes_the_right_way_is_saved_and_goes_on(name, kwargs):
    """Downhill, or uphill; through a file into a fresh one, PyTorch's where there is one."""
    *params, x = layer()
    optimizer = made(name, False, params, kwargs)
    losses = run(optimizer, *params, x)
    assert (losses[-1] > losses[0]) if kwargs.get("maximize") else (losses[-1] < losses[0])
    *others, _ = copy.deepcopy((*params, x))
    other = made(name, True, others, kwargs)
    other.load_state_dict(saved(optimizer.state_dict()))
    run(optimizer, *params, x)
    run(other, *others, x)
    assert_equal(params, others, name)
    again = made(name, False, params, kwargs)
    again.load_state_dict(saved(other.state_dict()))
    for found, expected in zip(states(again), states(optimizer), strict=True):
        assert_equal(
            [found.double()], [expected.double()], name, 1e-7 if name == "NAdam" else 1e-12
        )
    assert "params" in repr(copy.deepcopy(again).state_dict())


SCHEDULED = [
    pytest.param(name, makers, id=f"{name}-{i}")
    for name in CLASSES
    for i, makers in enumerate(INFOS[NEAREST[name]].scheduler_inputs)
]


@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step.*before.*optimizer.step")
@pytest.mark.parametrize(("name", "makers"), SCHEDULED)
def test_its_schedulers_drive_them(name, makers):
    runs, kwargs = [], {"lr": 0.01}
    for oracle in (False, True):
        *params, x = layer()
        optimizer = made(name, oracle, params, kwargs)
        losses = run(optimizer, *params, x, 20, [maker(optimizer) for maker in makers])
        assert losses[-1] < losses[0]
        runs.append([*params, torch.tensor(optimizer.param_groups[0]["lr"])])
    assert_equal(*runs, name)


SPARSE = {name: INFOS[name].metadata_for_sparse for name in INFOS if INFOS[name].supports_sparse}


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")  # of PyTorch's Adagrad
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize(
    ("name", "scheduled"), [(name, s) for name in SPARSE for s in (False, True)]
)
def test_what_takes_sparse_gradients_takes_them_here(name, scheduled, maximize):
    """A valley of which each step sees the slope along one axis, as in PyTorch's tests."""
    kwargs, makers = SPARSE[name]
    runs = []
    for oracle in (False, True):
        p = torch.nn.Parameter(torch.tensor([1.5, 1.5], dtype=torch.float64))
        optimizer = made(name, oracle, [p], kwargs | {"maximize": maximize})
        schedulers = [maker(optimizer) for maker in makers] if scheduled else []
        for t in range(200):
            x, y = p.detach()
            slopes = torch.stack([-400 * x * (y - x**2) - 2 * (1 - x), 200 * (y - x**2)])
            at = torch.tensor([[t % 2]])
            g = torch.sparse_coo_tensor(at, 1e-2 * slopes[at[0]], (2,), check_invariants=True)
            p.grad = -g if maximize else g
            optimizer.step()
            for scheduler in schedulers:
                watches = isinstance(scheduler, ReduceLROnPlateau)
                scheduler.step(float(slopes.norm())) if watches else scheduler.step()
        runs.append([p])
    assert_equal(*runs)
    assert not torch.equal(runs[0][0], torch.full((2,), 1.5))


@pytest.mark.parametrize("name", sorted(set(CLASSES) - set(SPARSE) - {"SGDW"}))
def test_what_takes_none_refuses_them_by_name(name):
    p = torch.nn.Parameter(torch.ones(2))
    p.grad = torch.ones(2).to_sparse()
    with pytest.raises(RuntimeError, match=f"^{name} takes dense gradients here"):
        CLASSES[name]([p]).step()


# Errors.

# PyTorch's engines cannot mix tensors and numbers; here they are what they hold.
MIXED = "betas must be either both floats or both Tensors"

ERRORS = [
    pytest.param(name, error, id=f"{name}-{error.optimizer_error_input.desc}")
    for name in CLASSES
    for error in INFOS[NEAREST[name]].optim_error_inputs_func("cpu", torch.float32)
]


@pytest.mark.parametrize(("name", "error"), ERRORS)
def test_what_pytorch_refuses_is_refused(name, error):
    """With the same kind of error, and a message of PyTorch's or one that begins with the class."""
    given = error.optimizer_error_input
    params = given.params if given.params is not None else [*layer()[:2]]
    assert error.error_on is OptimizerErrorEnum.CONSTRUCTION_ERROR
    if given.kwargs.keys() - inspect.signature(CLASSES[name]).parameters.keys():
        with pytest.raises(TypeError, match=f"^{name} takes params, "):
            CLASSES[name](params, **given.kwargs)
    elif given.desc == MIXED:
        check_that_tensors_and_numbers_mix(name, given.kwargs)
    elif error.error_type is UserWarning:
        with pytest.warns(UserWarning, match=error.error_regex):
            CLASSES[name](params, **given.kwargs)
    else:
        with pytest.raises(error.error_type) as caught:
            CLASSES[name](params, **given.kwargs)
        said = str(caught.value)
        assert re.search(error.error_regex, said) or re.match(rf"{name}( has |: )\w+", said)


def check_that_tensors_and_numbers_mix(name, kwargs):
    runs = []
    for betas in (kwargs["betas"], tuple(float(beta) for beta in kwargs["betas"])):
        *params, x = layer()
        run(CLASSES[name](params, **kwargs | {"betas": betas}), *params, x)
        runs.append(params)
    assert_equal(*runs, tolerance=0)
