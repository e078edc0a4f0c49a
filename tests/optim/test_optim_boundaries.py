"""What users hand over, from states to settings to gradients: taken rightly, or refused by name."""

import copy
import inspect
import re
import threading
from collections import namedtuple
from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
import torch
from graphs import counted
from test_optim import (
    CLASSES,
    REFUSED,
    SETTINGS,
    TORCH,
    assert_equal,
    every_class,
    every_counterpart,
    parameters,
    saved,
    slope,
    states,
    train,
)
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.optim import lr_scheduler as schedulers

from adamtut import ops, optim
from adamtut.optim import inductor, native
from adamtut.schedules import linear_decay
from adamtut.traits import elementwise, rests_at_zero

# Groups and settings of other optimizers.


@pytest.mark.parametrize("made", [torch.optim.Adam, torch.optim.SGD, optim.RMSprop])
def test_an_optimizer_whose_groups_were_taken_goes_on(made):
    """As who changes from one to another in the middle of a run makes the second from the first."""
    (ours, a), (theirs, b) = ((made(params := parameters(), lr=0.1), params) for _ in range(2))
    train(ours, a, 1)
    train(theirs, b, 1)
    optim.SGD(ours.param_groups)
    train(ours, a, 1)
    train(theirs, b, 1)
    assert_equal(a, b, tolerance=0)


def test_a_group_that_was_given_stays_as_it_is():
    given = {"params": parameters(), "foreach": False, "dampening": 0.0}
    optim.SGD([given])
    assert given.keys() == {"params", "foreach", "dampening"}


@pytest.mark.parametrize("went_before", [False, True], ids=["at once", "after the legal value"])
@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize(
    ("name", "key", "value", "advice"), [*REFUSED, ("NAdam", "fused", True, "")]
)
def test_a_setting_that_has_one_legal_value_is_refused_in_a_live_group_too(
    name, key, value, advice, compile, went_before
):
    optimizer = CLASSES[name](params := parameters(), lr=0.1, compile=compile)
    train(optimizer, params, 3)
    (group,) = optimizer.param_groups
    legal = inspect.signature(CLASSES[name]).parameters[key].default
    if went_before:
        group[key] = legal
        train(optimizer, params, 3)
    before = copy.deepcopy(params)
    group[key] = value
    said = f"^{name} has {key}={legal} only, got {value}; .*{advice}"
    with pytest.raises(ValueError, match=said):
        optimizer.step()
    assert_equal(params, before, tolerance=0)


# States of other optimizers.


def begun(name, made=None):
    """An optimizer after two steps, with settings that all differ from the defaults."""
    optimizer = (made or CLASSES[name])(params := parameters(), **SETTINGS[name])
    train(optimizer, params, 2)
    return optimizer, params


@pytest.mark.parametrize("made", [optim.SGD, torch.optim.SGD])
def test_a_state_of_sgd_is_refused_by_adam(made):
    foreign, _ = begun("SGD", made)
    adam, params = begun("Adam")
    before = str(adam.state_dict()), copy.deepcopy(params)
    message = r"^Adam: the state of a parameter has no step, but momentum_buffer\. Load one that Ad"
    with pytest.raises(ValueError, match=message):
        adam.load_state_dict(foreign.state_dict())
    assert str(adam.state_dict()) == before[0]
    assert_equal(params, before[1], tolerance=0)


@every_class
@pytest.mark.parametrize("other", CLASSES)
def test_a_state_of_another_class_is_taken_where_it_has_every_slot(name, other):
    ours, _ = begun(name)
    needed = set(ours.state_dict()["state"][0])
    foreign = begun(other)[0].state_dict()
    for group in foreign["param_groups"]:
        group.clear()
        group |= ours.state_dict()["param_groups"][0]
    if lacking := needed - set(foreign["state"][0]):
        with pytest.raises(ValueError, match=f"^{name}: .* no ({'|'.join(lacking)}), but "):
            ours.load_state_dict(foreign)
    else:
        ours.load_state_dict(foreign)


