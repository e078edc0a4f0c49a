"""The built book as a reader meets it: every page, in Chromium. `make test-browser` builds it.

From the file system for what must work without a network; from the loopback address where a
browser asks for more than a file may do.
"""

import re
from contextlib import contextmanager

import pytest
from playwright.sync_api import TimeoutError
from test_book_address import build

from tools.address import Address
from tools.book import ROOT
from tools.check import pages as check_pages
from tools.served import served

pytestmark = pytest.mark.browser

SITE = ROOT / "_build" / "html"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 740}
# WCAG 2.1, 1.4.10: a page fits this width.
NARROW = {"width": 320, "height": 640}


def pages(site=SITE):
    """Every page that a reader can meet; of the modules' sources, which are alike, the longest."""
    found = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    found = [name for name in found if name not in check_pages.NO_PAGES]
    sources = [name for name in found if name.startswith("_modules/adamtut/")]
    longest = max(sources, key=lambda name: (site / name).stat().st_size, default=None)
    found = [name for name in found if name not in sources or name == longest]
    assert found, f"no pages in {site}; make book builds them"
    return found


# Explorables: frames in pages, made by a script; test_explore_browser.py looks into them.
FRAMES = "_static/explore/"


def is_chapter(name):
    return (ROOT / name).with_suffix(".ipynb").is_file()


@contextmanager
def opened(chromium, address, *, viewport=DESK, script="", **settings):
    """A page in a browser that has never been here before, and what went wrong on the way.

    `script` runs before any of the page's own.
    """
    context = chromium.new_context(viewport=viewport, **settings)
    context.add_init_script(script)
    page = context.new_page()
    page.faults = []
    page.on("request", lambda r: page.faults.extend(request_faults(r.url)))
    page.on("requestfailed", lambda r: page.faults.append(f"does not get {r.url}"))
    page.on("pageerror", lambda error: page.faults.append(f"has the error {error}"))
    page.on(
        "console",
        lambda m: page.faults.append(m.text) if m.type in ("error", "warning") else None,
    )
    try:
        page.goto(address)
        yield page
    finally:
        context.close()


def request_faults(url):
    return [] if url.startswith(("file:", "data:", "blob:")) else [f"asks for {url}"]


def for_every_page(chromium, look, site=SITE, names=None, **settings):
    """What `look` finds wrong, page by page, opened as files."""
    faults = []
    for name in names or pages(site):
        with opened(chromium, (site / name).as_uri(), **settings) as page:
            faults += [f"{name}: {fault}" for fault in look(page, name)]
    return faults


# Without a network.


def scroll_through(page):
    """Past each frame to the foot of the page, so that what is loaded late is loaded."""
    for frame in page.locator("iframe").all():
        frame.scroll_into_view_if_needed()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_load_state("networkidle")


def offline_faults(page, _):
    scroll_through(page)
    return page.faults


def test_no_page_asks_for_anything_elsewhere_or_complains(chromium):
    assert for_every_page(chromium, offline_faults) == []


def test_every_link_and_anchor_resolves():
    assert check_pages.check(SITE) == []


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
        page.get_by_text("did not match any documents").wait_for()
        assert page.locator("#search-results ul.search li").count() == 0


# Without JavaScript.


def script_free_faults(page, name):
    """Text and mathematics that do not show, or not in their own letters."""
    if name.startswith(FRAMES):
        return []
    faults = []
    article = page.locator("article.bd-article, main").first
    if len(article.inner_text()) < 40:
        faults.append("shows no text")
    formulas = page.locator(".katex-html:visible")
    if formulas.count() < page.locator(".katex").count() / 2:
        faults.append("shows less than half of its formulas")
    for formula in formulas.all()[:3]:
        box, font = formula.bounding_box(), formula.evaluate("e => getComputedStyle(e).fontFamily")
        if box["width"] < 3 or "KaTeX" not in font:
            faults.append(f"shows a formula {box['width']:.0f} wide in {font}")
    if is_chapter(name) and not formulas.count():
        faults.append("has no formula")
    return faults


def test_text_and_mathematics_need_no_script(chromium):
    faults = for_every_page(chromium, script_free_faults, java_script_enabled=False)
    assert faults == []


# For everyone.


def unfold(page):
    """Every hidden cell and every solution, and wait until they are there."""
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    page.evaluate(
        "for (const b of document.querySelectorAll('.toggle-hidden .toggle-button')) b.click()"
    )
    page.wait_for_timeout(600)  # solutions fade in, and the theme waits before it looks again


