"""The explorables in Chromium: for everyone, by keyboard, by touch, in both themes, in a page.

Each is opened as a file, as it is built. `LOOKS` are checks of a page that return what is wrong
with it; below them, faults are planted that each must name.
"""

import re
from itertools import pairwise

import pytest
from browsing import DESK, NARROW, PALE, accessible_faults, opened, settle
from small_book import SmallBook

from tools.explore import build, posters

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 740}
TABLET = {"width": 820, "height": 900}
# What is opened beside a page as it comes: other controls, other pictures.
QUERIES = {
    "streams": [
        "",
        "preset=noise,gutter&rule=amsgrad&beside=rmsprop",
        "preset=own&g1=1,-2&rule=gd",
    ],
    "row": ["", "rule=nesterov&hook=0:1,30:-0.6,45:1&t=80", "kappa=10000&size=true&beta=1&t=140"],
    "spring": ["", "rule=nesterov&best=1", "rule=gd&kappa=1"],
    "oscillator": ["", "stiff=0.02&beta=0.3&t=20", "stiff=3.5&beta=0.6&start=2&t=60"],
    "ravine": ["", "rules=gd,momentum,adam,amsgrad&chosen=amsgrad&angle=45&kappa=500"],
    "counterexample": ["", "C=10&beta2=0.9999&chosen=gd&steps=30000", "steps=30&period=1&lr=1"],
    "box": [
        "",
        "c=-3,0.5&lambda=0&show=adam_l2,adamw",
        "lambda=4&steps=4000&beta2=0.999&lr=0.001",
    ],
    "weights": ["", "t=400&beta1=0&beta2=0.9999&correct=1", "beta1=0.95&beta2=0.95&t=1"],
    "schedules": [
        "",
        "schedule=own&own=100.0.50&rule=yogi&beside=cosine,lr:0.2,steps:100,final:0.1",
        "schedule=sgdr&mult=2&times=noam&warm=30&rule=nadam&sigma=0&T=20",
    ],
}
EVERY = [(name, query) for name in QUERIES for query in QUERIES[name]]
every_page = pytest.mark.parametrize("name", QUERIES)
every_query = pytest.mark.parametrize(
    ("name", "query"), EVERY, ids=["?".join(pair) for pair in EVERY]
)


def test_every_explorable_is_looked_at():
    tables = {"QUERIES": QUERIES, "INNER": INNER, "PLOTS": PLOTS}
    lacking = [f"{name} in {t}" for t, rows in tables.items() for name in {*build.NAMES} - {*rows}]
    assert lacking == [], "give the new explorable a row in each of these tables"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build.build(folder)
    return folder / "explore"


def look(chromium, folder, name, check, query="", **settings):
    address = f"{(folder / f'{name}.html').as_uri()}?{query}"
    with opened(chromium, address, **settings) as page:
        settle(page)
        return check(page)


# What is seen: drawings, and what controls and texts say.
PICTURE = """() => [...document.querySelectorAll(
        "svg:not(.swatch), canvas, select, input[type=checkbox], .value, .read, h2, tr")]
    .filter(e => e.checkVisibility())
    .map(e => e.matches("svg") ? e.innerHTML.replace(/ (style|class)=""| data-n="\\d+"/g, "")
        : e.matches("canvas") ? e.toDataURL() : e.matches("input") ? e.checked
        : e.value ?? e.textContent)
    .join("\\n")"""


def picture(page):
    settle(page)
    return page.evaluate(PICTURE)


# For everyone.

SMALL_TEXT = """() => {
    const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const e = texts.currentNode.parentElement, text = texts.currentNode.textContent.trim();
        if (!text || !e.checkVisibility() || e.closest("script, style, .unseen")) continue;
        const size = parseFloat(getComputedStyle(e).fontSize);
        if (size < 12) found.push(`writes ${text.slice(0, 20)} in ${size} px`);
    }
    return found;
}"""
SMALL_TARGETS = """() => [...document.querySelectorAll("button, select, input, a, .handle .reach")]
    .filter(e => e.checkVisibility())
    .map(e => [e, (e.closest("label") ?? e).getBoundingClientRect()])
    .filter(([, box]) => box.width && (box.width < 24 || box.height < 24))
    .map(([e, box]) => `has a target of ${box.width} × ${box.height}: ${e.outerHTML}`)"""