@every_class
@pytest.mark.parametrize("instead", ["nothing", None, {}])
def test_a_state_without_one_of_the_slots_is_refused(name, instead):
    """Wherever in the list its parameter stands; what a flattened state lacks is {}."""
    optimizer, params = begun(name)
    for i in range(len(params)):
        for key in optimizer.state[params[i]]:
            if (key, instead) == ("momentum_buffer", None):
                continue  # of PyTorch's SGD it is a momentum that has not begun
            state_dict = copy.deepcopy(optimizer.state_dict())
            if instead == "nothing":
                del state_dict["state"][i][key]
                state_dict["state"][i]["other"] = 1
            else:
                state_dict["state"][i][key] = instead
            with pytest.raises(ValueError, match=f"^{name}: the state of a parameter has no {key}"):
                optimizer.load_state_dict(state_dict)


def test_gradient_descent_needs_no_state_and_takes_any():
    """Of a group without a momentum, as that of Adam, it is the default, 0."""
    optimizer = optim.SGD(params := parameters())
    optimizer.load_state_dict(begun("Adam")[0].state_dict())
    starts = [p.detach().clone() for p in params]
    train(optimizer, params, 1)
    expected = [start - 0.05 * p.grad for start, p in zip(starts, params, strict=True)]
    assert_equal(params, expected)


@every_class
def test_a_parameter_without_a_state_is_welcome(name):
    optimizer, params = begun(name)
    state_dict = copy.deepcopy(optimizer.state_dict())
    state_dict["state"][1] = {}
    del state_dict["state"][2]
    optimizer.load_state_dict(state_dict)
    train(optimizer, params, 1, first=3)
    if CLASSES[name].counts_steps:
        assert [int(optimizer.state[p]["step"]) for p in params] == [3, 1, 1]


@pytest.mark.parametrize("name", [n for n in CLASSES if CLASSES[n].counts_steps])
def test_a_slot_that_was_lost_on_the_way_does_not_begin_anew(name):
    """PyTorch raises a KeyError; the moments of Adam at step 2 are no zeros."""
    optimizer = CLASSES[name](params := parameters(), **SETTINGS[name])
    train(optimizer, params, 1)
    key = sorted(set(optimizer.state[params[0]]) - {"step"})[0]
    before = copy.deepcopy(params)
    for lost in ("gone", None):
        state = optimizer.state[params[0]]
        state.pop(key) if lost == "gone" else state.update({key: None})
        message = f"^{name}: the state of a parameter has no {key}, but step[.,]"
        with pytest.raises(RuntimeError, match=message):
            train(optimizer, params, 1, first=2)
    assert_equal(params, before, tolerance=0)
    assert [int(optimizer.state[p]["step"]) for p in params] == [1, 1, 1]


# Settings.


class Indexed:
    """As little of a sequence as can be walked through."""

    def __init__(self, entries):
        self.entries = entries

    def __len__(self):
        return len(self.entries)

    def __getitem__(self, i):
        return self.entries[i]


class Configuration(Indexed, Sequence):
    """A list of a configuration; whoever stores it takes all of that along."""

    def __deepcopy__(self, memo):
        return self  # PyTorch copies a dictionary that it is given to load

    def __reduce_ex__(self, protocol):
        raise AssertionError("the configuration was stored")


class Marked(float):
    """A number that remembers where in a file it stood."""


Pair = namedtuple("Pair", ["beta1", "beta2"])

NUMBERS = {
    "float64": np.float64,
    "float32": np.float32,
    "long double": np.longdouble,
    "0-d array": np.array,
    "array of one": lambda x: np.array([x]),
    "a float's child": Marked,
}
PAIRS = {
    "list": list,
    "named tuple": lambda pair: Pair(*pair),
    "configuration": Configuration,
    "indexed": Indexed,
    "list of float64": lambda pair: [np.float64(entry) for entry in pair],
    "list of a float's children": lambda pair: [Marked(entry) for entry in pair],
    "configuration of arrays": lambda pair: Configuration([np.array(entry) for entry in pair]),
}


