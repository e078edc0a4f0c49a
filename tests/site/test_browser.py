"""The built book as a reader uses it: search, menus, keyboard, theme, links to Colab; its weight.

From the file system for what must work without a network; from the loopback address where a
browser asks for more than a file may do. What every page must be: test_pages_browser.py.
"""

import gzip
import os
import re

import pytest
from browsing import (
    AROUND,
    DESK,
    NARROW,
    PHONE,
    REMOVE,
    SITE,
    WIDE,
    accessible_faults,
    is_chapter,
    opened,
    pages,
    settle,
    unfold,
    violations,
)
from looks import focus_faults, offline_faults, script_free_faults, shape_faults, width_faults
from playwright.sync_api import TimeoutError

from tools.address import Address
from tools.check import pages as check_pages
from tools.served import served

pytestmark = pytest.mark.browser


def test_every_link_and_anchor_resolves():
    assert check_pages.check(SITE) == []


MOVES = """() => [...document.querySelectorAll("*")].filter(e => {
    const style = getComputedStyle(e);
    return parseFloat(style.transitionDuration) || parseFloat(style.animationDuration);
}).length"""


@pytest.mark.parametrize(("motion", "moves"), [("reduce", False), ("no-preference", True)])
def test_nothing_fades_or_slides_for_who_asks_for_less_motion(chromium, motion, moves):
    address = (SITE / "book" / "05_adam.html").as_uri()
    with opened(chromium, address, viewport=PHONE, reduced_motion=motion) as page:
        assert bool(page.evaluate(MOVES)) == moves


def look_for(page, words):
    page.keyboard.press("Control+k")
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results ul.search li")
    return page.locator("#search-results ul.search li a").first


def test_search_finds_the_chapter_and_lands_there(chromium):
    with opened(chromium, (SITE / "index.html").as_uri()) as page:
        look_for(page, "bias correction").click()
        page.wait_for_url("**/06_bias_correction.html*")
        assert page.locator("article h1").inner_text().startswith("6. Bias correction")
        # What was looked for is marked in the text.
        assert page.locator("span.highlighted").count() > 0
        assert page.faults == []


def test_search_finds_nothing_where_there_is_nothing(chromium):
    with opened(chromium, (SITE / "search.html").as_uri() + "?q=xylophone") as page:
        page.get_by_text("did not find a section").wait_for()
        assert page.locator("#search-results ul.search li").count() == 0


# For everyone.


def scrollable(page):
    """Name and place in the order of Tab of all that is wider than it shows."""
    return page.evaluate(f"{WIDE}.map(e => [e.className, e.tabIndex])")


