"""The runner's copies: every chapter as Jupyter and Colab show it best.

    python -m tools.copies.notebooks FOLDER

Jupyter knows no MyST: a label, a directive or a role would show there as it is typed. In a copy
they are plain Markdown, cross references are words, with links to the online book where it has an
address, and the setup cell installs `adamtut`. The code cells are the chapter's, those that are
folded with a title. Each explorable is a cell that frames its page, which lies beside the copies.
"""

import base64
import copy
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import nbformat
from docutils.nodes import make_id
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from pybtex.database import parse_file
from pybtex.plugin import find_plugin
from pybtex.richtext import Text

import adamtut
from adamtut.progress import late_bar
from adamtut.tables import table
from tools.address import SETTING, Address, address
from tools.book import ROOT, Book
from tools.book import read as read_book
from tools.copies import setup_cell
from tools.explore import build, posters
from tools.explore.posters import Use
from tools.sphinx import cells as roles
from tools.sphinx import ledger, predict

EXTENSIONS = {"colon_fence", "deflist", "dollarmath"}  # those of _config.yml
MARKDOWN = create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)
DIRECTIVE = re.compile(r"\{([\w:-]+)\} *(.*)")
OPTIONS = re.compile(r"\A(?::[\w-]+:.*\n)*")
OPTION = re.compile(r"^:([\w-]+): *(.*)$", re.MULTILINE)
INLINE = re.compile(
    r"""\\.                                                       # an escaped character
    | \{(?P<role>[a-z][\w:-]*)\}`(?P<content>[^`]+)`
    | (?P<ticks>`+)(?!`) .+? (?<!`)(?P=ticks)(?!`)                # code
    | \$\$.+?\$\$ | \$[^$]+\$                                     # formulas
    | (?P<image>!?)\[(?P<words>[^]]*)\]\((?P<target>[^)\s]+)\)    # links
    """,
    re.VERBOSE | re.DOTALL,
)
LINK = re.compile(r"\[([^]]*)\]\([^)\s]+\)")
# Directives of what is numbered → what it is.
KINDS = {
    "explore": "figure",
    "exercise": "exercise",
    "prf:algorithm": "algorithm",
    "prf:theorem": "theorem",
}
SHORT = {"figure": "Fig."}


@dataclass(frozen=True)
class References:
    """What cross references lead to."""

    book: Book
    labels: dict[str, str]  # label → the page that has it
    numbers: dict[str, tuple[str, str]]  # label → what it numbers and its number: figure, 5a.3
    terms: dict[str, str]  # entry of the glossary in small letters → as it is written there
    works: dict[str, tuple[str, str]]  # key of the bibliography → (authors, year or "")
    entries: dict[str, str]  # key of the bibliography → the whole entry in Markdown, in its order
    claims: list[ledger.Claim]


@dataclass(frozen=True)
class Place:
    """Where a text stands and what may be linked from there."""

    page: str
    address: Address | None
    references: References

    def link(self, words: str, page: str, anchor: str = "") -> str:
        """The words with a link to a page: online, or else to the copy in the same folder."""
        if self.address:
            return f"[{words}]({self.address.site(f'book/{page}.html{anchor}')})"
        copies = {chapter.name: chapter.copy for chapter in self.references.book.chapters}
        if page in copies and page != self.page:
            return f"[{words}]({copies[page]}.ipynb)"
        return words

    def claims(self) -> list[ledger.Claim]:
        """The statements that are settled here."""
        return [claim for claim in self.references.claims if claim.page == self.page]


