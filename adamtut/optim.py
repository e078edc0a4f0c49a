"""The rules as drop-ins for `torch.optim`.

A class is data: its rule, and what PyTorch calls the rule's state and hyper-parameters. All of the
arithmetic is in `adamtut.rules`; `RuleOptimizer` keeps the books, as a `torch.optim.Optimizer`
does. A rule of your own, written with `adamtut.ops`, becomes an optimizer in two lines. Its
hyper-parameters may not be negative, and each needs a default::

    class SignDescent(RuleOptimizer):
        rule = staticmethod(lambda g, t: (ops.sign(g),))
"""

import contextlib
import inspect
import math
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

import numpy as np

try:
    import torch
except ImportError as error:
    raise ImportError(
        "adamtut.optim needs PyTorch: install adamtut with its 'torch' extra"
    ) from error

from adamtut import registry, rules
from adamtut.checks import check_hyper

describe = cache(registry.describe)

# Elements that are updated at a time on the CPU: temporaries of this size stay in the cache.
CHUNK = 65536

_CLASS_DEFAULT: Any = object()

# What PyTorch's classes may be told about how to run. It is not for a rule to know.
_ENGINES = {
    "foreach": (None, "use compile=True"),
    "fused": (None, "use compile=True"),
    "capturable": (False, "use compile=True"),
    "differentiable": (False, "use compile=True"),
}


