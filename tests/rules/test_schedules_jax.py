"""Schedules of JAX steps, traced and not: JAX's single precision, the same restarts."""

import jax
import numpy as np
import pytest

from adamtut import schedules
from adamtut.schedules import (
    constant,
    cosine,
    cyclical,
    exponential,
    inverse_sqrt,
    linear_decay,
    linear_warmup,
    noam,
    sequence,
    sgdr,
    step_decay,
    triangular,
)

SAMPLES = [
    constant(0.3),
    inverse_sqrt(),
    step_decay(every=30, factor=0.5),
    exponential(factor=0.99),
    linear_warmup(steps=40),
    linear_decay(steps=400, final=0.1),
    cosine(steps=400, final=0.1),
    cyclical(steps=500, cycles=5),
    sgdr(period=50),
    sgdr(period=7, mult=2, final=0.01),
    sgdr(period=10, mult=1.5),
    triangular(period=40, low=0.1),
    noam(512, 100),
    0.1 * (linear_warmup(steps=100) * inverse_sqrt()),
    sequence(linear_warmup(steps=100), 100, cosine(steps=200)),
]
every_sample = pytest.mark.parametrize("lr", SAMPLES, ids=repr)


@every_sample
def test_traced_steps_one_by_one(lr):
    compiled = jax.jit(lr)
    for t in (0, 1, 2, 7, 8, 21, 22, 40, 41, 99, 100, 101, 102, 300, 301, 450):
        for step in (t, float(t)):
            found = compiled(step)
            assert isinstance(found, jax.Array) and found.shape == ()
            np.testing.assert_allclose(found, lr(t), rtol=1e-5, atol=1e-6)
    assert compiled._cache_size() == 2  # one graph for whole steps, one for floats


@every_sample
def test_an_array_of_steps(lr):
    steps = np.arange(1, 501)
    found = lr(jax.numpy.asarray(steps))
    assert isinstance(found, jax.Array)
    np.testing.assert_allclose(found, lr(steps), rtol=1e-5, atol=2e-6)
    np.testing.assert_array_equal(jax.vmap(lr)(jax.numpy.asarray(steps)) > 0.05, found > 0.05)


@pytest.mark.parametrize(("period", "mult"), [(1, 1), (7, 1), (1, 2), (50, 2), (1, 3), (10, 7)])
def test_restarts_of_a_million_steps(period, mult):
    steps = np.arange(10**6, dtype=np.int32)
    found = jax.jit(lambda s: schedules._cycle(s, period, mult))(steps)
    np.testing.assert_array_equal(found, schedules._cycle(steps, period, mult))


def test_the_longest_settings_fit():
    for lr in (sgdr(period=2**31 - 1, mult=2**31), sgdr(period=1, mult=2**31)):
        np.testing.assert_allclose(jax.jit(lr)(3), lr(3), rtol=1e-6)
    assert jax.jit(cosine(steps=2**31 - 1))(1) == 1
    assert jax.jit(step_decay(every=2**31 - 1))(5) == 1
