"""Random shapes, dtypes, numbers and gradients: torch's answer, or a difference that has a name."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from test_optim_oracles import CASES, NAMES, float64_product

from adamtut import optim

every_class = pytest.mark.parametrize("name", NAMES)
relaxed = settings(deadline=None, derandomize=True, max_examples=200)

# Units of the last place of the largest number of a path. Both sides round some ten operations a
# step, each in its own order; the steps are few, and m / √v is bounded. 3 were seen.
ULPS = 8

# As a rule beta1² < beta2: then m / √v is bounded, and rounding is not blown up.
bounded_betas = st.floats(0.0, 0.99).flatmap(
    lambda beta1: st.tuples(st.just(beta1), st.floats(max(0.1, 1.01 * beta1**2), 0.9999))
)
RANGES = {
    "lr": st.floats(1e-4, 1.0),
    "eps": st.floats(1e-12, 1e-2),
    "weight_decay": st.just(0.0) | st.floats(1e-6, 1.0),
    "decoupled_weight_decay": st.booleans(),
    "maximize": st.booleans(),
    "momentum": st.floats(0.01, 0.99),
    "alpha": st.floats(0.0, 0.999),
    "rho": st.floats(0.0, 0.999),
    "betas": bounded_betas,
    "initial_accumulator_value": st.floats(0.0, 10.0),
    "momentum_decay": st.floats(0.0, 0.1),
}


def hyper_parameters(name, ranges):
    """Settings that both our class and torch's have."""
    ours, theirs, fixed, _ = CASES[name]
    known = inspect.signature(ours).parameters.keys() & inspect.signature(theirs).parameters.keys()
    known = known - {"momentum"} | (fixed.keys() & {"momentum"})  # plain SGD stays plain
    return st.fixed_dictionaries({key: ranges[key] for key in RANGES if key in known})


def run(optimizer_class, chosen, streams, moved=0.0):
    """For each stream of gradients (steps, *shape) the path of a parameter (steps + 1, *shape).

    Its start is `moved` by so many units in the last place.
    """
    starts = [start_for(stream) for stream in streams]
    starts = [start * (1 + moved * torch.finfo(start.dtype).eps) for start in starts]
    tensors = [torch.nn.Parameter(start) for start in starts]
    optimizer = optimizer_class(tensors, **chosen)
    path = [[p.detach().numpy().copy() for p in tensors]]
    for gradients in zip(*streams, strict=True):
        for p, g in zip(tensors, gradients, strict=True):
            p.grad = torch.from_numpy(np.array(g))
        optimizer.step()
        path.append([p.detach().numpy().copy() for p in tensors])
    return [np.stack(p) for p in zip(*path, strict=True)]


def start_for(stream):
    shape = stream.shape[1:]
    start = np.linspace(-1, 1.1, int(np.prod(shape))).reshape(shape)
    return torch.from_numpy(start.astype(stream.dtype))


def run_both(name, chosen, streams):
    ours, _, fixed, _ = CASES[name]
    found = run(ours, fixed | chosen, streams)
    return found, run_torchs(name, chosen, streams)


def run_torchs(name, chosen, streams, **start):
    _, theirs, fixed, torchs = CASES[name]
    with float64_product():
        return run(theirs, fixed | torchs | chosen | {"foreach": False}, streams, **start)


@st.composite
def streams_of(draw, elements, max_dims=3):
    """One to three streams, of one length, each of its own shape and dtype."""
    steps = draw(st.integers(1, 6))
    streams = []
    for _ in range(draw(st.integers(1, 3))):
        dtype = draw(st.sampled_from([np.float32, np.float64]))
        shape = draw(array_shapes(min_dims=0, max_dims=max_dims, min_side=0, max_side=4))
        streams.append(draw(arrays(dtype, (steps, *shape), elements=elements(dtype))))
    return streams


def ordinary(dtype):
    """0, and ± 1e-15 to 1e15."""
    width = np.dtype(dtype).itemsize * 8
    low, high = (float(dtype(bound)) for bound in (1e-15, 1e15))
    size = st.floats(low, high, width=width)
    return st.just(0.0) | size | size.map(lambda a: -a)


