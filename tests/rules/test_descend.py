"""The contract of `descend` and `iterate`: paths, dtypes, schedules, and every refusal."""

import functools
import inspect
import itertools

import numpy as np
import pytest

from adamtut import descend, iterate, problems, rules

RULES = ["gd", "momentum", "ema_momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam"]
quiet = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # overflow, before it is refused


def double(x):
    return 2 * x


def take(points, count):
    return list(itertools.islice(points, count))


# Paths.


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,)])
def test_a_path_has_the_start_first_and_one_point_per_step(name, shape):
    start = np.full(shape, 1.5)
    path = descend(getattr(rules, name), double, start, lr=0.1, steps=4)
    assert path.shape == (5, *shape)
    np.testing.assert_array_equal(path[0], start)
    assert (np.abs(path[-1]) < 1.5).all()


def test_no_steps_give_the_start_alone():
    def untouched(x):
        raise AssertionError("no gradient is needed")

    np.testing.assert_array_equal(descend(rules.adam, untouched, [1, 2], 0.1, 0), [[1.0, 2.0]])


def test_a_path_by_hand():
    """f = x², lr = 1/4: each step halves x."""
    np.testing.assert_array_equal(descend(rules.gd, double, 8.0, 0.25, 3), [8.0, 4.0, 2.0, 1.0])


def test_the_number_of_steps_may_be_a_numpy_integer():
    assert len(descend(rules.gd, double, 8.0, 0.25, np.int32(3))) == 4


def test_a_rate_of_zero_stands_still():
    np.testing.assert_array_equal(descend(rules.adam, double, 8.0, 0.0, 2), [8.0, 8.0, 8.0])


def test_iterate_yields_the_points_of_descend():
    settings = {"lr": lambda t: 0.5 / t, "weight_decay": 0.1, "l2": 0.2, "betas": (0.8, 0.9)}
    points = take(iterate(rules.adam, double, [1.0, -2.0], **settings), 6)
    path = descend(rules.adam, double, [1.0, -2.0], steps=5, **settings)
    np.testing.assert_array_equal(points, path)


@pytest.mark.parametrize("name", RULES)
def test_a_stack_of_runs_is_the_runs_one_by_one(name):
    """One rate for each of many runs in one array."""
    rule, problem = getattr(rules, name), problems.ravine
    starts = np.array([[-5.0, 2.0], [1.0, 1.0], [0.5, -2.0]])
    rates = np.array([0.01, 0.05, 0.2])
    paths = descend(rule, problem.grad, starts, rates[:, None], 20)
    for run, (start, lr) in enumerate(zip(starts, rates, strict=True)):
        alone = descend(rule, problem.grad, start, float(lr), 20)
        np.testing.assert_allclose(paths[:, run], alone, rtol=1e-12, atol=1e-12)


def test_a_rate_per_coordinate_may_be_a_list():
    np.testing.assert_array_equal(descend(rules.gd, double, [8.0, 8.0], [0.25, 0.0], 1)[1], [4, 8])


def test_a_schedule_is_called_with_t_from_1():
    seen = []

    def schedule(t):
        seen.append(t)
        return 1 / 2**t

    path = descend(rules.gd, lambda x: np.ones(()), 0.0, schedule, 3)
    assert seen == [1, 2, 3]
    np.testing.assert_array_equal(path, [0, -0.5, -0.75, -0.875])


def test_a_schedule_may_return_an_array():
    rates = np.array([[0.25], [0.0]])
    path = descend(rules.gd, double, np.ones((2, 3)), lambda t: rates / t, 1)
    np.testing.assert_array_equal(path[1], [[0.5] * 3, [1.0] * 3])


def test_the_rule_is_called_with_t_from_1_and_its_own_state():
    calls = []

    def count(g, t, n=0.0, *, add=1.0):
        calls.append((t, float(n)))
        return g, n + add

    descend(count, double, 1.0, 0.1, 3, add=2.0)
    assert calls == [(1, 0.0), (2, 2.0), (3, 4.0)]


# What may be a gradient.


