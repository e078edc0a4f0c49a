"""What both engines of the CPU keep of a group of parameters from step to step.

A plan holds addresses, so it is asked before each step whether everything is where it was: the
same states, by identity, all tensors at their addresses, parameters and gradients in their layouts.
What was not where it was makes a new plan. A plan keeps the memory that it writes alive, so that
an address cannot come to belong to something else; gradients it does not keep.
"""

import ctypes
import weakref
from itertools import chain
from operator import attrgetter, is_, itemgetter
from typing import Any

import numpy as np
import torch

from adamtut.optim import native
from adamtut.optim.eager import are_numbers, real
from adamtut.schedules import Schedule

# The types that the loop knows; complex tensors are seen as pairs of them.
DTYPES = {torch.float32, torch.float64, torch.float16, torch.bfloat16}

_place, _size, _stride = torch.Tensor.data_ptr, torch.Tensor.size, torch.Tensor.stride
_is_neg, _is_conj = torch.Tensor.is_neg, torch.Tensor.is_conj
_dtype, _layout, _is_cpu = attrgetter("dtype"), attrgetter("layout"), attrgetter("is_cpu")


def same(some, others):
    """Whether two sequences hold the very same objects."""
    return len(some) == len(others) and all(map(is_, some, others))


def is_plain(tensor):
    """Whether a tensor is numbers in the memory of the CPU, and those that it seems to be."""
    return (
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and tensor.device.type == "cpu"
        and tensor.layout is torch.strided
        and not (tensor.is_neg() or tensor.is_conj() or tensor.is_inference())
    )


def fits(p, states, counters):
    """Whether the loop can step a parameter: one type, one dense order in memory, nothing odd."""
    arrays = (p, p.grad, *states)
    if not all(map(is_plain, (*arrays, *counters))):
        return False
    if any(a.numel() != 1 or a.dtype not in (torch.float32, torch.float64) for a in counters):
        return False
    views = [real(a) for a in arrays]
    layouts = {(a.dtype, *_order(a)) for a in views}
    return len(layouts) == 1 and views[0].dtype in DTYPES and _is_dense(views[0])


def _order(tensor):
    """Shape and strides, these only where they say something."""
    sizes, strides = tuple(tensor.shape), tensor.stride()
    many = tensor.numel() > 0
    return sizes, tuple([s if many and n > 1 else 0 for n, s in zip(sizes, strides, strict=True)])


def _is_dense(tensor):
    """Whether the elements fill a piece of memory, in any order, each in a place of its own."""
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1 and tensor.numel() > 0:
            if stride != expected:
                return False
            expected *= size
    return True


def spans(written):
    """Where pieces of memory start and end, in order; None if two of them overlap."""
    pieces = sorted((_place(a), _place(a) + a.numel() * a.itemsize) for a in written if a.numel())
    starts, ends = np.array(pieces, dtype=np.uintp).reshape(-1, 2).T.copy()
    return None if (starts[1:] < ends[:-1]).any() else (starts, ends)


class Books:
    """The plans of an optimizer, and which states were there when they were made."""

    def __init__(self, optimizer):
        self.plans: dict[int, Any] = {}  # by the id of the group, which the plan holds
        self.seen: dict[int, Any] = {}  # what the last step of a group without a plan was made of
        self.update(optimizer)

    def update(self, optimizer):
        """Note the states that are there now, and forget groups that are gone."""
        self.state, self.states = optimizer.state, list(optimizer.state.values())
        ids = set(map(id, optimizer.param_groups))
        self.plans = {key: plan for key, plan in self.plans.items() if key in ids}

    def repeat(self, optimizer):
        """Step groups whose plans hold, in order; return the others, from the first on."""
        groups, state = optimizer.param_groups, optimizer.state
        if state is not self.state or not same(list(state.values()), self.states):
            self.plans = {}
        for i, group in enumerate(groups):
            made = self.plans.get(id(group))
            if made is None or made.left or not made.holds(optimizer):
                return groups[i:]
            made.step(optimizer)
        return []


class Watch:
    """What is looked at of a group: its list, settings, states, and which gradients there are."""

    def __init__(self, optimizer, group, rule):
        self.group, self.rule, self.size = group, rule, len(group)
        self.known = list(group["params"])
        self.kinds = [type(p.grad) for p in self.known]  # of None too
        settings = optimizer._settings() | optimizer._fixed()
        self.watched = itemgetter(*(key for key in settings if key in group))
        self.values = self.watched(group)

    def watch_states(self, optimizer, params):
        """Note the states of these parameters, which are there by now."""
        self.states = [optimizer.state[p] for p in params if p in optimizer.state]
        self.slots = flat_values(self.states)

    def gradients(self, optimizer):
        """The gradients; None if anything that is looked at is another than it was.

        That each parameter's state is the same dictionary is known already.
        """
        if not same(self.group["params"], self.known) or len(self.group) != self.size:
            return None
        if optimizer._rule_for(self.group) is not self.rule or not self._keep_settings(optimizer):
            return None
        grads = [p.grad for p in self.known]
        if list(map(type, grads)) != self.kinds:
            return None
        return grads if same(flat_values(self.states), self.slots) else None

    def _keep_settings(self, optimizer):
        """Whether steps can go on with the settings of now, which are taken over."""
        raise NotImplementedError