def read_references(root: Path = ROOT) -> References:
    book, labels, numbers = read_book(root), {}, {}
    for chapter in book.chapters:
        own = numbered(nbformat.read(root / chapter.file, as_version=4), chapter.number)
        numbers |= own
        labels |= dict.fromkeys(own, chapter.name)
    for page in book.pages:
        for label in re.findall(
            r"^\(([^()\s]+)\)=$|^:label: (\S+)$", text_of(root / page.file), re.MULTILINE
        ):
            labels["".join(label)] = page.name
    glossary = (root / "book" / "glossary.md").read_text(encoding="utf-8")
    (entries,) = re.findall(r"^````\{glossary\}\n(.*?)^````$", glossary, re.MULTILINE | re.DOTALL)
    terms = {term.lower(): term for term in re.findall(r"^\S.*$", entries, re.MULTILINE)}
    bibliography = parse_file(str(root / "book" / "references.bib"))
    works = {key: (authors(w), year(w)) for key, w in bibliography.entries.items()}
    claims = ledger.read(root / "book" / "claims.yml")
    return References(book, labels, numbers, terms, works, printed(bibliography), claims)


def numbered(notebook, chapter: str) -> dict[str, tuple[str, str]]:
    """What a chapter numbers, as tools/sphinx/numbers.py does: label → kind and number."""
    counts, found = Counter(), {}
    for cell in notebook.cells:
        things = []
        if cell.cell_type == "markdown":
            directives = [part for part in parts(cell.source) if part.is_numbered]
            things = [(KINDS[part.name], part.label) for part in directives]
        elif name := cell.metadata.get("mystnb", {}).get("figure", {}).get("name"):
            things = [("table" if name.startswith("tab-") else "figure", name)]
        for kind, label in things:
            counts[kind] += 1
            found[label] = (kind, f"{chapter}.{counts[kind]}")
    return found


def text_of(page: Path) -> str:
    """The Markdown of a page's file."""
    if page.suffix == ".ipynb":
        cells = nbformat.read(page, as_version=4).cells
        return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return page.read_text(encoding="utf-8")


def authors(work) -> str:
    """The authors as a sentence names them: Lee et al."""
    names = [
        str(Text.from_latex(" ".join(person.prelast_names + person.last_names)))
        for person in work.persons["author"]
    ]
    if len(names) > 2 or names[-1] == "others":
        return f"{names[0]} et al."
    return " & ".join(names)


def year(work) -> str:
    return work.fields.get("year", "")


def printed(bibliography) -> dict[str, str]:
    """The works as the book's own bibliography prints them."""
    style = find_plugin("pybtex.style.formatting", "plain")()
    markdown = find_plugin("pybtex.backends", "markdown")()
    found = {}
    for entry in style.format_bibliography(bibliography):
        text = " ".join(entry.text.render(markdown).split())
        # Every mark of punctuation comes with a backslash, and \( would begin a formula.
        found[entry.key] = re.sub(r"\\([^*_`\[\]\\])", r"\1", text)
    return found


# Text.


def plain_role(role: str, content: str, place: Place) -> str:
    """A cross reference as words."""
    references = place.references
    if role in ("cite:p", "cite:t"):
        return citation(role, content.split(","), place)
    match = re.fullmatch(r"(.+?)\s*<([^<>]+)>", content, re.DOTALL)
    words, target = match.groups() if match else (content, content)
    if role == "term":
        term = known(references.terms, target.lower(), "entry of the glossary")
        return place.link(words, "glossary", f"#{term_id(term)}")
    if role == "ref" and match:
        page = known(references.labels, target, "label")
        return place.link(words, page, f"#{make_id(target)}")
    if role in ("numref", "prf:ref") and not match:
        kind, number = known(references.numbers, target, "label of something numbered")
        page = known(references.labels, target, "label")
        return place.link(
            f"{SHORT.get(kind, kind.capitalize())} {number}", page, f"#{make_id(target)}"
        )
    if role == "doc" and match:
        return place.link(words, target)
    raise ValueError(
        f"a runner's copy has no words for {{{role}}}`{content}`; write {{ref}}`words <label>`, "
        "{numref}, {doc}, {term}, {cite:t} or {cite:p}, or teach tools/copies/notebooks.py the role"
    )


def known(found: dict, key: str, what: str):
    if key not in found:
        raise ValueError(f"{key!r} is no {what}; see whether it is misspelt")
    return found[key]


def term_id(term: str) -> str:
    """The anchor that Sphinx gives an entry of the glossary; unlike docutils it keeps capitals."""
    return re.sub(r"[^a-zA-Z0-9._]+", "-", f"term-{term}").strip("-")


