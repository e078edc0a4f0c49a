"""Tables of the page of defaults and conventions, made from the stored result `conventions`.

    ```{library-defaults} adam adamw     the calls, and the default numbers of each library
    ```{conventions} adam                what each library does, and by how much it matters
    ```{other-conventions}               both, of all that the page has no section for
    ```{libraries-apart}                 how far apart the libraries are as they are shipped
    ```{defaults-of-2017}                what the digest lists, beside today's
    ```{stacked}                         a table of Markdown, one cell under another on a phone
    {default}`torch AdamW lr`            a default number
    {setting}`EPS`                       a setting of the measurements
    {apart}`Keras adam: eps …`           one of the numbers: of a convention, or of a pair that is
                                         shipped, `adam torch Keras tiny`

The tables of adamtut/experiments/conventions.py, which tests hold against the libraries, are the
only place where a convention is written down; each line links to its row there.
"""

import re
import zlib
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from adamtut.experiments import conventions, load
from adamtut.plot import LABELS
from tools.address import address
from tools.book import ROOT
from tools.sphinx.landing import power
from tools.sphinx.tables import Table, table

SOURCE = "adamtut/experiments/conventions.py"
# The names on the page of what is no rule of its own.
NAMES = LABELS | {"adamw": "AdamW"}
MODULES = {"torch": "torch.optim.", "optax": "optax.", "Keras": "keras.optimizers."}
# Two paths that rounding alone keeps apart; the shortest of them are 1e-6 long.
ROUNDING = 1e-10
PERCENT = "\u00a0%"

SAID = [
    (r"\b([a-z]+_\w+(?:=\w+)?|optax\.\w+|lr)\b", r"`\1`"),
    (r"\beps-hat\b", r"$\\hat\\epsilon$"),
    (r"\beps\b", r"$\\epsilon$"),
    (r"\bd = g \+ beta m\b", r"$d = g + \\beta m$"),
    (r"\bd = m\b", r"$d = m$"),
    (r"\bbeta([12])\b", r"$\\beta_\1$"),
    (r"\bmu\b", r"$\\mu$"),
    (r"\|g\|", r"$\\lvert g \\rvert$"),
    (r"0\.96\^\((.*?) t\)", r"$0.96^{\1\\,t}$"),
    (r"0\.96\^t", r"$0.96^t$"),
]


def said(text: str) -> str:
    """The words of a convention, as Markdown."""
    for pattern, replacement in SAID:
        text = re.sub(pattern, replacement, text)
    return text


def percent(share: float) -> str:
    """Of the way; what rounding explains is equal."""
    if share < ROUNDING:
        return "equal"
    if share < 1e-5:
        return f"{power(100 * share)}{PERCENT}"
    return f"{100 * share:.0f}{PERCENT}" if share >= 0.1 else f"{100 * share:.2g}{PERCENT}"


def size(run: dict) -> str:
    """Of a convention: what is as small as NAdam's float32 is no rounding there."""
    share = run["size"]
    return f"{power(100 * share)}{PERCENT}" if share < 1e-5 else percent(share)


def runs(key: str) -> list[dict]:
    """The stored runs of a kind."""
    return [run for run in load("conventions")["runs"] if key in run]


def number(name: str) -> str:
    """The number that the role {apart} names."""
    for run in runs("convention"):
        if run["convention"] == name:
            return size(run)
    for run in runs("shipped"):
        if f"{run['shipped']} {run['one']} {run['other']} {run['gradients']}" == name:
            return percent(run["apart"])
    raise KeyError(name)


def default(name: str) -> str:
    """The number that the role {default} names."""
    library, call, argument = name.split()
    for run in runs("library"):
        if (run["library"], run["name"]) == (library, call):
            return str(run["defaults"][argument])
    raise KeyError(name)


def setting(name: str) -> str:
    """The number that the role {setting} names; a pair has commas."""
    value = vars(conventions)[name]
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def role(look_up):
    """A role that writes what is found under its text."""

    def write(name, rawtext, text, lineno, inliner, options=None, content=()):
        try:
            return [nodes.Text(look_up(text))], []
        except KeyError:
            message = f"{{{name}}}: the stored conventions have no {text!r}"
            error = inliner.reporter.error(message, line=lineno)
            return [inliner.problematic(rawtext, rawtext, error)], [error]

    return write


def lines_of_rows(source: str) -> dict[str, int]:
    """`Keras adam: eps …` → the line of its row."""
    found = re.finditer(r'^    Row\("(\w+)", "(\w+)", "(.+?)",', source, re.MULTILINE)
    return {f"{row[2]} {row[1]}: {row[3]}": source.count("\n", 0, row.start()) + 1 for row in found}


def convention_rows(rule: str):
    """Libraries, what they do and instead of what, by how much that matters, and their rows."""
    here, lines = address(), lines_of_rows((ROOT / SOURCE).read_text(encoding="utf-8"))
    alike: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in conventions.TABLE:
        if row.rule != rule:
            continue
        (run,) = (run for run in runs("convention") if run["convention"] == str(row))
        words = said(row.convention) + (f"; *not* {said(row.than)}" if row.than else "")
        place = f"line\u00a0{lines[str(row)]}"
        if here:
            place = f"[{place}]({here.source(SOURCE)}#L{lines[str(row)]})"
        far = f"{size(run)} apart" if row.than else "equal"
        alike.setdefault((words, far), []).append((row.library, place))
    for (words, far), found in alike.items():
        libraries, places = (", ".join(each) for each in zip(*found, strict=True))
        yield [libraries, words, far, places]


