"""tools/copies: the runner's copies read well and run alone."""

import ast
import copy
import dataclasses
import functools
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from docutils.nodes import make_id
from sphinx.util.nodes import _make_id as sphinx_id

import adamtut
from adamtut import _notebook
from tools.address import SETTING, Address
from tools.book import ROOT
from tools.copies import notebooks, offline_zip, setup_cell
from tools.explore import build
from tools.sphinx import cells as roles
from tools.sphinx import ledger

HERE = Address("ada", "book")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
REFERENCES = notebooks.read_references()
CHAPTERS = {
    f"{chapter.name}.ipynb": nbformat.read(ROOT / chapter.file, as_version=4)
    for chapter in REFERENCES.book.chapters
}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ADDRESSES = {"online": HERE, "no-address": None}


def stamp(notebook, name="01_gradient_descent.ipynb", address=HERE, **changes):
    arguments = {"commit": COMMIT, "version": "1.2.3", "references": REFERENCES} | changes
    return notebooks.runner_copy(notebook, name=name, address=address, **arguments)


COPIES = {
    (where, name): stamp(chapter, name, address)
    for where, address in ADDRESSES.items()
    for name, chapter in CHAPTERS.items()
}
every_copy = pytest.mark.parametrize(("where", "name"), COPIES, ids="-".join)


# What a copy must not have. A checker returns complaints.


def markdown(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def without_code(text):
    text = re.sub(r"^( *)(```+).*?^\1\2 *$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<![}`])(`+)(?!`).+?(?<!`)\1(?!`)", "", text)


MYST = {
    "label": r"^\([^()\s]+\)=",
    "directive": r"^ *(?:`{3,}|~{3,})\{|^ *:{3,}",
    "option": r"^ *:[\w-]+:",
    "role": r"\{[a-z][\w:-]*\}`",
    "equation label": r"\$\$ *\([\w-]+\)",
    "frame": r"<iframe",
}


def myst_faults(text):
    # The first pattern for code would take a directive for code, so directives are sought before.
    found = {"directive": re.findall(MYST["directive"], text, re.MULTILINE)}
    text = without_code(text)
    for kind, pattern in MYST.items():
        found[kind] = found.get(kind, []) + re.findall(pattern, text, re.MULTILINE)
    return [kind for kind, matches in found.items() if matches]


LINK = re.compile(r"!?\[([^]]*)\]\(([^)\s]+)\)")


def anchors(page):
    """The anchors of a page that the book's sources name, by the rules of docutils and Sphinx."""
    text = notebooks.text_of(page)
    labels = re.findall(r"^\(([^()\s]+)\)=$|^ *:label: *(\S+)$", text, re.MULTILINE)
    found = {make_id(a or b) for a, b in labels}
    if f"book/{page.stem}" in {chapter.docname for chapter in REFERENCES.book.chapters}:
        chapter = REFERENCES.book.page(f"book/{page.stem}")
        numbered = notebooks.numbered(nbformat.read(page, as_version=4), chapter.number)
        found |= set(map(make_id, numbered))
    if page.stem == "glossary":
        terms = re.search(r"^````\{glossary\}\n(.*?)^````$", text, re.MULTILINE | re.DOTALL)[1]
        found |= {sphinx_id(f"term-{t}") for t in re.findall(r"^\S.*$", terms, re.MULTILINE)}
    return found


ANCHORS = {
    path.relative_to(ROOT).with_suffix(".html").as_posix(): anchors(path)
    for path in [*(ROOT / "book").glob("*.ipynb"), *(ROOT / "book").rglob("*.md")]
}
HOSTS = ("github", "colab.research", "mybinder")
BESIDE = {f"{chapter.copy}.ipynb" for chapter in REFERENCES.book.chapters}


def link_faults(text, address):
    faults = []
    links = LINK.findall(text)
    for (words, target), (_, following) in zip(links, [*links[1:], ("", "")], strict=True):
        if not words.strip():
            faults.append(f"{target} has no words")
        if address and target.startswith(address.site()):
            page, _, anchor = target.removeprefix(address.site()).partition("#")
            if page not in ANCHORS or (anchor and anchor not in ANCHORS[page]):
                faults.append(f"{target} is not there")
        elif address and target in [address.repository, *map(address.colab, BESIDE)]:
            continue
        elif address and target in BESIDE and following == address.colab(target):
            continue  # Colab finds nothing beside a notebook
        elif re.match(r"https?://", target):
            if any(host in target for host in HOSTS):
                faults.append(f"{target} is not ours")
        elif address or target not in BESIDE:
            faults.append(f"{target} is not beside the copy")
    return faults


def word_faults(text):
    """Raw labels, keys of the bibliography, and brackets of a reference in what is read."""
    text = re.sub(r"\]\([^)\s]+\)", "]", without_code(text))
    text = re.sub(r"\$\$.*?\$\$|\$[^$]+\$", "", text, flags=re.DOTALL)
    names = [*REFERENCES.labels, *(key for key in REFERENCES.works if re.search(r"\d|-", key))]
    return [name for name in names if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)]


FOLDING = {"jupyter", "cellView"}
TITLE = re.compile(r"# @title \S.*\n")


def code_cells(copied):
    """The code cells of a copy that are the chapter's."""
    cells = [cell for cell in copied.cells if cell.cell_type == "code"]
    return [cell for cell in cells if not cell.id.endswith("-explorable")]


