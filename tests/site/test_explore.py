"""The explorables: what they compute is what Python computes, and each page stands alone."""

import functools
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from javascript import ThrownError, evaluate, value
from small_book import SmallBook

from adamtut import descend, problems, registry, rules
from adamtut.registry import RULES
from tools.explore import build, posters
from tools.explore.translate import rules_js
from tools.sphinx import explore as directive

LIBRARY = build.shared("lib.js")
SHARED = rules_js() + LIBRARY
PAGES = {name: build.page(name) for name in build.NAMES}
TOLERANCE = 1e-12


def mathematics(name):
    """The part of a page that draws nothing."""
    return re.search(r'<script id="mathematics">(.*?)</script>', PAGES[name], re.DOTALL)[1]


STREAMS, RAVINE = mathematics("streams"), mathematics("ravine")
SPRING = build.shared("spring.js")  # of spring, oscillator and row


def results(script, *expressions):
    """What JavaScript makes of expressions after the shared parts and a page's own."""
    return value(SHARED + script, f"[{', '.join(expressions)}]")


# A check yields expressions, gets their values, and returns what is wrong with them, so that one
# Node serves all planted faults of a page.


def faults_of(check, script):
    running = check()
    return judged(running, value(SHARED + script, as_list(next(running))))


def as_list(expressions):
    return f"[{', '.join(expressions)}]"


def judged(running, found):
    try:
        running.send(found)
    except StopIteration as done:
        return done.value
    raise AssertionError("a check asks once")


def missed(checks, script, faults):
    """Those of the planted faults (right, wrong) that no check notices."""
    asked, jobs = [], []
    for right, wrong in faults:
        assert script.count(right) == 1, right
        for check in checks:
            running = check()
            text = SHARED + script.replace(right, wrong)
            jobs.append((text, as_list(next(running))))
            asked.append(((right, wrong), running))
    noticed = set()
    for (fault, running), found in zip(asked, evaluate(*jobs), strict=True):
        if isinstance(found, ThrownError):
            noticed.add(fault)
            continue
        try:
            wrong = judged(running, found)
        except (KeyError, TypeError, IndexError, ValueError):
            wrong = ["what came back has another form"]
        if wrong:
            noticed.add(fault)
    return [fault for fault in faults if fault not in noticed]


