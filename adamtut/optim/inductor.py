"""The rules compiled by PyTorch's inductor: what `compile=True` runs where `traced` does not.

Numbers (rate, betas, t …) come in a tensor, so that one graph serves all their values. This is
imported by the first step that needs it, because inductor takes seconds to import.
"""

import threading
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

with warnings.catch_warnings():
    # Inductor's own imports use what PyTorch deprecates.
    warnings.filterwarnings("ignore", message=".*torch.jit.script_method", append=False)
    from torch._inductor.compile_fx import compile_fx
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.passes.split_module import split_module
from torch.utils.weak import WeakTensorKeyDictionary

from adamtut.optim import eager
from adamtut.optim.eager import are_numbers, update, views
from adamtut.optim.trace import is_number, leaves, map_leaves
from adamtut.progress import late_line

aten = torch.ops.aten


# Rule, settings and layout of tensors → the compiled update.
_kernels: dict[tuple, Callable[..., Any]] = {}

# Tracing and compiling change state of PyTorch's that all threads share.
_one_at_a_time = threading.Lock()

# For how many lists that share a parameter a rule is compiled, before each tensor goes alone.
LISTS = 3

# Parameter → the lists it was compiled in, and those that they share parameters with.
_lists: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def run(rule, tensors, t, **numbers):
    """As `eager.run` for an elementwise rule, with one graph for all tensors of the list.

    A list that changes from step to step would be compiled again and again, seconds each time:
    after a few its tensors go one by one, and those of one layout share a graph.
    """
    places = [p.data_ptr() for p, _ in tensors if p.numel()]
    if not can_compile() or len(set(places)) < len(places):  # shared memory: one after the other
        eager.run(rule, tensors, t, **numbers)
        return
    template = {"t": t, **numbers}
    found = leaves(template)
    single = [False, False, *are_numbers(rule)]
    flat = [
        view if number else _at_least_1d(view)
        for p, slots in tensors
        for view, number in zip(views(p, slots), single, strict=True)
    ]
    layout = [(a.shape, a.stride(), a.dtype, a.device) for a in flat]
    key = (rule, *(float if is_number(value) else value for value in found), *layout)
    values = torch.tensor([v for v in found if is_number(v)], dtype=torch.float64, device="cpu")
    if key not in _kernels:
        with _one_at_a_time:
            apart = _is_unsteady(rule, tensors, layout)
            if not apart and key not in _kernels:  # another thread may have made it
                _kernels[key] = _kernel(rule, template, (*flat, values))
        if apart:
            for each in tensors:
                run(rule, [each], t, **numbers)
            return
    changed = iter(_kernels[key](*flat, values))
    for _, slots in tensors:
        for slot, number in zip(slots, are_numbers(rule), strict=True):
            if number:
                slot.copy_(next(changed))


def _is_unsteady(rule, tensors, layout):
    """Whether its parameters are in ever other lists, as experts are; if not, note the list."""
    if len(tensors) == 1:
        return False
    this = rule, tuple(layout)
    lists = set().union(*[_lists.get(p, ()) for p, _ in tensors])
    if this not in lists and sum(other is rule for other, _ in lists) >= LISTS:
        return True
    for p, _ in tensors:
        _lists[p] = lists | {this}
    return False


def _at_least_1d(tensor):
    """Compiled writes to a 0-d float64 tensor are lost."""
    return tensor if tensor.ndim else tensor.view(1)


def _kernel(rule, template, inputs):
    width = 2 + len(are_numbers(rule))

    def function(*inputs):
        *flat, values = inputs
        numbers = iter(values.unbind())
        settings = map_leaves(lambda value: next(numbers) if is_number(value) else value, template)
        triples = [
            (flat[i], flat[i + 1], flat[i + 2 : i + width]) for i in range(0, len(flat), width)
        ]
        returned = update(rule, triples, **settings)
        return [number for numbers in returned for number in numbers]

    return compiled(function, inputs)


@cache
def can_compile():
    """Whether there is a C++ compiler; where there is none, say so, once."""
    try:
        get_cpp_compiler()
    except InvalidCxxCompiler as error:
        warnings.warn(
            f"compile=True needs a C or C++ compiler, and the optimizer runs without it: {error} "
            "Install gcc or clang, or name one in the environment variable CC or CXX.",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


@late_line("compile=True: compiling the optimizer's step, which can take half a minute …")
def compiled(function, inputs):
    """Trace `function` of tensors like `inputs` once, and compile its graph in two parts.

    The first part holds the numbers, 1 - beta1**t and the like, the second the rest. In one part
    inductor would put the powers into the loop over all elements, where they cost several times
    what the rule does. Nothing is checked at a call: the caller keeps one of these for each list
    of shapes, strides, dtypes and devices.
    """
    graph_module = make_fx(function, tracing_mode="fake")(*inputs)
    graph = graph_module.graph
    for node in list(graph.nodes):
        if (
            node.target is aten.div.Tensor
            and _holds_numbers(node.args[1])
            and not _holds_numbers(node)
        ):
            _multiply_instead(graph, node)
    for node in list(graph.nodes):
        if node.op == "call_function" and not _holds_numbers(node):
            _round_numbers(graph, node)
    for node in list(graph.nodes):
        if node.target is aten.copy_.default and _is_argument(node.args[1]):
            _copy_before_writing(graph, node)
    parts = split_module(graph_module, graph_module, lambda node: 0 if _holds_numbers(node) else 1)
    for name, part in list(parts.named_children()):
        examples = [node.meta["val"] for node in part.graph.nodes if node.op == "placeholder"]
        delattr(parts, name)  # a module cannot be replaced by a function
        setattr(parts, name, compile_fx(part, examples, config_patches={"size_asserts": False}))
    return parts.forward


def _holds_numbers(node):
    """Whether a node is a 0-d tensor, or the list of them that `unbind` returns."""
    value = node.meta.get("val") if isinstance(node, torch.fx.Node) else None
    value = value[0] if isinstance(value, list) else value
    return isinstance(value, torch.Tensor) and value.ndim == 0


def _multiply_instead(graph, node):
    """Turn tensor / number into tensor * (1 / number): one division instead of one per element."""
    tensor, number = node.args
    with graph.inserting_before(node):
        inverse = graph.call_function(aten.reciprocal.default, (number,))
    inverse.meta = {"val": number.meta["val"]}
    node.target = aten.mul.Tensor
    node.args = (tensor, inverse)


def _is_argument(node):
    """Whether a node is an argument of the graph, or 1 times one, which is the same to inductor."""
    if node.target is aten.mul.Tensor and 1 in node.args:
        node = node.args[0]
    return node.op == "placeholder"


def _copy_before_writing(graph, node):
    """Copy an argument that becomes a state: inductor would read it when it has been written to."""
    state, argument = node.args
    with graph.inserting_before(node):
        # Inductor leaves a clone out, but not this.
        copied = graph.call_function(aten.maximum.default, (argument, argument))
    copied.meta = {"val": argument.meta["val"]}
    node.args = (state, copied)


def _round_numbers(graph, node):
    """Round the numbers to the dtype of the tensor they meet, before the loop and not in it."""
    dtype = node.meta["val"].dtype
    for number in node.all_input_nodes:
        value = number.meta["val"]
        if _holds_numbers(number) and value.is_floating_point() and value.dtype != dtype:
            with graph.inserting_before(node):
                rounded = graph.call_function(aten._to_copy.default, (number,), {"dtype": dtype})
            rounded.meta = {"val": value.to(dtype)}
            node.replace_input_with(number, rounded)