def code_faults(chapter, copied):
    before = [cell for cell in chapter.cells if cell.cell_type == "code"]
    setup, *after = code_cells(copied)
    if setup.id != "setup":
        return ["the first code cell is not the setup"]
    if len(before) != len(after):
        return [f"{len(before)} code cells became {len(after)}"]
    faults = []
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        is_folded = new.metadata.get("jupyter", {}).get("source_hidden", False)
        old_source = setup_cell.rest(old.source) if number == 0 else old.source
        tags = old.metadata.get("tags", [])
        if "check" in tags:
            old_source = f"# @title {roles.summary(old.source)}\n{old_source}"
        elif is_folded and not TITLE.match(new.source):
            faults.append(f"folded cell {number} has no title")
        new_source = new.source if "check" in tags else TITLE.sub("", new.source, count=is_folded)
        if old_source != new_source:
            faults.append(f"code cell {number} changed")
        if is_folded != ("cellView" in new.metadata):
            faults.append(f"code cell {number} is not folded on Colab as in Jupyter")
        if old.outputs != new.outputs or old.execution_count != new.execution_count:
            faults.append(f"the outputs of code cell {number} changed")
        kept = {k: v for k, v in old.metadata.items() if k not in FOLDING}
        if number and roles.count_assertions(old.source):
            kept["tags"] = [*tags, "raises-exception"]
        if old.id != new.id or kept != {k: v for k, v in new.metadata.items() if k not in FOLDING}:
            faults.append(f"code cell {number} has another name or other tags")
    return faults


COLLAPSED = notebooks.COLLAPSED


def level(cell):
    """Of the heading that a cell begins with, or None."""
    match = re.match(r"(#+) ", cell.source)
    return len(match[1]) if match and cell.cell_type == "markdown" else None


def folded_under(copied):
    """Heading → the cells that JupyterLab hides under it, for each that is folded."""
    found = {}
    for start, cell in enumerate(copied.cells):
        if cell.metadata.get(COLLAPSED):
            found[cell.id] = []
            for below in copied.cells[start + 1 :]:
                if level(below) and level(below) <= level(cell):
                    break
                found[cell.id].append(below)
    return found


def solution_faults(chapter, copied):
    """Every solution is under a folded heading, all of it and nothing else."""
    text = markdown(chapter)
    folded = folded_under(copied)
    faults = []
    if len(folded) != text.count("{solution-start}"):
        faults.append(f"{len(folded)} solutions are folded")
    if copied.metadata["colab"]["collapsed_sections"] != list(folded):
        faults.append("Colab folds others")
    inside, in_solution = [], False
    for cell in chapter.cells:
        if cell.cell_type == "code":
            inside += [cell.id] * in_solution
            continue
        for match in re.finditer(r"\{solution-(start|end)\}", cell.source):
            in_solution = match[1] == "start"
    found = [c.id for cells in folded.values() for c in cells if c.cell_type == "code"]
    if found != inside:
        faults.append("other code is folded than that of the solutions")
    if re.search(r"^#+ ", markdown_of(folded.values()), re.MULTILINE):
        faults.append("a heading within a solution would end it or be folded away")
    return faults


def markdown_of(groups):
    cells = [cell for group in groups for cell in group]
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@every_copy
def test_every_solution_is_folded_and_nothing_else(where, name):
    assert solution_faults(CHAPTERS[name], COPIES[where, name]) == []


@pytest.mark.parametrize(
    ("fault", "plant"),
    [
        ("are folded", lambda cells, at: cells[at].metadata.pop(COLLAPSED)),
        ("Colab folds", lambda cells, at: cells[at].metadata.pop(COLLAPSED)),
        ("other code", lambda cells, at: cells.insert(at + 2, cells.pop(at))),
        ("heading within", lambda cells, at: cells[at + 1].update(source="##### So")),
    ],
)
def test_a_solution_in_sight_is_noticed(fault, plant):
    name = "02_stochastic.ipynb"
    changed = copy.deepcopy(COPIES["online", name])
    # The last solution: a heading, code, and the next chapter's heading or the works cited.
    at = max(n for n, cell in enumerate(changed.cells) if cell.metadata.get(COLLAPSED))
    if fault == "heading within":
        changed.cells.insert(at + 1, nbformat.v4.new_markdown_cell("Text."))
    plant(changed.cells, at)
    assert any(fault in complaint for complaint in solution_faults(CHAPTERS[name], changed))


@every_copy
def test_no_copy_has_myst(where, name):
    assert myst_faults(markdown(COPIES[where, name])) == []


@every_copy
def test_every_link_of_a_copy_leads_somewhere(where, name):
    assert link_faults(markdown(COPIES[where, name]), ADDRESSES[where]) == []


@every_copy
def test_cross_references_are_words(where, name):
    assert word_faults(markdown(COPIES[where, name])) == []


@every_copy
def test_code_cells_are_the_chapters(where, name):
    assert code_faults(CHAPTERS[name], COPIES[where, name]) == []


@every_copy
def test_a_copy_is_a_valid_notebook(where, name):
    notebook = COPIES[where, name]
    nbformat.validate(notebook)
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert all(cell.source.strip() for cell in notebook.cells)


@pytest.mark.parametrize("name", CHAPTERS)
def test_no_text_is_lost(name):
    """Every word of a chapter that is no markup stands in its copy, in the same order."""
    text = markdown(CHAPTERS[name])
    text = re.sub(r"^\([^()\s]+\)=$|^:[\w-]+:.*$", "", text, flags=re.MULTILINE)
    text = re.sub(
        r"^ *[`:]{3,}(\{explore\} \w+|\{[\w:-]+\})?( ex-[\w-]+)?", "", text, flags=re.MULTILINE
    )
    text = re.sub(r"^- \[[ x]\] ", "", text, flags=re.MULTILINE)
    text = re.sub(r"\{(cite:[pt]|numref|prf:ref)\}`[^`]+`", "", text)
    text = re.sub(r"\{\w+\}`([^`<]+?)(\s*<[^`]+>)?`", r"\1", text)
    text = LINK.sub(r"\1", text)
    expected = re.findall(r"\w+", text)
    found = iter(re.findall(r"\w+", LINK.sub(r"\1", markdown(COPIES["no-address", name]))))
    assert len(expected) > 500
    assert [word for word in expected if word not in found] == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("label", "(s1-here)=\nText."),
        ("directive", "```{exercise} One\nText.\n```"),
        ("directive", "````{solution-end}\n````"),
        ("directive", ":::{prf:proof}\nText.\n:::"),
        ("option", "Text.\n:label: ex-one"),
        ("role", "See {ref}`there <s1-here>`."),
        ("role", "As {cite:t}`kingma2015` says."),
        ("equation label", "$$x$$ (eq-one)"),
        ("frame", '<iframe src="../_static/ravine.html"></iframe>'),
    ],
)
def test_myst_is_noticed(kind, text):
    assert kind in myst_faults(f"Before.\n\n{text}\n\nAfter.")