def differs(found, expected, tolerance=TOLERANCE):
    """Whether two arrays differ by more than a share of the largest number."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    if found.shape != expected.shape:
        return True
    largest = max(1e-300, np.abs(expected).max(initial=0.0))
    return not (np.abs(found - expected) <= tolerance * largest).all()


# The library's numbers.


NUMBERS = "number, fixed, ladder, range, nearest, roundest, within, scale, ticks, line, turned"


WRITTEN = [
    ("number(0.05)", "0.05"),
    ("number(-3000)", "−3,000"),
    ("number(2.9e-8, 2)", "2.9 × 10⁻⁸"),
    ("number(1e-8)", "10⁻⁸"),
    ("number(1234567)", "1.23 × 10⁶"),
    ("number(0)", "0"),
    ("number(NaN)", "not a number"),
    ("fixed(-0.052631)", "−0.05"),
    ("fixed(-0.001)", "0.00"),
    ("fixed(3000)", "3,000.00"),
    ("ladder(0.1, 1)", [0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1]),
    ("range(0, 0.3, 0.1)", [0, 0.1, 0.2, 0.3]),
    ("nearest([1, 2, 4], 2.9)", 1),
    ("roundest(3.3)", 3),
    ("roundest(21.9)", 20),
    ("within('0.5', 0, 1)", 0.5),
    ("within('7', 0, 1)", 1),
    ("within('x', 0, 1) === undefined", True),
    ("within('', 0, 1) === undefined", True),
    ("ticks({domain: [0, 60]}, 10)", [0, 10, 20, 30, 40, 50, 60]),
    ("ticks({domain: [-3.3, 3.3]}, 4)", [-2, 0, 2]),
    ("ticks({domain: [1e-6, 10], kind: 'log'}, 4)", [1e-6, 1e-4, 1e-2, 1]),
    ("[0, 1, 4].map(scale([0, 4], [0, 100], 'root'))", [0, 50, 100]),
    ("[0.01, 1, 100].map(scale([0.01, 100], [0, 100], 'log'))", [0, 50, 100]),
    ("scale([0.01, 100], [0, 100], 'log').invert(50)", 1),
    ("line([[0, 1], [2, NaN], [3, 4]])", "M0.0 1.0L3.0 4.0"),
    # What the filter of the book's figures makes of white, and of Adam's vermillion.
    ("turned('#ffffff')", "#121212"),
    ("turned('#d55e00')", "#e37c2c"),
]


def test_numbers_of_the_library():
    expressions = as_list(expression for expression, _ in WRITTEN)
    found = value(SHARED, f"(({{ {NUMBERS} }}) => {expressions})(explore)")
    for (expression, expected), result in zip(WRITTEN, found, strict=True):
        if isinstance(expected, list):
            expected = pytest.approx(expected)
        assert result == expected, expression


def test_normal_numbers_are_normal_and_repeat():
    draw = "(n => Array.from({ length: 4000 }, n))(explore.normals(%d))"
    first, again, other = results("", draw % 1, draw % 1, draw % 2)
    assert first == again != other
    assert abs(np.mean(first)) < 4 / 4000**0.5 and abs(np.std(first) - 1) < 0.05
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.05


def flattened(rule):
    """The settings that are numbers or switches, as the sliders have them: betas are two."""
    for name, default in RULES[rule].defaults.items():
        if isinstance(default, tuple):
            for i, part in enumerate(default, start=1):
                yield f"{name.removesuffix('s')}{i}", part
        elif not callable(default):
            yield name, default


@pytest.mark.parametrize("rule", RULES)
def test_every_setting_of_a_rule_has_a_control_that_holds_its_default(rule):
    found = value(SHARED, f"explore.settings('{rule}')")
    assert [(s["key"], s["start"]) for s in found] == list(flattened(rule))
    for setting in found:
        assert setting["start"] in setting["values"] and setting["values"] == sorted(
            setting["values"]
        )
        assert setting["label"]


def test_settings_are_put_together_as_a_rule_takes_them():
    chosen = "{ beta2: 0.5, eps: 0.1, beta: 0.7 }"
    adam, gd, momentum = results(
        "", *(f"explore.assembled('{rule}', {chosen})" for rule in ("adam", "gd", "momentum"))
    )
    assert adam == {"betas": [0.9, 0.5], "eps": 0.1}
    assert gd == {} and momentum == {"beta": 0.7}


def test_a_control_without_a_label_is_refused():
    methods = "setAttribute() {}, append() {}, addEventListener() {}"
    document = f"var node = {{ {methods} }}, document = {{ createElementNS: () => node }};"
    for control in ("slider", "select", "check", "button", "choice"):
        with pytest.raises(ThrownError, match="a control needs a label"):
            value(document + LIBRARY, f"explore.{control}({{ values: [1], options: {{}} }})")


# Streams.

CORRECTED = {"adam", "adamax", "amsgrad", "nadam", "radam"}
PRESETS = ("agree", "alternate", "noise", "spike", "burst", "hush", "sparse")
PRESETS += ("grow", "rise", "shrink")


def walk(rule, preset, steps=60, options="{}", stream="{}"):
    return f"walk('{rule}', stream('{preset}', {stream}), {steps}, {options})"


def replay(rule, gradients, **settings):
    """Directions and states that the Python rule makes of given gradients."""
    about, state, found = RULES[rule], (), []
    for t, g in enumerate(gradients, start=1):
        d, *state = about.function(g, t, *state, **settings)
        found.append([d, *state])
    return np.array(found)


def lane_faults():
    """Where the lanes of a stream are not what the Python rules make of its gradients."""
    asked = [(rule, preset) for rule in RULES for preset in PRESETS]
    faults = []
    walked = yield [walk(*pair) for pair in asked]
    for (rule, preset), found in zip(asked, walked, strict=True):
        expected = replay(rule, found["g"])
        lanes = [found["d"], *found["states"].values()]
        if len(found["g"]) != 60 or any(map(differs, lanes, expected.T)):
            faults.append((rule, preset))
        if list(found["states"]) != list(RULES[rule].state):
            faults.append((rule, "names"))
        if differs(found["place"], -np.cumsum(expected[:, 0])):
            faults.append((rule, "place"))
    return faults


def test_lanes_are_what_the_rules_make_of_a_stream():
    assert faults_of(lane_faults, STREAMS) == []


def preset_faults():
    drawn = "{ drawn: [1, -2] }"
    found = yield [
        *(f"[1, 2, 11, 20, 25].map(t => stream('{preset}')(t, 0))" for preset in PRESETS),
        f"[1, 2, 3].map(t => stream('own', {drawn})(t, 0))",
        "stream('gutter', { curvature: 60 })(7, -0.05)",
    ]
    expected = {
        "agree": [3, 3, 3, 3, 3],
        "alternate": [3, -3, 3, -3, 3],
        "spike": [1, 1, 1, 20, 1],
        "burst": [2, 2, 12, 2, 2],
        "hush": [2, 2, 12, 0, 0],
        "sparse": [0, 0, 0, 0, 3],
        "grow": [0.3 * 1.05**k for k in (0, 1, 10, 19, 24)],
        "rise": [3 * 1.11 ** (t - 60) for t in (1, 2, 11, 20, 25)],
        "shrink": [3 * 0.95**k for k in (0, 1, 10, 19, 24)],
        "own": [1, -2, 0],
        "gutter": -3.0,
    }
    named = dict(zip([*PRESETS, "own", "gutter"], found, strict=True))
    return [name for name in expected if differs(named[name], expected[name])]


def test_presets_are_what_they_are_called():
    assert faults_of(preset_faults, STREAMS) == []


def test_noise_has_the_signal_and_the_deviation_that_are_said():
    streams = [f"{{ signal: 1.5, seed: {seed} }}" for seed in range(20)]
    found = results(STREAMS, *(walk("gd", "noise", 200, stream=s) for s in streams))
    drawn = np.array([stream["g"] for stream in found])
    assert abs(drawn.mean() - 1.5) < 4 * 3 / drawn.size**0.5
    assert abs(drawn.std() - 3) < 0.1 and (drawn[0] != drawn[1]).all()


def remembered(rule, preset, options="{}"):
    options = f"{{ corrected: true, ...{options} }}"
    return f"memory('{rule}', {walk(rule, preset, 60, options)}, {options})"


def memory_faults():
    """Hand-computed values of the lane in the middle, and of the step."""
    faults = []
    raw = "{ corrected: false }"
    agree, alternate, uncorrected, late, adagrad, momentum, adamax, adadelta = yield [
        f"[{remembered('adam', 'agree')}, {walk('adam', 'agree')}]",
        f"[{remembered('adam', 'alternate')}, {walk('adam', 'alternate')}]",
        f"[{remembered('adam', 'agree', raw)}, {walk('adam', 'agree', 60, raw)}]",
        f"[{remembered('adam', 'noise')}, {walk('adam', 'noise')}]",
        remembered("adagrad", "agree"),
        remembered("momentum", "agree"),
        remembered("adamax", "shrink"),
        remembered("adadelta", "agree"),
    ]
    t = np.arange(1, 61)

    def expect(what, found, expected, tolerance=TOLERANCE):
        if differs(found, expected, tolerance):
            faults.append(what)

    expect("m of 3, 3, 3", agree[0]["mean"]["values"], np.full(60, 3.0))
    expect("v of 3, 3, 3", agree[0]["sizes"][0]["values"], np.full(60, 3.0))
    expect("d of 3, 3, 3", agree[1]["d"], np.ones(60), 1e-8)
    # Of 3, −3, 3: a geometric sum. After an even number it is −1/19 of 3, exactly.
    swing = -((-1.0) ** t) * 0.1 / 1.9 * (1 - (-0.9) ** t) / (1 - 0.9**t)
    expect("m of 3, −3, 3", alternate[0]["mean"]["values"], 3 * swing)
    expect("d of 3, −3, 3", alternate[1]["d"], swing, 1e-8)
    expect("d after 40", alternate[1]["d"][39], -1 / 19, 1e-8)
    expect("uncorrected m", uncorrected[0]["mean"]["values"], 3 * (1 - 0.9**t))
    expect("uncorrected v", uncorrected[0]["sizes"][0]["values"], 3 * np.sqrt(1 - 0.999**t))
    ratio = (1 - 0.9**t) / np.sqrt(1 - 0.999**t)  # from 3.16 to 6.57 in step 12
    expect("uncorrected d", uncorrected[1]["d"], ratio, 1e-6)
    size = np.array(late[0]["sizes"][0]["values"])
    expect("m / v is d", np.array(late[0]["mean"]["values"]) / (size + 1e-8), late[1]["d"])
    expect("AdaGrad's sum", adagrad["sizes"][0]["values"], 3 * np.sqrt(t))
    expect("momentum's sum", momentum["mean"]["values"], 30 * (1 - 0.9**t))
    # The recent largest: 3 shrinks by 0.95 a step, u by 0.999. It is not corrected.
    expect("AdaMax's u", adamax["sizes"][0]["values"], 3 * 0.999 ** (t - 1), 1e-7)
    if [size["name"] for size in adadelta["sizes"]] != ["v"] or "mean" in adadelta:
        faults.append("what Adadelta shows")
    if momentum["sizes"] or adagrad.get("mean"):
        faults.append("what has no size or no mean")
    return faults


def test_the_lane_of_memory_has_the_values_computed_by_hand():
    assert faults_of(memory_faults, STREAMS) == []


def test_uncorrected_means_told_a_late_step():
    found = results(STREAMS, *(f"corrects('{rule}')" for rule in RULES))
    assert {rule for rule, corrects in zip(RULES, found, strict=True) if corrects} == CORRECTED
    asked = sorted(CORRECTED)
    walked = results(STREAMS, *(walk(rule, "noise", 60, "{corrected: false}") for rule in asked))
    for rule, found in zip(asked, walked, strict=True):
        state, expected = tuple(RULES[rule].state.values()), []
        if rule == "nadam":
            state = (0.0, 0.0, 0.0)  # the product of all mu so far is what it divides by
        for g in found["g"]:
            d, *state = RULES[rule].function(g, 10**9, *state)
            expected.append(d)
        assert not differs(found["d"], expected), rule


def test_the_unit_of_the_gradient_divides_out():
    small, large = results(
        STREAMS,
        "walk('adam', t => stream('noise')(t, 0), 60, { settings: { eps: 0 } })",
        "walk('adam', t => 1000 * stream('noise')(t, 0), 60, { settings: { eps: 0 } })",
    )
    assert not differs(large["d"], small["d"])
    assert not differs(large["g"], 1000 * np.array(small["g"]))


def gutter_faults():
    """In the gutter the steps make the gradients."""
    begin = "rate: 0.1, start: 0.05"
    rmsprop, adam, gd = yield [
        walk("rmsprop", "gutter", 400, f"{{ {begin}, begin: {{ v: 9 }} }}"),
        walk("adam", "gutter", 400, f"{{ {begin} }}"),
        walk("gd", "gutter", 400, f"{{ {begin} }}"),
    ]
    faults = []
    for name, found in {"rmsprop": rmsprop, "adam": adam, "gd": gd}.items():
        before = np.array([0.05, *found["place"]])
        if differs(found["g"], 60 * before[:-1]) or differs(
            before[1:], before[:-1] - 0.1 * np.array(found["d"])
        ):
            faults.append(name)
    # RMSProp hops from wall to wall for ever, half a rate to either side; Adam does not.
    if differs(rmsprop["place"], 0.05 * np.tile([-1, 1], 200), 1e-6):
        faults.append("RMSProp's hops")
    if not np.abs(adam["place"][100:]).max() < 0.003:
        faults.append("Adam's damping")
    # Gradient descent at αλ = 6 is thrown out, and the lane ends.
    if len(gd["g"]) != 17 or not np.isfinite(gd["place"]).all():
        faults.append("gd's end")
    return faults


def test_in_a_gutter_rmsprop_hops_for_ever_and_adam_is_damped():
    assert faults_of(gutter_faults, STREAMS) == []


def longest_faults():
    """The bound is what the stream that grows by β₂/β₁ takes at every step, and no other more."""
    pairs = [(0.9, 0.999), (0.9, 0.9), (0.5, 0.25), (0.9, 0.8), (0.0, 0.999)]
    limits, raw, unbounded, scores = yield [
        as_list(f"range(1, 60).map(t => longest(t, {list(pair)}))" for pair in pairs),
        "range(1, 60).map(t => longest(t, [0.9, 0.999], false))",
        "longest(3, [0.5, 0]) === Infinity && longest(3, [0, 0]) === 1",
        "[score([1, -1.5, 0.5], [1, 1.2, 3]), score([], [2])]",
    ]
    faults = []
    for pair, found in zip(pairs, limits, strict=True):
        for t in (1, 2, 30, 60):
            # With β₁ = 0 the stream is next to silence, and then one gradient.
            before = [(pair[0] / pair[1]) ** (t - i) or 1e-100 for i in range(1, t)]
            stream = [*before, 1.0]
            *_, (taken, *_) = replay("adam", stream, betas=pair, eps=0.0)
            if differs([found[t - 1]], [taken], 1e-9):
                faults.append((pair, t, found[t - 1], taken))
    rng = np.random.default_rng(0)
    for _ in range(50):
        wild = rng.standard_cauchy(60) * (rng.random(60) < 0.3)
        wild[0] = 1.0
        taken = np.abs(replay("adam", wild)[:, 0])
        if (taken > np.array(limits[0]) * (1 + 1e-9)).any():
            faults.append("a stream exceeds the bound")
    # Not corrected: B without the factor √(1 − β₂ᵗ)/(1 − β₁ᵗ).
    t = np.arange(1, 61)
    lost = np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    if differs(np.array(raw) * lost, limits[0], 1e-9) or unbounded is not True:
        faults.append("without correction, or without bound")
    if scores != [{"reached": 1.5, "most": 3, "share": 0.5}, {"reached": 0, "most": 2, "share": 0}]:
        faults.append(f"the score {scores}")
    return faults


def test_the_longest_step_is_what_a_growing_stream_takes():
    assert faults_of(longest_faults, STREAMS + "\nconst { range } = explore;") == []


STREAM_FAULTS = [
    ("k < t; k++", "k <= t; k++"),
    ("sum += r ** k", "sum += mean ** k"),
    ("corrected ? 1 - mean ** t : 1", "1"),
    ("corrected ? 1 - size ** t : 1", "1 - size ** t"),
    ("(1 - mean) / share", "1 / share"),
    ("mean && mean ** 2 / size", "mean ** 2 / size"),
    ("Math.max(0, ...steps.map(Math.abs))", "Math.max(0, ...steps)"),
    ("most = Math.max(...possible)", "most = possible[0]"),
    ("1.11 **", "1.1 **"),
    ("t <= steps", "t < steps"),
    ("place = place - rate * d", "place = place - d"),
    ("place = place - rate * d", "place = place + rate * d"),
    ("state = next;", ""),
    ("names.forEach((name, i) => found.states[name].push(state[i]))", "names.reverse()"),
    ("late ? t + LATE : t", "t"),
    ("late ? t + LATE : t", "late ? t + LATE : t + 1"),
    ("hat ? x / ones[name][i] : x", "x"),
    ("root ? values.map(Math.sqrt) : values", "values"),
    ("KINDS[name] !== \"mean\"", "true"),
    ("name !== \"s\" || !names.includes(\"v\")", "true"),
    ("own, ...uncorrected, ...begin", "own, ...uncorrected"),
    ("curvature * place", "curvature"),
    ("t % 2 ? 3 : -3", "t % 2 ? -3 : 3"),
    ("1.05 **", "1.04 **"),
    ("0.95 **", "0.9 **"),
    ("t === 20 ?", "t === 21 ?"),
    ("burst: t => (t === 11", "burst: t => (t === 12"),
    ("t < 11 ? 2 : t === 11 ? 12 : 0", "t < 11 ? 2 : t === 11 ? 12 : 2"),
    ("t % 10 === 5", "t % 10 === 0"),
]  # fmt: skip


@pytest.mark.thorough
def test_a_wrong_stream_is_noticed():
    checks = (lane_faults, preset_faults, memory_faults, gutter_faults, longest_faults)
    script = STREAMS + "\nconst { range } = explore;"
    assert missed(checks, script, STREAM_FAULTS) == []


# Spring.

FORMS = ("momentum", "nesterov", "gd")


@functools.cache
def roots(rule, p, beta):
    """Of z² − bz + c, for a coordinate with αλ = p."""
    if rule == "nesterov":
        return np.roots([1, -(1 + beta) * (1 - p), beta * (1 - p)])
    return np.roots([1, -(1 + beta - p), beta])


def spring_faults():
    """Where roots and regions are not those of numpy.roots."""
    rng = np.random.default_rng(0)
    points = np.stack([4 * rng.random(200), rng.random(200)], axis=1)
    points[:40, 0] *= 0.02  # where a flat coordinate is
    asked = [(rule, p, 0.0 if rule == "gd" else b) for rule in FORMS for p, b in points]
    fates = yield [f"{json.dumps(asked)}.map(([rule, p, b]) => fate(rule, p, b))"]
    faults = []
    for case, found in zip(asked, fates[0], strict=True):
        one, other = sorted(roots(*case), key=abs)
        if abs(other) > 1 + 1e-9:
            kind = "diverges"
        elif abs(other.imag) > 1e-9:
            kind = "swings"
        else:
            kind = "creeps" if other.real > 0 else "bounces"
        if abs(found["modulus"] - abs(other)) > 1e-7 or found["kind"] not in (kind, "border"):
            faults.append((case, kind, found))
        if found["kind"] == "border" and abs(one - other) > 0.01:
            faults.append((case, "is no border"))
    return faults


def test_roots_and_regions_are_those_of_numpy():
    assert faults_of(spring_faults, SPRING) == []


def border_faults():
    """On a border two roots are one, the larger changes its sign, or its modulus is 1."""
    betas = [0.05, 0.3, 0.6, 0.95]
    rules = ("momentum", "nesterov")
    found = yield [
        f"BORDERS['{rule}'].map(p => {json.dumps(betas)}.map(b => p(b)))" for rule in rules
    ]
    faults = []
    for rule, borders in zip(rules, found, strict=True):
        for number, border in enumerate(borders):
            for p, beta in zip(border, betas, strict=True):
                one, other = np.abs(roots(rule, p, beta)) if number == 2 else roots(rule, p, beta)
                away = abs(max(one, other) - 1) if number == 2 else abs(one - other)
                if away > 1e-6:
                    faults.append((rule, number, beta))
    return faults


def test_borders_lie_where_the_roots_change():
    assert faults_of(border_faults, SPRING) == []


@functools.cache
def moved(rule, p, beta):
    settings = {} if rule == "gd" else {"beta": beta}
    return descend(getattr(rules, rule), lambda x: x, 1.0, p, 1000, **settings)


MOTIONS = [
    ("momentum", 0.05, 0.3),
    ("momentum", 1.0, 0.3),
    ("momentum", 2.7, 0.4),
    ("nesterov", 0.05, 0.6),
    ("nesterov", 1.2, 0.2),
    ("gd", 0.05, 0.0),
    ("gd", 1.9, 0.0),
]


def motion_faults():
    asked = [f"'{rule}', {p}, {beta}" for rule, p, beta in MOTIONS]
    paths, arrivals, late, never, tube = yield [
        as_list(f"motion({case}, 80)" for case in asked),
        as_list(f"arrival({case})" for case in asked),
        "arrival('gd', 1e-5, 0)",
        "arrival('gd', 2.1, 0)",
        "bound([1, -0.6, 0.1], 0.5)",
    ]
    faults = []
    for case, path, arrival in zip(MOTIONS, paths, arrivals, strict=True):
        expected = moved(*case)
        if differs(path, expected[:81]):
            faults.append(("path", case))
        if arrival != np.flatnonzero(np.abs(expected) >= 0.01)[-1] + 1:
            faults.append(("arrival", case, arrival))
    if late is not None or never is not None:
        faults.append(("never", late, never))
    if tube != 1.2:  # 0.6 = C · 0.5
        faults.append(("tube", tube))
    return faults


def test_a_coordinate_moves_as_the_rule_moves_it():
    assert faults_of(motion_faults, SPRING) == []


def worst(rule, pair, kappa):
    """The larger moduli of the flat and of the steep coordinate."""
    rates = (pair["aL"] / kappa, pair["aL"])
    return [np.abs(roots(rule, p, pair["beta"])).max() for p in rates]


def best_faults():
    """The pair shrinks both coordinates alike, and no other pair shrinks the worse one faster."""
    kappas = (4, 20, 1000)
    found = yield [as_list(f"best('{rule}', {kappa})" for rule in FORMS) for kappa in kappas]
    faults = []
    for kappa, (momentum, nesterov, gd) in zip(kappas, found, strict=True):
        root = np.sqrt(kappa)
        shrink = (root - 1) / (root + 1)
        if not np.allclose(worst("momentum", momentum, kappa), shrink, rtol=1e-6):
            faults.append(("momentum", kappa))
        if not np.allclose(worst("gd", gd, kappa), (kappa - 1) / (kappa + 1), rtol=1e-12):
            faults.append(("gd", kappa))
        if not np.allclose(worst("nesterov", nesterov, kappa), [1 - 1 / root, 0], atol=1e-6):
            faults.append(("nesterov", kappa))
        rng = np.random.default_rng(kappa)
        for rate, beta in zip(4 * rng.random(200), rng.random(200), strict=True):
            if max(worst("momentum", {"aL": rate, "beta": beta}, kappa)) < shrink - 1e-6:
                faults.append(("a better pair", kappa, rate, beta))
    return faults


def test_the_marked_pair_is_the_best():
    assert faults_of(best_faults, SPRING) == []


TOLD = [
    ("momentum", 0.02, 0.3, "creeps, × 0.971 a step, 1 % after 158 steps"),
    ("momentum", 0.1, 0.94, "swings, × 0.97 a step, 1 % after 148 steps"),
    ("momentum", 0.25, 0.25, "on the border, × 0.5 a step, 1 % after 10 steps"),
    ("gd", 0.995, 0.0, "creeps, × 0.005 a step, 1 % after 1 step"),
    ("gd", 1e-5, 0.0, "creeps, × 1 a step, 1 % not in 5,000 steps"),
    ("momentum", 3.5, 0.6, "diverges, × 1.5 a step"),
]


def told_faults():
    (found,) = yield [as_list(f"told('{rule}', {p}, {beta}).words" for rule, p, beta, _ in TOLD)]
    return [(words, *case) for words, case in zip(found, TOLD, strict=True) if words != case[3]]


def test_what_a_coordinate_does_is_said_in_words():
    assert faults_of(told_faults, SPRING) == []


SPRING_FAULTS = [
    ("heavy ball\", b: (p, beta) => 1 + beta - p", "heavy ball\", b: (p, beta) => 1 - beta - p"),
    ("(1 + beta) * (1 - p), c", "(1 + beta) * (1 + p), c"),
    ("c: (p, beta) => beta * (1 - p)", "c: (p, beta) => beta"),
    ("Math.sqrt(c)", "c"),
    ("Math.abs(b) + Math.sqrt(inside)", "b + Math.sqrt(inside)"),
    ("b > 0 ? \"creeps\" : \"bounces\"", "b > 0 ? \"bounces\" : \"creeps\""),
    ("inside < 0 ? \"swings\"", "inside > 0 ? \"swings\""),
    ("Math.abs(inside) < 1e-5", "Math.abs(inside) < 1"),
    ("b => (1 - Math.sqrt(b)) ** 2", "b => (1 - b) ** 2"),
    ("b => 2 + 2 * b]", "b => 2 + b]"),
    ("((1 - b) / (1 + b)) ** 2", "(1 - b) / (1 + b)"),
    ("(2 + 2 * b) / (1 + 2 * b)", "2 / (1 + 2 * b)"),
    ("2 * kappa / (kappa + 1)", "2"),
    ("aL: 4 * kappa / (1 + root) ** 2", "aL: 4 / (1 + root) ** 2"),
    ("beta: shrink ** 2", "beta: shrink"),
    ("{ aL: 1, beta: shrink }", "{ aL: 1, beta: shrink ** 2 }"),
    ("place = place - p * d", "place = place + p * d"),
    (">= least", "> 0.9"),
    ("last + 1", "last"),
    ("Math.abs(x) < 0.01", "Math.abs(x) < 0.1"),
    ("last < most ?", "true ?"),
    ("modulus ** t", "modulus"),
    ("kind === \"diverges\")", "kind === \"creeps\")"),
    ("steps === 1 ?", "steps === 2 ?"),
    ("border: \"on the border\"", "border: \"swings\""),
]  # fmt: skip


@pytest.mark.thorough
def test_a_wrong_spring_is_noticed():
    checks = (spring_faults, border_faults, motion_faults, best_faults, told_faults)
    assert missed(checks, SPRING, SPRING_FAULTS) == []


# Ravine.

ADDRESSES = [(20, 0), (20, 45), (1000, 30), (1, 0), (3, 90)]


def problem_of(kappa, angle):
    return problems.quadratic([4.0 / kappa, 4.0], np.deg2rad(angle))


def ravine_faults():
    points = np.random.default_rng(0).uniform(-5, 5, size=(50, 2))
    listed = json.dumps(points.tolist())
    *found, turned = yield [
        *(
            f"(({{ value, grad }}, all) => [all.map(value), all.map(grad)])"
            f"(quadratic({kappa}, {angle}), {listed})"
            for kappa, angle in ADDRESSES
        ),
        f"{listed}.map(x => turned(x, 30))",
    ]
    faults = []
    for address, (values, grads) in zip(ADDRESSES, found, strict=True):
        problem = problem_of(*address)
        if differs(values, problem.value(points)) or differs(grads, problem.grad(points)):
            faults.append(address)
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    if differs(turned, points @ np.array([[c, s], [-s, c]])):
        faults.append("turned")
    return faults


def test_the_ravine_is_that_of_the_package():
    assert faults_of(ravine_faults, RAVINE) == []
    point = problems.ravine.start
    (found,) = results(RAVINE, f"quadratic(20, 0).value({point.tolist()})")
    assert found == pytest.approx(float(problems.ravine.value(point)), rel=1e-14)


@functools.cache
def walked(rule, angle, lr, settings):
    """A path of 30 steps by the Python rule, from the start of the ravine, turned with it."""
    turn = np.deg2rad(angle)
    c, s = np.cos(turn), np.sin(turn)
    start = np.array([[c, -s], [s, c]]) @ [-5.0, 2.0]
    return descend(
        getattr(rules, rule), problem_of(20, angle).grad, start, lr, 30, **dict(settings)
    )


# Settings as an address may have them, and each rule at the rate that it begins with.
CASES = [
    ("momentum", 0.3, {"beta": 0.8}),
    ("adam", 0.5, {"betas": (0.5, 0.99), "eps": 0.1}),
    *((rule, None, {}) for rule in RULES),
]


def path_faults():
    def path(rule, angle, lr, settings):
        start = walked("gd", angle, 0.1, ())[0].tolist()
        rate = f"(RATES['{rule}'] ?? best('{rule}', 20)?.lr ?? RATE)" if lr is None else lr
        problem = f"quadratic(20, {angle})"
        ran = f"descend('{rule}', {problem}, {start}, {rate}, 30, {json.dumps(settings)})"
        return f"[{rate}, {ran}]"

    asked = [(rule, angle, lr, own) for angle in (0, 45) for rule, lr, own in CASES]
    *found, lost = yield [
        *(path(*case) for case in asked),
        "descend('gd', quadratic(20, 0), [-5, 2], 1, 200, {})",
    ]
    faults = []
    for (rule, angle, _, own), (rate, path) in zip(asked, found, strict=True):
        # A path feeds its rounding back into itself; of 30 steps it leaves more than this.
        if differs(path, walked(rule, angle, rate, tuple(own.items())), 1e-9):
            faults.append((rule, angle, own))
    if not (len(lost) == 12 and np.abs(lost).max() < 1e6):  # the steep side grows by 3 a step
        faults.append(("lost", len(lost)))
    return faults


def test_paths_are_those_of_the_python_rules():
    assert faults_of(path_faults, RAVINE) == []


def known_faults():
    kappas = (1, 20, 1000)
    found = yield [as_list(f"best('{rule}', {kappa})" for rule in RULES) for kappa in kappas]
    faults = []
    for kappa, settings in zip(kappas, found, strict=True):
        mu, root = 4 / kappa, np.sqrt(kappa)
        shrink = (root - 1) / (root + 1)
        polyak = 4 / (2 + np.sqrt(mu)) ** 2
        expected = {
            "gd": {"lr": 2 / (4 + mu)},
            "momentum": {"lr": polyak, "beta": shrink**2},
            "ema_momentum": {"lr": polyak / (1 - shrink**2), "beta": shrink**2},
            "nesterov": {"lr": 1 / 4, "beta": shrink},
        }
        for rule, setting in zip(RULES, settings, strict=True):
            if setting != (pytest.approx(expected[rule]) if rule in expected else None):
                faults.append((rule, kappa))
    return faults


def test_best_settings_are_those_of_the_formulas():
    assert faults_of(known_faults, RAVINE) == []


def test_at_the_default_address_momentum_wins_clearly():
    settings = "(({ lr, ...own }) => [lr, own])(best('%s', 20))"
    losses = {}
    for rule in ("gd", "momentum", "nesterov"):
        ((lr, own),) = results(RAVINE, settings % rule)
        path = descend(getattr(rules, rule), problems.ravine.grad, (-5.0, 2.0), lr, 30, **own)
        (found,) = results(
            RAVINE,
            f"(p => p.value(descend('{rule}', p, [-5, 2], {lr}, 30, {json.dumps(own)}).at(-1)))"
            "(quadratic(20, 0))",
        )
        losses[rule] = float(problems.ravine.value(path[-1]))
        assert found == pytest.approx(losses[rule], rel=1e-6)
    assert losses["gd"] == pytest.approx(0.0260, rel=0.01)
    assert losses["momentum"] == pytest.approx(2.87e-8, rel=0.01)
    assert losses["momentum"] < losses["nesterov"] < losses["gd"]


def test_a_turned_ravine_is_the_same_for_momentum_and_another_for_adam():
    def ends(rule, lr):
        expression = (
            f"(angle => (p => p.value(descend('{rule}', p, turned([-5, 2], angle), {lr}, 30, {{}})"
            ".at(-1)))(quadratic(20, angle)))(%d)"
        )
        return results(RAVINE, expression % 0, expression % 45)

    straight, turned = ends("momentum", 0.05)
    assert turned == pytest.approx(straight, rel=1e-9)
    straight, turned = ends("adam", 0.3)
    assert abs(turned / straight - 1) > 0.5


RAVINE_FAULTS = [
    ("STEEPEST = 4", "STEEPEST = 3"),
    ("mu * c * c + STEEPEST * s * s", "mu * c * c - STEEPEST * s * s"),
    ("(mu - STEEPEST) * c * s", "(STEEPEST - mu) * c * s"),
    ("2 * xy * x * y", "xy * x * y"),
    ("0.5 * (xx", "(xx"),
    ("[c * x - s * y, s * x + c * y]", "[c * x + s * y, c * y - s * x]"),
    ("x_i - lr * results[i][0]", "x_i + lr * results[i][0]"),
    ("states = results.map(([, ...state]) => state);", ""),
    ("let t = 1; t <= steps", "let t = 0; t < steps"),
    ("Math.abs(x_i) < 1e6", "true"),
    ("gd: { lr: 2 / (L + mu) }", "gd: { lr: 1 / L }"),
    ("polyak.lr / (1 - polyak.beta)", "polyak.lr"),
    ("nesterov: { lr: 1 / L, beta: shrink }", "nesterov: { lr: 1 / L, beta: shrink ** 2 }"),
]


def test_a_wrong_ravine_is_noticed():
    checks = (ravine_faults, path_faults, known_faults)
    assert missed(checks, RAVINE, RAVINE_FAULTS) == []


# The pages.


def own_formulas(text):
    """Names under which a page would hold a rule of its own."""
    return re.findall(r"\b(?:beta1 \*|m_hat|v_hat|1 - beta2)\b", text)


@pytest.mark.parametrize("name", build.NAMES)
def test_no_page_has_a_rule_of_its_own(name):
    own = (build.SOURCES / f"{name}.html").read_text(encoding="utf-8")
    own += SPRING if "spring.js" in own else ""
    assert own_formulas(own + LIBRARY) == []
    assert "adamtut.rules[rule]" in own
    assert own_formulas(PAGES[name]), "the package's rules are in the page as it is built"


REQUESTS = (
    r"https?:(?!//www\.w3\.org/(?:1999/xhtml|2000/svg)\")|url\((?!#)|@import|\bimport\b|fetch\("
    r"|XMLHttpRequest|WebSocket|EventSource|sendBeacon|Worker|new Image"
    r"|<(?:link|base|iframe|object|embed|form)\b"
)


class Elements(HTMLParser):
    """All elements as (tag, attributes, the tags that it stands in)."""

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


def alone_faults(page):
    faults = re.findall(REQUESTS, page, flags=re.IGNORECASE)
    elements = Elements(page).found
    for tag, attributes, _ in elements:
        if attributes.keys() & {"src", "srcset", "href", "action", "data", "poster"}:
            faults.append(f"<{tag}> loads")
    if ("html", {"lang": "en"}, ()) not in elements:
        faults.append("no language")
    if not re.search("<title>[^<]{40,}</title>", page):
        faults.append("no title")
    ids = [attributes["id"] for _, attributes, _ in elements if "id" in attributes]
    faults += [f"id {name} twice" for name in ids if ids.count(name) > 1]
    # Every other control is made by the library, which refuses one without a label.
    labelled = {attributes.get("for") for _, attributes, _ in elements}
    for tag, attributes, inside in elements:
        if tag not in ("input", "select", "textarea", "button"):
            continue
        if "label" not in inside and attributes.get("id") not in labelled:
            faults.append(f"<{tag}> without a label")
    return faults


@pytest.mark.parametrize("name", build.NAMES)
def test_a_page_asks_for_nothing_and_names_its_controls(name):
    assert alone_faults(PAGES[name]) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("</main>", '<img src="a.png"></main>', "<img> loads"),
        ("</main>", '<script src="d3.js"></script></main>', "<script> loads"),
        ("</main>", "<script>fetch('a.json')</script></main>", "fetch("),
        ("</style>", "@import 'a.css'</style>", "@import"),
        ("</style>", "b { background: url(a.png) }</style>", "url("),
        ("</main>", "<script>const a = 'http://a.b'</script></main>", "http:"),
        ("</main>", "<input type='range' id='a'></main>", "<input> without a label"),
        ("</main>", "<p id='main'></p><p id='main'></p></main>", "id main twice"),
        (' lang="en"', "", "no language"),
        ("<title>Streams: what a rule makes of the", "<title>", "no title"),
    ],
)
def test_a_page_that_does_not_stand_alone_is_refused(old, new, fault):
    assert old in PAGES["streams"]
    assert fault in alone_faults(PAGES["streams"].replace(old, new, 1))


def weights():
    return {name: len((build.SOURCES / f"{name}.html").read_bytes()) for name in build.NAMES}


def test_pages_and_shared_parts_are_light():
    for name, weight in weights().items():
        assert weight < 40_000, f"{name}.html has {weight:,} bytes, allowed 40,000"
    shared = sum(len(build.shared(name).encode()) for name in ("lib.js", "lib.css"))
    assert shared < 30_000, f"the library has {shared:,} bytes, allowed 30,000"


def test_the_build_writes_each_page_and_what_frames_it(tmp_path):
    build.build(tmp_path)
    names = {path.name for path in (tmp_path / "explore").iterdir()}
    assert names == {*(f"{name}.html" for name in build.NAMES), "embed.js", "embed.css"}
    for name in build.NAMES:
        page = (tmp_path / "explore" / f"{name}.html").read_text(encoding="utf-8")
        assert page == PAGES[name] and rules_js() in page and LIBRARY in page


def test_scripts_are_javascript():
    scripts = [
        script
        for page in PAGES.values()
        for script in re.findall(r"<script.*?>(.*?)</script>", page, re.DOTALL)
    ]
    scripts.append(build.shared("embed.js"))
    kinds = results("", *(f"typeof new Function({json.dumps(script)})" for script in scripts))
    assert set(kinds) == {"function"}


# The directive.

ALT = "Two streams of gradients, one above the other, and what Adam makes of them."


def written(name="streams", caption="What to *see*.", **options):
    options = {"alt": ALT, "name": "fig-try"} | options
    lines = [f":{key}: {text}" for key, text in options.items() if text is not None]
    return "\n".join([f":::{{explore}} {name}", *lines, caption, ":::"])


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A small book, with a poster for streams without a query and with one."""
    monkeypatch.setattr(posters, "POSTERS", tmp_path / "posters")
    monkeypatch.setattr(directive, "POSTERS", tmp_path / "posters")
    monkeypatch.setattr(directive, "STATIC", tmp_path / "static")
    (tmp_path / "posters").mkdir()
    record = {}
    for use in (posters.Use("streams"), posters.Use("streams", "preset=agree&rule=adam")):
        use.poster.write_bytes((directive.Path(build.BOOK) / "_static/readme.png").read_bytes())
        record[use.slug] = {"digest": "", "wide": 700, "narrow": 1400}
    (tmp_path / "posters" / "posters.json").write_text(json.dumps(record))
    return SmallBook(tmp_path, "tools.sphinx.explore", numfig=True)


