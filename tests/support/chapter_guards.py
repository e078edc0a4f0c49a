"""What keeps the chapters true where `pytest --nbval` would not notice.

A guard reads and complains, nothing else. A chapter guard takes a parsed notebook and its path,
a book guard all notebooks by path and their folder; both return complaints that name the
chapter, the cell (counted from 1, text included) and what to do. They find the ledger, the
stored results and the table of contents beside the notebooks.
"""

import ast
import base64
import copy
import functools
import inspect
import io
import itertools
import json
import re
import subprocess
import sys
import tempfile
import tokenize
from collections import Counter

from IPython.core.inputtransformer2 import TransformerManager
from nbformat.validator import iter_validate
from nbval.plugin import comment_markers, metadata_tags
from PIL import Image

from adamtut import rules
from tools.book import docnames, load, read_chapter
from tools.copies import setup_cell
from tools.explore.syntax import TRAITS
from tools.sphinx import cells as roles
from tools.sphinx import predict

# Exceptions, each with its reason: (chapter file, tag or marker) → why.
ALLOWED_TAGS: dict[tuple[str, str], str] = {}
# Chapters without a rule of their own → why.
NO_RULE_CELL = {
    "05_adam_in_practice.ipynb": "it uses the rules of the chapter before",
    "09_convergence.ipynb": "it sets the rules of other chapters side by side",
    "12_adamw.ipynb": "AdamW and SGDW are loops around rules of earlier chapters",
    "13_schedules.ipynb": "it turns the rate of rules that other chapters show",
    "13_restarts.ipynb": "it turns the rate of rules that other chapters show",
    "14_snapshots.ipynb": "it keeps models that rules of other chapters have trained",
}
# Stored results in which nothing is random, by name → why.
NOTHING_RANDOM: dict[str, str] = {
    "conventions": "the paths of libraries over fixed gradients, and their default numbers",
    "framework_defaults": "defaults read from the signatures of installed libraries",
}

# nbval obeys these tags, nbclient (which stores the outputs) the last one.
TAGS = {*metadata_tags, "skip", "nbval-skip", "skip-execution"}
TIMING = {"execution", "ExecuteTime", "papermill"}
LARGEST_FILE = 900_000
SHORTEST_WORDS = 40
FEWEST_COLOURS = 3
FEWEST_EXERCISES = 4
LIVE_SEEDS, STORED_SEEDS = 5, 20
DOWNLOADS = {"data.airfoil", "data.mnist"}
VERDICTS = ["holds", "wrong", "holds-with-limits", "contested", "context"]
KINDS = ["algorithm", "equation", "claim", "experiment", "defaults", "erratum"]
FIELDS = {"id", "source", "chapter", "kind", "statement", "verdict", "reason", "settled_in"}
# Where an error arose; what is wrong, and nothing else, has an origin.
ORIGINS = ["paper", "translation", "tutorial", "library"]
# What the page of a chapter shows, in lines of code.
LONGEST_CELL, MOST_LINES = 12, 180
FOLDED = {"setup", "check", "hide-input", "hide-cell", "remove-input", "remove-cell"}

FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,}|:{3,})(.*)")
OPTION = re.compile(r":([\w-]+):\s*(.*)")
HEADING = re.compile(r" {0,3}#{1,6}\s")
LABEL = re.compile(r"\(([^()\s]+)\)=\s*")
CLAIM_ID = re.compile(r"s\d+-")
QUOTED = re.compile(r"[\"“][^\"”\n]{15,}[\"”](?:\W*\w+){0,3}\W*\{cite")
EXERCISES = re.compile(r"#{1,6} Exercises\s*")
CITATION = re.compile(r"\{cite(:[a-z]+)?\}`[^`]+`")
BARE_INSTALL = re.compile(
    r"""pip3?[ ]install(?:[ ]+[^\s'"`]+)*?[ ]+['"]?adamtut\b(?!(?:\[[^]]*\])?\s*@)"""
)
ELSEWHERE = re.compile(
    r"""<[^>]*\b(?:src|srcset|href|poster)\s*=\s*["']?\s*(?:https?:)?//   # raw HTML
    | !\[[^]]*\]\(\s*<?(?:https?:)?//                                     # a Markdown picture
    | ^\s*[`:~]{3,}\{[\w:-]+\}\s*(?:https?:)?//                           # a directive's argument
    | (?:@import|url\()\s*["']?\s*(?:https?:)?//                          # a style
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)

CHAPTER_GUARDS = []
BOOK_GUARDS = []


def chapter_guard(check):
    """Register a check of one notebook that yields its complaints."""

    @functools.wraps(check)
    def guard(notebook, path):
        return [f"{path.name}, {complaint}" for complaint in check(notebook, path)]

    CHAPTER_GUARDS.append(guard)
    return guard


def book_guard(check):
    """Register a check of all notebooks that yields its complaints."""

    @functools.wraps(check)
    def guard(book, folder):
        return list(check(book, folder))

    BOOK_GUARDS.append(guard)
    return guard


def read(path):
    """A notebook as it lies in the file: nbformat's own reader would mend what is to be seen."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return notebook


def read_book(folder):
    return {path: read(path) for path in sorted(folder.glob("*.ipynb"))}


def read_yaml(path):
    return load(path.read_text(encoding="utf-8"))


def cells(notebook, kind):
    """Number and cell, of one kind."""
    return [(n, c) for n, c in enumerate(notebook["cells"], 1) if c["cell_type"] == kind]


def outputs(cell, *kinds):
    return [output for output in cell["outputs"] if output["output_type"] in kinds]


def shown(cell):
    """Every (MIME type, content) that a code cell displays."""
    for output in outputs(cell, "display_data", "execute_result"):
        yield from output["data"].items()


def tags(cell):
    return cell["metadata"].get("tags", [])


def figure(cell):
    return cell["metadata"].get("mystnb", {}).get("figure")


def is_hidden(cell):
    return cell["metadata"].get("jupyter", {}).get("source_hidden") is True


@functools.cache
def python(source):
    """The Python that IPython makes of a cell: magics and commands become calls."""
    return TransformerManager().transform_cell(source)


@functools.cache
def tree(source):
    try:
        return ast.parse(python(source))
    except SyntaxError:  # which `is_only_python` complains about
        return ast.parse("")


def trees(notebook):
    return [(n, tree(cell["source"])) for n, cell in cells(notebook, "code")]


def reached(statements):
    """Statements that run when the cell runs: not those in a function or under a condition."""
    for statement in statements:
        yield statement
        if isinstance(statement, ast.For | ast.While | ast.With):
            yield from reached(statement.body)


def calls(node):
    """Every call under a node, with the name that is called as it is written."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            yield ast.unparse(call.func), call


def parse_markdown(source):
    """Lines as (text, whether it is prose), fences as (info, inner lines), whether one is open."""
    lines, fences, mark = [], [], None
    for line in source.splitlines():
        match = FENCE.fullmatch(line)
        lines.append((line, mark is None))
        if mark is None and match:
            mark = match[1]
            fences.append((match[2].strip(), []))
        elif match and match[1].startswith(mark) and not match[2].strip():
            mark = None
        elif mark:
            fences[-1][1].append(line)
    return lines, fences, mark is not None


def directives(source):
    """The fenced directives of a text as (name, argument, options)."""
    for info, inner in parse_markdown(source)[1]:
        if match := re.match(r"\{([\w:-]+)\}\s*(.*)", info):
            options = {}
            for line in inner:
                if not (option := OPTION.fullmatch(line.strip())):
                    break
                options[option[1]] = option[2].strip()
            yield match[1], match[2].strip(), options


def labels(source):
    """The `(label)=` lines of a text."""
    for line, is_prose in parse_markdown(source)[0]:
        if is_prose and (match := LABEL.fullmatch(line)):
            yield match[1]


def section(notebook, label):
    """Text and code cells from a label to the next heading, one right under the label aside."""
    text, code = [], []
    found, own_heading = False, True
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and found:
            code.append(cell)
            own_heading = False
        if cell["cell_type"] != "markdown":
            continue
        for line, is_prose in parse_markdown(cell["source"])[0]:
            if not found:
                found = is_prose and line.strip() == f"({label})="
                continue
            if is_prose and HEADING.match(line) and not own_heading:
                return "\n".join(text), code
            text.append(line)
            if line.strip() and not LABEL.fullmatch(line):
                own_heading = False
    return "\n".join(text), code


def checks_something(statement):
    """Whether a statement is an assertion about a value that has a name."""
    if isinstance(statement, ast.Assert):
        checked = [statement.test]
        sides = checked
        if isinstance(statement.test, ast.Compare):
            sides = [statement.test.left, *statement.test.comparators]
        elif isinstance(statement.test, ast.Tuple):  # always true
            return False
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        if not ast.unparse(statement.value.func).split(".")[-1].startswith("assert_"):
            return False
        checked = sides = statement.value.args
    else:
        return False
    if len(sides) > 1 and len({ast.dump(side) for side in sides}) == 1:
        return False  # a value is equal to itself
    return any(isinstance(node, ast.Name) for part in checked for node in ast.walk(part))


def bare(function):
    """The syntax of a definition, docstring, type hints and declared traits aside."""
    function = copy.deepcopy(function)
    function.decorator_list = [
        decorator
        for decorator in function.decorator_list
        if ast.unparse(decorator).partition("(")[0] not in TRAITS
    ]
    if ast.get_docstring(function) is not None:
        del function.body[0]
    function.returns = None
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            node.annotation = None
    return ast.dump(function)


RULES = {
    node.name: bare(node)
    for node in ast.parse(inspect.getsource(rules)).body
    if isinstance(node, ast.FunctionDef)
}


@chapter_guard
def is_well_formed(notebook, path):
    if (size := path.stat().st_size) >= LARGEST_FILE:
        yield f"{size // 1000} kB: draw fewer points or fewer figures, to stay under 900 kB"
    if notebook["metadata"].get("kernelspec", {}).get("name") != "python3":
        yield "the kernel must be python3: store the outputs with `make execute`"
    for error in iter_validate(notebook):
        where = "/".join(map(str, error.relative_path))
        yield f"no valid notebook at {where}: {error.message[:80]}"
    if (notebook["nbformat"], notebook["nbformat_minor"]) < (4, 5):
        yield "cells have no ids before nbformat 4.5: store the outputs with `make execute`"
    for name, times in Counter(cell.get("id") for cell in notebook["cells"]).items():
        if times > 1:
            yield f"{times} cells have the id {name}: give each its own"
    for n, cell in enumerate(notebook["cells"], 1):
        if timing := TIMING & cell.get("metadata", {}).keys():
            yield f"cell {n}: metadata {sorted(timing)} differ in each run: remove them"


@chapter_guard
def is_run_in_order(notebook, path):
    code = cells(notebook, "code")
    if not code:
        yield "no code cell: a chapter must show what it says"
    if not cells(notebook, "markdown"):
        yield "no text cell: a chapter must say what it shows"
    for count, (n, cell) in enumerate(code, 1):
        if cell["execution_count"] != count:
            yield (
                f"cell {n}: execution count {cell['execution_count']} where a run from top to "
                f"bottom gives {count}: run `make execute`"
            )


@chapter_guard
def stores_its_outputs(notebook, path):
    for n, cell in cells(notebook, "code"):
        statements = list(reached(tree(cell["source"]).body))
        prints = any(
            isinstance(s, ast.Expr) and isinstance(s.value, ast.Call) and is_print(s.value)
            for s in statements
        )
        if prints and not any(o["name"] == "stdout" for o in outputs(cell, "stream")):
            yield f"cell {n}: prints, but no output is stored: run `make execute`"
        kinds = [mime for mime, _ in shown(cell)]
        is_shown = any(mime.startswith("image/") or mime == "text/markdown" for mime in kinds)
        if figure(cell) and not is_shown:
            yield f"cell {n}: has a caption, but no picture or table: run `make execute`"
        if ends_in_a_table(cell) and "text/markdown" not in kinds:
            yield f"cell {n}: ends in a table that is not stored: run `make execute`"
        if ends_in_a_value(cell) and not outputs(cell, "execute_result"):
            yield f"cell {n}: ends in a value that is not stored: run `make execute`"


def is_print(call):
    to_stdout = not any(keyword.arg == "file" for keyword in call.keywords)
    return ast.unparse(call.func) == "print" and to_stdout


def ends_in_a_value(cell):
    """Whether the last statement shows a value. A call may return None, so it does not count."""
    body = tree(cell["source"]).body
    if not body or not isinstance(body[-1], ast.Expr):
        return False
    return not isinstance(body[-1].value, ast.Call)


def ends_in_a_table(cell):
    body = tree(cell["source"]).body
    return bool(body) and any(call is getattr(body[-1], "value", None) for call in tables(body[-1]))


def tables(node):
    """The calls of the table helper under a node."""
    return [call for name, call in calls(node) if name in ("plot.table", "table")]


def ends_in_semicolon(source):
    """Whether `;` is the last thing in a cell, comments aside, which is what IPython looks at."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (SyntaxError, tokenize.TokenError):  # which `is_only_python` complains about
        return False
    nothing = {tokenize.COMMENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.NEWLINE, tokenize.NL}
    said = [token.string for token in tokens if token.type not in nothing]
    return said[-1:] == [";"]


@chapter_guard
def skips_nothing(notebook, path):
    for n, cell in cells(notebook, "code"):
        for output in outputs(cell, "error"):
            yield f"cell {n}: stores an error, {output['ename']}: mend the cell and run it again"
        if any(output["name"] == "stderr" for output in outputs(cell, "stream")):
            yield f"cell {n}: stores a warning or progress bar: avoid it, readers see it"
        found = {tag for tag in tags(cell) if tag.lower() in TAGS}
        for comment in re.findall(r"#(.*)", cell["source"]):
            found |= {marker for marker in comment_markers if marker in comment.upper()}
        for mark in sorted(found):
            if (path.name, mark) not in ALLOWED_TAGS:
                yield (
                    f"cell {n}: {mark} keeps the cell or its output from being checked: remove "
                    "it, or enter it with a reason in ALLOWED_TAGS"
                )


@chapter_guard
def is_only_python(notebook, path):
    for n, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] not in ("code", "markdown"):
            yield f"cell {n}: a {cell['cell_type']} cell is neither run nor shown: make it text"
    for n, cell in cells(notebook, "code"):
        source = cell["source"]
        try:
            ast.parse(source)
        except SyntaxError as error:
            yield f"cell {n}: no plain Python ({error.msg}): magics and commands have no place here"
        if "get_ipython(" in python(source):
            yield f"cell {n}: a magic or a command runs outside Python: write Python"
        if ends_in_semicolon(source):
            last = tree(source).body[-1]
            is_call = isinstance(getattr(last, "value", None), ast.Call)
            if not (figure(cell) and is_call):  # usual after a call that draws
                yield f"cell {n}: `;` at its end hides a value: write `_ = …`, or show it"