class Streams:
    """Bound methods, with and without further arguments."""

    def plain(self, x):
        return 2 * x

    def optional(self, x, rows=None):
        assert rows is None
        return 2 * x

    def keyword(self, x, *, rows=None):
        assert rows is None
        return 2 * x

    def variadic(self, x, *args, **kwargs):
        assert not args and not kwargs
        return 2 * x

    def __call__(self, x):
        return 2 * x


@pytest.mark.parametrize(
    "grad",
    [
        double,
        Streams().plain,
        Streams().optional,
        Streams().keyword,
        Streams().variadic,
        Streams(),
        lambda x: [2 * float(a) for a in x],
        functools.partial(np.multiply, 2.0),
        np.vectorize(double),
    ],
)
def test_gradients_of_x(grad):
    np.testing.assert_array_equal(descend(rules.gd, grad, [8.0, -4.0], 0.25, 1)[1], [4, -2])


@pytest.mark.parametrize("grad", [np.negative, np.positive, np.asarray, np.cumsum])
def test_numpy_functions_with_optional_arguments_are_gradients(grad):
    np.testing.assert_array_equal(
        descend(rules.gd, grad, [8.0, -4.0], 1.0, 1)[1], np.array([8, -4]) - grad([8, -4])
    )


def test_a_gradient_without_a_signature_gets_x_alone():
    with pytest.raises(ValueError):
        inspect.signature(int)
    np.testing.assert_array_equal(descend(rules.gd, int, 8.5, 1.0, 1), [8.5, 0.5])


@pytest.mark.parametrize("form", ["function", "method", "positional only"])
def test_gradients_of_x_and_t(form):
    class Stream:
        def method(self, x, t):
            return x * 0 + t

    def positional(x, t, /):
        return x * 0 + t

    grad = {
        "function": lambda x, t: x * 0 + t,
        "method": Stream().method,
        "positional only": positional,
    }[form]
    path = descend(rules.gd, grad, 0.0, 1.0, 3)
    np.testing.assert_array_equal(path, [0, -1, -3, -6])


def test_the_gradient_is_taken_at_the_current_point():
    seen = []

    def grad(x):
        seen.append(x.copy())
        return 2 * x

    path = descend(rules.momentum, grad, [1.0, -2.0], 0.1, 3)
    np.testing.assert_array_equal(seen, path[:-1])


def test_integer_gradients_are_taken_as_numbers():
    path = descend(rules.adam, lambda x: np.array([3, -4]), [0.0, 0.0], 0.1, 1)
    np.testing.assert_allclose(path[1], [-0.1, 0.1])


# Decays and projection.


def test_l2_enters_the_gradient():
    found = descend(rules.adam, double, [1.0, -2.0], 0.1, 20, l2=0.5)
    expected = descend(rules.adam, lambda x: 2.5 * x, [1.0, -2.0], 0.1, 20)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_weight_decay_does_not_enter_the_gradient():
    """A gradient of 0: nothing but the decay, by the factor 1 - lr decay."""
    path = descend(rules.adam, np.zeros_like, [1.0, -2.0], 0.5, 3, weight_decay=0.5)
    np.testing.assert_allclose(path, np.multiply.outer(0.75 ** np.arange(4), [1.0, -2.0]))


def test_the_rate_multiplies_the_decay():
    path = descend(rules.gd, np.zeros_like, 1.0, lambda t: 1 / t, 2, weight_decay=0.5)
    np.testing.assert_allclose(path, [1.0, 0.5, 0.375])


def test_project_maps_every_point_but_the_start():
    def box(x):
        return x.clip(-1, 1)

    path = descend(rules.gd, lambda x: -np.ones(2), [-3.0, 0.0], 0.75, 3, project=box)
    np.testing.assert_array_equal(path, [[-3.0, 0.0], [-1.0, 0.75], [-0.25, 1.0], [0.5, 1.0]])


# Dtypes.


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (2,)])
def test_floats_keep_their_dtype(name, dtype, shape):
    """Whatever the gradient, the rates and the projection are."""
    path = descend(
        getattr(rules, name),
        lambda x: np.asarray(2 * x, dtype=np.float64),
        np.ones(shape, dtype),
        lambda t: np.float64(0.1),
        3,
        weight_decay=0.1,
        l2=0.1,
        project=lambda x: np.asarray(x, np.float64),
    )
    assert path.dtype == dtype