def odd_settings(name, number, pair):
    """The settings of a class, each of a kind that is no Python number."""

    def odd(value):
        if isinstance(value, bool | np.bool_):
            return np.bool_(value)
        if isinstance(value, float):
            return number(value)
        return pair(value) if isinstance(value, tuple) else value

    settings = {"weight_decay": 0.125, "maximize": True} | SETTINGS[name]
    return {key: odd(value) for key, value in settings.items()}


def leaves(value):
    """The types within a setting, and its own."""
    entries = value if type(value) is tuple else []
    return {type(value)}.union(*[leaves(entry) for entry in entries])


def assert_plain(groups):
    for group in groups:
        for key, value in group.items():
            if key != "params" and not callable(value):
                assert leaves(value) <= {float, int, bool, tuple, type(None)}, key


KINDS = [(number, "list") for number in NUMBERS] + [("float64", pair) for pair in PAIRS]


@every_class
@pytest.mark.parametrize(("number", "pair"), KINDS)
def test_settings_become_numbers_and_tuples_of_pythons(name, number, pair):
    odd = odd_settings(name, NUMBERS[number], PAIRS[pair])
    expected = odd_settings(name, lambda x: float(np.array(NUMBERS[number](x)).item()), tuple)
    params, late, plain = parameters(), parameters((5,)), parameters()
    ours = [
        CLASSES[name](params, **odd),
        CLASSES[name]([{"params": copy.deepcopy(params), **odd}]),
        CLASSES[name](copy.deepcopy(params)),
    ]
    ours[2].add_param_group({"params": late, **odd})
    assert_plain([ours[0].defaults])
    for optimizer in ours:
        assert_plain(optimizer.param_groups)
        assert_plain(saved(optimizer.state_dict())["param_groups"])
        group = optimizer.param_groups[-1]
        for key, value in expected.items():
            assert group[key] == value or callable(value)
    train(ours[0], params, 2)
    train(CLASSES[name](plain, **expected), plain, 2)
    assert_equal(params, plain, tolerance=0)
    copy.deepcopy(ours)


@every_class
@pytest.mark.parametrize(("number", "pair"), KINDS)
def test_so_do_settings_that_are_written_later(name, number, pair):
    """By a scheduler, between a step and a checkpoint, in either order."""
    optimizer, params = begun(name)
    other, _ = begun(name)
    odd = odd_settings(name, NUMBERS[number], PAIRS[pair])
    for each in (optimizer, other):
        each.param_groups[0] |= odd
    assert_plain(saved(optimizer.state_dict())["param_groups"])
    assert optimizer.param_groups[0]["lr"] is odd["lr"]  # saving changes nothing
    state_dict = optimizer.state_dict()
    state_dict["param_groups"][0] |= odd
    train(optimizer, params, 1, first=3)
    assert_plain(optimizer.param_groups)
    other.load_state_dict(state_dict)
    assert_plain(other.param_groups)


def test_a_scheduler_of_numpys_numbers_leaves_none_behind():
    optimizer, params = begun("Adam")
    scheduler = schedulers.LambdaLR(optimizer, lambda t: np.float64(0.5) ** t)
    for t in range(3, 6):
        train(optimizer, params, 1, first=t)
        scheduler.step()
        assert type(saved(optimizer.state_dict())["param_groups"][0]["lr"]) is float
        assert optimizer.param_groups[0]["lr"] == 0.05 * 0.5 ** (t - 2)
    train(optimizer, params, 1, first=6)
    assert type(optimizer.param_groups[0]["lr"]) is float


def test_tensors_stay_what_they_are():
    """Who holds one may change it in place."""
    lr, betas, switch = torch.tensor(0.1), (torch.tensor(0.5), 0.75), torch.tensor(True)
    optimizer = optim.Adam(params := parameters(), lr=lr, betas=list(betas), maximize=switch)
    train(optimizer, params, 1)
    (group,) = optimizer.param_groups
    assert group["lr"] is lr and group["maximize"] is switch
    assert type(group["betas"]) is tuple and group["betas"][0] is betas[0]
    assert saved(optimizer.state_dict())["param_groups"][0]["betas"] == betas