@chapter_guard
def shows_its_figures(notebook, path):
    for n, cell in cells(notebook, "code"):
        pictures = [(mime, data) for mime, data in shown(cell) if mime.startswith("image/")]
        for mime, data in pictures:
            if mime == "image/png" and (fault := blank("".join(data))):
                yield f"cell {n}: {fault}: draw it again with `make execute`"
        if not pictures:
            continue
        said = figure(cell) or {}
        caption = said.get("caption", "").strip()
        alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "").strip()
        if len(caption) < SHORTEST_WORDS:
            yield (
                f"cell {n}: caption of {len(caption)} characters: say in mystnb.figure.caption "
                f"what to see, in {SHORTEST_WORDS} or more"
            )
        if len(alt) < SHORTEST_WORDS:
            yield (
                f"cell {n}: alt text of {len(alt)} characters: say in mystnb.image.alt what is "
                f"drawn, in {SHORTEST_WORDS} or more"
            )
        if alt == caption:
            yield f"cell {n}: the alt text repeats the caption: say what is drawn"
        if not re.fullmatch(r"fig-[a-z0-9-]+", said.get("name", "")):
            yield f"cell {n}: mystnb.figure.name is {said.get('name')!r}: call it fig-…"


@chapter_guard
def names_its_tables(notebook, path):
    for n, cell in cells(notebook, "code"):
        if not (said := figure(cell)) or "text/markdown" not in dict(shown(cell)):
            continue
        if not re.fullmatch(r"tab-[a-z0-9-]+", said.get("name", "")):
            yield f"cell {n}: mystnb.figure.name is {said.get('name')!r}: call a table tab-…"
        if len(said.get("caption", "").strip()) < SHORTEST_WORDS:
            yield (
                f"cell {n}: a table with a name needs a caption: say in mystnb.figure.caption what "
                f"to see, in {SHORTEST_WORDS} letters or more"
            )


