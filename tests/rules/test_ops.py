"""The functions of `ops` on Python numbers, NumPy and torch: the same values, the same library."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from adamtut import ops

# Python, NumPy scalars (two widths), 0-d, vectors, torch; each from one number or from two.
MAKERS = {
    "float": lambda values: values[0],
    "float64": lambda values: np.float64(values[0]),
    "float32": lambda values: np.float32(values[0]),
    "0-d": lambda values: np.array(values[0]),
    "array": lambda values: np.array(values),
    "float32 array": lambda values: np.array(values, np.float32),
    "0-d tensor": lambda values: torch.tensor(values[0]),
    "tensor": lambda values: torch.tensor(values, dtype=torch.float64),
}
every_kind = pytest.mark.parametrize("kind", MAKERS)


def same(found, kind, values):
    """Equal values, in the library and the dtype that `kind` stands for."""
    expected = MAKERS[kind](values)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    if kind == "float":
        assert isinstance(found, int | float) and not isinstance(found, np.generic)
    else:
        assert found.dtype == expected.dtype
        assert isinstance(found, torch.Tensor) == isinstance(expected, torch.Tensor)


@every_kind
def test_sqrt(kind):
    same(ops.sqrt(MAKERS[kind]([9.0, 0.25])), kind, [3.0, 0.5])
    same(ops.sqrt(MAKERS[kind]([0.0, 0.0])), kind, [0.0, 0.0])


@every_kind
@pytest.mark.parametrize(
    ("x", "expected"),
    [([2.0, -2.0], [1.0, -1.0]), ([-0.5, 0.0], [-1.0, 0.0]), ([0.0, 7.0], [0, 1])],
)
def test_sign(kind, x, expected):
    same(ops.sign(MAKERS[kind](x)), kind, [float(e) for e in expected])


@every_kind
def test_maximum_of_two_of_a_kind(kind):
    make = MAKERS[kind]
    same(ops.maximum(make([1.0, 5.0]), make([2.0, 3.0])), kind, [2.0, 5.0])
    same(ops.maximum(make([3.0, 5.0]), make([2.0, 6.0])), kind, [3.0, 6.0])


@every_kind
def test_maximum_with_a_number_first(kind):
    """As a state starts: `maximum(0.0, v)`."""
    make = MAKERS[kind]
    same(ops.maximum(0.0, make([2.0, -1.0])), kind, [2.0, 0.0])
    same(ops.maximum(0.0, make([-3.0, 4.0])), kind, [0.0, 4.0])


@every_kind
def test_minimum(kind):
    make = MAKERS[kind]
    same(ops.minimum(make([1.0, 5.0]), make([2.0, 3.0])), kind, [1.0, 3.0])
    same(ops.minimum(make([3.0, 5.0]), make([2.0, 6.0])), kind, [2.0, 5.0])
    same(ops.minimum(1.0, make([2.0, -1.0])), kind, [1.0, -1.0])
    same(ops.minimum(1.0, make([-3.0, 4.0])), kind, [-3.0, 1.0])


@every_kind
def test_the_number_may_come_last(kind):
    """As somebody clips: `maximum(v, 0.0)`."""
    make = MAKERS[kind]
    same(ops.maximum(make([2.0, -1.0]), 0.0), kind, [2.0, 0.0])
    same(ops.maximum(make([-3.0, 4.0]), 0.0), kind, [0.0, 4.0])
    same(ops.minimum(make([2.0, -1.0]), 1), kind, [1.0, -1.0])
    same(ops.minimum(make([-3.0, 4.0]), 1), kind, [-3.0, 1.0])


@every_kind
def test_what_is_no_number_stays_none(kind):
    """Python's own `max(0.0, nan)` is 0, and a run that went wrong would go on."""
    make, nan = MAKERS[kind], [math.nan, math.nan]
    for function in (ops.maximum, ops.minimum):
        for x, y in [(make(nan), make([1.0, 2.0])), (make([1.0, 2.0]), make(nan))]:
            same(function(x, y), kind, nan)
        same(function(0.0, make(nan)), kind, nan)
        same(function(make(nan), 0.0), kind, nan)


@every_kind
def test_cos(kind):
    same(ops.cos(MAKERS[kind]([0.0, 0.0])), kind, [1.0, 1.0])
    found = np.asarray(ops.cos(MAKERS[kind]([math.pi / 3, math.pi])))
    np.testing.assert_allclose(found, np.asarray(MAKERS[kind]([0.5, -1.0])), rtol=1e-6)


@every_kind
def test_floor(kind):
    same(ops.floor(MAKERS[kind]([2.5, -2.5])), kind, [2.0, -3.0])
    same(ops.floor(MAKERS[kind]([-0.5, 3.0])), kind, [-1.0, 3.0])


@every_kind
def test_where_with_a_python_bool(kind):
    make = MAKERS[kind]
    same(ops.where(True, make([1.0, 2.0]), make([3.0, 4.0])), kind, [1.0, 2.0])
    same(ops.where(False, make([1.0, 2.0]), make([3.0, 4.0])), kind, [3.0, 4.0])


@every_kind
def test_where_with_a_condition_of_its_own_kind(kind):
    make = MAKERS[kind]
    x, y = make([1.0, 2.0]), make([3.0, -4.0])
    same(ops.where(x > y, x, y), kind, [3.0, 2.0])
    same(ops.where(x < y, x, y), kind, [1.0, -4.0])


def test_where_with_an_array_chooses_between_numbers_too():
    np.testing.assert_array_equal(ops.where(np.array([True, False]), 1.0, 2.0), [1.0, 2.0])
    chosen = ops.where(torch.tensor([True, False]), 1.0, 2.0)
    assert isinstance(chosen, torch.Tensor) and chosen.tolist() == [1.0, 2.0]


def test_integers_are_python_numbers():
    assert ops.sqrt(9) == 3.0
    assert ops.maximum(2, 3) == 3
    assert ops.minimum(2, 3) == 2
    assert ops.sign(-7) == -1


def test_namespace_finds_the_library():
    assert ops.namespace(np.ones(2)) is np
    assert ops.namespace(np.float32(1)) is np
    assert ops.namespace(torch.ones(2)) is torch
    assert ops.namespace(1.0).sqrt is math.sqrt


def test_torch_gradients_flow_through():
    x = torch.tensor([4.0, -1.0], dtype=torch.float64, requires_grad=True)
    (ops.sqrt(ops.maximum(1.0, x)) + ops.where(x > 0, 3 * x, x)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [0.25 + 3, 1.0])


def test_what_is_no_array_is_named_without_torch_too():
    code = "from adamtut import ops\ntry: ops.sqrt([4.0])\nexcept TypeError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "expected a number or an array, got [4.0]\n"


def test_numpy_needs_no_torch():
    code = (
        "import sys, numpy as np; from adamtut import ops; x = np.float32([1, -2])\n"
        "ops.where(np.float64(1) > 0, ops.sign(x), ops.maximum(0.0, ops.sqrt(x * x)))\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