@pytest.mark.parametrize("kind", [int, np.bool_, np.array, lambda on: "yes" if on else None])
def test_switches_become_true_or_false(kind):
    settings = {"maximize": kind(True), "decoupled_weight_decay": kind(False)}
    optimizer = optim.AMSGrad(parameters(), corrected=kind(False), **settings)
    optimizer.add_param_group({"params": parameters(), "corrected": kind(True)})
    first, second = optimizer.param_groups
    assert first["maximize"] is True and first["decoupled_weight_decay"] is False
    assert first["corrected"] is False and second["corrected"] is True


def test_a_tuple_of_one_may_be_a_number():
    class Weighted(optim.RuleOptimizer):
        @staticmethod
        @elementwise
        def rule(g, t, *, weights=(0.5,), name="plain", axes=("a", "b")):
            (weight,) = weights
            return (weight * g,)

    for weights in (0.25, [0.25], np.array(0.25), np.array([0.25])):
        (p,) = parameters((2,))
        start, p.grad = p.detach().clone(), torch.ones(2).double()
        axes = ["c", "d"] if weights == 0.25 else (np.str_("c"), "d")
        optimizer = Weighted([p], lr=1.0, weights=weights, name=np.str_("x"), axes=axes)
        optimizer.step()
        assert torch.equal(p, start - 0.25)
        (group,) = saved(optimizer.state_dict())["param_groups"]
        assert (group["weights"], group["name"], group["axes"]) == ((0.25,), "x", ("c", "d"))
        assert {type(group["name"]), *map(type, group["axes"])} == {str}
    for axes in (None, "c"):  # what is no number is the rule's own affair
        assert Weighted([p], axes=axes).param_groups[0]["axes"] == axes


TWO_IN_ONE = (torch.tensor([0.9, 0.9]), 0.999)


@pytest.mark.parametrize(
    "betas",
    [
        *(Configuration([0.9]), Configuration([0.9, [0.9]]), TWO_IN_ONE),
        *({0: 0.9, 1: 0.9}, {0.8, 0.9}, "ab"),
    ],
)
def test_what_is_no_pair_is_refused(betas):
    with pytest.raises(ValueError, match=r"^Adam: betas must be a pair \(beta1, beta2\), got "):
        optim.Adam(parameters(), betas=betas)


def test_an_entry_of_a_configuration_is_checked_too():
    with pytest.raises(ValueError, match=r"^Adam: beta2 must lie in \[0, 1\), got 1.5"):
        optim.Adam(parameters(), betas=Configuration([0.9, 1.5]))
    with pytest.raises(ValueError, match=r"^Adam: lr must be one number, got <"):
        optim.Adam(parameters(), lr=Configuration([0.9]))


# States of a distributed run.


@every_class
@pytest.mark.parametrize("flat", [False, True])
def test_a_distributed_state_is_taken_and_given(name, flat):
    """As `torch.distributed.checkpoint` asks for it: every key of a group is to be there."""
    options = StateDictOptions(flatten_optimizer_state_dict=flat)

    def fresh():
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1)).double()
        groups = [{"params": layer.parameters()} for layer in model]
        return model, CLASSES[name](groups, weight_decay=0.1, **SETTINGS[name])

    (model, ours), (other, theirs) = fresh(), fresh()
    params, others = list(model.parameters()), list(other.parameters())
    train(ours, params, 3)
    state_dict = saved(get_optimizer_state_dict(model, ours, options=options))
    if flat:
        assert all(type(key) is str for key in state_dict)
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    set_optimizer_state_dict(other, theirs, state_dict, options=options)
    train(ours, params, 3, first=4)
    train(theirs, others, 3, first=4)
    assert_equal(others, params, tolerance=0)
    assert_equal(states(theirs), states(ours), tolerance=0)


