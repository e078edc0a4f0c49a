"""Pages of the built book in Chromium, as the browser tests open them and look at them.

A look takes an open page, and its name, and returns what is wrong with it.
"""

from contextlib import contextmanager

from tools.book import BUILD, ROOT
from tools.check import pages as check_pages

SITE = BUILD / "html"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 740}
# WCAG 2.1, 1.4.10: a page fits this width.
NARROW = {"width": 320, "height": 640}
# A setting, for where only the state at rest is looked at: then it is there at once.
STILL = {"reduced_motion": "reduce"}


def pages(site=SITE):
    """Every page that a reader can meet; of the modules' sources, which are alike, the longest."""
    found = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    found = [name for name in found if name not in check_pages.NO_PAGES]
    sources = [name for name in found if name.startswith("_modules/adamtut/")]
    longest = max(sources, key=lambda name: (site / name).stat().st_size, default=None)
    return [name for name in found if name not in sources or name == longest]


def is_chapter(name):
    return (ROOT / name).with_suffix(".ipynb").is_file()


@contextmanager
def opened(chromium, address, *, viewport=DESK, script="", **settings):
    """A page in a browser that has never been here before, and what went wrong on the way.

    `script` runs before any of the page's own.
    """
    context = chromium.new_context(viewport=viewport, **settings)
    context.set_default_navigation_timeout(120_000)  # this machine may have other things to do
    context.add_init_script(script)
    page = context.new_page()
    page.faults = []
    page.on("request", lambda r: page.faults.extend(request_faults(r.url)))
    page.on("requestfailed", lambda r: page.faults.extend(failure_faults(r.url, r.failure)))
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


def failure_faults(url, failure):
    """What is on its way when a reader clicks on, the browser drops: the page lacks nothing."""
    return [] if failure == "net::ERR_ABORTED" else [f"does not get {url}"]


# States to wait for.

# What fades or slides has ended, and what followed from it is drawn. What goes on for ever is not
# waited for. Without a limit a page that never draws would be waited for without end.
SETTLED = """async limit => {
    const frame = () => new Promise(done => requestAnimationFrame(done));
    const moving = document.getAnimations()
        .filter(a => a.effect.getComputedTiming().endTime !== Infinity);
    const rest = async () => {
        await Promise.all(moving.map(a => a.finished.catch(() => {})));
        await frame();
        await frame();
    };
    const late = new Promise((_, fail) => setTimeout(() => fail(new Error(
        `not at rest after ${limit} ms: it is ${document.visibilityState}, its animations are `
        + moving.map(a => a.playState).join(", "))), limit));
    await Promise.race([rest(), late]);
}"""


def settle(page, limit=60_000):
    page.evaluate(SETTLED, limit)


WIDE = """[...document.querySelectorAll("article *")]
    .filter(e => e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX === "auto")"""
UNREACHED = f"{WIDE}.filter(e => e.tabIndex).map(e => `no key scrolls ${{e.className}}`)"
# The page looks late for what it must let the keyboard reach: then, or after two seconds.
REACHED = f"""async () => {{
    const end = performance.now() + 2000;
    while ({WIDE}.some(e => e.tabIndex) && performance.now() < end)
        await new Promise(done => setTimeout(done, 20));
}}"""


def unfold(page):
    """Every hidden cell and every solution, and wait until they are there."""
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    page.evaluate(
        "for (const b of document.querySelectorAll('.toggle-hidden .toggle-button')) b.click()"
    )
    settle(page)
    page.evaluate(REACHED)


def resize(page, viewport):
    page.set_viewport_size(viewport)
    settle(page)
    page.evaluate(REACHED)


# Rules of WCAG.


