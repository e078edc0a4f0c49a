"""Schedules: against torch's, exact at the joints, in every array library, and under mutation."""

import ast
import copy
import decimal
import functools
import inspect
import itertools
import math
import pickle
import re
import subprocess
import sys
from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler as torchs

from adamtut import descend, rules, schedules
from adamtut.diagnosis.mutants import SWAPS, changed_trees  # `mutants` would run the decorator
from adamtut.schedules import (
    constant,
    cosine,
    cyclical,
    exponential,
    inverse_sqrt,
    linear_decay,
    linear_warmup,
    lr_lambda,
    noam,
    schedule,
    sequence,
    sgdr,
    step_decay,
    triangular,
)

STEPS = 5000
T = np.arange(1, STEPS + 1)
BUILDERS = {
    name: build
    for name, build in vars(schedules).items()
    if inspect.isfunction(build) and "__wrapped__" in vars(build)
}
relaxed = settings(deadline=None, derandomize=True, max_examples=50)


# Where torch computes each rate afresh, and where it multiplies the last one, so that roundings
# add up over the steps.
FRESH, CHAINED = 1e-12, 1e-9


def torch_noam(s):
    return 512**-0.5 * min((s + 1) ** -0.5, (s + 1) * 400**-1.5)


SGDR = [
    (1, 1, 0.0),
    (1, 2, 0.0),
    (7, 2, 0.1),
    (50, 2, 0.0),
    (1, 3, 0.0),
    (9, 3, 0.01),
    (64, 1, 0.5),
    (5000, 2, 0.0),
    (10, 10, 0.0),
]

# Formula → settings, torch's scheduler of the same kind for lr = 1, how close they must be.
TORCH = {
    "constant": [
        ({"value": 0.3}, lambda o: torchs.ConstantLR(o, factor=0.3, total_iters=10**9), FRESH)
    ],
    "inverse_sqrt": [
        ({}, lambda o: torchs.LambdaLR(o, lambda s: 1 / math.sqrt(s + 1)), FRESH),
    ],
    "step_decay": [
        ({"every": 7, "factor": 0.9}, lambda o: torchs.StepLR(o, 7, gamma=0.9), CHAINED),
        ({"every": 1000}, lambda o: torchs.StepLR(o, 1000), CHAINED),
    ],
    "exponential": [
        ({"factor": 0.999}, lambda o: torchs.ExponentialLR(o, gamma=0.999), CHAINED),
        ({"factor": 1.001}, lambda o: torchs.ExponentialLR(o, gamma=1.001), CHAINED),
    ],
    "linear_warmup": [
        (
            {"steps": n},
            lambda o, n=n: torchs.LinearLR(o, start_factor=1 / n, total_iters=n - 1),
            CHAINED,
        )
        for n in (2, 4000, 9999)
    ],
    "linear_decay": [
        (
            {"steps": 4000, "final": 0.1},
            lambda o: torchs.LinearLR(o, start_factor=1, end_factor=0.1, total_iters=4000),
            CHAINED,
        ),
        ({"steps": 4000}, lambda o: torchs.PolynomialLR(o, total_iters=4000), CHAINED),
        ({"steps": 9999}, lambda o: torchs.PolynomialLR(o, total_iters=9999), CHAINED),
    ],
    "cosine": [
        (
            {"steps": 4999, "final": 0.1},
            lambda o: torchs.CosineAnnealingLR(o, T_max=4999, eta_min=0.1),
            CHAINED,
        ),
        ({"steps": 9999}, lambda o: torchs.CosineAnnealingLR(o, T_max=9999), CHAINED),
        # held after its end, as is a sequence with a constant
        (
            {"steps": 40, "final": 0.25},
            lambda o: torchs.SequentialLR(
                o,
                [
                    torchs.CosineAnnealingLR(o, T_max=40, eta_min=0.25),
                    torchs.LambdaLR(o, lambda s: 0.25),
                ],
                milestones=[40],
            ),
            CHAINED,
        ),
    ],
    # torch's cosine rises again after T_max: half a wave
    "cyclical": [
        ({"steps": 5000, "cycles": 10}, lambda o: torchs.CosineAnnealingLR(o, T_max=250), CHAINED),
        ({"steps": 300, "cycles": 0.5}, lambda o: torchs.CosineAnnealingLR(o, T_max=300), CHAINED),
    ],
    "sgdr": [
        (
            {"period": period, "mult": mult, "final": final},
            lambda o, p=period, m=mult, final=final: torchs.CosineAnnealingWarmRestarts(
                o, T_0=p, T_mult=m, eta_min=final
            ),
            FRESH,
        )
        for period, mult, final in SGDR
    ]
    + [
        ({"period": 12}, lambda o: torchs.CosineAnnealingWarmRestarts(o, T_0=12), FRESH),
    ],
    "triangular": [
        (
            {"period": period, **low},
            lambda o, period=period, low=low: torchs.CyclicLR(
                o, low.get("low", 0.0), 1.0, step_size_up=period / 2, cycle_momentum=False
            ),
            FRESH,
        )
        for period, low in [(2, {"low": 0.2}), (7, {"low": 0.1}), (400, {}), (20000, {})]
    ],
    "noam": [
        ({"d_model": 512, "warmup": 400}, lambda o: torchs.LambdaLR(o, torch_noam), FRESH),
    ],
    "product": [
        (
            {"first": linear_warmup(steps=100), "second": exponential(factor=0.999)},
            lambda o: torchs.ChainedScheduler(
                [
                    torchs.LinearLR(o, start_factor=1 / 100, total_iters=99),
                    torchs.ExponentialLR(o, gamma=0.999),
                ]
            ),
            CHAINED,
        ),
    ],
    "sequence": [
        (
            {"first": step_decay(every=6, factor=0.5), "steps": 20, "second": sgdr(period=16)},
            lambda o: torchs.SequentialLR(
                o,
                [torchs.StepLR(o, 6, gamma=0.5), torchs.CosineAnnealingWarmRestarts(o, T_0=16)],
                milestones=[20],
            ),
            FRESH,
        ),
        # the first overflows soon after its end
        (
            {"first": exponential(factor=10.0), "steps": 9, "second": constant(1)},
            lambda o: torchs.LambdaLR(o, lambda s: 10.0 ** (s if s < 9 else 0)),
            FRESH,
        ),
        (
            {
                "first": linear_warmup(steps=100),
                "steps": 99,
                "second": sequence(constant(1), 1000, exponential(factor=0.99)),
            },
            lambda o: torchs.SequentialLR(
                o,
                [
                    torchs.LinearLR(o, start_factor=1 / 100, total_iters=99),
                    torchs.ConstantLR(o, factor=1, total_iters=10**9),
                    torchs.ExponentialLR(o, gamma=0.99),
                ],
                milestones=[99, 1099],
            ),
            CHAINED,
        ),
    ],
}
CASES = [(name, i) for name, cases in TORCH.items() for i in range(len(cases))]
SAMPLES = [BUILDERS[name](**TORCH[name][i][0]) for name, i in CASES] + [
    0.1 * sgdr(period=50, mult=1.5),
    0.5 * (linear_warmup(steps=16) * inverse_sqrt()) * cosine(steps=99),
]
every_case = pytest.mark.parametrize(("name", "i"), CASES)
every_sample = pytest.mark.parametrize("lr", SAMPLES, ids=repr)