@pytest.mark.parametrize("name", ["PowerSign", "AddSign"])
def test_a_function_has_a_stand_in_and_stays(name):
    decay = linear_decay(steps=9)
    optimizer, params = begun(name)
    optimizer.param_groups[0]["decay"] = decay
    state_dict = saved(optimizer.state_dict())
    assert state_dict["param_groups"][0]["decay"] is None
    optimizer.load_state_dict(state_dict)
    assert optimizer.param_groups[0]["decay"] is decay
    with pytest.raises(TypeError, match=r"decay must be a function of t.* got None"):
        CLASSES[name](params, decay=None)
    state_dict["param_groups"][0]["decay"] = 0.5
    with pytest.raises(TypeError, match=f"^{name}: decay must be a function of t.* got 0.5"):
        optimizer.load_state_dict(state_dict)


# The surface of PyTorch's classes.


def surface(thing):
    """What is public or a protocol."""
    return {name for name in dir(thing) if not name.startswith("_") or name.endswith("__")}


@every_counterpart
def test_every_method_of_torchs_class_is_there(name):
    theirs = TORCH[name](parameters())
    ours = CLASSES[name](parameters())
    assert surface(theirs) <= surface(ours)
    assert surface(type(theirs)) <= surface(type(ours))
    for method in surface(type(theirs)):
        value = getattr(type(theirs), method)
        if inspect.isfunction(value) and method not in ("__init__", "__init_subclass__"):
            found, expected = (
                list(inspect.signature(getattr(type(each), method)).parameters)
                for each in (ours, theirs)
            )
            assert found == expected, method


def test_torchs_adagrad_has_more_than_an_optimizer():
    """The comparison above has something to compare."""
    own = surface(torch.optim.Adagrad) - surface(torch.optim.Optimizer)
    assert own == {"share_memory"}


@pytest.mark.parametrize("steps", [0, 2])
def test_the_sums_of_adagrad_may_be_shared(steps):
    """They are made where they are missing, shared, and stay so."""
    runs = []
    for made in (optim.Adagrad, torch.optim.Adagrad):
        optimizer = made(params := parameters(), initial_accumulator_value=0.25)
        train(optimizer, params, steps)
        assert optimizer.share_memory() is None
        places = [optimizer.state[p]["sum"].data_ptr() for p in params]
        train(optimizer, params, 3, first=steps + 1)
        assert all(optimizer.state[p]["sum"].is_shared() for p in params)
        assert [optimizer.state[p]["sum"].data_ptr() for p in params] == places
        runs.append((optimizer, params))
    (ours, a), (theirs, b) = runs
    assert_equal(a, b)
    assert_equal(states(ours), states(theirs))


# Sparse gradients.

SPARSE = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "maximize": True}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.25, "eps": 1e-3, "maximize": True}),
]


def rows(where, shape=(5, 3)):
    at = torch.tensor([where], dtype=torch.int64)
    values = slope(torch.zeros(len(where), *shape[1:], dtype=torch.float64), 1)
    return torch.sparse_coo_tensor(at, values, shape, check_invariants=True)


GRADIENTS = {
    "rows": lambda t: rows([t % 5, (t + 2) % 5]),
    "a row twice": lambda t: rows([1, 3, 1, t % 5]),
    "no row": lambda t: rows([]) if t == 2 else rows([0]),
    "elements": lambda t: rows([t % 5]).to_dense().to_sparse(),
    "a vector": lambda t: rows([t % 5, 4], (5,)),
    "a zero that is there": lambda t: 0 * rows([t % 5]),
}


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")  # of PyTorch's Adagrad
@pytest.mark.parametrize(("name", "settings"), SPARSE)
@pytest.mark.parametrize("kind", GRADIENTS)
def test_sparse_gradients_as_torch_takes_them(name, settings, kind):
    """And as a dense gradient with all its zeros, bit for bit."""
    runs = []
    for made in (CLASSES[name], TORCH[name], CLASSES[name]):
        params = [torch.nn.Parameter(slope(torch.zeros(GRADIENTS[kind](1).shape), 3).double())]
        optimizer = made(params, **settings)
        for t in range(1, 6):
            gradient = GRADIENTS[kind](t)
            kept = gradient.to_dense()
            params[0].grad = gradient.to_dense() if len(runs) == 2 else gradient
            optimizer.step()
            if len(runs) < 2:
                assert params[0].grad is gradient and torch.equal(gradient.to_dense(), kept)
        runs.append((params, states(optimizer)))
    ours, theirs, dense = runs
    for found, expected, exact in zip(ours, theirs, dense, strict=True):
        assert_equal(found, expected)
        assert_equal(found, exact, tolerance=0)


