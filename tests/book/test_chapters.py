"""Every chapter passes every guard, and every guard refuses the fault it is there for."""

import base64
import copy
import io
import json

import pytest
import yaml
from chapter_guards import (
    ALLOWED_TAGS,
    BOOK_GUARDS,
    CHAPTER_GUARDS,
    NO_RULE_CELL,
    NOTHING_RANDOM,
    comment_markers,
    read,
    read_book,
)
from PIL import Image

from tools.book import BOOK

CHAPTERS = sorted(BOOK.glob("*.ipynb"))
GUARDS = CHAPTER_GUARDS + BOOK_GUARDS


def name(thing):
    return getattr(thing, "stem", None) or thing.__name__


@pytest.mark.parametrize("guard", CHAPTER_GUARDS, ids=name)
@pytest.mark.parametrize("path", CHAPTERS, ids=name)
def test_chapter(path, guard):
    complaints = guard(read(path), path)
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("guard", BOOK_GUARDS, ids=name)
def test_book(guard):
    complaints = guard(read_book(BOOK), BOOK)
    assert not complaints, "\n".join(complaints)


def test_every_exception_has_a_reason():
    for exceptions in (ALLOWED_TAGS, NO_RULE_CELL, NOTHING_RANDOM):
        assert all(len(reason) > 10 for reason in exceptions.values())


# A book of one small chapter that has all its parts, to plant faults in.

SETUP = """\
from importlib.util import find_spec

if find_spec("adamtut") is None:
    print("adamtut is missing. In a clone of its repository: pip install '.[book]'")

from adamtut import plot, rules\
"""
TRIAL = """\
seeds = range(5)
last = [run(seed) for seed in seeds]
for value in last:
    print(value)\
"""
CHECK = """\
# it falls with each seed
for value in last:
    assert value < 1\
"""
PREDICTION = """\
:::{predict} Does it fall?
:label: predict-mini
- [x] Yes

  It does.
- [ ] No

  It does.

It falls, as the picture shows.
:::\
"""
DRAWING = """\
stored = load("trial")
plot.losses(ax, {"gd": stored["runs"]})
ax.legend();\
"""
EXERCISE = """\
```{{exercise}} ★★ Number {0}
:label: ex-mini-{0}
Run it {0} times.
```

````{{solution-start}} ex-mini-{0}
:class: dropdown
````\
"""
SAYS = {
    "figure": {"name": "fig-mini", "caption": "A run over time: it falls, then stays where it is."},
    "image": {"alt": "One line that falls from the upper left and becomes level on the right."},
}
LEDGER = {
    "sources": {"S1": "a source", "S2": "another"},
    "claims": [
        {
            "id": "s1-falls",
            "source": "S1",
            "chapter": 1,
            "kind": "claim",
            "statement": "It falls.",
            "verdict": "holds",
            "reason": "It fell.",
            "settled_in": "01_mini.ipynb",
        },
        {
            "id": "s2-history",
            "source": "S2",
            "chapter": 1,
            "kind": "claim",
            "statement": "It was first.",
            "verdict": "context",
            "reason": "Nobody was earlier.",
            "settled_in": "01_mini.ipynb",
        },
    ],
}
CONTENTS = {
    "format": "jb-book",
    "root": "book/intro",
    "meta": {"to_come": ["Maxi"]},
    "parts": [{"caption": "One", "chapters": [{"file": "book/01_mini"}]}],
}


def png(colours):
    image = Image.new("RGB", (8, 1))
    for x in range(8):
        image.putpixel((x, 0), (x % colours, 0, 0))
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def text_cell(source):
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code_cell(source, *outputs, **metadata):
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": metadata,
        "outputs": list(outputs),
        "source": source,
    }


def stream(text, to="stdout"):
    return {"output_type": "stream", "name": to, "text": text}


def display(**data):
    data = {mime.replace("_", "/"): value for mime, value in data.items()}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def result(text):
    data = {"text/plain": text}
    return {"output_type": "execute_result", "data": data, "execution_count": 4, "metadata": {}}