def violations(page, axe):
    page.evaluate(axe)
    settings = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}
    return [
        f"{rule['id']} {node['target'][0]} {node['html'][:80]}"
        for rule in page.evaluate("settings => axe.run(document, settings)", settings)["violations"]
        for node in rule["nodes"]
    ]


# Beside a formula axe cannot tell what stands behind a text, and leaves it out. Here every letter
# is held against the colours of the elements around it, which no picture lies behind.
PALE = """() => {
    const parts = colour => colour.match(/[\\d.]+/g).map(Number);
    const over = ([r, g, b, alpha = 1], below) =>
        [r, g, b].map((part, i) => part * alpha + below[i] * (1 - alpha));
    const behind = e => e
        ? over(parts(getComputedStyle(e).backgroundColor), behind(e.parentElement))
        : [255, 255, 255];
    const linear = part => part <= 10 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4;
    const luminance = ([r, g, b]) =>
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) + 0.05;
    const found = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const e = texts.currentNode.parentElement, text = texts.currentNode.textContent.trim();
        const shown = e.checkVisibility({opacityProperty: true, visibilityProperty: true});
        if (!text || !shown) continue;
        const style = getComputedStyle(e), size = parseFloat(style.fontSize), back = behind(e);
        const two = [luminance(over(parts(style.color), back)), luminance(back)];
        const ratio = Math.max(...two) / Math.min(...two);
        const large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
        if (ratio < (large ? 3 : 4.5)) found.push(`pale ${ratio.toFixed(2)} ${text.slice(0, 40)}`);
    }
    return found;
}"""


def accessible_faults(page, axe):
    unfold(page)
    return violations(page, axe) + page.evaluate(PALE)


WIDE = """() => [...document.querySelectorAll("article *")]
    .filter(e => e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX === "auto")
    .map(e => [e.className, e.tabIndex])"""