def some_optimizer(lr=1.0):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=lr)


def rates_of(make, lr=1.0, steps=STEPS):
    """The rate in use at each step, with a torch scheduler."""
    optimizer = some_optimizer(lr)
    scheduler = make(optimizer)
    optimizer.step()  # torch warns if none comes before a scheduler's; one is enough
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    return np.array(rates)


@functools.cache
def torch_rates(name, i):
    return rates_of(TORCH[name][i][1])


def test_every_schedule_is_compared_with_torch():
    assert set(TORCH) == set(BUILDERS)


@every_case
def test_equals_the_scheduler_of_torch(name, i):
    chosen, _, close = TORCH[name][i]
    found = BUILDERS[name](**chosen)(T)
    # Absolute where a rate goes through 0: 1 + cos is only exact to the rounding of 1.
    np.testing.assert_allclose(found, torch_rates(name, i), rtol=close, atol=close / 1000)


CLOSED = [
    (name, i)
    for name, i in CASES
    if hasattr(TORCH[name][i][1](some_optimizer()), "_get_closed_form_lr")
]


def test_all_chained_schedulers_but_the_composed_have_a_closed_form():
    chained = {(name, i) for name, i in CASES if TORCH[name][i][2] == CHAINED}
    composed = {("cosine", 2), ("product", 0), ("sequence", 2)}
    assert chained - composed <= set(CLOSED)


@pytest.mark.parametrize(("name", "i"), CLOSED)
def test_equals_the_closed_form_of_torch_more_closely(name, i):
    chosen, make, _ = TORCH[name][i]
    scheduler = make(some_optimizer())
    expected = []
    for scheduler.last_epoch in range(STEPS):
        expected += scheduler._get_closed_form_lr()
    np.testing.assert_allclose(BUILDERS[name](**chosen)(T), expected, rtol=1e-12, atol=1e-15)


@every_sample
def test_lambda_lr_takes_it(lr):
    found = rates_of(lambda o: torchs.LambdaLR(o, lr_lambda(lr)), lr=0.5, steps=300)
    assert found.tolist() == [0.5 * lr(t) for t in range(1, 301)]