def good_chapter():
    cells = [
        text_cell("(ch-mini)=\n# 1. A miniature\n\n*Does it fall?*"),
        code_cell(SETUP, tags=["setup"], jupyter={"source_hidden": True}),
        text_cell(PREDICTION),
        text_cell("(s1-falls)=\n## It falls\n\nSo they say. See [there](https://example.org)."),
        code_cell('def gd(g, t):\n    """Walk downhill."""\n    return (g,)'),
        code_cell(TRIAL, stream("0.5\n" * 5)),
        code_cell(CHECK, tags=["check"], jupyter={"source_hidden": True}),
        code_cell("last[0]", result("0.5")),
        code_cell(DRAWING, display(image_png=png(8)), mystnb=copy.deepcopy(SAYS)),
        text_cell("(s2-history)=\n## Who was first\n\nIt was {cite:t}`somebody1900`."),
        text_cell("## Statements on trial\n\n```{trial}\n```"),
        text_cell("## Exercises"),
    ]
    for number in range(1, 5):
        cells += [
            text_cell(EXERCISE.format(number)),
            code_cell("print(last[0])", stream("0.5\n"), jupyter={"source_hidden": True}),
            text_cell("````{solution-end}\n````"),
        ]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    for count, cell in enumerate(code, 1):
        cell["execution_count"] = count
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return {
        "cells": cells,
        "metadata": {"kernelspec": {"display_name": "Python 3", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


class Miniature:
    """The small book, in memory until it is checked."""

    def __init__(self):
        self.chapter = good_chapter()
        self.more = {}  # further chapters by file name
        self.ledger = copy.deepcopy(LEDGER)
        self.contents = copy.deepcopy(CONTENTS)
        seeds = list(range(20))
        self.stored = {"seeds": seeds, "runs": [{"seed": seed} for seed in seeds]}

    def cell(self, text):
        """The first cell that contains a text."""
        return next(cell for cell in self.chapter["cells"] if text in cell["source"])

    def cut(self, text):
        cell = self.cell(text)
        self.chapter["cells"].remove(cell)
        return cell

    def insert(self, cell, after):
        """Put a cell after the one that contains a text, and number the code cells anew."""
        cells = self.chapter["cells"]
        cells.insert(cells.index(self.cell(after)) + 1, cell | {"id": "planted"})
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        for count, cell in enumerate(code, 1):
            cell["execution_count"] = count

    def complaints(self, guard, root):
        folder = root / "book"
        (folder / "results").mkdir(parents=True)
        path = folder / "01_mini.ipynb"
        for file, notebook in ({path.name: self.chapter} | self.more).items():
            (folder / file).write_text(json.dumps(notebook), encoding="utf-8")
        (folder / "intro.md").write_text("# Hello", encoding="utf-8")
        (folder / "results" / "trial.json").write_text(json.dumps(self.stored), encoding="utf-8")
        (folder / "claims.yml").write_text(yaml.safe_dump(self.ledger), encoding="utf-8")
        (root / "_toc.yml").write_text(yaml.safe_dump(self.contents), encoding="utf-8")
        if guard in BOOK_GUARDS:
            return guard(read_book(folder), folder)
        return guard(read(path), path)


@pytest.mark.parametrize("guard", GUARDS, ids=name)
def test_the_miniature_is_good(guard, tmp_path):
    assert Miniature().complaints(guard, tmp_path) == []


FAULTS = []


def fault(guard, complaint, plant):
    """A fault: the guard that must see it, words of its complaint, how to plant it."""
    FAULTS.append(pytest.param(guard, complaint, plant, id=f"{guard}: {complaint}-{len(FAULTS)}"))


def replace(old, new, everywhere=False):
    """Plant by changing the source of the cell that contains a text."""

    def plant(book):
        for cell in book.chapter["cells"] if everywhere else [book.cell(old)]:
            cell["source"] = cell["source"].replace(old, new)

    return plant


def metadata(text, **changes):
    """Plant by setting metadata of the cell that contains a text."""

    def plant(book):
        book.cell(text)["metadata"] |= changes

    return plant


def says(part, **changes):
    """Plant by changing what a figure says: its figure or its image part."""

    def plant(book):
        book.cell("legend")["metadata"]["mystnb"][part] |= changes

    return plant


def outputs(text, *stored):
    """Plant by changing the stored outputs of the cell that contains a text."""

    def plant(book):
        book.cell(text)["outputs"] = list(stored)

    return plant


def insert(cell, after="# 1. A miniature"):
    return lambda book: book.insert(cell, after)


def drop(text):
    return lambda book: book.cut(text)


def keep_only(kind):
    def plant(book):
        book.chapter["cells"] = [c for c in book.chapter["cells"] if c["cell_type"] == kind]

    return plant


def claim(**changes):
    return lambda book: book.ledger["claims"][0].update(changes)


def another_chapter(file, cell):
    def plant(book):
        book.more[file] = good_chapter() | {"cells": [cell]}

    return plant


GUARD = "is_well_formed"
fault(GUARD, "under 900 kB", outputs("last[0]", result("0" * 900_000)))
fault(
    GUARD, "must be python3", lambda book: book.chapter["metadata"]["kernelspec"].update(name="R")
)
fault(GUARD, "must be python3", lambda book: book.chapter["metadata"].clear())
fault(GUARD, "no valid notebook", lambda book: book.cell("# 1.").pop("metadata"))
fault(GUARD, "no valid notebook", metadata("# 1.", tags="not a list"))
fault(GUARD, "before nbformat 4.5", lambda book: book.chapter.update(nbformat_minor=4))
fault(GUARD, "2 cells have the id", lambda book: book.cell("# 1.").update(id="cell-1"))
fault(GUARD, "differ in each run", metadata("def gd", execution={"iopub.status.busy": "2026"}))
fault(GUARD, "differ in each run", metadata("def gd", ExecuteTime={"end_time": "2026"}))

GUARD = "is_run_in_order"
fault(GUARD, "no code cell", keep_only("markdown"))
fault(GUARD, "no code cell", lambda book: book.chapter["cells"].clear())
fault(GUARD, "no text cell", keep_only("code"))
fault(GUARD, "execution count None", lambda book: book.cell("def gd").update(execution_count=None))
fault(GUARD, "execution count 7", lambda book: book.cell("def gd").update(execution_count=7))
fault(GUARD, "execution count", lambda book: book.chapter["cells"].reverse())

GUARD = "stores_its_outputs"
fault(GUARD, "prints, but", outputs("seeds = range"))
fault(GUARD, "prints, but", outputs("seeds = range", stream("oh", to="stderr")))
fault(GUARD, "prints, but", insert(code_cell('with this:\n    print("x")')))
fault(GUARD, "has a caption, but", outputs("legend"))
fault(GUARD, "has a caption, but", outputs("legend", display(text_plain="<Figure>")))
fault(GUARD, "ends in a table", insert(code_cell('plot.table({"a": [1]})')))
fault(GUARD, "ends in a table", insert(code_cell("table(columns)", result("a\n1"))))
fault(GUARD, "ends in a value", outputs("last[0]"))
fault(GUARD, "ends in a value", insert(code_cell("x = 1\nx, 2")))

GUARD = "skips_nothing"
ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}
fault(GUARD, "stores an error, ValueError", outputs("last[0]", ERROR))
fault(GUARD, "a warning or progress bar", outputs("last[0]", stream("50 %", to="stderr")))
TAGS = ["raises-exception", "skip", "skip-execution", "NBVAL-SKIP"]
TAGS += [f"nbval-{what}" for what in ("skip", "ignore-output", "check-output", "raises-exception")]
for tag in TAGS:
    fault(GUARD, f"{tag} keeps", metadata("def gd", tags=["hide-input", tag]))
MARKERS = [f"NBVAL_{what}" for what in ("SKIP", "IGNORE_OUTPUT", "CHECK_OUTPUT")]
MARKERS += ["NBVAL_RAISES_EXCEPTION", "PYTEST_VALIDATE_IGNORE_OUTPUT"]
for marker in MARKERS:
    fault(GUARD, f"{marker} keeps", replace("def gd", f"# {marker}\ndef gd"))
    fault(GUARD, f"{marker} keeps", replace("def gd", f"  #  #{marker}  \ndef gd"))

GUARD = "is_only_python"
fault(GUARD, "neither run nor shown", insert({"cell_type": "raw", "metadata": {}, "source": "x"}))
for source in (
    "!ls",
    "files = !ls",
    "%timeit x",
    "if True:\n    %pip install x",
    "%%bash\nls",
    "%%time\nx = 1",
    "len?",
    "x = ",
):
    fault(GUARD, "no plain Python", insert(code_cell(source)))
fault(GUARD, "runs outside Python", insert(code_cell('get_ipython().system("ls")')))
fault(GUARD, "`;` at its end", replace("last[0]", "last[0];"))
fault(GUARD, "`;` at its end", replace("last[0]", "last[0]  ;  # a; b\n\n# c"))
fault(GUARD, "`;` at its end", replace("last[0]", "run(1);"))
fault(GUARD, "`;` at its end", replace("ax.legend()", "stored"))

GUARD = "shows_its_figures"
fault(GUARD, "fewer than 3 colours", outputs("legend", display(image_png=png(1))))
fault(GUARD, "fewer than 3 colours", outputs("legend", display(image_png=png(2))))
fault(GUARD, "cannot be read", outputs("legend", display(image_png="bm8gcGljdHVyZQ==")))
fault(GUARD, "cannot be read", outputs("legend", display(image_png=png(8)[:60])))
fault(GUARD, "caption of 0", lambda book: book.cell("legend")["metadata"].clear())
fault(GUARD, "caption of 0", insert(code_cell("draw()", display(**{"image_svg+xml": "<svg/>"}))))
fault(GUARD, "caption of 39", says("figure", caption="x" * 39))
fault(GUARD, "alt text of 0", lambda book: book.cell("legend")["metadata"]["mystnb"].pop("image"))
fault(GUARD, "alt text of 39", says("image", alt=" " + "x" * 39))
fault(GUARD, "repeats the caption", says("image", alt=SAYS["figure"]["caption"]))
fault(GUARD, "name is 'mini'", says("figure", name="mini"))
fault(
    GUARD,
    "name is None",
    lambda book: book.cell("legend")["metadata"]["mystnb"]["figure"].pop("name"),
)

GUARD = "names_its_tables"
TABLE = display(text_markdown="| a |\n| --- |\n| 1 |")
SAID = {"name": "tab-mini", "caption": SAYS["figure"]["caption"]}
for change, complaint in (
    ({"name": "fig-mini-2"}, "call a table tab-"),
    ({"name": ""}, "call a table tab-"),
    ({"caption": "x" * 39}, "needs a caption"),
):
    cell = code_cell("plot.table(x)", TABLE, mystnb={"figure": SAID | change})
    fault(GUARD, complaint, insert(cell))

GUARD = "asks_its_question"
fault(GUARD, "must be the chapter's question", replace("*Does it fall?*", "It falls."))
fault(GUARD, "must be the chapter's question", replace("\n\n*Does it fall?*", ""))

GUARD = "asserts_in_checks_alone"
fault(GUARD, "asserts where the page shows it", insert(code_cell("assert x"), "def gd"))
fault(GUARD, "asserts where the page shows it", insert(code_cell("np.testing.assert_equal(x, y)")))
fault(GUARD, "asserts where the page shows it", metadata("assert value", tags=[]))
fault(GUARD, "asserts where the page shows it", insert(code_cell("assert x"), "## Exercises"))
# Jupyter hides it, the page does not.
fault(
    GUARD,
    "asserts where the page shows it",
    insert(code_cell("assert x", jupyter={"source_hidden": True})),
)

GUARD = "shows_little_code"
fault(GUARD, "shows 13 lines", insert(code_cell("x = 1\n" * 12 + "x = 2")))
fault(
    GUARD,
    "lines of code before the exercises: 180 at most",
    lambda book: [book.insert(code_cell("x = 1\n" * 11 + "x = 2"), "def gd") for _ in range(15)],
)

GUARD = "hides_its_setup"
fault(GUARD, "would be on the page", metadata("find_spec", tags=[]))
fault(GUARD, "would be on the page", insert(code_cell("x = 1")))
fault(GUARD, "open in Jupyter", metadata("find_spec", jupyter={}))
fault(GUARD, "only the first code cell", metadata("def gd", tags=["setup"]))

GUARD = "folds_its_checks"
fault(GUARD, "open in Jupyter", metadata("assert value", jupyter={}))
fault(GUARD, "begins with a comment", replace("# it falls with each seed\n", ""))
fault(GUARD, "begins with a comment", replace("# it falls with each seed\n", "#\n"))
fault(GUARD, "asserts nothing", replace("assert value < 1", "value < 1"))
fault(GUARD, "a check prints", replace("assert value < 1", "assert value < 1\n    print(value)"))
fault(GUARD, "a check prints", outputs("assert value", stream("0.5")))

GUARD = "answers_its_predictions"
fault(GUARD, "nothing after the answers", replace("It falls, as the picture shows.", ""))
fault(GUARD, "'No' has no reply", replace("- [ ] No\n\n  It does.", "- [ ] No"))
fault(GUARD, "one answer is right", replace("- [ ] No", "- [x] No"))
fault(GUARD, "write the question", replace("{predict} Does it fall?", "{predict}"))
fault(GUARD, "holds a formula", replace("- [ ] No", "- [ ] $x$"))

GUARD = "puts_no_paraphrase_in_quotation_marks"
for text in (
    '"It falls without an end" {cite:p}`somebody1900`.',
    "“It falls without an end”, says {cite:t}`somebody1900`.",
    '"It falls without an end", as read in {cite:t}`somebody1900`.',
):
    fault(GUARD, "without quotation marks", insert(text_cell(text), "def gd"))

GUARD = "leaves_numbers_to_tables"
for said in (
    'f"{x:.2f}"',
    "x.round(2)",
    "np.round(x, 2)",
    '"x", round(x, 2)',
    "[f'{v:>8}' for v in x]",
):
    fault(
        GUARD, "formats what it prints", insert(code_cell(f"print({said})", stream("1")), "def gd")
    )

GUARD = "puts_its_statements_on_trial"
fault(GUARD, "with the directive {trial}", replace("```{trial}\n```", ""))
fault(
    GUARD, "with the directive {trial}", replace("```{trial}\n```", "````\n```{trial}\n```\n````")
)

GUARD = "closes_its_fences"
fault(GUARD, "a fence swallows", insert(text_cell("```{note}\nMind this.")))
fault(GUARD, "a fence swallows", insert(text_cell("````{note}\nMind this.\n```")))
fault(GUARD, "a fence swallows", insert(text_cell("::: {note}\nMind this.\n```")))
fault(
    GUARD, "a fence swallows", insert(text_cell("```{note} by {cite:t}`x`\nNo fence, so that\n```"))
)

GUARD = "settles_its_claims"
fault(GUARD, "stands here 0 times", replace("(s1-falls)=\n", ""))
fault(GUARD, "stands here 0 times", replace("(s1-falls)=", "```\n(s1-falls)=\n```"))
fault(GUARD, "stands here 0 times", replace("(s1-falls)=", "Here is (s1-falls)=."))
fault(GUARD, "stands here 2 times", insert(text_cell("(s1-falls)=\n## Again"), "## Exercises"))
fault(GUARD, "settles no s1-rises here", insert(text_cell("(s1-rises)=\n## It rises")))
fault(GUARD, "settles no s1-falls here", claim(settled_in="02_other.ipynb"))
fault(GUARD, "asserts nothing", insert(text_cell("### Beneath"), "def gd"))
for vacuous in (
    "    assert True",
    "    assert 1 < 2",
    "    assert value == value",
    "    assert (value < 1, 'too large')",
    "def check():\n    assert value < 1",
    "    if value < 0:\n        assert value < 1",
    "    value < 1",
    "    compare(value, 1)",
    '    print("assert value < 1")',
    "    np.testing.assert_allclose(1, 1, rtol=value)",
    "    np.testing.assert_allclose(value, value)",
):
    fault(GUARD, "asserts nothing", replace("    assert value < 1", vacuous))
fault(GUARD, "cites nobody", replace("{cite:t}`somebody1900`", "somebody"))
fault(GUARD, "cites nobody", replace("It was {cite:t}", "## More\n\nIt was {cite:t}"))

fault(GUARD, "asserts nothing", lambda book: book.chapter["cells"].insert(0, book.cut("assert")))
fault(GUARD, "asserts nothing", lambda book: book.cell("assert").update(cell_type="markdown"))

GUARD = "shows_the_package_rules"
fault(GUARD, "differs from adamtut.rules.gd", replace("return (g,)", "return (-g,)"))
fault(GUARD, "differs from adamtut.rules.gd", replace("(g, t)", "(g, t=1)"))
fault(GUARD, "differs from adamtut.rules.gd", replace("def gd", "@cache\ndef gd"))
fault(GUARD, "shares its cell", replace("return (g,)", "return (g,)\n\n\nx = 1"))
fault(GUARD, "no rule cell", replace("def gd", "def descent"))
fault(GUARD, "no rule cell", drop("def gd"))

GUARD = "uses_enough_seeds"
for few in ("range(4)", "np.arange(4)", "range(3, 7)", "[0, 1, 2, 3]", "(1,)"):
    fault(GUARD, "take 5 or more", replace("range(5)", few))
fault(GUARD, "take 5 or more", insert(code_cell("for seed in range(4):\n    run(seed)")))
fault(GUARD, "take 5 or more", insert(code_cell("x = [run(seed) for seed in (1, 2, 3)]")))
fault(GUARD, "write their number", replace("range(5)", "range(N)"))
fault(GUARD, "assigned and never used", replace("seed in seeds", "seed in numbers"))
fault(GUARD, "plot.losses without seeds", insert(code_cell("plot.losses(ax, {})")))
fault(GUARD, "as a string", replace('load("trial")', "load(trial)"))
fault(GUARD, "as a string", replace('load("trial")', "load()"))
fault(GUARD, "no stored result other.json", replace('load("trial")', 'load("other")'))
fault(GUARD, "19 seeds", lambda book: book.stored.update(seeds=list(range(19))))
fault(GUARD, "19 seeds", lambda book: book.stored.update(seeds=[*range(19), 0]))
fault(GUARD, "not as many for each", lambda book: book.stored["runs"].pop())
fault(GUARD, "not as many for each", lambda book: book.stored["runs"].append({"seed": 3}))

GUARD = "solves_its_exercises"
FIRST = "ex-mini-1"
fault(GUARD, "begin its title with", replace("★★ Number 1", "Number 1"))
fault(GUARD, "begin its title with", replace("★★ Number 1", "★★★★ Number 1"))
fault(GUARD, "has no :label:", replace(":label: ex-mini-1\n", ""))
fault(GUARD, "3 exercises", drop("★★ Number 4"))
fault(GUARD, "has not ended", replace("````{solution-end}\n````", "And so on."))
fault(GUARD, "has not ended", replace("````{solution-end}\n````", "And so on.", everywhere=True))
fault(
    GUARD,
    "which no exercise above is",
    replace("solution-start} ex-mini-1", "solution-start} ex-x"),
)
fault(GUARD, "has not ended", lambda book: book.chapter["cells"].pop())
fault(GUARD, "a second solution", replace("solution-start} ex-mini-2", "solution-start} ex-mini-1"))
fault(GUARD, "is open", replace(":class: dropdown", ":class: wide"))
fault(GUARD, "without solution-start", insert(text_cell("````{solution-end}\n````")))
fault(GUARD, "has no solution", replace("solution-start", "solution"))
fault(GUARD, "runs nothing", drop("print(last[0])"))
fault(GUARD, "runs nothing", lambda book: book.cell("print(last[0])").update(execution_count=None))
fault(GUARD, "in plain sight", lambda book: book.cell("print(last[0])")["metadata"].clear())
fault(GUARD, "in plain sight", insert(code_cell("x = 1"), FIRST))

GUARD = "fetches_nothing"
for text in (
    '<img src="https://example.org/x.png">',
    "<script\n  src=http://example.org/x.js></script>",
    "<link rel='stylesheet' href='//example.org/x.css'>",
    '<a href="https://example.org">there</a>',
    "![a picture](https://example.org/x.png)",
    "```{image} https://example.org/x.png\n```",
    ":::{figure} https://example.org/x.png\n:::",
    "<style>@import 'https://example.org/x.css';</style>",
):
    fault(GUARD, "loads from elsewhere", insert(text_cell(text)))
HTML = '<img src="https://example.org/x.png">'
fault(GUARD, "its output loads", outputs("last[0]", display(text_html=HTML)))
fault(GUARD, "shows a script", outputs("last[0]", display(application_javascript="x()")))
fault(GUARD, "data.mnist downloads", insert(code_cell("images, labels = data.mnist()")))
fault(GUARD, "data.airfoil downloads", insert(code_cell("data.airfoil(folder)")))

GUARD = "begins_with_a_setup_cell"
for command in (
    "pip install adamtut",
    "pip install -U 'adamtut[book]'",
    "pip install numpy adamtut",
):
    fault(GUARD, "by bare name", replace("pip install '.[book]'", command))
fault(GUARD, "by bare name", insert(text_cell("First `pip install adamtut`.")))
fault(GUARD, "must begin with `from importlib", drop("find_spec"))
fault(GUARD, "must begin with `from importlib", insert(code_cell("x = 1")))
fault(GUARD, "must begin with `from importlib", replace("is None", "is not None"))
fault(
    GUARD,
    "must begin with `from importlib",
    replace("import find_spec", "import find_spec\nfrom math import erfc"),
)
fault(GUARD, "no code cell", keep_only("markdown"))
fault(GUARD, "prints 0 lines", replace("print(", "str("))
fault(GUARD, "prints 2 lines", replace("missing. In", "missing.\\nIn"))
fault(GUARD, "say how to install", replace(" pip install", " look"))
fault(GUARD, "say how to install", replace('"adamtut is missing. In', '"A part is missing. In'))
fault(GUARD, "does not stop", replace("from adamtut import plot, rules", "import json"))
QUIET = "import sys\n\nprint(\"No module named 'adamtut'\", file=sys.stderr)"
fault(GUARD, "does not stop", replace("from adamtut import plot, rules", QUIET))
fault(GUARD, "does not stop", replace("from adamtut import plot, rules", "import no_such_module"))

GUARD = "has_a_sound_ledger"
fault(GUARD, "2 entries s1-falls", lambda book: book.ledger["claims"].append(LEDGER["claims"][0]))
fault(GUARD, "the fields must be", lambda book: book.ledger["claims"][0].pop("kind"))
fault(GUARD, "the fields must be", claim(show="a picture"))
fault(GUARD, "the fields must be", claim(statement=""))
fault(GUARD, "the fields must be", claim(reason=""))
fault(GUARD, "the fields must be", claim(verdict="wrong"))
fault(GUARD, "the fields must be", claim(origin={"paper": "one"}))
fault(GUARD, "origin rumour", claim(verdict="wrong", origin={"rumour": "one"}))
fault(GUARD, "no source S9", claim(source="S9"))
fault(GUARD, "begins with its source", claim(source="S2"))
fault(GUARD, "verdict true", claim(verdict="true"))
fault(GUARD, "kind rumour", claim(kind="rumour"))
fault(GUARD, "is not of its chapter", claim(chapter=2))
fault(GUARD, "no chapter 01_gone.ipynb", claim(settled_in="01_gone.ipynb"))
fault(GUARD, "is not the page 1", claim(settled_in="intro.md"))
fault(GUARD, "no page gone.md", claim(chapter="gone", settled_in="gone.md"))
fault(GUARD, "the label (s1-falls)= once", claim(chapter="intro", settled_in="intro.md"))
fault(GUARD, "no def test_s1_falls() in tests", claim(chapter="intro", settled_in="intro.md"))

GUARD = "labels_each_thing_once"
fault(GUARD, "label s1-falls", another_chapter("02_b.ipynb", text_cell("(s1-falls)=\n## Falls")))
fault(GUARD, "label ex-mini-1", another_chapter("02_b.ipynb", text_cell(EXERCISE.format(1))))
fault(GUARD, "label fig-mini", another_chapter("02_b.ipynb", code_cell("draw()", mystnb=SAYS)))
fault(GUARD, "label predict-mini", another_chapter("02_b.ipynb", text_cell(PREDICTION)))
fault(
    GUARD,
    "label fig-mini",
    another_chapter("02_b.ipynb", text_cell(":::{explore} ravine\n:name: fig-mini\nDrag.\n:::")),
)
fault(GUARD, "label ch-mini", replace("# 1. A miniature", "(ch-mini)=\n# 1. A miniature"))

GUARD = "has_a_full_table_of_contents"
fault(GUARD, "missing from _toc.yml", another_chapter("02_b.ipynb", text_cell("# 2. More")))
fault(GUARD, "missing from _toc.yml", lambda book: book.contents["parts"].clear())
fault(
    GUARD,
    "no file for book/03_gone",
    lambda book: book.contents["parts"][0]["chapters"].append({"file": "book/03_gone"}),
)
fault(GUARD, "no file for book/hello", lambda book: book.contents.update(root="book/hello"))


def guard_called(wanted):
    (guard,) = [guard for guard in GUARDS if guard.__name__ == wanted]
    return guard


@pytest.mark.parametrize(("guard", "complaint", "plant"), FAULTS)
def test_a_planted_fault_is_refused(guard, complaint, plant, tmp_path):
    book = Miniature()
    plant(book)
    complaints = book.complaints(guard_called(guard), tmp_path)
    assert any(complaint in said for said in complaints), complaints


def test_every_guard_has_a_planted_fault():
    assert {fault.values[0] for fault in FAULTS} == {guard.__name__ for guard in GUARDS}


def test_every_marker_of_nbval_is_planted():
    assert set(MARKERS) == set(comment_markers)


HARMLESS = {
    "a longer docstring": replace("Walk downhill.", "Walk downhill, and then some."),
    "type hints": replace("gd(g, t):", "gd(g: float, t: int) -> tuple:"),
    "declared traits": replace("def gd", "@elementwise\n@ranges(beta=MEMORY)\ndef gd"),
    "no docstring": replace('    """Walk downhill."""\n', ""),
    "numpy's assertion": replace("assert value < 1", "np.testing.assert_array_less(value, 1)"),
    "an assertion under with": replace("for value in last:", "with quiet():"),
    "a semicolon in a comment": replace("last[0]", "last[0]  # so; here"),
    "seeds of a stored result": replace("range(5)", 'load("trial")["seeds"]'),
    "seeds from elsewhere": replace("range(5)", 'seeds_of("trial")'),
    "a short list of no seeds": insert(code_cell("few = range(3)"), "def gd"),
    "a short loop over no seeds": insert(code_cell("for x in range(3):\n    pass"), "def gd"),
    "no seeds": replace("seeds = range(5)\nlast = [run(seed) for seed in seeds]", "last = [0.5]"),
    "a table in HTML": outputs("last[0]", result("0.5"), display(text_html="<table></table>")),
    "an address as text": outputs("last[0]", result('<img src="https://example.org">')),
    "a print that may not come": insert(code_cell('if missing:\n    print("x")'), "def gd"),
    "a print to elsewhere": insert(code_cell("print(1, file=log)"), "def gd"),
    "a call that may give None": insert(code_cell("ax.plot(x)"), "def gd"),
    "code in a fence": insert(text_cell("```python\n# no heading\n```"), "def gd"),
    "two labels, one section": replace("(s1-falls)=", "(s1-falls)=\n(sec-falls)="),
    "a label without a heading": replace("(s1-falls)=\n## It falls", "(s1-falls)=\nIt falls."),
    "a blank line under the label": replace("(s1-falls)=", "(s1-falls)=\n"),
    "a label as an example": insert(text_cell("```\n(s1-falls)=\n```")),
    "a comment in the section": insert(code_cell("# a comment\nx = 1"), "def gd"),
    "nothing but a comment": insert(code_cell("# a comment"), "def gd"),
    "a name asserted by itself": replace("assert value < 1", "assert value"),
    "a fence in a fence": insert(text_cell("```{note}\n```python\n```")),
    "a short caption": says("figure", caption="x" * 40),
    "a short alt text": says("image", alt="x" * 40),
    "a vector picture": outputs("legend", display(**{"image_svg+xml": "<svg/>"})),
    "an assertion under a fold": insert(code_cell("assert x", tags=["hide-input"]), "def gd"),
    "twelve lines": insert(code_cell("x = 1\n" * 11 + "x = 2"), "def gd"),
    "two predictions": insert(text_cell(PREDICTION.replace("predict-mini", "predict-2"))),
    "a long solution": replace("print(last[0])", "x = 1\n" * 13 + "print(last[0])"),
    "a print without a format": insert(code_cell('print("x", x)', stream("x 1")), "def gd"),
    "a formatted string elsewhere": insert(code_cell('ax.set(title=f"{x:.2f}")'), "def gd"),
    "a formatted print under a fold": insert(
        code_cell('print(f"{x:.2f}")', stream("1"), tags=["hide-input"]), "def gd"
    ),
    "one word in quotation marks": insert(text_cell('A "budget", see {cite:t}`somebody1900`.')),
    "a table with a caption": insert(
        code_cell("plot.table(x)", TABLE, mystnb={"figure": SAID}), "def gd"
    ),
    "a table": insert(code_cell("plot.table(x)", TABLE), "def gd"),
    "a frame of our own": insert(text_cell('<iframe src="../_static/x.html"></iframe>')),
    "an install with an address": replace("pip install '.[book]'", "pip install 'adamtut @ git'"),
}


@pytest.mark.parametrize("plant", HARMLESS.values(), ids=HARMLESS)
def test_nothing_else_is_refused(plant, tmp_path):
    book = Miniature()
    plant(book)
    for guard in GUARDS:
        assert book.complaints(guard, tmp_path / guard.__name__) == []


def test_an_exception_lets_one_tag_of_one_chapter_pass(tmp_path, monkeypatch):
    guard = guard_called("skips_nothing")
    book = Miniature()
    book.cell("def gd")["metadata"]["tags"] = ["nbval-skip"]
    monkeypatch.setitem(ALLOWED_TAGS, ("02_other.ipynb", "nbval-skip"), "another chapter")
    assert len(book.complaints(guard, tmp_path / "refused")) == 1
    monkeypatch.setitem(ALLOWED_TAGS, ("01_mini.ipynb", "nbval-skip"), "for this test")
    assert book.complaints(guard, tmp_path / "allowed") == []


def test_a_listed_chapter_needs_no_rule_cell(tmp_path, monkeypatch):
    book = Miniature()
    drop("def gd")(book)
    monkeypatch.setitem(NO_RULE_CELL, "01_mini.ipynb", "for this test")
    assert book.complaints(guard_called("shows_the_package_rules"), tmp_path) == []


def test_a_listed_result_needs_one_seed(tmp_path, monkeypatch):
    book = Miniature()
    book.stored = {"seeds": [0], "runs": [{"seed": 0}]}
    guard = guard_called("uses_enough_seeds")
    assert len(book.complaints(guard, tmp_path / "refused")) == 1
    monkeypatch.setitem(NOTHING_RANDOM, "trial", "for this test")
    assert book.complaints(guard, tmp_path / "allowed") == []