TOO_WIDE = """() => {
    const root = document.documentElement, wide = root.scrollWidth - root.clientWidth;
    const spills = [...document.querySelectorAll("svg text")].filter(e => e.checkVisibility())
        .filter(e => {
            const box = e.getBoundingClientRect();
            return box.left < -1 || box.right > root.clientWidth + 1;
        });
    return [...(wide > 0 ? [`is ${wide} pixels too wide`] : []),
            ...spills.map(e => `has text that is cut off: ${e.textContent.slice(0, 40)}`)];
}"""


def size_faults(page):
    return [f for script in (SMALL_TEXT, SMALL_TARGETS, TOO_WIDE) for f in page.evaluate(script)]


@every_query
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_for_everyone_at_every_width(chromium, axe, site, name, query, theme):
    def check(page):
        faults = []
        for viewport in (DESK, TABLET, PHONE, NARROW):
            page.set_viewport_size(viewport)
            settle(page)
            found = size_faults(page)
            if viewport in (DESK, PHONE):
                found += accessible_faults(page, axe)
            faults += [f"{viewport['width']}: {fault}" for fault in found]
        return faults + page.faults

    assert look(chromium, site, name, check, query, color_scheme=theme) == []


# By keyboard.


def photo(page, box, room=8):
    view = page.viewport_size
    left, top = max(0, box["x"] - room), max(0, box["y"] - room)
    width = min(view["width"], box["x"] + box["width"] + room) - left
    height = min(view["height"], box["y"] + box["height"] + room) - top
    return page.screenshot(clip={"x": left, "y": top, "width": width, "height": height})


BEGINNING = "e => e.outerHTML.slice(0, 80)"
CONTROLS = "button, select, input, .handle, a.alone"


def keyboard_faults(page):
    """Every control gets the focus in turn and shows it; every handle answers to every arrow."""
    faults = []
    # Numbered, for a photograph of an element changes its attributes.
    wanted = {
        element.evaluate("(e, n) => e.dataset.n = n", n)
        for n, element in enumerate(page.locator(f":is({CONTROLS}):visible").all())
    }
    reached = set()
    for _ in range(len(wanted) + 2):
        page.keyboard.press("Tab")
        element = page.evaluate_handle("document.activeElement").as_element()
        if element.evaluate("e => e === document.body"):
            continue
        reached.add(int(element.get_attribute("data-n")))
        element.scroll_into_view_if_needed()
        box = element.bounding_box()
        focused = photo(page, box)
        element.evaluate("e => e.blur()")
        if photo(page, box) == focused:
            faults.append(f"does not show the focus of {element.evaluate(BEGINNING)}")
        element.focus()
    for n in wanted - reached:
        what = page.locator(f'[data-n="{n}"]').evaluate(BEGINNING)
        faults.append(f"never reaches {what}")
    for handle in page.locator(".handle:visible").all():
        handle.focus()
        for key in ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown", "Shift+ArrowRight"):
            before, said = picture(page), handle.get_attribute("aria-valuetext")
            handle.press(key)
            if picture(page) == before or handle.get_attribute("aria-valuetext") == said:
                faults.append(f"{key} moves nothing: {handle.get_attribute('aria-label')}")
            if not handle.evaluate("e => e === document.activeElement"):
                faults.append(f"{key} loses the focus")
    return faults