def check_ordinary(name, chosen, streams):
    """Where a penalty makes a gradient of the weights, near 0 a step answers the last digit of a
    weight by many: no answer is nearer than torch's own, begun one digit beside it.
    """
    found, expected = run_both(name, chosen, streams)
    is_fed_back = chosen.get("weight_decay", 0.0) > 0
    beside = run_torchs(name, chosen, streams, moved=1.0) if is_fed_back else expected
    for ours, theirs, other in zip(found, expected, beside, strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        assert np.isfinite(ours).all()
        if ours.size:
            ulp = np.finfo(ours.dtype).eps * np.abs(theirs).max()
            assert np.abs(ours - theirs).max() <= ULPS * max(ulp, np.abs(other - theirs).max())


@pytest.mark.slow
@every_class
@relaxed
@given(data=st.data())
def test_ordinary_gradients_give_torchs_answer(name, data):
    chosen = data.draw(hyper_parameters(name, RANGES))
    check_ordinary(name, chosen, data.draw(streams_of(ordinary)))


# Weights that are far from 0 come near it here, where the step answers a digit by a dozen.
NEAR_ZERO = {"lr": 0.931, "eps": 2.0**-8, "weight_decay": 0.5, "betas": (0.0, 0.359375)}


def test_a_wrong_digit_is_noticed_where_a_penalty_is_fed_back(monkeypatch):
    streams = [np.zeros((1, 5))]
    check_ordinary("Adamax", NEAR_ZERO, streams)
    found, expected = run_both("Adamax", NEAR_ZERO, streams)
    wrong = [path * (1 + 1e-13) for path in found]
    monkeypatch.setitem(globals(), "run_both", lambda *_: (wrong, expected))
    with pytest.raises(AssertionError):
        check_ordinary("Adamax", NEAR_ZERO, streams)


# Beyond: infinity, NaN, numbers whose squares overflow or vanish, rates and eps of 0.

EXTREMES = RANGES | {
    "lr": st.sampled_from([0.0, 1e-3, 0.1, 1.0]),
    "eps": st.sampled_from([0.0, 1e-12, 1e-8, 1e-2]),
    "weight_decay": st.sampled_from([0.0, 0.1, 1.0]),
    "alpha": st.sampled_from([0.0, 0.5, 0.99]),
    "rho": st.sampled_from([0.0, 0.5, 0.9]),
    "betas": st.tuples(st.sampled_from([0.0, 0.5, 0.9]), st.sampled_from([0.0, 0.5, 0.9, 0.999])),
    "initial_accumulator_value": st.sampled_from([0.0, 1.0]),
    "momentum_decay": st.sampled_from([0.0, 0.004]),
}


def wild(seed, dtype, steps=5, size=300):
    """A stream of numbers of every size, and of those where something breaks."""
    rng, info = np.random.default_rng(seed), np.finfo(dtype)
    root = info.max**0.5
    breaking = [0, 0, 1, np.nan, np.inf, info.max, info.max / 8, 3 * root, root / 3]
    breaking += [info.tiny, info.smallest_subnormal, 1 / root, 1e-3 / root]
    low, high = np.log10([float(info.tiny), float(info.max)])
    sizes = 10.0 ** rng.uniform(low - 5, high, (steps, size))
    chosen = rng.choice(np.array(breaking, dtype), (steps, size))
    signs = rng.choice([-1, 1], (steps, size))
    return (np.where(rng.random((steps, size)) < 0.6, chosen, sizes) * signs).astype(dtype)


def kind(values):
    """What a number is, beside its size."""
    kinds = [np.isnan(values), np.isposinf(values), np.isneginf(values)]
    return np.select(kinds, ["nan", "+inf", "-inf"], "finite")


def huge(g, chosen):
    return (np.isfinite(g) & (np.abs(g) > np.finfo(g.dtype).max / 4)).any()


def infinite(g, chosen):
    return np.isinf(g).any()


def squares_vanish(g, chosen):
    tiny = float(np.finfo(g.dtype).tiny) ** 0.5
    return chosen.get("eps") == 0 and ((g != 0) & (np.abs(g) < 1e3 * tiny)).any()


def no_memory(g, chosen):
    return chosen.get("betas", (0.9, 0.999))[1] == 0 and len(g) > 1


@dataclass(frozen=True)
class Difference:
    """Where ours is not torch's answer.

    Attributes
    ----------
    classes
        Names of the classes.
    condition
        What must have happened, for the gradients of an element up to the step, with the penalty
        λ x in them, and the settings.
    why
        The reason.
    shown_by, settings, gradients
        A class, its settings, and float32 gradients of one element, that show it.
    ours, torchs
        What comes out of these.
    """

    classes: set[str]
    condition: Callable[[np.ndarray, dict[str, Any]], bool]
    why: str
    shown_by: str
    settings: dict[str, Any]
    gradients: list[float]
    ours: str
    torchs: str


MAX = float(np.finfo(np.float32).max)
AVERAGES = {"Adam", "AdamW", "Adamax", "AMSGrad", "NAdam", "RAdam"}
DIFFERENCES = [
    Difference(
        AVERAGES,
        huge,
        "torch moves m by (1 - beta1) (g - m), and g - m overflows; ours weighs before it adds",
        "Adam",
        {},
        [MAX, -MAX],
        "finite",
        "nan",
    ),
    Difference(
        AVERAGES,
        huge,
        "ours divides m by 1 - beta1^t, which may overflow; torch multiplies it by lr first",
        "NAdam",
        {},
        [MAX],
        "nan",
        "finite",
    ),
    Difference(
        {"RAdam"},
        infinite,
        "an infinite m stays so in ours; in torch's next g - m it becomes NaN",
        "RAdam",
        {},
        [np.inf, 1.0],
        "-inf",
        "nan",
    ),
    Difference(
        {"Adagrad", "RMSprop", "Adadelta"} | AVERAGES,
        squares_vanish,
        "at eps = 0 a vanished g² makes ours g / 0; in torch lr g may vanish first, and be 0 / 0",
        "Adagrad",
        {"lr": 1e-3, "eps": 0.0},
        [1e-45],
        "-inf",
        "nan",
    ),
    Difference(
        AVERAGES,
        no_memory,
        "at beta2 = 0 m may be any multiple of v or u: ours divides first, torch multiplies by lr",
        "Adamax",
        {"betas": (0.9, 0.0)},
        [MAX / 8, 1e-2],
        "-inf",
        "finite",
    ),
    Difference(
        {"NAdam"},
        no_memory,
        "at beta2 = eps = 0 torch divides both terms by √v = 0, and one of them is 0; ours the sum",
        "NAdam",
        {"betas": (0.9, 0.0), "eps": 0.0},
        [1.0, 0.0],
        "-inf",
        "nan",
    ),
]


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda d: d.shown_by)
def test_each_difference_is_there(difference):
    stream = np.array(difference.gradients, np.float32)
    (ours,), (theirs,) = run_both(difference.shown_by, difference.settings, [stream])
    assert difference.condition(stream, difference.settings)
    assert (kind(ours[-1]), kind(theirs[-1])) == (difference.ours, difference.torchs)
    assert (kind(ours[:-1]) == kind(theirs[:-1])).all()