def default_rows(names: list[str]):
    """The call, and its default numbers."""
    for run in runs("library"):
        if run["name"].lower() in names:
            defaults = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in run["defaults"].items()
            }
            words = ", ".join(f"`{name}={value!r}`" for name, value in defaults.items())
            yield [f"`{MODULES[run['library']]}{run['name']}`", words or "none"]


def apart_rows():
    """Each rule, with three pairs of libraries and two sizes of gradients."""
    found: dict[str, dict] = {}
    for run in runs("shipped"):
        pair = (run["one"], run["other"])
        found.setdefault(run["shipped"], {})[(*pair, run["gradients"])] = run["apart"]
    for rule, shares in found.items():
        cells = []
        for pair in (("torch", "optax"), ("torch", "Keras"), ("optax", "Keras")):
            both = [shares.get((*pair, gradients)) for gradients in conventions.SCALES]
            words = ["none" if share is None else percent(share) for share in both]
            cells.append(words[0] if words[0] == words[1] else ", ".join(words))
        yield [NAMES[rule], *cells]


def rows_of_2017():
    """The digest's numbers, with today's of the two that are still there."""
    today = {run["library"]: run["defaults"] for run in runs("library") if run["name"] == "Adam"}
    now = {
        "Keras": today["Keras"],
        "Torch": today["torch"],
    }
    for library, defaults in conventions.IN_2017.items():
        then = ", ".join(f"{name} {value:g}" for name, value in defaults.items())
        yield [library, then, f"`eps` {eps(now[library])}" if library in now else ""]


def eps(defaults: dict) -> str:
    return f"{defaults.get('eps', defaults.get('epsilon')):g}"


class Made(Table):
    """A table of this page, read again when the result changes."""

    def run(self):
        self.env.note_dependency(str(ROOT / "book" / "results" / "conventions.json"))
        return super().run()


class Cards(Made):
    """On a phone a row is a card."""

    def run(self):
        return stacked(super().run())


def stacked(found):
    for node in found:
        for made in node.findall(nodes.table):
            made["classes"].append("stacked")
    return found


class Conventions(Cards):
    required_arguments = 1

    def lines(self):
        rows = list(convention_rows(self.arguments[0]))
        if not rows:
            raise self.error(f"no library has a convention for {self.arguments[0]}")
        return table(["Library", "What it does", "How far", "Test"], rows)


class LibraryDefaults(Cards):
    required_arguments = 1
    final_argument_whitespace = True

    def lines(self):
        return table(["Call", "Default numbers"], default_rows(self.arguments[0].split()))


class OtherConventions(Cards):
    """Rules that no directive of the page names; a new rule is on the page without being told."""

    def lines(self):
        page = Path(self.env.doc2path(self.env.docname)).read_text(encoding="utf-8")
        rules, calls = others(page)
        rows = ([NAMES[rule], *row] for rule in rules for row in convention_rows(rule))
        return [
            *table(["Call", "Default numbers"], default_rows(calls)),
            "",
            *table(["Rule", "Library", "What it does", "How far", "Test"], rows),
        ]


def others(page: str) -> tuple[list[str], list[str]]:
    """The rules and the calls that a page in Markdown has no table of its own for."""
    named = re.findall(r"^```{conventions} (\w+)$", page, re.MULTILINE)
    called = " ".join(re.findall(r"^```{library-defaults} (.+)$", page, re.MULTILINE)).split()
    rules = dict.fromkeys(row.rule for row in conventions.TABLE)
    calls = dict.fromkeys(name.lower() for _, name in conventions.DEFAULTS)
    return [r for r in rules if r not in named], [c for c in calls if c not in called]


class LibrariesApart(Made):
    def lines(self):
        result = load("conventions")
        versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
        made = table(["Rule", "torch, optax", "torch, Keras", "optax, Keras"], apart_rows())
        return [*made, "", f"Over {result['data']}; {versions}; {result['date']}."]


class DefaultsOf2017(Cards):
    def lines(self):
        return table(["Library", "In 2017, as listed", "Today"], rows_of_2017())


class Stacked(SphinxDirective):
    """Markdown with a table in it."""

    has_content = True

    def run(self):
        container = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, container)
        return stacked(container.children)


def setup(app):
    app.add_directive("conventions", Conventions)
    app.add_directive("library-defaults", LibraryDefaults)
    app.add_directive("other-conventions", OtherConventions)
    app.add_directive("libraries-apart", LibrariesApart)
    app.add_directive("defaults-of-2017", DefaultsOf2017)
    app.add_directive("stacked", Stacked)
    app.add_role("apart", role(number))
    app.add_role("default", role(default))
    app.add_role("setting", role(setting))
    return {
        "parallel_read_safe": True,
        "parallel_write_safe": True,
        # Pages keep what the directives made of them; they are read again when these change.
        "env_version": zlib.crc32(Path(__file__).read_bytes()),
    }
