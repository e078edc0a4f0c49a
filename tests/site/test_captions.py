"""tools/sphinx/captions.py: a captioned table of a cell is a numbered table."""

import json
import re

import nbformat
import pytest
from small_book import SmallBook, code, text, words

from adamtut.tables import table
from tools import book
from tools.sphinx import captions

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)


def shown(**data):
    data = {kind.replace("_", "/"): value for kind, value in data.items()}
    return nbformat.v4.new_output("execute_result", data=data, execution_count=1)


MADE = table({"$m$": [0.5, 12.0], "rule": ["`adam`", "gd"]}, "g")
TABLE = shown(text_plain=repr(MADE), text_markdown=MADE._repr_markdown_())
CAPTION = {"figure": {"name": "tab-m", "caption": "What $m$ is, in {ref}`here <there>`."}}
PICTURE = {"figure": {"name": "fig-p", "caption": "A point."}, "image": {"alt": "One point."}}
TITLE = "(there)=\n# A page\n\n{numref}`tab-m`, {numref}`fig-p`, {ref}`words <tab-m>`."


@pytest.fixture
def page(tmp_path):
    book = SmallBook(tmp_path, "tools.sphinx.captions", numfig=True)
    cells = [
        text(TITLE),
        code("m", TABLE, mystnb=CAPTION),
        code("draw()", shown(image_png=PIXEL), mystnb=PICTURE),
        code("m", TABLE),
    ]
    pages, warnings = book.build(page=cells)
    assert warnings == []
    return pages["page"]


def test_the_caption_and_the_label_are_the_tables(page):
    captioned, plain = page.find_all("table")
    assert captioned["id"] == "tab-m"
    assert words(captioned.caption).startswith("Table 1 What")
    assert captioned.caption.select(".math") and captioned.caption.a["href"] == "#there"
    assert plain.caption is None


def test_references_lead_to_the_table(page):
    links = [(words(link), link["href"]) for link in page.select("section > p a")]
    assert links == [("Table 1", "#tab-m"), ("Fig. 1", "#fig-p"), ("words", "#tab-m")]


def test_a_picture_stays_a_figure(page):
    (figure,) = page.find_all("figure")
    assert figure["id"] == "fig-p" and figure.img["alt"] == "One point."
    assert words(figure.figcaption).startswith("Fig. 1 A point.")


def test_numbers_are_at_the_right_with_their_formulas(page):
    heads, *rows = page.table.find_all("tr")
    assert heads.th.select(".math") and "text-right" in heads.th["class"]
    assert [cell["class"] for cell in rows[0].find_all("td")] == [["text-right"], ["text-left"]]
    assert rows[0].code.get_text() == "adam"
    assert rows[1].td.get_text() == "12\u2008\u2007"


def test_without_the_transform_it_is_a_figure(tmp_path):
    """That is why it is there; when myst-nb makes a table of it by itself, it may go."""
    book = SmallBook(tmp_path, numfig=True)
    pages, _ = book.build(page=[text("# A page"), code("m", TABLE, mystnb=CAPTION)])
    assert pages["page"].table.find_parent("figure") and pages["page"].table.caption is None
    assert captions.CaptionTables.default_priority < 850


PLAIN_INDEX = re.compile(r"[αβγθλμσ]\d")


def plain_indices(cells):
    """Symbols of captions whose index stands beside them, as in β1."""
    figures = [cell["metadata"].get("mystnb", {}).get("figure", {}) for cell in cells]
    return [found for one in figures for found in PLAIN_INDEX.findall(one.get("caption", ""))]


def test_an_index_in_a_caption_stands_below():
    assert plain_indices([code("x", mystnb={"figure": {"caption": "As β1² comes near β₂"}})]) == [
        "β1"
    ]
    for chapter in book.read().chapters:
        cells = json.loads((book.ROOT / chapter.file).read_text(encoding="utf-8"))["cells"]
        assert plain_indices(cells) == [], chapter.file
