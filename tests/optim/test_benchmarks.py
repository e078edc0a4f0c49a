"""The benchmark times what it says, its engines do the same, and its stored result is whole."""

import datetime
import importlib.util
import json
import math
import os
import re
import statistics
import subprocess
import sys

import pytest
import torch

from tools.book import ROOT

SCRIPT = ROOT / "benchmarks" / "optimizer_step.py"
STORED = ROOT / "book" / "results" / "optimizer_step.json"
SETTING = ["class", "threads", "tensors", "size"]
TORCH = ["torch fused", "torch foreach", "torch for-loop"]
OURS = ["adamtut eager", "adamtut compiled"]
TURNS = ["torch fused, new gradients", "adamtut compiled, new gradients"]
ENGINES = {*TORCH, *OURS, *TURNS, "NumPy", "copy"}
OPTIMIZERS = {*ENGINES} - {"copy"}


def load_script():
    spec = importlib.util.spec_from_file_location("optimizer_step", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bench = load_script()


def run_script(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name[:4] != "OMP_"}
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=environment)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A run that takes seconds: what it printed and what it wrote."""
    folder = tmp_path_factory.mktemp("bench") / "new" / "folder"
    options = "--quick", "--threads", 1, "--sizes", 10, "--rounds", 3
    done = run_script(*options, "--out", folder)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.iterdir()] == ["optimizer_step.json"]
    return done.stdout, json.loads((folder / "optimizer_step.json").read_text(encoding="utf-8"))


# The engines.


def after_steps(engines, reference, steps=5):
    """The tensors of each engine after some steps with the same, changing gradients."""
    gradients = [p.grad for p in engines[reference][1]]
    for seed in range(steps):
        torch.manual_seed(seed)
        for g in gradients:
            g.normal_()
        for step, _ in engines.values():
            step()
    return {name: torch.cat([torch.as_tensor(x) for x in xs]) for name, (_, xs) in engines.items()}


def assert_same(results, reference, start):
    assert (results[reference] - torch.cat(start)).abs().max() > 0
    for name, result in results.items():
        torch.testing.assert_close(result, results[reference], rtol=0, atol=1e-6, msg=name)


@pytest.mark.parametrize(("tensors", "size", "compiled"), [(1, 10, True), (3, 70_000, False)])
def test_every_engine_makes_the_same_step(tensors, size, compiled):
    engines = bench.adam_engines(tensors, size, compiled=compiled)
    left_out = [name for name in ENGINES if name.startswith("adamtut compiled") and not compiled]
    assert engines.keys() == ENGINES - {*left_out}
    # The gradients of the others that come in turn are copies, which stay as they are.
    optimizers = {name: engines[name] for name in engines.keys() - {"copy", *TURNS}}
    start, _ = bench.random_tensors(tensors, size, "cpu")
    assert_same(after_steps(optimizers, "torch for-loop"), "torch for-loop", start)


@pytest.mark.parametrize("name", bench.CLASSES)
def test_our_class_and_pytorchs_make_the_same_step(name):
    engines = bench.class_engines(name, 2, 5)
    start, _ = bench.random_tensors(2, 5, "cpu")
    assert_same(after_steps(engines, "torch for-loop"), "torch for-loop", start)


def test_engines_are_what_their_names_say():
    engines = bench.adam_engines(1, 10)
    optimizers = {name: getattr(step, "__self__", None) for name, (step, _) in engines.items()}
    how = {name: optimizers[name].defaults for name in [*TORCH, *OURS]}
    assert {name: type(optimizers[name]).__module__ for name in how} == dict.fromkeys(
        TORCH, "torch.optim.adam"
    ) | dict.fromkeys(OURS, "adamtut.optim.classes")
    assert [how[name]["fused"] for name in TORCH] == [True, None, False]
    assert [how[name]["foreach"] for name in TORCH] == [None, True, False]
    assert [how[name]["compile"] for name in OURS] == [False, True]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("tensors", "size"), [(1, 1), (3, 1_001), (2, 50_001)])
def test_the_copy_loop_reads_and_writes_every_element(tensors, size, threads):
    start, gradients = bench.random_tensors(tensors, size, "cpu")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        step, changed = bench.copy_loop(start, gradients)
    finally:
        torch.set_num_threads(before)
    step()
    assert len({a.data_ptr() for a in changed}) == 3 * tensors
    for i, array in enumerate(changed):
        expected = start[i % tensors] + gradients[i % tensors]
        torch.testing.assert_close(array, expected, rtol=0, atol=0)


# The rounds.


class Clock:
    """Time that passes only while an engine makes a step."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def perf_counter(self):
        return self.now

    def engine(self, name, seconds):
        def step():
            self.calls.append(name)
            self.now += seconds

        return step, []