def test_code_about_myst_is_no_myst():
    assert myst_faults("Write `{ref}` and ``{ref}`x` ``.\n\n```md\n(a)=\n{ref}`x`\n```\n") == []


@pytest.mark.parametrize(
    ("address", "target"),
    [
        (HERE, "https://ada.github.io/book/book/no_such_page.html"),
        (HERE, "https://ada.github.io/book/book/05_adam.html#no-such-anchor"),
        (HERE, "https://ada.github.io/book/book/glossary.html#term-hessian"),
        (HERE, "https://ada.github.io/book/_static/explore/streams.html"),  # they are cells
        (HERE, "05a_adam.ipynb"),  # Colab would not find it
        (None, "05_adam.ipynb"),
        (HERE, "notation.md"),
        (None, "notation.md"),
        (None, "09_nowhere.ipynb"),
        (None, "../_static/ravine.html"),
        (None, "https://ada.github.io/book/book/05_adam.html"),
        (None, "https://github.com/ada/book"),
    ],
)
def test_a_bad_link_is_noticed(address, target):
    assert len(link_faults(f"See [there]({target}).", address)) == 1


def test_raw_labels_and_keys_are_noticed():
    assert word_faults("See s2-gd and kingma2015.") == ["s2-gd", "kingma2015"]
    assert word_faults("See [shown](x.html#s2-gd), `s2-gd`, $s2-gd$.") == []


@pytest.mark.parametrize(
    ("fault", "plant"),
    [
        ("no title", lambda cells: cells[14].update(source=TITLE.sub("", cells[6].source))),
        ("on Colab", lambda cells: cells[14].metadata.pop("cellView")),
        ("tags", lambda cells: cells[6].metadata.pop("tags")),
        ("not the setup", lambda cells: cells.pop(1)),
        ("became", lambda cells: cells.pop(8)),
        ("changed", lambda cells: cells[8].update(source="pass")),
        ("changed", lambda cells: cells.insert(10, cells.pop(8))),
        ("outputs", lambda cells: cells[10].update(outputs=[])),
        ("cell 0 changed", lambda cells: cells[2].update(source=cells[2].source + "\nx = 1")),
        ("cell 0 changed", lambda cells: cells[2].update(source=cells[2].source[:40])),
        ("tags", lambda cells: cells[8].metadata.update(tags=["skip"])),
    ],
)
def test_a_changed_code_cell_is_noticed(fault, plant):
    name = "01_gradient_descent.ipynb"
    changed = copy.deepcopy(COPIES["online", name])
    assert [changed.cells[n].cell_type for n in (1, 2, 6, 8, 10, 14)] == ["code"] * 6
    plant(changed.cells)
    assert any(fault in complaint for complaint in code_faults(CHAPTERS[name], changed))


# The words.

SITE = "https://ada.github.io/book/book"


@pytest.mark.parametrize(
    ("source", "online", "alone"),
    [
        (
            "{ref}`shown <s2-gd>`",
            f"[shown]({SITE}/01_gradient_descent.html#s2-gd)",
            "[shown](01_gradient_descent.ipynb)",
        ),
        ("{ref}`shown <s3-damp>`", f"[shown]({SITE}/03_momentum.html#s3-damp)", "shown"),
        ("{doc}`Adam <05_adam>`", f"[Adam]({SITE}/05_adam.html)", "[Adam](05a_adam.ipynb)"),
        ("[the page](notation.md)", f"[the page]({SITE}/notation.html)", "the page"),
        ("{term}`Momentum`", f"[Momentum]({SITE}/glossary.html#term-momentum)", "Momentum"),
        ("{term}`nats <nat>`", f"[nats]({SITE}/glossary.html#term-nat)", "nats"),
        ("{term}`hessian`", f"[hessian]({SITE}/glossary.html#term-Hessian)", "hessian"),
        (
            "{cite:t}`kingma2015`",
            f"[Kingma & Ba (2015)]({SITE}/bibliography.html)",
            "Kingma & Ba (2015)",
        ),
        (
            "{cite:t}`lee2016`",
            f"[Lee et al. (2016)]({SITE}/bibliography.html)",
            "Lee et al. (2016)",
        ),
        (
            "{cite:p}`duchi2011,tieleman2012`",
            f"([Duchi et al. 2011; Tieleman & Hinton 2012]({SITE}/bibliography.html))",
            "(Duchi et al. 2011; Tieleman & Hinton 2012)",
        ),
        (
            "{cite:p}`keras`",
            f"([Chollet et al. 2015]({SITE}/bibliography.html))",
            "(Chollet et al. 2015)",
        ),
        ("`{ref}` and `` {ref}`s2-gd` ``", *["`{ref}` and `` {ref}`s2-gd` ``"] * 2),
        (
            r"$\{term\}$ \$5 {term}`nat`",
            rf"$\{{term\}}$ \$5 [nat]({SITE}/glossary.html#term-nat)",
            r"$\{term\}$ \$5 nat",
        ),
        ("[a](https://example.org/x.md)", *["[a](https://example.org/x.md)"] * 2),
        ("```md\n{ref}`x <s2-gd>`\n```", *["```md\n{ref}`x <s2-gd>`\n```"] * 2),
        (
            "| {term}`nat` | b |\n|---|---|\n| {term}`nat` | d |",
            None,
            "| nat | b |\n|---|---|\n| nat | d |",
        ),
        ("(s1-x)=\n(s1-y)=\n## Head\n\nText.", *["## Head\n\nText."] * 2),
    ],
)
def test_text_becomes_plain(source, online, alone):
    if online:
        assert notebooks.plain_markdown(source, notebooks.Place("x", HERE, REFERENCES)) == online
    assert (
        notebooks.plain_markdown(source, notebooks.Place("03_momentum", None, REFERENCES)) == alone
    )