def citation(role: str, keys: list[str], place: Place) -> str:
    cited = [
        known(place.references.works, key.strip(), "entry of the bibliography") for key in keys
    ]
    if role == "cite:t":
        words = ", ".join(f"{who} ({when})" if when else who for who, when in cited)
        return place.link(words, "bibliography")
    return (
        f"({place.link('; '.join(f'{who} {when}'.strip() for who, when in cited), 'bibliography')})"
    )


def plain_inline(text: str, place: Place) -> str:
    """A paragraph, heading or row of a table without MyST; code and formulas stay as they are."""

    def replace(match):
        if match["role"]:
            return plain_role(match["role"], match["content"], place)
        target = match["target"]
        if not target or re.match(r"https?://|mailto:", target):
            return match[0]
        page, _, end = target.partition(".")
        if match["image"] or end not in ("md", "ipynb"):
            raise ValueError(f"{match[0]} leads nowhere from a runner's copy; link a page instead")
        return place.link(match["words"], page)

    return INLINE.sub(replace, text)


def plain_text(source: str, place: Place) -> str:
    """Markdown without directives, as plain Jupyter shows it."""
    lines = source.split("\n")
    paragraphs = set()
    for token in MARKDOWN.parse(source):
        if token.type == "myst_target":
            lines[slice(*token.map)] = [None] * (token.map[1] - token.map[0])
        elif token.type == "html_block" and "<iframe" in token.content:
            raise ValueError(f"use {{explore}} in the place of the frame {token.content!r}")
        elif token.type == "inline":
            paragraphs.add(tuple(token.map))  # the cells of a table's row have the same
    for start, end in paragraphs:
        text = "\n".join(lines[start:end])
        lines[start:end] = [plain_inline(text, place), *[None] * (end - start - 1)]
    text = "\n".join(line for line in lines if line is not None)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


class Part(NamedTuple):
    """A directive, or what stands between two: that has no name."""

    name: str
    title: str
    text: str
    options: dict[str, str]

    @property
    def label(self) -> str:
        return self.options.get("label") or self.options.get("name", "")

    @property
    def is_numbered(self) -> bool:
        return self.name in KINDS and "nonumber" not in self.options


def parts(source: str) -> list[Part]:
    """Markdown cut into directives and what stands between."""
    lines, found, end = source.split("\n"), [], 0
    for token in MARKDOWN.parse(source):
        directive = DIRECTIVE.fullmatch(token.info) if "fence" in token.type else None
        if directive is None:
            continue
        if token.level > 0:
            raise ValueError(f"{token.info} stands in a list or a quote; move it out")
        start, stop = token.map
        found.append(Part("", "", "\n".join(lines[end:start]), {}))
        options = OPTIONS.match(token.content)[0]
        text = token.content.removeprefix(options)
        found.append(Part(*directive.groups(), text, dict(OPTION.findall(options))))
        end = stop
    return [*found, Part("", "", "\n".join(lines[end:]), {})]


def plain_directive(part: Part, place: Place) -> str:
    name, title, text, _ = part
    if name == "predict":
        return plain_prediction(predict.read(title, text), place)
    if name == "trial":
        claims = place.claims()
        return folded(plain_text(trial(claims), place), ledger.summary(claims))
    text, title = plain_markdown(text, place), plain_inline(title, place)
    if name in ("prf:algorithm", "prf:theorem"):
        number = heading(part.label, place) if part.is_numbered else KINDS[name].capitalize()
        # Not with > before each line: JupyterLab would take it into a formula of several lines.
        return f"<blockquote>\n\n**{number}. {title}**\n\n{text}\n\n</blockquote>"
    if name == "prf:proof":
        return f"**Proof.** {text} ∎"
    if name == "exercise":
        return f"### {heading(part.label, place)} {title}\n\n{text}"
    raise ValueError(
        f"tools/copies/notebooks.py has no plain Markdown for {{{name}}}; give it some"
    )


def heading(label: str, place: Place) -> str:
    """Theorem 6.1."""
    kind, number = known(place.references.numbers, label, "label of something numbered")
    return f"{kind.capitalize()} {number}"