def violations(page, axe, context=None, **settings):
    """What axe-core finds; context and settings are its own, and narrow what it looks at."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)
    # What stands in a frame has tests of its own; axe-core would wait for it half a second.
    settings = {"runOnly": {"type": "tag", "values": WCAG}, "iframes": False} | settings
    found = page.evaluate(
        "([context, settings]) => axe.run(context ?? document, settings)",
        [context, settings | {"resultTypes": ["violations"]}],
    )
    return [
        f"{rule['id']} {node['target'][0]} {node['html'][:80]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


# Beside a formula axe cannot tell what stands behind a text, and leaves it out. Here every letter
# is held against the colours of the elements around it, which no picture lies behind.
PALE = """() => {
    const parts = colour => colour.match(/[\\d.]+/g).map(Number);
    const over = ([r, g, b, alpha = 1], below) =>
        [r, g, b].map((part, i) => part * alpha + below[i] * (1 - alpha));
    const known = new Map([[null, [255, 255, 255]]]);
    const behind = e => {
        if (!known.has(e)) {
            const colour = parts(getComputedStyle(e).backgroundColor);
            known.set(e, over(colour, behind(e.parentElement)));
        }
        return known.get(e);
    };
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


# What hides a shadow at the side where nothing is hidden has the colour of what lies behind it.
COVERS = """() => {
    const context = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    const painted = colours => {
        for (const colour of ["#fff", ...colours]) {
            context.fillStyle = colour;
            context.fillRect(0, 0, 1, 1);
        }
        return [...context.getImageData(0, 0, 1, 1).data];
    };
    const behind = e => e ? [...behind(e.parentElement), getComputedStyle(e).backgroundColor] : [];
    const probe = document.body.appendChild(document.createElement("i"));
    const isSeen = e => {
        probe.style.color = getComputedStyle(e).getPropertyValue("--ground");
        const cover = painted([getComputedStyle(probe).color]), ground = painted(behind(e));
        return cover.some((part, i) => Math.abs(part - ground[i]) > 3);
    };
    const all = document.querySelectorAll(".math .katex-display, .bd-content div.highlight pre");
    return [...all].filter(e => e.checkVisibility()).filter(isSeen)
        .map(e => `shows a shadow that hides nothing: ${e.textContent.slice(0, 40)}`);
}"""


def accessible_faults(page, axe):
    """By all rules."""
    return violations(page, axe) + page.evaluate(PALE)


# The rules whose answer colours alone can change. They take more time than all others together.
COLOURS = ["color-contrast", "link-in-text-block"]
# What axe-core calls a context: all but the text.
AROUND = {"exclude": [["article"]]}


# What UNREACHED asks, before words of code become narrower.
SCROLLS = "scrollable-region-focusable"


def faults_of_structure(page, axe, but=(*COLOURS, SCROLLS)):
    """By all rules but those of colours, which are asked for the light and the dark."""
    return violations(page, axe, rules={rule: {"enabled": False} for rule in but})


def faults_of_all_letters(page):
    """What has to be asked before a page is thinned out: of every letter, and of what scrolls."""
    return page.evaluate(PALE) + page.evaluate(UNREACHED) + page.evaluate(COVERS)


def faults_of_colours(page, axe, context=None):
    """By those rules alone."""
    return violations(page, axe, context, runOnly={"type": "rule", "values": COLOURS})


# Of each kind of word in code some stay, of each formula a letter: thousands are of one colour and
# alike in all that a rule may ask for, and axe-core asks of each.
THIN_OUT = """() => {
    const seen = {};
    for (const e of document.querySelectorAll(".highlight span")) {
        seen[e.className] = 1 + (seen[e.className] ?? 0);
        if (seen[e.className] > 9) e.replaceWith(...e.childNodes);
    }
    for (const e of document.querySelectorAll(".katex-mathml")) e.remove();
    for (const e of document.querySelectorAll(".katex-html")) e.textContent = "x";
}"""


def colours(page):
    style = "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
    return page.locator("body").evaluate(style)


def brightness(colour):
    """Of a colour that a browser names rgb(r, g, b), from 0 to 255."""
    return sum(map(float, colour[4:-1].split(","))) / 3


# Scripts that plant a fault before the page's own scripts run.
REMOVE = """addEventListener("DOMContentLoaded", () =>
    document.querySelectorAll("%s").forEach(e => e.remove()))"""
