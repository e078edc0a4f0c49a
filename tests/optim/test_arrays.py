"""The plan of an uncompiled group: the very steps that are made without one, in less time.

What happens to an optimizer happens twice, with plans and without, and ends in the same bits.
"""

import copy
import gc
import weakref

import numpy as np
import pytest
import test_lives as lives
import test_optim as contract
import torch

from adamtut import optim, schedules
from adamtut.optim import arrays, eager
from adamtut.traits import elementwise, scalar_states

SHAPES = [(3, 3), (2,), (), (5,), (0, 2), (2, 1, 3), (4, 4), (40,), (3, 8)]
STEPS, AT = 10, 5  # something happens before the step AT, counted from 0


class small:  # noqa: N801 - read as a word
    """Within, few elements are many, so that all that depends on sizes happens to small tensors."""

    def __enter__(self):
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(arrays, "SHORT", 20)
        self.patch.setattr(eager, "CHUNK", 20)

    def __exit__(self, *_):
        self.patch.undo()


def parameters(dtype=torch.float32):
    return contract.parameters(*SHAPES, dtype=dtype)


def gradients(params, t):
    for i, p in enumerate(params):
        g = contract.wave(p.numel(), t + 7 * i).reshape(p.shape).to(p.dtype)
        if t % 3 == 0 and p.grad is not None and p.grad.layout is torch.strided:
            p.grad.copy_(g)  # some stay where they are
        else:
            p.grad = torch.empty_like(p).copy_(g)


def run(made, event, plans, dtype=torch.float32, **settings):
    """Parameters and states at the end, and how many groups a plan stepped, step by step."""
    counts, step = [], arrays.Plan.step
    params = parameters(dtype)
    optimizer = made(params, lr=0.1, **settings)

    def counted(self, optimizer):
        counts[-1] += 1
        step(self, optimizer)

    with small(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays.Plan, "step", counted)
        if not plans:
            patch.setattr(arrays, "keep", lambda *_: None)
        for t in range(STEPS):
            counts.append(0)
            if t != AT + 1:  # what has happened to a gradient lasts for two steps
                gradients(params, t)
            if t == AT:
                event(optimizer, params)
            versions = [p._version for p in params]
            optimizer.step()
            moved = [p.grad is not None for p in params]
            assert [p._version > v for p, v in zip(params, versions, strict=True)] == moved
    ends = [[p.detach(), *optimizer.state.get(p, {}).values()] for p in params]
    return [a for each in ends for a in each], optimizer.param_groups, counts


def check(made, event, dtype=torch.float32, **settings):
    """Twice the same; returns how many groups a plan stepped, step by step."""
    found, groups, counts = run(made, event, True, dtype, **settings)
    expected, others, none = run(made, event, False, dtype, **settings)
    assert none == [0] * STEPS
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype and a.stride() == b.stride()
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)
    for group, other in zip(groups, others, strict=True):
        for key in group.keys() - {"params"}:
            if isinstance(group[key], int | float | tuple):
                assert group[key] == other[key] and type(group[key]) is type(other[key])
    return counts


# What may happen: a plan goes on with all this …


def nothing(optimizer, params):
    pass


def gradients_are_moved(optimizer, params):
    for p in params:
        p.grad.data = p.grad.clone()


def another_rate(optimizer, params):
    optimizer.param_groups[0]["lr"] = 0.02


def a_rate_of_numpys(optimizer, params):
    optimizer.param_groups[0]["lr"] = np.float64(0.02)


def a_rate_in_a_tensor(optimizer, params):
    optimizer.param_groups[0]["lr"] = torch.tensor(0.02)


def climbing_with_a_decay(optimizer, params):
    optimizer.param_groups[0].update(maximize=1, weight_decay=0.1, decoupled_weight_decay=True)


def all_have_counted_otherwise(optimizer, params):
    for state in optimizer.state.values():
        for key in state.keys() & {"step"}:
            state[key].fill_(2)


def gradients_with_a_history(optimizer, params):
    for p in params:
        p.grad.requires_grad_()


# … and not with this.


def a_gradient_is_missing(optimizer, params):
    params[1].grad = None