# At these places no arrow leads out of the picture, and none leads nowhere.
INNER = {
    "streams": "preset=noise,gutter&t=30&start=0.02",
    "row": "hook=0:0.3,12:-0.4&t=20",
    "spring": "kappa=20&aL=1&beta=0.3",
    "oscillator": "start=-0.5&t=20",
    "ravine": "x=-3&y=1&angle=45",
    "counterexample": "C=5&period=20",
    "box": "c=2,1&lambda=0.8&lr=0.05&steps=300",
    "weights": "t=20",
    "schedules": "schedule=cosine&final=0.1&lr=0.3&t=150&warm=20&beside=constant,lr:0.1",
}


@every_page
def test_the_keyboard_reaches_and_moves_everything(chromium, site, name):
    assert look(chromium, site, name, keyboard_faults, INNER[name]) == []


@every_page
def test_every_slider_and_button_changes_the_picture(chromium, site, name):
    def check(page):
        faults = []
        for slider in page.locator("input[type=range]:visible").all():
            before = picture(page)
            slider.press("ArrowLeft")
            slider.press("ArrowLeft")
            if picture(page) == before:
                faults.append(slider.evaluate("e => e.parentElement.textContent"))
        for box in page.locator("input[type=checkbox]:visible").all():
            before = picture(page)
            box.press("Space")
            if picture(page) == before:
                faults.append(box.evaluate("e => e.parentElement.textContent"))
        return faults

    assert look(chromium, site, name, check, INNER[name]) == []


# By mouse and by touch.


def centre(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_pointer_draws_gradients(chromium, site):
    def check(page):
        box = page.locator(".drawable").first.bounding_box()
        across = [box["x"] + box["width"] * share for share in (0.2, 0.5, 0.8)]
        page.mouse.move(across[0], box["y"] + 20)
        page.mouse.down()
        page.mouse.move(
            across[1], box["y"] + 50
        )  # two moves for some forty steps: none is left out
        page.mouse.move(across[2], box["y"] + 10)
        page.mouse.up()
        page.wait_for_timeout(500)
        drawn = re.search(r"g1=([^&]*)", page.url)[1].split(",")
        return page.locator("select").first.input_value(), [float(g) for g in drawn]

    preset, drawn = look(chromium, site, "streams", check)
    assert preset == "own" and len(drawn) == 60
    assert drawn[:8] == [3] * 8 and drawn[-8:] == [3] * 8
    inner = drawn[14:46]
    assert max(abs(a - b) for a, b in pairwise(inner)) < 0.6, "no gaps"
    assert min(inner) < 0


@pytest.mark.parametrize(
    ("query", "limits", "score"),
    [
        ("preset=agree&longest=1", 2, "longest 1.00 of 1.76 α: 57 %"),
        ("preset=rise&longest=1", 2, "longest 1.76 of 1.76 α: 100 %"),
        ("preset=rise&longest=1&beta1=0.9&beta2=0.9", 2, "longest 1.00 of 1.00 α: 100 %"),
        ("preset=rise&longest=1&rule=rmsprop", 0, ""),
        ("preset=rise", 0, ""),
    ],
)
def test_the_longest_step_is_drawn_and_scored(chromium, site, query, limits, score):
    def check(page):
        titles = page.locator("text.title").all_text_contents()
        return page.locator(".limit").count(), [t for t in titles if "longest" in t]

    found = look(chromium, site, "streams", check, query)
    assert found == (limits, [score] if score else [])


def test_drawing_smaller_gradients_first_raises_the_score(chromium, site):
    def check(page):
        def percent():
            (title,) = page.locator("text.title", has_text="longest").all_text_contents()
            return int(re.search(r"(\d+) %", title)[1])

        before, box = percent(), page.locator(".drawable").first.bounding_box()
        zero = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 4, zero)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.75 * box["width"], zero)
        page.mouse.up()
        page.wait_for_timeout(300)
        return before, percent()

    before, after = look(chromium, site, "streams", check, "preset=agree&longest=1")
    assert before == 57 and after > 85