@pytest.mark.parametrize(("name", "settings"), SPARSE)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.complex64])
def test_sparse_gradients_of_any_dtype_and_layout(name, settings, dtype):
    runs = []
    for dense in (False, True):
        p = torch.nn.Parameter(parameters((3, 5), dtype=dtype)[0].detach().mT)
        optimizer = CLASSES[name]([p], **settings)
        for t in range(1, 4):
            g = (rows([t, 0]).to(dtype) * (1 + 2j if dtype.is_complex else 1)).coalesce()
            p.grad = g.to_dense() if dense else g
            version = p._version
            optimizer.step()
            assert p._version > version
        runs.append([p, *states(optimizer)])
    assert_equal(*runs, tolerance=0)
    assert runs[0][0].stride() == (1, 5)


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
def test_an_embedding_learns():
    """Through autograd, with a sparse and a dense layer in one group."""
    runs = []
    for made, settings in [
        (optim.Adagrad, {}),
        (optim.Adagrad, {"sparse": False}),
        (torch.optim.Adagrad, {}),
    ]:
        torch.manual_seed(0)
        words = torch.nn.Embedding(7, 3, sparse=True, dtype=torch.float64, padding_idx=0)
        words.sparse = settings.get("sparse", True)
        head = torch.nn.Linear(3, 1, dtype=torch.float64)
        optimizer = made([*words.parameters(), *head.parameters()], lr=0.1)
        for t in range(6):
            optimizer.zero_grad(set_to_none=t % 2 == 0)
            head(words(torch.tensor([t, 0, 2, t]))).square().sum().backward()
            optimizer.step()
        runs.append([*words.parameters(), *head.parameters(), *states(optimizer)])
    assert_equal(runs[0], runs[1])
    assert_equal(runs[0], runs[2])


def test_a_sparse_gradient_is_not_compiled(monkeypatch):
    """But stepped, beside the dense ones."""
    seen = []
    monkeypatch.setattr(inductor, "run", lambda rule, tensors, t, **_: seen.extend(tensors))
    monkeypatch.setattr(native, "compiler", lambda: None)
    p, q = parameters((5, 3), (5, 3))
    optimizer = optim.SGD([p, q], lr=1.0, compile=True)
    start = p.detach().clone()
    p.grad, q.grad = rows([1, 2]), torch.ones_like(q)
    optimizer.step()
    assert torch.equal(p, start - p.grad.to_dense())
    assert [tensor is q for tensor, _ in seen] == [True]


def test_beside_a_sparse_gradient_the_dense_ones_go_by_the_loop(monkeypatch):
    """And with sparse ones alone no compiler is asked for."""
    monkeypatch.setattr(inductor, "run", None)
    for params in (parameters((5, 3), (5, 3)), parameters((5, 3))):
        optimizer, starts = (
            optim.SGD(params, lr=1.0, compile=True),
            [p.detach() + 0 for p in params],
        )
        for p in params:
            p.grad = torch.ones_like(p)
        optimizer.step()
        params[0].grad = rows([1, 2])
        optimizer.step()
        expected = [starts[0] - 1 - rows([1, 2]).to_dense(), *(q - 2 for q in starts[1:])]
        assert_equal(params, expected)


def test_a_rule_of_ones_own_takes_them_if_it_declares_that_it_rests():
    def sign(g, t):
        return (ops.sign(g),)

    class Silent(optim.RuleOptimizer):
        rule = staticmethod(elementwise(sign))

    class Resting(optim.RuleOptimizer):
        rule = staticmethod(elementwise(rests_at_zero(lambda g, t: (ops.sign(g) / t,))))

    class Whole(optim.RuleOptimizer):
        rule = staticmethod(rests_at_zero(lambda g, t: sign(g, t)))

    (p,) = parameters((5, 3))
    start, p.grad = p.detach().clone(), rows([1, 2])
    for made in (Silent, Whole):
        with pytest.raises(RuntimeError, match=f"^{made.__name__} takes dense gradients"):
            made([p]).step()
    optimizer = Resting([p], lr=0.5)
    optimizer.step()
    optimizer.step()
    assert torch.equal(p, start - 0.75 * p.grad.to_dense().sign())