def a_gradient_in_another_order(optimizer, params):
    params[0].grad = params[0].grad.mT.contiguous().mT


def a_gradient_is_expanded(optimizer, params):
    params[3].grad = torch.ones((), dtype=params[3].dtype).expand(5)


def a_gradient_with_its_sign_to_be_changed(optimizer, params):
    params[3].grad = torch._neg_view(torch.ones_like(params[3].detach()))


def a_gradient_of_another_type(optimizer, params):
    params[3].grad = torch.nn.Parameter(torch.ones(5, dtype=params[3].dtype))


def a_gradient_is_another_parameter(optimizer, params):
    """Which is stepped before it, or together with it."""
    params[1].grad = torch.zeros_like(params[1])
    params[1].grad.data = params[0].detach().view(-1)[:2]
    params[3].grad.data = params[6].detach().view(-1)[4:9]


def a_gradient_is_half_a_state(optimizer, params):
    for state in [optimizer.state.get(params[0], {})]:
        for key in state.keys() & {"exp_avg"}:
            params[1].grad.data = state[key].view(-1)[7:]


def a_parameter_is_moved(optimizer, params):
    params[2].data = params[2].detach().clone()


def a_parameter_is_turned_in_its_place(optimizer, params):
    params[0].data = params[0].detach().mT


def a_parameter_has_its_sign_to_be_changed(optimizer, params):
    params[3].data = torch._neg_view(params[3].detach())


def a_parameter_gets_another_shape(optimizer, params):
    p, state = params[0], optimizer.state.get(params[0], {})
    p.grad, grad = None, p.grad
    p.data = p.detach().view(9)
    p.grad = grad.view(9)
    for key in state.keys() - {"step", "mu_product"}:
        state[key].data = state[key].view(9)


def a_parameter_gets_another_dtype(optimizer, params):
    p = params[3]
    p.grad, p.data = None, p.detach().to(torch.float16)
    p.grad = torch.ones_like(p)


def states_are_others(optimizer, params):
    for state in optimizer.state.values():
        state.update({key: value.clone() for key, value in state.items()})


def states_are_moved(optimizer, params):
    for state in optimizer.state.values():
        for value in state.values():
            value.data = value.clone()


def states_begin_anew(optimizer, params):
    optimizer.state.clear()


def the_state_is_loaded(optimizer, params):
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))


def one_has_counted_otherwise(optimizer, params):
    for key, value in optimizer.state.get(params[1], {}).items():
        if key == "step":
            value.fill_(2)


def one_product_is_another(optimizer, params):
    for key, value in optimizer.state.get(params[1], {}).items():
        if key == "mu_product":
            value.fill_(0.25)


def counters_are_one(optimizer, params):
    for state in optimizer.state.values():
        for key in state.keys() & {"step"}:
            state[key] = optimizer.state[params[0]][key]


def parameters_change_places(optimizer, params):
    optimizer.param_groups[0]["params"].reverse()


def it_is_another_rule(optimizer, params):
    optimizer.param_groups[0].update(momentum=0.5)


GOES_ON = [
    nothing,
    gradients_are_moved,
    another_rate,
    a_rate_of_numpys,
    a_rate_in_a_tensor,
    climbing_with_a_decay,
    all_have_counted_otherwise,
    gradients_with_a_history,
]
DOES_NOT = [
    a_gradient_is_missing,
    a_gradient_in_another_order,
    a_gradient_is_expanded,
    a_gradient_with_its_sign_to_be_changed,
    a_gradient_of_another_type,
    a_gradient_is_another_parameter,
    a_parameter_is_moved,
    a_parameter_is_turned_in_its_place,
    a_parameter_has_its_sign_to_be_changed,
    a_parameter_gets_another_shape,
    a_parameter_gets_another_dtype,
    parameters_change_places,
]
STATES_DO_NOT = [
    a_gradient_is_half_a_state,
    states_are_others,
    states_are_moved,
    states_begin_anew,
    the_state_is_loaded,
    one_has_counted_otherwise,
    one_product_is_another,
    counters_are_one,
]
every_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