def test_pressing_in_the_plane_brings_the_nearer_point(chromium, site):
    def check(page):
        box = page.locator(".target").bounding_box()
        page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"])
        settle(page)
        return [h.get_attribute("aria-valuetext") for h in page.locator(".handle").all()]

    flat, steep = look(chromium, site, "spring", check)
    assert steep.startswith("αλ = 1, β = 0.64:") and flat.startswith("αλ = 0.05, β = 0.64:")


def touched(page, points):
    """A finger goes down at the first point, along the others, and up."""
    session = page.context.new_cdp_session(page)

    def send(kind, *at):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(at)})
        page.wait_for_timeout(30)

    send("touchStart", points[0])
    for point in points[1:]:
        send("touchMove", point)
    send("touchEnd")
    page.wait_for_timeout(200)


def swipe(page, x, y, by, across=0):
    path = [share / 10 for share in range(11)]
    touched(page, [{"x": x + across * share, "y": y + by * share} for share in path])


TOUCH = {"viewport": {"width": 390, "height": 420}, "has_touch": True, "is_mobile": True}
PLOTS = {
    "streams": ".drawable",
    "row": "#carpets svg",
    "spring": ".target",
    "oscillator": "#picture svg",
    "ravine": "#map svg",
    "counterexample": "#walk svg",
    "box": "#map svg",
    "weights": "#step svg",
    "schedules": ".drawable",
}


def touch_faults(page):
    """A swipe on the plot scrolls the page and changes nothing; on a handle it moves that."""
    faults = []
    plot = page.locator(PLOTS[page.evaluate("location.pathname.match(/(\\w+).html/)[1]")]).first
    handle = page.locator(".handle:visible").first
    box, before = plot.bounding_box(), picture(page)
    swipe(page, box["x"] + 0.75 * box["width"], box["y"] + 0.8 * min(box["height"], 300), -80)
    if page.evaluate("scrollY") < 20:
        faults.append("a swipe on the plot does not scroll")
    if picture(page) != before:
        faults.append("a swipe on the plot changes it")
    page.evaluate("scrollTo(0, 0)")
    handle.scroll_into_view_if_needed()
    settle(page)
    at, (x, y) = page.evaluate("scrollY"), centre(handle.locator(".knob"))
    said = handle.get_attribute("aria-valuetext")
    swipe(page, x, y, -60, -60)  # some handles move sideways alone
    if page.evaluate("scrollY") != at:
        faults.append("a swipe on a handle scrolls")
    if handle.get_attribute("aria-valuetext") == said:
        faults.append("a swipe on a handle does not move it")
    return faults


@every_page
def test_touch_scrolls_but_for_the_handles(chromium, site, name):
    assert look(chromium, site, name, touch_faults, INNER[name], **TOUCH) == []


def test_a_finger_draws_where_the_stream_is_ones_own(chromium, site):
    def check(page):
        box = page.locator(".drawable").first.bounding_box()
        x, y = box["x"] + 0.6 * box["width"], box["y"] + 10
        before = picture(page)
        touched(page, [{"x": x + 4 * n, "y": y + 4 * n} for n in range(10)])
        return page.evaluate("scrollY"), picture(page) != before

    assert look(chromium, site, "streams", check, "preset=own&g1=1,2", **TOUCH) == (0, True)


