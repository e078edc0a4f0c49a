"""Each look at a page finds the one thing that is wrong with a small page, and nothing else."""

import time

import pytest
from browsing import (
    AROUND,
    PHONE,
    THIN_OUT,
    accessible_faults,
    faults_of_all_letters,
    faults_of_colours,
    faults_of_structure,
    opened,
    settle,
    unfold,
)
from looks import (
    dark_faults,
    focus_faults,
    offline_faults,
    phone_faults,
    script_free_faults,
    shape_faults,
    strip_faults,
    typesetting_faults,
    wide_formulas,
    width_faults,
)
from playwright.sync_api import Error

from tools.served import Silent, served

pytestmark = pytest.mark.browser

LOOKS = {
    "offline": (offline_faults, {}),
    "script-free": (lambda page: script_free_faults(page, ""), {"java_script_enabled": False}),
    "dark": (lambda page: dark_faults(page, ""), {"color_scheme": "dark"}),
    "phone": (width_faults, {"viewport": PHONE}),
    "finger": (phone_faults, {"viewport": PHONE}),
    "strip": (strip_faults, {}),
    "shape": (lambda page: shape_faults(page, ""), {}),
    "formulas": (wide_formulas, {}),
    "typesetting": (typesetting_faults, {}),
    "focus": (lambda page: focus_faults(page, 2), {}),
}

GOOD = """<!DOCTYPE html><html lang="en"><head><title>A page</title>
<style>body { margin: 0; background: #fff; color: #222 }
.bd-header-article { height: 60px } article { margin-left: 300px; width: 700px }
.katex-html { font-family: KaTeX_Main }
@media (max-width: 600px) { article { margin: 0; width: auto } }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd } }</style></head>
<body><main><div class="bd-header-article"></div><article class="bd-article"><h1>A page</h1>
<nav class="strip"><a href="#">On</a> <span>9 minutes</span></nav>
<p>Thirty words, so that nobody takes it for a blank page: one two three four five six seven eight
nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty.</p>
<span class="katex"><span class="katex-html">x + y + z</span></span> <a href="#">A link</a>
</article></main><footer class="bd-footer-content">Text: CC BY 4.0.</footer></body></html>"""


def faults_of(chromium, folder, text, look):
    (folder / "page.html").write_text(text, encoding="utf-8")
    check, settings = LOOKS[look]
    with opened(chromium, (folder / "page.html").as_uri(), **settings) as page:
        return check(page)


@pytest.mark.parametrize("look", LOOKS)
def test_a_good_page_passes(chromium, tmp_path, look):
    assert faults_of(chromium, tmp_path, GOOD, look) == []


@pytest.mark.thorough
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
            "phone",
            "</p>",
            "<p>a <span class='math'><span class='base' "
            "style='position: relative; top: -30px; left: 90px'>x</span></span>, b</p>",
            "begins a line with a mark: x, b",
        ),
        (
            "finger",
            "</p>",
            f"<pre style='overflow: auto'>{'x' * 99}</pre>",
            "does not show that this scrolls: xxx",
        ),
        (
            "finger",
            "</p>",
            "<table class='stacked'><td>one</table>",
            "in a column of 375",
        ),
        (
            "finger",
            "</p>",
            "<a href='#' style='position: fixed; top: 90vh'>Back to top</a>",
            "has over its text Back to top",
        ),
        (
            "typesetting",
            "</p>",
            f"<details><pre style='overflow: auto'>{'x' * 99}</pre></details>",
            "has code that scrolls: xxx",
        ),
        ("strip", "<h1>", "<h1 style='margin-bottom: -9px'>", "has over its strip <h1"),
        ("strip", "<span>9", "<span style='margin-left: -9px'>9", "has over its strip <a"),
        ("strip", "<span>9", "<span style='margin-left: 999px'>9", "has over its strip <span"),
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
        (
            "shape",
            "</p>",
            "<div class='admonition toggle-hidden' style='height: 90px'>"
            "<b class='admonition-title'>Proof</b></div>",
            "has a fold that holds an empty box open: Proof",
        ),
        ("shape", "</p>", '<i class="fa-solid fa-bars"></i>', "has no icon for fa-solid fa-bars"),
        (
            "formulas",
            "</p>",
            '<div class="katex-display" style="width: 9px; overflow: auto">x+y+z</div>',
            "has a formula wider than its column: x+y+z",
        ),
    ],
)
def test_each_planted_fault_is_named(chromium, tmp_path, look, old, new, fault):
    assert old in GOOD
    if fault == "is blank":
        text = GOOD[: GOOD.index("Thirty")] + GOOD[GOOD.index("</article>") :]
    else:
        text = GOOD.replace(old, new, 1)
    found = faults_of(chromium, tmp_path, text, look)
    assert any(fault in f for f in found), found