@every_dtype
@pytest.mark.parametrize("event", GOES_ON)
@pytest.mark.parametrize("name", ["NAdam", "SGD"])
def test_a_plan_goes_on(name, event, dtype):
    counts = check(getattr(optim, name), event, dtype)
    assert counts == [0, 0] + [1] * (STEPS - 2)


@every_dtype
@pytest.mark.parametrize(
    ("name", "event"),
    [
        *[(name, event) for name in ("NAdam", "SGD") for event in DOES_NOT],
        *[("NAdam", event) for event in STATES_DO_NOT],
        ("SGD", it_is_another_rule),
    ],
)
def test_a_plan_does_not_go_on(name, event, dtype):
    counts = check(getattr(optim, name), event, dtype)
    assert counts[:AT] == [0, 0] + [1] * (AT - 2) and counts[AT] == 0


class Shaped(optim.RuleOptimizer):
    """Its rule looks at the shape."""

    @staticmethod
    def rule(g, t, m=0.0):
        m = 0.5 * m + g
        return (1 + m.ndim) * m, m


@every_dtype
@pytest.mark.parametrize("made", [contract.Whole, contract.LaterWhole, Shaped])
def test_a_rule_that_mixes_elements_has_a_plan_and_sees_whole_tensors(made, dtype):
    assert check(made, nothing, dtype)[2:] == [1] * (STEPS - 2)
    check(made, a_parameter_is_turned_in_its_place, dtype)


@pytest.mark.parametrize("decay", [lambda t: 1 / t, schedules.sgdr(period=3)])
def test_a_function_of_t_is_asked_in_each_step(decay):
    assert check(optim.PowerSign, nothing, decay=decay)[2:] == [1] * (STEPS - 2)


def test_what_cannot_move_in_numpy_has_no_plan():
    for odd in (
        torch.zeros(2, dtype=torch.bfloat16),
        torch.zeros(2, dtype=torch.complex64),
        torch.zeros(2, 3).mT,
        torch.zeros(2, 2)[:, 0],
        torch.zeros(2, device="meta"),
    ):
        p = torch.nn.Parameter(odd)
        optimizer = optim.SGD([torch.nn.Parameter(torch.ones(3)), p])
        for _ in range(4):
            for each in optimizer.param_groups[0]["params"]:
                each.grad = torch.ones_like(each)
            optimizer.step()
        assert optimizer._books is None


def test_what_is_odd_only_with_its_states_has_no_plan_either():
    p, q = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(3))
    optimizer = optim.Adam([p, q])
    p.grad, q.grad = torch.ones(2), torch.ones(3)
    for wrong in (torch.zeros(1), torch.zeros((), dtype=torch.int64)):
        optimizer.state[p]["step"] = wrong
        for _ in range(4):
            optimizer.step()
        assert not optimizer._books.plans


def test_a_group_without_gradients_needs_no_plan():
    optimizer = optim.Adam([torch.nn.Parameter(torch.ones(2))])
    for _ in range(4):
        optimizer.step()
    assert not optimizer.state


def test_an_odd_group_leaves_the_others_their_plans():
    params = contract.parameters((2,), (3,), dtype=torch.float32)
    odd = torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
    optimizer = optim.Adam([{"params": [p]} for p in (params[0], odd, params[1])])
    counts, step = [], arrays.Plan.step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays.Plan, "step", lambda *given: counts.append(1) or step(*given))
        contract.train(optimizer, [*params, odd], 5)
    assert len(counts) == 2 * 3
    assert [int(optimizer.state[p]["step"]) for p in (*params, odd)] == [5, 5, 5]


def test_no_plan_is_made_where_memory_is_another_in_each_step():
    params, made = contract.parameters((2,), (3,), dtype=torch.float32), []
    optimizer, start = optim.Adam(params), arrays.Plan.__init__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays.Plan, "__init__", lambda *given: made.append(1) or start(*given))
        for _ in range(6):
            params[1].grad, params[1].data = None, params[1].detach().clone()
            contract.train(optimizer, params, 1)
        assert not made
        contract.train(optimizer, params, 6)
        assert made == [1]