def blank(png):
    """What is wrong with a picture, or nothing."""
    try:
        image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
    except (OSError, ValueError) as error:
        return f"the picture cannot be read ({type(error).__name__})"
    # More colours than asked for give None.
    if image.getcolors(FEWEST_COLOURS - 1) is not None:
        return f"the picture has fewer than {FEWEST_COLOURS} colours"
    return ""


@chapter_guard
def closes_its_fences(notebook, path):
    for n, cell in cells(notebook, "markdown"):
        if parse_markdown(cell["source"])[2]:
            yield (
                f"cell {n}: a fence swallows the rest of the cell: close it, and keep backticks "
                "out of the title of a fence of backticks, which would open none"
            )


@chapter_guard
def settles_its_claims(notebook, path):
    claims = read_yaml(path.parent / "claims.yml")["claims"]
    here = {claim["id"]: claim for claim in claims if claim["settled_in"] == path.name}
    found = Counter(
        name for _, cell in cells(notebook, "markdown") for name in labels(cell["source"])
    )
    for n, cell in cells(notebook, "markdown"):
        for name in labels(cell["source"]):
            if CLAIM_ID.match(name) and name not in here:
                yield f"cell {n}: claims.yml settles no {name} here: mend the label or the ledger"
    for name, claim in here.items():
        if found[name] != 1:
            yield f"label ({name})= stands here {found[name]} times: put it once, where it belongs"
            continue
        text, code = section(notebook, name)
        n = next(n for n, c in cells(notebook, "markdown") if name in labels(c["source"]))
        if claim["verdict"] == "context":
            if not CITATION.search(text):
                yield f"cell {n}: {name} is context, and its section cites nobody: add {{cite:t}}"
            continue
        statements = [s for cell in code for s in reached(tree(cell["source"]).body)]
        if not any(checks_something(statement) for statement in statements):
            yield (
                f"cell {n}: the section of {name} asserts nothing about a computed value: add an "
                "assertion before the next heading, outside functions and conditions"
            )