def tensors_of(optimizer, p, group, rule):
    """States of a parameter that are tensors like it, and its counters: step, one-number states."""
    _, slots = optimizer._entry(p, group, rule)
    single = are_numbers(rule)
    states = [a for a, number in zip(slots, single, strict=True) if not number]
    counters = [a for a, number in zip(slots, single, strict=True) if number]
    return states, [optimizer.state[p]["step"], *counters] if optimizer.counts_steps else counters


def is_fixed(value):
    """Whether an object cannot change."""
    if isinstance(value, tuple):
        return all(map(is_fixed, value))
    return value is None or isinstance(value, int | float | str | Schedule)


class Places:
    """Where tensors and their gradients are, and how these lie."""

    def __init__(self, tensors):
        """Of (parameter, states, counters) that fit."""
        self.params = [p for p, _, _ in tensors]
        self.held = [a for p, states, counters in tensors for a in (p, *states, *counters)]
        self.aliases = [a.detach() for a in self.held]
        self.held_at = list(map(_place, self.held))
        grads = [p.grad for p in self.params]
        self.layouts = layouts(grads)
        self.grads, self.grads_at = list(map(weakref.ref, grads)), list(map(_place, grads))

    def holds(self, grads):
        """Whether all memory is where it was, and gradients are as the first were; takes them.

        A parameter whose layout changes in its place is found out by its next gradient, but for one
        that was turned and is as long as it is wide.
        """
        if list(map(_place, self.held)) != self.held_at:
            return False
        if not all(map(is_, grads, [ref() for ref in self.grads])):
            if not (_are_plain(grads) and layouts(grads) == self.layouts):
                return False
            self.grads = list(map(weakref.ref, grads))
        places = list(map(_place, grads))
        return places == self.grads_at or self.take(places)

    def take(self, places):
        """Take over where gradients are now; whether that can be."""
        self.grads_at = places
        return True


class Batch(Places):
    """Tensors that are stepped by one call: of one rule, one dtype, and the same settings."""

    def __init__(self, kernel, tensors, settings, written, grain):
        """Of (parameter, states, counters) that fit, and of the spans of all that is written."""
        super().__init__(tensors)
        self.square = [
            p for p in self.params if len({*p.shape} - {1}) < sum(n > 1 for n in p.shape)
        ]
        self.lie = list(map(_stride, self.square))
        self.kernel = kernel
        self.places = np.array(
            [[_place(a) for a in (p, p.grad, *states)] for p, states, _ in tensors], dtype=np.uintp
        )
        counters = [counters for _, _, counters in tensors]
        self._tables = [  # the task has their addresses
            np.array([real(p).numel() for p in self.params], dtype=np.int64),
            np.array([[_place(a) for a in own] for own in counters], dtype=np.uintp),
            np.array([[a.dtype == torch.float64 for a in own] for own in counters], dtype=np.int64),
            settings,
            np.empty(1 + kernel.row * len(tensors)),
            np.empty(len(tensors), dtype=np.int64),
        ]
        self._written = written
        self.task = native.Task(
            len(tensors),
            *(a.ctypes.data for a in (self.places, *self._tables)),
            len(written[0]),
            *(a.ctypes.data for a in written),
            1,
            1,
            grain,
        )
        self._address = ctypes.addressof(self.task)

    def holds(self, grads):
        """As of all places, and whether none was turned."""
        return super().holds(grads) and list(map(_stride, self.square)) == self.lie

    def take(self, places):
        """For the loop, which has to look whether they are apart from what it writes."""
        self.places[:, 1] = places
        self.task.check = 1
        return super().take(places)

    def step(self):
        """Step all tensors; False, and nothing has happened, where the loop cannot."""
        self.task.threads = torch.get_num_threads()
        if self.kernel.step(self._address) != native.DONE:
            return False
        self.task.check = 0
        torch.autograd.graph.increment_version(self.params)  # C writes without autograd's knowledge
        return True


def _are_plain(tensors):
    """`is_plain` of all; that their type is one of the two is known."""
    return (
        all(map(_is_cpu, tensors))
        and set(map(_layout, tensors)) == {torch.strided}
        and not (any(map(_is_neg, tensors)) or any(map(_is_conj, tensors)))
    )


def layouts(tensors):
    """Dtypes, shapes and strides."""
    return [list(map(f, tensors)) for f in (_dtype, _size, _stride)]


def flat_values(states):
    """All values of several dictionaries."""
    return list(chain.from_iterable(map(dict.values, states)))
