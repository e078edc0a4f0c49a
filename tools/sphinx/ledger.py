"""Statements on trial: `trial` lists those of a chapter, `ledger` those of the whole book, and
`errata` what is wrong and arose in a kind of text: paper, translation, tutorial, library.

All are made from book/claims.yml, and lead to the labels where the statements are settled.
"""

import html
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from tools.book import load

# As it is called in the file → on the page.
VERDICTS = {
    "holds": "holds",
    "holds-with-limits": "holds, with limits",
    "contested": "contested",
    "wrong": "wrong",
    "context": "context",
}
HEADS = ("Statement", "Verdict", "Why")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """A statement of a source, and what became of it."""

    id: str
    source: str  # key of the bibliography
    statement: str
    verdict: str
    reason: str
    page: str  # 05_adam
    origin: dict[str, str] = field(default_factory=dict)  # where an error arose: paper → key

    @property
    def citation(self) -> str:
        """The source, in MyST."""
        return f"{{cite:t}}`{self.source}`"


def read(path: Path) -> list[Claim]:
    """All claims, in their order."""
    ledger = load(path.read_text(encoding="utf-8"))
    return [
        Claim(
            claim["id"],
            ledger["sources"][claim["source"]],
            claim["statement"],
            claim["verdict"],
            claim.get("reason", ""),
            Path(claim["settled_in"]).stem,
            claim.get("origin", {}),
        )
        for claim in ledger["claims"]
    ]


class settled(nodes.Inline, nodes.Element):  # noqa: N801 (docutils names nodes so)
    """A link to where a claim is settled; a chapter calls it by section, the ledger by chapter,
    and the errata by both."""


class Statements(SphinxDirective):
    """What both directives do."""

    def claims(self) -> list[Claim]:
        path = Path(self.env.srcdir) / "book" / "claims.yml"
        self.env.note_dependency(str(path))
        return read(path)

    def table(self, claims: list[Claim], by: str) -> nodes.table:
        rows = []
        for claim in claims:
            cells = [
                [self.line(claim.statement), self.line(claim.citation, "source")],
                nodes.paragraph("", VERDICTS[claim.verdict], classes=["verdict"]),
                [self.line(claim.reason), link(claim, by)],
            ]
            rows.append(row(cells, f"v-{claim.verdict}"))
        return table(HEADS, rows)

    def line(self, text: str, *classes: str) -> nodes.paragraph:
        words, _ = self.state.inline_text(text, self.lineno)
        return nodes.paragraph("", "", *words, classes=list(classes))


def table(heads, rows: list[nodes.row]) -> nodes.table:
    group = nodes.tgroup(cols=len(heads))
    group += [nodes.colspec(colwidth=1) for _ in heads]
    group += nodes.thead("", row(nodes.paragraph("", head) for head in heads))
    group += nodes.tbody("", *rows)
    return nodes.table("", group, classes=["colwidths-auto", "statements"])


def link(claim: Claim, by: str) -> nodes.paragraph:
    return nodes.paragraph("", "", settled(claim=claim.id, by=by), classes=["settled"])


def row(cells, *classes: str) -> nodes.row:
    return nodes.row("", *(nodes.entry("", *listed(cell)) for cell in cells), classes=list(classes))


def listed(cell) -> list:
    return cell if isinstance(cell, list) else [cell]


class Trial(Statements):
    """The table waits behind one line: by then the story has been told."""

    def run(self):
        page = Path(self.env.docname).name
        claims = [claim for claim in self.claims() if claim.page == page]
        if not claims:
            raise self.error(f"book/claims.yml settles nothing in {page}: take {{trial}} away")
        opening = f'<details class="fold"><summary>{html.escape(summary(claims))}</summary>'
        return [
            nodes.raw("", opening, format="html"),
            self.table(claims, by="section"),
            nodes.raw("", "</details>", format="html"),
        ]


class Ledger(Statements):
    def run(self):
        claims = self.claims()
        self.env.metadata[self.env.docname]["ledger"] = True
        page = nodes.container(classes=["ledger"])
        page += nodes.raw("", filter_form(claims), format="html")
        page += self.table(claims, by="chapter")
        return [page]