@chapter_guard
def shows_the_package_rules(notebook, path):
    shown_alone = False
    for n, cell_tree in trees(notebook):
        for node in cell_tree.body:
            if not isinstance(node, ast.FunctionDef) or node.name not in RULES:
                continue
            if bare(node) != RULES[node.name]:
                yield f"cell {n}: {node.name} differs from adamtut.rules.{node.name}: copy it"
            if len(cell_tree.body) > 1:
                yield f"cell {n}: the rule {node.name} shares its cell: give it one of its own"
            else:
                shown_alone = True
    if not shown_alone and path.name not in NO_RULE_CELL:
        yield "no rule cell: show a rule of adamtut.rules alone in a cell"


@chapter_guard
def uses_enough_seeds(notebook, path):
    assigned = used = False
    source_of_curves = False
    for n, cell_tree in trees(notebook):
        for values in seed_lists(cell_tree):
            count = seed_count(values)
            if count is not None and count < LIVE_SEEDS:
                yield f"cell {n}: {count} seeds: take {LIVE_SEEDS} or more"
            if count is None and is_range(values):
                yield f"cell {n}: seeds from {ast.unparse(values)}: write their number there"
        for node in ast.walk(cell_tree):
            if isinstance(node, ast.Name) and node.id == "seeds":
                assigned |= isinstance(node.ctx, ast.Store)
                used |= isinstance(node.ctx, ast.Load)
        for name, call in calls(cell_tree):
            if name in ("load", "experiments.load"):
                source_of_curves = True
                yield from (f"cell {n}: {fault}" for fault in stored_faults(call, path))
        source_of_curves |= assigned
        if not source_of_curves and any(
            name in ("plot.losses", "losses") for name, _ in calls(cell_tree)
        ):
            yield f"cell {n}: plot.losses without seeds: assign `seeds`, or `load` a stored result"
    if assigned and not used:
        yield "`seeds` is assigned and never used: run each of them"


def seed_lists(node):
    """Every expression that is assigned to `seeds`, or that a variable `seed` runs through."""
    for part in ast.walk(node):
        if isinstance(part, ast.Assign):
            names = {ast.unparse(target) for target in part.targets}
            if "seeds" in names:
                yield part.value
        if isinstance(part, ast.For | ast.comprehension) and ast.unparse(part.target) == "seed":
            yield part.iter


def is_range(node):
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("range", "np.arange")