def test_short_tensors_are_stepped_by_few_calls():
    """Those of a dtype that have counted the same, as many as are short together."""

    def calls(params, change=lambda optimizer: None, rule=None):
        sizes = []

        @elementwise
        def own(g, t, m=0.0):
            sizes.append(g.shape)
            return g, m + g

        made = type("Own", (optim.RuleOptimizer,), {"rule": staticmethod(rule or own)})
        optimizer = made(params)
        for p in params:
            p.grad = torch.ones_like(p)
        with small():
            optimizer.step()
            change(optimizer)
            optimizer.step()
            sizes.clear()
            optimizer.step()
        return sizes

    def tensors(*shapes):
        return contract.parameters(*shapes, dtype=torch.float32)

    def first_counts(optimizer):
        optimizer.state[optimizer.param_groups[0]["params"][0]]["step"].fill_(7)

    assert calls(tensors((2, 3), (0,), (4,))) == [(10,)]
    assert calls(tensors((10,), (10,), (1,))) == [(20,), (1,)]
    assert calls(tensors((8,), (8,), (8,))) == [(16,), (8,)]
    assert calls(tensors((11,), (9,), (9,))) == [(11,), (18,)]
    assert calls(tensors((2, 1), (), (1,))) == [(3,), ()]
    assert calls(tensors((2, 1))) == [(2, 1)]
    assert calls(tensors((5, 5), (4, 4))) == [(20,), (5,), (4, 4)]
    assert calls([*tensors((2,), (3,)), *contract.parameters((4,))]) == [(5,), (4,)]
    assert calls(tensors((2,), (3,), (4,)), first_counts) == [(2,), (7,)]


def test_what_was_stepped_before_a_failure_has_counted():
    def rule(g, t, m=0.0):
        if t == 4 and g.size == 3:
            raise RuntimeError("no")
        return g, m + g

    made = type("Own", (optim.RuleOptimizer,), {"rule": staticmethod(rule)})
    params = contract.parameters((2,), (3,), (4,), dtype=torch.float32)
    optimizer = made(params)
    contract.train(optimizer, params, 3)
    before = [p.detach().clone() for p in params]
    with pytest.raises(RuntimeError, match="no"):
        contract.train(optimizer, params, 1)
    assert [int(optimizer.state[p]["step"]) for p in params] == [4, 3, 3]
    assert [torch.equal(p, b) for p, b in zip(params, before, strict=True)] == [False, True, True]


def test_one_number_is_pythons_whatever_the_size():
    """Or NumPy would compute in its double precision."""
    seen = []

    @elementwise
    @scalar_states("count")
    def rule(g, t, count=0.0):
        seen.append(type(count))
        return g, count + 1

    made = type("Own", (optim.RuleOptimizer,), {"rule": staticmethod(rule)})
    params = contract.parameters((2,), (3,), (), (2, 30), dtype=torch.float32)
    optimizer = made(params)
    with small():
        contract.train(optimizer, params, 4)
    assert set(seen) == {float} and len(seen) == 2 * 6 + 2 * 5
    assert [float(optimizer.state[p]["count"]) for p in params] == [4, 4, 4, 4]


def test_overflow_is_no_news():
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = optim.Adagrad([p])
    for _ in range(5):
        p.grad = torch.full((2,), 1e30)
        optimizer.step()
    assert p.isfinite().all()


def test_settings_that_stay_are_read_once(monkeypatch):
    reads, settings_at = [], optim.RuleOptimizer._settings_at
    params = contract.parameters((2,), (3,), (), dtype=torch.float32)
    optimizer = optim.Adam(params)
    contract.train(optimizer, params, 2)
    monkeypatch.setattr(
        optim.RuleOptimizer, "_settings_at", lambda *given: reads.append(1) or settings_at(*given)
    )
    contract.train(optimizer, params, 5)
    assert len(reads) == 1
    optimizer.param_groups[0]["lr"] = 0.5
    contract.train(optimizer, params, 5)
    assert len(reads) == 2