REFUSED = [
    ("SGD", {"momentum": 0.9}, "set momentum=0 and weight_decay=0, or"),
    ("SGD", {"weight_decay": 0.1}, "set weight_decay=0, or"),
    ("SGDW", {}, "set weight_decay=0, or"),
    ("Adagrad", {"weight_decay": 0.1}, "set weight_decay=0, or"),
    ("Adagrad", {"weight_decay": 0.1, "decoupled_weight_decay": True}, "set weight_decay=0, or"),
    ("Adam", {}, "use torch.optim.SparseAdam, which has no decay, or"),
    ("AdamW", {}, "use torch.optim.SparseAdam, which has no decay, or"),
    *[
        (name, {}, "use SGD without momentum or Adagrad, which take them, or")
        for name in sorted(set(CLASSES) - {"SGD", "SGDW", "Adagrad", "Adam", "AdamW"})
    ],
]


@pytest.mark.parametrize(("name", "settings", "advice"), REFUSED)
def test_elsewhere_they_are_refused_with_what_to_use_instead(name, settings, advice):
    optimizer = CLASSES[name](params := parameters((5, 3), (5, 3)), **settings)
    before = copy.deepcopy(params)
    params[0].grad, params[1].grad = torch.ones(5, 3).double(), rows([1])
    message = (
        f"^{name} takes dense gradients here, got one of layout torch.sparse_coo; "
        rf"{re.escape(advice)} use a layer with sparse=False$"
    )
    with pytest.raises(RuntimeError, match=message):
        optimizer.step()
    assert_equal(params, before, tolerance=0)
    assert not states(optimizer)


def test_advice_works():
    for optimizer_class in (optim.SGD, optim.SGDW, optim.Adagrad):
        (p,) = parameters((5, 3))
        start, p.grad = p.detach().clone(), rows([1])
        optimizer = optimizer_class([p], weight_decay=0.1, decoupled_weight_decay=True)
        with pytest.raises(RuntimeError, match="set weight_decay=0"):
            optimizer.step()
        optimizer.param_groups[0]["weight_decay"] = torch.tensor(0.0)
        optimizer.step()
        assert (p != start).any(1).tolist() == [False, True, False, False, False]


# Compilation.


@pytest.fixture
def graphs(monkeypatch):
    """Grows by each graph. Inductor, which takes seconds for each, has nothing to do with it."""
    monkeypatch.setattr(inductor, "compile_fx", lambda graph_module, *_, **__: graph_module)
    return counted(monkeypatch)


@pytest.mark.parametrize("pair", PAIRS)
def test_betas_of_a_configuration_compile(pair, graphs):
    check_betas(pair)
    assert len(graphs) == 1


@pytest.mark.parametrize("pair", PAIRS)
def test_betas_of_a_configuration_enter_the_loop(pair):
    check_betas(pair)


def check_betas(pair):
    runs = []
    for compile in (True, False):
        optimizer = optim.Adam(params := parameters(), betas=PAIRS[pair]((0.8, 0.9)))
        optimizer.defaults["compile"] = compile
        for t in range(1, 4):
            optimizer.param_groups[0]["betas"] = PAIRS[pair]((0.8, 0.9))
            train(optimizer, params, 1, first=t)
        runs.append(params)
    assert_equal(*runs)


def together(count, steps=3):
    """What threads that compile at once raise, and where each ends without and with others."""

    def run(i, compile):
        made = [optim.Adam, optim.RAdam, optim.Yogi, optim.Adamax][i % 4]
        params = parameters((i + 2, 3), (i + 2,))
        optimizer = made(params, lr=0.1, compile=compile)
        ready.wait()
        train(optimizer, params, steps)
        return params

    def work(i):
        try:
            ends[i] = run(i, True)
        except BaseException as error:
            raised.append(error)

    raised, ends, ready = [], {}, threading.Barrier(count)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ready = threading.Barrier(1)
    return raised, ends, {i: run(i, False) for i in range(count)}