def test_directives_become_plain():
    source = """\
:::{prf:theorem} A bound on {term}`momentum`
:label: thm-x
:nonumber:

Let $x$ be

$$\\begin{aligned}
x &= 1
\\end{aligned}$$
:::

:::{prf:proof}
Easy.
:::

````{exercise} ★ Try
:label: ex-x
Run it.

```python
x = "{ref}`x`"
```
````"""
    expected = """\
<blockquote>

**Theorem. A bound on momentum**

Let $x$ be

$$\\begin{aligned}
x &= 1
\\end{aligned}$$

</blockquote>

**Proof.** Easy. ∎

### Exercise 3.2 ★ Try

Run it.

```python
x = "{ref}`x`"
```"""
    numbers = {"ex-x": ("exercise", "3.2")}
    place = notebooks.Place("x", None, dataclasses.replace(REFERENCES, numbers=numbers))
    assert notebooks.plain_markdown(source, place) == expected


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("{ref}`s2-gd`", "{ref}`s2-gd`"),
        ("{eq}`eq-one`", "{eq}`eq-one`"),
        ("{ref}`shown <s9-typo>`", "'s9-typo' is no label"),
        ("{term}`hiccup`", "'hiccup' is no entry of the glossary"),
        ("{cite:t}`nobody1900`", "'nobody1900' is no entry of the bibliography"),
        ("![a](picture.png)", "picture.png"),
        ("[a](../_static/x.html)", "../_static/x.html"),
        ("```{note}\nText.\n```", "{note}"),
        ("- a\n\n  ```{exercise} One\n  Text.\n  ```", "{exercise} One stands in a list"),
        ('<iframe src="https://example.org"></iframe>', "example.org"),
    ],
)
def test_what_has_no_plain_form_is_refused_by_name(source, named):
    with pytest.raises(ValueError, match=re.escape(named)):
        notebooks.plain_markdown(source, notebooks.Place("x", HERE, REFERENCES))


def test_anchors_of_terms_are_those_of_sphinx():
    assert len(REFERENCES.terms) > 40
    for term in REFERENCES.terms.values():
        assert notebooks.term_id(term) == sphinx_id(f"term-{term}")


def test_markdown_is_read_as_the_book_reads_it():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert set(config["parse"]["myst_enable_extensions"]) == notebooks.EXTENSIONS


def cells(*sources):
    """A chapter; a source that begins with `code:` is a code cell."""
    made = []
    for source in ["# 1. Title\n\nText.", "code:" + OPENING, *sources]:
        if source.startswith("code:"):
            cell = nbformat.v4.new_code_cell(source.removeprefix("code:"))
            cell.metadata["jupyter"] = {"source_hidden": True}
        else:
            cell = nbformat.v4.new_markdown_cell(source)
        made.append(cell)
    return nbformat.v4.new_notebook(cells=made)


OPENING = """\
from importlib.util import find_spec

if find_spec("adamtut") is None:
    print("missing")

import numpy as np\
"""
EXERCISE = "```{exercise} ★ One\n:label: ex-1\nTry.\n```"
START, END = "````{solution-start} ex-1\n:class: dropdown\n````", "````{solution-end}\n````"


def test_solutions_are_folded():
    chapter = cells(
        f"{EXERCISE}\n\n{START}",
        "code:first",
        f"So $x$.\n\n{END}\n\n{EXERCISE.replace('ex-1', 'ex-2')}\n\n{START}\n\nBecause.",
        "code:second",
        f"{END}\n\n## After",
        "code:third",
    )
    copied = stamp(chapter)
    assert [cell.source for cell in copied.cells[3:-1]] == [
        "### Exercise 1.1 ★ One\n\nTry.",
        "#### Solution",
        "# @title Solution\nfirst",
        "So $x$.",
        "### Exercise 1.2 ★ One\n\nTry.",
        "#### Solution",
        "Because.",
        "# @title Solution\nsecond",
        "## After",
        "# @title Code\nthird",
    ]
    folded = [cell.id for cell in copied.cells if cell.metadata.get("jp-MarkdownHeadingCollapsed")]
    assert [len(cells) for cells in folded_under(copied).values()] == [2, 2]
    # Colab takes the name of a cell from its metadata.
    assert copied.metadata["colab"]["collapsed_sections"] == folded
    assert [c.metadata["id"] for c in copied.cells if "id" in c.metadata] == folded


def test_a_prediction_keeps_its_answer_behind_a_fold():
    source = (
        ":::{predict} Which $m$?\n:label: p-1\n- [ ] One, see {term}`ravine`\n\n  No: $0$.\n\n"
        "  Not one.\n- [x] Two\n\n  Yes.\n\nBecause of {cite:t}`ruder2016`.\n:::\n\nText."
    )
    cell = stamp(cells(source), address=None).cells[3]
    assert cell.source == (
        "**Predict. Which $m$?**\n\n- One, see ravine\n- Two\n\n"
        "<details>\n<summary>The answer</summary>\n\n"
        "*One, see ravine*: **Wrong.** No: $0$.\n\nNot one.\n\n*Two*: **Right.** Yes.\n\n"
        "Because of Ruder (2016).\n\n</details>\n<p></p>\n\nText."
    )


def test_a_check_has_its_line_and_lets_the_rest_run():
    chapter = cells("code:# the two agree\nassert a == b", "Text.")
    chapter.cells[2].metadata["tags"] = ["check"]
    copied = stamp(chapter)
    check = copied.cells[3]
    assert check.source == "# @title ✓ 1 check · the two agree\n# the two agree\nassert a == b"
    assert check.metadata["tags"] == ["check", "raises-exception"]
    assert check.metadata["cellView"] == "form"
    assert "*A folded cell that begins with ✓ tests the numbers of the book. Change a number" in (
        copied.cells[0].source
    )


