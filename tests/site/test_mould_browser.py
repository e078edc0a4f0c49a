"""Checks, predictions and the ledger in Chromium: by mouse, keyboard and touch, for everyone."""

from itertools import product

import nbformat
import pytest
from browsing import (
    DESK,
    PALE,
    PHONE,
    REMOVE,
    SITE,
    STILL,
    brightness,
    colours,
    opened,
    resize,
    settle,
    violations,
)
from docutils.nodes import make_id
from playwright.sync_api import TimeoutError
from small_book import soup, words

from tools import book
from tools.copies import notebooks

pytestmark = pytest.mark.browser

CHAPTER, LEDGER = "book/03_momentum.html", "book/ledger.html"


def is_open(fold):
    return fold.get_attribute("open") is not None


# Each use does something as a reader would, and asserts what must come of it.


def open_check_by_keyboard(page):
    fold = page.locator("details.check").first
    code = fold.locator(".cell_input")
    assert not code.is_visible()
    fold.locator("summary").focus()
    page.keyboard.press("Enter")
    code.wait_for(state="visible")
    page.keyboard.press("Enter")
    code.wait_for(state="hidden")


def open_check_by_mouse(page):
    fold = page.locator("details.check").first
    fold.locator("summary").click()
    fold.locator(".cell_input").wait_for(state="visible")


def answers(page):
    """The prediction, its right button and a wrong one."""
    box = page.locator(".predict").first
    buttons = box.locator(".answers button")
    buttons.first.wait_for()
    return (
        box,
        box.locator(".answers .right button"),
        box.locator(".answers li:not(.right) button").first,
    )


def is_answered(box, button, verdict):
    """Whether a button counts as chosen, and all that follows from it is there."""
    box.locator(".verdict").get_by_text(verdict, exact=True).wait_for()
    assert box.locator("[role=status]").inner_text().startswith(verdict)
    assert len(box.locator("[role=status]").inner_text()) > len(verdict) + 10
    assert box.locator("[aria-pressed=true]").count() == 1
    assert button.get_attribute("aria-pressed") == "true"
    assert is_open(box.locator("details"))
    assert not box.locator(".replies").is_visible()


def predict_by_mouse(page):
    box, right, wrong = answers(page)
    assert not is_open(box.locator("details"))
    wrong.click()
    is_answered(box, wrong, "Wrong.")
    right.click()
    is_answered(box, right, "Right.")


def predict_by_keyboard(page):
    box, right, wrong = answers(page)
    box.locator("button").first.focus()
    # To read the answers chooses none.
    for _ in range(2):
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowDown")
    assert box.locator("[role=status]").inner_text() == ""
    for button, key, verdict in ((wrong, "Enter", "Wrong."), (right, "Space", "Right.")):
        button.focus()
        page.keyboard.press(key)
        is_answered(box, button, verdict)
        assert button.evaluate("e => e === document.activeElement")
    # The next stop is a button again, or the explanation that has opened.
    page.keyboard.press("Tab")
    assert box.evaluate("e => e.contains(document.activeElement)")


def predict_by_touch(page):
    box, right, _ = answers(page)
    assert right.bounding_box()["height"] >= 44
    right.tap()
    is_answered(box, right, "Right.")


def predict_by_name(page):
    """Who listens hears a group called by its question, and buttons called by their answers."""
    box, right, _ = answers(page)
    question = box.locator(".question").inner_text()
    assert page.get_by_role("group", name=question).count() == 1
    words = right.inner_text()
    right.click()
    assert page.get_by_role("button", name=words, exact=True).count() == 1


def predict_without_script(page):
    box = page.locator(".predict").first
    assert box.locator("button").count() == 0
    assert box.locator(".answers li").count() >= 2
    box.locator("summary").click()
    replies = box.locator(".replies")
    replies.wait_for(state="visible")
    assert replies.get_by_text("Right.").count() == 1
    assert replies.get_by_text("Wrong.").count() >= 1


def verdicts(page):
    """Those of the rows that show."""
    return page.locator(".ledger tbody tr").evaluate_all(
        "all => all.filter(e => e.checkVisibility()).map(e => e.children[1].innerText)"
    )


def filter_ledger(page):
    every = page.locator(".ledger tbody tr").count()
    assert len(verdicts(page)) == every
    for choice in page.locator(".ledger label").all():
        choice.click()
        words, count = choice.inner_text().strip().rsplit(" ", 1)
        assert len(verdicts(page)) == int(count)
        assert words == "all" or set(verdicts(page)) <= {words}
    page.locator(".ledger input").last.focus()
    page.keyboard.press("ArrowLeft")
    assert 0 < len(verdicts(page)) < every


def print_page(page):
    """On paper the explanation is there, the right answer is marked, and no reply."""
    box, _, wrong = answers(page)
    wrong.click()
    box.locator("summary").click()
    page.emulate_media(media="print")
    explanation = box.locator("details > :last-child")
    assert explanation.bounding_box()["height"] > 0
    assert not box.locator(".verdict").is_visible()
    mark = "e => getComputedStyle(e, '::after').content"
    assert "✓" in box.locator(".answers .right").evaluate(mark)


def print_from_dark(page):
    """On paper a dark page is light, what is folded and belongs to the text is there, code of
    checks and of figures is not; on the screen it is then as before."""
    solution = page.locator(".solution > section").first
    assert brightness(colours(page)[0]) < 60
    assert not solution.is_visible()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    back, text = colours(page)
    assert brightness(text) < 60 < 180 < brightness(back)
    assert solution.is_visible()
    assert solution.evaluate("e => getComputedStyle(e).opacity") == "1"
    assert page.locator("details.check > summary").first.is_visible()
    for hidden in ("details.check .cell_input", ".above-input", ".toggle-button", ".headerlink"):
        assert page.locator(hidden).count() > 0
        assert page.locator(f"{hidden} >> visible=true").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    settle(page)
    assert brightness(colours(page)[0]) < 60
    assert not solution.is_visible()