def seed_count(node):
    """How many values an expression lists, or None where that cannot be read off."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return len(node.elts)
    if is_range(node):
        try:
            return len(range(*map(ast.literal_eval, node.args)))
        except (ValueError, TypeError):
            return None
    return None


def stored_faults(call, path):
    """What is wrong with the stored result that a call of `load` reads."""
    if len(call.args) != 1 or not isinstance(call.args[0], ast.Constant):
        yield f"{ast.unparse(call)}: write the name of the result as a string"
        return
    name = call.args[0].value
    file = path.parent / "results" / f"{name}.json"
    if not file.is_file():
        yield f"no stored result {file.name}: run python -m adamtut.experiments.{name}"
        return
    result = json.loads(file.read_text(encoding="utf-8"))
    seeds = set(result["seeds"])
    if len(seeds) < STORED_SEEDS and name not in NOTHING_RANDOM:
        yield f"{file.name} has {len(seeds)} seeds: run the experiment with {STORED_SEEDS} or more"
    runs = Counter(run["seed"] for run in result["runs"])
    if runs.keys() != seeds or len(set(runs.values())) != 1:
        yield f"{file.name}: its runs are not as many for each of its seeds: run it again"


@chapter_guard
def solves_its_exercises(notebook, path):
    exercises, solutions, started = {}, {}, None
    for n, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] == "code" and started is not None:
            solutions[started].append((n, cell))
        if cell["cell_type"] != "markdown":
            continue
        for name, argument, options in directives(cell["source"]):
            if name == "exercise":
                if not re.match(r"★{1,3} \S", argument):
                    yield f"cell {n}: exercise {argument!r}: begin its title with ★, ★★ or ★★★"
                if not options.get("label"):
                    yield f"cell {n}: exercise {argument!r} has no :label:, so no solution: add it"
                exercises[options.get("label")] = n
            if name == "solution-start":
                if started is not None:
                    yield f"cell {n}: the solution of {started} has not ended: add solution-end"
                if argument not in exercises:
                    yield f"cell {n}: solution of {argument!r}, which no exercise above is: mend it"
                if argument in solutions:
                    yield f"cell {n}: a second solution of {argument}: join them"
                if "dropdown" not in options.get("class", "").split():
                    yield f"cell {n}: the solution of {argument} is open: add :class: dropdown"
                started = argument
                solutions[started] = []
            if name == "solution-end":
                if started is None:
                    yield f"cell {n}: solution-end without solution-start: remove it"
                started = None
    if started is not None:
        yield f"the solution of {started} has not ended: add solution-end"
    if len(exercises) < FEWEST_EXERCISES:
        yield f"{len(exercises)} exercises: a chapter has {FEWEST_EXERCISES} or more"
    for label, n in exercises.items():
        code = solutions.get(label)
        if code is None:
            yield f"cell {n}: exercise {label} has no solution: add solution-start and solution-end"
        elif not any(cell["execution_count"] for _, cell in code):
            yield f"cell {n}: the solution of {label} runs nothing: add a code cell and run it"
    for code in solutions.values():
        for n, cell in code:
            if not is_hidden(cell):
                yield f"cell {n}: a solution in plain sight: set metadata jupyter.source_hidden"


@chapter_guard
def fetches_nothing(notebook, path):
    for n, cell in cells(notebook, "markdown"):
        for match in ELSEWHERE.finditer(cell["source"]):
            yield f"cell {n}: loads from elsewhere, {match[0].strip()!r}: bring a copy along"
    for n, cell in cells(notebook, "code"):
        for mime, data in shown(cell):
            if mime == "application/javascript":
                yield f"cell {n}: shows a script: show text or a picture"
            if mime == "text/html" and ELSEWHERE.search("".join(data)):
                yield f"cell {n}: its output loads from elsewhere: show text or a picture"
        for name, _ in calls(tree(cell["source"])):
            if name in DOWNLOADS:
                yield f"cell {n}: {name} downloads: use bundled data or a stored result"


@chapter_guard
def begins_with_a_setup_cell(notebook, path):
    for n, cell in enumerate(notebook["cells"], 1):
        if BARE_INSTALL.search(cell["source"]):
            yield f"cell {n}: installs adamtut by bare name, and there is no release: name a clone"
    code = cells(notebook, "code")
    if not code:
        yield "no code cell: the first must ask for adamtut; copy the setup of chapter 1"
        return
    n, cell = code[0]
    try:
        setup_cell.rest(cell["source"])
    except ValueError as error:  # the copies could not be made of it
        yield f"cell {n}: {error}; copy the setup of chapter 1"
        return
    run = run_without_package(cell["source"])
    said = run.stdout.splitlines()
    if len(said) != 1:
        yield f"cell {n}: prints {len(said)} lines where adamtut is missing: print one"
    elif "adamtut" not in said[0] or "pip install" not in said[0]:
        yield f"cell {n}: says {said[0]!r} where adamtut is missing: say how to install it"
    if run.returncode == 0 or "No module named 'adamtut" not in run.stderr:
        yield f"cell {n}: does not stop where adamtut is missing: import it there"


@chapter_guard
def asks_its_question(notebook, path):
    try:
        read_chapter(path.name, path.read_text(encoding="utf-8"))
    except ValueError as error:
        yield str(error).removeprefix(f"{path.name}: ")


# The mould.


def seen(notebook):
    """Number and code cell, of the cells whose code a page shows; solutions are folded."""
    in_solution = False
    for n, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] == "markdown":
            for name, _, _ in directives(cell["source"]):
                if name in ("solution-start", "solution-end"):
                    in_solution = name == "solution-start"
        elif not in_solution and not FOLDED & set(tags(cell)):
            yield n, cell


def before_the_exercises(notebook):
    """The notebook up to the heading of its exercises."""
    for end, cell in enumerate(notebook["cells"]):
        lines = parse_markdown(cell["source"])[0] if cell["cell_type"] == "markdown" else []
        if any(is_prose and EXERCISES.fullmatch(line) for line, is_prose in lines):
            return notebook | {"cells": notebook["cells"][:end]}
    return notebook


def length(cell):
    return cell["source"].count("\n") + 1


@chapter_guard
def asserts_in_checks_alone(notebook, path):
    for n, cell in seen(notebook):
        if any(map(roles.is_assertion, ast.walk(tree(cell["source"])))):
            yield (
                f"cell {n}: asserts where the page shows it: move the assertions to a cell that is "
                "tagged check"
            )


@chapter_guard
def shows_little_code(notebook, path):
    for n, cell in seen(notebook):
        if length(cell) > LONGEST_CELL:
            yield (
                f"cell {n}: shows {length(cell)} lines: {LONGEST_CELL} at most, divide it or show "
                "less"
            )
    total = sum(length(cell) for _, cell in seen(before_the_exercises(notebook)))
    if total > MOST_LINES:
        yield f"shows {total} lines of code before the exercises: {MOST_LINES} at most"


@chapter_guard
def hides_its_setup(notebook, path):
    for count, (n, cell) in enumerate(cells(notebook, "code")):
        is_setup = "setup" in tags(cell)
        if count == 0 and not is_setup:
            yield f"cell {n}: the first code cell would be on the page: tag it setup"
        if count == 0 and not is_hidden(cell):
            yield f"cell {n}: the setup is open in Jupyter: set metadata jupyter.source_hidden"
        if count > 0 and is_setup:
            yield f"cell {n}: tagged setup, so no page shows it: only the first code cell may be"


@chapter_guard
def folds_its_checks(notebook, path):
    for n, cell in cells(notebook, "code"):
        if "check" not in tags(cell):
            continue
        if not is_hidden(cell):
            yield f"cell {n}: a check is open in Jupyter: set metadata jupyter.source_hidden"
        if not roles.about(cell["source"]):
            yield f"cell {n}: a check begins with a comment that says what holds: write one"
        if not any(map(roles.is_assertion, ast.walk(tree(cell["source"])))):
            yield f"cell {n}: a check asserts nothing: add an assertion, or take the tag away"
        if cell["outputs"] or any(map(is_print, (c for _, c in calls(tree(cell["source"]))))):
            yield f"cell {n}: a check prints: what a reader should see stands before it"


@chapter_guard
def answers_its_predictions(notebook, path):
    for n, cell in cells(notebook, "markdown"):
        for info, inner in parse_markdown(cell["source"])[1]:
            if not (match := re.match(r"\{predict\}\s*(.*)", info)):
                continue
            content = list(itertools.dropwhile(OPTION.fullmatch, inner))
            try:
                predict.read(match[1], "\n".join(content))
            except ValueError as error:
                yield f"cell {n}: {error}"


@chapter_guard
def puts_no_paraphrase_in_quotation_marks(notebook, path):
    for n, cell in cells(notebook, "markdown"):
        for match in QUOTED.finditer(cell["source"]):
            yield (
                f"cell {n}: {match[0][:40]!r} before a citation: what a source says is told in our "
                "words, without quotation marks"
            )


@chapter_guard
def leaves_numbers_to_tables(notebook, path):
    for n, cell in seen(notebook):
        prints = [call for _, call in calls(tree(cell["source"])) if is_print(call)]
        if any(is_formatting(node) for call in prints for node in ast.walk(call)):
            yield f"cell {n}: formats what it prints: show a table, plot.table, or a picture"


def is_formatting(node):
    """Whether an expression rounds or aligns: `{x:.2f}`, `x.round(2)`, `np.round(x)`."""
    if isinstance(node, ast.FormattedValue):
        return node.format_spec is not None
    return isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "round"


@chapter_guard
def puts_its_statements_on_trial(notebook, path):
    claims = read_yaml(path.parent / "claims.yml")["claims"]
    names = [n for _, c in cells(notebook, "markdown") for n, _, _ in directives(c["source"])]
    if any(claim["settled_in"] == path.name for claim in claims) and "trial" not in names:
        yield "settles statements of claims.yml: list them in a section with the directive {trial}"


# A process in which adamtut cannot be found, whatever is installed. Other libraries are empty: to
# load them takes seconds, and the cell ends before it uses them.
WITHOUT_PACKAGE = """
import importlib.machinery
import importlib.util
import sys


