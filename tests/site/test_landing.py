"""The front page's parts, the strips of chapters, their pictures, and what trims the styles."""

import json
import math
import re
import types
from pathlib import Path

import matplotlib
import pydata_sphinx_theme
import pytest
import tinycss2
import yaml
from fontTools.ttLib import TTFont
from PIL import Image
from small_book import SmallBook, words

from adamtut import experiments
from tools import book
from tools.sphinx import code_spans, landing, ledger, pictures, previews, trim, way

BOOK = book.read()


def test_the_front_page_counts_statements_as_the_ledger_does():
    verdicts = [
        c["verdict"] for c in yaml.safe_load((book.BOOK / "claims.yml").read_text())["claims"]
    ]
    head, text = landing.on_trial(ledger.read(book.BOOK / "claims.yml"))
    assert head == f"{len(verdicts)} statements on trial"
    for verdict in ("wrong", "contested", "holds"):
        assert f"{verdicts.count(verdict)} {verdict}" in text
    assert sum(int(n) for n in re.findall(r"(\d+) (?!texts)", text)) == len(verdicts)


def test_the_front_page_says_how_far_the_optimizers_are_from_torch(monkeypatch):
    head, _ = landing.equal_to_torch()
    names = {run["optimizer"] for run in experiments.load("torch_equal")["runs"]}
    assert head == f"{len(names)} optimizers equal PyTorch’s" and len(names) >= 10
    runs = [{"optimizer": name, "difference": 1e-15} for name in ("SGD", "Adam", "NAdam")]
    runs.append({"optimizer": "Adam", "difference": 0.034})
    stored = {"data": "streams", "seeds": [0, 1], "runs": runs}
    monkeypatch.setattr(experiments, "load", lambda name: stored)
    head, text = landing.equal_to_torch()
    assert head == "3 optimizers equal PyTorch’s"
    assert "2 seeds" in text and "by 3 · 10⁻² at most" in text and "1 · 10⁻¹⁵" in text


def test_equal_means_equal():
    """The claim of the card, as a test: no optimizer is off by more than rounding adds up to."""
    for run in experiments.load("torch_equal")["runs"]:
        limit = 1e-8 if run["optimizer"] == landing.SINGLE else 1e-12
        assert run["difference"] < limit, run


@pytest.mark.parametrize("name", ["README.md", "index.md"])
def test_the_digits_that_texts_promise_are_those_that_agree(name):
    digits = {}
    for run in experiments.load("torch_equal")["runs"]:
        single = run["optimizer"] == landing.SINGLE
        agreed = math.floor(-math.log10(run["difference"])) if run["difference"] else 16
        digits[single] = min(agreed, digits.get(single, 16))
    text = " ".join((book.ROOT / name).read_text(encoding="utf-8").split())
    promised = re.search(r"to (\w+) digits[,(\s]+NAdam to (\w+)", text)
    words = {8: "eight", 9: "nine", 11: "eleven", 12: "twelve", 13: "thirteen"}
    assert promised.groups() == (words[digits[False]], words[digits[True]])


def test_the_front_page_counts_stored_runs():
    results = [json.loads(p.read_text()) for p in (book.BOOK / "results").glob("*.json")]
    several = [result for result in results if len(result["seeds"]) > 1]
    head, text = landing.stored_runs()
    assert head == f"{sum(len(result['runs']) for result in several):,} training runs"
    assert f"In {len(several)} stored experiments" in text
    assert f"fewer than {min(len(result['seeds']) for result in several)} seeds" in text


def test_every_chapter_has_a_card_with_question_and_minutes():
    for chapter in BOOK.chapters:
        card = landing.chapter_card(chapter)
        assert f'href="{chapter.docname}.html"' in card
        assert f"<small>{chapter.minutes} minutes</small>" in card
    assert "How far can one step of Adam go" in landing.chapter_card(BOOK.page("book/07_step_size"))


def cell(kind, source, *tags):
    return {"cell_type": kind, "source": source, "metadata": {"tags": list(tags)}}