NO_SCRIPT, TOUCH = {"java_script_enabled": False}, {"has_touch": True, "viewport": PHONE}
USES = {
    "a check by keyboard": (open_check_by_keyboard, CHAPTER, {}),
    "a check by mouse": (open_check_by_mouse, CHAPTER, {}),
    "a check without a script": (open_check_by_keyboard, CHAPTER, NO_SCRIPT),
    "a prediction by mouse": (predict_by_mouse, CHAPTER, {}),
    "a prediction by keyboard": (predict_by_keyboard, CHAPTER, {}),
    "a prediction by touch": (predict_by_touch, CHAPTER, TOUCH),
    "a prediction by name": (predict_by_name, CHAPTER, {}),
    "a prediction without a script": (predict_without_script, CHAPTER, NO_SCRIPT),
    "the ledger": (filter_ledger, LEDGER, {}),
    "the ledger without a script": (filter_ledger, LEDGER, NO_SCRIPT),
    "the ledger on a phone": (filter_ledger, LEDGER, {"viewport": PHONE}),
    "a print": (print_page, CHAPTER, {}),
    "a print from dark": (print_from_dark, CHAPTER, {"color_scheme": "dark"}),
}


def use(chromium, name, script=""):
    do, address, settings = USES[name]
    with opened(chromium, (SITE / address).as_uri(), script=script, **settings) as page:
        page.set_default_timeout(5_000)
        do(page)
        # Without scripts a browser does not get those that a page asks for early.
        assert page.faults == [] or settings is NO_SCRIPT


@pytest.mark.parametrize("name", USES)
def test_a_reader_can_use(chromium, name):
    use(chromium, name)


DEAF = "addEventListener('%s', e => e.stopImmediatePropagation() || e.preventDefault(), true)"
STYLE = """addEventListener("DOMContentLoaded", () =>
    document.head.insertAdjacentHTML("beforeend", "<style>%s</style>"))"""
ALTER = """addEventListener("DOMContentLoaded", () => {
    const e = document.querySelector("%s"); %s })"""


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("a check by keyboard", DEAF % "click"),
        ("a check by keyboard", ALTER % ("details.check", "e.open = true")),
        ("a check by mouse", REMOVE % "details.check .cell_input"),
        ("a prediction by mouse", DEAF % "click"),
        ("a prediction by mouse", ALTER % (".predict .right", "e.classList.remove('right')")),
        ("a prediction by mouse", ALTER % (".predict .verdict", "e.removeAttribute('role')")),
        ("a prediction by mouse", STYLE % ".predict .replies { display: block !important }"),
        ("a prediction by keyboard", DEAF % "keydown"),
        (
            "a prediction by keyboard",
            "addEventListener('click', () => document.activeElement.blur())",
        ),
        ("a prediction by keyboard", "addEventListener('focusin', e => e.target.click())"),
        ("a prediction by touch", STYLE % ".answers button { min-height: 0 !important }"),
        ("a prediction by name", ALTER % (".predict", "e.removeAttribute('aria-labelledby')")),
        ("a prediction by name", STYLE % "button.tried::after { content: 'x' !important }"),
        ("the ledger", STYLE % ".ledger tr { display: table-row !important }"),
        ("the ledger", ALTER % (".ledger tr.v-wrong", "e.className = 'v-holds'")),
        ("a print", STYLE % ".verdict { display: block !important }"),
        ("a print", STYLE % "details::details-content { content-visibility: hidden !important }"),
        ("a print from dark", DEAF % "beforeprint"),
        ("a print from dark", DEAF % "afterprint"),
        ("a print from dark", STYLE % ".above-input { display: block !important }"),
        ("a print from dark", STYLE % ".toggle > * { visibility: hidden !important }"),
    ],
)
def test_what_cannot_be_used_is_noticed(chromium, name, script):
    with pytest.raises((AssertionError, TimeoutError)):
        use(chromium, name, script)


def answer_everything(page):
    for button in page.locator(".predict .answers button").all():
        button.click()


def test_answered_predictions_break_no_rule(chromium, axe, address):
    """The rest of the page is as it was before: test_pages_browser.py."""
    faults = []
    with opened(chromium, f"{address}/{CHAPTER}", color_scheme="dark", **STILL) as page:
        answer_everything(page)
        for viewport, scheme in product((DESK, PHONE), ("dark", "light")):
            page.emulate_media(color_scheme=scheme)
            resize(page, viewport)
            faults += violations(page, axe, {"include": [[".predict"]]}) + page.evaluate(PALE)
    assert faults == []


# The runner's copies count by themselves.


@pytest.mark.parametrize("chapter", book.read().chapters, ids=lambda chapter: chapter.number)
def test_a_copy_has_the_numbers_of_its_page(chapter):
    page = soup(SITE / f"{chapter.docname}.html")
    notebook = nbformat.read(book.ROOT / chapter.file, as_version=4)
    numbers = notebooks.numbered(notebook, chapter.number)
    assert len(numbers) > 4
    for label, (kind, number) in numbers.items():
        said = words(page.find(id=make_id(label)).select_one(".caption-number"))
        assert said in (f"{kind.capitalize()} {number}", f"{notebooks.SHORT.get(kind)} {number}")
    assert len(page.select("article .caption-number")) == len(numbers)