@pytest.mark.parametrize("start", range(7))
def test_a_gradient_that_reaches_into_a_parameter_is_seen(start):
    ends, step = [], arrays.Plan.step
    for plans in (True, False):
        memory, steps = torch.arange(10.0), []
        p, q = torch.nn.Parameter(memory[4:6]), torch.nn.Parameter(torch.ones(4))
        optimizer = optim.SGD([p, q], lr=0.1)
        with pytest.MonkeyPatch.context() as patch:
            if not plans:
                patch.setattr(arrays, "keep", lambda *_: None)
            contract.train(optimizer, [p, q], 3)
            q.grad = memory[start : start + 4]
            patch.setattr(arrays.Plan, "step", lambda *given, s=steps: s.append(1) or step(*given))
            optimizer.step()
        assert bool(steps) is (plans and start in (0, 6))
        ends.append([p.detach(), q.detach()])
    for a, b in zip(*ends, strict=True):
        assert torch.equal(a, b)


def test_a_parameter_alone_may_be_its_own_gradient(monkeypatch):
    steps, step = [], arrays.Plan.step
    monkeypatch.setattr(arrays.Plan, "step", lambda *given: steps.append(1) or step(*given))
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = optim.SGD([p], lr=0.5)
    contract.train(optimizer, [p], 3)
    p.data.fill_(1)
    p.grad = p.data
    optimizer.step()
    assert p.tolist() == [0.5, 0.5] and len(steps) == 2


def test_gradients_are_not_kept_alive():
    params = parameters()
    optimizer = optim.Adam(params)
    contract.train(optimizer, params, 4)
    assert optimizer._books.plans
    grads = [weakref.ref(p.grad.untyped_storage()) for p in params]
    optimizer.zero_grad()
    gc.collect()
    assert not any(ref() for ref in grads)


def test_memory_that_was_left_is_not_kept_longer_than_a_step():
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = optim.SGD([p])
    contract.train(optimizer, [p], 4)
    left = weakref.ref(p.detach().untyped_storage())
    p.grad, p.data = None, torch.ones(2, dtype=torch.bfloat16)
    contract.train(optimizer, [p], 1)
    gc.collect()
    assert left() is None


def test_no_copy_has_the_plans():
    params = parameters()
    optimizer = optim.Adam(params)
    contract.train(optimizer, params, 4)
    other = copy.deepcopy(optimizer)
    assert optimizer._books.plans and other._books is None


def test_who_asks_for_the_compiled_engine_later_gets_it(monkeypatch):
    asked = []
    engine = type("Engine", (), {"take": lambda *given: asked.append(1) or ([], eager.run)})
    monkeypatch.setattr(optim.base, "_compiled_engine", lambda: engine)
    params = contract.parameters((2,), dtype=torch.float32)
    optimizer = optim.Adam(params)
    contract.train(optimizer, params, 4)
    optimizer.defaults["compile"] = True
    contract.train(optimizer, params, 2)
    assert asked == [1, 1]


# Whole lives.


def check_life(name, dtype, seed):
    counts, step = [], arrays.Plan.step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays.Plan, "step", lambda *given: counts.append(1) or step(*given))
        found, states = lives.Life(name, dtype, seed, False).live()
        patch.setattr(arrays, "keep", lambda *_: None)
        expected, others = lives.Life(name, dtype, seed, False).live()
    for i, (some, many) in enumerate(zip(found, expected, strict=True)):
        for a, b in zip(some, many, strict=True):
            assert_same(a, b, f"{name}, {dtype}, seed {seed}, step {i + 1}")
    for some, many in zip(states, others, strict=True):
        for a, b in zip(some, many, strict=True):
            assert_same(a, b, f"{name}, {dtype}, seed {seed}, state")
    return len(counts)


def assert_same(a, b, where):
    assert a.dtype == b.dtype and a.shape == b.shape and a.stride() == b.stride(), where
    torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True, msg=where)


@lives.every_class
def test_a_life_is_the_same_with_plans(name):
    counts = [check_life(name, dtype, 2) for dtype in (torch.float32, torch.float64)]
    assert sum(counts) > 2


@lives.every_class
@pytest.mark.parametrize("dtype", lives.DTYPES, ids=str)
@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(3), marks=pytest.mark.slow),
        pytest.param(range(3, 12), marks=pytest.mark.thorough),
    ],
)
def test_many_lives_are_the_same_with_plans(name, dtype, seeds):
    [check_life(name, dtype, seed) for seed in seeds]
