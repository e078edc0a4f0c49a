"""The front page, the way through the book, figures and type, as a reader's browser shows them."""

import contextlib
import io

import pytest
from browsing import (
    NARROW,
    PHONE,
    REMOVE,
    SITE,
    opened,
    resize,
    settle,
    violations,
)
from PIL import Image
from playwright.sync_api import TimeoutError

from adamtut.plot import STYLES
from tools import book
from tools.check import weigh
from tools.served import served

pytestmark = pytest.mark.browser

FRONT = "index.html"
WIDTHS = (390, 820, 1280, 1400)
CHAPTERS = [f"{chapter.docname}.html" for chapter in book.read().chapters]


def at(name):
    return (SITE / name).as_uri()


# The front page.


def front_faults(page, width, height):
    """What a stranger needs and does not see without scrolling."""
    faults = [] if page.title() == book.read().title else [f"is called {page.title()!r}"]
    wanted = {
        "the title": page.locator("article h1"),
        "what it is": page.locator("article h1 ~ p").first,
        "a way in": page.get_by_role("link", name="Start at the beginning"),
        "the short way": page.get_by_role("link", name="show me Adam"),
        "the explorable": page.locator("article .explorable iframe"),
    }
    for what, found in wanted.items():
        if found.count() != 1:
            faults.append(f"lacks {what}")
            continue
        box = found.bounding_box()
        # Of the explorable the beginning.
        low = box["y"] + (150 if what == "the explorable" else box["height"])
        if low > height or box["x"] < 0 or box["x"] + box["width"] > width:
            faults.append(f"shows {what} at {box}, not in {width} × {height}")
    if page.evaluate("document.documentElement.scrollWidth") > width:
        faults.append("is wider than the screen")
    return faults


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_screen_says_what_this_is_and_where_to_begin(chromium, scheme):
    with opened(chromium, at(FRONT), color_scheme=scheme) as page:
        page.wait_for_selector(".explorable.ready")
        for width in WIDTHS:
            resize(page, {"width": width, "height": 900})
            assert front_faults(page, width, 900) == []
        assert page.faults == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (REMOVE % ".ways li:first-child", "lacks a way in"),
        (REMOVE % "article .explorable", "lacks the explorable"),
        ("addEventListener('DOMContentLoaded', () => { document.title = 'Welcome' })", "is called"),
        (
            "addEventListener('DOMContentLoaded', () => document.querySelector('article h1 ~ p')"
            ".insertAdjacentHTML('afterend', '<div style=\"height: 900px\"></div>'))",
            "shows a way in at",
        ),
    ],
)
def test_a_front_page_that_hides_its_doors_is_noticed(chromium, script, fault):
    with opened(chromium, at(FRONT), script=script) as page:
        assert any(found.startswith(fault) for found in front_faults(page, 1280, 900))


def test_every_card_leads_to_its_chapter_and_has_its_picture(chromium):
    with opened(chromium, at(FRONT)) as page:
        cards = page.locator(".chapter-card")
        links = cards.evaluate_all("all => all.map(e => e.getAttribute('href'))")
        assert links == CHAPTERS
        for card in cards.all():
            card.scroll_into_view_if_needed()
            width = "e => e.complete && e.naturalWidth"
            page.wait_for_function("e => e.complete", arg=card.locator("img").element_handle())
            assert card.locator("img").evaluate(width) == 400
        coming = page.locator(".to-come").inner_text()
        assert all(title in coming for _, title in book.read().to_write)


def losses(frame):
    """Of Adam and of gradient descent, as the ravine's table has them."""
    texts = frame.locator("tbody tr").all_inner_texts()
    cells = {text.split("\t")[0].strip(): text.split("\t") for text in texts}
    return [float(cells[name][2]) for name in ("Adam", "gradient descent")]


def test_a_link_turns_the_ravine_in_its_frame(chromium):
    with opened(chromium, at(FRONT), color_scheme="dark") as page:
        page.wait_for_selector(".explorable.ready")
        frame = page.frame(name="fig-intro-ravine")
        frame.wait_for_selector("td")
        adam, gd = losses(frame)
        # As the caption and the words for who sees no picture have it.
        assert adam < gd / 20
        page.get_by_role("link", name="turn the ravine by 45°").click()
        frame.wait_for_url("**angle=45*")
        frame.wait_for_selector("td")
        settle(frame)
        adam_turned, gd_turned = losses(frame)
        assert gd_turned == gd and adam_turned > 5 * adam
        assert page.url == at(FRONT)
        assert frame.get_by_label("turned by").input_value() != "0"
        assert frame.evaluate("document.documentElement.dataset.theme") == "dark"