def test_a_run_of_torch_with_lambda_lr_is_the_path_of_descend():
    lr = sequence(linear_warmup(steps=20), 20, sgdr(period=30, mult=2, final=0.01))
    x = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimizer = torch.optim.Adam([x], lr=0.05)
    scheduler = torchs.LambdaLR(optimizer, lr_lambda(lr))
    path = [x.detach().numpy().copy()]
    for _ in range(200):
        x.grad = x.detach() ** 3
        optimizer.step()
        scheduler.step()
        path.append(x.detach().numpy().copy())
    found = descend(rules.adam, lambda x: x**3, path[0], lr=0.05 * lr, steps=200)
    np.testing.assert_allclose(found, path, rtol=1e-12)


def test_a_stored_lambda_lr_goes_on(tmp_path):
    def fresh():
        return torchs.LambdaLR(some_optimizer(0.1), lr_lambda(cosine(steps=9)))

    scheduler = fresh()
    for _ in range(4):
        scheduler.optimizer.step()
        scheduler.step()
    torch.save(scheduler.state_dict(), tmp_path / "state.pt")
    again = fresh()
    again.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for each in (scheduler, again):
        each.optimizer.step()
        each.step()
        assert each.get_last_lr() == [0.1 * cosine(steps=9)(6)]
    assert pickle.loads(pickle.dumps(scheduler.lr_lambdas[0]))(5) == cosine(steps=9)(6)


# Restarts.


def restarts(period, mult, below):
    """Steps from 0 at which a cycle begins, in fractions: nothing is rounded before its time."""
    start, length = Fraction(0), Fraction(period)
    while (step := math.floor(start + Fraction(1, 2))) < below:
        yield step
        start, length = start + length, length * Fraction(str(mult))


RESTARTS = [(period, mult) for period in (1, 7, 10, 50) for mult in (2, 3, 5, 6, 7, 10)] + [
    (1000, 1),
    (1, 1.5),
    (13, 1.5),
    (15, 1.1),
    (1000, 1.1),
    (7, 1.3),
    (1, 1.2),
    (100, 1.01),
    (30, 2.5),
    (10, 1000),
    (1, 2**31),
    (2**31 - 1, 2**31),
]


@pytest.mark.parametrize(("period", "mult"), RESTARTS)
def test_every_restart_of_a_million_steps(period, mult):
    expected = list(restarts(period, mult, 10**6))
    lr = sgdr(period=period, mult=mult)
    for s, after in itertools.pairwise(expected):
        assert lr(s + 1) == lr(float(s + 1)) == lr(torch.tensor(s + 1.0).double()) == 1
        assert schedules._cycle(s, period, mult) == (s, after)
        assert schedules._cycle(after - 1, period, mult) == (s, after)
    starts, ends = schedules._cycle(np.arange(10**6), period, mult)
    assert np.flatnonzero(np.arange(10**6) == starts).tolist() == expected
    np.testing.assert_array_equal(starts[1:][np.diff(starts) > 0], ends[:-1][np.diff(starts) > 0])


@pytest.mark.parametrize(("period", "mult"), RESTARTS[:25])
def test_restarts_for_whole_mult_are_right_in_single_precision(period, mult):
    starts, _ = schedules._cycle(torch.arange(10**6), period, mult)
    assert starts.dtype == torch.float32
    found = torch.nonzero(starts == torch.arange(10**6)).flatten()
    assert found.tolist() == list(restarts(period, mult, 10**6))


@pytest.mark.parametrize("mult", [1 + 2**-52, 1 + 1e-12])
def test_a_mult_next_to_1_is_periodic_for_long(mult):
    np.testing.assert_array_equal(sgdr(period=9, mult=mult)(T), sgdr(period=9)(T))
    assert sgdr(period=9, mult=mult)(9 * 5000 + 1) == 1


@pytest.mark.parametrize("mult", [1 + 1e-8, 1.00001, 1.01, 1.37, 9.9])
def test_restarts_for_any_mult_against_sixty_digits(mult):
    with decimal.localcontext(prec=60):
        m = decimal.Decimal(mult)
        n, sums = 0, []
        while (total := 10 * (m**n - 1) / (m - 1)) < 10**6:
            sums.append(total)
            n += 1 + len(sums) // 20 * (mult < 1.1)  # growing jumps where there are many
    assert len(sums) > 5
    for total in sums:
        start = math.floor(total + decimal.Decimal("0.5"))
        assert schedules._cycle(start, 10, mult)[0] == start
        assert start == 0 or schedules._cycle(start - 1, 10, mult)[1] == start


def test_far_out():
    assert schedules._cycle(2**31 - 2, 1, 1) == (2**31 - 2, 2**31 - 1)
    assert schedules._cycle(2**31 - 2, 1, 2) == (2**30 - 1, 2**31 - 1)
    assert schedules._cycle(2**30 - 1, 1, 2) == (2**30 - 1, 2**31 - 1)
    assert schedules._cycle(2**30 - 2, 1, 2) == (2**29 - 1, 2**30 - 1)


