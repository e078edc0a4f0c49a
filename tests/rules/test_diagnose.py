"""What `diagnose` calls an update: never a fault that is not there, and the fault that is."""

import math
import warnings
from functools import partial

import jax
import numpy as np
import optax
import pytest
import torch
from cases import CASES
from oracles import streams
from test_mutants import FAULTS, faulty_adam

from adamtut import descend, diagnose, diagnose_path, ops, rules
from adamtut.diagnosis import changes
from adamtut.diagnosis.mutants import mutants
from adamtut.experiments.conventions import keras_walk
from adamtut.registry import RULES

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
    ),
    pytest.mark.xdist_group("diagnose"),  # what wrong rules do is computed once
]

OWN_SETTINGS = [(name, oracle.ours) for name, case in CASES.items() for oracle in case.oracles]
TORCH = [
    (name, getattr(torch.optim, oracle.made), oracle.theirs, oracle.ours)
    for name, case in CASES.items()
    for oracle in case.oracles
    if oracle.library == "torch" and "lr" not in oracle.theirs
]


def says(found, rule, verdict="equal", **settings):
    """Whether a diagnosis names this rule, with these of its settings."""
    same = all(np.allclose(found.settings[k], v, rtol=1e-6) for k, v in settings.items())
    return (found.verdict, found.rule, same) == (verdict, rule, True)


# What is no fault.


@pytest.mark.parametrize(("name", "settings"), OWN_SETTINGS)
def test_a_rule_is_itself_in_all_its_settings(name, settings):
    found = diagnose(RULES[name].function, **settings)
    numbers = {k: v for k, v in settings.items() if not callable(v)}
    assert says(found, name, **numbers), found
    assert found.digits == 16 and not found.remarks and found.step is None


@pytest.mark.parametrize(("name", "optimizer", "settings", "own"), TORCH)
def test_a_class_of_torch_is_its_rule(name, optimizer, settings, own):
    found = diagnose(optimizer, **settings)
    assert says(found, name, **own), found
    assert found.digits > (7 if name == "nadam" else 11) and not found.remarks


def optax_run(optimizer, x64=True):
    def run(start, gradients, rates):
        with jax.enable_x64(x64):
            table = jax.numpy.array(rates)
            made = optimizer(lambda count: table[count])
            x = jax.numpy.array(start)
            state, path = made.init(x), [np.asarray(x)]
            update = jax.jit(made.update)
            for g in gradients:
                step, state = update(jax.numpy.array(g), state, x)
                x = optax.apply_updates(x, step)
                path.append(np.asarray(x))
        return np.stack(path)

    return run


OPTAX = {
    "sgd": ("gd", "equal", {}),
    "adagrad": ("adagrad", "convention", {}),
    "rmsprop": ("rmsprop", "convention", {}),
    "adam": ("adam", "equal", {}),
    "adamax": ("adamax", "equal", {}),
    "nadam": ("nadam", "equal", {"momentum_decay": math.inf}),
    "radam": ("radam", "convention", {}),
    "amsgrad": ("amsgrad", "convention", {}),
    "yogi": ("yogi", "convention", {}),
    "adadelta": ("adadelta", "equal", {}),
}


@pytest.mark.parametrize("name", OPTAX)
def test_an_optimizer_of_optax_is_its_rule_or_a_convention(name):
    rule, verdict, settings = OPTAX[name]
    assert says(found := diagnose_path(optax_run(getattr(optax, name))), rule, verdict, **settings)
    assert found.digits > 7 and "optax" in found.change * (verdict != "equal") + "optax"


def test_single_precision_is_no_fault():
    for name in ("adam", "sgd", "rmsprop"):
        rule, verdict, settings = OPTAX[name]
        found = diagnose_path(optax_run(getattr(optax, name), x64=False))
        assert says(found, rule, verdict, **settings) and 3 < found.digits < 9, found


KERAS = {
    "Adam": ("adam", "convention"),
    "Adagrad": ("adagrad", "convention"),
    "RMSprop": ("rmsprop", "convention"),
    "Adamax": ("adamax", "convention"),
    "Nadam": ("nadam", "equal"),
    "SGD": ("gd", "equal"),
}