def test_the_keyboard_scrolls_what_is_too_wide_for_a_phone(chromium):
    with opened(chromium, (SITE / "book/notation.html").as_uri(), viewport=PHONE) as page:
        found = scrollable(page)
        assert "pst-scrollable-table-container" in [name for name, _ in found]
        assert {tab for _, tab in found} == {0}
    with opened(chromium, (SITE / "book/07_step_size.html").as_uri(), viewport=NARROW) as page:
        unfold(page)
        found = scrollable(page)
        assert {"katex-display"} < {name for name, _ in found}
        assert {tab for _, tab in found} == {0}
        page.set_viewport_size(DESK)
        settle(page)
        assert page.locator(".katex-display[tabindex]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_open_search_field_breaks_no_rule(chromium, axe, address, scheme):
    with opened(chromium, f"{address}/book/05_adam.html", color_scheme=scheme) as page:
        page.keyboard.press("Control+k")
        page.wait_for_selector(".search-button__wrapper.show input")
        page.keyboard.type("Adam")
        assert violations(page, axe, AROUND) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_open_menu_on_a_phone_breaks_no_rule(chromium, axe, address, scheme):
    settings = dict(viewport=PHONE, color_scheme=scheme)
    with opened(chromium, f"{address}/book/05_adam.html", **settings) as page:
        page.locator("button.primary-toggle").click()
        settle(page)
        assert page.locator(".bd-sidebar-primary").get_by_text("AdaMax").is_visible()
        assert violations(page, axe, AROUND) == []


def switch_theme(page):
    """To dark; the next pages are dark too."""
    theme = page.locator("html")
    assert theme.get_attribute("data-theme") == "light"
    for _ in range(3):
        if theme.get_attribute("data-theme") == "dark":
            break
        page.locator(".theme-switch-button:visible").click()
    assert theme.get_attribute("data-theme") == "dark"
    page.goto((SITE / "book/05_adam.html").as_uri())
    assert theme.get_attribute("data-theme") == "dark"
    page.goto((SITE / "404.html").as_uri())
    assert theme.get_attribute("data-theme") == "dark"


def use_keyboard(page):
    """Past the menus, into a folded cell and a solution, to the search and to the next page."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to main content"
    settle(page)
    assert page.locator("#pst-skip-link").bounding_box()["y"] >= 0, "it has slid into view"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main-content")

    fold = page.locator("details > summary").first
    fold.focus()
    page.keyboard.press("Enter")
    assert page.locator("details[open]").count() == 1

    solution = page.locator(".toggle-hidden .toggle-button").first
    solution.focus()
    before = page.locator("button.toggle-button-hidden").count()
    page.keyboard.press("Enter")
    assert page.locator("button.toggle-button-hidden").count() == before - 1

    page.keyboard.press("Control+k")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.press("Escape")
    page.locator(".right-next").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/02_stochastic.html")


USES = {
    "theme": (switch_theme, "index.html"),
    "keyboard": (use_keyboard, "book/01_gradient_descent.html"),
}


def use(chromium, how, script=""):
    do, name = USES[how]
    settings = {"color_scheme": "light", "script": script}
    with opened(chromium, (SITE / name).as_uri(), **settings) as page:
        page.set_default_timeout(10_000)
        do(page)


def test_the_switch_is_remembered_on_the_next_page(chromium):
    use(chromium, "theme")


def test_the_keyboard_reaches_what_a_mouse_does(chromium):
    use(chromium, "keyboard")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("how", "script"),
    [
        ("theme", "Storage.prototype.setItem = () => {}"),  # nothing is remembered
        ("theme", REMOVE % ".theme-switch-button"),
        ("keyboard", REMOVE % "#pst-skip-link"),
        ("keyboard", "addEventListener('keydown', e => e.preventDefault(), true)"),
        ("keyboard", "addEventListener('click', e => e.stopPropagation(), true)"),
        ("keyboard", REMOVE % ".right-next"),
    ],
)
def test_a_page_that_cannot_be_used_is_noticed(chromium, how, script):
    with pytest.raises((AssertionError, TimeoutError)):
        use(chromium, how, script)


def test_what_has_the_focus_can_be_seen(chromium):
    with opened(chromium, (SITE / "book/05_adam.html").as_uri()) as page:
        assert focus_faults(page) == []


def family(frame):
    """The fonts that a page asks for, without those for emoji and symbols."""
    names = frame.evaluate("getComputedStyle(document.body).fontFamily").replace('"', "")
    return [name for name in names.split(", ") if not name.endswith((" Emoji", " Symbol"))]


def explorable_faults(page):
    page.locator(".explorable").first.scroll_into_view_if_needed()
    page.locator(".explorable.ready").first.wait_for()
    own, inner = family(page.main_frame), family(page.frames[1])
    faults = [] if own == inner else [f"writes in {own}, its explorable in {inner}"]
    words = page.locator("article").inner_text()
    return faults + (["speaks of an empty frame"] if "frame stays empty" in words else [])


def test_an_explorable_is_part_of_its_page(chromium):
    """Its height, a finger's scroll and the theme: tests/site/test_explore_browser.py."""
    with opened(chromium, (SITE / "book/05_adam.html").as_uri()) as page:
        assert explorable_faults(page) == []
        page.frames[1].evaluate("document.body.style.fontFamily = 'serif'")
        page.evaluate(
            "document.querySelector('article h1').append('(In Jupyter the frame stays empty.)')"
        )
        font, frame = explorable_faults(page)
        assert "its explorable in ['serif']" in font and frame == "speaks of an empty frame"


# With the address of a repository the pages have links and buttons that those above lack.

ONLINE = ["index.html", "book/05_adam.html"]
of_published = pytest.mark.xdist_group("published")


@of_published
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ONLINE)
def test_the_links_of_the_published_book_break_no_rule(chromium, axe, published, scheme, name):
    with (
        served(published) as address,
        opened(chromium, f"{address}/{name}", color_scheme=scheme) as page,
    ):
        page.locator(".dropdown-source-buttons button").click()
        assert page.get_by_text("Suggest edit").is_visible()
        unfold(page)
        assert accessible_faults(page, axe) == []


