"""Whatever happens to an optimizer, the loop in C makes the steps of the uncompiled rule.

A life is a run in which parameters, gradients, states and settings are swapped, moved, loaded and
copied at random. It is lived twice, compiled and not, and ends in the same bits.
"""

import copy
import io
import threading

import numpy as np
import pytest
import torch

from adamtut import optim, schedules
from adamtut.optim import eager, inductor, traced

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

    def normal(self, shape):
        return torch.from_numpy(np.array(self.rng.normal(size=shape))).to(self.dtype)

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
                p.grad.copy_(self.normal(p.shape))

    def another_gradient_layout(self):
        p = self.any(self.params)
        if p.ndim > 1:
            p.grad = self.normal(tuple(p.shape)[::-1]).permute(*range(p.ndim)[::-1])

    def an_expanded_gradient(self):
        p = self.any(self.params)
        p.grad = self.normal(()).expand(p.shape)

    def data_swapped(self):
        p = self.any(self.params)
        p.grad, p.data = None, self.normal(p.shape)
        p.grad = self.normal(p.shape)

    def data_in_other_order(self):
        p = self.any(self.params)
        if p.ndim > 1:
            p.grad, p.data = None, p.detach().mT.contiguous().mT
            p.grad = self.normal(p.shape)

    def transposed_in_place(self):
        p = self.any(self.params)
        if p.ndim == 2 and p.shape[0] == p.shape[1]:
            p.grad, p.data = None, p.detach().mT
            p.grad = torch.empty_like(p).copy_(self.normal(p.shape))

    def gradient_swapped(self):
        p = self.any(self.params)
        if p.grad is not None:
            p.grad.data = self.normal(p.shape)

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
            self.optimizer = self.made(self.params, compile=self.compile)
            self.optimizer.load_state_dict(old.state_dict())

    def joined(self):
        if len(self.optimizer.param_groups) < 3:
            p = torch.nn.Parameter(self.normal(self.any(SHAPES)))
            self.params = [*self.params, p]
            self.optimizer.add_param_group({"params": [p], "lr": 0.03})

    def reordered(self):
        self.optimizer.param_groups[0]["params"].reverse()

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
                    p.grad = torch.empty_like(p).copy_(self.normal(p.shape))
            self.any(events)()
            self.optimizer.step()
            path.append([p.detach().clone() for p in self.params])
        states = [list(self.optimizer.state.get(p, {}).values()) for p in self.params]
        return path, states


EVENTS = [
    name
    for name, value in vars(Life).items()
    if callable(value) and name not in ("__init__", "normal", "any", "live")
]


def assert_alike(a, b):
    """The same bits; of half precision, which PyTorch computes uncompiled, to a last place or so."""
    assert a.dtype == b.dtype and a.shape == b.shape and a.stride() == b.stride()
    if a.dtype in (torch.float16, torch.bfloat16):
        eps = 4 * torch.finfo(a.dtype).eps
        torch.testing.assert_close(a, b, rtol=eps, atol=eps, equal_nan=True)
    else:
        assert torch.equal(a.nan_to_num(), b.nan_to_num())


def check_life(name, dtype, seed):
    (found, states), (expected, others) = [
        Life(name, dtype, seed, compile).live() for compile in (True, False)
    ]
    for step, (some, many) in enumerate(zip(found, expected, strict=True)):
        for a, b in zip(some, many, strict=True):
            try:
                assert_alike(a, b)
            except AssertionError as error:
                raise AssertionError(f"{name}, {dtype}, seed {seed}, step {step}") from error
    for some, many in zip(states, others, strict=True):
        for a, b in zip(some, many, strict=True):
            assert_alike(a, b)


every_class = pytest.mark.parametrize("name", NAMES)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@every_class
@every_dtype
def test_a_life_is_the_same_compiled(name, dtype):
    check_life(name, dtype, seed=0)


@pytest.mark.slow
@every_class
@every_dtype
def test_many_lives_are_the_same_compiled(name, dtype):
    for seed in range(1, 12):
        check_life(name, dtype, seed)


def test_three_threads_at_once_live_as_they_would_alone():
    """They compile, step and share kernels."""
    names = ["NAdam", "Adagrad", "RAdam"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traced, "_kernels", {})
        ends: dict[int, list] = {}

        def live(i):
            ends[i] = Life(names[i % 3], torch.float32, i % 3, True).live()[0][-1]

        for _ in range(3):
            threads = [threading.Thread(target=live, args=(i,)) for i in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert ends.keys() == {0, 1, 2}
            for i, end in ends.items():
                alone = Life(names[i], torch.float32, i, False).live()[0][-1]
                for a, b in zip(end, alone, strict=True):
                    assert_alike(a, b)