def is_ours(name):
    return name.partition(".")[0] == "adamtut"


def find_spec(name, package=None, find=importlib.util.find_spec):
    return None if is_ours(name) else find(name, package)


class Empty:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if is_ours(name):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name.partition(".")[0] not in sys.stdlib_module_names:
            return importlib.machinery.ModuleSpec(name, Empty, is_package=True)

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        module.__getattr__ = lambda name: None


importlib.util.find_spec = find_spec
sys.meta_path.insert(0, Empty)
"""


def run_without_package(source):
    """Run a cell in a fresh process and an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [sys.executable, "-c", WITHOUT_PACKAGE + source],
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )


@book_guard
def has_a_sound_ledger(book, folder):
    ledger = read_yaml(folder / "claims.yml")
    for name, times in Counter(claim["id"] for claim in ledger["claims"]).items():
        if times > 1:
            yield f"claims.yml: {times} entries {name}: join them"
    for claim in ledger["claims"]:
        fields = FIELDS | ({"origin"} if claim.get("verdict") == "wrong" else set())
        if claim.keys() != fields or not all(claim.values()):
            yield f"claims.yml, {claim['id']}: the fields must be {sorted(fields)}, none empty"
            continue
        for origin in claim.get("origin", {}):
            if origin not in ORIGINS:
                yield f"claims.yml, {claim['id']}: origin {origin}: take one of {ORIGINS}"
        if claim["source"] not in ledger["sources"]:
            yield f"claims.yml, {claim['id']}: no source {claim['source']}: list it under sources"
        if not claim["id"].startswith(f"{claim['source'].lower()}-"):
            yield f"claims.yml, {claim['id']}: an id begins with its source, {claim['source']}"
        if claim["verdict"] not in VERDICTS:
            yield f"claims.yml, {claim['id']}: verdict {claim['verdict']}: take one of {VERDICTS}"
        if claim["kind"] not in KINDS:
            yield f"claims.yml, {claim['id']}: kind {claim['kind']}: take one of {KINDS}"
        if claim["settled_in"].endswith(".md"):
            for fault in settled_on_a_page(claim, folder):
                yield f"claims.yml, {claim['id']}: {fault}"
            continue
        if not claim["settled_in"].startswith(f"{claim['chapter']:02d}_"):
            yield f"claims.yml, {claim['id']}: {claim['settled_in']} is not of its chapter"
        if folder / claim["settled_in"] not in book:
            yield f"claims.yml, {claim['id']}: no chapter {claim['settled_in']}: write it"