@of_published
@pytest.mark.parametrize("name", ONLINE)
def test_the_published_book_has_the_same_shape(chromium, published, name):
    address = (published / name).as_uri()
    with opened(chromium, address) as page:
        faults = offline_faults(page) + shape_faults(page, name)
        unfold(page)
        page.set_viewport_size(PHONE)
        settle(page)
        assert faults + width_faults(page) == []
    with opened(chromium, address, java_script_enabled=False) as page:
        assert script_free_faults(page, name) == []


@of_published
@pytest.mark.parametrize("viewport", [DESK, NARROW], ids=["desk", "narrow"])
def test_a_chapter_is_one_click_from_colab(chromium, published, viewport):
    with opened(chromium, (published / "book/05_adam.html").as_uri(), viewport=viewport) as page:
        with page.expect_request(re.compile("^https:")) as asked:
            page.get_by_role("link", name="Run in Colab").click()
        assert asked.value.url == Address("ada", "book").colab("05a_adam.ipynb")


# Its weight.


def test_nothing_is_published_that_no_page_loads():
    static = SITE / "_static"
    assert [*static.rglob("*.map"), *static.glob("vendor/fontawesome/*/js/*")] == []


def weight(site, name):
    """The bytes of a page and of its pictures."""
    own = site / name
    loads = {check_pages.target(a, own) for what, a in check_pages.read(own).loads if what == "img"}
    return sum(path.stat().st_size for path in {own, *loads} if path.is_file())


def weight_faults(site=SITE):
    faults = []
    for name in pages(site):
        limit = 1_500_000 if is_chapter(name) else 1_000_000
        if (found := weight(site, name)) > limit:
            faults.append(f"{name} weighs {found:,} bytes with its pictures, allowed {limit:,}")
    files = [path.read_bytes() for path in site.rglob("*") if path.is_file()]
    # With its downloads; on a disk, and over the line, where a server compresses what gains by it.
    whole = sum(map(len, files))
    sent = sum(min(len(file), len(gzip.compress(file, 6))) for file in files)
    limit = 2_500_000 * max(1, sum(map(is_chapter, pages(site))))
    if whole > limit:
        faults.append(f"the site weighs {whole:,} bytes, allowed {limit:,}")
    if sent > 25_000_000:
        faults.append(f"the site sends {sent:,} bytes, allowed 25,000,000")
    return faults


def test_no_page_is_too_heavy():
    assert weight_faults() == []


def test_a_heavy_page_and_a_heavy_site_are_named(tmp_path):
    (tmp_path / "a.png").write_bytes(bytes(1_000_000))
    (tmp_path / "page.html").write_text('<p>A <img src="a.png" alt="">')
    (tmp_path / "light.html").write_text("<p>A")
    (fault,) = weight_faults(tmp_path)
    assert fault.startswith("page.html weighs 1,000,")
    (tmp_path / "big").write_bytes(bytes(2_500_000))
    assert "the site weighs" in weight_faults(tmp_path)[-1]  # zeros are sent as next to nothing
    (tmp_path / "big").write_bytes(os.urandom(25_000_001))
    assert "the site sends" in weight_faults(tmp_path)[-1]