def test_a_tap_selects_and_places(chromium, site):
    def check(page):
        box = page.locator(PLOTS[name]).first.bounding_box()
        before = picture(page)
        # Not beside a handle: a browser takes a finger that is near one to mean it.
        page.touchscreen.tap(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
        return picture(page) != before

    for name in ("streams", "spring"):
        assert look(chromium, site, name, check, **TOUCH)


# Its state.


def address_faults(page):
    """What was set is in the address, and is there again when the address is opened."""
    faults = []
    handle = page.locator(".handle:visible").first
    handle.press("ArrowUp")
    settle(page)  # what is drawn by hand has other sliders
    for slider in page.locator("input[type=range]:visible").all():
        slider.press("ArrowRight")
    for choice in page.locator(".select:visible select").all()[:3]:
        options = choice.locator("option").evaluate_all("all => all.map(e => e.value)")
        choice.select_option(options[-2])
    before = picture(page)
    page.wait_for_timeout(500)
    address = page.url
    if "#" not in address:
        return ["keeps nothing in the address"]
    page.goto("about:blank")
    page.goto(address)
    if picture(page) != before:
        faults.append("has another picture when it is opened again")
    page.get_by_role("button", name="Reset").click()
    settle(page)
    reset = picture(page)
    page.wait_for_timeout(500)
    page.goto("about:blank")
    page.goto(address.partition("#")[0])
    if picture(page) != reset:
        faults.append("is not as at first after Reset")
    return faults + page.faults


@every_page
def test_the_address_keeps_what_was_set(chromium, site, name):
    assert look(chromium, site, name, address_faults, INNER[name]) == []


def test_another_address_typed_in_is_followed(chromium, site):
    def check(page):
        with page.expect_event("load"):
            page.evaluate("void setTimeout(() => { location.hash = 'rule=yogi' })")
        settle(page)
        return page.get_by_label("Rule", exact=True).input_value()

    assert look(chromium, site, "streams", check) == "yogi"


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("streams", "preset=agreeing"),
        ("streams", "rule=adamw"),
        ("streams", "beta1=1.5"),
        ("spring", "rule=adam"),
        ("spring", "kapa=20"),
        ("ravine", "rules=gd,adamw"),
        ("ravine", "kappa=2000"),
        ("ravine", "beta3.adam=0.5"),
    ],
)
def test_an_address_that_means_nothing_is_complained_of(chromium, site, name, query):
    key, _, text = query.partition("=")
    (fault,) = look(chromium, site, name, lambda page: page.faults, query)
    assert fault == f"{key}={text} in the address means nothing here"


def test_documented_addresses_are_understood(chromium, site):
    for name in build.NAMES:
        source = (build.SOURCES / f"{name}.html").read_text(encoding="utf-8")
        documented = re.findall(rf"^ +{name}\.html\?(\S+)$", source, re.MULTILINE)
        assert documented
        for query in documented:
            assert look(chromium, site, name, lambda page: page.faults, query) == [], query


RESTARTS = "schedule=sgdr&period=50&mult=2&T=350&lr=0.8&rule=gd&kappa=100&sigma=0.5&seed=12"


def test_a_floor_that_goes_to_zero_does_not_press_the_losses_flat(chromium, site):
    """The mean stays above 0.04, so its jumps are seen on four decades and not on seven."""

    def decades(page):
        marks = page.locator("#picture text").all_text_contents()
        return [mark for mark in marks if mark in ("10", "1", "0.1", "0.01", "0.001", "0.0001")]

    found = look(chromium, site, "schedules", decades, RESTARTS)
    assert set(found) == {"10", "1", "0.1", "0.01", "0.001"}, found


# What moves.

MOVES = """async () => {
    const before = document.querySelector("main").innerHTML;
    await new Promise(done => setTimeout(done, 700));
    const moved = document.querySelector("main").innerHTML !== before;
    return [...(moved ? ["moves by itself"] : []),
            ...document.getAnimations().map(a => `has the animation ${a.animationName}`)];
}"""


@every_page
@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves_by_itself(chromium, site, name, motion):
    def check(page):
        return page.evaluate(MOVES)

    assert look(chromium, site, name, check, reduced_motion=motion) == []


@pytest.mark.parametrize("name", ["streams", "ravine", "row"])
def test_play_plays_pause_pauses_and_steps_step(chromium, site, name):
    def check(page):
        page.get_by_role("button", name="Play").click()
        first = picture(page)
        page.wait_for_timeout(300)
        assert picture(page) != first
        page.get_by_role("button", name="Pause").click()
        stopped = picture(page)
        page.wait_for_timeout(300)
        assert picture(page) == stopped
        page.get_by_role("button", name="One step on").click()
        assert picture(page) != stopped
        page.get_by_role("button", name="One step back").click()
        assert picture(page) == stopped

    look(chromium, site, name, check)


