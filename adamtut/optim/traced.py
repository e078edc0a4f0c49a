"""What `compile=True` runs: on the CPU one loop in C for a rule, made by tracing its very text.

`trace` writes a rule down as C, `native` compiles it, which takes a tenth of a second, `plan` keeps
what a list of tensors needs from step to step, and this decides what takes that way: elementwise
rules, on dense tensors of real or complex floats in the memory of the CPU. Whatever is odd, and all
of it where there is no C compiler, goes on to PyTorch's inductor, as tensors on other devices do; a
rule that branches on a value can be compiled by neither, and runs as it is, after a warning.

The loop makes the operations that the rule makes in NumPy, in the same order and precision, but
for one: a division by a number, as 1 - beta1**t, is a product with its reciprocal, unless `EXACT`
is set, which is for tests: then every bit is that of the uncompiled rule. (Not quite where powers
are the C library's here and NumPy's own there, as on processors with AVX-512, nor in half
precision, which is computed in float32 here as there: there it is PyTorch that computes.)
"""

import os
import threading
import warnings
from typing import Any, NamedTuple

import numpy as np
import torch

from adamtut.optim import eager, native, plan, trace
from adamtut.optim.eager import describe
from adamtut.schedules import Schedule

EXACT = False

# Elements from which on several threads step them; more where threads that wait are asleep.
GRAIN = 2**18 if os.environ.get("OMP_WAIT_POLICY", "").lower() == "passive" else 2**15


# Rule, dtype, switches, settings without numbers → the compiled rule; None if it cannot be one.
_kernels: dict[tuple, Any] = {}
_branching: set[Any] = set()  # rules that branch on a value
_lock = threading.Lock()


class Kernel(NamedTuple):
    """A compiled rule, and how many numbers its loop needs for a tensor."""

    step: Any
    row: int


class Settings(NamedTuple):
    """The settings of a group: a tree for `trace`, its numbers apart, and all the rest as a key."""

    tree: dict[str, Any]
    numbers: list[float]
    key: tuple
    calls: bool  # whether functions of t are among the numbers, called at each step
    schedules: bool  # whether some are in the tree, traced


def take(optimizer, group, rule, params):
    """Step what the loop can; return the other parameters, and the engine that runs them."""
    if params and native.compiler() is not None:
        if optimizer._books is None:
            optimizer._books = plan.Books(optimizer)
        books = optimizer._books
        made = books.plans.get(id(group))
        if made is None or not made.holds(optimizer):
            made = books.plans[id(group)] = Plan(optimizer, group, rule, params)
            books.update(optimizer)
        made.step(optimizer)
        params = made.left
        if made.shared:
            return params, eager.run
    if rule in _branching or all(p.grad.layout is not torch.strided for p in params):
        return params, eager.run
    from adamtut.optim import inductor  # takes seconds to import

    return params, inductor.run


