"""The rules as they are: a step in NumPy where it can hold the tensor, else in PyTorch."""

from functools import cache
from numbers import Real

import numpy as np
import torch

from adamtut import registry
from adamtut.checks import is_tuple_of_numbers
from adamtut.step import take_step

# Elements that are updated at a time on the CPU: temporaries of this size stay in the cache.
CHUNK = 65536

describe = cache(registry.describe)


def as_python(value):
    """A Python number for a tensor of one element; a pair of them for a pair."""
    if type(value) is float:  # nearly always
        return value
    if isinstance(value, tuple):
        return tuple([as_python(entry) for entry in value])
    return value.item() if isinstance(value, torch.Tensor | np.generic | np.ndarray) else value


def settled(value, default):
    """A setting as groups and checkpoints keep it: Python's numbers, and tuples of them.

    A tensor stays, because it may be changed in place; so does what no rule computes with.
    """
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(default, bool):
        return bool(value)
    if is_tuple_of_numbers(default) or isinstance(value, tuple | list):
        entries = value if np.iterable(value) else [value]
        return tuple([settled(entry, None) for entry in entries])
    if isinstance(value, Real) or hasattr(value, "__array__"):
        array = np.asarray(value)
        return array.astype(float).item() if array.dtype.kind == "f" else array.item()
    return value


def settle(group, settings):
    """Settle what a group has of these settings, which are given with their defaults."""
    for key, default in settings.items():
        if key in group and not type(group[key]) is type(default) is float:  # as nearly always
            group[key] = settled(group[key], default)


@cache
def are_numbers(rule):
    """For each state whether it is one number."""
    return [slot in describe(rule).scalars for slot in describe(rule).state]


def real(tensor):
    """The tensor without its history; of a complex one a view as pairs of real numbers."""
    tensor = tensor.detach()
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def update(rule, tensors, t, hyper, functions, **numbers):
    """Step every (x, g, state) in place; return, for each, new values of states that are a number.

    Half precision is computed in float32, and rounded when it is stored.
    """
    about, hyper = describe(rule), _with_functions(hyper, functions)
    returned: list[list] = []
    for x, g, state in tensors:
        wide_x, wide_g, *wide_state = [widened(a) for a in (x, g, *state)]
        new_x, new_state = take_step(about, wide_x, wide_g, wide_state, t, hyper=hyper, **numbers)
        returned.append([])
        new_state = _storable(about, wide_state, new_state)
        for old, value, number in zip(state, new_state, are_numbers(rule), strict=True):
            if number:
                returned[-1].append(value)
            else:
                old.copy_(value)
        x.copy_(new_x)  # now, as a state may be the x that was
    return returned


def _storable(about, old_state, new_state):
    """The new state, which may be written over the old one, slot by slot.

    What a rule hands on from one slot to another is copied: writing the one changes the other. A
    state of another shape is refused: it would be stored wherever it fits by broadcasting.
    """
    apart, olds = [], set(map(id, old_state))
    for slot, old, new in zip(about.state, old_state, new_state, strict=True):
        before, after = getattr(old, "shape", ()), getattr(new, "shape", ())
        if before != after:
            raise ValueError(
                f"{about.name} returns a state {slot} of shape {tuple(after)}, which had "
                f"{tuple(before)}. A state has the shape of the gradient, unless its start is a "
                "function of the parameter, or adamtut.traits.scalar_states declares it"
            )
        apart.append(1 * new if id(new) in olds else new)
    return apart


def _with_functions(hyper, functions):
    """Hyper-parameters as the rule takes them, where functions of t have their values at t."""
    return hyper | {name: lambda t, value=value: value for name, value in functions.items()}


def widened(array):
    """The array in float32 where it is of half precision."""
    half = getattr(array, "dtype", None) in (torch.float16, torch.bfloat16)
    return array.float() if half else array


def run(rule, tensors, t, **numbers):
    """Make step t of every (parameter, state) in place."""
    for p, slots in tensors:
        if arrays := _as_numpy(rule, p, slots):
            step_arrays(rule, arrays, t, **numbers)
        else:
            _step_tensors(rule, p, slots, t, **numbers)


def views(p, slots):
    """x, g and state of a parameter as real tensors."""
    return [real(tensor) for tensor in (p, p.grad.resolve_conj().resolve_neg(), *slots)]


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
    elementwise = describe(rule).elementwise
    if not x.flags.c_contiguous and not elementwise:
        return None  # elements that mix need their places, and these may share memory
    if not x.flags.c_contiguous or (x.size > CHUNK and elementwise):
        flat = _flattened([x, g, *state], [False, False, *are_numbers(rule)])
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


def step_arrays(rule, arrays, t, hyper, functions, **numbers):
    """Step arrays in place; an elementwise rule in parts whose temporaries fit the cache."""
    about = describe(rule)
    x, g, state = arrays
    hyper = _with_functions(hyper, functions)
    before = state
    if about.scalars:
        before = [a.item() if n else a for a, n in zip(state, are_numbers(rule), strict=True)]
    if x.ndim != 1 or x.size <= CHUNK or not about.elementwise:
        _step_part(about, x, g, state, before, t, hyper=hyper, **numbers)
        return
    for i in range(0, x.size, CHUNK):
        part = slice(i, i + CHUNK)
        some, old = [[a[part] if np.ndim(a) else a for a in each] for each in (state, before)]
        _step_part(about, x[part], g[part], some, old, t, hyper=hyper, **numbers)


def _step_part(about, x, g, state, before, t, **numbers):
    new_x, new = take_step(about, x, g, before, t, **numbers)
    for array, value in zip(state, _storable(about, before, new), strict=True):
        array[...] = value
    x[...] = new_x  # now, as a state may be the x that was


def _step_tensors(rule, p, slots, t, **numbers):
    """Step tensors that NumPy cannot hold: of another device, dtype or type."""
    x, g, *state = views(p, slots)
    single = are_numbers(rule)
    old = [a.item() if number else a for a, number in zip(state, single, strict=True)]
    (changed,) = update(rule, [(x, g, old)], t, **numbers)
    holders = [slot for slot, number in zip(slots, single, strict=True) if number]
    for slot, value in zip(holders, changed, strict=True):
        slot.fill_(value)


def takes_sparse(rule):
    """Whether a step of the elements that have a gradient is the whole step."""
    about = describe(rule)
    return about.elementwise and about.rests_at_zero and not about.scalars and not about.wants_x


def run_sparse(rule, tensors, t, **numbers):
    """As `run`, for sparse gradients and a rule that takes them."""
    for p, slots in tensors:
        g = p.grad.coalesce()
        at = tuple(g.indices())
        wholes = [real(tensor) for tensor in (p, *slots)]
        x, *state = parts = [whole[at] for whole in wholes]
        update(rule, [(x, real(g.values().resolve_conj().resolve_neg()), state)], t, **numbers)
        for whole, part in zip(wholes, parts, strict=True):
            whole[at] = part