def plain_prediction(found: predict.Prediction, place: Place) -> str:
    """The question and its answers; behind a fold the reply to each, and the explanation."""
    words = [plain_inline(answer.words, place) for answer in found.answers]
    replies = [
        f"*{answer_words}*: **{answer.verdict}** {plain_markdown(answer.reply, place)}"
        for answer_words, answer in zip(words, found.answers, strict=True)
    ]
    behind = "\n\n".join([*replies, plain_markdown(found.explanation, place)])
    answers = "\n".join(f"- {answer}" for answer in words)
    question = plain_inline(found.question, place)
    return f"**Predict. {question}**\n\n{answers}\n\n{folded(behind, predict.SUMMARY)}"


def trial(claims: list[ledger.Claim]) -> str:
    """Statements as a table in MyST."""
    columns = {
        ledger.HEADS[0]: [f"{claim.statement} {{cite:p}}`{claim.source}`" for claim in claims],
        ledger.HEADS[1]: [ledger.VERDICTS[claim.verdict] for claim in claims],
        ledger.HEADS[2]: [claim.reason for claim in claims],
    }
    return table(columns)._repr_markdown_()


def plain_markdown(source: str, place: Place) -> str:
    """Markdown with directives, but for solutions, which go over several cells."""
    plain = [
        plain_directive(part, place) if part.name else plain_text(part.text, place)
        for part in parts(source)
    ]
    return "\n\n".join(filter(None, plain))


# Notebooks.


# Under the title; first where a chapter's checks are folded, then where they are lines of its code.
CHECKS = {
    True: f"A folded cell that begins with {roles.MARK} tests the numbers of the book.",
    False: "Each `assert` tests a number of the book.",
}
CHANGE = (
    "Change a number, and a check may fail: it says what the book expects and what is here now, "
    "and the other cells run all the same."
)


def folded(text: str, summary: str) -> str:
    # The empty paragraph parts what follows; Jupyter sets no space below a fold.
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>\n<p></p>"


def runner_copy(
    notebook,
    *,
    name: str,
    address: Address | None,
    commit: str,
    version: str,
    source: str | None = None,
    references: References | None = None,
):
    """The runner's copy of a chapter, a new notebook; the chapter stays as it is.

    `name` is the chapter's file, with or without `.ipynb`. `source` is what pip is given when
    `adamtut` is missing and no wheel lies beside the notebook; unless it is given, the
    repository's archive at the commit, or None without an address.
    """
    page = name.removesuffix(".ipynb")
    references = references or read_references()
    chapter = references.book.page(f"book/{page}")
    own = numbered(notebook, chapter.number)
    labels = references.labels | dict.fromkeys(own, page)
    numbers = references.numbers | own
    place = Place(page, address, replace(references, labels=labels, numbers=numbers))
    if source is None and address:
        source = f"adamtut @ {address.archive(commit)}"
    stamped = copy.deepcopy(notebook)
    stamped.cells = plain_cells(stamped.cells, place)
    first = next(n for n, cell in enumerate(stamped.cells) if cell.cell_type == "code")
    stamped.cells[first].source = imports(stamped.cells[first])
    stamped.cells.insert(first, setup_cell.make(version, source))
    if cited := citations(notebook, place):
        stamped.cells.append(references_cell(cited, place.references))
    stamped.cells.append(text_cell(navigation(place), "other-chapters"))
    folded_checks = any("check" in cell.metadata.get("tags", []) for cell in notebook.cells)
    heading, _, text = stamped.cells[0].source.partition("\n")
    where = f"{origin(place, version)} {navigation(place)}"
    opening = [heading, where, f"*{CHECKS[folded_checks]} {CHANGE}*"]
    stamped.cells[0].source = "\n\n".join(opening) + f"\n{text}"
    fold_on_colab(stamped)
    return stamped


def imports(setup) -> str:
    """What is left of a chapter's setup cell beside the copy's own."""
    source = setup_cell.rest(setup.source)
    is_folded = setup.metadata.get("jupyter", {}).get("source_hidden")
    return titled("Imports", source) if is_folded else source


