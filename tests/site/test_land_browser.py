"""A link leads to the place, unfolded and in view, on a phone too: book/_static/land.js."""

from contextlib import contextmanager

import pytest
from browsing import PHONE, SITE, opened, settle

from tools.book import BOOK

pytestmark = pytest.mark.browser

SCRIPT = (BOOK / "_static" / "land.js").read_text(encoding="utf-8")
QUESTIONS = "book/questions.html"
FINGER = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
# From the header to the heading: the theme keeps half a line free.
NEAR = 40
ABOVE = """id => {
    const place = document.getElementById(id);
    const heading = place.querySelector("h1, h2, h3") ?? place;
    const header = document.querySelector(".bd-header-article");
    return heading.getBoundingClientRect().top - header.getBoundingClientRect().bottom;
}"""
AT_END = "() => scrollY + innerHeight > document.documentElement.scrollHeight - 2"


def landing_faults(page, anchor):
    """Where a page lies, when it has come to rest."""
    page.wait_for_load_state("load")
    page.wait_for_timeout(600)
    above = page.evaluate(ABOVE, anchor)
    if 0 <= above < NEAR or (above > 0 and page.evaluate(AT_END)):
        return []
    return [f"{anchor} is {above:.0f} below the header"]


@contextmanager
def phone(chromium, address, script=SCRIPT):
    with opened(chromium, "about:blank", **FINGER) as page:
        page.set_default_timeout(10_000)
        page.route("**/land.js*", lambda route: route.fulfill(body=script))
        page.goto(address)
        yield page


