"""Every page of the built book in Chromium, loaded three times: `-k 05_adam` asks about one page.

As a file for what must work without a network, at all widths; without scripts; and from this
machine's address, where axe-core sees all, dark, light and on a phone.
"""

import pytest
from browsing import (
    AROUND,
    DESK,
    NARROW,
    PALE,
    PHONE,
    SCROLLS,
    SITE,
    STILL,
    THIN_OUT,
    faults_of_all_letters,
    faults_of_colours,
    faults_of_structure,
    is_chapter,
    opened,
    pages,
    resize,
    settle,
    unfold,
)
from looks import (
    FRAMES,
    dark_faults,
    offline_faults,
    phone_faults,
    script_free_faults,
    shape_faults,
    strip_faults,
    typesetting_faults,
    wide_formulas,
    width_faults,
)

from tools import book

pytestmark = pytest.mark.browser

# Before the book is built there is its front page to ask for, and no answer.
NAMES = pages() or ["index.html"]
every_page = pytest.mark.parametrize("name", NAMES)
# From the narrowest that WCAG asks for to one with room beside the text.
WIDTHS = [NARROW, PHONE, *({"width": width, "height": 900} for width in (390, 820, 1280, 1400))]
FOLLOWED = "s => [undefined, s].includes(document.documentElement.dataset.theme)"
TYPESET = {"book/notation.html", "book/api/rules.html", "book/api/optim.html"}


def test_every_page_of_the_book_is_looked_at():
    assert {f"{page.docname}.html" for page in book.read().pages} < {*pages()}


def faults_at(page, viewport, name):
    """At one width, with everything unfolded."""
    resize(page, viewport)
    faults = width_faults(page) + strip_faults(page)
    if viewport == PHONE and (is_chapter(name) or name == "book/api/rules.html"):
        faults += wide_formulas(page)
    if viewport == PHONE:
        faults += phone_faults(page)
    if viewport == DESK and (is_chapter(name) or name in TYPESET):
        faults += typesetting_faults(page)
    return [f"{viewport['width']}: {fault}" for fault in faults]


@every_page
def test_a_page_is_whole_without_a_network_at_every_width(chromium, name):
    with opened(chromium, (SITE / name).as_uri(), **STILL) as page:
        faults = offline_faults(page) + shape_faults(page, name)
        unfold(page)
        faults += [fault for viewport in WIDTHS for fault in faults_at(page, viewport, name)]
        assert faults + page.faults == []


@every_page
def test_text_and_mathematics_need_no_script(chromium, name):
    with opened(chromium, (SITE / name).as_uri(), java_script_enabled=False) as page:
        assert script_free_faults(page, name) == []


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(FRAMES)])
def test_a_page_breaks_no_rule_of_wcag(chromium, axe, address, name):
    """On a phone and a desk, in the dark and in light; explorables: test_explore_browser.py."""
    faults = {}
    settings = STILL | {"viewport": PHONE, "color_scheme": "dark"}
    with opened(chromium, f"{address}/{name}", **settings) as page:
        faults["it came"] = dark_faults(page, name)
        unfold(page)
        faults["dark phone, every letter"] = faults_of_all_letters(page)
        light_up(page, "light")
        faults["phone, every letter"] = faults_of_all_letters(page)
        resize(page, DESK)
        faults["desk, every letter"] = faults_of_all_letters(page)
        page.evaluate(THIN_OUT)
        faults["light"] = faults_of_structure(page, axe, but=[SCROLLS])  # and of colours
        light_up(page, "dark")
        faults["dark"] = faults_of_colours(page, axe) + page.evaluate(PALE)
        resize(page, PHONE)
        faults["dark phone"] = faults_of_structure(page, axe) + faults_of_colours(page, axe, AROUND)
        light_up(page, "light")
        faults["light menus"] = faults_of_colours(page, axe, AROUND)
    assert {when: found for when, found in faults.items() if found} == {}


def light_up(page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(FOLLOWED, arg=scheme)  # the theme hears of it later than the page
    settle(page)
