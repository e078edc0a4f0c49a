"""PyTorch's contract: `RuleOptimizer` keeps the books, as a `torch.optim.Optimizer` does."""

import contextlib
import inspect
import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import torch
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

from adamtut.checks import check_hyper, kind
from adamtut.optim import arrays, eager
from adamtut.optim.eager import as_python, describe, real, settle, takes_sparse, widened
from adamtut.traits import AT_LEAST_0, Range, Rule

_CLASS_DEFAULT: Any = object()

# What PyTorch's classes may be told about how to run. It is not for a rule to know.
_ENGINES = {
    "foreach": (None, "use compile=True"),
    "fused": (None, "use compile=True"),
    "capturable": (False, "use compile=True"),
    "differentiable": (False, "use compile=True"),
}


class RuleOptimizer(torch.optim.Optimizer):
    """A `torch.optim.Optimizer` that applies `rule`; the base of all classes.

    Parameters
    ----------
    params
        Parameters, named parameters or parameter groups, as for any `torch.optim.Optimizer`.
    lr
        Learning rate α ≥ 0, a number or a tensor of one element.
    weight_decay
        Decay λ ≥ 0.
    decoupled_weight_decay
        Whether λ shrinks the parameters directly, by the factor 1 - lr λ in each step (Loshchilov
        & Hutter 2019), or is added to the gradient as the penalty λ/2 p².
    maximize
        Climb instead of descend.
    compile
        Compile the rule, which must declare to be elementwise. On the CPU its text becomes one loop
        in C, which takes a C compiler a tenth of a second, once for a rule and dtype. On other
        devices, and for tensors with gaps or gradients in another order, PyTorch's inductor
        compiles it, once for each list of shapes that has gradients, which takes seconds and a C++
        compiler. Where neither can, a warning says so, and the rule runs as it is. In the loop a
        division by a number is a product with its reciprocal, which changes the last digits.
    **settings
        The rule's hyper-parameters, under PyTorch's names; `inspect.signature` shows them.

    Raises
    ------
    ValueError
        A value outside its range, an empty list of parameters, an argument of PyTorch's that has
        one legal value here and was given another.
    TypeError
        An argument that the class does not have; more than two positional arguments.
    RuntimeError
        In `step`, a sparse gradient that the class does not take, or a state without a slot.

    Notes
    -----
    Parameters may be real or complex, of any shape, layout of strides, and device. Of complex ones
    a rule sees the real view, whose last axis holds real and imaginary part. float16 and
    bfloat16 are computed in float32, and rounded once when stored. `state_dict` has PyTorch's
    keys: checkpoints go from and to PyTorch's class of the same name, in the middle of a run.
    """

    rule: Rule
    # Defaults that differ from the rule's, and further arguments; under PyTorch's names.
    numbers: ClassVar[dict[str, Any]] = {}
    # The rule's hyper-parameter → PyTorch's argument.
    arguments: ClassVar[dict[str, str]] = {}
    # The rule's state → PyTorch's key in the state of a parameter.
    slots: ClassVar[dict[str, str]] = {}
    # The rule's state → the argument that holds its start value.
    starts: ClassVar[dict[str, str]] = {}
    # Ranges of arguments that are not the rule's own, or wider in PyTorch.
    ranges: ClassVar[dict[str, Range]] = {}
    # Arguments of PyTorch's with one legal value here, and what to do instead.
    fixed: ClassVar[dict[str, tuple[Any, str]]] = {}
    # What to do where sparse gradients are not taken.
    instead_of_sparse: ClassVar[str] = "use SGD without momentum or Adagrad, which take them"
    # Whether each parameter counts its steps; PyTorch's SGD does not.
    counts_steps: ClassVar[bool] = True

    _books: Any = None  # what engines keep from step to step; no copy has it

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        ours = cls.__init__ is RuleOptimizer.__init__ and hasattr(cls, "rule")
        cls.__signature__ = cls._signature() if ours else None

    @classmethod
    def _settings(cls):
        """Every argument after `params`, with its default."""
        rule = describe(cls.rule)
        hyper = {cls.arguments.get(name, name): value for name, value in rule.defaults.items()}
        starts = {argument: rule.state[slot] for slot, argument in cls.starts.items()}
        decay = {"weight_decay": 0.0, "decoupled_weight_decay": False}
        return {
            "lr": 1e-3,
            **hyper,
            **starts,
            **decay,
            "maximize": False,
            "compile": False,
            **cls.numbers,
        }

    @classmethod
    def _ranges(cls):
        rule = {
            cls.arguments.get(k, k): allowed for k, allowed in describe(cls.rule).ranges.items()
        }
        return {"lr": AT_LEAST_0, "weight_decay": AT_LEAST_0, **rule, **cls.ranges}

    @classmethod
    def _fixed(cls):
        return cls.fixed | _ENGINES

    @classmethod
    def _signature(cls):
        settings = cls._settings() | {name: legal for name, (legal, _) in cls._fixed().items()}
        either, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
        return inspect.Signature(
            [inspect.Parameter("params", either)]
            + [
                inspect.Parameter(name, either if name == "lr" else keyword, default=value)
                for name, value in settings.items()
            ]
        )

    def __init__(self, params, lr=_CLASS_DEFAULT, **settings):
        known, name = self._settings(), type(self).__name__
        if lr is not _CLASS_DEFAULT:
            settings["lr"] = lr
        if unknown := settings.keys() - known.keys() - self._fixed().keys():
            takes = ", ".join(known)
            raise TypeError(f"{name} takes params, {takes}; not {', '.join(sorted(unknown))}")
        self._check(known | settings)
        defaults = known | {k: v for k, v in settings.items() if k in known}
        settle(defaults, known)
        super().__init__(params, defaults)

    @classmethod
    def _check(cls, settings):
        name, known, ranges = cls.__name__, cls._settings(), cls._ranges()
        for key, value in settings.items():
            if key in cls._fixed():
                legal, advice = cls._fixed()[key]
                if value != legal and (value or legal):
                    raise ValueError(f"{name} has {key}={legal} only, got {value}; {advice}")
            elif key in known:
                default = known[key]
                several = isinstance(default, tuple) and _is_sequence(value)
                if not all(_is_single(entry) for entry in (value if several else [value])):
                    expected = kind(key, default)
                    raise ValueError(f"{name}: {key} must be {expected}, got {value!r}")
                plain = as_python(tuple(value) if several else value)
                check_hyper(key, plain, default, ranges.get(key), where=f"{name}: ")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters; what it does not set is taken from the class's arguments."""
        if isinstance(param_group, dict):
            self._check(self.defaults | param_group)
            # Whose it is, another optimizer perhaps, needs the keys that do not stay in ours.
            param_group = param_group.copy()
        super().add_param_group(param_group)
        _keep_out(self.param_groups[-1], self._not_live())
        settle(self.param_groups[-1], self._settings())

    @classmethod
    def _not_live(cls):
        """Keys that never stay in a group, where a scheduler could change them unheard."""
        return (cls._fixed().keys() - cls._settings().keys()) | {"compile"}

    def _refuse_fixed(self, group):
        """Refuse what may have been written into a live group, of what has one legal value."""
        fixed = self._fixed().items()
        if other := {k: group[k] for k, (v, _) in fixed if group.get(k, v) is not v}:
            self._check(other)

    def _rule_for(self, group):
        return type(self).rule

    def step(self, closure: Callable[[], Any] | None = None):
        """Make one step; `closure`, if given, computes the loss anew and is returned."""
        if torch.compiler.is_compiling():
            return _untraced(self, closure)
        if not self._is_watched():
            return self._step(closure)
        return _watched_step(self) if closure is None else _watched_step(self, closure)

    # PyTorch would wrap `step`, for hooks and profilers, in what costs more than a small step.
    step.hooked = True  # type: ignore[attr-defined]

    def _is_watched(self):
        """Whether a hook or a profiler waits for this step; a class's own `step` is wrapped."""
        return type(self).step is RuleOptimizer.step and bool(
            self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or _global_optimizer_pre_hooks
            or _global_optimizer_post_hooks
            or torch.autograd._profiler_enabled()
        )

    def _step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        groups = self._books.repeat(self) if self._books else self.param_groups
        if groups:
            # PyTorch does not warn of overflow either.
            with torch.no_grad(), np.errstate(all="ignore"):
                for group in groups:
                    self._step_group(group)
        return loss

    def _step_group(self, group):
        self._refuse_fixed(group)
        settle(group, self.defaults)  # a scheduler may have written what is no number of Python's
        rule, run = self._rule_for(group), eager.run
        params = [p for p in group["params"] if p.grad is not None]
        self._refuse_sparse(params, group, rule)
        if self.defaults["compile"] and _can_be_compiled(rule):
            params, run = _compiled_engine().take(self, group, rule, params)
            self._run(run, group, rule, params)
        elif not arrays.repeat(self, group):
            self._run(run, group, rule, params)
            arrays.keep(self, group, rule, params)

    def _run(self, run, group, rule, params):
        """Step parameters of a group by an engine; sparse gradients have one of their own."""
        work = defaultdict(list)  # parameters may have joined at different steps
        for p in params:
            t, slots = self._entry(p, group, rule)
            work[t, p.device, p.grad.layout].append((p, slots))
        for (t, _, layout), tensors in work.items():
            run_these = run if layout is torch.strided else eager.run_sparse
            run_these(rule, tensors, t, **self._settings_at(t, group, rule))
            if self.counts_steps:
                for p, _ in tensors:
                    self.state[p]["step"].fill_(t)

    def _entry(self, p, group, rule):
        """The number of a parameter's next step, and the rule's state of it."""
        state = self.state[p] if self.counts_steps or describe(rule).state else {}
        t = next_step(state) if self.counts_steps else 1
        return t, self._slots_of(p, state, group, rule)

    def _refuse_sparse(self, params, group, rule):
        if takes_sparse(rule) and not as_python(group["weight_decay"]):
            return
        advice = "set weight_decay=0" if takes_sparse(rule) else self.instead_of_sparse
        for p in params:
            if p.grad.layout is not torch.strided:
                raise RuntimeError(
                    f"{type(self).__name__} takes dense gradients here, got one of layout "
                    f"{p.grad.layout}; {advice}, or use a layer with sparse=False"
                )

    def _slots_of(self, p, state, group, rule):
        """The rule's state of a parameter, made where it is missing."""
        slots = []
        about = describe(rule)
        for slot, start in about.state.items():
            key, number = self.slots.get(slot, slot), slot in about.scalars
            varies = callable(start)  # with the parameter, as does its shape
            if state.get(key) is None:
                if self.counts_steps and state["step"] > 0:
                    raise RuntimeError(_without(type(self).__name__, key, state))
                start = group[self.starts[slot]] if slot in self.starts else start
                state[key] = _allocate(p, start, number)
            alike = number or (varies and not about.elementwise)
            if not alike and real(state[key]).shape != real(p).shape:
                raise RuntimeError(
                    f"{type(self).__name__}: {key} has shape {tuple(state[key].shape)}, but the "
                    f"parameter has {tuple(p.shape)} now; make a new optimizer for it"
                )
            if not number:  # after model.float() and the like
                state[key] = state[key].to(real(p).dtype if varies else p.dtype)
            slots.append(state[key])
        return slots

    def _settings_at(self, t, group, rule):
        """What a step needs besides tensors, as Python numbers; functions of t at t."""
        weight_decay = as_python(group["weight_decay"]) or None
        decoupled = group["decoupled_weight_decay"]
        hyper, functions = {}, {}
        for name, default in describe(rule).defaults.items():
            value = group[self.arguments.get(name, name)]
            if callable(value):
                functions[name] = as_python(value(t))
            else:
                hyper[name] = bool(value) if isinstance(default, bool) else as_python(value)
        return {
            "lr": as_python(group["lr"]),
            "l2": None if decoupled else weight_decay,
            "weight_decay": weight_decay if decoupled else None,
            "maximize": bool(group["maximize"]),
            "hyper": hyper,
            "functions": functions,
        }

    @classmethod
    def _functions(cls, group):
        """The settings of a group that are functions of t, which are no data."""
        return {
            k: group[k] for k, value in cls._settings().items() if callable(value) and k in group
        }

    def state_dict(self) -> dict[str, Any]:
        """The state, as PyTorch's class of the same name writes it; in place of functions None.

        PyTorch's class reads what it knows: where it has no `decoupled_weight_decay` or `corrected`
        it goes on without them. (A flattened state has to have every key: what PyTorch's class
        wrote without them is loaded as it came, unflattened.)
        """

        def complete(optimizer, state_dict):
            for group in state_dict["param_groups"]:
                settle(group, self._settings())
                # A stand-in, because who splits or flattens a state asks for every key of a group.
                group.update(dict.fromkeys(self._functions(group)))
                group.update({key: legal for key, (legal, _) in self._fixed().items()})

        # As the first hook: those of others see what is written.
        with _hooks(self.register_state_dict_post_hook(complete, prepend=True)):
            return super().state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state, ours or that of PyTorch's class of the same name; tensors are copied.

        How PyTorch's optimizer was run (fused, foreach …) does not matter. Functions, as `decay`
        of `PowerSign`, stay as they are. A state without what the rule needs, as that of another
        optimizer, is refused.
        """
        functions = [self._functions(group) for group in self.param_groups]
        loaded: dict[str, Any] = {}

        def check(optimizer, state_dict):
            for group in state_dict["param_groups"]:
                functions = {k for k in self._functions(group) if group[k] is None}
                ignored = _ENGINES.keys() | functions
                self._check({key: v for key, v in group.items() if key not in ignored})
                for i in group["params"]:
                    self._check_state(state_dict["state"].get(i, {}), group)
            loaded.update(state_dict)

        def own(optimizer):
            for group, kept in zip(self.param_groups, functions, strict=True):
                group.update(kept)
            self._own(loaded)

        # After the hooks of others that change what is loaded, before those that look at it.
        with _hooks(
            self.register_load_state_dict_pre_hook(check),
            self.register_load_state_dict_post_hook(own, prepend=True),
        ):
            super().load_state_dict(state_dict)

    def _check_state(self, state, group):
        """Refuse a state that has begun without a slot: the rule would begin it anew, unheard."""
        rule = self._rule_for(self._settings() | group)
        counter = ["step"] if self.counts_steps else []
        for key in counter + [self.slots.get(slot, slot) for slot in describe(rule).state]:
            # PyTorch's SGD writes None where the momentum has not begun.
            not_begun = not self.counts_steps and state.get(key, 0) is None
            if state and not (isinstance(state.get(key), torch.Tensor | Real) or not_begun):
                raise ValueError(_without(type(self).__name__, key, state))

    def _own(self, state_dict):
        """Copy what loading shares with the dictionary, and undo its casts of single numbers."""
        scalars = describe(type(self).rule).scalars
        numbers = {"step"} | {self.slots.get(slot, slot) for slot in scalars}
        saved = [i for group in state_dict["param_groups"] for i in group["params"]]
        live = [p for group in self.param_groups for p in group["params"]]
        for i, p in zip(saved, live, strict=True):
            state = self.state.get(p, {})
            for key, value in state.items():
                if key in numbers:
                    number = torch.as_tensor(state_dict["state"][i][key], device="cpu")
                    state[key] = number.detach().to("cpu", copy=True)
                elif isinstance(value, torch.Tensor):
                    state[key] = value.clone()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Fill groups with what older or other classes did not know; for pickle and loading."""
        settings = self._settings()
        for group in state["param_groups"]:
            _keep_out(group, self._not_live())
            for key in settings.keys() - self._not_live():
                group.setdefault(key, settings[key])
            settle(group, settings)
        super().__setstate__(state)


