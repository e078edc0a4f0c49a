"""Steps of a group in NumPy, again and again: its plan keeps the views that they need.

Finding out what a tensor is, and viewing it, costs more than to step a few numbers. So does calling
NumPy: short tensors of an elementwise rule are laid end to end, stepped as one, and copied back.
What is odd in any way, or shares memory with another tensor, has no plan.
"""

import math
from itertools import pairwise

import numpy as np
import torch

from adamtut.optim import eager, plan
from adamtut.optim.eager import are_numbers, describe, settle, step_arrays

# Elements that are laid end to end: to copy more takes longer than the calls that it saves.
SHORT = 16384

_is_neg = torch.Tensor.is_neg


def repeat(optimizer, group):
    """Step a group whose plan holds; returns whether it has been stepped."""
    plans = optimizer._books.plans if optimizer._books else {}
    made = plans.pop(id(group), None)  # it would keep memory that nobody else has
    if made is None or not made.holds(optimizer):
        return False
    made.step(optimizer)
    plans[id(group)] = made
    return True


def keep(optimizer, group, rule, params):
    """Make a plan for the next step of a group, where there can be one.

    It takes as long as a step, so it is made of what was there at the last step too: where memory
    or gradients are others in each step, no plan would ever hold.
    """
    if not all(map(_is_simple, params)):
        return
    if optimizer._books is None:
        optimizer._books = plan.Books(optimizer)
    books, key, seen = optimizer._books, id(group), [p.data_ptr() for p in params]
    if books.seen.get(key) != seen:
        books.seen[key] = seen
        return
    entries = [(p, *plan.tensors_of(optimizer, p, group, rule)) for p in params]
    written = plan.spans([a for p, states, counters in entries for a in (p, *states, *counters)])
    if written is not None and all(_fits(*entry) for entry in entries):
        books.plans[key] = Plan(optimizer, group, rule, entries, written)
        books.update(optimizer)


def _is_simple(p):
    """Whether parameter and gradient lie alike, as NumPy can hold them; `_fits` asks the rest."""
    floats = p.dtype in (torch.float32, torch.float64)
    return floats and p.is_cpu and p.is_contiguous() and p.stride() == p.grad.stride()


def _fits(p, states, counters):
    """Whether a simple parameter, its gradient and states lie alike, and nothing is odd."""
    return plan.fits(p, states, counters) and all(a.ndim == 0 for a in counters)


class Plan(plan.Watch):
    """How NumPy steps a parameter group, for as long as nothing about it changes."""

    left = ()  # parameters that it does not step

    def __init__(self, optimizer, group, rule, entries, written):
        super().__init__(optimizer, group, rule)
        params = [p for p, _, _ in entries]
        self.watch_states(optimizer, params)
        self.places = Places(entries, written)
        self.bundles = []
        for some in _bundled(entries, rule):
            rows = [(p, *optimizer._entry(p, self.group, rule)[1]) for p in some]
            steps = [optimizer.state[p]["step"] for p in some] if optimizer.counts_steps else []
            self.bundles.append(Bundle(rule, rows, steps))
        self.at = [i for i, p in enumerate(self.known) if p.grad is not None]
        self.compile = optimizer.defaults["compile"]
        self.numbers = None

    def holds(self, optimizer):
        """Whether a step is made as the last one was."""
        grads = self.gradients(optimizer)
        return (
            grads is not None
            and optimizer.defaults["compile"] is self.compile
            and self.places.holds([grads[i] for i in self.at])
            and all(map(Bundle.agrees, self.bundles))
        )

    def _keep_settings(self, optimizer):
        if not plan.same(self.watched(self.group), self.values):
            optimizer._refuse_fixed(self.group)
            settle(self.group, optimizer.defaults)
            self.values, self.numbers = self.watched(self.group), None
        return True

    def step(self, optimizer):
        """Step the group, and count."""
        torch.autograd.graph.increment_version(self.places.params)  # NumPy writes unseen by it
        with np.errstate(all="ignore"):  # PyTorch does not warn of overflow either
            for bundle in self.bundles:
                t = bundle.next_step()
                bundle.step(self.rule, t, **self._settings_at(optimizer, t))
                bundle.count(t)

    def _settings_at(self, optimizer, t):
        """As the optimizer's, kept where they stay what they are."""
        if self.numbers is not None:
            return self.numbers
        numbers = optimizer._settings_at(t, self.group, self.rule)
        if all(map(plan.is_fixed, self.values)) and not any(map(callable, self.values)):
            self.numbers = numbers
        return numbers


