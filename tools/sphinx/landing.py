"""What the front page shows a stranger: ways in, what was proven, and a card for each chapter.

    ```{ways}          buttons: a list of links, and Colab where the book has an address
    ```{proofs}        three cards with numbers, counted when the book is built
    ```{cards}         the chapters, each with its picture, question and minutes
    ```{surprises}     a list, set as cards
    {tally}`wrong`     how many statements have this verdict, or `all`

Numbers come from book/claims.yml and book/results; nothing is typed.
"""

import html
from collections import Counter

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from adamtut import experiments
from tools import book
from tools.address import address
from tools.sphinx import ledger, pictures

# Where Colab begins: the chapter that most come for.
COLAB = "book/05_adam"
# It keeps one of its numbers in single precision.
SINGLE = "NAdam"


class Blocks(SphinxDirective):
    """Markdown in a container of a class."""

    has_content = True

    def run(self):
        container = nodes.container(classes=[self.name])
        self.state.nested_parse(self.content, self.content_offset, container)
        return [container]


class Ways(Blocks):
    def run(self):
        [container] = super().run()
        if here := address():
            item = nodes.list_item()
            link = nodes.reference(
                "", "Run it in Colab", refuri=here.colab(f"{book.read().page(COLAB).copy}.ipynb")
            )
            item += nodes.paragraph("", "", link)
            next(iter(container.findall(nodes.bullet_list))).append(item)
        return [container]


def equal_to_torch() -> tuple[str, str]:
    """How many optimizers were compared with PyTorch's, and how far apart they are at most."""
    stored = experiments.load("torch_equal")
    apart: dict[str, float] = {}
    for run in stored["runs"]:
        name = run["optimizer"]
        apart[name] = max(apart.get(name, 0.0), run["difference"])
    most = max(value for name, value in apart.items() if name != SINGLE)
    text = (
        f"On {stored['data']}, with {len(stored['seeds'])} seeds, they differ by {power(most)} at "
        f"most ({SINGLE} by {power(apart[SINGLE])}: PyTorch keeps a part of it in single)."
    )
    return f"{len(apart)} optimizers equal PyTorch’s", text


def power(value: float) -> str:
    """4 · 10⁻¹³."""
    digits, exponent = f"{value:.0e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits} · 10{raised}"


def on_trial(claims: list[ledger.Claim]) -> tuple[str, str]:
    counts = Counter(claim.verdict for claim in claims)
    heads = {**ledger.VERDICTS, "context": "history or opinion"}
    named = [f"{counts[verdict]} {words}" for verdict, words in heads.items() if counts[verdict]]
    sources = len({claim.source for claim in claims})
    text = f"From {sources} texts to learn Adam from: {'; '.join(named)}. Each with the reason."
    return f"{len(claims)} statements on trial", text


def stored_runs() -> tuple[str, str]:
    results = [experiments.load(path.stem) for path in sorted(RESULTS.glob("*.json"))]
    compared = [result for result in results if len(result["seeds"]) > 1]
    seeds = [len(result["seeds"]) for result in compared]
    runs = sum(len(result["runs"]) for result in compared)
    text = (
        f"In {len(compared)} stored experiments, none with fewer than {min(seeds)} seeds. Each "
        "says which machine, versions and date it is from, and which command runs it again."
    )
    return f"{runs:,} training runs", text


RESULTS = book.BOOK / "results"
PROOFS = {
    "book/ledger": on_trial,
    "book/api": lambda claims: equal_to_torch(),
    "#what-you-can-rely-on": lambda claims: stored_runs(),
}


def tally(name, rawtext, text, lineno, inliner, options=None, content=()):
    """A role: the number of statements with a verdict."""
    verdicts = [claim.verdict for claim in ledger.read(book.BOOK / "claims.yml")]
    if text != "all" and text not in ledger.VERDICTS:
        message = f"{{tally}} takes all, {', '.join(ledger.VERDICTS)}, got {text!r}"
        error = inliner.reporter.error(message, line=lineno)
        return [inliner.problematic(rawtext, rawtext, error)], [error]
    count = len(verdicts) if text == "all" else verdicts.count(text)
    return [nodes.Text(str(count))], []


class Proofs(SphinxDirective):
    def run(self):
        path = book.BOOK / "claims.yml"
        for file in (path, *RESULTS.glob("*.json")):
            self.env.note_dependency(str(file))
        claims = ledger.read(path)
        cards = [proof(target, *count(claims)) for target, count in PROOFS.items()]
        return [nodes.raw("", f'<div class="proofs">\n{"".join(cards)}</div>\n', format="html")]


def proof(target: str, head: str, text: str) -> str:
    link = target if target.startswith("#") else f"{target}.html"
    figure, _, words = head.partition(" ")
    return (
        f'<a class="proof-card" href="{link}"><strong><span>{figure}</span> {html.escape(words)}'
        f"</strong> {html.escape(text)}</a>\n"
    )


def chapter_card(page: book.Page) -> str:
    return (
        f'<a class="chapter-card" href="{page.docname}.html" data-chapter="{page.name}">'
        f'<img src="{CARDS}/{page.name}.png" alt="" loading="lazy" '
        f'width="{pictures.CARD[0]}" height="{pictures.CARD[1]}">'
        f"<strong>{html.escape(page.heading)}</strong> "
        f"<span>{html.escape(page.question)}</span> "
        f"<small>{page.minutes} minutes</small></a>\n"
    )


FORGET = (
    '<p class="forget" hidden>The ticks are kept in this browser alone. '
    '<button type="button">Forget them</button></p>\n'
)


class Cards(SphinxDirective):
    """By parts; what is to come stands at the end, in grey."""

    def run(self):
        found = book.read()
        for file in ("_toc.yml", *(chapter.file for chapter in found.chapters)):
            self.env.note_dependency(str(book.ROOT / file))
        text = ""
        for part in found.parts:
            if cards := [chapter_card(page) for page in part.pages if page.is_chapter]:
                text += f'<h3>{html.escape(part.caption)}</h3>\n<div class="cards">\n'
                text += "".join(cards) + "</div>\n"
        if found.to_write:
            titles = " · ".join(f"{n}. {html.escape(title)}" for n, title in found.to_write)
            text += f'<p class="to-come">In preparation: {titles}</p>\n'
        text += FORGET
        return [nodes.raw("", f'<div class="chapters">\n{text}</div>\n', format="html")]


CARDS = "_static/cards"


def draw(app, exception):
    if not exception and app.builder.format == "html":
        pictures.draw(app, CARDS, book.read().chapters, pictures.card)


def add_style(app, page, template, context, doctree):
    if page == app.config.root_doc:
        app.add_css_file("landing.css")


def setup(app):
    app.add_directive("ways", Ways)
    app.add_directive("surprises", Blocks)
    app.add_directive("proofs", Proofs)
    app.add_directive("cards", Cards)
    app.add_role("tally", tally)
    app.connect("html-page-context", add_style)
    app.connect("build-finished", draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