def test_an_assertion_in_sight_lets_the_rest_run_too():
    copied = stamp(cells("code:f(x)", "code:np.testing.assert_allclose(a, b)"))
    assert "tags" not in copied.cells[3].metadata
    assert copied.cells[4].metadata["tags"] == ["raises-exception"]
    assert "*Each `assert` tests a number of the book. Change a number" in copied.cells[0].source


def test_a_folded_setup_says_what_it_imports():
    chapter = cells("Text.")
    assert stamp(chapter).cells[2].source == "# @title Imports\nimport numpy as np"
    chapter.cells[1].metadata.clear()
    assert stamp(chapter).cells[2].source == "import numpy as np"


def test_a_figure_has_its_caption_below():
    chapter = cells("code:draw()", "Text.")
    chapter.cells[2].metadata["mystnb"] = {
        "figure": {"caption": "A {term}`ravine`. And", "name": "f"}
    }
    *_, figure, caption, text, _ = stamp(chapter, address=None).cells
    assert caption.source == "**Figure 1.1.** A ravine. And"
    assert figure.source == "# @title Figure 1.1. A ravine.\ndraw()"
    assert caption.id == f"{figure.id}-caption" and text.source == "Text."


def test_things_have_the_numbers_of_the_book():
    source = (
        "{numref}`tab-a` and {numref}`fig-b`.\n\n```{prf:theorem} T\n:label: t-1\nX.\n```\n\n"
        "```{exercise} ★ E\n:label: e-1\nX, by {prf:ref}`t-1` and {numref}`e-1`.\n```"
    )
    chapter = cells("code:a()", "code:b()", source)
    for cell, name in zip(chapter.cells[2:4], ["tab-a", "fig-b"], strict=True):
        cell.metadata["mystnb"] = {"figure": {"caption": "A.", "name": name}}
    copied = stamp(chapter, "05_adam_in_practice.ipynb", None).cells
    assert [cell.source for cell in copied if cell.id.endswith("-caption")] == [
        "**Table 5b.1.** A.",
        "**Figure 5b.1.** A.",
    ]
    assert copied[-2].source == (
        "Table 5b.1 and Fig. 5b.1.\n\n<blockquote>\n\n**Theorem 5b.1. T**\n\nX.\n\n</blockquote>"
        "\n\n### Exercise 5b.1 ★ E\n\nX, by Theorem 5b.1 and Exercise 5b.1."
    )


def test_statements_on_trial_are_a_folded_table():
    claim = ledger.Claim("s1-a", "ruder2016", "It is |x|.", "wrong", "See $x$.", "05_adam")
    other = ledger.Claim("s1-b", "kingma2015", "It is.", "holds", "So.", "06_bias_correction")
    here = dataclasses.replace(REFERENCES, claims=[claim, other])
    chapter = cells("## Trial\n\n```{trial}\n```")
    *_, text, works, _ = stamp(chapter, "05_adam.ipynb", None, references=here).cells
    assert text.source.split("\n")[2:] == [
        "<details>",
        "<summary>1 statement of other texts, settled in this chapter: wrong 1</summary>",
        "",
        "| Statement | Verdict | Why |",
        "| :--- | :--- | :--- |",
        r"| It is \|x\|. (Ruder 2016) | wrong | See $x$. |",
        "",
        "</details>",
        "<p></p>",
    ]
    assert works.source.count("\n- ") == 1 and "Ruder" in works.source


@every_copy
def test_a_copy_ends_with_the_works_that_it_cites(where, name):
    heading, *lines = COPIES[where, name].cells[-2].source.split("\n- ")
    assert heading == "## Works cited\n"
    cited = re.findall(r"\{cite:[pt]\}`([^`]+)`", markdown(CHAPTERS[name]))
    keys = {key for keys in cited for key in re.split(", *", keys)}
    if "{trial}" in markdown(CHAPTERS[name]):
        claims = ledger.read(ROOT / "book" / "claims.yml")
        keys |= {claim.source for claim in claims if f"{claim.page}.ipynb" == name}
    assert len(lines) == len(keys) > 2
    for key in keys:
        who, when = REFERENCES.works[key]
        first = re.split(r" et al\.| & ", who)[0]
        assert any(first in line and when in line for line in lines), key
    assert lines == [entry for entry in REFERENCES.entries.values() if entry in lines]


def test_a_copy_without_citations_has_no_list():
    *_, last, _ = stamp(cells("code:x", "Text.")).cells
    assert last.source == "Text."
    *_, last, _ = stamp(cells("code:x", "As {cite:t}`kingma2015` say.")).cells
    assert last.source.startswith("## Works cited\n\n- Diederik P. Kingma and Jimmy Ba. Adam: a ")


def test_an_entry_is_plain_markdown():
    """No backslash that Jupyter would take for the beginning of a formula, and no LaTeX."""
    assert [entry for entry in REFERENCES.entries.values() if re.search(r"[\\{}$\n]", entry)] == []


@pytest.mark.parametrize("where", ADDRESSES)
def test_the_title_says_where_a_copy_is_from(where):
    copied = stamp(cells(), address=ADDRESSES[where])
    heading, line, _, text = copied.cells[0].source.split("\n\n")
    assert (heading, text) == ("# 1. Title", "Text.")
    assert "adamtut 1.2.3" in line
    page = "https://ada.github.io/book/book/01_gradient_descent.html"
    assert (f"]({page})" in line) == (where == "online")
    assert ("online" in line) == (where == "online")


@pytest.mark.parametrize("where", ADDRESSES)
def test_a_copy_leads_to_the_chapters_before_and_after(where):
    copied = stamp(cells(), "05_adam_in_practice.ipynb", ADDRESSES[where])
    before, after = (
        "[5a. Adam](05a_adam.ipynb)",
        "[6. Bias correction, derived](06_bias_correction.ipynb)",
    )
    if where == "online":
        before += f", [on Colab]({HERE.colab('05a_adam.ipynb')})"
        after += f", [on Colab]({HERE.colab('06_bias_correction.ipynb')})"
    assert copied.cells[-1].source == f"Before: {before} · Next: {after}"
    assert copied.cells[-1].source in copied.cells[0].source
    first = stamp(cells(), address=None).cells[-1].source
    assert first.startswith("Next: [2. ")
    last = REFERENCES.book.chapters[-1]
    assert "Next" not in stamp(cells(), f"{last.name}.ipynb").cells[-1].source