@contextlib.contextmanager
def _hooks(*handles):
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _untraced(optimizer, closure):
    """A step that `torch.compile` leaves as it is: its graph would take the state of one parameter
    for that of another."""
    return torch.compiler.disable(RuleOptimizer.step)(optimizer, closure)


_watched_step = torch.optim.Optimizer.profile_hook_step(RuleOptimizer._step)


def _keep_out(group, keys):
    for key in keys:
        group.pop(key, None)


def _without(name, key, state):
    has = ", ".join(map(str, state))
    return (
        f"{name}: the state of a parameter has no {key}, but {has}. Load one that {name} wrote, or "
        "PyTorch's class of that name, or go on without a state"
    )


def _is_sequence(value):
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_single(value):
    """Whether it is one thing: a tensor or an array may hold one number, a list is refused."""
    return not _is_sequence(value) and math.prod(getattr(value, "shape", ())) == 1


def next_step(state):
    """The number of the step to come; the counter is a tensor, as in PyTorch's checkpoints."""
    if "step" not in state:
        double = torch.get_default_dtype() == torch.float64
        dtype = torch.float64 if double else torch.float32
        state["step"] = torch.zeros((), dtype=dtype, device="cpu")
    return int(state["step"].item()) + 1


def _allocate(p, start, is_number):
    """A state of a parameter at the start."""
    value = start(widened(real(p))) if callable(start) else start
    if is_number:
        return torch.tensor(as_python(value), dtype=torch.float64, device="cpu")
    if callable(start):
        value = torch.as_tensor(value, dtype=real(p).dtype, device=p.device)
        return value.clone()  # it may be the parameter itself
    state = torch.zeros_like(p, memory_format=torch.preserve_format)
    real(state).fill_(value)
    return state


@cache
def _can_be_compiled(rule):
    """Whether a rule is elementwise; where it is not, say so, once."""
    about = describe(rule)
    if not about.elementwise:
        warnings.warn(
            f"compile=True is for rules that treat each element by itself; {about.name} does not "
            "declare that (adamtut.traits.elementwise), and runs whole and uncompiled.",
            RuntimeWarning,
            stacklevel=2,
        )
    return about.elementwise


def _compiled_engine():
    """Imported by the first step that needs it."""
    from adamtut.optim import traced

    return traced