class RuleOptimizer(torch.optim.Optimizer):
    """A `torch.optim.Optimizer` that applies `rule`; the base of the classes below.

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
        Compile the rule with PyTorch's inductor, once for each list of shapes that has gradients,
        which takes seconds. Needs a C++ compiler; without one a warning says so, and the rule
        runs as it is.
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
        A sparse gradient, in `step`.

    Notes
    -----
    Parameters may be real or complex, of any shape, layout of strides, and device. float16 and
    bfloat16 are computed in float32, and rounded once when stored. `state_dict` has PyTorch's
    keys: checkpoints go from and to PyTorch's class of the same name, in the middle of a run.
    """

    rule: Callable[..., tuple]
    # Defaults that differ from the rule's, and further arguments; under PyTorch's names.
    numbers: ClassVar[dict[str, Any]] = {}
    # The rule's hyper-parameter → PyTorch's argument.
    arguments: ClassVar[dict[str, str]] = {}
    # The rule's state → PyTorch's key in the state of a parameter.
    slots: ClassVar[dict[str, str]] = {}
    # The rule's state → the argument that holds its start value.
    starts: ClassVar[dict[str, str]] = {}
    # Arguments of PyTorch's with one legal value here, and what to do instead.
    fixed: ClassVar[dict[str, tuple[Any, str]]] = {}
    # Whether each parameter counts its steps; PyTorch's SGD does not.
    counts_steps: ClassVar[bool] = True

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
        super().__init__(params, known | {k: v for k, v in settings.items() if k in known})

    @classmethod
    def _check(cls, settings):
        name, known = cls.__name__, cls._settings()
        for key, value in settings.items():
            if key in cls._fixed():
                legal, advice = cls._fixed()[key]
                if value != legal and (value or legal):
                    raise ValueError(f"{name} has {key}={legal} only, got {value}; {advice}")
            elif key in known:
                pair = key == "betas" and isinstance(value, tuple | list)
                if not all(_is_single(entry) for entry in (value if pair else [value])):
                    expected = "a pair (beta1, beta2)" if key == "betas" else "one number"
                    raise ValueError(f"{name}: {key} must be {expected}, got {value!r}")
                check_hyper(key, _python(value), known[key], where=f"{name}: ")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters; what it does not set is taken from the class's arguments."""
        if isinstance(param_group, dict):
            self._check(self.defaults | param_group)
        super().add_param_group(param_group)
        _keep_out(self.param_groups[-1], self._not_live())

    @classmethod
    def _not_live(cls):
        """Keys that never stay in a group, where a scheduler could change them unheard."""
        return (cls._fixed().keys() - cls._settings().keys()) | {"compile"}

    def _rule_for(self, group):
        return type(self).rule

    def step(self, closure: Callable[[], Any] | None = None):
        """Make one step; `closure`, if given, computes the loss anew and is returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad(), np.errstate(all="ignore"):  # PyTorch does not warn of overflow either
            for group in self.param_groups:
                self._step_group(group)
        return loss

    def _step_group(self, group):
        rule = self._rule_for(group)
        params = [p for p in group["params"] if p.grad is not None]
        self._refuse_sparse(params)
        work = defaultdict(list)  # parameters may have joined at different steps
        stateful = self.counts_steps or describe(rule).state
        for p in params:
            state = self.state[p] if stateful else {}
            t = _next_step(state) if self.counts_steps else 1
            work[t, p.device].append((p, self._slots_of(p, state, group, rule)))
        run = _run_compiled if self.defaults["compile"] else _run_eagerly
        for (t, _), tensors in work.items():
            run(rule, tensors, t, **self._settings_at(t, group, rule))
            if self.counts_steps:
                for p, _ in tensors:
                    self.state[p]["step"].fill_(t)

    def _refuse_sparse(self, params):
        for p in params:
            if p.grad.layout is not torch.strided:
                raise RuntimeError(
                    f"{type(self).__name__} takes dense gradients, got one of layout "
                    f"{p.grad.layout}; use torch.optim.SparseAdam, or a layer with sparse=False"
                )

    def _slots_of(self, p, state, group, rule):
        """The rule's state of a parameter, made where it is missing."""
        slots = []
        for slot, start in describe(rule).state.items():
            key, number = self.slots.get(slot, slot), slot in _scalar_slots(rule)
            if state.get(key) is None:
                start = group[self.starts[slot]] if slot in self.starts else start
                state[key] = _allocate(p, start, number)
            elif not number and state[key].shape != p.shape:
                raise RuntimeError(
                    f"{type(self).__name__}: {key} has shape {tuple(state[key].shape)}, but the "
                    f"parameter has {tuple(p.shape)} now; make a new optimizer for it"
                )
            elif not number and state[key].dtype != p.dtype:  # after model.float() and the like
                state[key] = state[key].to(p.dtype)
            slots.append(state[key])
        return slots

    def _settings_at(self, t, group, rule):
        """What a step needs besides tensors, as Python numbers; functions of t at t."""
        weight_decay = _python(group["weight_decay"]) or None
        decoupled = group["decoupled_weight_decay"]
        hyper, functions = {}, {}
        for name, default in describe(rule).defaults.items():
            value = group[self.arguments.get(name, name)]
            if callable(value):
                functions[name] = _python(value(t))
            else:
                hyper[name] = bool(value) if isinstance(default, bool) else _python(value)
        return {
            "lr": _python(group["lr"]),
            "l2": None if decoupled else weight_decay,
            "shrink": weight_decay if decoupled else None,
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
        """The state, as PyTorch's class of the same name writes it; functions are left out.

        PyTorch's class reads what it knows: where it has no `decoupled_weight_decay` or `corrected`
        it goes on without them.
        """

        def complete(optimizer, state_dict):
            for group in state_dict["param_groups"]:
                _keep_out(group, self._functions(group))
                group.update({key: legal for key, (legal, _) in self._fixed().items()})

        # As the first hook: those of others see what is written.
        with _hooks(self.register_state_dict_post_hook(complete, prepend=True)):
            return super().state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state, ours or that of PyTorch's class of the same name; tensors are copied.

        How PyTorch's optimizer was run (fused, foreach …) does not matter. Functions, as `decay`
        of `PowerSign`, stay as they are.
        """
        functions = [self._functions(group) for group in self.param_groups]
        loaded: dict[str, Any] = {}

        def check(optimizer, state_dict):
            for group in state_dict["param_groups"]:
                self._check({key: v for key, v in group.items() if key not in _ENGINES})
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

    def _own(self, state_dict):
        """Copy what loading shares with the dictionary, and undo its casts of single numbers."""
        numbers = {"step"} | {self.slots.get(slot, slot) for slot in _scalar_slots(type(self).rule)}
        saved = [i for group in state_dict["param_groups"] for i in group["params"]]
        live = [p for group in self.param_groups for p in group["params"]]
        for i, p in zip(saved, live, strict=True):
            state = self.state.get(p, {})
            for key, value in state.items():
                if key in numbers:
                    number = torch.as_tensor(state_dict["state"][i][key])
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
        super().__setstate__(state)


@contextlib.contextmanager
def _hooks(*handles):
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _keep_out(group, keys):
    for key in keys:
        group.pop(key, None)


def _is_single(value):
    """Whether it is one thing: a tensor or an array may hold one number, a list is refused."""
    return not isinstance(value, tuple | list) and math.prod(getattr(value, "shape", ())) == 1


def _python(value):
    """A Python number for a tensor of one element; a pair of them for a pair."""
    if type(value) is float:  # nearly always
        return value
    if isinstance(value, tuple | list):
        return tuple([_python(entry) for entry in value])
    return value.item() if isinstance(value, torch.Tensor | np.generic | np.ndarray) else value


@cache
def _scalar_slots(rule):
    """The states that are one number whatever the gradient, as NAdam's product."""
    with np.errstate(all="ignore"):
        _, *state = rule(np.zeros(2), 1)
    names = describe(rule).state
    return {name for name, value in zip(names, state, strict=True) if np.ndim(value) == 0}


@cache
def _is_elementwise(rule):
    """Whether a rule treats each element by itself, as all of the book do: tried on two steps."""
    stream = np.array([[[1.0, -2.0], [3.0, 0.5]], [[-0.3, 4.0], [-1.0, 2.0]]])
    together: list = []
    alone: list[list] = [[]] * 4
    with np.errstate(all="ignore"):
        for t, g in enumerate(stream, start=1):
            d, *together = rule(g, t, *together)
            steps = [rule(x, t, *state) for x, state in zip(g.reshape(4, 1), alone, strict=True)]
            alone = [state for _, *state in steps]
            if not np.array_equal(np.ravel(d), np.ravel([d for d, *_ in steps]), equal_nan=True):
                return False
    return True


@cache
def _are_numbers(rule):
    return [slot in _scalar_slots(rule) for slot in describe(rule).state]


def _next_step(state):
    """The number of the step to come; the counter is a tensor, as in PyTorch's checkpoints."""
    if "step" not in state:
        double = torch.get_default_dtype() == torch.float64
        dtype = torch.float64 if double else torch.float32
        state["step"] = torch.zeros((), dtype=dtype, device="cpu")
    return int(state["step"].item()) + 1


def _allocate(p, start, is_number):
    if is_number:
        return torch.tensor(start, dtype=torch.float64, device="cpu")
    state = torch.zeros_like(p, memory_format=torch.preserve_format)
    _real(state).fill_(start)
    return state


def _real(tensor):
    """The tensor without its history; of a complex one a view as pairs of real numbers."""
    tensor = tensor.detach()
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def stepped(rule, x, g, state, t, lr, l2, shrink, maximize, hyper):
    """One step of one tensor: new parameters and new state. Nothing is written."""
    if maximize:
        g = -g
    if l2 is not None:
        g = g + l2 * x
    d, *state = rule(g, t, *state, **hyper)
    if shrink is not None:
        x = x * (1 - lr * shrink)
    return x - lr * d, state


def update(rule, tensors, t, lr, l2, shrink, maximize, hyper, functions):
    """Step every (x, g, state) in place; return, for each, new values of states that are a number.

    Half precision is computed in float32, and rounded when it is stored.
    """
    hyper = _with_functions(hyper, functions)
    returned: list[list] = []
    for x, g, state in tensors:
        wide = [_widened(a) for a in (x, g, *state)]
        new_x, new_state = stepped(
            rule, wide[0], wide[1], wide[2:], t, lr, l2, shrink, maximize, hyper
        )
        returned.append([])
        for old, value in zip((x, *state), (new_x, *new_state), strict=True):
            if getattr(old, "ndim", 0) > 0:
                old.copy_(value)
            else:
                returned[-1].append(value)
    return returned


def _with_functions(hyper, functions):
    """Hyper-parameters as the rule takes them, where functions of t have their values at t."""
    return hyper | {name: lambda t, value=value: value for name, value in functions.items()}


def _widened(array):
    half = getattr(array, "dtype", None) in (torch.float16, torch.bfloat16)
    return array.float() if half else array


def _run_eagerly(rule, tensors, t, **numbers):
    for p, slots in tensors:
        if arrays := _as_numpy(rule, p, slots):
            _step_arrays(rule, arrays, t, **numbers)
        else:
            _step_tensors(rule, p, slots, t, **numbers)


def _views(rule, p, slots):
    """x, g and state of a parameter as real tensors of one dimension or more; numbers stay 0-d."""
    numbers = [False, False, *_are_numbers(rule)]
    g = p.grad.resolve_conj().resolve_neg()
    tensors = zip((p, g, *slots), numbers, strict=True)
    return [tensor if number else _at_least_1d(_real(tensor)) for tensor, number in tensors]


def _at_least_1d(tensor):
    return tensor if tensor.ndim else tensor.view(1)


def _as_numpy(rule, p, slots):
    """x, g and state as NumPy arrays that share the memory of tensors; None where they cannot.

    NumPy's calls cost less than PyTorch's.
    """
    plain = type(p) in (torch.Tensor, torch.nn.Parameter) and p.device.type == "cpu"
    if not plain or p.dtype not in (torch.float32, torch.float64) or p.grad.dtype != p.dtype:
        return None
    if p.is_neg() or p.is_inference():  # the first has a minus that its memory does not have
        return None
    x, g, *state = [tensor.numpy(force=True) for tensor in (p, p.grad, *slots)]
    if not x.flags.c_contiguous and not _is_elementwise(rule):
        return None  # elements that mix need their places, and these may share memory
    if not x.flags.c_contiguous or (x.size > CHUNK and _is_elementwise(rule)):
        flat = _flattened([x, g, *state], [False, False, *_are_numbers(rule)])
        if flat is None:
            return None
        x, g, *state = flat
    torch.autograd.graph.increment_version(p)  # NumPy writes without autograd's knowledge
    return x, g, state


def _flattened(arrays, numbers):
    """1-d views of arrays that lie in memory in one order and without gaps, else None."""
    order = np.argsort(arrays[0].strides, kind="stable")[::-1]
    arrays = [a if n else a.transpose(order) for a, n in zip(arrays, numbers, strict=True)]
    if not all(a.flags.c_contiguous for a in arrays):
        return None
    return [a if n else a.reshape(-1) for a, n in zip(arrays, numbers, strict=True)]


def _step_arrays(rule, arrays, t, hyper, functions, **numbers):
    """Step arrays in place, in parts whose temporaries fit the cache."""
    x, g, state = arrays
    hyper = _with_functions(hyper, functions)
    before = [a.item() if n else a for a, n in zip(state, _are_numbers(rule), strict=True)]
    for part in _parts(x.size) if x.ndim == 1 and _is_elementwise(rule) else [...]:
        old = [a[part] if isinstance(a, np.ndarray) else a for a in before]
        new_x, new = stepped(rule, x[part], g[part], old, t, hyper=hyper, **numbers)
        x[part] = new_x
        for array, value in zip(state, new, strict=True):
            array[part if array.ndim else ...] = value


def _parts(size):
    return [slice(i, i + CHUNK) for i in range(0, max(1, size), CHUNK)]


def _step_tensors(rule, p, slots, t, **numbers):
    """Step tensors that NumPy cannot hold: of another device, dtype or type."""
    x, g, *state = _views(rule, p, slots)
    are_numbers = _are_numbers(rule)
    old = [a.item() if n else a for a, n in zip(state, are_numbers, strict=True)]
    (changed,) = update(rule, [(x, g, old)], t, **numbers)
    holders = [slot for slot, number in zip(slots, are_numbers, strict=True) if number]
    for slot, value in zip(holders, changed, strict=True):
        slot.fill_(value)


def _run_compiled(rule, tensors, t, **numbers):
    from adamtut._compiled import can_compile

    if not _is_elementwise(rule):
        raise ValueError(
            f"compile=True needs a rule that treats each element by itself, and "
            f"{describe(rule).name} does not; use compile=False"
        )
    places = [p.data_ptr() for p, _ in tensors if p.numel()]
    if not can_compile() or len(set(places)) < len(places):  # shared memory: one after the other
        return _run_eagerly(rule, tensors, t, **numbers)
    template = {"t": t, **numbers}
    leaves = _leaves(template)
    flat = [view for p, slots in tensors for view in _views(rule, p, slots)]
    layout = [(a.shape, a.stride(), a.dtype, a.device) for a in flat]
    key = (rule, *(float if _is_number(value) else value for value in leaves), *layout)
    values = torch.tensor([v for v in leaves if _is_number(v)], dtype=torch.float64, device="cpu")
    if key not in _kernels:
        _kernels[key] = _kernel(rule, template, (*flat, values))
    changed = iter(_kernels[key](*flat, values))
    for _, slots in tensors:
        for slot, number in zip(slots, _are_numbers(rule), strict=True):
            if number:
                slot.copy_(next(changed))


# Rule, settings and layout of tensors → the compiled update.
_kernels: dict[tuple, Callable[..., Any]] = {}


def _kernel(rule, template, inputs):
    from adamtut._compiled import compiled

    width = 2 + len(_are_numbers(rule))

    def function(*inputs):
        *flat, values = inputs
        numbers = iter(values.unbind())
        settings = _map(lambda value: next(numbers) if _is_number(value) else value, template)
        triples = [
            (flat[i], flat[i + 1], flat[i + 2 : i + width]) for i in range(0, len(flat), width)
        ]
        returned = update(rule, triples, **settings)
        return [number for numbers in returned for number in numbers]

    return compiled(function, inputs)


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _map(function, tree):
    if isinstance(tree, dict):
        return {key: _map(function, value) for key, value in tree.items()}
    if isinstance(tree, tuple):
        return tuple([_map(function, value) for value in tree])
    return function(tree)


def _leaves(tree):
    leaves: list[Any] = []
    _map(leaves.append, tree)
    return leaves


class SGD(RuleOptimizer):
    """Gradient descent, heavy ball or Nesterov momentum, as `momentum` and `nesterov` say.

    Rules `gd`, `momentum` and `nesterov` of `adamtut.rules`, chosen anew in each step.
    """

    rule = staticmethod(rules.momentum)
    numbers: ClassVar = {"momentum": 0.0, "nesterov": False}
    arguments: ClassVar = {"beta": "momentum"}
    slots: ClassVar = {"m": "momentum_buffer"}
    fixed: ClassVar = {"dampening": (0, "for an average scale lr by 1 - momentum")}
    counts_steps = False

    @classmethod
    def _check(cls, settings):
        super()._check(settings)
        if settings.get("nesterov") and not settings.get("momentum"):
            raise ValueError(f"{cls.__name__}: nesterov=True needs a momentum above 0")

    def _rule_for(self, group):
        if _python(group["momentum"]) == 0:
            return rules.gd
        return rules.nesterov if group["nesterov"] else rules.momentum


class SGDW(SGD):
    """`SGD` with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 1)."""

    numbers: ClassVar = SGD.numbers | {"weight_decay": 1e-2, "decoupled_weight_decay": True}
    fixed: ClassVar = SGD.fixed | {"decoupled_weight_decay": (True, "use SGD")}


class Adagrad(RuleOptimizer):
    """AdaGrad, rule `adagrad`; PyTorch's `lr_decay` is a schedule."""

    rule = staticmethod(rules.adagrad)
    numbers: ClassVar = {"lr": 1e-2}
    slots: ClassVar = {"s": "sum"}
    starts: ClassVar = {"s": "initial_accumulator_value"}
    fixed: ClassVar = {"lr_decay": (0, "use a scheduler")}


class RMSprop(RuleOptimizer):
    """RMSProp, rule `rmsprop`, with PyTorch's `alpha` for beta."""

    rule = staticmethod(rules.rmsprop)
    numbers: ClassVar = {"lr": 1e-2, "alpha": 0.99}
    arguments: ClassVar = {"beta": "alpha"}
    slots: ClassVar = {"v": "square_avg"}
    fixed: ClassVar = {
        "momentum": (0, "use Adam for momentum"),
        "centered": (False, "the rule has no centred form"),
    }


class Adadelta(RuleOptimizer):
    """Adadelta, rule `adadelta`."""

    rule = staticmethod(rules.adadelta)
    numbers: ClassVar = {"lr": 1.0, "rho": 0.9}
    slots: ClassVar = {"v": "square_avg", "s": "acc_delta"}


class Adam(RuleOptimizer):
    """Adam, rule `adam`."""

    rule = staticmethod(rules.adam)
    slots: ClassVar = {"m": "exp_avg", "v": "exp_avg_sq"}
    fixed: ClassVar = {"amsgrad": (False, "use AMSGrad")}


class AdamW(Adam):
    """`Adam` with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2)."""

    numbers: ClassVar = {"weight_decay": 1e-2, "decoupled_weight_decay": True}
    fixed: ClassVar = Adam.fixed | {"decoupled_weight_decay": (True, "use Adam")}


class Adamax(RuleOptimizer):
    """AdaMax, rule `adamax`."""

    rule = staticmethod(rules.adamax)
    numbers: ClassVar = {"lr": 2e-3}
    slots: ClassVar = {"m": "exp_avg", "u": "exp_inf"}


class AMSGrad(RuleOptimizer):
    """AMSGrad, rule `amsgrad`; checkpoints go to and from PyTorch's `Adam(amsgrad=True)`."""

    rule = staticmethod(rules.amsgrad)
    slots: ClassVar = {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"}
    fixed: ClassVar = {"amsgrad": (True, "use Adam")}


class NAdam(RuleOptimizer):
    """NAdam, rule `nadam`."""

    rule = staticmethod(rules.nadam)
    numbers: ClassVar = {"lr": 2e-3}
    slots: ClassVar = {"m": "exp_avg", "v": "exp_avg_sq", "product": "mu_product"}


class RAdam(RuleOptimizer):
    """RAdam, rule `radam`."""

    rule = staticmethod(rules.radam)
    slots: ClassVar = {"m": "exp_avg", "v": "exp_avg_sq"}


class Yogi(RuleOptimizer):
    """Yogi, rule `yogi`; `initial_accumulator_value` is where `v` starts. PyTorch has none.

    Collections of optimizers divide by 1 - beta^t, here ``corrected=True``, and most of them start
    the first moment at 1e-6 as well, which moves parameters that have never had a gradient.
    """

    rule = staticmethod(rules.yogi)
    numbers: ClassVar = {"lr": 1e-2}
    slots: ClassVar = {"m": "exp_avg", "v": "exp_avg_sq"}
    starts: ClassVar = {"v": "initial_accumulator_value"}


class PowerSign(RuleOptimizer):
    """PowerSign, rule `powersign`; `decay` is a function of t. PyTorch has none."""

    rule = staticmethod(rules.powersign)
    slots: ClassVar = {"m": "exp_avg"}


class AddSign(RuleOptimizer):
    """AddSign, rule `addsign`; `decay` is a function of t. PyTorch has none."""

    rule = staticmethod(rules.addsign)
    slots: ClassVar = {"m": "exp_avg"}