def assert_together(count):
    raised, ends, alone = together(count)
    assert not raised
    for i in range(count):
        assert_equal(ends[i], alone[i])


@pytest.mark.usefixtures("graphs")
def test_threads_may_make_graphs_at_once():
    assert_together(8)


def test_threads_may_compile_at_once():
    assert_together(8)


@pytest.mark.slow
def test_threads_may_compile_at_once_with_inductor(monkeypatch):
    monkeypatch.setattr(inductor, "_kernels", {})
    monkeypatch.setattr(native, "compiler", lambda: None)
    assert_together(4)


def test_threads_with_one_list_share_a_graph(graphs):
    """Whoever waited finds it."""
    ready, raised = threading.Barrier(4), []

    def work():
        try:
            optimizer = optim.Adam(params := parameters(), compile=True)
            ready.wait()
            train(optimizer, params, 2)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not raised and len(graphs) == 1


# torch.compile around a step.


def test_a_step_is_left_out_of_graphs(monkeypatch):
    asked = []
    monkeypatch.setattr(optim.base, "_untraced", lambda *given: asked.append(given) or "a loss")
    optimizer, params = optim.Adam(given := parameters()), given
    before = copy.deepcopy(params)
    train(optimizer, params, 1)
    assert not asked and not torch.equal(params[0], before[0])
    with monkeypatch.context() as patch:
        patch.setattr(torch.compiler, "is_compiling", lambda: True)
        assert optimizer.step(closure := lambda: 1.0) == "a loss"
    assert asked == [(optimizer, closure)]


@pytest.mark.slow
@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("name", ["Adam", "NAdam", "RMSprop"])
def test_a_compiled_training_step_is_the_training_step(name, compile):
    """PyTorch documents that its optimizers may be compiled; parameters of one shape mixed here."""

    def run(wrap):
        a, b = params = [torch.nn.Parameter(torch.ones(3)) for _ in range(2)]
        optimizer = CLASSES[name](params, lr=0.1, compile=compile)

        def training_step():
            optimizer.zero_grad()
            (a.square().sum() - 5 * b.sum()).backward()
            optimizer.step()

        step = wrap(training_step)
        for _ in range(4):
            step()
        step = wrap(optimizer.step)
        for _ in range(2):
            step()
        return params

    assert_equal(run(partial(torch.compile, backend="eager")), run(lambda f: f), tolerance=0)


def experts(made, compile, shapes, steps=25):
    """Each step some of them have gradients; those count their own steps."""
    rng = np.random.default_rng(0)
    every = [parameters(*shape) for shape in shapes]
    optimizer = made([p for expert in every for p in expert], lr=0.1, compile=compile)
    for t in range(steps):
        chosen = rng.permutation(len(every))[: rng.integers(1, 5)]
        optimizer.zero_grad()
        for i in chosen:
            for p in every[i]:
                p.grad = slope(p.detach(), t)
        optimizer.step()
    return [p for expert in every for p in expert]


@pytest.mark.parametrize(
    "shapes",
    [[((4, 3), (4,), (2, 4))] * 8, [((n, 3),) for n in range(1, 9)]],
    ids=["of one shape", "of all shapes"],
)
@pytest.mark.parametrize("made", [optim.SGD, optim.Adam])
def test_a_list_that_changes_all_the_time_is_not_compiled_all_the_time(made, shapes, graphs):
    """A few lists, then a graph for each layout of a tensor."""
    found = experts(made, True, shapes)
    layouts = {p.shape for p in found}
    # A list that shares no parameter with others is a beginning of its own.
    assert len(graphs) <= len(layouts) + 2 * inductor.LISTS
    assert_equal(found, experts(made, False, shapes))


def test_without_a_limit_they_would_be(graphs, monkeypatch):
    monkeypatch.setattr(inductor, "LISTS", 1000)
    experts(optim.SGD, True, [((n, 3),) for n in range(1, 9)])
    assert len(graphs) >= 20