def test_an_explorable_is_a_numbered_figure_with_a_poster(book):
    source = f"# A\n\nSee {{numref}}`fig-try`.\n\n{written(query='preset=agree&rule=adam')}"
    pages, warnings = book.build(a=source, b="# B\n\nNothing.")
    assert warnings == []
    figure = pages["a"].find("figure", id="fig-try")
    place = figure.find(class_="explorable")
    assert place["data-src"] == "../_static/explore/streams.html?preset=agree&rule=adam"
    assert place["data-title"].startswith("Interactive picture. Streams")
    assert place["style"] == "--tall: 700px; --tall-narrow: 1400px"
    assert place.img["alt"] == ALT and "preset_agree_rule_adam" in place.img["src"]
    assert figure.figcaption.em.text == "see" and "Fig. 1" in figure.figcaption.text
    assert pages["a"].find("a", href="#fig-try").text == "Fig. 1"
    scripts = {name: str(page.find_all(["script", "link"])) for name, page in pages.items()}
    assert "explore/embed.js" in scripts["a"] and "explore/embed.css" in scripts["a"]
    assert "embed" not in scripts["b"], "a page without explorables is not burdened"
    static = book.folder / "html" / "_static" / "explore"
    assert (static / "streams.html").read_text(encoding="utf-8") == PAGES["streams"]


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (written("stream"), f"no explorable 'stream'; there are {', '.join(build.NAMES)}"),
        (written(query="preset agree"), "the query must be like preset=agree&rule=adam"),
        (written(query="?preset=agree"), "the query must be like preset=agree&rule=adam"),
        (written(alt=None), "alt says what the poster shows, in 40 letters or more, got ''"),
        (written(alt="Streams"), "in 40 letters or more, got 'Streams'"),
        (written(caption=""), "an explorable has a caption"),
        (
            written(query="preset=spike"),
            "streams-preset_spike.png is missing; draw it: python -m tools.explore.posters",
        ),
        (written(size="large"), 'unknown option: "size"'),
    ],
)
def test_a_wrong_directive_says_what_to_do(book, source, fault):
    _, warnings = book.build(a=f"# A\n\n{source}")
    assert fault in "\n".join(warnings).replace("Unknown option keys: ['size']", fault)