AT = re.compile(r"at (−?[\d.]+) from rest, step (\d+)")


def hung(page):
    """Where the weight is, and at which step."""
    place, step = AT.fullmatch(page.locator(".handle").get_attribute("aria-valuetext")).groups()
    return float(place.replace("−", "-")), int(step)


def test_the_weight_is_pulled_and_let_go(chromium, site):
    def check(page):
        x, y = centre(page.locator(".knob"))
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y + 60)
        settle(page)
        held = hung(page)
        page.wait_for_timeout(300)
        assert hung(page) == held and held[0] < -0.5 and held[1] == 0
        page.mouse.up()
        page.wait_for_timeout(700)
        place, step = hung(page)
        assert place > held[0] and 0 < step < 60
        page.get_by_role("button", name="Stop").click()
        stopped = picture(page)
        page.wait_for_timeout(300)
        assert picture(page) == stopped
        page.get_by_role("button", name="Let go").click()
        page.wait_for_timeout(6800)
        assert hung(page)[1] == 60 and page.get_by_role("button", name="Let go").is_visible()

    look(chromium, site, "oscillator", check)


HOOK = re.compile(r"at (−?[\d.]+), step (\d+)")


def held(page):
    """Where the hook of the row is, and the step."""
    place, step = HOOK.fullmatch(page.locator(".handle").get_attribute("aria-valuetext")).groups()
    return float(place.replace("−", "-")), int(step)


def test_the_hook_is_moved_while_the_row_plays(chromium, site):
    def check(page):
        page.get_by_role("button", name="Again").click()
        page.get_by_role("button", name="Play").click()
        x, y = centre(page.locator(".knob"))
        page.mouse.move(x, y)
        page.mouse.down()
        page.wait_for_timeout(300)
        page.mouse.move(x, y + 90)
        page.wait_for_timeout(300)
        page.mouse.up()
        place, step = held(page)
        assert place < -0.2 and 3 < step < 40
        page.get_by_role("button", name="Pause").click()
        page.wait_for_timeout(500)
        moves = re.search(r"hook=0:1,(\d+):", page.url)
        assert 0 < int(moves[1]) < held(page)[1]
        page.get_by_role("button", name="Again").click()
        assert (settle(page), held(page)) == (None, (place, 0))

    look(chromium, site, "row", check)


def test_who_wants_little_motion_goes_ten_steps_at_once(chromium, site):
    def check(page):
        page.get_by_role("button", name="Ten steps").click()
        settle(page)
        return held(page)[1]

    assert look(chromium, site, "row", check, "t=7", reduced_motion="reduce") == 17


def test_at_first_the_row_says_what_the_chapter_says(chromium, site):
    def check(page):
        return page.locator(".read").inner_text()

    words = look(chromium, site, "row", check)
    assert words == (
        "40 steps after the hook began at 1.00, these weights are more than half way to rest (▲): "
        "the first 10 with gradient descent, the first 40 with the heavy ball."
    )


def test_who_wants_little_motion_sees_the_end_at_once(chromium, site):
    def check(page):
        page.get_by_role("button", name="Let go").click()
        settle(page)
        return hung(page)[1]

    assert look(chromium, site, "oscillator", check, reduced_motion="reduce") == 60


SPOKEN = """() => {
    window.heard = [];
    new MutationObserver(() => heard.push(performance.now()))
        .observe(document.querySelector("[aria-live]"), { childList: true });
}"""


@every_page
def test_what_changes_is_said_but_not_too_often(chromium, site, name):
    def check(page):
        page.evaluate(SPOKEN)
        handle = page.locator(".handle:visible").first
        for _ in range(20):
            handle.press("ArrowRight")
            page.wait_for_timeout(30)
        page.wait_for_timeout(400)
        return page.evaluate("heard"), page.locator("[aria-live]").inner_text()

    times, words = look(chromium, site, name, check, INNER[name])
    assert len(times) >= 2 and min(b - a for a, b in pairwise(times)) > 200
    assert len(words.split()) > 5 and re.search(r"\d", words)