@pytest.mark.parametrize("start", [3, [3, -2], np.array([3, 2], np.uint8), np.int16(3)])
def test_integers_become_float64(start):
    path = descend(rules.gd, double, start, 0.25, 1)
    assert path.dtype == np.float64
    np.testing.assert_array_equal(path[1], np.asarray(start) / 2)


@pytest.mark.parametrize(
    ("start", "named"),
    [
        (True, "dtype bool"),
        ([True, False], "dtype bool"),
        (1j, "dtype complex128"),
        (np.array([1, None]), "dtype object"),
        ("one", "dtype <U3"),
        (None, "dtype object"),
    ],
)
def test_a_start_that_holds_no_real_numbers_is_refused(start, named):
    with pytest.raises(TypeError, match=f"x must hold real numbers .*got {named}"):
        descend(rules.gd, double, start, 0.1, 1)


def test_a_torch_tensor_is_refused_with_what_to_pass():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"torch tensor.*pass x\.numpy\(\)"):
        descend(rules.gd, double, torch.ones(2), 0.1, 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_start_that_is_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match=r"x at the start is not finite.*finite start point"):
        descend(rules.gd, double, [1.0, bad], 0.1, 1)


# Bad arguments: `iterate` refuses them at the call, before the first point is asked for.

BAD = [
    ({"lr": -0.1}, ValueError, "lr must be 0 or more, and finite, got -0.1"),
    ({"lr": np.nan}, ValueError, "lr must be 0 or more, and finite, got nan"),
    ({"lr": np.inf}, ValueError, "lr must be 0 or more, and finite, got inf"),
    ({"lr": [0.1, -0.1]}, ValueError, r"lr must be 0 or more.*got \[0.1, -0.1\]"),
    ({"lr": [0.1, np.nan]}, ValueError, "lr must be 0 or more.*nan"),
    ({"lr": [0.1, 0.1, 0.1]}, ValueError, r"lr of shape \(3,\) does not broadcast to x, \(2,\)"),
    ({"lr": np.ones((3, 1))}, ValueError, r"lr of shape \(3, 1\) does not broadcast to x, \(2,\)"),
    ({"lr": np.ones((1, 2))}, ValueError, r"lr of shape \(1, 2\) does not broadcast"),
    ({"betas": (1.0, 0.9)}, ValueError, r"beta1 must lie in \[0, 1\), got 1.0"),
    ({"betas": (-0.1, 0.9)}, ValueError, r"beta1 must lie in \[0, 1\), got -0.1"),
    ({"betas": (0.9, 1.5)}, ValueError, r"beta2 must lie in \[0, 1\), got 1.5"),
    ({"betas": (0.9, np.nan)}, ValueError, r"beta2 must lie in \[0, 1\), got nan"),
    ({"betas": 0.9}, ValueError, r"betas must be a pair \(beta1, beta2\), got 0.9"),
    ({"betas": (0.9,)}, ValueError, r"betas must be a pair .*got \(0.9,\)"),
    ({"betas": (0.9, 0.99, 0.999)}, ValueError, "betas must be a pair .*0.999"),
    ({"eps": -1e-8}, ValueError, "eps must be 0 or more, and finite, got -1e-08"),
    ({"eps": np.nan}, ValueError, "eps must be 0 or more, and finite, got nan"),
    ({"eps": np.inf}, ValueError, "eps must be 0 or more, and finite, got inf"),
    ({"weight_decay": -0.1}, ValueError, "weight_decay must be 0 or more, and finite, got -0.1"),
    ({"weight_decay": np.nan}, ValueError, "weight_decay must be 0 or more, and finite, got nan"),
    ({"weight_decay": np.inf}, ValueError, "weight_decay must be 0 or more, and finite, got inf"),
    ({"l2": -0.1}, ValueError, "l2 must be 0 or more, and finite, got -0.1"),
    ({"l2": np.nan}, ValueError, "l2 must be 0 or more, and finite, got nan"),
    ({"beta": 0.9}, TypeError, "adam takes betas, eps; it does not take beta"),
    ({"nu": 1, "mu": 2}, TypeError, "adam takes betas, eps; it does not take mu, nu"),
    ({"x": [1.0, np.nan]}, ValueError, "x at the start is not finite"),
    ({"x": [True]}, TypeError, "x must hold real numbers"),
    ({"grad": None}, TypeError, "callable"),
]


