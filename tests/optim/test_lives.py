"""Whatever happens to an optimizer, the loop in C makes the steps of the uncompiled rule.

A life is a run in which parameters, gradients, states and settings are swapped, moved, loaded and
copied at random. It is lived twice, compiled and not, and ends in the same bits, but where these
are not to be had: see `bound`.
"""

import copy
import io
import threading

import numpy as np
import powers
import pytest
import torch

from adamtut import optim, schedules
from adamtut.optim import eager, inductor, plan, traced

NAMES = [name for name in optim.__all__ if name != "RuleOptimizer"]
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
SHAPES = [(3, 3), (), (5,), (0, 2), (2, 3, 2, 2), (1, 4), (130,)]
STEPS = 25


@pytest.fixture(autouse=True)
def _exact(monkeypatch):
    """The very bits; and what is left to inductor, which takes seconds, runs uncompiled."""
    monkeypatch.setattr(traced, "EXACT", True)
    monkeypatch.setattr(inductor, "run", eager.run)


class Life:
    """An optimizer, and what befalls it; everything that is random comes from `seed`."""

    def __init__(self, name, dtype, seed, compile):
        self.rng, self.dtype = np.random.default_rng(seed), dtype
        self.made, self.compile = getattr(optim, name), compile
        self.saved = None
        shapes = [SHAPES[i] for i in self.rng.integers(len(SHAPES), size=4)]
        self.params = [torch.nn.Parameter(self.normal(shape)) for shape in shapes]
        self.optimizer = self.made(self.params, lr=0.01, compile=compile)

    def normal(self, shape, dtype=None):
        return torch.from_numpy(np.array(self.rng.normal(size=shape))).to(dtype or self.dtype)

    def like(self, p):
        return torch.empty_like(p).copy_(self.normal(p.shape))

    def any(self, things):
        return things[self.rng.integers(len(things))]

    # What may happen between two steps.

    def nothing(self):
        pass

    def another_rate(self):
        for group in self.optimizer.param_groups:
            group["lr"] = self.any([0.1, 0.02, torch.tensor(0.05, dtype=torch.float64)])

    def the_rate_changes_in_place(self):
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].mul_(0.5)

    def other_settings(self):
        for group in self.optimizer.param_groups:
            group["weight_decay"] = self.any([0.0, 0.1])
            group["maximize"] = self.any([False, True])
            if "decoupled_weight_decay" not in self.optimizer.fixed:
                group["decoupled_weight_decay"] = self.any([False, True])
            if "betas" in group:
                group["betas"] = self.any([(0.9, 0.999), (0.5, 0.8)])
            if "momentum" in group:
                group["momentum"] = self.any([0.0, 0.9])
            if "decay" in group:
                decays = [schedules.cosine(steps=20), lambda t: 1 / t, schedules.sgdr(period=3)]
                group["decay"] = self.any(decays)

    def no_gradient(self):
        self.any(self.params).grad = None

    def gradients_in_place(self):
        for p in self.params:
            if p.grad is not None:
                p.grad.copy_(self.like(p))

    def another_gradient_layout(self):
        p = self.any(self.params)
        if p.ndim > 1:
            p.grad = self.normal(tuple(p.shape)[::-1], p.dtype).permute(*range(p.ndim)[::-1])

    def an_expanded_gradient(self):
        p = self.any(self.params)
        p.grad = self.normal((), p.dtype).expand(p.shape)

    def data_swapped(self):
        p = self.any(self.params)
        p.grad, p.data = None, self.normal(p.shape, p.dtype)
        p.grad = self.like(p)

    def data_in_other_order(self):
        p = self.any(self.params)
        if p.ndim > 1:
            p.grad, p.data = None, p.detach().mT.contiguous().mT
            p.grad = self.like(p)

    def transposed_in_place(self):
        p = self.any(self.params)
        if p.ndim == 2 and p.shape[0] == p.shape[1]:
            p.grad, p.data = None, p.detach().mT
            p.grad = self.like(p)

    def gradient_swapped(self):
        p = self.any(self.params)
        if p.grad is not None:
            p.grad.data = self.like(p)

    def a_state_swapped(self):
        state = self.optimizer.state.get(self.any(self.params), {})
        for key, value in state.items():
            state[key] = value.clone()

    def a_state_moved(self):
        state = self.optimizer.state.get(self.any(self.params), {})
        for value in state.values():
            value.data = value.clone()

    def a_state_shared(self):
        for value in self.optimizer.state.get(self.any(self.params), {}).values():
            value.share_memory_()

    def a_state_reset(self):
        self.optimizer.state.pop(self.any(self.params), None)

    def a_state_replaced(self):
        p = self.any(self.params)
        if p in self.optimizer.state:
            self.optimizer.state[p] = copy.deepcopy(self.optimizer.state[p])

    def all_states_cleared(self):
        self.optimizer.state.clear()

    def counted_back(self):
        state = self.optimizer.state.get(self.any(self.params), {})
        if "step" in state:
            state["step"].fill_(3)

    def saved_to_a_file(self):
        file = io.BytesIO()
        torch.save(self.optimizer.state_dict(), file)
        self.saved = len(self.optimizer.param_groups), file.getvalue()

    def loaded(self):
        if self.saved and self.saved[0] == len(self.optimizer.param_groups):
            self.optimizer.load_state_dict(torch.load(io.BytesIO(self.saved[1])))

    def copied(self):
        self.optimizer, self.params = copy.deepcopy((self.optimizer, self.params))

    def made_anew(self):
        """With the state of the old one; functions are not in it."""
        old = self.optimizer
        if len(old.param_groups) == 1:
            params = list(old.param_groups[0]["params"])  # in their order
            self.optimizer = self.made(params, compile=self.compile)
            self.optimizer.load_state_dict(old.state_dict())

    def joined(self):
        if len(self.optimizer.param_groups) < 3:
            p = torch.nn.Parameter(self.normal(self.any(SHAPES)))
            self.params = [*self.params, p]
            self.optimizer.add_param_group({"params": [p], "lr": 0.03})

    def reordered(self):
        self.optimizer.param_groups[0]["params"].reverse()
        self.saved = None  # whose states are in the old order

    def with_another_dtype(self):
        p = self.any(self.params)
        p.grad, p.data = None, p.detach().to(self.any([torch.float32, torch.float64]))

    def live(self):
        """The parameters after each step, and the states at the end."""
        events = [getattr(self, name) for name in EVENTS]
        path = []
        for _ in range(STEPS):
            if self.rng.random() < 0.7:
                for p in self.params:
                    p.grad = self.like(p)
            self.any(events)()
            self.optimizer.step()
            path.append([p.detach().clone() for p in self.params])
        states = [list(self.optimizer.state.get(p, {}).values()) for p in self.params]
        return path, states


