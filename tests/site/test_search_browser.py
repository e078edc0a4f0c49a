"""The search page in Chromium: what stands under a result, what is marked, ways on."""

import json
import re
from contextlib import contextmanager

import pytest
from browsing import DESK, PHONE

from tools.book import BOOK

pytestmark = pytest.mark.browser

SCRIPT = (BOOK / "_static" / "search.js").read_text(encoding="utf-8")


@contextmanager
def search(chromium, address, words="", script=SCRIPT):
    """The search page; `script` is book/_static/search.js, or a worse one."""
    page = chromium.new_page(viewport=DESK)
    page.set_default_timeout(10_000)
    page.route("**/search.js*", lambda route: route.fulfill(body=script))
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(f"{address}/search.html" + (f"?q={words}" if words else ""))
    try:
        yield page
        assert [str(error) for error in errors] == []
    finally:
        page.close()


def test_a_phone_shows_no_keys_over_the_words(chromium, address):
    with search(chromium, address, "adam") as page:
        for viewport, shown in ((DESK, True), (PHONE, False)):
            page.set_viewport_size(viewport)
            keys = page.locator("article form .search-button__kbd-shortcut, main form kbd").first
            assert keys.is_visible() == shown


# A book of a few sections: page, its title, and (anchor, title, entries of the index, text, code).
SMALL = [
    ["book/questions", "Your question", [
        ["spikes", "The loss spikes", "resume", "Large ones return. It is v that forgot.", ""],
    ]],
    ["book/glossary", "Glossary", [["term-warmup", "warm-up", "", "Slow, small at first.", ""]]],
    ["book/01", "1. Steps", [
        ["far", "How far to the end", "",
            "First the gradient. Then a spike in the loss. The end of it.", ""],
        ["sizes", "Short steps", "it does not end",
            "Of loss. " + "Many words here. " * 20 + "β₂ normalizes.", ""],
        ["code", "Code", "", "In code only.", "state['exp_avg_sq']"],
        ["empty", "Short loss spikes", "", "", ""],
        ["trial", "Statements on trial", "", "Spikes of the loss.", ""],
        ["steps", "1. Steps", "", "One converges, and a gradient behind it.", ""],
    ]],
    ["book/bibliography", "Bibliography", [
        ["bibliography", "Bibliography", "", "Loss spikes. Bai, On the forgotten v.", ""],
    ]],
]  # fmt: skip


@contextmanager
def asked(chromium, address, script=SCRIPT, book=SMALL):
    """A function from words to addresses, excerpts and the line above them."""
    page = chromium.new_page()
    page.set_default_timeout(10_000)
    page.route("**/search.js*", lambda route: route.fulfill(body=script))
    data = f"Search.setIndex({json.dumps(book)})"
    page.route("**/search_sections.js*", lambda route: route.fulfill(body=data))

    page.goto(f"{address}/search.html?q=adam")
    page.wait_for_function("Search.hasIndex()")

    def found(words):
        page.evaluate("words => Search.query(words)", words)
        return page.evaluate("""() => [
            [...document.querySelectorAll("#search-results li > a")]
                .map(a => a.href.split("book/").pop().replace(".html", "")),
            [...document.querySelectorAll("#search-results .context")].map(e => e.textContent),
            Search.status.innerText,
        ]""")

    try:
        yield found
    finally:
        page.close()


# Words → the addresses that come first.
RANKS = {
    "loss spikes": ["questions#spikes", "01#far"],  # a title before text, lists last
    "spike loss gradient": ["01#far", "questions#spikes"],  # every word before most
    "loss spikes xylophone": ["questions#spikes", "01#far"],  # a word may stand nowhere
    "resume": ["questions#spikes"],
    "warmup": ["glossary#term-warmup"],
    "warm-up": ["glossary#term-warmup"],
    "warm up": ["glossary#term-warmup"],
    "normalising": ["01#sizes"],
    "beta2": ["01#sizes"],
    "exp_avg_sq": ["01#code"],
    "sipke": ["questions#spikes"],
    "konvreges": ["01"],
    "steps": ["01"],
    "forgot": ["questions#spikes"],
    "bibliog": ["bibliography"],
    "how do I resume": ["questions#spikes"],  # how one asks is no topic
    "how many gradients": ["01#far", "01"],
    "slowly": ["glossary#term-warmup"],
    "does not end": ["01#sizes"],  # as it stands in the index
    "spikes loss": ["questions#spikes", "01#far"],  # what is said of others comes last
    "loss spike exp_avg_sq": ["questions#spikes", "01#code"],  # what the first lacks
}