@pytest.mark.parametrize("name", KERAS)
def test_an_optimizer_of_keras_is_its_rule_or_a_convention(name):
    found = diagnose_path(partial(keras_walk, name))
    assert says(found, *KERAS[name]) and found.digits > 7, found


# What libraries do to momentum and RMSProp with settings that our rules do not have.
VARIANTS = {
    "centred": ("RMSprop", {"centered": True}, "rmsprop", {}, "centered has it"),
    "momentum": ("RMSprop", {"momentum": 0.8}, "rmsprop", {"momentum": 0.8}, "adds up the divided"),
    "damped": ("SGD", {"momentum": 0.9, "dampening": 0.3}, "momentum", {"dampening": 0.3}, "damp"),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_of_torch_is_a_convention(variant):
    name, given, rule, own, words = VARIANTS[variant]
    found = diagnose(getattr(torch.optim, name), **given)
    assert says(found, rule, "convention", **own) and words in found.change, found
    assert found.digits > 11 and not found.remarks
    numbers = {k: v for k, v in found.settings.items() if k not in ("beta", "eps")}
    assert numbers == own


@pytest.mark.parametrize(
    ("run", "own", "words"),
    [
        (lambda: optax_run(partial(optax.rmsprop, centered=True)), {}, "in Keras and optax"),
        (lambda: partial(keras_walk, "RMSprop", centered=True), {}, "in Keras and optax"),
        (
            lambda: optax_run(partial(optax.rmsprop, momentum=0.8)),
            {"momentum": 0.8},
            "Keras and optax",
        ),
        (
            lambda: partial(keras_walk, "RMSprop", momentum=0.8),
            {"momentum": 0.8},
            "Keras and optax",
        ),
    ],
    ids=["optax centred", "Keras centred", "optax momentum", "Keras momentum"],
)
def test_a_variant_of_another_library_is_a_convention(run, own, words):
    found = diagnose_path(run())
    assert says(found, "rmsprop", "convention", **own) and words in found.change, found


def test_a_dampening_that_nobody_tells_is_fitted():
    def run(start, gradients, rates):
        m, path = gradients[0], [start]
        for t, (g, rate) in enumerate(zip(gradients, rates, strict=True)):
            m = 0.85 * m + 0.45 * g if t else g
            path.append(path[-1] - rate * m)
        return np.stack(path)

    found = diagnose_path(run)
    assert says(found, "momentum", "convention", beta=0.85, dampening=0.55), found


def test_a_mistake_in_a_variant_is_not_called_a_convention():
    def mine(g, t, v=0.0, a=0.0, *, beta=0.99, eps=1e-8):
        v = beta * v + (1 - beta) * g**2
        a = beta * a + (1 - beta) * abs(g)
        return g / (ops.sqrt(v - a**2) + eps), v, a

    assert diagnose(mine).verdict == "unknown"


def untold(rule, settings):
    """The path of a rule whose settings nobody tells."""

    def run(start, gradients, rates):
        state, path = (), [start]
        with np.errstate(all="ignore"):
            for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
                d, *state = RULES[rule].function(g, t, *state, **settings)
                path.append(path[-1] - rate * d)
        return np.stack(path)

    return run


# Legal, and far from every default: a large eps, no memory, a very long one.
UNUSUAL = [
    *(("adam", {"eps": eps}) for eps in (0.01, 0.1, 0.3, 1.0, 10.0, 100.0)),
    ("adam", {"betas": (0.9, 0.99), "eps": 1.0}),
    *(("adam", {"betas": betas}) for betas in ((0.9, 0.0), (0.5, 0.0), (0.0, 0.9), (0.0, 0.999))),
    *(("rmsprop", {"beta": 0.9, "eps": eps}) for eps in (0.1, 1.0, 10.0)),
    *(("rmsprop", {"beta": beta}) for beta in (0.0, 0.999, 0.9999, 0.99999)),
    *(("adagrad", {"eps": eps}) for eps in (1.0, 10.0)),
    *(("adamax", {"eps": eps}) for eps in (0.1, 1.0, 10.0)),
    ("adadelta", {"rho": 0.9, "eps": 1.0}),
    ("lion", {"betas": (0.95, 0.98)}),
    ("lion", {"betas": (0.0, 0.99)}),
    # Both were "the two betas are swapped".
    ("adam", {"betas": (0.9999, 0.5), "eps": 1e-7}),
    ("adam", {"betas": (0.95, 0.5), "eps": 0.003}),
]


@pytest.mark.parametrize(("rule", "settings"), UNUSUAL)
def test_an_unusual_setting_is_no_fault(rule, settings):
    found = diagnose_path(untold(rule, settings))
    assert says(found, rule, **RULES[rule].defaults | settings), found
    assert found.digits > 7 and not found.remarks


@pytest.mark.parametrize(
    ("optimizer", "given", "rule", "settings"),
    [
        ("RMSprop", {"alpha": 0.999}, "rmsprop", {"beta": 0.999, "eps": 1e-8}),
        ("Adam", {"eps": 1.0}, "adam", {"betas": (0.9, 0.999), "eps": 1.0}),
        ("Adam", {"eps": 0.01}, "adam", {"betas": (0.9, 0.999), "eps": 0.01}),
        ("Adam", {"betas": (0.0, 0.999)}, "adam", {"betas": (0.0, 0.999), "eps": 1e-8}),
        # Without a memory for the size the largest gradient is the last one, as the mean is.
        ("Adamax", {"betas": (0.9, 0.0)}, "adam", {"betas": (0.9, 0.0), "eps": 1e-8}),
    ],
)
def test_an_unusual_setting_of_torch_is_no_fault(optimizer, given, rule, settings):
    def run(start, gradients, rates):
        x = torch.nn.Parameter(torch.from_numpy(start.copy()))
        made, path = getattr(torch.optim, optimizer)([x], **given), [start]
        for g, rate in zip(gradients, rates, strict=True):
            made.param_groups[0]["lr"], x.grad = float(rate), torch.from_numpy(g)
            made.step()
            path.append(x.detach().numpy().copy())
        return np.stack(path)

    found = diagnose_path(run)
    assert says(found, rule, **settings) and found.digits > 11, found


@pytest.mark.parametrize(
    ("rule", "settings", "plain", "own"),
    [
        ("adam", {"betas": (0.0, 0.0)}, "rmsprop", {"beta": 0.0}),
        ("adamax", {"betas": (0.9, 0.0)}, "adam", {"betas": (0.9, 0.0)}),
        ("nadam", {"betas": (0.0, 0.999)}, "adam", {"betas": (0.0, 0.999)}),
    ],
)
def test_of_rules_that_do_the_same_the_plainest_is_told(rule, settings, plain, own):
    found = diagnose_path(untold(rule, settings))
    assert says(found, plain, **RULES[plain].defaults | own), found


def test_to_have_no_eps_is_no_fault():
    def bare(g, t, s=0.0):
        s = s + g * g
        return g / s**0.5, s

    assert says(found := diagnose(bare), "adagrad", eps=0.0), found


def test_the_settings_that_are_found_can_be_given():
    found = diagnose(lambda g, t: (np.sign(g),))
    assert says(found, "lion", betas=(0.0, 0.99)), found
    path = descend(rules.lion, np.sign, np.array([1.0, -1.0]), 0.5, 2, **found.settings)
    assert path[-1].tolist() == [0.0, 0.0]


def torchs_order(g, t, m=0.0, v=0.0, *, b1=0.9, b2=0.999, epsilon=1e-8):
    """Adam in the order of torch.optim, with other names for its settings."""
    m = m + (1 - b1) * (g - m)
    v = v * b2 + (1 - b2) * g * g
    return (m / (v**0.5 / (1 - b2**t) ** 0.5 + epsilon)) / (1 - b1**t), m, v


def the_papers_order(g, t, m=0.0, v=0.0, *, betas=(0.9, 0.999), eps=1e-8):
    """Kingma & Ba 2015, end of section 2: the corrections joined, and eps beside the bare root."""
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g**2
    return (1 - betas[1] ** t) ** 0.5 / (1 - betas[0] ** t) * m / (ops.sqrt(v) + eps), m, v


def of_numbers(g, t, m=0.0, v=0.0, *, betas=(0.9, 0.999), eps=1e-8):
    """Adam for one number at a time."""
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g**2
    return m / (1 - betas[0] ** t) / (math.sqrt(v / (1 - betas[1] ** t)) + eps), m, v


def of_tensors(g, t, m=0.0, v=0.0, *, betas=(0.9, 0.999), eps=1e-8):
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g**2
    return m / (1 - betas[0] ** t) / (torch.sqrt(v / (1 - betas[1] ** t)) + eps), m, v


def in_float32(g, t, m=0.0, v=0.0, *, betas=(0.9, 0.999), eps=1e-8):
    m = np.float32(betas[0]) * m + np.float32(1 - betas[0]) * np.float32(g)
    v = np.float32(betas[1]) * v + np.float32(1 - betas[1]) * np.float32(g) ** 2
    m_hat, v_hat = m / np.float32(1 - betas[0] ** t), v / np.float32(1 - betas[1] ** t)
    return m_hat / (np.sqrt(v_hat) + np.float32(eps)), m, v


def with_its_own_numbers(g, t, m=0.0, v=0.0):
    m = 0.85 * m + 0.15 * g
    v = 0.97 * v + 0.03 * g * g
    return m / (1 - 0.85**t) / ((v / (1 - 0.97**t)) ** 0.5 + 3e-7), m, v


@pytest.mark.parametrize(
    ("update", "verdict", "settings"),
    [
        (torchs_order, "equal", {"betas": (0.9, 0.999), "eps": 1e-8}),
        (partial(torchs_order, b1=0.5, epsilon=1e-4), "equal", {"betas": (0.5, 0.999)}),
        (the_papers_order, "convention", {"eps": 1e-8}),
        (of_numbers, "equal", {"eps": 1e-8}),
        (of_tensors, "equal", {"eps": 1e-8}),
        (in_float32, "equal", {"eps": 1e-8}),
        (with_its_own_numbers, "equal", {"betas": (0.85, 0.97), "eps": 3e-7}),
    ],
    ids=["torch", "names", "paper", "numbers", "tensors", "float32", "fitted"],
)
def test_another_order_of_computation_is_no_fault(update, verdict, settings):
    found = diagnose(update)
    assert says(found, "adam", verdict, **settings), found
    assert found.digits > (4 if update is in_float32 else 12)


# Decay and rate.


def test_a_decay_is_told_from_a_penalty():
    decoupled, penalty = (
        diagnose(optimizer, weight_decay=0.1) for optimizer in (torch.optim.AdamW, torch.optim.Adam)
    )
    assert says(decoupled, "adam") and says(penalty, "adam")
    assert (decoupled.weight_decay, decoupled.l2) == (pytest.approx(0.1), 0)
    assert (penalty.weight_decay, penalty.l2) == (0, pytest.approx(0.1))
    assert "decoupled" in str(decoupled) and "a penalty, not AdamW's" in str(penalty)


def test_a_decay_without_the_rate_is_told():
    def run(start, gradients, rates):
        x, path = torch.nn.Parameter(torch.from_numpy(start)), [start.copy()]
        adam = torch.optim.Adam([x])
        for g, rate in zip(gradients, rates, strict=True):
            with torch.no_grad():
                before = x.clone()
                adam.param_groups[0]["lr"], x.grad = float(rate), torch.from_numpy(g)
                adam.step()
                x -= 0.01 * before
            path.append(x.detach().numpy().copy())
        return np.stack(path)

    found = diagnose_path(run)
    assert says(found, "adam") and "each step takes 0.01 of x away" in str(found), found


def test_what_is_done_with_the_rate_is_told():
    def inside(g, t, v=0.0, *, lr, beta=0.9):
        v = beta * v + lr * g
        return v, v

    def twice(g, t, m=0.0, *, lr, beta=0.9):
        m = beta * m + g
        return lr * lr * m, m

    def never(g, t, m=0.0, *, lr, beta=0.9):
        m = beta * m + g
        return 0.01 * m, m

    found = diagnose(inside)
    assert says(found, "momentum", "convention", beta=0.9) and found.step == 21
    assert "rate is inside the velocity" in found.change
    assert "The rate is applied twice" in str(diagnose(twice))
    assert "The rate is ignored" in str(diagnose(never))
    assert says(diagnose(twice), "momentum") and says(diagnose(never), "momentum")


def test_what_climbs_is_told():
    found = diagnose(torch.optim.Adam, maximize=True)
    assert says(found, "adam") and found.scale == -1 and "it climbs" in str(found)


def test_a_factor_is_told_in_the_first_line():
    def mine(g, t, m=0.0, v=0.0, *, b1=0.9, b2=0.999, eps=1e-8):
        m = b1 * m + (1 - b2) * g
        v = b2 * v + (1 - b2) * g * g
        return m / (1 - b1**t) / ((v / (1 - b2**t)) ** 0.5 + eps), m, v

    found = diagnose(mine)
    assert says(found, "adam") and found.scale == pytest.approx(0.01)
    assert str(found).startswith("It is adam(betas=(0.9, 0.999), eps=1e-08) times 0.01, to ")


# What is a fault.

WORDS = {
    "betas swapped": "the two betas are swapped",
    "t stuck": "t stays at 1",
    "t from 0": "t counts from 0",
    "t from 2": "t counts from 2",
    "|g| for g²": "|g| stands in the place of g²",
    "no correction": "neither m nor v is corrected",
    "m uncorrected": "m is not corrected",
    "v uncorrected": "v is not corrected",
    "eps inside the root": "eps is inside the root",
    "eps added to x": "eps stands outside the quotient, against x",
    "no root": "the root is missing",
}


@pytest.mark.parametrize("fault", WORDS)
def test_a_classic_fault_is_named(fault):
    found = diagnose(faulty_adam(fault))
    assert says(found, "adam", "one change"), found
    assert found.change == WORDS[fault] and found.digits > 6
    assert found.step is not None and found.factor != 1
    said = str(found)
    assert WORDS[fault] in said and all(line in said for line in found.before + found.after)


def test_every_classic_fault_is_named_here():
    assert {*WORDS, "rate ignored"} == set(FAULTS)
    found = diagnose(faulty_adam("rate ignored"))
    assert says(found, "adam") and found.scale == pytest.approx(100)


def directions(rule, gradients, settings, scale=1.0):
    state, found = (), []
    with np.errstate(all="ignore"):
        for t, g in enumerate(gradients, start=1):
            d, *state = rule(g, t, *state, **settings)
            found.append(scale * d + 0 * g)
    return np.stack(found)


def is_explained(update, found):
    """Whether it does what the diagnosis says, on the streams of other tests."""
    if found.verdict == "unknown":
        return False
    for gradients in streams().values():
        expected = directions(update, gradients, {})
        said = directions(found.function, gradients, found.settings, found.scale)
        size = np.nanmax(np.abs(np.where(np.isfinite(expected), expected, 0.0)), axis=0)
        near = np.abs(said - expected) <= 1e-6 * size
        if not np.all(near | (said == expected) | (np.isnan(said) & np.isnan(expected))):
            return False
    return True


def some_mutants(name, every, first):
    """Each so-many-th single change of a rule that runs at all."""
    some = slice(None) if name == "gd" else slice(first, None, every)
    for text, mutant in list(mutants(RULES[name].function))[some]:
        try:
            with np.errstate(all="ignore"):
                directions(mutant, np.ones((3, 20)), {})
        except Exception:  # it says itself what is wrong with it
            continue
        yield text, mutant


# All of them take long; a prime number meets every kind of change: 101, 41, and 7 in two halves.
@pytest.mark.parametrize(
    ("every", "first"),
    [
        (101, 0),
        *(pytest.param(*some, marks=pytest.mark.thorough) for some in [(41, 0), (14, 0), (14, 7)]),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nearly_every_single_change_of_every_rule_is_explained(every, first):
    explained, missed = [], []
    for name in RULES:
        for text, mutant in some_mutants(name, every, first):
            found = diagnose(mutant)
            (explained if is_explained(mutant, found) else missed).append(f"{name}, {text}")
    assert len(explained) > 1600 / every
    assert len(missed) <= 0.05 * len(explained + missed), missed


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_makes_no_number_is_told_by_its_states():
    def mine(g, t, m=0.0, v=0.0, *, betas=(0.9, 0.999), eps=1e-8):
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v - (1 - betas[1]) * g**2
        m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
        return m_hat / (np.sqrt(v_hat) + eps) - np.sqrt(-1.0), m, v

    found = diagnose(mine)
    assert says(found, "adam", "one change"), found
    assert found.after == ("v = beta2 * v - (1 - beta2) * g ** 2",)
    assert "its states tell" in str(found) and not np.isfinite(found.directions).any()


def test_two_changes_are_not_called_one():
    def mine(g, t, m=0.0, v=0.0, *, betas=(0.9, 0.999), eps=1e-8):
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * abs(g)
        return m / (v / (1 - betas[1] ** (t + 1)) + eps), m, v

    found = diagnose(mine)
    assert found.verdict == "unknown" and found.digits == 0 and found.function is None
    row, column = found.step - 1, found.coordinate
    ratio = found.directions[row, column] / found.expected[row, column]
    assert found.factor == ratio != 1 and "It is no rule that is known here" in str(found)


# Boundaries.


@pytest.mark.parametrize(
    ("update", "given", "error", "message"),
    [
        (lambda g, t, m=0.0: m, {}, TypeError, r"must return the tuple \(d, m\)"),
        (lambda g, t, m=0.0, beta=0.9: (m, m), {}, TypeError, r"settings stand behind \*"),
        (lambda g, t: (g,), {"beta": 0.9}, TypeError, "has no setting beta"),
        (lambda g, t, *, beta: (beta * g,), {}, TypeError, "needs a value for beta"),
        (lambda g, t: (g[:3],), {}, ValueError, r"shape \(3,\) at step 1"),
        ("adam", {}, TypeError, "expected a rule or a class of torch.optim's kind, got 'adam'"),
    ],
)
def test_what_is_no_update_is_refused(update, given, error, message):
    with pytest.raises(error, match=message):
        diagnose(update, **given)


def test_what_an_update_raises_is_told_to_be_its_own():
    def divided(g, t):
        return (g * (1 / (t - 1)),)

    with pytest.raises(ZeroDivisionError) as raised:
        diagnose(divided)
    assert raised.value.__notes__ == [
        "divided itself raised this, on gradients that diagnose gave it"
    ]


def test_a_path_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"path of shape \(40, 20\), expected \(41, 20\)"):
        diagnose_path(lambda start, gradients, rates: gradients)


def test_an_update_cannot_change_what_it_is_given():
    def greedy(g, t, m=0.0, *, beta=0.9):
        m = beta * m + g
        g *= 0
        return m, m

    def adding(g, t, m=0.0, *, beta=0.9):
        m = m * np.ones_like(g)
        m *= beta
        m += g
        return m, m

    assert says(diagnose(greedy), "momentum") and says(diagnose(adding), "momentum")


def test_each_convention_and_mistake_changes_its_rule():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mistakes = [change for name in RULES for change in changes.mistakes(name)]
    assert {change.text for change in mistakes} == set(changes.MISTAKES)
    named = [text for edits in changes.CONVENTIONS.values() for text in edits]
    assert [change.text for change in changes.conventions()] == named
    for change in (*mistakes, *changes.conventions()):
        before, after = change.lines()
        assert after and before != after
