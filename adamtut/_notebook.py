"""What the runner's copies of the chapters need beside their code: checks that let the rest run,
and the explorables.
"""

import ast
import reprlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

SHORT = reprlib.Repr()
SHORT.maxlevel, SHORT.maxother, SHORT.maxstring = 3, 80, 80


def soften_checks() -> None:
    """Let a failed assertion in a cell say what was expected and found, and the cell go on.

    Checks test the book's numbers, and to change one is what a copy is for.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if not any(isinstance(one, GoOn) for one in shell.ast_transformers):
        shell.ast_transformers.append(GoOn())
    said = set()

    def say_failed(expected: str, values: dict[str, Callable]) -> None:
        once = (shell.execution_count, expected)
        if once not in said:  # of a loop the first time is enough
            said.add(once)
            print(failed(expected, values), file=sys.stderr)

    shell.user_ns["_say_failed"] = say_failed


class GoOn(ast.NodeTransformer):
    """Makes of `assert` and `assert_…(…)` in a cell what says that it failed and goes on.

    Within functions and classes they stay as they are: there they guard what comes after them.
    """

    def visit(self, node):
        inner = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        return node if isinstance(node, inner) else super().visit(node)

    def visit_Assert(self, node):
        return going_on(node, node.test)

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Call):
            name = ast.unparse(node.value.func).rpartition(".")[2]
            if name.startswith("assert_"):
                return going_on(node, node.value)
        return node


def going_on(statement: ast.stmt, expected: ast.expr) -> ast.stmt:
    named = [part for part in compared(expected) if any_name(part)]
    parts = dict.fromkeys(map(ast.unparse, named))
    values = ", ".join(f"{part!r}: lambda: ({part})" for part in parts)
    said = f"_say_failed({ast.unparse(expected)!r}, {{{values}}})"
    tried = ast.parse(f"try: pass\nexcept AssertionError: {said}").body[0]
    assert isinstance(tried, ast.Try)
    tried.body = [statement]
    return tried


def compared(node: ast.expr) -> list[ast.expr]:
    """The parts of a condition whose values say why it fails."""
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    if isinstance(node, ast.BoolOp):
        return [part for value in node.values for part in compared(value)]
    if isinstance(node, ast.UnaryOp):
        return compared(node.operand)
    if isinstance(node, ast.Call):  # all(a < b), np.allclose(a, b), (a < b).all()
        inner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        given = [arg.value if isinstance(arg, ast.Starred) else arg for arg in node.args]
        return [part for value in [*inner, *given] for part in compared(value)]
    return [] if isinstance(node, ast.GeneratorExp | ast.ListComp) else [node]


def any_name(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Name) for part in ast.walk(node))


def failed(expected: str, values: dict[str, Callable]) -> str:
    """What a failed check says.

    >>> print(failed("x < 1", {"x": lambda: [2, 3]}))
    ✗ The book expects  x < 1
      Here  x  is  [2, 3]
    """
    lines = [f"✗ The book expects  {expected}"]
    for part, value in values.items():
        if not isinstance(found := value_of(value), ModuleType):  # np of np.all(…)
            lines.append(f"  Here  {part}  is  {SHORT.repr(found)}")
    return "\n".join(lines)


def value_of(value: Callable) -> Any:
    """A value computed once more; an array as a list."""
    found = value()
    return found.tolist() if hasattr(found, "tolist") else found


def explorable(page: str, height: int, online: str = "") -> Any:
    """An interactive picture: the page in the folder `explore` beside the notebook, or online.

    `page` may hold where it begins, as in ``streams.html?rule=adam``.
    """
    from IPython.display import IFrame, Markdown

    file = Path("explore", page.partition("?")[0])
    if file.exists():
        return IFrame(f"explore/{page}", "100%", height)
    if online:  # as on Colab, where the notebook is alone
        return IFrame(f"{online}/{page}", "100%", height)
    return Markdown(
        f"The interactive picture is the file `{file.as_posix()}` in the folder that this notebook "
        "comes from. Put the folder `explore` beside the notebook, and run this cell again."
    )
