"""tools/sphinx/ledger.py: statements, what became of them, and where."""

import re

import pytest
import yaml
from small_book import SmallBook, words

from tools.book import BOOK
from tools.sphinx import ledger

CLAIMS = [
    ("s1-name", "S1", "The name is |short|.", "holds", "It *is*, by $x$.", "05_adam"),
    ("s1-eps", "S1", "eps is 10E-8.", "wrong", "Ten times that.", "05_adam"),
    ("s2-old", "S2", "It is old.", "holds-with-limits", "", "06_bias"),
    ("s2-best", "S2", "It is best.", "contested", "Both ways.", "06_bias"),
]
ADAM = """\
# 5a. Adam

(s1-name)=
## The *name*, by $m$

Text.

(s1-eps)=
**A misprint.** Text.

## Statements on trial

```{trial}
```
"""
BIAS = "# 6. Bias\n\n(s2-old)=\n## Old\n\n(s2-best)=\nText.\n"
PAGES = {"05_adam": ADAM, "06_bias": BIAS, "ledger": "# The ledger\n\n```{ledger}\n```\n"}
BIBLIOGRAPHY = """\
@misc{one, author = {One, Ann}, title = {A}, year = {2001}}
@misc{two, author = {Two, Ben}, title = {B}, year = {2002}}
"""


def entry(name, source, statement, verdict, reason, page):
    said = {"id": name, "source": source, "statement": statement, "verdict": verdict}
    return said | {"reason": reason, "settled_in": f"{page}.ipynb"}


@pytest.fixture
def book(tmp_path):
    made = SmallBook(
        tmp_path,
        *("sphinxcontrib.bibtex", "tools.sphinx.ledger"),
        bibtex_bibfiles=["references.bib"],
        bibtex_reference_style="author_year",
    )
    source = tmp_path / "source"
    (source / "references.bib").write_text(BIBLIOGRAPHY, encoding="utf-8")

    def build(claims=CLAIMS, origin=None, **pages):
        ledger = {"sources": {"S1": "one", "S2": "two"}, "claims": [entry(*c) for c in claims]}
        for claim in ledger["claims"]:
            if origin and claim["verdict"] == "wrong":
                claim["origin"] = origin
        (source / "book" / "claims.yml").write_text(yaml.safe_dump(ledger), encoding="utf-8")
        bibliography = {"bibliography": "# Bibliography\n\n```{bibliography}\n```\n"}
        return made.build(**PAGES | bibliography | pages)

    return build


def rows(page):
    """Each row's class and the words of its paragraphs."""
    found = page.select("table.statements tbody tr")
    return [(row["class"][0], [words(p) for p in row.find_all("p")]) for row in found]


def test_a_chapter_lists_its_own_statements(book):
    pages, warnings = book()
    assert warnings == []
    assert rows(pages["05_adam"]) == [
        (
            "v-holds",
            [
                "The name is |short|.",
                "One [2001]",
                "holds",
                r"It is, by \(x\).",
                r"The name, by \(m\)",
            ],
        ),
        (
            "v-wrong",
            ["eps is 10E-8.", "One [2001]", "wrong", "Ten times that.", r"The name, by \(m\)"],
        ),
    ]
    heads = [words(head) for head in pages["05_adam"].select("thead th")]
    assert heads == ["Statement", "Verdict", "Why"]


def test_the_table_of_a_chapter_waits_behind_a_line_that_counts(book):
    pages, _ = book()
    (fold,) = pages["05_adam"].select("details.fold")
    assert words(fold.summary) == (
        "2 statements of other texts, settled in this chapter: wrong 1 · holds 1"
    )
    assert fold.select("table.statements") and not fold.has_attr("open")
    assert not pages["ledger"].select("details")


def links(page):
    return [(words(link), link["href"]) for link in page.select(".settled a")]


def test_a_chapter_links_to_the_sections(book):
    pages, _ = book()
    found = [to for _, to in links(pages["05_adam"])]
    assert found == ["#s1-name", "#s1-eps"]
    assert all(pages["05_adam"].find(id=to[1:]) for to in found)


