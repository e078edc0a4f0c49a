"""Mechanical mutants: one small change of a function's syntax tree at a time.

Each operator, number, exponent, argument default and name of a function is changed once.
Docstrings and names of parameters are left alone.
"""

import ast
import inspect
import pickle
import textwrap
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

SWAPS: dict[type, list[type]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div, ast.Add],
    ast.Div: [ast.Mult, ast.Sub],
    ast.Pow: [ast.Mult, ast.Div],
}


def mutants(function: Callable) -> Iterator[tuple[str, Callable]]:
    """Yield (what was changed, changed function)."""
    for description, changed in changed_trees(bare_tree(function)):
        try:
            mutant = compiled(changed, function)
        except Exception:  # a default that cannot be evaluated is noticed on import
            continue
        yield description, mutant


def bare_tree(function: Callable) -> ast.Module:
    """The syntax tree of a function without decorators and type hints."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for node in ast.walk(tree):  # what is declared is held elsewhere
        if isinstance(node, ast.FunctionDef):
            node.decorator_list, node.returns = [], None
        if isinstance(node, ast.arg):
            node.annotation = None
    return tree


def compiled(tree: ast.Module, function: Callable) -> Callable:
    """The function of a changed tree, among the names that the unchanged `function` sees."""
    namespace = dict(vars(inspect.getmodule(function)))
    exec(compile(tree, "<mutant>", "exec"), namespace)
    return namespace[function.__name__]


def changed_trees(tree: ast.Module) -> Iterator[tuple[str, ast.Module]]:
    """Yield (what was changed, changed tree)."""
    nodes = list(ast.walk(tree))
    packed = pickle.dumps(tree)  # many times faster to unpack than a tree is to copy
    names = sorted({n.id for n in nodes if isinstance(n, ast.Name)} | _parameters(tree))
    for i, node in enumerate(nodes):
        for text, change in changes(node, names):
            changed = pickle.loads(packed)
            target = next(islice(ast.walk(changed), i, None))
            change(target)
            if ast.unparse(target) != ast.unparse(node):  # two equal values may have been rotated
                yield f"line {getattr(node, 'lineno', 0)}: {text}", changed


def _parameters(tree):
    arguments = tree.body[0].args
    return {a.arg for a in arguments.args + arguments.kwonlyargs}


def changes(node: ast.AST, names: Sequence[str]) -> Iterator[tuple[str, Callable]]:
    """Yield (what is changed, function that changes it) for one node of a tree."""
    if isinstance(node, ast.BinOp):
        for other in SWAPS.get(type(node.op), []):
            yield (
                f"{ast.unparse(node)} with {other.__name__}",
                lambda n, other=other: setattr(n, "op", other()),
            )
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        number: Any = node.value
        for value in {number + 1, number / 2, -number} - {number}:
            yield f"{number} → {value}", lambda n, v=value: setattr(n, "value", v)
    elif isinstance(node, ast.Name):
        for name in names:
            if name != node.id:
                yield f"{node.id} → {name}", lambda n, name=name: setattr(n, "id", name)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "minus dropped", lambda n: setattr(n, "op", ast.UAdd())
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        elements = len(node.value.elts)
        if elements > 1:
            yield "returned values rotated", _rotate


def _rotate(node):
    node.value.elts = node.value.elts[1:] + node.value.elts[:1]
