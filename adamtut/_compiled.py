"""One update of many tensors, compiled: what `compile=True` in `adamtut.optim` runs.

The arithmetic is `update`, the function that runs eagerly too; here it only gets another executor.
Numbers (rate, betas, t …) come as 0-d float64 tensors, so that one graph serves all their values.
"""

import operator
import types
import warnings
from functools import cache

import torch
from torch._inductor.compile_fx import compile_fx
from torch._inductor.cpp_builder import get_cpp_compiler
from torch._inductor.exc import InvalidCxxCompiler
from torch.fx.passes.split_module import split_module


@cache
def can_compile():
    """Whether there is a C++ compiler; where there is none, say so, once."""
    try:
        get_cpp_compiler()
    except InvalidCxxCompiler as error:
        warnings.warn(
            f"compile=True needs a C++ compiler, and the optimizer runs without it: {error} "
            "Install g++ or clang++, or name one in the environment variable CXX.",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


@cache
def executor(update, signature):
    """Compile `update` for one signature: shapes, strides, dtypes, and whatever is no tensor.

    Dynamo keeps its graphs with the code object, and few of them. A copy of the code for each
    signature means one graph each, without a limit on how many optimizers there are.
    """
    copy = types.FunctionType(update.__code__.replace(), update.__globals__, update.__name__)
    return torch.compile(copy, backend=numbers_first, fullgraph=True, dynamic=False)


def numbers_first(graph_module, example_inputs):
    """Compile a graph in two parts: first its 0-d nodes, 1 - beta1**t and the like, then the rest.

    In one part inductor would put the powers into the loop over all elements, where they cost
    several times what the rule does.
    """
    graph = graph_module.graph
    for node in list(graph.nodes):
        if node.target is operator.truediv and _is_number(node.args[1]) and not _is_number(node):
            _multiply_instead(graph, node)
    for node in list(graph.nodes):
        if node.op.startswith("call") and not _is_number(node):
            _round_numbers(graph, node)
    parts = split_module(graph_module, graph_module, lambda node: 0 if _is_number(node) else 1)
    for name, part in list(parts.named_children()):
        inputs = [n.meta["example_value"] for n in part.graph.nodes if n.op == "placeholder"]
        delattr(parts, name)  # a module cannot be replaced by a function
        setattr(parts, name, compile_fx(part, inputs))
    return parts.forward


def _is_number(node):
    value = node.meta.get("example_value") if isinstance(node, torch.fx.Node) else None
    return isinstance(value, torch.Tensor) and value.ndim == 0


def _multiply_instead(graph, node):
    """Turn tensor / number into tensor * (1 / number): one division instead of one per element."""
    tensor, number = node.args
    with graph.inserting_before(node):
        inverse = graph.call_function(operator.truediv, (1.0, number))
    inverse.meta = dict(number.meta)
    node.target = operator.mul
    node.args = (tensor, inverse)


def _round_numbers(graph, node):
    """Round the numbers to the dtype of the tensor they meet, before the loop and not in it."""
    value = node.meta.get("example_value")
    for number in node.all_input_nodes:
        if _is_number(number) and number.meta["example_value"].is_floating_point():
            with graph.inserting_before(node):
                rounded = graph.call_method("to", (number, value.dtype))
            rounded.meta = {"example_value": number.meta["example_value"].to(value.dtype)}
            node.replace_input_with(number, rounded)