@pytest.mark.parametrize("call", [iterate, functools.partial(descend, steps=1)])
@pytest.mark.parametrize(("bad", "error", "message"), BAD, ids=lambda a: str(a)[:40])
def test_bad_arguments_are_refused_at_the_call(call, bad, error, message):
    with pytest.raises(error, match=message):
        call(rules.adam, **({"grad": double, "x": [1.0, 2.0], "lr": 0.1} | bad))


@pytest.mark.parametrize(
    ("name", "hyper"),
    [
        ("momentum", "beta"),
        ("ema_momentum", "beta"),
        ("nesterov", "beta"),
        ("rmsprop", "beta"),
        ("adadelta", "rho"),
    ],
)
@pytest.mark.parametrize("value", [1.0, -0.1, np.nan])
def test_the_memory_of_every_rule_is_checked(name, hyper, value):
    with pytest.raises(ValueError, match=rf"{hyper} must lie in \[0, 1\), got {value}"):
        iterate(getattr(rules, name), double, [1.0], 0.1, **{hyper: value})


@pytest.mark.parametrize("name", ["adagrad", "rmsprop", "adadelta"])
def test_the_eps_of_every_rule_is_checked(name):
    with pytest.raises(ValueError, match="eps must be 0 or more, and finite, got -1"):
        iterate(getattr(rules, name), double, [1.0], 0.1, eps=-1)


@pytest.mark.parametrize(
    ("name", "hyper", "error", "message"),
    [
        ("powersign", {"base": -1.0}, ValueError, "^base must be 0 or more, and finite, got -1.0$"),
        ("powersign", {"base": "e"}, TypeError, "^base must be a number, got 'e'$"),
        ("powersign", {"beta": 1.0}, ValueError, r"^beta must lie in \[0, 1\), got 1.0$"),
        ("powersign", {"decay": 0.5}, TypeError, "^decay must be a function of t.* got 0.5$"),
        ("addsign", {"alpha": np.nan}, ValueError, "^alpha must be 0 or more.* got nan$"),
        ("addsign", {"decay": None}, TypeError, "^decay must be a function of t.* got None$"),
        ("nadam", {"momentum_decay": -1}, ValueError, "^momentum_decay must be 0 or more, got -1$"),
        ("nadam", {"momentum_decay": np.nan}, ValueError, "^momentum_decay must be .* got nan$"),
        ("addsign", {"alpha": np.inf}, ValueError, "^alpha must be .* finite, got inf$"),
        ("adam", {"betas": ("0.9", 0.9)}, TypeError, "^beta1 must be a number, got '0.9'$"),
        ("adam", {"eps": None}, TypeError, "^eps must be a number, got None$"),
    ],
)
def test_every_hyper_parameter_is_checked(name, hyper, error, message):
    with pytest.raises(error, match=message):
        iterate(getattr(rules, name), double, [1.0], 0.1, **hyper)


def test_an_infinite_momentum_decay_keeps_mu_at_beta1():
    """0.96**inf is 0: another library's convention, see `test_conventions`."""
    paths = [descend(rules.nadam, double, [1.0], 0.1, 3, momentum_decay=d) for d in (1e9, np.inf)]
    np.testing.assert_array_equal(*paths)


def test_what_a_rule_of_ones_own_has_besides_numbers_is_its_own_affair():
    def rule(g, t, *, beta, clip=None, kind="plain", corrected=True, decay=float):
        return (g if clip is None else g.clip(-clip, clip),)

    def run(**hyper):
        return descend(rule, double, [8.0], 0.25, 1, **({"beta": 0.5} | hyper))[-1]

    assert run() == run(clip=None) == run(kind="other", corrected=0, decay=abs) == [4.0]
    assert run(clip=np.float64(4.0)) == [7.0]
    assert run(beta=1.0) == run(beta=-0.8) == run(beta="any") == [4.0]


def test_a_rule_without_hyper_parameters_says_so():
    with pytest.raises(TypeError, match="gd takes no hyper-parameters; it does not take betas"):
        iterate(rules.gd, double, [1.0], 0.1, betas=(0.9, 0.99))