# In a page.

ALT = "Two streams of gradients, one above the other, and what Adam makes of them."


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A page of a book with an explorable far below its top, and one at its top."""
    folder = tmp_path_factory.mktemp("book")
    with pytest.MonkeyPatch.context() as patch:
        from tools.sphinx import explore as directive

        for module in (posters, directive):
            patch.setattr(module, "POSTERS", folder)
        patch.setattr(directive, "STATIC", folder / "static")
        use = posters.Use("streams", "preset=agree&rule=adam")
        use.poster.write_bytes((build.BOOK / "_static" / "readme.png").read_bytes())
        record = f'{{"{use.slug}": {{"digest": "", "wide": 500, "narrow": 900}}}}'
        (folder / "posters.json").write_text(record)
        lines = [":::{explore} streams", f":query: {use.query}", f":alt: {ALT}", "C.", ":::"]
        source = "\n".join(["# A", "", *lines, "", "The end.", ""])
        _, warnings = SmallBook(folder, "tools.sphinx.explore").build(a=source)
        assert warnings == []
    return folder / "html" / "book" / "a.html"


READY = ".explorable.ready iframe"
COLOURS = (
    "e => [getComputedStyle(e).backgroundColor, e.ownerDocument.documentElement.dataset.theme]"
)


def test_the_explorable_comes_in_the_place_of_its_poster(chromium, book):
    with opened(chromium, book.as_uri()) as page:
        frame = page.locator(READY)
        frame.wait_for()
        inside = page.frames[1]
        assert not page.locator(".explorable img").is_visible()
        assert frame.get_attribute("title").startswith("Interactive picture. Streams")
        assert frame.get_attribute("loading") == "lazy"
        assert "preset=agree&rule=adam" in inside.url
        height = inside.evaluate("document.body.getBoundingClientRect().height")
        assert abs(frame.bounding_box()["height"] - height) < 1.5
        assert inside.evaluate("document.documentElement.scrollHeight") <= height + 1.5
        # A second stream on a narrow page makes it higher; the frame follows.
        page.set_viewport_size(PHONE)
        inside.locator("select").nth(1).select_option("alternate")
        page.wait_for_timeout(300)
        assert frame.bounding_box()["height"] > height + 200
        assert page.faults == []


def test_it_follows_the_theme_of_its_page(chromium, book):
    dark = "document.documentElement.dataset.theme = 'dark'"
    with opened(chromium, book.as_uri(), color_scheme="light") as page:
        page.locator(READY).wait_for()
        body = page.frames[1].locator("body")
        assert body.evaluate(COLOURS) == ["rgb(255, 255, 255)", "light"]
        page.evaluate(dark)
        page.wait_for_timeout(300)
        assert body.evaluate(COLOURS) == ["rgb(18, 18, 18)", "dark"]
    # From the first moment, and whatever the reader's system prefers.
    script = f"addEventListener('DOMContentLoaded', () => {{ {dark} }}, true)"
    with opened(chromium, book.as_uri(), color_scheme="light", script=script) as page:
        page.locator(READY).wait_for()
        page.wait_for_timeout(200)
        assert page.frames[1].locator("body").evaluate(COLOURS) == ["rgb(18, 18, 18)", "dark"]


def test_its_address_can_be_had_from_within_a_page(chromium, book):
    with opened(chromium, book.as_uri()) as page:
        page.locator(READY).wait_for()
        inside = page.frames[1]
        inside.get_by_label("Rule", exact=True).select_option("yogi")
        page.wait_for_timeout(500)
        link = inside.get_by_role("link", name="open alone")
        assert link.is_visible() and "rule=yogi" in link.get_attribute("href")
        assert page.faults == []


def test_without_scripts_and_in_print_the_poster_stands(chromium, book):
    with opened(chromium, book.as_uri(), java_script_enabled=False) as page:
        assert page.locator(".explorable img").is_visible()
        assert page.locator("iframe").count() == 0
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        filtered = page.locator(".explorable img").evaluate("e => getComputedStyle(e).filter")
        assert filtered == "invert(0.93) hue-rotate(180deg)"
    with opened(chromium, book.as_uri()) as page:
        page.locator(READY).wait_for()
        page.emulate_media(media="print")
        assert page.locator(".explorable img").is_visible()
        assert not page.locator("iframe").is_visible()


@every_page
def test_a_poster_has_no_controls(chromium, site, name):
    def check(page):
        visible = page.locator(":is(input, select):visible, .controls:visible, .drop:visible")
        return [e.evaluate("e => e.outerHTML.slice(0, 80)") for e in visible.all()] + page.faults

    assert look(chromium, site, name, check, "poster=1") == []
    assert look(chromium, site, name, check), "the check finds controls where there are some"


# Each check refuses a page that is wrong in one way.

LOOKS = {
    "size": (size_faults, {"viewport": PHONE}),
    "keyboard": (keyboard_faults, {}),
    "touch": (touch_faults, TOUCH),
    "address": (address_faults, {}),
    "moves": (lambda page: page.evaluate(MOVES), {}),
    "pale": (lambda page: page.evaluate(PALE), {}),
}
TICK = "setInterval(() => p.append('x'), 99)"
SPIN = "@keyframes spin { to { rotate: 9deg } } h1 { animation: spin 9s infinite }"
FAULTS = [
    ("size", "font-size: 12px", "font-size: 11px", "writes"),
    ("size", "min-height: 30px", "max-height: 20px", "has a target of"),
    ("size", 'class: "reach", r: 16', 'class: "reach", r: 11', "has a target of 22"),
    ("size", "max-width: 900px", "width: 500px", "pixels too wide"),
    ("size", 'x="${begin - 6}"', 'x="${begin - 60}"', "has text that is cut off: step"),
    ("keyboard", 'role: "slider", tabindex: 0', 'role: "slider"', "never reaches <g class"),
    ("keyboard", "outline: 2.5px solid", "outline: 0 solid", "does not show the focus of"),
    ("keyboard", ".handle:focus-visible .reach", ".nothing", "does not show the focus of <g"),
    ("keyboard", "ArrowUp: [0, 1]", "ArrowUp: [0, 0]", "ArrowUp moves nothing"),
    ("keyboard", "event.preventDefault();\n      nudge", "node.blur();\n      nudge", "loses the"),
    ("touch", "if (when()) event.preventDefault();", "", "handle scrolls"),
    ("touch", "svg {\n", "svg {\n  touch-action: none;\n", "plot does not scroll"),
    ("touch", "drag(x + grip[0], y + grip[1]);", "", "a swipe on a handle does not move it"),
    ("touch", 'event.pointerType === "touch" &&', "false &&", "a swipe on the plot changes it"),
    ("address", "waiting = setTimeout(write, 300);", "", "keeps nothing in the address"),
    ("address", "decode(read(location.hash));", "", "has another picture"),
    ("address", "reset() { decode(begin); }", "reset() {}", "is not as at first after Reset"),
    ("moves", "</main>", f"<p id='p'></p><script>{TICK}</script></main>", "moves by itself"),
    ("moves", "</style>", f"{SPIN}</style>", "has the animation spin"),
    ("pale", "--soft: #48566b", "--soft: #aab", "pale"),
]  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize(("check", "old", "new", "fault"), FAULTS)
def test_each_planted_fault_is_named(chromium, site, tmp_path, check, old, new, fault):
    text = (site / "streams.html").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "streams.html").write_text(text.replace(old, new, 1), encoding="utf-8")
    faults_of, settings = LOOKS[check]
    found = look(chromium, tmp_path, "streams", faults_of, INNER["streams"], **settings)
    assert any(fault in f for f in found), found