STREAMS = "preset=agree,alternate&rule=adam&t=40"


def test_an_explorable_is_a_cell_with_its_poster_and_its_caption():
    source = (
        f"Before.\n\n:::{{explore}} streams\n:query: {STREAMS}\n:name: fig-r\n:alt: A path.\n"
        "Drag $x$.\n:::\n\nAfter."
    )
    for where, here in ADDRESSES.items():
        before, cell, caption, after, _ = stamp(cells(source), address=here).cells[3:]
        assert (before.source, after.source) == ("Before.", "After.")
        assert caption.source == "**Figure 1.1.** Drag $x$."
        name, call = cell.source.split("\n", maxsplit=1)
        assert name == "# @title Interactive picture: run this cell"
        arguments = ast.parse(call).body[0].value
        values = [ast.literal_eval(node) for node in arguments.args]
        assert values == [f"streams.html?{STREAMS}", 702]
        online = {k.arg: ast.literal_eval(k.value) for k in arguments.keywords}
        site = {"online": "https://ada.github.io/book/_static/explore"}
        assert online == (site if where == "online" else {})
        (poster,) = cell.outputs
        assert poster["data"]["image/png"].startswith("iVBOR")
        assert poster["data"]["text/plain"] == "A path."


def test_an_explorable_without_a_poster_is_refused():
    source = ":::{explore} streams\n:query: t=1\n:name: fig-r\n:alt: A path.\nDrag.\n:::"
    with pytest.raises(ValueError, match=r"poster of streams.html\?t=1 is missing; draw it"):
        stamp(cells(source))


def test_a_chapter_stays_as_it_is():
    chapter = copy.deepcopy(CHAPTERS["05_adam.ipynb"])
    stamp(chapter)
    assert chapter == CHAPTERS["05_adam.ipynb"]


# The setup cell.


def setup_source(**changes):
    return stamp(cells(), **changes).cells[1].source


def test_the_setup_cell_is_folded_and_the_imports_follow():
    _, setup, imports, _ = stamp(cells()).cells
    assert setup.metadata == notebooks.FOLDED
    assert setup.source.startswith("# @title Set up")
    assert imports.source.endswith("import numpy as np")


def test_the_setup_cell_installs_the_commit():
    archive = f'"adamtut @ https://github.com/ada/book/archive/{COMMIT}.zip"'
    assert f'version, source = "1.2.3", {archive}\n' in setup_source()
    assert 'version, source = "1.2.3", None\n' in setup_source(address=None)
    assert 'version, source = "1.2.3", "./x.whl"\n' in setup_source(source="./x.whl")
    ast.parse(setup_source())  # no magic


@pytest.mark.parametrize(
    "cell",
    [
        "import numpy as np",
        "from importlib.util import find_spec\n\nimport numpy as np",
        OPENING.replace('"adamtut"', '"numpy"'),
        OPENING.replace("import find_spec", "import find_spec, module_from_spec"),
    ],
)
def test_another_opening_is_refused(cell):
    with pytest.raises(ValueError, match="first code cell must begin"):
        setup_cell.rest(cell)


class Machine:
    """What a setup cell finds; `run` runs it and returns what pip was given, or None."""

    def __init__(self, monkeypatch, folder):
        self.found, self.version, self.code, self.after = None, None, 0, "site-packages"
        self.folder, self.lacks = folder, []
        self.monkeypatch = monkeypatch
        self.asked, self.given = None, None
        monkeypatch.chdir(folder)
        monkeypatch.setattr(importlib.util, "find_spec", self.find_spec)
        monkeypatch.setattr(importlib.metadata, "distributions", self.distributions)
        monkeypatch.setattr(subprocess, "run", self.pip)

    def have(self, place, version, given=None):
        self.found, self.version, self.given = place, version, given

    def find_spec(self, name):
        if name != "adamtut":
            return None if name in self.lacks else SimpleNamespace(origin=name)
        if self.found is None:
            return None
        if self.found == "namespace":
            return SimpleNamespace(origin=None)
        return SimpleNamespace(origin=str(self.folder / self.found / "adamtut" / "__init__.py"))

    def distributions(self, name):
        assert name == "adamtut"
        wrote = json.dumps({"url": self.given}) if self.given else None
        one = SimpleNamespace(version=self.version, read_text={"direct_url.json": wrote}.get)
        return [one] if self.version else []

    def pip(self, command, **_):
        assert command[:4] == [sys.executable, "-m", "pip", "install"]
        assert {"--no-deps", "--force-reinstall"} < set(command)
        self.asked, self.found = command[-1], self.after
        return SimpleNamespace(returncode=self.code, stdout="", stderr="no such host")

    def run(self, source="adamtut @ there"):
        setup = setup_source(source=source, address=None)
        softened = []
        self.monkeypatch.setattr(_notebook, "soften_checks", lambda: softened.append(True))
        exec(compile(setup, "setup", "exec"), {"__name__": "__main__"})
        assert softened == [True]
        return self.asked


@pytest.fixture
def machine(monkeypatch, tmp_path):
    return Machine(monkeypatch, tmp_path)


def test_setup_installs_what_is_missing(machine, capsys):
    assert machine.run() == "adamtut @ there"
    assert capsys.readouterr().out == "Installing adamtut 1.2.3\n"


def test_setup_leaves_the_same_version(machine):
    machine.have("site-packages", "1.2.3")
    assert machine.run() is None