def test_minutes_are_those_of_what_is_read():
    words = "word " * 400
    assert book.reading_minutes([cell("markdown", words)]) == 2
    assert book.reading_minutes([cell("markdown", words), cell("code", "x\n" * 500, "check")]) == 2
    assert book.reading_minutes([cell("markdown", words), cell("code", "x\n" * 50)]) == 4
    assert book.reading_minutes([cell("markdown", words + "$$\na b c\n$$\n" * 6)]) == 3
    exercises = cell("markdown", f"{words}\n\n## Exercises\n\n{words}")
    assert book.reading_minutes([exercises, cell("markdown", words)]) == 2
    assert book.reading_minutes([cell("markdown", f":::{{note}}\n:name: {words}\nHello\n:::")]) == 1


def test_a_strip_names_both_neighbours():
    first, *_, last = BOOK.chapters
    text = way.strip(first, BOOK)
    assert f'<a rel="prev" href="../index.html">‹ {BOOK.title}</a>' in text
    assert f'href="{BOOK.chapters[1].name}.html">{BOOK.chapters[1].heading} ›</a>' in text
    assert f"{first.minutes} minutes to read" in text
    assert "questions.html" in way.strip(last, BOOK)


def test_a_chapter_ends_with_the_pages_by_symptom():
    text = way.look_up(BOOK.chapters[0], BOOK)
    assert '<a href="questions.html">Your question</a>' in text
    assert '<a href="conventions.html">Defaults and conventions</a>' in text


def test_pictures_have_their_sizes(tmp_path):
    for page in [BOOK.pages[0], BOOK.page("book/05_adam"), BOOK.page("book/06_bias_correction")]:
        assert pictures.preview(page).size == (1200, 630)
        assert pictures.card(page).size == pictures.CARD
    pictures.save(pictures.preview(BOOK.pages[0]), tmp_path / "a" / "b.png")
    with Image.open(tmp_path / "a" / "b.png") as saved:
        assert saved.size == (1200, 630)
    assert (tmp_path / "a" / "b.png").stat().st_size < 100_000


@pytest.mark.parametrize("size", [(800, 200), (200, 800)])
def test_nothing_of_a_picture_is_cut(size):
    ground = pictures.fitted(Image.new("RGB", size, "black"), (400, 275))
    dark = ground.convert("L").point(lambda light: 255 * (light < 128)).getbbox()
    width, height = dark[2] - dark[0], dark[3] - dark[1]
    assert ground.size == (400, 275) and width / height == pytest.approx(
        size[0] / size[1], rel=0.01
    )
    assert width == 400 or height == 275


def test_a_preview_is_of_its_own_page():
    adam, front = pictures.preview(BOOK.page("book/05_adam")), pictures.preview(BOOK.pages[0])
    assert adam.tobytes() != front.tobytes()
    assert previews.address("book/05_adam") == "_static/previews/05_adam.png"
    assert previews.address("search") == previews.address("index")


def test_a_chapter_without_a_picture_is_named(tmp_path, monkeypatch):
    (tmp_path / "bare.ipynb").write_text(json.dumps({"cells": [cell("markdown", "Hello")]}))
    monkeypatch.setattr(pictures, "ROOT", tmp_path)
    with pytest.raises(ValueError, match=r"bare\.ipynb: no picture for its card"):
        pictures.first_picture(book.Page("bare.ipynb", "Bare", "1"))


KNOWN = trim.Names(frozenset({"used", "kept"}), ("bs-",))


@pytest.mark.parametrize(
    ("css", "kept"),
    [
        (".used{a:b}", ".used{a:b}"),
        (".gone{a:b}", ""),
        (".used .gone, p .kept{a:b}", "p .kept{a:b}"),
        (".bs-tooltip-auto{a:b}", ".bs-tooltip-auto{a:b}"),
        ("p:not(.gone){a:b}", "p:not(.gone){a:b}"),
        (".used:is(.gone, .kept){a:b}", ".used:is(.gone, .kept){a:b}"),
        (":root{--x:1}", ":root{--x:1}"),
        ("@media print{.gone{a:b}}", ""),
        ("@media print{.gone{a:b}.used{a:b}}", "@media print{.used{a:b}\n}"),
        ("@font-face{src:url(a.woff2)}", "@font-face{src:url(a.woff2)}"),
        ("@keyframes spin{0%{a:b}}", "@keyframes spin{0%{a:b}}"),
    ],
)
def test_only_rules_that_cannot_apply_are_cut(css, kept):
    assert trim.trimmed(tinycss2.parse_stylesheet(css), KNOWN).strip() == kept


