"""Cells by role: `setup` is not on the page, `check` is folded there under one line that counts.

A check is folded without a script, in a native <details>. Its code is left out of the search.
"""

import ast
import html
import zlib
from pathlib import Path

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

MARK = "✓"

logger = logging.getLogger(__name__)


def count_assertions(source: str) -> int:
    """How many things a cell asserts: `assert`, `assert_…(…)` and `with pytest.raises(…)`."""
    return sum(map(is_assertion, ast.walk(ast.parse(source))))


def is_assertion(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
        return name.startswith("assert_")
    if isinstance(node, ast.withitem):
        call = node.context_expr
        return isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.raises"
    return isinstance(node, ast.Assert)


def about(source: str) -> str:
    """What a check says of itself: its first line, a comment; empty where there is none."""
    first = source.lstrip().partition("\n")[0]
    return first.lstrip("#").strip().rstrip(".") if first.startswith("#") else ""


def counted(source: str) -> str:
    """`4 checks`."""
    count = count_assertions(source)
    return f"{count} check{'' if count == 1 else 's'}"


def summary(source: str) -> str:
    """The one line that stands for a check: `✓ 4 checks · the sizes agree`."""
    words = about(source)
    return f"{MARK} {counted(source)}" + (f" · {words}" if words else "")


class check(nodes.comment):  # noqa: N801 (docutils names nodes so)
    """A folded cell. The search passes over comments."""


def visit_check(self, node):
    words = f' <span class="about">· {html.escape(node["about"])}</span>' if node["about"] else ""
    self.body.append(
        '<details class="check"><summary>'
        f'<span class="tick" aria-hidden="true">{MARK}</span> '
        f"{html.escape(node['counted'])}{words}</summary>\n"
    )


def depart_check(self, node):
    self.body.append("</details>\n")


def fault(source: str, output: nodes.Element | None) -> str:
    """What is wrong with a check, or nothing."""
    if output is not None:
        failed = any("traceback" in node["classes"] for node in output.findall(nodes.Element))
        stored = "a traceback" if failed else "an output"
        return f"a check cell stores {stored}; a check that holds prints nothing: mend it, run it"
    try:
        count = count_assertions(source)
    except SyntaxError as error:
        return f"a check cell is no plain Python ({error.msg}): write plain Python"
    if not count:
        return "a check cell asserts nothing: add an assertion, or take the tag away"
    return ""


class CellsByRole(SphinxTransform):
    # Before the labels are collected (850), after solutions have taken their cells (10).
    default_priority = 500

    def apply(self):
        for cell in list(self.document.findall(nodes.container)):
            if cell.get("nb_element") != "cell_code":
                continue
            tags = cell["cell_metadata"].get("tags", [])
            if "setup" in tags:
                cell.parent.remove(cell)
            elif "check" in tags:
                self.fold(cell)

    def fold(self, cell):
        parts = {part["nb_element"]: part for part in cell.children}
        code = parts["cell_code_source"]
        source, output = code.astext(), parts.get("cell_code_output")
        if wrong := fault(source, output):
            logger.warning(wrong, location=cell, type="cells", subtype="check")
            return
        cell.attributes.pop("hide_mode", None)  # one fold is enough
        folded = check(counted=counted(source), about=about(source))
        cell.replace_self(folded)
        folded += cell


def setup(app):
    app.add_node(check, html=(visit_check, depart_check))
    app.add_transform(CellsByRole)
    return {
        "parallel_read_safe": True,
        "parallel_write_safe": True,
        # Pages keep what a transform made of them; they are read again when it changes.
        "env_version": zlib.crc32(Path(__file__).read_bytes()),
    }