@pytest.mark.parametrize(
    ("given", "source", "asked"),
    [
        ("https://github.com/a/b/archive/new.zip", "adamtut @ {given}", None),
        ("https://github.com/a/b/archive/old.zip", "adamtut @ there", "adamtut @ there"),
        ("file:///home/ada/clone", "adamtut @ there", "adamtut @ there"),
        ("file:///home/ada/clone", None, None),
        (None, "adamtut @ there", None),  # a release
    ],
)
def test_setup_replaces_the_same_version_of_another_source(machine, given, source, asked):
    machine.have("site-packages", "1.2.3", given)
    assert machine.run(source and source.format(given=given)) == asked


def test_setup_replaces_another_version(machine):
    machine.have("site-packages", "1.2.2")
    assert machine.run() == "adamtut @ there"


def test_setup_leaves_a_checkout_of_any_version(machine, tmp_path):
    machine.have("checkout", "0.9.0")
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "pyproject.toml").touch()
    assert machine.run() is None


def test_setup_sees_through_a_folder_of_the_same_name(machine):
    """A clone beside the notebook can be imported, as a package with nothing in it."""
    machine.have("namespace", "1.2.3")
    assert machine.run() == "adamtut @ there"


def test_setup_sees_through_remains_of_an_installation(machine):
    machine.have(None, "1.2.3")
    assert machine.run() == "adamtut @ there"


def test_setup_prefers_the_wheel_beside_the_notebook(machine, tmp_path):
    (tmp_path / "adamtut-1.2.2-py3-none-any.whl").touch()
    assert machine.run() == "adamtut @ there"
    wheel = tmp_path / "adamtut-1.2.3-py3-none-any.whl"
    wheel.touch()
    machine.have(None, None)
    assert machine.run() == wheel.as_uri()
    machine.have("site-packages", "1.2.3", wheel.as_uri())
    machine.asked = None
    assert machine.run() is None


def test_setup_says_what_to_do_where_there_is_no_source(machine):
    wheel = "adamtut-1.2.3-py3-none-any.whl"
    with pytest.raises(RuntimeError, match=f"1.2.3 is missing.* its file {wheel} beside this note"):
        machine.run(source=None)


def test_setup_shows_what_pip_says(machine):
    machine.code = 1
    with pytest.raises(RuntimeError, match="could not install adamtut @ there\nno such host"):
        machine.run()


def test_setup_asks_for_a_new_kernel_where_the_old_cannot_import(machine):
    machine.after = None
    with pytest.raises(RuntimeError, match="Restart the kernel"):
        machine.run()


def test_setup_names_missing_packages(machine, capsys):
    machine.have("site-packages", "1.2.3")
    machine.lacks = ["sklearn", "torch"]
    machine.run()
    line = "The chapters need more packages: pip install scikit-learn torch\n"
    assert capsys.readouterr().out == line


# The folder.


def folder(address, chapters=CHAPTERS, **changes):
    arguments = {
        "commit": COMMIT,
        "version": "1.2.3",
        "pyproject": PYPROJECT,
        "references": REFERENCES,
    }
    return notebooks.folder(chapters, address=address, **arguments | changes)


# It takes seconds to make.
whole_folder = functools.cache(folder)


def imported(source):
    """The top names of what a source imports at any place."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names


def test_requirements_are_what_is_imported():
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "adamtut").rglob("*.py")]
    for chapter in CHAPTERS.values():
        sources += [cell.source for cell in chapter.cells if cell.cell_type == "code"]
    names = set().union(*map(imported, sources)) - set(sys.stdlib_module_names) - {"adamtut"}
    names -= {"IPython", "matplotlib_inline"}  # part of Jupyter
    names -= {"jax", "keras", "optax"}  # only for whoever has them, and no chapter needs them
    needed = {name.replace("scikit-", "sk") for name in setup_cell.NEEDED}
    assert names - needed == set()
    # scikit-learn brings scipy, and a chapter may use it; adamtut.data loads pooch by its name.
    assert needed - names <= {"scipy", "pooch"}
    *_, torch, tqdm = whole_folder(HERE)["requirements.txt"].splitlines()
    assert torch in PYPROJECT["project"]["optional-dependencies"]["torch"]
    assert tqdm in PYPROJECT["project"]["optional-dependencies"]["book"]


def test_pytorch_and_its_choice_are_where_one_installs():
    """No other package may be asked of PyTorch's index, which may be out of reach."""
    files = whole_folder(HERE)
    assert "--" not in files["requirements.txt"] + files["binder/requirements.txt"]
    assert notebooks.TORCH in files["README.md"] and notebooks.TORCH_CPU in files["README.md"]
    # Binder has no GPU, and no room for the build with its libraries.
    asked = files["requirements.txt"].splitlines()
    assert set(asked) - set(files["binder/requirements.txt"].splitlines()) == {"torch>=2.6"}
    assert files["binder/postBuild"] == f"#!/bin/sh\n{notebooks.TORCH_CPU}\n"


@pytest.mark.parametrize("where", ADDRESSES)
def test_the_folder(where):
    address = ADDRESSES[where]
    files = whole_folder(address)
    pages = {f"explore/{name}.html" for name in build.NAMES}
    binder = {f"binder/{name}" for name in ("postBuild", "requirements.txt", "runtime.txt")}
    assert set(files) == BESIDE | pages | binder | {"LICENSE", "README.md", "requirements.txt"}
    assert list(BESIDE & set(files)) and sorted(BESIDE) == [n for n in files if n in BESIDE]
    for page in pages:
        assert not re.search(r'(src|href)="(?!data:)\w', files[page]), "a page stands alone"
    front = files["README.md"]
    for chapter in REFERENCES.book.chapters:
        name = f"{chapter.copy}.ipynb"
        assert f"- [{chapter.heading}]({name}). *{chapter.question}*" in front
        assert (HERE.colab(name) in front) == (address is not None)
        assert (HERE.binder(name) in front) == (address is not None)
    assert REFERENCES.book.to_come in front.splitlines()
    assert ("https://ada" in front) == ("github" in front) == (address is not None)
    for name in BESIDE:
        assert json.loads(files[name])["nbformat"] == 4
        assert files[name].endswith("}\n") and not files[name].endswith("\n\n")