# The way.


def read_to_the_end(page):
    page.wait_for_selector(".so-far", state="attached")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    settle(page)


def tick(page):
    return page.locator(".bd-sidebar-primary .toctree-l1:has(> .read, > a > .read)")


def test_a_chapter_is_ticked_when_it_was_read_to_its_end(chromium, address):
    with opened(chromium, f"{address}/{CHAPTERS[1]}") as page:
        assert tick(page).count() == 0
        read_to_the_end(page)
        assert [text.strip() for text in tick(page).all_inner_texts()] == [
            "2. Stochastic and mini-batch gradient descent ✓"
        ]
        page.goto(f"{address}/{FRONT}")
        assert page.locator(".chapter-card:has(.read)").count() == 1
        page.get_by_role("button", name="Forget them").click()
        assert page.locator(".read").count() == 0
        assert not page.locator(".forget").is_visible()
        page.goto(f"{address}/{CHAPTERS[2]}")
        assert tick(page).count() == 0


def test_a_chapter_that_was_only_opened_is_not_ticked(chromium, address):
    with opened(chromium, f"{address}/{CHAPTERS[1]}") as page:
        page.evaluate("scrollTo(0, 1500)")
        page.wait_for_function("scrollY > 1000")
        settle(page)
        assert page.locator(".read").count() == 0


def test_a_line_follows_the_reading(chromium):
    length = "document.querySelector('.so-far').getBoundingClientRect().width / innerWidth"
    with opened(chromium, at(CHAPTERS[4])) as page:
        assert page.evaluate(length) == 0
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
        settle(page)
        assert 0.3 < page.evaluate(length) < 0.7
        read_to_the_end(page)
        assert page.evaluate(length) == 1


@pytest.mark.parametrize("viewport", [PHONE, {"width": 1280, "height": 900}])
def test_the_strip_leads_back_and_on(chromium, viewport):
    with opened(chromium, at(CHAPTERS[4]), viewport=viewport) as page:
        strip = page.locator(".strip")
        assert strip.bounding_box()["y"] < 300
        strip.locator("[rel=next]").click()
        page.wait_for_url(f"**/{CHAPTERS[5]}")
        page.locator(".strip [rel=prev]").click()
        page.wait_for_url(f"**/{CHAPTERS[4]}")


# Figures.


def pixel(page, locator):
    """The colour of a picture's corner, as the page shows it."""
    with Image.open(io.BytesIO(locator.screenshot())) as shot:
        return shot.convert("RGB").getpixel((2, 2))


def test_a_figure_has_the_ground_of_the_page(chromium):
    for scheme in ("light", "dark"):
        with opened(chromium, at("book/06_bias_correction.html"), color_scheme=scheme) as page:
            ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
            found = pixel(page, page.locator("figure a.image-reference img").first)
            assert ground == f"rgb{found}"