def test_names_are_words_of_pages_and_stems_of_scripts(tmp_path):
    (tmp_path / "a.html").write_text('<p class="used other-one">')
    (tmp_path / "a.js").write_text("e.classList.add(`bs-${name}`, 'toggle-' + kind, 'shown')")
    found = trim.names(tmp_path)
    for name in ("used", "other-one", "shown", "bs-anything", "toggle-left"):
        assert found.have(name), name
    assert not found.have("gone")


def glyphs(font):
    return set(TTFont(font).getBestCmap())


def test_a_build_keeps_the_icons_that_are_asked_for(tmp_path):
    vendor = Path(pydata_sphinx_theme.__file__).parent
    [font] = vendor.rglob("webfonts/fa-solid-900.ttf")
    [style] = vendor.rglob("fontawesome/*/css/all.min.css")
    folder = tmp_path / "fa"
    for path, name in (
        (font, "webfonts"),
        (font.with_suffix(".woff2"), "webfonts"),
        (style, "css"),
    ):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / path.name).write_bytes(path.read_bytes())
    (tmp_path / "a.html").write_text('<i class="fa-solid fa-list">')
    app = types.SimpleNamespace(outdir=tmp_path, builder=types.SimpleNamespace(format="html"))
    trim.trim(app, None)
    css = (folder / "css" / "all.min.css").read_text(encoding="utf-8")
    assert "fa-list" in css and "fa-bell" not in css
    assert 'fa-solid-900.woff2) format("woff2")' in css and ".ttf" not in css
    assert [path.name for path in (folder / "webfonts").iterdir()] == ["fa-solid-900.woff2"]
    assert glyphs(folder / "webfonts" / "fa-solid-900.woff2") == {0xF03A}


def test_a_build_keeps_the_letters_of_formulas_that_some_page_has(tmp_path):
    font = TTFont(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "cmr10.ttf")
    font.flavor = "woff2"
    (tmp_path / "fonts").mkdir()
    font.save(tmp_path / "fonts" / "KaTeX_Main-Regular.woff2")
    (tmp_path / "a.html").write_text("<i>a&lt;&#x393;</i>", encoding="utf-8")
    app = types.SimpleNamespace(outdir=tmp_path, builder=types.SimpleNamespace(format="html"))
    trim.trim(app, None)
    left = glyphs(tmp_path / "fonts" / "KaTeX_Main-Regular.woff2")
    assert ord("<") in left and ord("a") in left and ord("b") not in left


CSS = """
html[data-theme="light"] .highlight { background: #fefefe; color: #080808 }
html[data-theme="light"] .highlight .k { color: #6730C5 }
html[data-theme="light"] .highlight .n { color: #080808 }
html[data-theme="light"] .highlight .o { color: #080808 }
html[data-theme="dark"] .highlight { background: #2b2b2b; color: #F8F8F2 }
html[data-theme="dark"] .highlight .n { color: #f8f8f2 }
html[data-theme="dark"] .highlight .o { color: #ABE338 }
"""


def test_only_what_has_no_colour_of_its_own_loses_its_mark():
    names = code_spans.plain_classes(CSS)
    code = '<span class="k">if</span> <span class="n">x</span><span class="o">+</span>'
    assert code_spans.without(code, names) == code.replace('<span class="n">x</span>', "x")
    formula = '<span class="mord n">x</span>'
    assert code_spans.without(formula, names) == formula
    with pytest.raises(ValueError, match="expected rules"):
        code_spans.plain_classes("")


def test_a_tally_counts_and_knows_the_verdicts(tmp_path):
    small = SmallBook(tmp_path, "tools.sphinx.landing")
    count = [c.verdict for c in ledger.read(book.BOOK / "claims.yml")].count("wrong")
    pages, warnings = small.build(a="# A\n\nThere are {tally}`wrong` of them.\n")
    assert warnings == [] and f"There are {count} of them." in words(pages["a"])
    _, warnings = small.build(a="# A\n\nThere are {tally}`silly` of them.\n")
    assert "got 'silly'" in " ".join(warnings)
