"""Directives for tables of the chapters and of the code, made from what they list."""

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.ext.autodoc.mock import mock
from sphinx.util.docutils import SphinxDirective

import adamtut
from adamtut.experiments import load
from adamtut.plot import LABELS
from adamtut.registry import RULES


def rule_rows():
    """Name, function, source, state and hyper-parameters of each rule, as cells of Markdown."""
    for name, rule in RULES.items():
        key = rule.paper.split()[0].lower() + str(rule.year)
        source = f"{{cite:t}}`{key}`" + (f", {rule.where}" if rule.where else "")
        yield (
            LABELS[name],
            f"`{name}`",
            source,
            _assignments(rule.state),
            _assignments(rule.defaults),
        )


def optimizer_classes():
    """The classes of `adamtut.optim`, in its order."""
    return [
        getattr(adamtut.optim, name) for name in adamtut.optim.__all__[1:]
    ]  # without their base


def optimizer_rows():
    """Name, arguments and checkpoint keys of each class, as cells of Markdown."""
    for cls in optimizer_classes():
        settings = {k: v for k, v in cls._settings().items() if k not in _COMMON}
        keys = [
            f"`{cls.slots.get(slot, slot)}`" for slot in adamtut.registry.describe(cls.rule).state
        ]
        counter = ["`step`"] if cls.counts_steps else []
        yield f"`{cls.__name__}`", _assignments(settings), ", ".join(counter + keys)


_COMMON = ("decoupled_weight_decay", "maximize", "compile")


def speed_lines():
    """Markdown: how fast each engine makes a step of Adam, from the stored measurement."""
    result = load("optimizer_step")
    for threads in result["threads"]:
        rows = [r for r in result["speeds"] if r["threads"] == threads and r["class"] == "Adam"]
        engines = [
            name for name in rows[0] if name.startswith(("torch", "adamtut", "NumPy", "copy"))
        ]
        yield f"With {threads} thread{'s' if threads > 1 else ''}:"
        yield ""
        cells = ([name, *(_median(row, name) for row in rows)] for name in engines)
        yield from table(["", *(_shape(row) for row in rows)], cells)
        yield ""
    missed = sum(not goal["reached"] for goal in result["goals"])
    yield (
        f"Medians of {len(result['seeds'])} rounds, each of which timed every engine, on "
        f"{result['device']}, PyTorch {result['versions']['torch']}, {result['date']}. Of the "
        f"{len(result['goals'])} goals set beforehand {missed} are missed:"
    )
    yield ""
    head = ["Engine", "as fast as", "on", "wanted", "one thread"]
    yield from table(head, goal_rows(result))


def goal_rows(result):
    """Each goal with what was measured; what is missed is set in bold."""
    rows: dict = {}
    for goal in result["goals"]:
        key = (
            f"{goal['engine']}, {goal['class']}",
            goal["reference"],
            _shape(goal),
            goal["wanted"],
        )
        speed = f"{goal['speed']:.2f}" if goal["reached"] else f"**{goal['speed']:.2f}**"
        rows.setdefault(key, []).append(speed)
    return [[*map(str, key), *speeds] for key, speeds in rows.items()]


def _median(row, engine):
    return f"{row[engine][1]:.2f}" if engine in row else "not measured"


def _shape(row):
    times = f"{row['tensors']} × " if row["tensors"] > 1 else ""
    return f"{times}{row['size']:,}"


def _assignments(values):
    return ", ".join(f"`{name} = {value!r}`" for name, value in values.items()) or "none"


def table(head, rows):
    """Markdown for a table."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


class Table(SphinxDirective):
    """Write the Markdown of a table where the directive stands."""

    def run(self):
        container = nodes.container()
        lines = StringList(self.lines(), source=self.name)
        self.state.nested_parse(lines, self.content_offset, container)
        return container.children


class RuleTable(Table):
    """All rules, as the registry has them."""

    def lines(self):
        head = ["Rule", "Function", "Source", "State", "Hyper-parameters"]
        return table(head, rule_rows())


class OptimizerTable(Table):
    """All classes of `adamtut.optim`."""

    def lines(self):
        return table(
            ["Class", "Arguments after `params`", "State of a parameter"], optimizer_rows()
        )


class SpeedTable(Table):
    """The stored measurement of `benchmarks/optimizer_step.py`."""

    def lines(self):
        return list(speed_lines())


def setup(app):
    """Tell Sphinx of the directives."""
    with mock(["torch"]):  # the book is built without it
        adamtut.optim  # noqa: B018
    app.add_directive("rule-table", RuleTable)
    app.add_directive("optimizer-table", OptimizerTable)
    app.add_directive("speed-table", SpeedTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