def navigation(place: Place) -> str:
    """The copies of the chapters before and after. Colab finds none that is beside a notebook."""
    chapters = place.references.book.chapters
    here = [chapter.name for chapter in chapters].index(place.page)
    lines = []
    for word, n in (("Before", here - 1), ("Next", here + 1)):
        if 0 <= n < len(chapters):
            name = f"{chapters[n].copy}.ipynb"
            link = f"{word}: [{chapters[n].heading}]({name})"
            lines.append(
                f"{link}, [on Colab]({place.address.colab(name)})" if place.address else link
            )
    return " · ".join(lines) or place.references.book.title


def fold_on_colab(notebook) -> None:
    """Sections that are folded in JupyterLab are on Colab too, which names cells in its own way."""
    folded_here = [cell for cell in notebook.cells if cell.metadata.get(COLLAPSED)]
    for cell in folded_here:
        cell.metadata["id"] = cell.id
    ids = [cell.id for cell in folded_here]
    notebook.metadata["colab"] = {"toc_visible": True, "collapsed_sections": ids}


def citations(notebook, place: Place) -> set[str]:
    """The keys of the works that a chapter cites."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    if "{trial}" in text:
        text += trial(place.claims())
    found = re.findall(r"\{cite:[pt]\}`([^`]+)`", text)
    return {key.strip() for keys in found for key in keys.split(",")}


def references_cell(cited: set[str], references: References):
    """The works that a copy cites: it may be read where the bibliography is not."""
    lines = [f"- {entry}" for key, entry in references.entries.items() if key in cited]
    return text_cell("\n".join(["## Works cited", "", *lines]), "works-cited")


def text_cell(source: str, name: str):
    cell = nbformat.v4.new_markdown_cell(source)
    cell.id = name
    return cell


def origin(place: Place, version: str) -> str:
    """The line under the title."""
    title = place.references.book.title
    if place.address:
        page = place.address.site(f"book/{place.page}.html")
        return f"*[This chapter online]({page}), in {title}. Code: adamtut {version}.*"
    return f"*A chapter of {title}. Code: adamtut {version}.*"


# In JupyterLab a heading with this in its metadata hides what follows, up to the next one as high.
# Folded outputs would not do: they open when their cell runs.
COLLAPSED = "jp-MarkdownHeadingCollapsed"
SOLUTION = "Solution"


def plain_cells(cells: list, place: Place) -> list:
    """Cells without MyST, solutions under folded headings, captions in words after figures."""
    plain, in_solution = [], False
    setup = next(cell for cell in cells if cell.cell_type == "code")
    for cell in cells:
        if cell.cell_type == "markdown":
            new, in_solution = plain_text_cells(cell, in_solution, place)
            plain += new
            continue
        if cell.metadata.get("jupyter", {}).get("source_hidden") or in_solution:
            cell.metadata |= copy.deepcopy(FOLDED)
        if cell is not setup:
            name_code(cell, in_solution, place)
        plain.append(cell)
        if figure := cell.metadata.get("mystnb", {}).get("figure"):
            plain.append(caption_cell(figure["name"], figure["caption"], cell.id, place))
    return plain


def plain_text_cells(cell, in_solution: bool, place: Place) -> tuple[list, bool]:
    """What becomes of a Markdown cell, and whether a solution goes on after it.

    A solution's heading needs a cell of its own, and so does an explorable.
    """
    made, texts = [], []

    def close() -> None:
        if source := "\n\n".join(filter(None, texts)):
            made.append(text_cell(source, f"{cell.id}-{len(made)}" if made else cell.id))
            made[-1].metadata |= cell.metadata
        texts.clear()

    for part in parts(cell.source):
        if part.name == "solution-start":
            close()
            made.append(text_cell(f"#### {SOLUTION}", f"{cell.id}-solution-{len(made)}"))
            made[-1].metadata[COLLAPSED] = True
            in_solution = True
        elif part.name == "solution-end":
            close()
            in_solution = False
        elif part.name == "explore":
            close()
            made += explorable_cells(part, f"{cell.id}-{len(made)}", place)
        else:
            texts.append(
                plain_directive(part, place) if part.name else plain_text(part.text, place)
            )
    close()
    return made, in_solution


def explorable_cells(part: Part, name: str, place: Place) -> list:
    """A cell that frames the page, and the caption. Until it has run, it shows the poster."""
    use = Use(part.title, part.options.get("query", ""))
    if use.slug not in posters.record():
        raise ValueError(f"the poster of {use.address} is missing; draw it: {posters.COMMAND}")
    about = posters.record()[use.slug]
    online = place.address.site("_static/explore") if place.address else ""
    arguments = [
        json.dumps(use.address),
        str(about["wide"]),
        *[f'online="{online}"'] * bool(online),
    ]
    one_line = f"explorable({', '.join(arguments)})"
    lines = "".join(f"\n    {argument}," for argument in arguments)
    code = one_line if len(one_line) <= 100 else f"explorable({lines}\n)"
    cell = nbformat.v4.new_code_cell(titled("Interactive picture: run this cell", code))
    cell.id = f"{name}-explorable"
    cell.metadata |= FOLDED
    picture = base64.b64encode(use.poster.read_bytes()).decode()
    alt = part.options["alt"]
    data = {"image/png": picture, "text/plain": alt}
    cell.outputs = [nbformat.v4.new_output("display_data", data)]
    return [cell, caption_cell(part.label, part.text, name, place)]


FOLDED = {"jupyter": {"source_hidden": True}, "cellView": "form"}  # JupyterLab's word, and Colab's


def name_code(cell, in_solution: bool, place: Place) -> None:
    """Give a folded cell a title, its first line, which is what JupyterLab and Colab show of it.

    An assertion tests the book's numbers. A reader who changes one may go on where it fails.
    """
    if roles.count_assertions(cell.source):
        cell.metadata["tags"] = [*cell.metadata.get("tags", []), "raises-exception"]
    if "cellView" in cell.metadata:
        cell.source = titled(title(cell, in_solution, place), cell.source)


def title(cell, in_solution: bool, place: Place) -> str:
    """What a folded cell is, in a few words."""
    if "check" in cell.metadata.get("tags", []):
        return roles.summary(cell.source)
    if in_solution:
        return SOLUTION
    if figure := cell.metadata.get("mystnb", {}).get("figure"):
        caption = plain_text(figure["caption"], place)
        first = re.split(r"(?<=[.?!]) ", LINK.sub(r"\1", caption), maxsplit=1)[0]
        return f"{heading(figure['name'], place)}. {first}"
    shows_table = any("text/markdown" in output.get("data", {}) for output in cell.outputs)
    return "Table" if shows_table else "Code"


def titled(words: str, source: str) -> str:
    return f"# @title {words}\n{source}"


def caption_cell(label: str, caption: str, of: str, place: Place):
    text = f"**{heading(label, place)}.** {plain_markdown(caption, place)}"
    return text_cell(text, f"{of}-caption")


# The folder: what the branch `notebooks` and the offline zip hold.


def readme(book: Book, address: Address | None, version: str) -> str:
    """The front page of the folder."""
    lines = [f"# {book.title}: the notebooks", ""]
    if address:
        lines.append(
            f"Every chapter of [the online book]({address.site()}), to run and to change. They are "
            f"written in [its repository]({address.repository})."
        )
    else:
        lines.append("Every chapter of the book, to run and to change.")
    lines.append("")
    for chapter in book.chapters:
        name = f"{chapter.copy}.ipynb"
        lines.append(f"- [{chapter.heading}]({name}). *{chapter.question}*")
        if address:
            page = address.site(f"{chapter.docname}.html")
            lines[-1] += (
                f" [Colab]({address.colab(name)}), [Binder]({address.binder(name)}), [page]({page})"
            )
    lines += [
        *(["", book.to_come] if book.to_come else []),
        "",
        "On your own machine, with Python 3.11 or newer, in this folder:",
        "",
        "```sh",
        INSTALL,
        "jupyter lab",
        "```",
        "",
        TORCH,
        "",
        "```sh",
        TORCH_CPU,
        "```",
        "",
    ]
    if address:
        lines.append(
            f"The first cell of each notebook installs `adamtut` {version} if it is missing."
        )
    else:
        lines.append(
            f"They import `adamtut` {version}. In a clone of its repository, `pip install .` "
            "installs it."
        )
    return "\n".join(lines) + "\n"


INSTALL = "pip install -r requirements.txt jupyterlab"
TORCH = (
    "The largest part is PyTorch. On Linux pip takes the build for GPUs, 6 GB on the disk; on "
    "macOS and Windows there is one for the processor, below 1 GB. No chapter needs a GPU, so on "
    "Linux you may take that one too: run this before the other commands."
)
TORCH_CPU = "pip install torch --index-url https://download.pytorch.org/whl/cpu"


def requirements(pyproject: dict, *without: str) -> str:
    """What a chapter needs beside adamtut, in the ranges of pyproject.toml."""
    project = pyproject["project"]
    extras = project["optional-dependencies"]
    ranges = project["dependencies"] + extras["book"] + extras["torch"]
    by_name = {re.match(r"[\w-]+", line)[0]: line for line in ranges}
    lines = [by_name[name] for name in setup_cell.NEEDED if name not in without]
    return "\n".join(lines) + "\n"


def folder(
    chapters: dict,
    *,
    address: Address | None,
    commit: str,
    version: str,
    pyproject: dict,
    references: References,
) -> dict[str, str]:
    """The content of each file in the folder; `chapters` are notebooks by file name."""
    files = {}
    copies = {
        f"{chapter.name}.ipynb": f"{chapter.copy}.ipynb" for chapter in references.book.chapters
    }
    for name, notebook in late_bar(chapters.items(), total=len(chapters), desc="chapters"):
        stamped = runner_copy(
            notebook,
            name=name,
            address=address,
            commit=commit,
            version=version,
            references=references,
        )
        files[copies[name]] = nbformat.writes(stamped) + "\n"
    for name in build.NAMES:
        files[f"explore/{name}.html"] = build.page(name)
    files["LICENSE"] = (ROOT / "LICENSE").read_text(encoding="utf-8")
    files["README.md"] = readme(references.book, address, version)
    files["requirements.txt"] = requirements(pyproject)
    # Binder's own choice of Python may be older than adamtut allows. It has no GPU, and PyTorch's
    # index is asked for PyTorch alone.
    files["binder/runtime.txt"] = "python-3.11\n"
    files["binder/requirements.txt"] = requirements(pyproject, "torch")
    files["binder/postBuild"] = f"#!/bin/sh\n{TORCH_CPU}\n"
    return files


def head_commit(address: Address | None) -> str:
    """The commit of this checkout; without an address nothing is installed from it."""
    if address is None:
        return ""
    command = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    if done.returncode != 0:
        sys.exit(
            f"{SETTING} is set, so the notebooks install adamtut from a commit, but git names none "
            f"for {ROOT}: {done.stderr.strip()}. Run this in a clone, or unset {SETTING}."
        )
    return done.stdout.strip()


def folder_of_this_checkout(here: Address | None) -> dict[str, str]:
    references = read_references()
    return folder(
        {
            f"{chapter.name}.ipynb": nbformat.read(ROOT / chapter.file, as_version=4)
            for chapter in references.book.chapters
        },
        address=here,
        commit=head_commit(here),
        version=adamtut.__version__,
        pyproject=tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8")),
        references=references,
    )


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8", newline="\n")


def main(out: Path) -> None:
    here = address()
    files = folder_of_this_checkout(here)
    for old in [*out.glob("*.ipynb"), *out.glob("explore/*.html")]:
        old.unlink()  # a chapter that is gone must not be published again
    for name, content in files.items():
        write(out / name, content)
    count = sum(name.endswith(".ipynb") for name in files)
    print(f"{count} notebooks in {out}, address: {here.repository if here else 'none'}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("expected one folder: python -m tools.copies.notebooks FOLDER")
    main(Path(sys.argv[1]))
