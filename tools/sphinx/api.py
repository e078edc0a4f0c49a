"""What the pages of the API have beside docstrings: tables of their names, the rules' formulas.

    ```{api-table} api/rules
    ```

is a table of all that the page api/rules documents, each with the first paragraph of its entry.
"""

import zlib
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from adamtut.registry import RULES
from tools.sphinx import formulas
from tools.sphinx.tables import optimizer_classes

API = "book/api"


class Names(nodes.General, nodes.Element):
    """Where the table of a page's names will stand, once that page is read."""


class ApiTable(SphinxDirective):
    required_arguments = 1

    def run(self):
        page, _ = self.env.relfn2path(self.arguments[0], self.env.docname)
        return [Names(page=page)]


def fill(app, doctree, docname):
    for place in list(doctree.findall(Names)):
        place.replace_self(table(app, docname, place["page"]))


def table(app, docname, page):
    """A row for each entry: its name, which leads to it, and its first paragraph."""
    if page not in app.env.found_docs:
        raise ExtensionError(f"{docname}: api-table names the page {page}, which is not there")
    address = app.builder.get_relative_uri(docname, page)
    rows = nodes.tbody()
    for entry in entries(app.env.get_doctree(page)):
        (name,) = entry[0]["ids"]
        about = next(entry[-1].findall(nodes.paragraph), None)
        if about is None:
            raise ExtensionError(f"{page}: {name} needs a docstring that begins with a sentence")
        link = nodes.reference(refuri=f"{address}#{name}", internal=True)
        link += nodes.literal(text=name.removeprefix("adamtut."))
        rows += row(nodes.paragraph("", "", link), about.deepcopy())
    if not rows.children:
        raise ExtensionError(f"{page}: expected entries for api-table in {docname}, found none")
    group = nodes.tgroup(cols=2)
    group += [nodes.colspec(colwidth=1), nodes.colspec(colwidth=1)]
    head = nodes.thead("", row(*(nodes.paragraph(text=word) for word in ("Name", "What it is"))))
    group += [head, rows]
    return nodes.table("", group, classes=["names", "colwidths-auto"])


def entries(doctree):
    """The functions, classes and data of a page; their methods and fields are theirs."""
    found = doctree.findall(addnodes.desc)
    return [entry for entry in found if not isinstance(entry.parent, addnodes.desc_content)]


def row(*cells):
    return nodes.row("", *(nodes.entry("", cell) for cell in cells))


def reread_tables(app, env, added, changed, removed):
    """The tables are part of a page that does not change when the pages they list do."""
    return [API] if any(page.startswith(f"{API}/") for page in added | changed | removed) else []


def add_formula(app, what, name, obj, options, lines):
    """After the first line of a rule's docstring; and at the end its classes for PyTorch."""
    rule = RULES.get(name.removeprefix("adamtut.rules."))
    if not name.startswith("adamtut.rules.") or not rule:
        return
    displayed = [f"   {line}" for line in formulas.formula(rule.function).splitlines()]
    lines[1:1] = ["", ".. math::", "", *displayed, ""]
    if classes := drop_ins(rule.name):
        links = ", ".join(f":py:class:`optim.{cls} <adamtut.optim.{cls}>`" for cls in classes)
        lines += ["", f"For PyTorch: {links}."]


def drop_ins(rule: str) -> list[str]:
    """The classes of `adamtut.optim` that are this rule, at least with some of their settings."""
    more = {"SGD": {"gd", "nesterov"}, "SGDW": {"gd", "nesterov"}}
    return [
        cls.__name__
        for cls in optimizer_classes()
        if rule in {cls.rule.__name__, *more.get(cls.__name__, ())}
    ]


def setup(app):
    app.add_node(Names)
    app.add_directive("api-table", ApiTable)
    app.connect("doctree-resolved", fill)
    app.connect("env-get-outdated", reread_tables)
    # Before napoleon, to whom the docstring must already be whole.
    app.connect("autodoc-process-docstring", add_formula, priority=400)
    files = (Path(__file__), Path(formulas.__file__))
    return {
        "parallel_read_safe": True,
        "parallel_write_safe": True,
        "env_version": zlib.crc32(b"".join(file.read_bytes() for file in files)),
    }