@pytest.fixture
def rounds(monkeypatch):
    """Twenty rounds of three engines, four steps each, and the calls that they made."""
    clock = Clock()
    monkeypatch.setattr(bench, "time", clock)
    engines = {name: clock.engine(name, s) for name, s in [("a", 1.0), ("b", 2.0), ("c", 0.25)]}
    return list(bench.timed(engines, 20, 4, "cpu")), clock.calls


def test_a_round_times_the_steps_of_every_engine(rounds):
    runs, calls = rounds
    assert runs == [{"seed": seed, "a": 1.0, "b": 2.0, "c": 0.25} for seed in range(20)]
    assert len(calls) == 3 * bench.WARM_UP + 20 * 3 * 4


def test_every_engine_is_warm_before_the_first_round(rounds):
    _, calls = rounds
    warm_up = calls[: 3 * bench.WARM_UP]
    assert bench.WARM_UP >= 3 and all(warm_up.count(name) == bench.WARM_UP for name in "abc")


def test_the_order_of_the_engines_changes_from_round_to_round(rounds):
    _, calls = rounds
    timed = calls[3 * bench.WARM_UP :]
    orders = ["".join(timed[i : i + 12 : 4]) for i in range(0, len(timed), 12)]
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
    assert len(set(orders)) == 6


def test_small_steps_are_timed_many_at_a_time():
    assert bench.burst(1, 10) >= 50
    assert bench.burst(1, 10**5) >= 5
    assert [bench.burst(*much) for much in [(1, 10**6), (1, 10**7), (200, 2_500)]] == [1, 1, 1]


# The ratios.


def runs_with(engine, seconds, reference, others=(1.0, 1.0, 1.0), **setting):
    setting = {"class": "Adam", "threads": 1, "tensors": 1, "size": 10} | setting
    return [
        setting | {"seed": i, reference: r, engine: s}
        for i, (s, r) in enumerate(zip(seconds, others, strict=True))
    ]


def test_an_engine_that_takes_twice_as_long_is_half_as_fast():
    runs = runs_with("ours", [2.0, 4.0, 8.0], "theirs")
    assert bench.speed(runs, "ours", "theirs") == [0.1875, 0.25, 0.375]


def test_engines_are_compared_round_by_round():
    """A slow moment of the machine is in both times, and not in their ratio."""
    runs = runs_with("ours", [2.0, 200.0, 4.0], "theirs", [1.0, 100.0, 2.0])
    assert bench.speed(runs, "ours", "theirs") == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("engine", "reference", "tensors", "size", "wanted"),
    [
        ("adamtut eager", "torch for-loop", 1, 10, 1.0),
        ("adamtut eager", "torch for-loop", 1, 10_000, 1.0),
        ("adamtut eager", "torch for-loop", 200, 1, 1.0),
        ("adamtut compiled", "torch fused", 1, 10, 5.0),
        ("adamtut compiled", "torch fused", 1, 1_000_000, 1.3),
        ("adamtut compiled", "torch fused", 1, 10_000_000, 1.0),
        ("adamtut compiled", "torch fused", 200, 2_500, 2.5),
        (TURNS[1], TURNS[0], 1, 10, 2.5),
        (TURNS[1], TURNS[0], 200, 2_500, 1.8),
        (TURNS[1], TURNS[0], 200, 1, 2.5),
    ],
)
def test_a_goal_is_reached_from_its_bound_on(engine, reference, tensors, size, wanted):
    for ours, reached in [(1 / wanted, True), (1 / wanted + 0.01, False)]:
        runs = runs_with(engine, [ours] * 3, reference, tensors=tensors, size=size)
        (goal,) = bench.goals(runs)
        assert (goal["engine"], goal["reference"]) == (engine, reference)
        assert (goal["wanted"], goal["reached"]) == (wanted, reached)
        assert goal["speed"] == pytest.approx(1 / ours, rel=1e-3)


