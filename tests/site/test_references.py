"""tools/sphinx/references.py: the bibliography and the citations name a work alike."""

import copy
import re

import pytest
from small_book import SmallBook

WORKS = """
@misc{one, author = {Müller, Eva}, title = {A}, year = {2001}}
@misc{two, author = {Zabel, Ada and van der Berg, Jan}, title = {B}, year = {1999}}
@misc{three, author = {Ülkü, Can and Li, X. and Li, Y.}, title = {C}, year = {2020}}
@misc{four, author = {{St John}}, title = {D}}
@book{five, editor = {Doe, Jane}, title = {E}, publisher = {F}, year = {2005}}
"""
PAGE = """# A page

{cite:p}`one`, {cite:p}`two`, {cite:p}`three`, {cite:p}`four`, {cite:p}`five`, {cite:t}`one`

```{bibliography}
```
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    settings = {
        "bibtex_bibfiles": ["works.bib"],
        "bibtex_reference_style": "author_year",
        "bibtex_default_style": "author_year",
    }
    extensions = ("tools.sphinx.references", "sphinxcontrib.bibtex")
    folder = tmp_path_factory.mktemp("references")
    book = SmallBook(folder, *extensions, **settings)
    (folder / "source" / "works.bib").write_text(WORKS, encoding="utf-8")
    pages, warnings = book.build(page=PAGE)
    assert warnings == []
    return pages["page"]


def mismatches(page):
    """Citations whose work has another label in the bibliography."""
    found = []
    for cited in page.select(".bibtex-citation"):
        # "[Doe, 2005]", or in the text "Doe [2005]"
        words = re.sub(r" \[", ", ", " ".join(cited.get_text().split())).strip("[]")
        label = page.find(id=cited.a["href"].partition("#")[2]).select_one(".label").get_text()
        if label.strip("[]") != words:
            found.append(f"{words} is {label}")
    return found


def test_a_citation_is_the_label_of_its_work(page):
    assert len(page.select(".bibtex-citation")) == 6
    assert mismatches(page) == []
    numbered = copy.copy(page)
    numbered.select_one(".citation .label").string = "[1]"
    assert mismatches(numbered) == ["Doe, 2005 is [1]"]


def test_the_works_are_in_the_order_of_their_labels(page):
    labels = [label.get_text().strip("[]") for label in page.select(".citation .label")]
    assert labels == [
        "Doe, 2005",
        "Müller, 2001",
        "St John, n.d.",
        "Ülkü et al., 2020",
        "Zabel and van der Berg, 1999",
    ]