class Places(plan.Places):
    """Where tensors are; they may neither turn in their place nor get the gradients' memory."""

    def __init__(self, tensors, written):
        super().__init__(tensors)
        self.lie = plan.layouts(self.held)
        self.starts, self.ends = written
        self.sizes = np.array([p.numel() * p.itemsize for p in self.params], dtype=np.uintp)
        self.take(self.grads_at)

    def holds(self, grads):
        """As of all places, and whether parameters and states lie as they did."""
        return (
            super().holds(grads)
            and self.apart
            and plan.layouts(self.held) == self.lie
            and not any(map(_is_neg, self.params))
        )

    def take(self, places):
        """And note whether a gradient is in memory that is written, before it is read perhaps."""
        self.apart = len(places) == 1 or self._are_apart(places)  # of one all is read before
        return super().take(places)

    def _are_apart(self, places):
        starts = np.array(places, dtype=np.uintp)
        behind = np.searchsorted(self.ends, starts, side="right")  # first piece that ends behind it
        some = behind < len(self.starts)
        return not (self.starts[behind[some]] < (starts + self.sizes)[some]).any()


def _bundled(entries, rule):
    """The parameters in bundles: short ones that have counted the same together."""
    bundles: list[list] = []
    last: dict = {}  # by what bundles have in common: the last one, and its elements
    for p, _, counters in entries:
        short = describe(rule).elementwise and p.ndim > 0 and 2 * p.numel() <= SHORT
        key = (p.dtype, *[a.item() for a in counters]) if short else p
        some, size = last.get(key, ([], math.inf))
        if size + p.numel() > SHORT:
            some, size = [], 0
            bundles.append(some)
        some.append(p)
        last[key] = some, size + p.numel()
    return bundles


class Bundle:
    """Parameters that are stepped as one: several that are short, or one in its place."""

    def __init__(self, rule, rows, steps):
        """Of (parameter, *states) and of counters of steps; made without gradients."""
        self.params = params = [p for p, *_ in rows]
        in_parts = params[0].numel() > eager.CHUNK and describe(rule).elementwise
        flat = len(rows) > 1 or in_parts
        # For x and for each state an array of every parameter.
        self.columns = [
            [a.reshape(-1) if flat and a.ndim else a for a in map(torch.Tensor.numpy, tensors)]
            for tensors in zip(*rows, strict=True)
        ]
        self.steps = [step.numpy() for step in steps]
        numbers = zip(self.columns[1:], are_numbers(rule), strict=True)
        self.counters = [self.steps, *[column for column, number in numbers if number]]
        ends = np.cumsum([x.size for x in self.columns[0]]).tolist()
        self.parts = [slice(*pair) for pair in pairwise([0, *ends])]
        lines = all(p.ndim == 1 for p in params)
        self.join = torch.cat if lines else torch._utils._flatten_dense_tensors

    def agrees(self):
        """Whether all have counted the same; then the first speaks for the others."""
        return all(len({a.item() for a in column}) <= 1 for column in self.counters)

    def next_step(self):
        """The number of the step to come."""
        return int(self.steps[0].item()) + 1 if self.steps else 1

    def count(self, t):
        """Note that step t has been made."""
        for step in self.steps:
            step[...] = t

    def step(self, rule, t, **numbers):
        """Step all parameters."""
        if len(self.params) == 1:
            x, *state = [column[0] for column in self.columns]
            g = self.params[0].grad.detach().numpy()
            step_arrays(rule, (x, g.reshape(x.shape), state), t, **numbers)
            return
        g = self.join([p.grad for p in self.params]).detach().numpy()
        x, *state = [np.concatenate(c) if c[0].ndim else c[0].copy() for c in self.columns]
        step_arrays(rule, (x, g, state), t, **numbers)
        for column, joined in zip(self.columns, (x, *state), strict=True):
            for array, part in zip(column, self.parts, strict=True):
                array[...] = joined[part] if joined.ndim else joined
