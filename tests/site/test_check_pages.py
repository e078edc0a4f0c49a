"""tools/check/pages.py: a small site without faults passes, and each planted fault is named."""

import subprocess
import sys

import pytest

from tools.book import ROOT
from tools.check import pages as check_pages

FIRST = """<!DOCTYPE html>
<html lang="en">
<head>
  <title>First</title>
  <link rel="canonical" href="https://example.org/first.html">
  <link rel="stylesheet" href="_static/site.css?v=1">
  <link rel="icon" href="data:image/svg+xml,%3Csvg/%3E">
  <style>.mark { background: url(_static/a%20dot.png) }</style>
  <script>const notLoadedByItself = "https://example.org/later.js";</script>
  <script src="_static/site.js"></script>
</head>
<body>
  <h1 id="top">First</h1>
  <p>It costs $5 here; in code: <code>echo $$</code>.</p>
  <p><a href="#top">top</a> <a href="#">top of all</a> <a href="second.html#h%C3%A9re">second</a>
     <a href="https://example.org/">elsewhere, when clicked</a> <a href="mailto:a@b.c">mail</a></p>
  <span class="katex"><annotation encoding="application/x-tex">\\(x\\)</annotation>x</span>
  <img src="_static/a%20dot.png" srcset="_static/a%20dot.png 2x" alt="A dot"><br>
  <img src="data:image/png;base64,AAAA" alt="">
  <iframe src="second.html"></iframe>
</body>
</html>
"""
SECOND = "<html><head><title>Second</title></head><body><p id='hére'>Here.</p></body></html>"


@pytest.fixture
def site(tmp_path):
    """A site without faults, in a folder whose name has a space."""
    root = tmp_path / "the html"
    (root / "_static").mkdir(parents=True)
    (root / "index.html").write_text(
        '<title>Moved</title><meta http-equiv="Refresh" content="0; url=first.html" />'
    )
    (root / "first.html").write_text(FIRST, encoding="utf-8")
    (root / "second.html").write_text(SECOND, encoding="utf-8")
    (root / "_static" / "webpack-macros.html").write_text("{{ a template, not a page }}")
    (root / "_static" / "site.css").write_text("p { background: url('a dot.png') }")
    (root / "_static" / "site.js").write_text("// nothing")
    (root / "_static" / "a dot.png").write_bytes(b"")
    return root


def test_a_site_without_faults_passes(site):
    assert check_pages.check(site) == []