@pytest.mark.parametrize("edge", [{"lr": 0}, {"betas": (0.0, 0.0)}, {"eps": 0}, {"l2": 0}])
def test_the_edges_of_the_ranges_are_allowed(edge):
    descend(rules.adam, double, [1.0, 2.0], **({"lr": 0.1, "steps": 2} | edge))


@pytest.mark.parametrize("steps", [-1, 2.0, 2.5, True, False, "2", None, np.float64(2)])
def test_steps_must_be_a_whole_number(steps):
    with pytest.raises(ValueError, match="steps must be a whole number of 0 or more, got "):
        descend(rules.gd, double, [1.0], 0.1, steps)


def test_the_message_names_the_steps():
    with pytest.raises(ValueError, match=r"got -3$"):
        descend(rules.gd, double, [1.0], 0.1, -3)


# What goes wrong on the way.


@pytest.mark.parametrize("bad", [np.nan, -0.1, np.inf])
def test_a_bad_rate_of_a_schedule_is_refused_when_it_comes(bad):
    points = iterate(rules.gd, double, [1.0], lambda t: bad if t == 3 else 0.1)
    assert len(take(points, 3)) == 3  # the start and two steps
    with pytest.raises(ValueError, match=rf"lr\(3\) must be 0 or more, and finite, got {bad}"):
        next(points)


def test_a_schedule_of_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"lr\(1\) of shape \(3,\) does not broadcast to"):
        descend(rules.gd, double, [1.0, 2.0], lambda t: np.ones(3), 1)


@pytest.mark.parametrize(
    "wrong",
    [
        1.0,  # would broadcast
        [1.0],  # would broadcast
        [[1.0, 2.0]],  # would make x grow
        [[1.0], [2.0]],
        [1.0, 2.0, 3.0],
        [],
    ],
    ids=str,
)
def test_a_gradient_of_another_shape_is_refused_even_if_it_broadcasts(wrong):
    def grad(x, t):
        return wrong if t == 2 else x

    shape = str(np.shape(wrong)).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(
        ValueError, match=rf"the gradient at step 2 has shape {shape}, but x has \(2,\)"
    ):
        descend(rules.adam, grad, [1.0, 2.0], 0.1, 5)


@pytest.mark.parametrize("wrong", [[True, False], [1j, 2.0], [None, None], ["a", "b"]], ids=str)
def test_a_gradient_that_holds_no_real_numbers_is_refused(wrong):
    with pytest.raises(TypeError, match=r"the gradient at step 1 has dtype .*real numbers"):
        descend(rules.adam, lambda x: np.array(wrong), [1.0, 2.0], 0.1, 1)


def test_a_gradient_of_nothing_is_refused():
    with pytest.raises(TypeError, match=r"the gradient at step 1 is None; .* return an array"):
        descend(rules.adam, lambda x: None, 1.0, 0.1, 1)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("step", [1, 4])
def test_a_gradient_that_is_not_finite_is_refused_with_its_step(name, bad, step):
    def grad(x, t):
        return [1.0, bad] if t == step else [1.0, 1.0]

    with pytest.raises(FloatingPointError, match=rf"the gradient at step {step} is not finite: "):
        descend(getattr(rules, name), grad, [1.0, 2.0], 0.1, 5)


@quiet
@pytest.mark.parametrize(
    ("name", "state"), [("adagrad", "s"), ("rmsprop", "v"), ("adadelta", "v"), ("adam", "v")]
)
def test_an_overflow_of_the_square_is_named(name, state):
    """g is finite and g² is not: the direction would be 0, and the path stand still."""
    message = f"state {state} of {name} after step 2 is not finite.*too large for float32"
    with pytest.raises(FloatingPointError, match=message):
        descend(
            getattr(rules, name),
            lambda x, t: np.full(2, 1e25 ** (t - 1)),
            np.float32([1, 2]),
            0.1,
            3,
        )


@quiet
def test_a_gradient_too_large_for_the_dtype_is_refused():
    with pytest.raises(FloatingPointError, match="the gradient at step 1 is not finite"):
        descend(rules.gd, lambda x: np.full(2, 1e300), np.float32([1, 2]), 0.1, 1)


