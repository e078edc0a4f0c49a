"""The glossary and the chapters agree: a term is explained, used, linked where it first stands.

A chapter links a term with {term}`word` or {term}`shown words <entry>`, once, at its first
occurrence in the prose.
"""

import json
import re

import pytest

from tools.book import BOOK

CHAPTERS = sorted(BOOK.glob("*.ipynb"))
PAGE = (BOOK / "glossary.md").read_text(encoding="utf-8")
TERM = re.compile(r"\{term\}`([^`<]+?)(?:\s*<([^`>]+)>)?`")
# Not prose: what is matched here gives way to spaces, and positions stay as they are.
NOT_PROSE = re.compile(
    r"""^\#{1,6}[ ].*$            # headings
    | ^\*[^*\n]+\?\*$             # the question of a chapter
    | ^\([^()\s]+\)=              # labels
    | ^[ ]*(?:`{3,}|:{3,}).*$     # the first and the last line of a directive, with its title
    | ^:[\w-]+:.*$                # its options
    | ^[ ]*\|.*$                  # tables
    | \$\$[\s\S]+?\$\$ | \$[^$]+\$     # formulas
    | \{[\w:]+\}`[^`]+`           # other roles
    | `[^`]+`                     # code
    | \[[^]]*\]\([^)]*\)          # links of Markdown
    | <[^>]+>                     # HTML
    """,
    re.VERBOSE | re.MULTILINE,
)


def text_of(path):
    """The Markdown of a chapter, as one text."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def entries(page):
    """{term: explanation} of the page's glossary directive; synonyms share an explanation."""
    (body,) = re.findall(r"^````?\{glossary\}\n(.*?)^````?$", page, re.MULTILINE | re.DOTALL)
    found = {}
    for block in body.strip().split("\n\n"):
        lines = block.split("\n")
        terms = [line for line in lines if not line.startswith(" ")]
        explanation = " ".join(line.strip() for line in lines if line.startswith(" "))
        found |= dict.fromkeys(terms, explanation)
    return found


def links(text):
    """(shown words, entry, start, end) of each link to the glossary."""
    return [(m[1], m[2] or m[1], *m.span()) for m in TERM.finditer(text)]


def prose(text):
    """The text with spaces for all that is no prose; a link to the glossary shows its words."""
    text = TERM.sub(lambda m: m[1].rjust(len(m[0])), text)
    return NOT_PROSE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def occurrences(text, words):
    """{term or shown words, in small letters: positions}, a part of a longer term not counted."""
    longest_first = sorted({w.lower() for w in words}, key=len, reverse=True)
    pattern = "|".join(re.escape(w).replace(r"\ ", r"\s+") for w in longest_first)
    found = {word: [] for word in longest_first}
    for match in re.finditer(rf"(?<![\w-])({pattern})(?![\w])", prose(text), re.IGNORECASE):
        found[" ".join(match[1].lower().split())].append(match.end())
    return found