@pytest.mark.parametrize("setting", [{"size": 7}, {"threads": 2}])
def test_no_goal_where_none_was_set(setting):
    runs = runs_with("adamtut compiled", [1.0] * 3, "torch fused", **setting)
    assert list(bench.goals(runs)) == []


def test_new_gradients_make_the_same_steps():
    engines = bench.adam_engines(2, 50)
    same = {"torch fused", "adamtut compiled", *TURNS}
    for _ in range(5):
        for name in same:
            engines[name][0]()
    start, _ = bench.random_tensors(2, 50, "cpu")
    assert_same({name: torch.cat(engines[name][1]) for name in same}, "torch fused", start)


def test_gradients_come_in_turn():
    start, gradients = bench.random_tensors(2, 5, "cpu")
    step, xs = bench.in_turn(torch.optim.Adam, start, gradients)
    seen = []
    for _ in range(4):
        step()
        seen.append([x.grad.data_ptr() for x in xs])
    assert seen[0] == seen[2] != seen[1] == seen[3] and not {*seen[0]} & {*seen[1]}


# The script.


def faults_of(result):
    """What is wrong with a result; nothing, if all is well."""
    fields = ["experiment", "data", "device", "versions", "seeds", "date", "threads"]
    if list(result) != [*fields, "environment", "speeds", "goals", "runs"]:
        return [f"fields {list(result)}"]
    found = []
    if result["experiment"] != "python benchmarks/optimizer_step.py":
        found.append("experiment")
    if set(result["versions"]) != {"adamtut", "numpy", "torch"} or not all(
        result["versions"].values()
    ):
        found.append("versions")
    if result["environment"] != {"OMP_WAIT_POLICY": "not set"}:
        found.append("environment")
    if not (result["data"].strip() and result["device"].strip()):
        found.append("data or device")
    if datetime.date.fromisoformat(result["date"]) > datetime.date.today():
        found.append("date")
    if {run["threads"] for run in result["runs"]} != set(result["threads"]):
        found.append("threads")
    times = [run[name] for run in result["runs"] for name in ENGINES & run.keys()]
    if not all(math.isfinite(t) and t > 0 for t in times):
        found.append("a time that is not positive and finite")
    for run in result["runs"]:
        if not run.keys() >= {*SETTING, "seed", "torch for-loop", "adamtut eager"}:
            found.append(f"incomplete: {run}")
    rounds = settings_of(result)
    if any(seeds != result["seeds"] for seeds in rounds.values()):
        found.append("a setting without all rounds")
    if result["speeds"] != expected_speeds(result["runs"]):
        found.append("speeds that are not those of the times")
    if result["goals"] != list(bench.goals(result["runs"])):
        found.append("goals that are not those of the times")
    return found


def settings_of(result):
    """Setting → the rounds it was run in."""
    rounds = {}
    for run in result["runs"]:
        rounds.setdefault(tuple(run[key] for key in SETTING), []).append(run["seed"])
    return rounds


def expected_speeds(runs):
    """Worked out anew from the times: quartiles of the ratio to PyTorch's fused, or for-loop."""
    settings = {}
    for run in runs:
        settings.setdefault(tuple(run[key] for key in SETTING), []).append(run)
    expected = []
    for setting, group in settings.items():
        reference = "torch fused" if setting[0] == "Adam" else "torch for-loop"
        row = dict(zip(SETTING, setting, strict=True))
        for name in [name for name in group[0] if name in ENGINES]:
            ratios = [run[TURNS[0] if name in TURNS else reference] / run[name] for run in group]
            quartiles = statistics.quantiles(ratios, n=4, method="inclusive")
            row[name] = pytest.approx(quartiles, rel=1e-3)
        expected.append(row)
    return expected