def test_the_ledger_has_all_and_names_the_chapters(book):
    pages, _ = book()
    assert [kind for kind, _ in rows(pages["ledger"])] == [
        *("v-holds", "v-wrong", "v-holds-with-limits", "v-contested"),
    ]
    assert links(pages["ledger"]) == [
        ("5a. Adam", "05_adam.html#s1-name"),
        ("5a. Adam", "05_adam.html#s1-eps"),
        ("6. Bias", "06_bias.html#s2-old"),
        ("6. Bias", "06_bias.html#s2-best"),
    ]


def test_the_filter_counts(book):
    pages, _ = book()
    form = pages["ledger"].select_one(".ledger fieldset")
    assert [words(label) for label in form.find_all("label")] == [
        "all 4",
        "holds 1",
        "holds, with limits 1",
        "contested 1",
        "wrong 1",
        "context 0",
    ]
    assert [radio["value"] for radio in form.select("input[checked]")] == ["all"]


def test_the_style_sheet_obeys_every_choice():
    css = (BOOK / "_static" / "adamtut.css").read_text(encoding="utf-8")
    for verdict in ledger.VERDICTS:
        assert f'.ledger:has([value="{verdict}"]:checked) tbody tr:not(.v-{verdict})' in css


def test_a_changed_ledger_is_seen(book):
    book()
    changed = [(*CLAIMS[0][:3], "contested", *CLAIMS[0][4:]), *CLAIMS[1:]]
    pages, _ = book(claims=changed)
    assert rows(pages["05_adam"])[0][0] == rows(pages["ledger"])[0][0] == "v-contested"


def test_a_changed_title_is_seen(book):
    book()
    pages, _ = book(**{"06_bias": BIAS.replace("# 6. Bias", "# 7. Moved")})
    assert links(pages["ledger"])[-1] == ("7. Moved", "06_bias.html#s2-best")


def test_a_chapter_without_statements_has_no_trial(book):
    _, (error,) = book(**{"07_more": "# 7. More\n\n```{trial}\n```\n"})
    assert "07_more.md:3: ERROR: " in error
    assert "settles nothing in 07_more: take {trial} away" in error


def test_a_missing_label_is_named(book):
    _, warnings = book(**{"06_bias": BIAS.replace("(s2-old)=", "")})
    assert [w for w in warnings if "no label (s2-old)= in the book" in w] == warnings
    assert len(warnings) == 1


def test_the_ledger_of_this_book_is_read():
    claims = ledger.read(BOOK / "claims.yml")
    assert len(claims) > 70
    works = (BOOK / "references.bib").read_text(encoding="utf-8")
    for claim in claims:
        assert f"{{{claim.source}," in works
        assert claim.verdict in ledger.VERDICTS


ERRATA = "# Errata\n\n```{errata} paper\n```\n\n```{errata} tutorial\n```\n"


def test_every_error_of_the_ledger_is_on_the_errata_page_under_its_origin():
    wrong = [claim for claim in ledger.read(BOOK / "claims.yml") if claim.verdict == "wrong"]
    text = (BOOK / "errata.md").read_text(encoding="utf-8")
    kinds = re.findall(r"^```{errata} (\w+)$", text, re.MULTILINE)
    assert len(wrong) >= 30
    assert {kind for claim in wrong for kind in claim.origin} == {*kinds}
    assert all(claim.origin for claim in wrong)
    works = (BOOK / "references.bib").read_text(encoding="utf-8")
    assert all(f"{{{key}," in works for claim in wrong for key in claim.origin.values())


def test_the_errata_name_the_origin_the_right_and_the_section(book):
    pages, warnings = book(origin={"paper": "two"}, errata=ERRATA.partition("\n\n```{errata} t")[0])
    assert warnings == []
    (row,) = pages["errata"].select("table.statements tbody tr")
    assert [words(p) for p in row.find_all("p")] == [
        "eps is 10E-8.",
        "Two [2002], passed on by One [2001]",
        "Ten times that.",
        r"5a. Adam: The name, by \(m\)",
    ]
    assert links(pages["errata"])[0][1] == "05_adam.html#s1-eps"


def test_a_source_is_not_said_to_pass_on_what_is_its_own(book):
    pages, _ = book(origin={"paper": "one"}, errata=ERRATA.partition("\n\n```{errata} t")[0])
    assert words(pages["errata"].select_one("td .source, td p.source")) == "One [2001]"


def test_a_kind_of_text_without_errors_is_noticed(book):
    _, (error,) = book(origin={"paper": "one"}, errata=ERRATA)
    assert "has nothing wrong whose origin is a tutorial" in error