def test_the_keyboard_scrolls_what_is_too_wide_for_a_phone(chromium):
    with opened(chromium, (SITE / "book/notation.html").as_uri(), viewport=PHONE) as page:
        found = page.evaluate(WIDE)
        assert "pst-scrollable-table-container" in [name for name, _ in found]
        assert {tab for _, tab in found} == {0}
    with opened(chromium, (SITE / "book/07_step_size.html").as_uri(), viewport=NARROW) as page:
        unfold(page)
        found = page.evaluate(WIDE)
        assert {"katex-display"} < {name for name, _ in found}
        assert {tab for _, tab in found} == {0}
        page.set_viewport_size(DESK)
        page.wait_for_timeout(600)
        assert page.locator(".katex-display[tabindex]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_open_search_field_breaks_no_rule(chromium, axe, scheme):
    with (
        served(SITE) as address,
        opened(chromium, f"{address}/book/05_adam.html", color_scheme=scheme) as page,
    ):
        page.keyboard.press("Control+k")
        page.wait_for_selector(".search-button__wrapper.show input")
        page.keyboard.type("Adam")
        assert violations(page, axe) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_open_menu_on_a_phone_breaks_no_rule(chromium, axe, scheme):
    settings = dict(viewport=PHONE, color_scheme=scheme)
    with (
        served(SITE) as address,
        opened(chromium, f"{address}/book/05_adam.html", **settings) as page,
    ):
        page.locator("button.primary-toggle").click()
        page.wait_for_timeout(600)
        assert page.locator(".bd-sidebar-primary").get_by_text("AdaMax").is_visible()
        assert violations(page, axe) == []


def colours(page):
    style = "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
    return page.locator("body").evaluate(style)


def brightness(colour):
    """Of a colour that a browser names rgb(r, g, b), from 0 to 255."""
    return sum(map(float, colour[4:-1].split(","))) / 3


def dark_faults(page, name):
    if name.startswith(FRAMES):
        return []
    back, text = colours(page)
    if not brightness(back) < 60 < 180 < brightness(text):
        return [f"is {text} on {back}"]
    return []


def test_every_page_is_dark_for_who_prefers_it(chromium):
    assert for_every_page(chromium, dark_faults, color_scheme="dark") == []


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
    page.wait_for_timeout(600)
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


REMOVE = """addEventListener("DOMContentLoaded", () =>
    document.querySelectorAll("%s").forEach(e => e.remove()))"""


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


# How an element shows that it has the focus: an outline, or a shadow that it has not otherwise.
RING = """e => {
    const style = getComputedStyle(e);
    const outline = style.outlineStyle === "none" ? "none" : style.outline;
    return [e.outerHTML.slice(0, 90), outline + style.boxShadow]
}"""


def focus_faults(page, count=40):
    unseen = []
    for _ in range(count):
        page.keyboard.press("Tab")
        element = page.evaluate_handle("document.activeElement")
        what, focused = element.evaluate(RING)
        element.evaluate("e => e.blur()")
        page.wait_for_timeout(50)
        _, otherwise = element.evaluate(RING)
        # Within a frame it is the frame's to show. After the last one the page itself comes.
        if focused == otherwise and not what.startswith(("<iframe", "<body")):
            unseen.append(f"does not show the focus of {what}")
    return unseen


def test_what_has_the_focus_can_be_seen(chromium):
    with opened(chromium, (SITE / "book/05_adam.html").as_uri()) as page:
        assert focus_faults(page) == []


# Its shape.

TOO_WIDE = """() => {
    const width = document.documentElement.clientWidth;
    const scrolls = e => e && (["auto", "scroll", "hidden"].includes(getComputedStyle(e).overflowX)
        || scrolls(e.parentElement === document.body ? null : e.parentElement));
    return [...document.querySelectorAll("article *")]
        .filter(e => e.getBoundingClientRect().right > width + 1 && !scrolls(e)
            && !e.closest(".katex-mathml"))
        .map(e => e.outerHTML.slice(0, 80)).slice(0, 5)
}"""


def width_faults(page, _):
    unfold(page)
    wide, room = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    faults = [f"is {wide} wide in a window of {room}"] if wide > room else []
    return faults + [f"has something too wide: {what}" for what in page.evaluate(TOO_WIDE)]


@pytest.mark.parametrize("width", [320, 375, 390, 820, 1280, 1400])
def test_no_page_scrolls_sideways(chromium, width):
    viewport = {"width": width, "height": 800}
    assert for_every_page(chromium, width_faults, viewport=viewport) == []


def wide_formulas(page):
    wide = page.locator(".katex-display").evaluate_all(
        "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"
    )
    return [f"has a formula wider than its column: {text[:60]}" for text in wide]


def formula_faults(page, _):
    unfold(page)
    return wide_formulas(page)


def test_the_formulas_of_chapters_and_rules_fit_a_phone(chromium):
    names = [name for name in pages() if is_chapter(name) or name == "book/api/rules.html"]
    assert for_every_page(chromium, formula_faults, names=names, viewport=PHONE) == []


# With everything unfolded: code that scrolls, a proof without its mark, a pill of code in pieces.
TYPESETTING = """() => {
    for (const e of document.querySelectorAll("details")) e.open = true;
    const hidden = "toggle-hidden";
    for (const e of document.querySelectorAll("." + hidden)) e.classList.remove(hidden);
    const found = [];
    for (const e of document.querySelectorAll("article pre"))
        if (e.scrollWidth > e.clientWidth + 1) found.push("has code that scrolls: " + e.innerText);
    for (const e of document.querySelectorAll("article .argument"))
        if (!getComputedStyle(e.lastElementChild, "::after").content.includes("∎"))
            found.push("has a proof without an end: " + e.innerText);
    for (const e of document.querySelectorAll("article table:not(.statements) code"))
        if (e.getClientRects().length > 1) found.push("has code in pieces: " + e.innerText);
    return found.map(text => text.slice(0, 120));
}"""


def typesetting_faults(page, _):
    return page.evaluate(TYPESETTING)


def test_code_fits_a_desk_and_a_proof_ends(chromium):
    names = ["book/notation.html", "book/api/rules.html", "book/api/optim.html"]
    names += filter(is_chapter, pages())
    assert for_every_page(chromium, typesetting_faults, names=names) == []


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


TEXT = ".bd-article, .bd-search-container"

# An icon is a letter of the icon font before an element that is otherwise empty.
BARE_ICONS = """async () => {
    await document.fonts.ready;
    const loaded = [...document.fonts].some(
        f => /Awesome 6 Free/.test(f.family) && f.status === "loaded");
    return [...document.querySelectorAll(".fa-solid, .fas")]
        .filter(e => !loaded || !/^"./.test(getComputedStyle(e, "::before").content))
        .map(e => e.className);
}"""


def shape_faults(page, name):
    """A header, a column of text and words where they belong."""
    if name == "404.html" or name.startswith(FRAMES):
        return []
    faults = []
    header = page.locator(".bd-header-article").bounding_box()
    if not 40 <= header["height"] <= 80:
        faults.append(f"has a header of {header['height']}")
    article = page.locator(TEXT).bounding_box()
    if not 550 <= article["width"] <= 900:
        faults.append(f"has a column of {article['width']}")
    if not 250 <= article["x"] <= 500 or article["y"] > 200:
        faults.append(f"has its text at {article['x']}, {article['y']}")
    words = len(page.locator(TEXT).inner_text().split())
    if name != "search.html" and words < 10:
        faults.append(f"is blank: {words} words")
    faults += wide_formulas(page)
    pictures = page.locator("article img").evaluate_all(
        "all => all.filter(e => e.complete && !e.naturalWidth).map(e => e.src)"
    )
    faults += [f"shows no picture for {source}" for source in pictures]
    if "CC BY 4.0" not in page.locator(".bd-footer-content").inner_text():
        faults.append("does not say its licence in the footer")
    return faults + [f"has no icon for {icon}" for icon in page.evaluate(BARE_ICONS)]


def test_every_page_has_its_shape(chromium):
    assert for_every_page(chromium, shape_faults) == []


# With the address of a repository the pages have links and buttons that those above lack.


@pytest.fixture(scope="module")
def online(tmp_path_factory):
    return build(tmp_path_factory.mktemp("online"), "ada/book")


ONLINE = ["index.html", "book/05_adam.html"]
LOOKS = {
    "offline": (offline_faults, {}),
    "script-free": (script_free_faults, {"java_script_enabled": False}),
    "dark": (dark_faults, {"color_scheme": "dark"}),
    "phone": (width_faults, {"viewport": PHONE}),
    "shape": (shape_faults, {}),
    "typesetting": (typesetting_faults, {}),
    "focus": (lambda page, _: focus_faults(page, 2), {}),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ONLINE)
def test_the_links_of_the_published_book_break_no_rule(chromium, axe, online, scheme, name):
    with (
        served(online) as address,
        opened(chromium, f"{address}/{name}", color_scheme=scheme) as page,
    ):
        page.locator(".dropdown-source-buttons button").click()
        assert page.get_by_text("Suggest edit").is_visible()
        assert accessible_faults(page, axe) == []


@pytest.mark.parametrize("look", ["offline", "script-free", "shape", "phone"])
def test_the_published_book_has_the_same_shape(chromium, online, look):
    check, settings = LOOKS[look]
    assert for_every_page(chromium, check, online, ONLINE, **settings) == []


@pytest.mark.parametrize("viewport", [DESK, NARROW], ids=["desk", "narrow"])
def test_a_chapter_is_one_click_from_colab(chromium, online, viewport):
    with opened(chromium, (online / "book/05_adam.html").as_uri(), viewport=viewport) as page:
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
    whole = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    # With its downloads; a book of nine chapters was allowed 25 MB, which is more a chapter.
    limit = 2_500_000 * max(1, sum(map(is_chapter, pages(site))))
    if whole > limit:
        faults.append(f"the site weighs {whole:,} bytes, allowed {limit:,}")
    return faults


def test_no_page_is_too_heavy():
    assert weight_faults() == []


# Each check refuses a page that is wrong in one way.

GOOD = """<!DOCTYPE html><html lang="en"><head><title>A page</title>
<style>body { margin: 0; background: #fff; color: #222 }
.bd-header-article { height: 60px } article { margin-left: 300px; width: 700px }
.katex-html { font-family: KaTeX_Main }
@media (max-width: 600px) { article { margin: 0; width: auto } }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd } }</style></head>
<body><main><div class="bd-header-article"></div><article class="bd-article"><h1>A page</h1>
<p>Thirty words, so that nobody takes it for a blank page: one two three four five six seven eight
nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty.</p>
<span class="katex"><span class="katex-html">x + y + z</span></span> <a href="#">A link</a>
</article></main><footer class="bd-footer-content">Text: CC BY 4.0.</footer></body></html>"""


def faults_of(chromium, folder, text, look):
    (folder / "page.html").write_text(text, encoding="utf-8")
    check, settings = LOOKS[look]
    return for_every_page(chromium, check, folder, ["page.html"], **settings)


@pytest.mark.parametrize("look", LOOKS)
def test_a_good_page_passes(chromium, tmp_path, look):
    assert faults_of(chromium, tmp_path, GOOD, look) == []


@pytest.mark.parametrize(
    ("look", "old", "new", "fault"),
    [
        (
            "focus",
            "</p>",
            '<a href="#" style="outline: none">a</a>',
            "does not show the focus of <a",
        ),
        (
            "focus",
            "</p>",
            '<a href="#" style="outline: none; box-shadow: 0 0 2px">a</a>',
            "does not show the focus of <a",
        ),
        ("offline", "</p>", '<img src="http://127.0.0.1:9/a.png">', "asks for http"),
        ("offline", "</p>", "<script>fetch('http://127.0.0.1:9/')</script>", "asks for http"),
        ("offline", "</p>", "<script>missing()</script>", "has the error"),
        ("offline", "</p>", '<img src="gone.png">', "does not get"),
        ("offline", "</p>", "<script>console.error('no')</script>", "no"),
        ("offline", "</p>", "<script>console.warn('hm')</script>", "hm"),
        ("script-free", "<article", "<article hidden", "shows no text"),
        ("script-free", "x + y + z", "", "shows less than half"),
        ("script-free", "KaTeX_Main", "serif", "in serif"),
        ("dark", "background: #111", "background: #eee", "is rgb"),
        ("dark", "color: #ddd", "color: #222", "is rgb"),
        ("phone", "</p>", '<div style="width: 500px">wide</div>', "is 500 wide"),
        ("phone", "</p>", "<p style='width: 500px'>wide</p>", "has something too wide: <p"),
        (
            "typesetting",
            "</p>",
            f"<details><pre style='overflow: auto'>{'x' * 99}</pre></details>",
            "has code that scrolls: xxx",
        ),
        ("typesetting", "</p>", "<div class='argument'><p>So.</p></div>", "has a proof without an"),
        (
            "typesetting",
            "</p>",
            "<table style='width: 9px'><td><code>beta = 9</code></table>",
            "has code in pieces: beta",
        ),
        ("shape", "height: 60px", "height: 600px", "has a header of 600"),
        ("shape", "width: 700px", "width: 70px", "has a column of 70"),
        ("shape", "margin-left: 300px", "margin-left: 0", "has its text at 0"),
        ("shape", "seven eight\nnine ten", "", "is blank"),
        ("shape", "</p>", '<img src="gone.png" alt="">', "shows no picture"),
        ("shape", "CC BY 4.0", "All rights", "does not say its licence"),
        ("shape", "</p>", '<i class="fa-solid fa-bars"></i>', "has no icon for fa-solid fa-bars"),
        (
            "shape",
            "</p>",
            '<div class="katex-display" style="width: 9px; overflow: auto">x+y+z</div>',
            "has a formula wider than its column: x+y+z",
        ),
    ],
)
def test_each_planted_fault_is_named(chromium, tmp_path, look, old, new, fault):
    assert old in GOOD
    if fault == "is blank":
        text = GOOD[: GOOD.index("Thirty")] + GOOD[GOOD.index("</p>") :]
    else:
        text = GOOD.replace(old, new, 1)
    found = faults_of(chromium, tmp_path, text, look)
    assert any(f.startswith(f"page.html: {fault}") or fault in f for f in found), found


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("color: #222", "color: #bbb", "color-contrast"),
        ("</p>", '<img src="data:,">', "image-alt"),
        ("</p>", "<details><img src='data:,'></details>", "image-alt"),
        ("KaTeX_Main }", "KaTeX_Main; color: #999 }", "pale"),
        ("KaTeX_Main }", "KaTeX_Main; background: #0008 }", "pale"),
        (' lang="en"', "", "html-has-lang"),
        ("</p>", '<button aria-label="Find">Search</button>', "label-content-name-mismatch"),
    ],
)
def test_axe_names_each_planted_fault(chromium, axe, tmp_path, old, new, rule):
    assert old in GOOD
    (tmp_path / "page.html").write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with served(tmp_path) as address, opened(chromium, f"{address}/page.html") as page:
        assert any(fault.startswith(rule) for fault in accessible_faults(page, axe))


def test_a_heavy_page_and_a_heavy_site_are_named(tmp_path):
    (tmp_path / "a.png").write_bytes(bytes(1_000_000))
    (tmp_path / "page.html").write_text(GOOD.replace("</p>", '<img src="a.png" alt="">'))
    (tmp_path / "light.html").write_text(GOOD)
    (fault,) = weight_faults(tmp_path)
    assert fault.startswith("page.html weighs 1,000,")
    (tmp_path / "big").write_bytes(bytes(2_500_000))
    assert "the site weighs" in weight_faults(tmp_path)[-1]