def turned(colour):
    """What invert(1) hue-rotate(180deg) and screen make of a colour on the dark page."""
    r, g, b = (1 - int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    # The matrix that Filter Effects 1 gives for half a turn.
    rotated = (
        -0.574 * r + 1.430 * g + 0.144 * b,
        0.426 * r + 0.430 * g + 0.144 * b,
        0.426 * r + 1.430 * g - 0.856 * b,
    )
    ground = 18 / 255
    return [1 - (1 - min(1, max(0, c))) * (1 - ground) for c in rotated]


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("rule", STYLES)
def test_every_rule_is_seen_on_a_dark_page(rule):
    ground = luminance([18 / 255] * 3)
    assert (luminance(turned(STYLES[rule][0])) + 0.05) / (ground + 0.05) > 3


def test_a_click_opens_a_figure_and_escape_closes_it(chromium, axe):
    name = "book/06_bias_correction.html"
    with opened(chromium, at(name), viewport=PHONE) as page:
        link = page.locator("figure a.image-reference").first
        link.scroll_into_view_if_needed()
        small = link.locator("img").bounding_box()["width"]
        link.focus()
        page.keyboard.press("Enter")
        picture = page.locator("dialog.lightbox img")
        picture.wait_for()
        assert page.url.endswith(name)
        assert small < 375 < 600 < picture.bounding_box()["width"]
        caption = link.evaluate("e => e.closest('figure').querySelector('figcaption p').innerText")
        words = page.locator("dialog.lightbox > p").inner_text()
        assert words.startswith("Fig. 6.") and words == caption.removesuffix("#")
        assert violations(page, axe, {"include": [["dialog"]]}) == []
        page.keyboard.press("Escape")
        assert page.locator("dialog[open]").count() == 0
        assert link.evaluate("e => e === document.activeElement")


def test_without_its_script_a_figure_opens_alone(chromium):
    with opened(chromium, at("book/06_bias_correction.html"), java_script_enabled=False) as page:
        page.locator("figure a.image-reference").first.click()
        page.wait_for_url("**.png")


# Type.

LINE = """() => {
    const p = [...document.querySelectorAll("article section > p")]
        .filter(p => !p.querySelector(".katex, code") && p.textContent.length > 250);
    return p.map(p => p.textContent.length / Math.round(
        p.getBoundingClientRect().height / parseFloat(getComputedStyle(p).lineHeight)));
}"""


@pytest.mark.parametrize("width", [1280, 1400])
def test_a_line_of_text_has_75_letters(chromium, width):
    size = {"width": width, "height": 900}
    with opened(chromium, at("book/05_adam.html"), viewport=size) as page:
        lengths = page.evaluate(LINE)
        assert len(lengths) > 3
        assert 60 < sum(lengths) / len(lengths) < 80


def test_formulas_are_as_large_as_the_words_around_them(chromium):
    size = "e => parseFloat(getComputedStyle(e).fontSize)"
    with opened(chromium, at("book/05_adam.html")) as page:
        words = page.locator("article section > p").first.evaluate(size)
        formula = page.locator("article section > p .katex").first.evaluate(size)
        assert words >= 17 and words < formula < 1.1 * words


def test_code_and_what_it_prints_touch(chromium):
    gap = """() => [...document.querySelectorAll(".cell_input + .cell_output > .stream")]
        .filter(e => e.checkVisibility() && !e.previousElementSibling)
        .map(e => e.querySelector("pre").getBoundingClientRect().top
            - e.closest(".cell").querySelector(".cell_input pre").getBoundingClientRect().bottom)"""
    with opened(chromium, at("book/06_bias_correction.html")) as page:
        gaps = page.evaluate(gap)
        assert len(gaps) > 5 and max(map(abs, gaps)) <= 1  # the line between them


def edge(locator):
    """How bright the right edge of an element is, from 0 to 255, at its brightest rows."""
    with Image.open(io.BytesIO(locator.screenshot())) as shot:
        grey = shot.convert("L")
        column = [grey.getpixel((grey.width - 2, y)) for y in range(grey.height)]
    return sorted(column)[len(column) // 2]


def test_a_shadow_says_that_a_table_goes_on(chromium):
    with opened(chromium, at("book/notation.html"), viewport=NARROW) as page:
        table = page.locator(".pst-scrollable-table-container").first
        before = edge(table)
        table.evaluate("e => { e.scrollLeft = e.scrollWidth }")
        settle(page)
        assert before < 235 < 250 < edge(table)


# Weight.

MOST = 1_300_000


@pytest.fixture(scope="module")
def heaviest():
    """The chapter with the largest page."""
    return max(CHAPTERS, key=lambda name: (SITE / name).stat().st_size)


def tried(chromium, address):
    """What weighs at an address; nothing where it did not come to its end in a minute."""
    with contextlib.suppress(TimeoutError):
        return weigh.weigh(chromium, address)


def test_a_chapter_is_light_and_painted_within_two_seconds(chromium, heaviest):
    with served(SITE, weigh.Compressing) as address:
        for name in {"book/05_adam.html", FRONT, heaviest}:
            # The best of some: the line is slow, not this machine.
            tries = (tried(chromium, f"{address}/{name}") for _ in range(4))
            found = next((one for one in tries if one and one["paint"] < 2), None)
            assert found, f"{name} is painted after 2 seconds or more, each time"
            assert found["bytes"] < MOST, name


@pytest.mark.thorough
def test_a_line_that_waits_for_a_large_script_is_noticed(chromium, tmp_path):
    (tmp_path / "large.js").write_text("".join(f"var a{i};" for i in range(300_000)))
    page = '<!DOCTYPE html><script src="large.js"></script><p>Hello'
    (tmp_path / "page.html").write_text(page)
    with served(tmp_path, weigh.Compressing) as address:
        assert weigh.weigh(chromium, f"{address}/page.html")["paint"] > 2
