"""The search page in Chromium: what stands under a result, what is marked, ways on."""

import re
from contextlib import contextmanager

import pytest
from browsing import DESK, PHONE, SITE

from tools.book import BOOK

pytestmark = pytest.mark.browser

SCRIPT = (BOOK / "_static" / "search.js").read_text(encoding="utf-8")


@contextmanager
def search(chromium, address, words="", script=SCRIPT):
    """The search page; `script` is book/_static/search.js, or a worse one."""
    page = chromium.new_page(viewport=DESK)
    page.set_default_timeout(10_000)
    page.route("**/search.js*", lambda route: route.fulfill(body=script))
    page.goto(f"{address}/search.html" + (f"?q={words}" if words else ""))
    try:
        yield page
    finally:
        page.close()


def test_a_phone_shows_no_keys_over_the_words(chromium, address):
    with search(chromium, address, "adam") as page:
        for viewport, shown in ((DESK, True), (PHONE, False)):
            page.set_viewport_size(viewport)
            keys = page.locator("article form .search-button__kbd-shortcut, main form kbd").first
            assert keys.is_visible() == shown


@contextmanager
def excerpts(chromium, script=SCRIPT):
    """A function from a page of the book, words and an anchor to what stands under a result."""
    page = chromium.new_page()
    page.evaluate("window.Search = {}")
    page.evaluate(f"() => {{ {script} }}")

    def made(html, words, anchor=""):
        return page.evaluate(
            """([html, words, anchor]) =>
                words.map(word => Search.makeSearchSummary(html, [word], anchor).textContent)""",
            [html, words, anchor],
        )

    try:
        yield made
    finally:
        page.close()


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
PAGE = f"""<main role="main"><div>Contents .pdf</div><article>
<h1>A title<a class="headerlink">#</a></h1>
<p>First {M_T}, {G_T} and {ROOT_V};</p><p>then {ROOT_SUM}, {V_MAX} and {HALF}.</p>
<div class="katex-display">{HALF}</div><details class="hide"><pre>hidden()</pre></details>
<div class="predict"><p class="label">Predict</p><p>Which one?</p></div>
<dl><dt id="term-a">word</dt><dd>What a word means.</dd></dl>
<section id="end"><p>{"many words and " * 30}</p><p>The end of all.</p></section>
</article></main>"""
START = (
    "First mₜ₋₁, gₜ² and √v; then √(v̂+ϵ), v^(max) and 1/(a+b). … Which one? word What a word means."
)


def excerpt_faults(made):
    start, end = made(PAGE, ["first", "end of"])
    faults = [] if start.startswith(START + " many words") else [start]
    faults += [] if start.endswith(" …") and 200 < len(start) <= 245 else [start]
    return faults + ([] if re.fullmatch(r"… ((many|words|and) )+The end of all\.", end) else [end])


def test_what_stands_under_a_result_can_be_read(chromium):
    with excerpts(chromium) as made:
        assert excerpt_faults(made) == []
        assert made(PAGE, ["means"], "#term-a") == ["What a word means."]
        (text,) = made(PAGE, ["nowhere"], "#end")
        assert text.startswith("many words")
        (text,) = made(
            PAGE.replace('id="end">', 'id="end"><span id="index-0"></span>'), ["x"], "#index-0"
        )
        assert text.startswith("many words")
        chapter = (SITE / "book" / "09_convergence.html").read_text(encoding="utf-8")
        texts = made(chapter, ["converge", "corrections", "average", "xylophone"])
    assert [text for text in texts if re.search(r"\\|\u200b|[a-z][.?!][A-Z]", text)] == []
    assert "θₜ→1 if S<0" in texts[1] and texts[3].startswith("How can a rule walk")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("e.replaceWith(say(e.querySelector", "(say(e.querySelector"),
        ('.katex-display")) e.replaceWith(" … ");', '.none")) 1;'),
        ('case "annotation": return "";', ""),
        ('querySelector("article") ||', 'querySelector("nothing") ||'),
        ("e.append(", "("),
        ("LENGTH = 240", "LENGTH = 20"),
        (", details.hide", ""),
        ('text.indexOf(" ", place) + 1', "place"),
    ],
)
def test_an_excerpt_that_cannot_be_read_is_noticed(chromium, old, new):
    assert old in SCRIPT
    with excerpts(chromium, SCRIPT.replace(old, new, 1)) as made:
        assert excerpt_faults(made) != []


def marks(page):
    page.wait_for_load_state("load")
    page.wait_for_timeout(200)  # Sphinx marks a moment later
    return page.locator("article .highlighted").count(), page.locator(".highlight-link").count()


def mark_faults(page, address):
    """From results to a page that is not chosen among them; then to a result, and on from there."""
    page.locator("#search-results a").first.wait_for()
    page.goto(f"{address}/book/bibliography.html")
    faults = ["marks on a page beside the results"] if marks(page) != (0, 0) else []
    page.go_back()
    page.locator("#search-results a").first.click()
    page.wait_for_url("**/book/notation.html*")
    found, link = marks(page)
    faults += [] if found and link else ["no marks on a result"]
    page.locator(".right-next").click()
    page.wait_for_url("**/glossary.html")
    return faults + (["marks on the next page"] if marks(page) != (0, 0) else [])


def test_words_are_marked_on_a_result_and_nowhere_else(chromium, address):
    with search(chromium, address, "notation") as page:
        assert mark_faults(page, address) == []


def test_the_search_leads_on_where_it_finds_nothing(chromium, address):
    ways = [
        "index.html",
        "book/questions.html",
        "book/glossary.html",
        "book/notation.html",
        "genindex.html",
    ]
    with search(chromium, address, "xylophone") as page:
        page.locator(".leads-on").wait_for()
        links = page.locator(".leads-on a").evaluate_all("all => all.map(a => a.href)")
        assert links == [f"{address}/{way}" for way in ways]
    with search(chromium, address, "momentum") as page:
        page.get_by_text("Search finished").wait_for()
        assert not page.locator(".leads-on").is_visible()
        page.goto(f"{address}/search.html")
        assert page.locator(".leads-on").is_visible()
        assert page.locator("#search-input").count() == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("localStorage.removeItem(KEY);", "", "marks on a page beside the results"),
        ("localStorage.setItem(KEY, asked);", ";", "no marks on a result"),
    ],
)
def test_marks_in_the_wrong_place_are_noticed(chromium, address, old, new, said):
    assert old in SCRIPT
    with search(chromium, address, "notation", SCRIPT.replace(old, new, 1)) as page:
        assert said in mark_faults(page, address)