def entries():
    """Some of the entries of *Your question*, the first and the last among them."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup((SITE / QUESTIONS).read_text(encoding="utf-8"), "html.parser")
    found = [section["id"] for section in soup.select("section section section")]
    return [*found[::9], found[-1]]


def test_a_link_from_elsewhere_lands_at_the_top_of_the_entry(chromium, address):
    with phone(chromium, f"{address}/{QUESTIONS}") as page:
        for anchor in entries():
            page.goto("about:blank")
            page.goto(f"{address}/{QUESTIONS}#{anchor}")
            assert landing_faults(page, anchor) == []


def from_results(page, words):
    """A tap on the first result that is a section."""
    link = page.locator("#search-results li > a[href*='#']").first
    anchor = link.get_attribute("href").split("#")[1]
    link.tap()
    page.wait_for_url(f"**#{anchor}")
    return anchor


@pytest.mark.parametrize("words", ["loss+spikes", "which+epsilon", "late+rises+of+the+loss"])
def test_a_result_lands_at_the_top_of_its_section(chromium, address, words):
    with phone(chromium, f"{address}/search.html?q={words}") as page:
        assert landing_faults(page, from_results(page, words)) == []


FOLDED = "book/07_step_size.html"


def folded(page):
    """The solution of an exercise, which is folded on the page."""
    return page.locator(".solution.toggle-hidden[id]").first.get_attribute("id")


def test_what_is_folded_is_opened(chromium, address):
    with phone(chromium, f"{address}/{FOLDED}") as page:
        anchor = folded(page)
        page.goto("about:blank")
        page.goto(f"{address}/{FOLDED}#{anchor}")
        assert landing_faults(page, anchor) == []
        assert page.locator(f"[id='{anchor}'].toggle-hidden").count() == 0


def faults_in_a_solution(chromium, address, script=SCRIPT):
    """After a link to its first words: where its title lies."""
    with phone(chromium, f"{address}/{FOLDED}#sol-step-half", script) as page:
        page.wait_for_load_state("load")
        box = page.evaluate("document.getElementById('sol-step-half').closest('.solution').id")
        return landing_faults(page, box)


def test_the_first_words_of_a_solution_land_with_its_title(chromium, address):
    assert faults_in_a_solution(chromium, address) == []
    worse = SCRIPT.replace("(isFirst ? box : element)", "element")
    assert worse != SCRIPT and faults_in_a_solution(chromium, address, worse)


@pytest.mark.thorough
def test_a_landing_in_a_fold_is_noticed(chromium, address):
    worse = SCRIPT.replace("unfold(element);", "", 1)
    with phone(chromium, f"{address}/{FOLDED}", worse) as page:
        anchor = folded(page)
        page.goto("about:blank")
        page.goto(f"{address}/{FOLDED}#{anchor}")
        landing_faults(page, anchor)
        assert page.locator(f"[id='{anchor}'].toggle-hidden").count() == 1


@pytest.mark.parametrize(("events", "opens"), [("none", True), ("auto", False)])
def test_a_tap_on_the_title_of_a_solution_opens_it(chromium, address, events, opens):
    with phone(chromium, f"{address}/book/07_step_size.html") as page:
        title = page.locator(".solution > .admonition-title").first
        link = ".solution .admonition-title a"
        page.add_style_tag(content=f"{link} {{ pointer-events: {events} !important }}")
        title.scroll_into_view_if_needed()
        settle(page)
        box = title.locator("a").bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
        settle(page)
        is_open = page.locator(".solution").first.evaluate("e => !e.matches('.toggle-hidden')")
        assert is_open == opens


# Chromium holds the place by itself; not every browser does.
COUNT = """window.landings = 0;
Element.prototype.scrollIntoView = () => { landings += 1 }"""


def landings(chromium, address, script):
    """How often a page whose text moves late goes to its place after the move."""
    with phone(chromium, "about:blank", script) as page:
        page.add_init_script(COUNT)
        page.goto(f"{address}/{QUESTIONS}#which-learning-rate")
        settle(page)
        before = page.evaluate("landings")
        page.locator("article h1").evaluate("title => title.style.marginTop = '900px'")
        settle(page)
        return page.evaluate("landings") - before


def test_a_page_that_moves_after_the_landing_is_followed(chromium, address):
    assert landings(chromium, address, SCRIPT) >= 1
    assert landings(chromium, address, SCRIPT.replace("changes.observe", "(() => 0)")) == 0


# The panel of contents.


def touch(page, selector):
    """Where it is; `tap` would scroll first to what lies under the header."""
    box = page.locator(selector).bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    settle(page)


def panel_faults(page):
    """A tap on a link of the contents, and one beside them."""
    faults = []
    panel = page.locator(".bd-sidebar-secondary")
    touch(page, "button.secondary-toggle")
    panel.get_by_role("link", name="Which batch size?").tap()
    settle(page)
    if panel.is_visible():
        faults.append("the panel stays open")
        page.locator("#pst-secondary-sidebar-checkbox").evaluate("box => box.checked = false")
    faults += landing_faults(page, "which-batch-size")
    before = page.evaluate("scrollY")
    touch(page, "button.secondary-toggle")
    page.touchscreen.tap(20, 400)
    page.wait_for_timeout(600)
    if panel.is_visible():
        faults.append("the panel cannot be closed")
    if page.evaluate("scrollY") != before:
        faults.append("closing the panel moves the page")
    if page.locator(".tooltip:visible").count():
        faults.append("a hint lies over the header")
    return faults


def test_the_contents_give_way_to_what_they_lead_to(chromium, address):
    with phone(chromium, f"{address}/{QUESTIONS}") as page:
        assert panel_faults(page) == []


HINTS = "addEventListener('load', () => document.head.insertAdjacentHTML('beforeend', '<style>"
HINTS += ".tooltip.tooltip { display: block !important; }</style>'))"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('if (target.closest("a")) box.checked', "if (0) box.checked", "the panel stays open"),
        (
            'document.querySelector(`.overlay-${which}`)?.addEventListener("click"',
            'document.querySelector(`.none`)?.addEventListener("click"',
            "closing the panel moves the page",
        ),
        ('"use strict";', HINTS, "a hint lies over the header"),
    ],
)
def test_contents_in_the_way_are_noticed(chromium, address, old, new, fault):
    assert old in SCRIPT
    with phone(chromium, f"{address}/{QUESTIONS}", SCRIPT.replace(old, new, 1)) as page:
        assert fault in panel_faults(page)