@quiet
def test_an_overflow_of_x_is_named_with_its_step():
    """Gradient descent beyond 2 / L: |x| grows by the factor 1e100."""
    with pytest.raises(FloatingPointError, match=r"x after step 4 is not finite.*lower lr"):
        descend(rules.gd, lambda x: x, [1.0], 1e100 - 1, 10)


@quiet
def test_points_before_the_failure_are_still_yielded():
    points = iterate(rules.gd, lambda x: x, [1.0], 1e100 - 1)
    assert len(take(points, 4)) == 4
    with pytest.raises(FloatingPointError):
        next(points)


# The user's arrays are the user's.


def test_the_start_is_neither_changed_nor_kept():
    start = np.array([1.0, -2.0])
    path = descend(rules.adam, double, start, 0.1, 3)
    np.testing.assert_array_equal(start, [1.0, -2.0])
    assert not np.shares_memory(path, start)

    points = iterate(rules.gd, double, start, 0.25)
    start[:] = 100.0
    np.testing.assert_array_equal(take(points, 2), [[1.0, -2.0], [0.5, -1.0]])


@pytest.mark.parametrize("name", RULES)
def test_a_gradient_buffer_may_be_used_again(name):
    buffer = np.empty(2)

    def grad(x):
        np.multiply(x, 2.0, out=buffer)
        return buffer

    found = descend(getattr(rules, name), grad, [1.0, -2.0], 0.1, 5, l2=0.1)
    expected = descend(getattr(rules, name), double, [1.0, -2.0], 0.1, 5, l2=0.1)
    np.testing.assert_array_equal(found, expected)


def test_a_gradient_buffer_may_be_used_again_even_if_a_rule_keeps_the_gradient():
    def change(g, t, previous=0.0):
        return g - previous, g

    buffer = np.empty(2)

    def grad(x, t):
        buffer[:] = 2.0**t
        return buffer

    path = descend(change, grad, [0.0, 0.0], 1.0, 3)
    np.testing.assert_array_equal(path[:, 0], [0, -2, -4, -8])


@pytest.mark.parametrize("name", RULES)
def test_the_gradient_of_the_user_is_not_changed(name):
    given = np.array([1.0, -2.0])
    given.flags.writeable = False
    descend(getattr(rules, name), lambda x: given, [1.0, 1.0], 0.1, 3)
    np.testing.assert_array_equal(given, [1.0, -2.0])


def test_a_buffer_of_the_projection_may_be_used_again():
    buffer = np.empty(2)
    project = functools.partial(np.clip, a_min=-1, a_max=1, out=buffer)
    found = descend(rules.gd, double, [4.0, 1.0], 0.25, 3, project=project)
    np.testing.assert_array_equal(found, [[4, 1], [1, 0.5], [0.5, 0.25], [0.25, 0.125]])


def test_an_array_of_rates_is_neither_changed_nor_kept():
    rates = np.array([0.25, 0.0])
    points = iterate(rules.gd, double, [8.0, 8.0], rates)
    next(points)
    rates[:] = np.nan
    np.testing.assert_array_equal(next(points), [4.0, 8.0])


def test_two_runs_share_nothing():
    first = iterate(rules.adam, double, [1.0], 0.1)
    take(first, 10)
    np.testing.assert_array_equal(
        take(iterate(rules.adam, double, [1.0], 0.1), 4), descend(rules.adam, double, [1.0], 0.1, 3)
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"betas": (np.float64(0.5), np.float64(0.9))},
        {"eps": np.float64(1e-8)},
        {"l2": np.float64(0.1)},
        {"weight_decay": np.float64(0.1)},
    ],
)
def test_numpy_numbers_as_settings_keep_float32(settings):
    path = descend(rules.adam, lambda x: x, np.float32([1.0, 2.0]), 0.1, 3, **settings)
    assert path.dtype == np.float32


def test_a_partial_is_a_rule():
    halved = functools.partial(rules.adam, betas=(0.5, 0.5))
    expected = descend(rules.adam, lambda x: x, [1.0], 0.1, 5, betas=(0.5, 0.5))
    np.testing.assert_array_equal(descend(halved, lambda x: x, [1.0], 0.1, 5), expected)
    with pytest.raises(TypeError, match="does not take gamma"):
        descend(halved, lambda x: x, [1.0], 0.1, 5, gamma=1.0)
