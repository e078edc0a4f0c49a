"""The directive `predict`: a question with answers to choose from, and the explanation behind it.

    :::{predict} Which of the two deserves the longer step?
    - [ ] Both the same

      The reply to who chooses this.
    - [x] The first

      The reply to the right answer.

    The explanation, for those too who never choose.
    :::

The page holds a list of answers and a <details>. book/_static/predict.js makes buttons of the
answers. Buttons and not radios: the arrow keys would choose, and so tell, while one reads on.
"""

import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

ANSWER = re.compile(r"- \[([ x])\] +(\S.*)")
FEWEST, MOST = 2, 4
SUMMARY = "The answer"


@dataclass(frozen=True)
class Answer:
    words: str
    right: bool
    reply: str
    line: int  # of the reply, counted from 0 at the first line of the directive's content

    @property
    def verdict(self) -> str:
        return "Right." if self.right else "Wrong."


@dataclass(frozen=True)
class Prediction:
    question: str
    answers: list[Answer]
    explanation: str
    line: int  # of the explanation


def read(question: str, text: str) -> Prediction:
    """The parts of a prediction, from the directive's argument and content.

    Raises
    ------
    ValueError
        What is missing, and what to write.
    """
    lines = text.split("\n")
    marked = [bool(ANSWER.fullmatch(line)) for line in lines]
    # The first line that is neither an answer nor part of one.
    flush = (n for n, line in enumerate(lines) if line[:1].strip() and not marked[n])
    end = next(flush, len(lines))
    if any(marked[end:]):
        raise ValueError(f"the answers stand together at the start; found one after {lines[end]!r}")
    starts = [n for n in range(end) if marked[n]]
    answers = [
        read_answer(lines[start:stop], start)
        for start, stop in zip(starts, [*starts[1:], end][: len(starts)], strict=True)
    ]
    if not question.strip():
        raise ValueError("a prediction asks something: write the question after {predict}")
    if not FEWEST <= len(answers) <= MOST:
        raise ValueError(
            f"a prediction begins with {FEWEST} to {MOST} answers, lines that begin with '- [ ] ' "
            f"or '- [x] ', each with its reply indented below; found {len(answers)}"
        )
    right = sum(answer.right for answer in answers)
    if right != 1:
        raise ValueError(f"one answer is right, the one that is marked [x]; found {right}")
    for answer in answers:
        if "$" in answer.words:
            raise ValueError(
                f"the answer {answer.words!r} holds a formula, which is left out when a button is "
                "read aloud: write √t"
            )
        if not answer.reply:
            raise ValueError(
                f"the answer {answer.words!r} has no reply: write one below it, after an empty "
                "line, indented by two spaces"
            )
    explanation = "\n".join(lines[end:]).strip("\n")
    if not explanation:
        raise ValueError("a prediction ends with its explanation; found nothing after the answers")
    return Prediction(question.strip(), answers, explanation, end)


def read_answer(lines: list[str], start: int) -> Answer:
    """An answer from its line and the indented ones below: its first paragraph, then the reply."""
    mark, first = ANSWER.fullmatch(lines[0]).groups()
    inner = [first, *(line.removeprefix("  ") for line in lines[1:])]
    end = inner.index("") if "" in inner else len(inner)
    reply = "\n".join(inner[end:])
    blank = len(reply) - len(reply.lstrip("\n"))
    return Answer(" ".join(inner[:end]), mark == "x", reply.strip("\n"), start + end + blank)


class prediction(nodes.Element):  # noqa: N801 (docutils names nodes so)
    """Question, answers, and the explanation."""


class explanation(nodes.Element):  # noqa: N801
    """What opens when an answer is chosen."""


class Predict(SphinxDirective):
    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = {"label": directives.unchanged_required}  # noqa: RUF012 (docutils asks for a dict)

    def run(self):
        try:
            parts = read("".join(self.arguments), "\n".join(self.content))
        except ValueError as error:
            raise self.error(str(error)) from error
        question = nodes.paragraph("", "", *self.inline(parts.question), classes=["question"])
        question["ids"].append(f"predict-{self.env.new_serialno('predict')}")
        found = prediction("", question, labelled_by=question["ids"][0])
        answers, replies = (nodes.bullet_list(classes=[name]) for name in ("answers", "replies"))
        for answer in parts.answers:
            words = nodes.paragraph("", "", *self.inline(answer.words))
            answers += nodes.list_item("", words, classes=["right"] * answer.right)
            said = nodes.paragraph("", "", *self.inline(answer.words), classes=["said"])
            said += [nodes.Text(" "), nodes.strong("", answer.verdict)]
            item = nodes.list_item("", said)
            self.parse(answer.reply, answer.line, item)
            replies += item
        found += answers
        behind = explanation("", replies)
        self.parse(parts.explanation, parts.line, behind)
        found += behind
        if "label" in self.options:
            self.options["name"] = self.options["label"]
            self.add_name(found)
        return [found]

    def inline(self, text: str):
        return self.state.inline_text(text, self.lineno)[0]

    def parse(self, text: str, line: int, node) -> None:
        block = StringList(text.split("\n"), self.state_machine.document.current_source)
        self.state.nested_parse(block, self.content_offset + line, node)


def visit_prediction(self, node):
    attributes = {"role": "group", "aria-labelledby": node["labelled_by"]}
    self.body.append(self.starttag(node, "div", CLASS="predict", **attributes))
    self.body.append('<p class="label">Predict</p>\n')


def depart_prediction(self, node):
    self.body.append("</div>\n")


def visit_explanation(self, node):
    # Words that come into an element of this role are read aloud, so it is there from the start.
    self.body.append('<div class="verdict" role="status"></div>\n')
    self.body.append(f"<details><summary>{SUMMARY}</summary>\n")


def depart_explanation(self, node):
    self.body.append("</details>\n")


def add_script(app, page, template, context, doctree):
    """Only to the pages that ask something."""
    if doctree and next(doctree.findall(prediction), None):
        app.add_js_file("predict.js", loading_method="defer")


def setup(app):
    app.add_node(prediction, html=(visit_prediction, depart_prediction))
    app.add_node(explanation, html=(visit_explanation, depart_explanation))
    app.add_directive("predict", Predict)
    app.connect("html-page-context", add_script)
    return {
        "parallel_read_safe": True,
        "parallel_write_safe": True,
        # Pages keep what the directive made of them; they are read again when it changes.
        "env_version": zlib.crc32(Path(__file__).read_bytes()),
    }