def is_misplaced(found, words):
    return found(words)[0][: len(RANKS[words])] != RANKS[words]


def test_what_answers_comes_first(chromium, address):
    with asked(chromium, address) as found:
        assert [words for words in RANKS if is_misplaced(found, words)] == []


def test_a_result_says_which_words_it_lacks(chromium, address):
    with search(chromium, address) as page:
        page.route(
            "**/search_sections.js*",
            lambda route: route.fulfill(body=f"Search.setIndex({json.dumps(SMALL)})"),
        )
        page.goto(f"{address}/search.html?q=loss+spike+exp_avg_sq")
        page.get_by_text("Search finished").wait_for()
        without = page.locator("#search-results .without").all_inner_texts()
        assert without[:2] == ["Without “exp_avg_sq”.", "Without “loss”, “spike”."]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("* share ** 3", "", "spike loss gradient"),
        ("has(words, term) && INDEX", "0", "resume"),
        ('.replaceAll("-", "")', "", "warmup"),
        ("replace(/is(e|ed", "replace(/no(e|ed", "normalising"),
        ('β: "beta"', 'β: "b"', "beta2"),
        ("`${text} ${code}`", "text", "exp_avg_sq"),
        ("before[j - 2] + 1", "9", "sipke"),
        ("word.length > 6 ? 2", "word.length > 6 ? 1", "konvreges"),
        ("[isNamed, verbatim, ", "[verbatim, ", "steps"),
        ("if (!found.length && begun.length)", "if (false)", "bibliog"),
        ("=> !ASKS.has(word)", "=> true", "how many gradients"),
        (": ASKING)", ": 1)", "how many gradients"),
        ('word.replace(/(?<=\\w{4})(?<!p)ly$/, "")', "word", "slowly"),
        ("references)$/, 0.5]", "references)$/, 2]", "spikes loss"),
        ("[isNamed, verbatim, ", "[isNamed, ", "does not end"),
        ("other ? [...new", "false ? [...new", "loss spike exp_avg_sq"),
        ("text || code || title === head", "true", "loss spikes"),
    ],
)
def test_a_worse_search_is_noticed(chromium, address, old, new, words):
    assert old in SCRIPT
    with asked(chromium, address, SCRIPT.replace(old, new, 1)) as found:
        assert is_misplaced(found, words)


def test_the_sentence_with_the_words_stands_below(chromium, address):
    with asked(chromium, address) as found:
        _, (first, second, *_), said = found("loss spike")
        assert first == "Large ones return. It is v that forgot."
        assert second == "… Then a spike in the loss. The end of it."
        assert said.strip() == "Search finished: 2 sections."
        (text,) = found("normalizes")[1]
        assert text == "… β₂ normalizes."
        (text,) = found("exp_avg_sq")[1]
        assert text == "In code only."
        assert found("gradeint")[2].endswith("No page has “gradeint”; looked for “gradient”.")
        assert found("spike xylophone")[2].endswith("No page has “xylophone”.")
        assert found("xylophone")[0] == []


# Ordinary words that have a neighbour in the book, and short ones that are part of another.
NEIGHBOURS = [
    ["book/01", "1. Steps", [
        ["stack", "A stack", "", "It was asked for, resting. In three steps.", ""],
        ["again", "Again", "", "To resume it.", ""],
    ]],
]  # fmt: skip


@pytest.mark.parametrize("word", ["stuck", "masked", "eps"])
def test_a_word_of_its_own_is_not_mended(chromium, address, word):
    with asked(chromium, address, book=NEIGHBOURS) as found:
        assert found(word)[0] == []
        assert found("satck")[0] == found("staack")[0] == ["01#stack"]


def test_a_list_does_not_come_second_for_a_word_that_it_alone_has(chromium, address):
    with asked(chromium, address) as found:
        assert found("first gradient end bai")[0] == ["01#far"]
    old = " && section.kind > LISTS"
    assert old in SCRIPT
    with asked(chromium, address, SCRIPT.replace(old, "")) as found:
        assert found("first gradient end bai")[0] == ["01#far", "bibliography"]


def test_a_long_word_in_another_form_is_not_mended(chromium, address):
    with asked(chromium, address, book=NEIGHBOURS) as found:
        assert found("resuming")[0] == ["01#again"]
    old = "stem(word).length > LONG && found.length"
    assert old in SCRIPT
    with asked(chromium, address, SCRIPT.replace(old, "false"), NEIGHBOURS) as found:
        assert found("resuming")[0] != ["01#again"]