@relaxed
@given(st.integers(1, 1000), st.integers(8, 40), st.floats(0, 1))
def test_sgdr_restarts_at_the_sums_of_its_periods(period, eighths, final):
    """Eighths, so that all sums are exact."""
    mult = eighths / 8
    lr = sgdr(period=period, mult=mult, final=final)
    for s in itertools.islice(restarts(period, mult, 10**6), 12):
        assert lr(s + 1) == 1
        assert final <= lr(s) <= 1  # the step before
        assert period < 5 or final > 0.9 or lr(s) < 1 or s == 0


@relaxed
@given(st.integers(1, 1000), st.floats(1, 100), st.floats(0, 1), st.integers(1, 10**6))
def test_the_first_cycle_of_sgdr_is_cosine_and_all_lie_between(period, mult, final, t):
    lr = sgdr(period=period, mult=mult, final=final)
    assert final <= lr(t) <= 1
    first = np.arange(1, period + 1)
    np.testing.assert_array_equal(lr(first), cosine(steps=period, final=final)(first))


# Laws.

shares = st.floats(0, 1)
counts = st.integers(1, 10**5)
places = st.integers(1, 10**6) | st.floats(1, 1e6)


@relaxed
@given(counts, shares, places, places)
@pytest.mark.parametrize("decay", [cosine, linear_decay])
def test_decays_fall_from_1_to_final_and_stay(decay, steps, final, t, later):
    lr = decay(steps=steps, final=final)
    t, later = sorted((t, later))
    assert lr(1) == 1
    assert 1 >= lr(t) >= lr(later) - 1e-15 >= final - 1e-15
    assert lr(steps + 1) == lr(steps + 2) == lr(steps + later) == final
    if final < 0.9 and steps < 1000:
        assert lr(steps) > final


@relaxed
@given(counts, shares, places)
def test_triangular_is_symmetric_and_between_low_and_1(period, low, t):
    lr = triangular(period=period, low=low)
    assert low <= lr(t) <= 1
    assert lr(1) == lr(1 + period) == lr(1 + 7 * period) == low
    assert lr(1 + period / 2) == 1
    inside = t % period
    assert lr(1 + inside) == pytest.approx(lr(1 + period - inside), abs=1e-12)


@relaxed
@given(counts, st.integers(1, 50), places)
def test_cyclical_lies_between_0_and_1_and_returns(steps, cycles, t):
    f = cyclical(steps=steps, cycles=cycles)
    assert 0 <= f(t) <= 1
    assert f(1) == 1
    assert f(1 + steps) == pytest.approx(1, abs=1e-12)
    assert f(1 + steps / cycles / 2) == pytest.approx(0, abs=1e-12)
    half = cyclical(steps=steps, cycles=0.5)
    assert half(1 + t % steps) == pytest.approx(cosine(steps=steps)(1 + t % steps), abs=1e-12)


@relaxed
@given(counts, places)
def test_warm_up_rises_by_equal_steps_to_1(steps, t):
    lr = linear_warmup(steps=steps)
    assert lr(1) == 1 / steps
    assert lr(steps) == lr(steps + 1) == lr(steps + t) == 1
    assert 0 < lr(t) <= 1
    if steps > 1:
        assert lr(steps - 1) < 1


@relaxed
@given(st.integers(1, 4096), st.integers(1, 20000), places)
def test_noam_peaks_at_the_end_of_its_warm_up(d_model, warmup, t):
    lr = noam(d_model, warmup)
    peak = (d_model * warmup) ** -0.5
    assert lr(warmup) == pytest.approx(peak, rel=1e-14)
    assert 0 < lr(t) <= peak * (1 + 1e-14)
    scaled = peak * math.sqrt(warmup)
    assert lr(t) == pytest.approx(scaled * min(1 / math.sqrt(t), t / warmup**1.5), rel=1e-13)


@relaxed
@given(st.floats(0, 1e6), places)
def test_a_number_times_a_schedule(number, t):
    lr = cosine(steps=1000, final=0.1)
    assert (number * lr)(t) == (lr * number)(t) == number * lr(t)
    assert (number * lr * lr)(t) == number * lr(t) * lr(t)


@relaxed
@given(counts, places)
def test_a_sequence_is_its_parts(steps, t):
    first, second = linear_decay(steps=77), triangular(period=10)
    lr = sequence(first, steps, second)
    assert lr(t) == (first(t) if t <= steps else second(t - steps))
    assert lr(steps + 1) == second(1)


@relaxed
@given(st.integers(1, 300), st.floats(0.01, 0.99), st.integers(0, 200), st.integers(0, 299))
def test_step_decay_counts_whole_stretches(every, factor, stretches, more):
    t = 1 + stretches * every + more % every
    for kind in (int, float, np.int64, np.float64):
        assert step_decay(every=every, factor=factor)(kind(t)) == pytest.approx(factor**stretches)