class Plan(plan.Watch):
    """How a parameter group is stepped, for as long as nothing about it changes."""

    def __init__(self, optimizer, group, rule, params):
        super().__init__(optimizer, group, rule)
        entries = [(p, *plan.tensors_of(optimizer, p, group, rule)) for p in params]
        fit = [plan.fits(*entry) for entry in entries]
        self.odd = [entry for entry, fits in zip(entries, fit, strict=True) if not fits]
        entries = [entry for entry, fits in zip(entries, fit, strict=True) if fits]
        written = plan.spans([a for p, *rest in entries for a in (p, *rest[0], *rest[1])])
        self.shared = written is None
        if self.shared:  # one parameter follows the other, and nothing is compiled
            entries = []
        self.counted = [counters[0] for *_, counters in entries if optimizer.counts_steps]
        self.batches: list[plan.Batch] = []
        # A schedule that branches is called, as other functions are, instead of traced.
        self.traces_schedules = True
        if entries and not self._make_batches(optimizer, entries, written):
            self.traces_schedules = False
            self._make_batches(optimizer, entries, written)
        place = {id(p): i for i, p in enumerate(self.known)}
        self.places = [[place[id(p)] for p in batch.params] for batch in self.batches]
        taken = {i for places in self.places for i in places}
        self.left = [p for p in params if place[id(p)] not in taken]
        self.watch_states(optimizer, [p for batch in self.batches for p in batch.params])

    def _make_batches(self, optimizer, entries, written):
        """One for each dtype; returns whether that is final."""
        settings = self._settings(optimizer)
        if settings is None:
            return True
        kinds: dict[torch.dtype, list] = {}
        for entry in entries:
            kinds.setdefault(eager.real(entry[0]).dtype, []).append(entry)
        kernels = {
            dtype: _kernel(self.rule, dtype, settings, optimizer.counts_steps) for dtype in kinds
        }
        if None in kernels.values() and settings.schedules:
            return False
        self.key, self.fixed = settings.key, self._are_fixed(settings)
        self.numbers = np.array(settings.numbers, dtype=np.float64)
        self.batches = [
            plan.Batch(kernels[dtype], some, self.numbers, written, GRAIN)
            for dtype, some in kinds.items()
            if kernels[dtype] is not None
        ]
        return True

    def _settings(self, optimizer):
        """What the loop is made of besides the rule; None if functions of t have several values."""
        steps = {int(counter.item()) + 1 for counter in self.counted} or {1}
        given = optimizer._settings_at(min(steps), self.group, self.rule)
        hyper, functions, schedules = dict(given["hyper"]), dict(given["functions"]), False
        for name in given["functions"]:
            function = self.group[optimizer.arguments.get(name, name)]
            if self.traces_schedules and isinstance(function, Schedule):
                hyper[name], schedules = function, True
                del functions[name]
        if functions and len(steps) > 1:
            return None
        numbers: list[float] = []

        def as_place(value):
            if not trace.is_number(value):
                return value
            numbers.append(value)
            return trace.Number(len(numbers) - 1)

        tree = trace.map_leaves(as_place, given | {"hyper": hyper, "functions": functions})
        return Settings(tree, numbers, tuple(trace.leaves(tree)), bool(functions), schedules)

    def _are_fixed(self, settings):
        """Whether the same objects mean the same settings."""
        return not settings.calls and all(map(plan.is_fixed, self.values))

    def holds(self, optimizer):
        """Whether a step is made as the last one was; takes over new numbers and gradients."""
        grads = self.gradients(optimizer)
        if grads is None or any(plan.fits(*entry) for entry in self.odd):
            return False
        return all(
            batch.holds([grads[i] for i in places])
            for batch, places in zip(self.batches, self.places, strict=True)
        )

    def _keep_settings(self, optimizer):
        values = self.watched(self.group)
        if not self.batches or (self.fixed and plan.same(values, self.values)):
            return True
        optimizer._refuse_fixed(self.group)
        if not all(plan.is_fixed(v) or callable(v) or isinstance(v, torch.Tensor) for v in values):
            return False  # what a scheduler has written becomes Python's numbers first
        settings = self._settings(optimizer)
        if settings is None or settings.key != self.key:
            return False
        self.values = values
        self.fixed = self._are_fixed(settings)
        self.numbers[:] = settings.numbers
        return True

    def step(self, optimizer):
        """Step what the plan has taken."""
        for batch in self.batches:
            if not batch.step():
                with torch.no_grad(), np.errstate(all="ignore"):
                    optimizer._run(eager.run, self.group, self.rule, batch.params)


def _kernel(rule, dtype, settings, counts):
    """The compiled rule; None, after a warning where it is due, if there cannot be one."""
    key = (rule, dtype, counts, EXACT, *settings.key)
    with _lock:
        if key not in _kernels:
            _kernels[key] = None  # until there is one
            _kernels[key] = _made(rule, dtype, settings, counts)
        return _kernels[key]


def _made(rule, dtype, settings, counts):
    about = describe(rule)
    try:
        loop = trace.trace(about, settings.tree, EXACT)
    except trace.UntraceableError as error:
        why, advice = error.args
        if not settings.schedules:
            _branching.add(rule)
            warnings.warn(
                f"compile=True cannot compile {about.name}, {why}; it runs uncompiled. {advice}.",
                RuntimeWarning,
                stacklevel=2,
            )
        return None
    except (AttributeError, TypeError):  # it asks for more than a trace has
        return None
    step = native.compiled(native.text(loop, str(dtype).removeprefix("torch."), counts))
    return None if step is None else Kernel(step, loop.row)
