"""JavaScript from the rules: what the explorables run is the text of the package.

`rules_js()` turns `adamtut/rules.py` and `adamtut/schedules.py` into one classic script, which
defines nothing but `adamtut`::

    adamtut.rules.adam(g, t, state, settings)   // [d, ...new state]; [] is the state at the start
    adamtut.schedules.sgdr({ period: 50 })(t)   // the value at step t
    adamtut.about.adam                          // name, state, defaults, and what `identity` says
    adamtut.aboutSchedules.sgdr                 // name, and defaults, undefined where there is none

Where one text would mean two things in the two languages, it is mended: `//` and `%` become
functions that round as Python does for either sign, a name belongs to its function and not to a
block, and calls refuse what Python's would: settings that are unknown, missing, of another type or
length, too long a state, a string for a number. Two differences stay: where Python floats raise
(0/0, an overflow), JavaScript goes on with NaN or infinity, as NumPy does; and the ranges of
settings are checked by Python alone.

    python -m tools.explore.translate > rules.js
"""

import inspect
import json
import re
import textwrap
from collections.abc import Collection

from adamtut import plot, registry, rules, schedules
from tools.explore.syntax import KNOWN, RUNTIME, Translator, braced, braces

LINE = 2  # the width of the line that `dash` is for, in the same unit


def rules_js() -> str:
    """The script."""
    timing = Translator(inspect.getsource(schedules), "adamtut/schedules.py")
    updates = Translator(
        inspect.getsource(rules), "adamtut/rules.py", registry.RULES, timing.schedules
    )
    timed, updated = timing.functions(), updates.functions()
    names = [*KNOWN, *timed, *updated]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two functions have the name {' or '.join(sorted(twice))}; rename one")

    about_schedules = {
        name: literals({"name": name}) | {"defaults": members(timed[name].settings)}
        for name in timing.schedules
    }
    about = {
        name: literals(identity(rule))
        | {"state": members(updated[name].state), "defaults": members(updated[name].settings)}
        for name, rule in registry.RULES.items()
    }
    body = [
        '"use strict";',
        RUNTIME,
        f"const aboutSchedules = {nested(about_schedules)};",
        *(function.code for function in timed.values()),
        f"const about = {nested(about)};",
        *(function.code for function in updated.values()),
        f"const schedules = {listed(about_schedules)};",
        f"const rules = {listed(about)};",
        "return { rules, schedules, about, aboutSchedules };",
    ]
    script = braced("const adamtut = (() => ", body) + ")();\n"
    return "// Made from adamtut/rules.py and schedules.py by tools/explore/translate.py\n" + script


def identity(rule: registry.Description) -> dict[str, str | float | None]:
    """Who made a rule, how it is drawn, and the rate its docstring says it is meant for."""
    colour, line = plot.STYLES.get(rule.name, (plot.INK, "-"))
    rate = re.search(r"[Mm]eant for lr = (\d+(\.\d+)?)", rule.function.__doc__ or "")
    return {
        "name": rule.name,
        "title": rule.title,
        "paper": rule.paper,
        "year": rule.year,
        "label": plot.LABELS.get(rule.name, rule.name),
        "colour": colour,
        "dash": "" if line == "-" else " ".join(f"{LINE * length:g}" for length in line[1]),
        "lr": float(rate[1]) if rate else None,
    }


def literals(facts: dict) -> dict[str, str]:
    """Name → JavaScript, without the `<` that could end a script inside a page."""
    return {name: json.dumps(fact).replace("<", "\\u003c") for name, fact in facts.items()}


def listed(names: Collection[str]) -> str:
    return braced("", textwrap.wrap(", ".join(names) + ",", 90))


def members(values: dict[str, str | None]) -> str:
    return braces(f"{name}: {value or 'undefined'}" for name, value in values.items())


def nested(tables: dict[str, dict[str, str]]) -> str:
    tables = {
        name: braced("", [f"{key}: {value}," for key, value in table.items()])
        for name, table in tables.items()
    }
    return braced("", [f"{name}: {table}," for name, table in tables.items()])


if __name__ == "__main__":
    print(rules_js(), end="")