def settled_on_a_page(claim, folder):
    """A page has no code; a test that bears the name of the statement checks it."""
    page = folder / claim["settled_in"]
    if page.stem != claim["chapter"]:
        yield f"{page.name} is not the page {claim['chapter']}"
    if not page.is_file():
        yield f"no page {page.name}: write it"
    elif list(labels(page.read_text(encoding="utf-8"))).count(claim["id"]) != 1:
        yield f"{page.name} must have the label ({claim['id']})= once"
    test = f"def test_{claim['id'].replace('-', '_')}("
    tests = (folder.parent / "tests").rglob("test_*.py")
    if not any(test in path.read_text(encoding="utf-8") for path in tests):
        yield f"no {test}) in tests: write it"


@book_guard
def labels_each_thing_once(book, folder):
    places = {}
    for path, notebook in book.items():
        for n, cell in enumerate(notebook["cells"], 1):
            for name in names(cell):
                places.setdefault(name, []).append(f"{path.name} cell {n}")
    for name, where in places.items():
        if len(where) > 1:
            yield f"label {name} stands in {', '.join(where)}: keep one"


def names(cell):
    """The labels that a cell brings into the book."""
    if cell["cell_type"] == "markdown":
        yield from labels(cell["source"])
        for _, _, options in directives(cell["source"]):
            yield from (options[key] for key in ("label", "name") if key in options)
    elif name := (figure(cell) or {}).get("name"):
        yield name


@book_guard
def has_a_full_table_of_contents(book, folder):
    root = folder.parent
    listed = docnames(root)
    for path in book:
        if f"book/{path.stem}" not in listed:
            yield f"{path.name}: missing from _toc.yml: add book/{path.stem} there"
    for page in listed:
        if not any((root / f"{page}{end}").is_file() for end in (".md", ".ipynb")):
            yield f"_toc.yml: no file for {page}: write it or remove the entry"
