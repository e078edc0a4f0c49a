"""tools/sphinx/search.py: what the search looks through is what is seen, cut where one lands."""

import json

import pytest
from small_book import SmallBook, code, text

from tools.sphinx.search import sections


def formula(mathml, latex):
    """A formula as KaTeX writes it, in small."""
    return (
        '<span class="katex"><span class="katex-mathml"><math><semantics>'
        f"<mrow>{mathml}</mrow><annotation>{latex}</annotation></semantics></math></span>"
        f'<span class="katex-html">{latex}\u200b</span></span>'
    )


ROOT_V = formula("<msqrt><mi>v</mi></msqrt>", r"\sqrt v")
ROOT_SUM = formula(
    "<msqrt><mover><mi>v</mi><mo>^</mo></mover><mo>+</mo><mi>ϵ</mi></msqrt>",
    r"\sqrt{\hat v+\epsilon}",
)
M_T = formula("<msub><mi>m</mi><mrow><mi>t</mi><mo>−</mo><mn>1</mn></mrow></msub>", "m_{t-1}")
G_T = formula("<msubsup><mi>g</mi><mi>t</mi><mn>2</mn></msubsup>", "g_t^2")
V_MAX = formula("<msup><mi>v</mi><mi>max</mi></msup>", r"v^{\max}")
HALF = formula("<mfrac><mn>1</mn><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow></mfrac>", r"\frac")
PAGE = f"""<main><div>Contents .pdf</div><article><section id="all"><h1>A title
<a class="headerlink">#</a></h1><div class="strip">9 minutes</div>
<nav class="contents local"><p>A part</p></nav>
<p>First {M_T}, {G_T} and {ROOT_V};<br>then {ROOT_SUM}, {V_MAX} and {HALF}.</p>
<div class="katex-display">{HALF}</div><details class="hide"><pre>hidden()</pre></details>
<p>Said.</p><p>More.</p><pre>shown()</pre>
<section id="some"><h2>Some</h2><div class="exercise admonition" id="ex"><span id="index-1"></span>
<p class="admonition-title">Exercise 1</p><section><p>Try.</p>
<details><summary><p class="admonition-title">Fold</p></summary><pre>try()</pre></details>
</section></div>
</section>
<section id="part"><span id="index-0"></span><h2>A <em>part</em></h2><p>Of the part.</p></section>
<dl class="glossary"><dt id="a">word</dt><dt id="b">name</dt><dd><p>What it means.</p></dd></dl>
<dl class="py"><dt class="sig" id="m.f"><span class="sig-name">f</span>(x)</dt><dd>Does.</dd></dl>
</section></article></main>"""
FOUND = [
    ("ex", "Exercise 1", "game", "Try.\nFold", "try()"),
    ("some", "Some", "", "", ""),
    ("part", "A part", "spike jump", "Of the part.", ""),
    ("a", "word", "", "What it means.", ""),
    ("b", "name", "", "What it means.", ""),
    ("m.f", "f", "", "Does.", ""),
    (
        "all",
        "A title",
        "",
        "First mₜ₋₁, gₜ² and √v;then √(v̂+ϵ), v^(max) and 1/(a+b).\n…\nSaid.\nMore.",
        "shown()",
    ),
]


def test_each_place_has_its_own_text():
    index = {"index-0": ["spike", "jump"], "index-1": ["game"], "other": ["no"]}
    assert sections(PAGE, index) == FOUND


@pytest.mark.parametrize("unclosed", ["<p>Said.", "<li>Said.</b>"])
def test_what_is_not_closed_ends_with_what_is_around(unclosed):
    (found,) = sections(f'<section id="a"><h1>A</h1>{unclosed}</section>')
    assert found == ("a", "A", "", "Said.", "")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What is written for a small book."""
    folder = tmp_path_factory.mktemp("search")
    book = SmallBook(folder, "tools.sphinx.cells", "tools.sphinx.search")
    cells = [
        text("# Page\n\nOne.\n\n```{index} ! spike\n```\n\n## Part\n\nTwo."),
        code("marimba = 1"),
        code("assert xylophone", tags=["check"]),
    ]
    book.build(page=cells)
    script = (folder / "html" / "search_sections.js").read_text(encoding="utf-8")
    return script


def test_the_search_page_is_given_every_page(written):
    call = written.strip().removeprefix("Search.setIndex(").removesuffix(")")
    pages = {page: (title, parts) for page, title, parts in json.loads(call)}
    assert {*pages} == {"index", "book/page"}
    title, parts = pages["book/page"]
    assert title == "Page"
    assert parts[0][:4] == ["part", "Part", "spike", "Two."] and "marimba" in parts[0][4]
    assert parts[1][:2] == ["page", "Page"]


def test_the_search_does_not_find_a_check(written):
    assert "marimba" in written and "xylophon" not in written