def test_the_copies_follow_from_their_arguments():
    two = {name: CHAPTERS[name] for name in ("02_stochastic.ipynb", "05_adam.ipynb")}
    names = ["02_stochastic.ipynb", "05a_adam.ipynb"]
    made, again = folder(HERE, two), folder(HERE, two)
    assert made == again
    changed = folder(HERE, two, version="1.2.4")
    assert all(changed[name] != made[name] for name in names)


def content(path):
    files = [file for file in path.rglob("*") if file.is_file()]
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


def test_the_command_writes_the_folder_and_what_was_there_goes(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(SETTING, "ada/book")
    monkeypatch.setattr(notebooks, "head_commit", lambda address: COMMIT)
    files = notebooks.folder_of_this_checkout(HERE)
    same = stamp(CHAPTERS["05_adam.ipynb"], "05_adam", version=adamtut.__version__)
    assert nbformat.reads(files["05a_adam.ipynb"], as_version=4) == same
    monkeypatch.setattr(notebooks, "folder_of_this_checkout", {HERE: files}.get)
    for name in ("00_gone.ipynb", "explore/gone.html", "kept.txt"):
        notebooks.write(tmp_path / name, "")
    notebooks.main(tmp_path)
    files["kept.txt"] = ""
    assert content(tmp_path) == {name: text.encode() for name, text in files.items()}
    assert "address: https://github.com/ada/book" in capsys.readouterr().out


def test_an_address_needs_a_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert notebooks.head_commit(None) == ""
    with pytest.raises(SystemExit, match=f"{SETTING} is set, .* git names none"):
        notebooks.head_commit(HERE)


# The zip.


@pytest.fixture
def small(tmp_path):
    """A folder of copies, and a file that stands for the wheel."""
    copies = tmp_path / "copies"
    copies.mkdir()
    for name, text in whole_folder(None).items():
        notebooks.write(copies / name, text)
    wheel = tmp_path / "adamtut-1.2.3-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    return copies, wheel


def test_the_zip_holds_the_same_notebooks_and_the_wheel(small, tmp_path):
    copies, wheel = small
    path = offline_zip.write_zip(copies, wheel, tmp_path / "out")
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    prefix = "adamtut-notebooks/"
    pages = [f"explore/{name}.html" for name in build.NAMES]
    for name in (*BESIDE, *pages, "requirements.txt", "LICENSE"):
        assert held.pop(prefix + name) == (copies / name).read_bytes()
    assert held.pop(prefix + wheel.name) == b"wheel"
    front = held.pop(f"{prefix}README.txt").decode()
    assert held == {}
    assert "pip install -r requirements.txt jupyterlab" in front
    assert notebooks.TORCH in " ".join(front.split()) and notebooks.TORCH_CPU in front
    for chapter in REFERENCES.book.chapters:
        assert f"{chapter.heading}\n    {chapter.question}\n    {chapter.copy}.ipynb\n" in front
    assert front.endswith(f"\n\n{REFERENCES.book.to_come}\n")
    assert wheel.name in front and "github" not in front


def test_the_zip_has_the_same_bytes_twice(small, tmp_path):
    first = offline_zip.write_zip(*small, tmp_path / "out").read_bytes()
    os.utime(small[1], (0, 0))
    assert offline_zip.write_zip(*small, tmp_path / "out").read_bytes() == first


def test_a_folder_without_notebooks_makes_no_zip(tmp_path):
    with pytest.raises(SystemExit, match=r"expected notebooks in .*make notebooks"):
        offline_zip.write_zip(tmp_path, tmp_path / "x.whl", tmp_path / "out")
    assert not (tmp_path / "out").exists()


# Slow: a chapter from the unpacked zip, in a bare folder, without a network.

RUN = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
notebook.cells.append(nbformat.v4.new_code_cell("import adamtut, numpy; adamtut.__file__"))
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
print(*(o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"))
print(*(o.data.get("text/html", "") for o in outputs if "data" in o))
print(notebook.cells[-1].outputs[0]["data"]["text/plain"])
"""


@pytest.fixture
def bare(tmp_path):
    """The Python of a new environment that has all that this one has, but not adamtut."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.check_output([python, "-c", ask], text=True).strip())
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "adamtut" not in entry.name and not (site / entry.name).exists():
            (site / entry.name).symlink_to(entry)
    return python


def run_chapter(python, folder, name, home):
    dropped = ("PYTHONPATH", "PIP_", "JUPYTER", "ADAMTUT")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        environment[proxy] = "http://127.0.0.1:9"
    environment |= {"PIP_NO_INDEX": "1", "HOME": str(home), "JUPYTER_PREFER_ENV_PATH": "1"}
    command = [python, "-c", RUN, name]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_a_chapter_of_the_zip_runs_without_a_network(bare, tmp_path):
    copies, out, home = tmp_path / "copies", tmp_path / "out", tmp_path / "home"
    copies.mkdir()
    home.mkdir()
    for name, text in folder(None, version=adamtut.__version__).items():
        notebooks.write(copies / name, text)
    offline_zip.main(copies, out)
    shutil.unpack_archive(out / "adamtut-notebooks.zip", out)
    unpacked = out / "adamtut-notebooks"

    (wheel,) = unpacked.glob("*.whl")
    elsewhere = wheel.rename(out / wheel.name)
    done = run_chapter(bare, unpacked, "05a_adam.ipynb", home)
    assert done.returncode != 0
    assert f"put its file {wheel.name} beside this notebook" in done.stderr

    elsewhere.rename(wheel)
    done = run_chapter(bare, unpacked, "05a_adam.ipynb", home)
    assert done.returncode == 0, done.stderr
    assert "✗" not in done.stdout, "a check failed"
    assert 'src="explore/streams.html?preset=agree,alternate' in done.stdout
    assert str(bare.parents[1]) in done.stdout, "the wheel's adamtut, not the checkout's"