def test_a_page_is_read_again_when_its_poster_has_come(book):
    source = {"a": f"# A\n\n{written(query='preset=spike')}"}
    assert "is missing" in book.build(**source)[1][0]
    use = posters.Use("streams", "preset=spike")
    use.poster.write_bytes(posters.Use("streams").poster.read_bytes())
    record = posters.record() | {use.slug: {"digest": "", "wide": 1, "narrow": 2}}
    (posters.POSTERS / "posters.json").write_text(json.dumps(record))
    pages, warnings = book.build()
    assert warnings == [] and pages["a"].find(class_="explorable")


# Posters.


def test_posters_are_there_and_fresh():
    assert posters.faults() == []


def test_posters_are_light_and_not_too_many_colours():
    from PIL import Image

    for path in posters.POSTERS.glob("*.png"):
        assert path.stat().st_size <= posters.HEAVIEST
        with Image.open(path) as image:
            assert image.mode == "P" and image.width == 2 * posters.WIDE


USES = """
Text with :::{explore} in a line.

:::{explore} streams
:name: a
:query: preset=agree&rule=adam
:alt: x
C.
:::

````{explore} spring
:alt: y
C.
````
"""


def test_uses_are_found_in_pages_and_notebooks(tmp_path):
    (tmp_path / "a.md").write_text(USES, encoding="utf-8")
    cells = [
        {"cell_type": "markdown", "source": USES.splitlines(keepends=True)},
        {"cell_type": "code", "source": [":::{explore} ravine\n"]},
    ]
    (tmp_path / "b.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    spring, streams = posters.uses(tmp_path)
    assert spring == posters.Use("spring") and spring.slug == "spring"
    assert streams == posters.Use("streams", "preset=agree&rule=adam")
    assert streams.slug == "streams-preset_agree_rule_adam"
    assert streams.address == "streams.html?preset=agree&rule=adam"


def test_what_is_wrong_with_posters_is_said(book, tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "a.md").write_text(f"{written()}\n\n{written(query='t=3')}", encoding="utf-8")
    command = "run python -m tools.explore.posters"
    assert posters.faults(folder) == [
        f"streams-t_3.png is missing: {command}",
        f"streams.png is older than streams.html or what is in it: {command}",
        f"nothing uses streams-preset_agree_rule_adam.png: {command}",
    ]
    fresh = {"streams": {"digest": posters.Use("streams").digest, "wide": 1, "narrow": 2}}
    (posters.POSTERS / "posters.json").write_text(json.dumps(fresh))
    (folder / "a.md").write_text(written(), encoding="utf-8")
    posters.Use("streams", "preset=agree&rule=adam").poster.unlink()
    assert posters.faults(folder) == []


def test_a_poster_depends_on_query_page_library_and_rules(monkeypatch):
    use = posters.Use("streams")
    found = {use.digest, posters.Use("streams", "t=3").digest, posters.Use("spring").digest}
    shared = build.shared
    for part in ("rules.js", "lib.js", "lib.css"):
        monkeypatch.setattr(build, "shared", lambda n, part=part: shared(n) + "\n" * (n == part))
        found.add(use.digest)
        monkeypatch.setattr(build, "shared", shared)
    assert len(found) == 6


def test_names_and_queries_that_would_clash_are_refused(tmp_path):
    (tmp_path / "a.md").write_text(written("stream"), encoding="utf-8")
    with pytest.raises(ValueError, match="no explorable 'stream'; there are "):
        posters.uses(tmp_path)
    clash = f"{written(query='t=3')}\n\n{written(query='t,3=')}"
    (tmp_path / "a.md").write_text(clash.replace("t,3=", "t&3"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"two queries have the poster streams-t_3\.png"):
        posters.uses(tmp_path)
    one, other = (posters.Use("streams", f"g1={'3,' * 60}{n}") for n in (1, 2))
    assert one.slug != other.slug and len(one.slug) < 80


def test_rules_of_the_registry_are_all_in_the_pages():
    (found,) = results("", "Object.keys(adamtut.about)")
    assert found == list(registry.RULES)