def test_powers_of_a_whole_factor_do_not_overflow_in_integer_arrays():
    for build in (exponential(factor=3), step_decay(every=1, factor=3)):
        for steps in (np.arange(1, 101), torch.arange(1, 101, dtype=torch.float64).numpy()):
            np.testing.assert_allclose(build(steps), 3.0 ** np.arange(100), rtol=1e-13)
        assert build(torch.tensor(51)).item() == pytest.approx(3.0**50)


@every_sample
def test_before_the_first_step_it_has_the_first_value(lr):
    assert lr(0) == lr(-1000) == lr(0.5) == lr(1)
    np.testing.assert_array_equal(lr(np.arange(-3, 2)), lr(np.ones(5)))


# Array libraries.


@every_sample
def test_an_array_of_steps_gives_the_values_one_by_one(lr):
    one_by_one = [lr(t) for t in range(1, 501)]
    assert {type(value) for value in one_by_one} <= {int, float}
    # pow and cos of NumPy and of math may differ in the last bit
    for t in (
        T[:500],
        T[:500].astype(float),
        T[:500].reshape(20, 25),
        list(map(np.int64, T[:500])),
    ):
        found = np.array([lr(s) for s in t]) if isinstance(t, list) else lr(t)
        assert np.shape(found) == np.shape(t)
        np.testing.assert_allclose(np.ravel(found), one_by_one, rtol=1e-13, atol=1e-15)


@every_sample
def test_torch_steps_give_torch_values(lr):
    expected = [lr(t) for t in range(1, 501)]
    double = torch.arange(1, 501, dtype=torch.float64)
    found = lr(double)
    assert isinstance(found, torch.Tensor) and found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-13, atol=1e-15)
    for t in (1, 3, 17, 200):  # 0-d, as an optimizer counts
        np.testing.assert_allclose(lr(double[t - 1]).item(), expected[t - 1], rtol=1e-13)
        for dtype in (torch.int64, torch.float32):
            found = lr(torch.tensor(t, dtype=dtype))
            assert found.shape == ()
            np.testing.assert_allclose(found.item(), expected[t - 1], rtol=1e-5, atol=1e-6)


def test_torch_compiles_it_as_one_graph():
    lr = 0.1 * sequence(linear_warmup(steps=4), 4, sgdr(period=3, mult=2))
    compiled = torch.compile(lr, backend="eager", fullgraph=True)
    for t in range(1, 30):
        step = torch.tensor(t, dtype=torch.float64)
        torch.testing.assert_close(compiled(step), lr(step), rtol=0, atol=0)