def test_a_tiny_run_is_complete(tiny):
    _, result = tiny
    assert faults_of(result) == []
    assert result["seeds"] == [0, 1, 2] and result["threads"] == [1]
    assert [run["size"] for run in result["runs"][::3]][:3] == [10, 2_500, 1]
    assert {run["class"] for run in result["runs"]} == {*bench.CLASSES}
    for run in result["runs"]:
        if run["class"] == "Adam":
            quick = {"adamtut compiled", TURNS[1]} if run["tensors"] > 1 else set()
            assert run.keys() == {*SETTING, "seed"} | ENGINES - quick


def test_the_printed_ratios_are_the_stored_ones(tiny):
    text, result = tiny
    lines = text.splitlines()
    assert lines[0].startswith("1 thread: times as fast as torch fused")
    assert lines[1].split() == ["10", "200", "x", "2,500", "200", "x", "1"]
    table = {line[:32].strip(): line[32:].split() for line in lines[2:11]}
    adam = [row for row in result["speeds"] if row["class"] == "Adam"]
    for name in ENGINES:
        cells = [re.fullmatch(r"(.+)±(.+)|-", cell) for cell in table[name]]
        assert [row[name][1] if name in row else None for row in adam] == [
            cell[1] and pytest.approx(float(cell[1]), abs=0.00501) for cell in cells
        ]
    goals = [line for line in lines if line.startswith(("reached", "NOT reached"))]
    assert len(goals) == len(result["goals"]) > 0
    for line, goal in zip(goals, result["goals"], strict=True):
        assert line.startswith("reached") == goal["reached"]
        assert f"{goal['engine']} is {goal['speed']:.2f} times as fast" in line


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda r: r["runs"][0].update({"torch fused": 1.0}), "speeds that are not those"),
        (lambda r: r["runs"][0].update({"copy": -1.0}), "a time that is not positive"),
        (lambda r: r["runs"].pop(), "a setting without all rounds"),
        (lambda r: r["goals"][0].update(reached=not r["goals"][0]["reached"]), "goals that are"),
        (lambda r: r["versions"].pop("torch"), "versions"),
        (lambda r: r.pop("device"), "fields"),
        (lambda r: r.update(threads=[1, 2]), "threads"),
    ],
)
def test_a_spoilt_result_is_noticed(tiny, change, fault):
    result = json.loads(json.dumps(tiny[1]))
    change(result)
    assert any(found.startswith(fault) for found in faults_of(result))


def test_the_stored_result_is_complete():
    result = json.loads(STORED.read_text(encoding="utf-8"))
    assert faults_of(result) == []
    assert result["threads"] == [1, 2] and len(result["seeds"]) >= 20
    lists = [*((1, size) for size in bench.SIZES), (200, 2_500), (200, 1)]
    settings = [("Adam", tensors, size) for tensors, size in lists]
    settings += [(name, 200, 1) for name in bench.CLASSES if name != "Adam"]
    assert {*settings_of(result)} == {
        (name, threads, *shape) for threads in (1, 2) for name, *shape in settings
    }
    for run in result["runs"]:
        assert run["class"] != "Adam" or run.keys() == {*SETTING, "seed"} | ENGINES


def test_the_sizes_are_those_that_goals_are_about():
    assert bench.SIZES == [10, 10**3, 10**4, 10**5, 10**6, 10**7]


def test_help_lists_the_options(capsys):
    with pytest.raises(SystemExit) as exit_:
        bench.main(["--help"])
    assert exit_.value.code == 0
    text = capsys.readouterr().out
    for option in ("--quick", "--rounds", "--threads", "--sizes", "--device", "--out"):
        assert option in text


@pytest.mark.parametrize("option", ["rounds", "threads", "sizes"])
def test_numbers_below_one_are_refused(option, capsys):
    with pytest.raises(SystemExit) as exit_:
        bench.main([f"--{option}", "0"])
    assert exit_.value.code == 2
    assert f"--{option} must be 1 or more, got 0" in capsys.readouterr().err
