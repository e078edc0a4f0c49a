"""tools/sphinx/predict.py: a prediction is whole, and its page needs no script."""

import re

import pytest
from small_book import SmallBook, words

from tools.book import BOOK
from tools.sphinx import predict

QUESTION = "Which is *longer*, by $t$?"
CONTENT = """\
- [ ] Both
  the same

  They only look it.

  Look again, at $m$.
- [x] The `first`

  It agrees.
- [ ] The second, by √t

  It turns
  round.

Only the first keeps on.

$$ m = 3 $$
"""


def test_the_parts_are_read():
    found = predict.read(QUESTION, CONTENT)
    assert found.question == QUESTION
    assert [answer.words for answer in found.answers] == [
        "Both the same",
        "The `first`",
        "The second, by √t",
    ]
    assert [answer.right for answer in found.answers] == [False, True, False]
    assert [answer.reply for answer in found.answers] == [
        "They only look it.\n\nLook again, at $m$.",
        "It agrees.",
        "It turns\nround.",
    ]
    assert found.explanation == "Only the first keeps on.\n\n$$ m = 3 $$"
    lines = CONTENT.split("\n")
    assert [lines[answer.line].strip() for answer in found.answers] == [
        "They only look it.",
        "It agrees.",
        "It turns",
    ]
    assert lines[found.line] == "Only the first keeps on."


def without(part):
    assert part in CONTENT
    return CONTENT.replace(part, "")


MORE = "".join(f"- [ ] Answer {n}\n\n  Reply.\n" for n in range(2))
FAULTS = {
    "no question": (" ", CONTENT, "write the question after {predict}"),
    "no answer": (QUESTION, "Only the first keeps on.", "2 to 4 answers.*found 0"),
    "one answer": (QUESTION, "- [x] One\n\n  So.\n\nSo.", "found 1"),
    "five answers": (QUESTION, MORE + CONTENT, "found 5"),
    "none is right": (QUESTION, CONTENT.replace("[x]", "[ ]"), "is right.*found 0"),
    "two are right": (QUESTION, CONTENT.replace("[ ] B", "[x] B"), "is right.*found 2"),
    "no reply": (QUESTION, without("  It agrees.\n"), "'The `first`' has no reply"),
    "no last reply": (QUESTION, without("  It turns\n  round.\n"), "√t' has no reply"),
    "a formula": (QUESTION, CONTENT.replace("√t", r"$\sqrt t$"), r"holds a formula.*write √t"),
    "no explanation": (QUESTION, CONTENT.partition("Only")[0], "nothing after the answers"),
    "a text before": (QUESTION, "Well.\n\n" + CONTENT, "found one after 'Well.'"),
    "a reply not indented": (QUESTION, CONTENT.replace("  It a", "It a"), "one after 'It agrees.'"),
    "a text between": (QUESTION, CONTENT.replace("- [ ] The", "So.\n- [ ] The"), "one after 'So.'"),
}


@pytest.mark.parametrize(("question", "content", "fault"), FAULTS.values(), ids=FAULTS)
def test_what_is_missing_is_named(question, content, fault):
    with pytest.raises(ValueError, match=fault):
        predict.read(question, content)


@pytest.fixture
def build(tmp_path):
    book = SmallBook(tmp_path, "tools.sphinx.predict", html_css_files=[])

    def build(question=QUESTION, content=CONTENT, options="", after=""):
        directive = f":::{{predict}} {question}\n{options}{content}:::"
        return book.build(page=f"# A page\n\n{directive}\n\n{after}", other="# Another")

    return build


def test_the_page_needs_no_script(build):
    pages, warnings = build()
    assert warnings == []
    (box,) = pages["page"].select(".predict")
    question = box.select_one(".question")
    assert box["role"] == "group"
    assert box["aria-labelledby"] == question["id"]
    assert words(question).startswith("Which is longer, by")
    assert question.em and question.select(".math")
    assert [words(item) for item in box.select(".answers > li")] == [
        "Both the same",
        "The first",
        "The second, by √t",
    ]
    assert [words(item) for item in box.select(".answers > .right")] == ["The first"]
    assert box.select_one(".verdict[role=status]").get_text() == ""
    fold = box.details
    assert "open" not in fold.attrs
    assert words(fold.summary) == "The answer"
    said = [words(item) for item in fold.select(".replies > li")]
    assert said[1:] == ["The first Right. It agrees.", "The second, by √t Wrong. It turns round."]
    assert said[0].startswith("Both the same Wrong. They only look it. Look again, at")
    assert "Only the first keeps on." in words(fold)
    assert fold.select_one("div.math")


def test_the_script_is_loaded_where_something_is_asked(build):
    pages, _ = build()
    scripts = {name: str(page.find_all("script", src=True)) for name, page in pages.items()}
    assert 'defer="defer" src="../_static/predict.js' in scripts["page"]
    assert "predict.js" not in scripts["other"]


def test_two_predictions_on_a_page_have_two_names(build):
    again = f":::{{predict}} And then?\n{CONTENT}:::"
    pages, warnings = build(after=again)
    assert warnings == []
    named = [box["aria-labelledby"] for box in pages["page"].select(".predict")]
    assert len(set(named)) == 2


def test_a_label_can_be_referred_to(build):
    pages, warnings = build(options=":label: predict-first\n", after="{ref}`there <predict-first>`")
    assert warnings == []
    assert pages["page"].find("a", string="there")["href"] == "#predict-first"
    assert pages["page"].select_one(".predict")["id"] == "predict-first"


def test_a_fault_is_an_error_with_its_place(build):
    _, (error,) = build(content=CONTENT.replace("[x]", "[ ]"))
    assert re.search(r"page\.md:3: ERROR: .*one answer is right.*found 0", error)


def test_a_fault_within_has_its_line(build):
    _, warnings = build(content=CONTENT.replace("It agrees.", "{ref}`nowhere`"))
    assert re.search(r"page\.md:(\d+): WARNING: .*nowhere", warnings[0])[1] == "12"


def test_the_script_is_no_module():
    # A page that is opened as a file may load no modules.
    script = (BOOK / "_static" / "predict.js").read_text("utf-8")
    assert not re.search(r"^\s*(im|ex)port\b", script, re.MULTILINE)