class Errata(Statements):
    """What is wrong and arose in one kind of text."""

    required_arguments = 1

    def run(self):
        kind = self.arguments[0]
        claims = [claim for claim in self.claims() if kind in claim.origin]
        if not claims:
            raise self.error(f"book/claims.yml has nothing wrong whose origin is a {kind}")
        self.env.metadata[self.env.docname]["ledger"] = True
        rows = []
        for claim in claims:
            origin = f"{{cite:t}}`{claim.origin[kind]}`"
            if claim.source not in claim.origin.values():
                origin += f", passed on by {claim.citation}"
            cells = [
                [self.line(claim.statement), self.line(origin, "source")],
                [self.line(claim.reason), link(claim, by="both")],
            ]
            rows.append(row(cells, "erratum"))
        made = table(("What it says", "What is right, and the check"), rows)
        made["classes"].append("errata")
        return [made]


def summary(claims: list[Claim]) -> str:
    """How many there are of each verdict: 5 statements of other texts (wrong 2, holds 3)."""
    counts = Counter(claim.verdict for claim in claims)
    words = [f"{VERDICTS[verdict]} {counts[verdict]}" for verdict in VERDICTS if counts[verdict]]
    number = f"{len(claims)} statement" + "s" * (len(claims) > 1)
    return f"{number} of other texts, settled in this chapter: {' · '.join(reversed(words))}"


def filter_form(claims: list[Claim]) -> str:
    """Radio buttons, which the style sheet obeys without a script."""
    counts = Counter(claim.verdict for claim in claims)
    choices = [("all", "all", len(claims))]
    choices += [(verdict, words, counts[verdict]) for verdict, words in VERDICTS.items()]
    labels = "\n".join(
        f'<label class="v-{value}"><input type="radio" name="verdict" value="{value}"'
        f"{' checked' * (value == 'all')}> <span class='verdict'>{html.escape(words)}</span> "
        f"{count}</label>"
        for value, words, count in choices
    )
    return f"<fieldset><legend>Show</legend>\n{labels}\n</fieldset>"


def lead(app, doctree, docname):
    """Make links of `settled`, when all labels are known."""
    doctrees: dict[str, nodes.document] = {}  # which take long to read
    for node in list(doctree.findall(settled)):
        place = app.env.domains["std"].anonlabels.get(node["claim"])
        if place is None:
            logger.warning(
                f"book/claims.yml: no label ({node['claim']})= in the book",
                location=docname,
                type="ledger",
            )
            node.parent.remove(node)
            continue
        page, name = place
        words = [nodes.Text(app.env.titles[page].astext())]
        if node["by"] == "section":
            words = section_title(app.env, page, name, doctrees)
        elif node["by"] == "both":
            words = [*words, nodes.Text(": "), *section_title(app.env, page, name, doctrees)]
        uri = app.builder.get_relative_uri(docname, page) if page != docname else ""
        node.replace_self(nodes.reference("", "", *words, refuri=f"{uri}#{name}", internal=True))


def section_title(env, page: str, name: str, doctrees: dict) -> list[nodes.Node]:
    """The words of the heading above an id."""
    if page not in doctrees:
        doctrees[page] = env.get_doctree(page)
    links = {link["anchorname"]: link for link in env.tocs[page].findall(nodes.reference)}
    found = next(
        node for node in doctrees[page].findall(nodes.Element) if name in node.get("ids", ())
    )
    while found.parent and f"#{(found.get('ids') or [''])[0]}" not in links:
        found = found.parent
    link = links.get(f"#{(found.get('ids') or [''])[0]}", links[""])
    return [child.deepcopy() for child in link.children]


def reread(app, env, added, changed, removed):
    """The ledger names chapters, whose titles and labels may have changed."""
    if not added | changed | removed:
        return []
    return [page for page in env.found_docs if "ledger" in env.metadata[page]]


def setup(app):
    app.add_node(settled)
    app.add_directive("trial", Trial)
    app.add_directive("ledger", Ledger)
    app.add_directive("errata", Errata)
    app.connect("doctree-resolved", lead)
    app.connect("env-get-outdated", reread)
    return {
        "parallel_read_safe": True,
        "parallel_write_safe": True,
        # Pages keep what the directives made of them; they are read again when these change.
        "env_version": zlib.crc32(Path(__file__).read_bytes()),
    }