def test_schedules_need_no_torch():
    code = (
        "import sys, numpy as np; from adamtut.schedules import *\n"
        "lr_lambda(0.1 * sequence(cosine(steps=3), 3, sgdr(period=5, mult=2)))(np.arange(9))\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# What is built.

SIGNATURES = {
    "constant": "(value)",
    "inverse_sqrt": "()",
    "step_decay": "(*, every, factor=0.1)",
    "exponential": "(*, factor)",
    "linear_warmup": "(*, steps)",
    "linear_decay": "(*, steps, final=0.0)",
    "cosine": "(*, steps, final=0.0)",
    "cyclical": "(*, steps, cycles)",
    "sgdr": "(*, period, mult=1, final=0.0)",
    "triangular": "(*, period, low=0.0)",
    "noam": "(d_model, warmup)",
    "product": "(first, second)",
    "sequence": "(first, steps, second)",
}


def test_the_signature_shows_the_settings():
    assert {name: str(inspect.signature(build)) for name, build in BUILDERS.items()} == SIGNATURES


@every_sample
def test_copies_are_equal_and_the_repr_builds_it(lr):
    for other in (pickle.loads(pickle.dumps(lr)), copy.deepcopy(lr), copy.copy(lr)):
        assert other == lr and hash(other) == hash(lr) and other(17) == lr(17)
    assert eval(repr(lr), dict(vars(schedules))) == lr
    assert [other for other in SAMPLES if other == lr] == [lr]


def test_repr():
    texts = [
        "0.1 * sgdr(period=50, mult=2)",
        "linear_warmup(steps=10) * inverse_sqrt()",
        "2 * (cosine(steps=3) * constant(value=0.5))",
        "sequence(first=constant(value=1), steps=3, second=noam(d_model=3, warmup=4))",
    ]
    for text in texts:
        assert repr(eval(text, dict(vars(schedules)))) == text


def test_defaults_and_numpy_numbers_make_no_difference():
    assert sgdr(period=50) == sgdr(period=np.int64(50), mult=1.0, final=np.float64(0))
    assert repr(np.float64(0.5) * cosine(steps=np.int32(9))) == "0.5 * cosine(steps=9)"
    assert cosine(steps=9) != cosine(steps=10) != linear_decay(steps=10)
    assert cosine(steps=9) != 1


def test_it_cannot_be_changed():
    with pytest.raises(AttributeError):
        cosine(steps=9).settings = ()


def test_a_schedule_of_ones_own():
    @schedule
    def sawtooth(t, *, width):
        """Down and down."""
        return 1 - (t - 1) % width / width

    assert sawtooth.__doc__ == "Down and down."
    assert repr(0.1 * sawtooth(width=4)) == "0.1 * sawtooth(width=4)"
    assert (0.5 * sawtooth(width=4))(np.arange(1, 7)).tolist() == [
        0.5,
        0.375,
        0.25,
        0.125,
        0.5,
        0.375,
    ]


ERRORS = {
    "cosine(steps=0)": "steps must be a whole number from 1 to 2**31 - 1, got 0",
    "cosine(steps=2.5)": "steps must be a whole number from 1 to 2**31 - 1, got 2.5",
    "cosine(steps=2**31)": "steps must be a whole number from 1 to 2**31 - 1, got 2147483648",
    "cosine(steps=float('inf'))": "steps must be a whole number from 1 to 2**31 - 1, got inf",
    "cosine(steps=True)": "steps must be a whole number from 1 to 2**31 - 1, got True",
    "cosine(steps='9')": "steps must be a whole number from 1 to 2**31 - 1, got '9'",
    "linear_warmup(steps=-1)": "steps must be a whole number from 1 to 2**31 - 1, got -1",
    "sgdr(period=0.5)": "period must be a whole number from 1 to 2**31 - 1, got 0.5",
    "sgdr(period=5, mult=0.9)": "mult must be a number from 1 to 2**31, got 0.9",
    "sgdr(period=5, mult=1e300)": "mult must be a number from 1 to 2**31, got 1e+300",
    "sgdr(period=5, mult=10**400)": f"mult must be a number from 1 to 2**31, got {10**400}",
    "sgdr(period=5, final=1.1)": "final must be a number from 0 to 1, got 1.1",
    "cosine(steps=5, final=-0.1)": "final must be a number from 0 to 1, got -0.1",
    "linear_decay(steps=5, final=float('nan'))": "final must be a number from 0 to 1, got nan",
    "triangular(period=5, low=2)": "low must be a number from 0 to 1, got 2",
    "triangular(period=None)": "period must be a whole number from 1 to 2**31 - 1, got None",
    "step_decay(every=0)": "every must be a whole number from 1 to 2**31 - 1, got 0",
    "step_decay(every=5, factor=0)": "factor must be a finite number above 0, got 0",
    "exponential(factor=float('inf'))": "factor must be a finite number above 0, got inf",
    "cyclical(steps=5, cycles=0)": "cycles must be a finite number above 0, got 0",
    "noam(0, 4000)": "d_model must be a whole number from 1 to 2**31 - 1, got 0",
    "noam(512, 1.5)": "warmup must be a whole number from 1 to 2**31 - 1, got 1.5",
    "constant(-0.1)": "value must be a finite number of 0 or more, got -0.1",
    "constant(1j)": "value must be a finite number of 0 or more, got 1j",
    "-0.1 * inverse_sqrt()": (
        "first must be a schedule, or a finite number of 0 or more, got -0.1"
    ),
    "inverse_sqrt() * cosine": (
        "second must be a schedule, or a finite number of 0 or more, got <function cosine"
    ),
    "np.array([0.1, 0.2]) * inverse_sqrt()": (
        "first must be a schedule, or a finite number of 0 or more, got array([0.1, 0.2])"
    ),
    "torch.tensor(0.1) * inverse_sqrt()": (
        "first must be a schedule, or a finite number of 0 or more, got tensor(0.1000)"
    ),
    "sequence(1, 0, inverse_sqrt())": "steps must be a whole number from 1 to 2**31 - 1, got 0",
}


@pytest.mark.parametrize("text", ERRORS)
def test_settings_are_checked_when_it_is_built(text):
    with pytest.raises(ValueError, match=re.escape(ERRORS[text])):
        eval(text, dict(vars(schedules), np=np, torch=torch))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cosine(), "cosine(*, steps, final=0.0): missing a required argument: 'steps'"),
        (lambda: cosine(100), "cosine(*, steps, final=0.0): too many positional arguments"),
        (lambda: sgdr(period=2, steps=3), "final=0.0): got an unexpected keyword argument 'steps'"),
    ],
)
def test_wrong_names_are_named(call, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        call()


def test_the_ends_of_the_ranges_are_allowed():
    assert cosine(steps=1, final=1)(5) == 1
    assert sgdr(period=1, mult=2**31, final=0)(2) == 1
    assert (0 * inverse_sqrt())(4) == constant(0)(4) == 0
    assert cosine(steps=1e2) == cosine(steps=100)


# Faults.


def differs(name, formula):
    """Does a changed formula fail the comparison with torch, or fail at all?"""
    build = schedule(formula)
    try:
        for i, (chosen, _, _) in enumerate(TORCH[name]):
            expected = torch_rates(name, i)
            with np.errstate(all="ignore"):
                found = build(**chosen)(T)
                error = np.abs(found - expected).max()
                last = abs(build(**chosen)(STEPS) - expected[-1])
            if np.shape(found) != T.shape or not max(error, last) <= CHAINED * expected.max():
                return True
    except Exception:  # a fault may fail in any way; that too is noticed
        return True
    return False


def formula_mutants(function):
    """Mutants of a function without its decorator; line 2 is the first below `def`."""
    tree = ast.parse(inspect.getsource(function))
    tree.body[0].decorator_list = []
    if ast.get_docstring(tree.body[0]):
        del tree.body[0].body[0]
    tree = ast.parse(ast.unparse(tree))
    more = {ast.FloorDiv: [ast.Div, ast.Mult], ast.Mod: [ast.Div, ast.FloorDiv]}
    with mock.patch.dict(SWAPS, more):
        trees = list(changed_trees(tree))
    for text, changed in trees:
        namespace = dict(vars(schedules))
        exec(compile(ast.fix_missing_locations(changed), "<mutant>", "exec"), namespace)
        yield text, namespace[function.__name__]


# Survivors that are no faults, with the reason.
EQUIVALENT = {
    "constant": {"line 2: value + 0 * t with Sub", "line 2: 0 * t with Div"},  # 0 all the same
    "step_decay": {"line 2: 1 → 0.5"},  # half a step later, and steps are whole
    "cyclical": {"line 2: 2 → -2"},  # the cosine is even
    "sgdr": {"line 2: 1 → 0.5"},  # as in step_decay: the same cycle
    "_cycle": {
        # more leaps than are needed
        "line 4: 31 → 32",
        "line 5: 31 → 32",
        "line 5: 2 → 3",
        "line 5: period * leap with Add",
        "line 9: period + 0.0 * s with Sub",  # 0 all the same
    },
}


@pytest.mark.parametrize("name", BUILDERS)
def test_every_mutant_of_a_formula_is_killed(name):
    assert not differs(name, BUILDERS[name].__wrapped__)
    made = list(formula_mutants(BUILDERS[name]))
    assert len(made) >= 3
    survivors = {text for text, mutant in made if not differs(name, mutant)}
    assert survivors == EQUIVALENT.get(name, set())


# Period, mult, a step → first step of its cycle and of the next.
FAR = {
    (1, 1, 2**31 - 2): (2**31 - 2, 2**31 - 1),
    (1, 2, 2**31 - 2): (2**30 - 1, 2**31 - 1),
    (7, 1, 7 * 10**8): (7 * 10**8, 7 * 10**8 + 7),
    (1, 46341, 46342): (46342, 46342 + 46341**2),
}


def cycle_differs():
    """Does the search for the cycle go wrong, near or far out?"""
    near = np.arange(20000)
    try:
        for (period, mult, s), expected in FAR.items():
            if schedules._cycle(s, period, mult) != expected:
                return True
        for period, mult in [(1, 2), (7, 3), (1000, 1), (13, 1.5), (7, 1.3), (15, 1.1)]:
            begins = np.array(list(restarts(period, mult, 10**6)))
            n = np.searchsorted(begins, near, side="right")
            expected = np.stack([begins[n - 1], begins[n]])
            for kind in (np.asarray, lambda s: torch.tensor(s, dtype=torch.float64)):
                found = schedules._cycle(kind(near), period, mult)
                same_type = {a.dtype for a in found} <= {np.dtype(float), torch.float64}
                if not same_type or not np.array_equal(np.stack(found), expected):
                    return True
    except Exception:  # as above
        return True
    return False


@pytest.mark.thorough
def test_every_mutant_of_the_search_for_the_cycle_is_killed(monkeypatch):
    assert not cycle_differs()
    survivors = {"_cycle": set(), "_nearest": set()}
    for name, found in survivors.items():
        for text, mutant in formula_mutants(getattr(schedules, name)):
            monkeypatch.setattr(schedules, name, mutant)
            if not cycle_differs():
                found.add(text)
        monkeypatch.undo()
    assert survivors == {"_cycle": EQUIVALENT["_cycle"], "_nearest": set()}


def test_every_mutant_of_the_count_from_0_is_killed():
    lr = cosine(steps=9)
    for text, mutant in formula_mutants(schedules._from_0):
        try:
            assert [mutant(lr, s) for s in range(9)] != [lr(s) for s in range(1, 10)], text
        except TypeError:  # a name for a number
            continue


# What people get wrong: the fault → the formula it is in, and that formula with it.


def cosine_of_cycle(start, length, s, final):
    return final + (1 - final) * 0.5 * (1 + np.cos(np.pi * (s - start) / length))


def sgdr_by_table(shift):
    """SGDR that looks its cycle up in a table, for the step `shift` later."""

    def formula(t, *, period, mult=1, final=0.0):
        begins = np.array(list(restarts(period, mult, 4 * STEPS)))
        n = np.maximum(1, np.searchsorted(begins, t - 1 + shift, side="right"))
        return cosine_of_cycle(begins[n - 1], begins[n] - begins[n - 1], t - 1, final)

    return formula


def sgdr_by_logarithm(t, *, period, mult=1, final=0.0):
    if mult == 1:
        return sgdr.__wrapped__(t, period=period, final=final)
    n = np.floor(np.log(1 + (t - 1) / period * (mult - 1)) / np.log(mult))
    start = period * (mult**n - 1) / (mult - 1)
    return cosine_of_cycle(start, period * mult**n, t - 1, final)


FAULTS = {
    "warm-up from 0": ("linear_warmup", lambda t, *, steps: np.minimum(1, (t - 1) / steps)),
    "warm-up for ever": ("linear_warmup", lambda t, *, steps: t / steps),
    "max for min in warm-up": ("linear_warmup", lambda t, *, steps: np.maximum(1, t / steps)),
    "max for min in noam": (
        "noam",
        lambda t, d_model, warmup: d_model**-0.5 * np.maximum(t**-0.5, t * warmup**-1.5),
    ),
    "noam without the model": (
        "noam",
        lambda t, d_model, warmup: np.minimum(t**-0.5, t * warmup**-1.5),
    ),
    "cosine without one half": (
        "cosine",
        lambda t, *, steps, final=0.0: (
            final + (1 - final) * (1 + np.cos(np.pi * np.minimum(1, (t - 1) / steps)))
        ),
    ),
    "cosine that rises again": (
        "cosine",
        lambda t, *, steps, final=0.0: cosine_of_cycle(0, steps, t - 1, final),
    ),
    "cosine of a whole wave": (
        "cosine",
        lambda t, *, steps, final=0.0: cosine_of_cycle(
            0, steps / 2, np.minimum(steps, t - 1), final
        ),
    ),
    "final added, not mixed in": (
        "cosine",
        lambda t, *, steps, final=0.0: final + cosine.__wrapped__(t, steps=steps),
    ),
    "half waves in cyclical": (
        "cyclical",
        lambda t, *, steps, cycles: 0.5 * (1 + np.cos(np.pi * cycles * (t - 1) / steps)),
    ),
    "period of triangular is half of it": (
        "triangular",
        lambda t, *, period, low=0.0: triangular.__wrapped__(t, period=2 * period, low=low),
    ),
    "triangular upside down": (
        "triangular",
        lambda t, *, period, low=0.0: triangular.__wrapped__(
            t + period / 2, period=period, low=low
        ),
    ),
    "sgdr restarts one step late": ("sgdr", sgdr_by_table(-1)),
    "sgdr restarts one step early": ("sgdr", sgdr_by_table(1)),
    "sgdr by a rounded logarithm": ("sgdr", sgdr_by_logarithm),
    "mult forgotten": (
        "sgdr",
        lambda t, *, period, mult=1, final=0.0: sgdr.__wrapped__(t, period=period, final=final),
    ),
    "steps not whole in step decay": (
        "step_decay",
        lambda t, *, every, factor=0.1: factor ** ((t - 1) / every),
    ),
    "the second of a sequence counts on": (
        "sequence",
        lambda t, first, steps, second: np.where(
            t <= steps, first(np.minimum(steps, t)), second(t)
        ),
    ),
    "the second of a sequence one step late": (
        "sequence",
        lambda t, first, steps, second: np.where(
            t <= steps, first(np.minimum(steps, t)), second(t - steps - 1)
        ),
    ),
    "the first of a sequence one step longer": (
        "sequence",
        lambda t, first, steps, second: np.where(
            t <= steps + 1, first(np.minimum(steps + 1, t)), second(t - steps)
        ),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_classic_faults_are_killed(fault):
    assert differs(*FAULTS[fault])


@pytest.mark.parametrize("name", sorted(BUILDERS.keys() - {"constant"}))
@pytest.mark.parametrize("shift", [-1, 1])
def test_one_step_early_or_late_is_killed(name, shift):
    @functools.wraps(BUILDERS[name].__wrapped__)
    def shifted(t, **settings):
        return BUILDERS[name].__wrapped__(t + shift, **settings)

    assert differs(name, shifted)


def test_the_frame_of_the_faults_is_itself_right():
    assert not differs("sgdr", sgdr_by_table(0))