class Slow(Silent):
    """Sends pictures after two seconds."""

    def send_head(self):
        time.sleep(2 if self.path.endswith(".svg") else 0)
        return super().send_head()


def test_what_was_on_its_way_when_a_page_was_left_is_not_missing(chromium, tmp_path):
    (tmp_path / "page.html").write_text('<!DOCTYPE html><img src="a.svg"><a href="b.html">On</a>')
    (tmp_path / "b.html").write_text("<!DOCTYPE html>There")
    (tmp_path / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    with served(tmp_path, Slow) as address, opened(chromium, "about:blank") as page:
        page.goto(f"{address}/page.html", wait_until="domcontentloaded")
        page.click("a")
        page.wait_for_url("**/b.html")
        assert [fault for fault in page.faults if "does not get" in fault] == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("color: #222", "color: #bbb", "color-contrast"),
        ("</p>", '<img src="data:,">', "image-alt"),
        ("</p>", "<details><img src='data:,'></details>", "image-alt"),
        ("</p>", '<iframe src="data:text/html,x"></iframe>', "frame-title"),
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
        unfold(page)
        assert any(fault.startswith(rule) for fault in accessible_faults(page, axe))


@pytest.mark.parametrize(
    ("look", "old", "new", "rule"),
    [
        (faults_of_structure, "</p>", '<img src="data:,">', "image-alt"),
        (faults_of_colours, "color: #222", "color: #bbb", "color-contrast"),
        (faults_of_colours, "</style>", "a { text-decoration: none }</style>", "link-in-text"),
    ],
)
def test_half_of_the_rules_name_theirs(chromium, axe, tmp_path, look, old, new, rule):
    text = GOOD.replace(old, new, 1).replace('<a href="#">A', 'Words, then <a href="#">a')
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    with served(tmp_path) as address, opened(chromium, f"{address}/page.html") as page:
        assert any(fault.startswith(rule) for fault in look(page, axe))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("color: #222", "color: #bbb", "pale"),
        ("</p>", '<pre style="overflow: auto; width: 9px">too wide</pre>', "no key scrolls"),
        (
            "</p>",
            '<div class="bd-content"><div class="highlight"><pre style="--ground: #888">x</pre>',
            "shows a shadow",
        ),
    ],
)
def test_every_letter_and_what_scrolls_are_looked_at(chromium, tmp_path, old, new, fault):
    for text, expected in ((GOOD, 0), (GOOD.replace(old, new, 1), 1)):
        (tmp_path / "page.html").write_text(text, encoding="utf-8")
        with opened(chromium, (tmp_path / "page.html").as_uri()) as page:
            found = faults_of_all_letters(page)
            assert bool(found) == expected and all(f.startswith(fault) for f in found)


def test_around_the_text_colours_are_looked_at_too(chromium, axe, tmp_path):
    text = GOOD.replace("</style>", "footer { color: #bbb }</style>")
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    with served(tmp_path) as address, opened(chromium, f"{address}/page.html") as page:
        page.evaluate(THIN_OUT)
        (fault,) = faults_of_colours(page, axe, AROUND)
        assert fault.startswith("color-contrast footer")


PAUSED = "<style>@keyframes f { to { opacity: 0 } } p { animation: f 1s paused }</style><p>A</p>"


def test_what_never_comes_to_rest_is_named(chromium):
    wanted = r"not at rest after 200 ms: it is visible, its animations are paused"
    with (
        opened(chromium, f"data:text/html,{PAUSED}") as page,
        pytest.raises(Error, match=wanted),
    ):
        settle(page, 200)
