"""The pages of the API: their table of names, formulas in entries, examples set as code."""

import ast
import importlib
import inspect
import pkgutil
import re

import pytest
from cases import CASES
from docutils import nodes
from docutils.core import publish_doctree
from small_book import SmallBook, words
from sphinx.errors import ExtensionError
from sphinx.ext.napoleon.docstring import NumpyDocstring

import adamtut
from adamtut import registry
from tools import book
from tools.sphinx import api

# A page of the API in small. `add_formula` looks at names alone, `members` keeps it quick.
RULES = """# adamtut.rules

```{eval-rst}
.. automodule:: adamtut.rules
   :members: gd, adam

.. py:currentmodule:: adamtut.rules

.. py:data:: MORE

   A *list*.
```
"""


def build(folder, rules=RULES, page="# API\n\n```{api-table} api/rules\n```\n"):
    extensions = ("sphinx.ext.autodoc", "sphinx.ext.napoleon", "tools.sphinx.api")
    small = SmallBook(folder, *extensions, autodoc_member_order="bysource", default_role="literal")
    (folder / "source" / "book" / "api").mkdir()
    (folder / "source" / "book" / "api" / "rules.md").write_text(rules, encoding="utf-8")
    return small.build(api=page + "\n```{toctree}\napi/rules\n```\n")


def test_the_table_has_a_line_and_a_link_for_each_name(tmp_path):
    pages, warnings = build(tmp_path)
    assert warnings == []
    rows = [[words(cell) for cell in row("td")] for row in pages["api"].tbody("tr")]
    assert rows == [
        ["rules.gd", registry.RULES["gd"].title],
        ["rules.adam", registry.RULES["adam"].title],
        ["rules.MORE", "A list."],
    ]
    links = [a["href"] for a in pages["api"].tbody("a")]
    assert links == [f"api/rules.html#adamtut.rules.{name}" for name in ("gd", "adam", "MORE")]
    assert words(pages["api"].thead) == "Name What it is"


def test_a_rule_has_its_formula_and_its_classes_in_its_entry(tmp_path):
    build(tmp_path)
    text = (tmp_path / "html" / "book" / "api" / "rules.html").read_text(encoding="utf-8")
    first, entry = text.split('id="adamtut.rules.adam"')
    formula = r"d_t &amp;= \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}"
    assert formula in entry and formula not in first
    assert "optim.Adam</span>" in entry and "optim.AdamW</span>" in entry
    assert "optim.SGD</span>" in first and "optim.Adam</span>" not in first


@pytest.mark.parametrize(
    ("rules", "page", "said"),
    [
        (RULES, "```{api-table} api/roles\n```", "names the page book/api/roles, which is not"),
        ("# Empty\n", "```{api-table} api/rules\n```", "book/api/rules: expected entries"),
        (
            RULES.replace("A *list*.", ""),
            "```{api-table} api/rules\n```",
            r"book/api/rules: adamtut\.rules\.MORE needs a docstring",
        ),
    ],
)
def test_a_table_without_its_lines_is_refused(tmp_path, rules, page, said):
    with pytest.raises(ExtensionError, match=said):
        build(tmp_path, rules, f"# API\n\n{page}\n")


def test_every_rule_names_its_classes():
    found = {name: api.drop_ins(name) for name in registry.RULES}
    assert found["adam"] == ["Adam", "AdamW"] and found["nesterov"] == ["SGD", "SGDW"]
    assert found == {name: [*CASES[name].classes] for name in found} | {
        name: ["SGD", "SGDW"] for name in ("gd", "nesterov")
    }


def test_the_first_page_has_a_table_for_every_page_of_the_api():
    text = (book.BOOK / "api.md").read_text(encoding="utf-8")
    tables = re.findall(r"^```\{api-table\} (\S+)$", text, re.MULTILINE)
    listed = [name for name in book.docnames() if name.startswith("book/api/")]
    assert [f"book/{name}" for name in tables] == listed
    assert {path.stem for path in (book.BOOK / "api").glob("*.md")} == {
        name.rpartition("/")[2] for name in listed
    }


def docstrings():
    """Of each module, and of each of its public functions and classes."""
    for found in pkgutil.walk_packages(adamtut.__path__, "adamtut."):
        module_name, module = found.name, importlib.import_module(found.name)
        yield module_name, module.__doc__ or ""
        for name, value in vars(module).items():
            own = getattr(value, "__module__", "") == module_name and not name.startswith("_")
            if own and (inspect.isfunction(value) or inspect.isclass(value)):
                yield f"{module_name}.{name}", value.__doc__ or ""


def code_as_prose(text: str) -> list[str]:
    """Lines of paragraphs that are code: statements of Python, and commands with options."""
    settings = {"report_level": 5, "smart_quotes": False}
    tree = publish_doctree(str(NumpyDocstring(inspect.cleandoc(text))), settings_overrides=settings)
    marked = nodes.literal, nodes.title_reference, nodes.doctest_block
    found = []
    for paragraph in tree.findall(nodes.paragraph):
        for part in list(paragraph.findall(lambda node: isinstance(node, marked))):
            part.parent.replace(part, nodes.Text("…"))
        found += [line for line in paragraph.astext().splitlines() if is_code(line)]
    return found


def is_code(line: str) -> bool:
    if re.search(r"python3? -m|(?<!\S)--\w", line):
        return True
    try:
        body = ast.parse(line).body
    except SyntaxError:
        return False
    return any(
        isinstance(node, ast.Assign | ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
        for node in body
    )


def test_no_docstring_sets_an_example_as_prose():
    found = {name: code_as_prose(text) for name, text in docstrings()}
    assert len(found) > 90
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("A run::\n\n    python -m a --help\n\nwrites.", []),
        ("A run.\n\n    python -m a --help\n\nwrites.", ["python -m a --help"]),
        ("A run with --help in it.", ["A run with --help in it."]),
        ("A loop.\n\nx = f(y)\nz = x\n", ["x = f(y)", "z = x"]),
        ("A loop.\n\nfit(model)\n", ["fit(model)"]),
        ("The default of `x` is `f(y)`, lr = 0.1.\n\n>>> x = 3\n", []),
    ],
)
def test_an_example_that_is_set_as_prose_is_noticed(text, lines):
    assert code_as_prose(text) == lines