EVENTS = [
    name
    for name, value in vars(Life).items()
    if callable(value) and name not in ("__init__", "normal", "like", "any", "live")
]


def check_life(name, dtype, seed):
    """Live twice; returns how many calls stepped the compiled life."""
    calls, step = [], plan.Batch.step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan.Batch, "step", lambda batch: calls.append(batch) or step(batch))
        found, states = Life(name, dtype, seed, True).live()
    expected, others = Life(name, dtype, seed, False).live()
    for i, (some, many) in enumerate(zip(found, expected, strict=True)):
        for a, b in zip(some, many, strict=True):
            assert_alike(a, b, bound(name, dtype), f"{name}, {dtype}, seed {seed}, step {i + 1}")
    for some, many in zip(states, others, strict=True):
        for a, b in zip(some, many, strict=True):
            assert_alike(a, b, bound(name, dtype), f"{name}, {dtype}, seed {seed}, state")
    return len(calls)


def bound(name, dtype):
    """Half precision is computed by PyTorch uncompiled, and powers may be NumPy's own.

    This holds on where a parameter has gone on in another dtype.
    """
    if dtype in (torch.float16, torch.bfloat16):
        return 4 * torch.finfo(dtype).eps
    return powers.NEAR[torch.float32] if name == "PowerSign" and powers.NUMPYS_OWN else 0


def assert_alike(a, b, eps, where):
    assert a.dtype == b.dtype and a.shape == b.shape and a.stride() == b.stride(), where
    torch.testing.assert_close(a, b, rtol=eps, atol=eps, equal_nan=True, msg=where)


every_class = pytest.mark.parametrize("name", NAMES)


@every_class
def test_a_life_is_the_same_compiled(name):
    assert sum(check_life(name, torch.float32, seed) for seed in range(3)) > STEPS


@every_class
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(3), marks=pytest.mark.slow),
        pytest.param(range(3, 12), marks=pytest.mark.thorough),
    ],
)
def test_many_lives_are_the_same_compiled(name, dtype, seeds):
    assert sum(check_life(name, dtype, seed) for seed in seeds) > STEPS * len(seeds) / 2


# Lives see a plan that asks too little.


def settings_stay(patch):
    patch.setattr(traced.Plan, "_keep_settings", lambda self, optimizer: True)


def states_stay(patch):
    def holds(self, optimizer):
        self.slots = plan.flat_values(self.states)
        return original(self, optimizer)

    original = traced.Plan.holds
    patch.setattr(traced.Plan, "holds", holds)


def dictionaries_of_states_stay(patch):
    def repeat(self, optimizer):
        self.state, self.states = optimizer.state, list(optimizer.state.values())
        return original(self, optimizer)

    original = plan.Books.repeat
    patch.setattr(plan.Books, "repeat", repeat)


def gradients_stay(patch):
    def start(self, *arguments):
        original(self, *arguments)
        self.kept = [p.grad for p in self.params]  # or their memory might be given away

    def holds(self, grads):
        places = self.places[:, 1].copy()
        held = original_holds(self, grads)
        self.places[:, 1] = places
        return held

    original, original_holds = plan.Batch.__init__, plan.Batch.holds
    patch.setattr(plan.Batch, "__init__", start)
    patch.setattr(plan.Batch, "holds", holds)


FAULTS = [settings_stay, states_stay, dictionaries_of_states_stay, gradients_stay]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_plan_that_asks_too_little_is_seen(fault, monkeypatch):
    fault(monkeypatch)
    with pytest.raises((AssertionError, RuntimeError)):
        [check_life("NAdam", torch.float64, seed) for seed in range(12)]


def test_three_threads_at_once_live_as_they_would_alone(monkeypatch):
    """They compile, step and share kernels."""
    monkeypatch.setattr(traced, "_kernels", {})
    names, ends = ["NAdam", "Adagrad", "NAdam"], {}

    def live(i):
        ends[i] = Life(names[i], torch.float32, i, True).live()[0][-1]

    threads = [threading.Thread(target=live, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends.keys() == {0, 1, 2}
    for i, end in ends.items():
        for a, b in zip(end, Life(names[i], torch.float32, i, False).live()[0][-1], strict=True):
            assert_alike(a, b, 0, f"thread {i}")