def seen_by_the_rule(name, stream, path, chosen):
    """Gradients with their sign turned and the penalty added, as the rule gets them."""
    decoupled = chosen.get("decoupled_weight_decay", name == "AdamW")
    penalty = 0.0 if decoupled else chosen.get("weight_decay", 0.0)
    g = -stream if chosen.get("maximize") else stream
    with np.errstate(all="ignore"):
        return g + stream.dtype.type(penalty) * path[:-1] if penalty else g


def unexplained(name, chosen, stream):
    """The first element whose kind differs from torch's, and that no difference explains."""
    (ours,), (theirs,) = run_both(name, chosen, [stream])
    gradients = seen_by_the_rule(name, stream, ours, chosen)
    differs = kind(ours) != kind(theirs)
    for j in np.flatnonzero(differs.any(axis=0)):
        t = int(np.argmax(differs[:, j]))  # the later ones follow from the first
        g = gradients[:t, j]
        if not any(name in d.classes and d.condition(g, chosen) for d in DIFFERENCES):
            return f"{name} {chosen} for {g}: ours {ours[t, j]}, torch {theirs[t, j]}"
    return None


@pytest.mark.slow
@every_class
@relaxed
@given(data=st.data(), seed=st.integers(0, 2**32), dtype=st.sampled_from([np.float32, np.float64]))
def test_extreme_gradients_give_torchs_kind_of_answer(name, data, seed, dtype):
    """300 elements at a time; drawn one by one they would be few."""
    chosen = data.draw(hyper_parameters(name, EXTREMES))
    assert unexplained(name, chosen, wild(seed, dtype)) is None


def test_a_square_overflows_sooner_than_torchs():
    """Both finite, but not near: ours makes (1 - beta2) of g², torch of g, then times g."""
    stream = np.array([5e19], np.float32)
    (ours,), (theirs,) = run_both("Adam", {"lr": 0.1}, [stream])
    assert ours[1] == ours[0]
    assert theirs[1] == pytest.approx(theirs[0] - 0.1)


# Both checks can fail.


class SilencesNaN(optim.Adam):
    """A faulty Adam that takes NaN for 0."""

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.grad.nan_to_num_(nan=0.0, posinf=torch.inf, neginf=-torch.inf)
        super().step(closure)


class AlmostTheRate(optim.Adam):
    """A faulty Adam whose rate is wrong in the 13th digit."""

    def __init__(self, params, lr=1e-3, **chosen):
        super().__init__(params, lr=lr * (1 + 1e-13), **chosen)


def plant(monkeypatch, faulty):
    monkeypatch.setitem(CASES, "Adam", (faulty, *CASES["Adam"][1:]))


def test_a_silenced_nan_is_seen(monkeypatch):
    stream = wild(0, np.float64)
    assert unexplained("Adam", {}, stream) is None
    plant(monkeypatch, SilencesNaN)
    assert "ours -0." in unexplained("Adam", {}, stream)


def test_an_error_in_the_thirteenth_digit_is_seen(monkeypatch):
    streams = [np.array([[1e15, -1.0], [-1e-15, 0.0]])]
    check_ordinary("Adam", {"lr": 1.0}, streams)
    plant(monkeypatch, AlmostTheRate)
    with pytest.raises(AssertionError):
        check_ordinary("Adam", {"lr": 1.0}, streams)