# What is written in the place of what → what is said about it.
PLANTED = [
    ('src="_static/site.js"', 'src="https://a.b/site.js"', "script loads from elsewhere: https:"),
    ('src="_static/site.js"', 'src="//a.b/site.js"', "script loads from elsewhere: //a.b"),
    ('src="_static/site.js"', 'src="_static/gone.js"', "script loads a missing file"),
    ('href="_static/site.css?v=1"', 'href="HTTP://a.b/c.css"', "link rel=stylesheet loads from"),
    ('"data:image/svg+xml,%3Csvg/%3E"', '"//a.b/icon.png"', "link rel=icon loads from elsewhere"),
    ('rel="canonical"', 'rel="preload"', "link rel=preload loads from elsewhere"),
    ('<img src="_static/a%20dot.png"', '<img src="http://a.b/dot.png"', "img loads from elsewhere"),
    ('<img src="_static/a%20dot.png"', '<img src="_static/no.png"', "img loads a missing file"),
    (
        '<img src="_static/a%20dot.png"',
        '<img src="file:///D:/dot.png"',
        "img loads from elsewhere",
    ),
    ('srcset="_static/a%20dot.png 2x"', 'srcset="https://a.b/dot.png 2x"', "img loads from"),
    ('iframe src="second.html"', 'iframe src="https://a.b/"', "iframe loads from elsewhere"),
    ("url(_static/a%20dot.png)", "url(http://a.b/dot.png)", "style loads from elsewhere"),
    ("<style>", "<style>@import 'https://a.b/c.css';", "style loads from elsewhere"),
    ("<h1 ", '<h1 style="background: url(//a.b/c.png)" ', "style loads from elsewhere"),
    ('href="second.html#h%C3%A9re"', 'href="gone.html"', "link to a missing file: gone.html"),
    ('href="second.html#h%C3%A9re"', 'href="../../etc/hosts"', "link to a missing file"),
    ('href="second.html#h%C3%A9re"', 'href="/second.html"', "link to a missing file"),
    ('href="second.html#h%C3%A9re"', 'href="_static/"', "link to a missing file"),
    ('href="second.html#h%C3%A9re"', 'href="second.html#there"', "link to a missing anchor"),
    ('href="second.html#h%C3%A9re"', 'href="file:///D:/a.html"', "link to a file of one machine"),
    ('href="#top"', 'href="#bottom"', "link to a missing anchor: #bottom"),
    ("<title>First</title>", "", "no title"),
    ("<title>First</title>", "<svg><title>A drawing</title></svg>", "no title"),
    ("<title>First</title>", "<title> </title>", "no title"),
    ("It costs", "$$x^2$$", "mathematics that was not rendered: $$x^2$$"),
    ("It costs", r"Take \(x\)", r"mathematics that was not rendered: \(x\)"),
    ("It costs", r"Take \[x\]", r"mathematics that was not rendered: \[x\]"),
    ("It costs", r"Take $\alpha$", r"mathematics that was not rendered: $\alpha$"),
    ("It costs", "```{prf:algorithm} Adam", "a directive that was not rendered: ```"),
    ("It costs", "See {cite:p}", "a directive that was not rendered: {cite:p}"),
    ("<p>It costs", '<p id="top">It costs', "two elements with the id top"),
    (' alt="A dot"', "", "a picture without alt text"),
    ('alt="A dot"', 'alt="_static/a%20dot.png"', "a picture whose alt text is its file name"),
    ('alt="A dot"', 'alt="a%20dot.png"', "a picture whose alt text is its file name"),
]


@pytest.mark.parametrize(("right", "wrong", "said"), PLANTED)
def test_each_planted_fault_is_named(site, right, wrong, said):
    assert right in FIRST
    (site / "first.html").write_text(FIRST.replace(right, wrong, 1), encoding="utf-8")
    (fault,) = check_pages.check(site)
    assert fault.startswith(f"first.html: {said}")


def test_a_style_sheet_may_not_load_from_elsewhere(site):
    style = site / "_static" / "site.css"
    style.write_text("@font-face { src: url(https://a.b/font.woff2) }", encoding="utf-8")
    assert check_pages.check(site) == [
        "_static/site.css: style loads from elsewhere: https://a.b/font.woff2"
    ]


def test_the_page_that_only_leads_on_must_lead_somewhere(site):
    (site / "first.html").rename(site / "primary.html")
    assert check_pages.check(site) == ["index.html: link to a missing file: first.html"]


def test_every_page_needs_a_title(site):
    (site / "index.html").write_text("<p>Nothing leads on from here.</p>", encoding="utf-8")
    assert check_pages.check(site) == ["index.html: no title"]


def test_the_same_fault_twice_on_a_page_is_told_once(site):
    text = SECOND.replace("Here.", "<a href='no.html'>one</a> <a href='no.html'>two</a>")
    (site / "second.html").write_text(text, encoding="utf-8")
    assert check_pages.check(site) == ["second.html: link to a missing file: no.html"]


def test_a_folder_without_pages_is_no_pass(tmp_path):
    assert "no pages here; build the book first" in check_pages.check(tmp_path)[0]


def test_the_exit_status_tells_and_each_fault_has_a_line(site):
    def run():
        tool = [sys.executable, "-m", check_pages.__name__, site]
        return subprocess.run(tool, cwd=ROOT, capture_output=True, text=True, check=False)

    passed = run()
    assert (passed.returncode, passed.stdout, passed.stderr) == (0, "", "")
    (site / "first.html").write_text(FIRST.replace("<title>First</title>", ""), encoding="utf-8")
    (site / "second.html").write_text("<img>", encoding="utf-8")
    failed = run()
    assert failed.returncode == 1
    assert len(failed.stderr.splitlines()) == 4  # and one for the anchor that is gone