def link_faults(text, terms):
    """Complaints about the links of one chapter."""
    explained = {term.lower(): explanation for term, explanation in terms.items()}
    linked, hidden, faults = links(text), prose(text), []
    forms = {}  # explanation: how the chapter may name the thing, in small letters
    for term, explanation in explained.items():
        forms.setdefault(explanation, set()).add(term)
    for words, entry, *_ in linked:
        if entry.lower() not in explained:
            return [f"no entry for {entry!r}"]
        forms[explained[entry.lower()]].add(words.lower())
    for names in forms.values():
        names |= {name + ending for name in names for ending in ("s", "es")}
    places = occurrences(text, set().union(*forms.values()))
    summary = re.search(r"^## Summary$.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)

    seen = set()
    for _, entry, start, end in linked:
        explanation = explained[entry.lower()]
        first = min((place for name in forms[explanation] for place in places[name]), default=end)
        if explanation in seen:
            faults.append(f"{entry!r} is linked twice")
        elif not hidden[start:end].strip():
            faults.append(f"{entry!r} is linked outside the prose")
        elif summary and summary.start() < start < summary.end():
            faults.append(f"{entry!r} is linked in the summary")
        elif first < start:
            faults.append(f"{entry!r} occurs before its link: {text[max(0, first - 40) : first]!r}")
        seen.add(explanation)
    return faults


def unused(terms, texts):
    """Entries to which no chapter links; one of several synonyms is enough."""
    used = {entry.lower() for text in texts for _, entry, *_ in links(text)}
    explained = {terms[term] for term in terms if term.lower() in used}
    return [term for term in terms if terms[term] not in explained]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_links_each_term_once_and_where_it_first_stands(path):
    assert link_faults(text_of(path), entries(PAGE)) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_links_some_terms_and_not_every_noun(path):
    assert 5 <= len(links(text_of(path))) <= 16


def test_every_term_is_used_by_a_chapter():
    assert unused(entries(PAGE), map(text_of, CHAPTERS)) == []


def test_every_term_has_an_explanation_and_its_chapter():
    terms = entries(PAGE)
    assert len(terms) >= 40
    firsts = list({explanation: term for term, explanation in reversed(terms.items())}.values())
    assert sorted(firsts, key=str.lower) == firsts[::-1]
    for term, explanation in terms.items():
        assert re.search(r"\{(ref|doc)\}`[^`]+`\.$", explanation), term
        assert 40 < len(explanation) < 420, term


def test_the_page_leads_to_the_index():
    assert "{ref}`index <genindex>`" in PAGE


SAMPLE = """````{glossary}
batch
mini-batch
  Some examples. {doc}`Chapter 2 <02_stochastic>`.

gradient
  The vector. {doc}`Chapter 1 <01_gradient_descent>`.

gradient descent
  The method. {doc}`Chapter 1 <01_gradient_descent>`.

sum
  What is added up. {doc}`Chapter 2 <02_stochastic>`.
````
"""
GOOD = """(gradient)=
# Gradient descent and the gradient

*What is a gradient?*

{term}`Gradient descent` is {doc}`here <gradient>`: $gradient$, `gradient`.
The **{term}`gradient`** of all {term}`batches <batch>`. Every gradient,
every batch, and the {term}`sum`.

## Summary

- A gradient.
"""


def test_entries_are_read_with_their_synonyms():
    terms = entries(SAMPLE)
    assert list(terms) == ["batch", "mini-batch", "gradient", "gradient descent", "sum"]
    assert (
        terms["batch"] == terms["mini-batch"] == "Some examples. {doc}`Chapter 2 <02_stochastic>`."
    )


def test_nothing_else_is_refused():
    assert link_faults(GOOD, entries(SAMPLE)) == []
    assert unused(entries(SAMPLE), [GOOD]) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("Every gradient,", "Every {term}`gradient`,", "'gradient' is linked twice"),
        ("every batch", "every {term}`Batch`", "'Batch' is linked twice"),
        ("every batch", "every {term}`mini-batch`", "'mini-batch' is linked twice"),
        ("The **", "A Gradient. The **", "'gradient' occurs before its link: "),
        ("The **", "Two gradients. The **", "'gradient' occurs before its link: "),
        ("The **", "One batch. The **", "'batch' occurs before its link: "),
        ("batches <batch>", "batches <bunch>", "no entry for 'bunch'"),
        ("{term}`gradient`", "{term}`slope`", "no entry for 'slope'"),
        ("# Gradient descent and", "# {term}`Gradient descent` and", "outside the prose"),
        (": $gradient$", " ${term}`mini-batch`$", "outside the prose"),
        ("the {term}`sum`.\n\n## Summary\n", "all.\n\n## Summary\n{term}`sum`", "in the summary"),
    ],
)
def test_a_planted_fault_is_refused(old, new, complaint):
    assert old in GOOD
    faults = link_faults(GOOD.replace(old, new, 1), entries(SAMPLE))
    assert any(complaint in fault for fault in faults), faults


def test_a_term_that_no_chapter_uses_is_noticed():
    text = GOOD.replace("{term}`batches <batch>`", "batches")
    assert unused(entries(SAMPLE), [text]) == ["batch", "mini-batch"]