@pytest.mark.parametrize("word", ["stuck", "masked"])
def test_words_that_are_mended_too_freely_are_noticed(chromium, address, word):
    old = "isSlip(word, other));"
    assert old in SCRIPT
    worse = SCRIPT.replace(old, "true);")
    with asked(chromium, address, worse, NEIGHBOURS) as found:
        assert found(word)[0] == ["01#stack"]


# An answer has every word; one section is nearly called so, and one is.
COMPLETE = [
    ["book/questions", "Your question", [
        ["still", "It moves", "", "A weight. " + "Some words. " * 50 + "Zero. The gradient.", ""],
    ]],
    ["book/01", "1. Steps", [
        ["nearly", "Zero gradient", "", "A weight with a zero gradient.", ""],
        ["called", "A weight of zero gradient", "", "Nothing.", ""],
    ]],
]  # fmt: skip


def test_an_answer_with_all_words_comes_before_a_section(chromium, address):
    with asked(chromium, address, book=COMPLETE) as found:
        assert found("weight zero gradient")[0] == ["01#called", "questions#still", "01#nearly"]
    old = "verbatim, answers, total]"
    assert old in SCRIPT
    with asked(chromium, address, SCRIPT.replace(old, "verbatim, total]"), COMPLETE) as found:
        assert found("weight zero gradient")[0][-1] != "01#nearly"


def test_whole_words_are_marked_and_all_sections_counted(chromium, address):
    parts = [[f"s{n}", f"Part {n}", "", "Two steps, and eps.", ""] for n in range(31)]
    with search(chromium, address) as page:
        data = f"Search.setIndex({json.dumps([['book/01', '1. Steps', parts]])})"
        page.route("**/search_sections.js*", lambda route: route.fulfill(body=data))
        page.goto(f"{address}/search.html?q=eps")
        page.get_by_text("Search finished: 31 sections, the first 30 below.").wait_for()
        marks = page.locator("#search-results .highlighted").all_inner_texts()
        assert marks == ["eps"] * 30
        page.goto(f"{address}/search.html?q=xylophone")
        page.get_by_text("did not find a section").wait_for()


def test_what_is_typed_begins_beside_the_icon(chromium, address):
    page = chromium.new_page(viewport=PHONE)
    try:
        page.goto(f"{address}/book/glossary.html")
        page.evaluate("document.querySelector('.search-button__wrapper').classList.add('show')")
        icon, field, before = page.evaluate("""() => {
            const form = document.querySelector(".search-button__wrapper form.bd-search");
            const input = form.querySelector("input");
            const { paddingLeft } = getComputedStyle(input);
            return [form.querySelector(".fa-solid").getBoundingClientRect().right,
                input.getBoundingClientRect().left, parseFloat(paddingLeft)];
        }""")
        assert icon < field + before
    finally:
        page.close()


def test_a_long_sentence_is_cut_at_words(chromium, address):
    long = "and so on " * 40 + "to the needle, " + "and so on " * 40
    book = [["book/01", "1. Steps", [["long", "Long", "", f"Short. {long}.", ""]]]]
    with asked(chromium, address, book=book) as found:
        (text,) = found("needle")[1]
    assert re.fullmatch(r"… ((and|so|on) )+to the needle, ((and|so|on) )+…", text)
    assert 200 < len(text) < 250


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


# Marks outside the text that can be seen.
STRAY = """() => [...document.querySelectorAll("span.highlighted")]
    .filter(e => !e.closest("article"))
    .filter(e => getComputedStyle(e).backgroundColor !== "rgba(0, 0, 0, 0)").length"""


def test_menus_show_no_marks(chromium, address):
    with search(chromium, address, "notation") as page:
        page.locator("#search-results a").first.click()
        page.wait_for_url("**/book/notation.html*")
        assert marks(page)[0]
        assert page.evaluate(STRAY) == 0
        page.add_style_tag(content="span.highlighted { background: yellow !important }")
        assert page.evaluate(STRAY) > 0


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


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "localStorage.removeItem(KEY);",
            "localStorage.setItem(KEY, query);",
            "marks on a page beside the results",
        ),
        ("localStorage.setItem(KEY, marked);", ";", "no marks on a result"),
    ],
)
def test_marks_in_the_wrong_place_are_noticed(chromium, address, old, new, said):
    assert old in SCRIPT
    with search(chromium, address, "notation", SCRIPT.replace(old, new, 1)) as page:
        assert said in mark_faults(page, address)
