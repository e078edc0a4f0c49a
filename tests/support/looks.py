"""Looks at an open page of the book: each returns what is wrong with it.

tests/site/test_pages_browser.py takes them to every page, tests/site/test_looks_browser.py plants
the faults that they must name.
"""

from browsing import brightness, colours, is_chapter, settle

# Explorables: frames in pages, made by a script; test_explore_browser.py looks into them.
FRAMES = "_static/explore/"


# Without a network.

LOADED = """() => [...document.images].every(e => e.complete)
    && [...document.querySelectorAll(".explorable")].every(e => e.matches(".ready"))"""


def offline_faults(page):
    """What the page asks for in vain or elsewhere, when all that is loaded late is loaded."""
    for frame in page.locator("iframe").all():
        frame.scroll_into_view_if_needed()
    page.evaluate("for (const e of document.images) e.loading = 'eager'")
    page.wait_for_function(LOADED)
    return page.faults


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


# In the dark.


def dark_faults(page, name):
    if name.startswith(FRAMES):
        return []
    back, text = colours(page)
    if not brightness(back) < 60 < 180 < brightness(text):
        return [f"is {text} on {back}"]
    return []


# By keyboard.

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
        settle(page)
        _, otherwise = element.evaluate(RING)
        # Within a frame it is the frame's to show. After the last one the page itself comes.
        if focused == otherwise and not what.startswith(("<iframe", "<body")):
            unseen.append(f"does not show the focus of {what}")
    return unseen


# At a width.

TOO_WIDE = """() => {
    const width = document.documentElement.clientWidth;
    const scrolls = e => e && (["auto", "scroll", "hidden"].includes(getComputedStyle(e).overflowX)
        || scrolls(e.parentElement === document.body ? null : e.parentElement));
    return [...document.querySelectorAll("article *")]
        .filter(e => e.getBoundingClientRect().right > width + 1 && !scrolls(e)
            && !e.closest(".katex-mathml"))
        .map(e => e.outerHTML.slice(0, 80)).slice(0, 5)
}"""


# A line that begins with the mark that belongs to the formula at the end of the line above.
STRAY = """() => [...document.querySelectorAll("article span.math")].flatMap(formula => {
    const after = formula.nextSibling, parts = formula.querySelectorAll(".base");
    if (after?.nodeType !== Node.TEXT_NODE || !/^[,.;:!?)]/.test(after.data) || !parts.length)
        return [];
    const range = document.createRange();
    range.setStart(after, 0);
    range.setEnd(after, 1);
    const mark = range.getBoundingClientRect();
    const last = parts[parts.length - 1].getBoundingClientRect();
    const isBelow = mark.left < last.left - 1 && mark.top > last.top;
    return isBelow ? [formula.textContent.slice(0, 40) + after.data.slice(0, 20)] : [];
})"""


def width_faults(page):
    wide, room = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    faults = [f"is {wide} wide in a window of {room}"] if wide > room else []
    faults += [f"has something too wide: {what}" for what in page.evaluate(TOO_WIDE)]
    return faults + [f"begins a line with a mark: {what}" for what in page.evaluate(STRAY)]


# What lies over the strip under a chapter's title, or parts of it over each other.
STRIP = """() => {
    const strip = document.querySelector(".strip");
    if (!strip) return [];
    const width = document.documentElement.clientWidth;
    const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1
        && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    const box = e => e.getBoundingClientRect();
    const seen = e => e.checkVisibility({opacityProperty: true, visibilityProperty: true});
    const holds = e => e.matches("img, svg, iframe, input, button")
        || [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
    const parts = [...strip.children];
    const others = [...document.body.querySelectorAll("*")]
        .filter(e => !strip.contains(e) && !e.contains(strip) && holds(e) && seen(e));
    const over = [
        ...others.filter(e => meet(box(e), box(strip))),
        ...parts.filter((e, n) => parts.slice(n + 1).some(other => meet(box(e), box(other)))),
        ...parts.filter(e => box(e).left < 0 || box(e).right > width),
    ];
    return over.map(e => `has over its strip ${e.outerHTML.slice(0, 80)}`);
}"""


def strip_faults(page):
    page.evaluate("scrollTo(0, 0)")
    return page.evaluate(STRIP)


def wide_formulas(page):
    wide = page.locator(".katex-display").evaluate_all(
        "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"
    )
    return [f"has a formula wider than its column: {text[:60]}" for text in wide]


# On a phone. What scrolls says so by a shadow, a picture behind its text that stays where it is.
PHONE_FAULTS = """async () => {
    const found = [];
    for (const e of document.querySelectorAll("article *")) {
        const style = getComputedStyle(e);
        const scrolls = e.scrollWidth > e.clientWidth + 1 && style.overflowX === "auto";
        if (scrolls && e.clientWidth && !/gradient/.test(style.backgroundImage))
            found.push(`does not show that this scrolls: ${e.innerText.slice(0, 60)}`);
    }
    for (const e of document.querySelectorAll("article .stacked")) {
        const room = e.parentElement.clientWidth;
        if (e.clientWidth && e.clientWidth < room - 1)
            found.push(`has a table of ${e.clientWidth} in a column of ${room}`);
    }
    scrollTo(0, document.documentElement.scrollHeight / 2);
    await new Promise(done => setTimeout(done, 100));
    scrollBy(0, -99);
    await new Promise(done => setTimeout(done, 100));
    const header = document.querySelector(".bd-header-article");
    const line = header?.getBoundingClientRect().bottom ?? 0;
    for (const e of document.querySelectorAll("body *")) {
        const {top, bottom, height} = e.getBoundingClientRect();
        const lies = getComputedStyle(e).position === "fixed" && e.checkVisibility({
            opacityProperty: true, visibilityProperty: true});
        if (lies && height > 9 && bottom > line && top < innerHeight && e.innerText)
            found.push(`has over its text ${e.innerText}`);
    }
    scrollTo(0, 0);
    return found;
}"""


def phone_faults(page):
    return page.evaluate(PHONE_FAULTS)


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


def typesetting_faults(page):
    return page.evaluate(TYPESETTING)


# Its shape.

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


# What is folded and yet takes room, as an empty box under its title.
OPEN_FOLDS = """() => [...document.querySelectorAll("article .admonition.toggle-hidden")]
    .filter(e => e.offsetHeight > e.querySelector(".admonition-title").offsetHeight + 8)
    .map(e => e.innerText.slice(0, 60))"""


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
    faults += [f"has a fold that holds an empty box open: {e}" for e in page.evaluate(OPEN_FOLDS)]
    return faults + [f"has no icon for {icon}" for icon in page.evaluate(BARE_ICONS)]
