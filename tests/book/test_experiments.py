"""The runner of experiments, and the results that it has stored."""

import datetime
import json
import math
import os
import re
import subprocess
import sys
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

import adamtut
from adamtut import descend, rules
from adamtut.experiments import adam_bias, interval, load, provenance, runner, zipf_words
from adamtut.experiments.correction_elsewhere import Classifier
from adamtut.experiments.decay_valley import Networks
from adamtut.experiments.vae_correction import ACTIVATIONS, Autoencoder
from tools.book import BOOK

RESULTS = BOOK / "results"
BENCHMARKS = {"optimizer_step"}  # written by a script of its own; see test_benchmarks.py
STORED = sorted({path.stem for path in RESULTS.glob("*.json")} - BENCHMARKS)
every_result = pytest.mark.parametrize("name", STORED)
# No chance in them, so one run says it all: signatures of installed libraries, and fixed streams.
DETERMINISTIC = {"framework_defaults", "conventions"}

SETTINGS = [{"rule": "gd", "lr": 0.1}, {"rule": "adam", "lr": 0.01}]


class Measure:
    """Counts its calls, and is interrupted at one of them."""

    def __init__(self, fails_at=None):
        self.calls, self.fails_at = [], fails_at

    def __call__(self, rule, lr, seed, device, data):
        if len(self.calls) + 1 == self.fails_at:
            raise KeyboardInterrupt
        self.calls.append((rule, seed, device, data))
        return {"loss": lr * (seed + 1)}


ALL = [(rule, seed) for rule in ("gd", "adam") for seed in (0, 1)]


def trial(measure, seeds=2, **options):
    return partial(runner.run, "trial", measure, SETTINGS, seeds=seeds, data="nothing", **options)


def run(folder, measure, *arguments, **options):
    return runner.main(trial(measure, **options), ["--out", str(folder), *arguments])


def interrupted(folder, fails_at=3, *arguments):
    """Run until `measure` is called for the third time; the first two runs are kept."""
    with pytest.raises(KeyboardInterrupt):
        run(folder, Measure(fails_at), *arguments)
    assert not (folder / "trial.json").exists()
    return folder / "trial.partial.jsonl"


def test_a_result_says_what_was_measured(tmp_path):
    before = datetime.date.today()
    path = run(tmp_path / "new" / "folder", Measure(), libraries=("numpy", "matplotlib"))
    result = json.loads(path.read_text(encoding="utf-8"))
    assert path == tmp_path / "new" / "folder" / "trial.json"
    assert list(result) == [
        *("experiment", "data", "device", "versions", "seeds", "date", "runs"),
    ]
    assert result["experiment"] == "python -m adamtut.experiments.trial"
    assert result["data"] == "nothing"
    assert str(os.cpu_count()) in result["device"]
    assert result["versions"] == {
        "adamtut": adamtut.__version__,
        "numpy": np.__version__,
        "matplotlib": version("matplotlib"),
    }
    assert result["seeds"] == [0, 1]
    assert before <= datetime.date.fromisoformat(result["date"]) <= datetime.date.today()
    assert result["runs"] == [
        setting | {"seed": seed, "loss": setting["lr"] * (seed + 1)}
        for setting in SETTINGS
        for seed in (0, 1)
    ]
    assert [p.name for p in path.parent.iterdir()] == ["trial.json"]


def test_a_result_has_one_run_a_line(tmp_path):
    lines = run(tmp_path, Measure()).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line.rstrip(","))["seed"] for line in lines if '"loss"' in line] == [
        *(0, 1, 0, 1)
    ]


def test_device_data_and_seeds_reach_the_measurement(tmp_path):
    measure = Measure()
    path = run(tmp_path, measure, "--data", "elsewhere", "--seeds", "3")
    assert measure.calls[0] == ("gd", 0, "cpu", "elsewhere")
    assert len(measure.calls) == 6
    assert json.loads(path.read_text(encoding="utf-8"))["seeds"] == [0, 1, 2]


def test_an_interrupted_experiment_goes_on_where_it_stopped(tmp_path):
    interrupted(tmp_path)
    second = Measure()
    path = run(tmp_path, second)
    assert [call[:2] for call in second.calls] == ALL[2:]
    uninterrupted = run(tmp_path / "other", Measure())
    assert path.read_text(encoding="utf-8") == uninterrupted.read_text(encoding="utf-8")
    assert [p.name for p in tmp_path.glob("trial*")] == ["trial.json"]


def test_an_experiment_may_be_interrupted_twice(tmp_path):
    interrupted(tmp_path)
    interrupted(tmp_path, fails_at=2)
    third = Measure()
    run(tmp_path, third)
    assert [call[:2] for call in third.calls] == ALL[3:]


def test_a_finished_experiment_starts_anew(tmp_path):
    run(tmp_path, Measure())
    second = Measure()
    run(tmp_path, second)
    assert len(second.calls) == 4


def test_more_seeds_keep_the_runs_that_are_there(tmp_path):
    interrupted(tmp_path)
    second = Measure()
    run(tmp_path, second, seeds=3)
    assert [call[:2] for call in second.calls] == [("gd", 2), *(("adam", s) for s in range(3))]


@pytest.mark.parametrize("kept", [1, 10, -1], ids=["one byte", "some bytes", "all but the end"])
def test_a_line_that_was_half_written_is_measured_anew(tmp_path, kept):
    partial = interrupted(tmp_path)
    head, first, second = partial.read_text(encoding="utf-8").splitlines(keepends=True)
    partial.write_text(head + first + second[:kept], encoding="utf-8")
    measure = Measure()
    path = run(tmp_path, measure)
    assert [call[:2] for call in measure.calls] == ALL[1:]
    assert len(json.loads(path.read_text(encoding="utf-8"))["runs"]) == 4


def test_the_rest_of_a_half_written_line_does_not_spoil_a_later_resume(tmp_path):
    partial = interrupted(tmp_path)
    with partial.open("a", encoding="utf-8") as file:
        file.write('["{\\"lr\\"')
    interrupted(tmp_path, fails_at=2)
    measure = Measure()
    run(tmp_path, measure)
    assert [call[:2] for call in measure.calls] == ALL[3:]


@pytest.mark.parametrize("text", ["", '{"dev', "nonsense\n", "\n\n"])
def test_a_spoilt_beginning_is_started_anew(tmp_path, text):
    (tmp_path / "trial.partial.jsonl").write_text(text, encoding="utf-8")
    measure = Measure()
    run(tmp_path, measure)
    assert len(measure.calls) == 4


@pytest.mark.parametrize("changed", [["--data", "elsewhere"], ["--device", "cuda"]])
def test_runs_under_other_circumstances_are_not_mixed(tmp_path, changed, monkeypatch):
    monkeypatch.setattr(runner, "_device", str)
    interrupted(tmp_path)
    measure = Measure()
    path = run(tmp_path, measure, *changed)
    assert [call[:2] for call in measure.calls] == ALL
    assert json.loads(path.read_text(encoding="utf-8"))["device"] == measure.calls[0][2]


def test_runs_of_another_version_are_not_mixed(tmp_path, monkeypatch):
    interrupted(tmp_path)
    monkeypatch.setattr(runner, "version", lambda library: "99.0")
    measure = Measure()
    run(tmp_path, measure)
    assert [call[:2] for call in measure.calls] == ALL


# Runs that end badly.


def stored_runs(path):
    return json.loads(path.read_text(encoding="utf-8"))["runs"]


def test_one_diverging_run_does_not_stop_a_sweep(tmp_path, capsys):
    def measure(rule, lr, seed, device, data):
        if rule == "gd" and seed == 1:
            with np.errstate(over="ignore"):
                descend(rules.gd, lambda x: x, [1.0], 1e100, 10)
        return {"loss": lr}

    path = run(tmp_path, measure)
    good, bad, *others = stored_runs(path)
    assert good == SETTINGS[0] | {"seed": 0, "loss": 0.1}
    assert bad.pop("failed").startswith("FloatingPointError: x after step 4 is not finite")
    assert bad == SETTINGS[0] | {"seed": 1}
    assert [r["loss"] for r in others] == [0.01, 0.01]
    assert f"1 of 4 runs ended badly; see `failed` in {path}" in capsys.readouterr().err


@pytest.mark.parametrize("error", [OverflowError, ZeroDivisionError, np.linalg.LinAlgError])
def test_a_run_that_arithmetic_ended_is_a_result(tmp_path, error):
    def measure(**setting):
        raise error("what happened")

    assert {r["failed"] for r in stored_runs(run(tmp_path, measure))} == {
        f"{error.__name__}: what happened"
    }


def test_numbers_that_are_not_finite_have_none_in_their_place(tmp_path):
    measured = {"loss": math.nan, "curve": [1.0, -math.inf, (2, np.inf)], "steps": 3, "text": "NaN"}
    for found in stored_runs(run(tmp_path, lambda **setting: measured)):
        assert found["failed"] == "loss is NaN, curve is -Infinity"
        assert found["loss"] is None and found["curve"] == [1.0, None, [2, None]]
        assert found["steps"] == 3 and found["text"] == "NaN"
    np.testing.assert_array_equal(np.array(found["curve"][:2], dtype=float), [1.0, np.nan])


def test_a_run_that_ended_badly_is_not_made_again(tmp_path):
    calls = []

    def measure(rule, lr, seed, device, data):
        calls.append((rule, seed))
        if len(calls) == 3:
            raise KeyboardInterrupt
        raise FloatingPointError("diverged")

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, measure)
    run(tmp_path, measure)
    assert calls == [*ALL[:3], *ALL[2:]]


@pytest.mark.parametrize(
    ("returned", "error", "said"),
    [
        (None, TypeError, "measure must return a dict, got None"),
        ({"loss": np.float32(1.0)}, TypeError, "float32 is not JSON serializable"),
        (KeyError("loss"), KeyError, "loss"),
    ],
)
def test_an_error_in_the_code_ends_the_experiment_and_names_the_run(
    tmp_path, returned, error, said
):
    def measure(rule, lr, seed, device, data):
        if rule == "adam":
            if isinstance(returned, Exception):
                raise returned
            return returned
        return {"loss": 1.0}

    with pytest.raises(error, match=said) as caught:
        run(tmp_path, measure)
    (note,) = caught.value.__notes__
    assert note == (
        "This was the run {'rule': 'adam', 'lr': 0.01, 'seed': 0}. The runs before it are kept."
    )
    assert len((tmp_path / "trial.partial.jsonl").read_text(encoding="utf-8").splitlines()) == 3


def test_settings_that_json_cannot_hold_are_named_before_the_first_run(tmp_path):
    measure = Measure()
    with pytest.raises(TypeError, match=r"settings must hold what JSON can, got .*int64\(3\)"):
        runner.run("trial", measure, [{"n": np.int64(3)}], seeds=2, data="nothing", out=tmp_path)
    assert measure.calls == []


# From code, a notebook for instance.


def test_an_experiment_is_called_from_code_and_ignores_the_command_line(tmp_path, monkeypatch):
    """A kernel's arguments are `-f connection.json`; argparse ends the process at them."""
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "kernel.json"])
    measure = Measure()
    path = trial(measure)(seeds=1, folder=Path("there"), out=tmp_path)
    assert measure.calls == [("gd", 0, "cpu", "there"), ("adam", 0, "cpu", "there")]
    by_command = run(tmp_path / "other", Measure(), "--seeds", "1", "--data", "there")
    assert path.read_text(encoding="utf-8") == by_command.read_text(encoding="utf-8")


EXPERIMENT = """
from functools import partial
from adamtut.experiments import runner

def measure(lr, seed, device, data):
    return {"loss": lr + seed}

run = partial(runner.run, "own", measure, [{"lr": 0.5}], seeds=2, data="nothing")

if __name__ == "__main__":
    runner.main(run)
"""


def test_a_module_is_called_from_code_and_by_its_name(tmp_path):
    (tmp_path / "own.py").write_text(EXPERIMENT, encoding="utf-8")
    for command in (
        ["-m", "own", "--out", "named"],
        ["-c", "import own; own.run(out='called')", "-f", "kernel.json"],
    ):
        subprocess.run([sys.executable, *command], cwd=tmp_path, check=True)
    named, called = (stored_runs(tmp_path / out / "own.json") for out in ("named", "called"))
    assert called == named == [{"lr": 0.5, "seed": seed, "loss": 0.5 + seed} for seed in (0, 1)]


@pytest.mark.parametrize("seeds", [0, -1, 2.0, True])
def test_no_seeds_are_refused_from_code_too(tmp_path, seeds):
    with pytest.raises(ValueError, match="seeds must be a whole number of 1 or more, got "):
        trial(Measure())(seeds=seeds, out=tmp_path)


def test_a_device_that_is_not_there_is_refused_before_the_first_run(tmp_path):
    pytest.importorskip("torch")
    measure = Measure()
    with pytest.raises(RuntimeError, match="gpu"):
        trial(measure)(device="gpu", out=tmp_path)
    assert measure.calls == []


def test_the_same_circumstances_go_on(tmp_path):
    interrupted(tmp_path, 3, "--data", "elsewhere")
    measure = Measure()
    run(tmp_path, measure, "--data", "elsewhere")
    assert len(measure.calls) == 2


@pytest.mark.parametrize("seeds", ["0", "-1"])
def test_no_seeds_are_refused(tmp_path, seeds, capsys):
    measure = Measure()
    with pytest.raises(SystemExit) as exit_:
        run(tmp_path, measure, "--seeds", seeds)
    assert exit_.value.code == 2
    assert f"--seeds must be 1 or more, got {seeds}" in capsys.readouterr().err
    assert measure.calls == []


def test_help_names_the_command_and_the_options(capsys):
    with pytest.raises(SystemExit) as exit_:
        runner.main(trial(Measure(), seeds=7), ["--help"])
    assert exit_.value.code == 0
    text = capsys.readouterr().out
    assert "python -m adamtut.experiments.trial" in text and "number of seeds (7)" in text
    for option in ("--seeds", "--device", "--data", "--out"):
        assert option in text


def test_an_old_result_stays_until_the_new_one_is_complete(tmp_path):
    path = run(tmp_path, Measure())
    old = path.read_text(encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Measure(fails_at=3))
    assert path.read_text(encoding="utf-8") == old


def test_the_default_folder_is_that_of_the_book(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert trial(Measure())() == Path("results/trial.json")
    (tmp_path / "book" / "results").mkdir(parents=True)
    path = runner.main(trial(Measure()), [])
    assert path == Path("book/results/trial.json") and path.is_file()


# Reading.


def test_load_reads_what_is_stored():
    assert load(STORED[0]) == json.loads(
        (RESULTS / f"{STORED[0]}.json").read_text(encoding="utf-8")
    )


def test_load_lists_what_there_is():
    with pytest.raises(FileNotFoundError) as error:
        load("airfiol")
    names = sorted(path.stem for path in RESULTS.glob("*.json"))
    assert str(error.value) == f"no stored result 'airfiol'; there are: {', '.join(names)}"


def test_load_says_when_there_is_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr("adamtut.experiments._STORES", (tmp_path,))
    with pytest.raises(FileNotFoundError, match=r"no stored result 'airfoil'; there are: none"):
        load("airfoil")


def test_load_finds_the_results_of_a_wheel(monkeypatch, tmp_path):
    """In a wheel there is no book, and the results lie beside the modules."""
    run(tmp_path / "results", Measure())
    monkeypatch.setattr(
        "adamtut.experiments._STORES", (tmp_path / "book" / "results", tmp_path / "results")
    )
    assert load("trial")["seeds"] == [0, 1]


def test_provenance_is_one_sentence():
    result = {
        "data": "digits",
        "seeds": [0, 1, 2],
        "device": "2 CPU cores",
        "versions": {"adamtut": "0.1.0", "numpy": "2.4.6"},
        "date": "2026-01-31",
    }
    expected = "digits; 3 seeds; 2 CPU cores; adamtut 0.1.0, numpy 2.4.6; 2026-01-31"
    assert provenance(result) == expected


# The stored results.


def numbers(value):
    """Every number in a JSON value."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from numbers(item)
    elif isinstance(value, int | float):
        yield value


def problems_of(result, least_seeds=20):
    """What is wrong with a stored result; nothing, if all is well."""
    if missing := {"experiment", "data", "device", "versions", "seeds", "date", "runs"} - set(
        result
    ):
        return [f"missing: {sorted(missing)}"]
    found = []
    if len(set(result["seeds"])) < least_seeds:
        found.append(f"{len(set(result['seeds']))} seeds")
    if not {"adamtut"} <= set(result["versions"]) or not all(result["versions"].values()):
        found.append("versions")
    if not re.fullmatch(r"20\d\d-\d\d-\d\d", result["date"]):
        found.append("date")
    if not (result["data"].strip() and result["device"].strip()):
        found.append("data or device")
    if not all(math.isfinite(n) for n in numbers(result["runs"])):
        found.append("a number that is not finite")
    if not all(set(r) > {"seed"} for r in result["runs"]):
        found.append("a run without a measurement")
    return found


@every_result
def test_a_stored_result_is_complete(name):
    result = load(name)
    assert problems_of(result, 1 if name in DETERMINISTIC else 20) == []
    assert result["experiment"] == f"python -m adamtut.experiments.{name}"


@every_result
def test_a_stored_result_has_every_setting_with_every_seed(name, monkeypatch):
    """The settings are those of its module, as `python -m` hands them to the command line."""
    module = import_module(f"adamtut.experiments.{name}")
    source = Path(module.__file__).read_text(encoding="utf-8")
    caught = []
    monkeypatch.setattr(runner, "main", lambda run: caught.append(run) or RESULTS / f"{name}.json")
    exec(compile(source, module.__file__, "exec"), {"__name__": "__main__"})

    (run,) = caught
    bound, _, settings = run.args
    assert (module.run.func, module.run.args[::2]) == (runner.run, (bound, settings))
    assert module.run.keywords == run.keywords
    result = load(name)
    assert bound == name
    assert result["data"] == run.keywords["data"]
    assert result["seeds"] == list(range(run.keywords["seeds"]))
    assert set(result["versions"]) == {"adamtut", *run.keywords.get("libraries", ("numpy",))}
    expected = [setting | {"seed": seed} for setting in settings for seed in result["seeds"]]
    assert len(result["runs"]) == len(expected)
    for stored, wanted in zip(result["runs"], expected, strict=True):
        assert stored | wanted == stored


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda r: r.pop("device"), "missing: ['device']"),
        (lambda r: r.update(seeds=[0] * 25), "1 seeds"),
        (lambda r: r.update(date="yesterday"), "date"),
        (lambda r: r.update(data=" "), "data or device"),
        (lambda r: r["versions"].pop("adamtut"), "versions"),
        (lambda r: r["runs"][3].update(loss=[1.0, math.nan]), "a number that is not finite"),
        (lambda r: r["runs"].append({"seed": 1}), "a run without a measurement"),
    ],
)
def test_a_spoilt_result_is_noticed(change, complaint, tmp_path):
    result = json.loads(run(tmp_path, Measure(), seeds=20).read_text(encoding="utf-8"))
    assert problems_of(result) == []
    change(result)
    assert problems_of(result) == [complaint]


def test_every_experiment_has_its_result():
    folder = Path(runner.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "runner"}
    assert modules == set(STORED)


@pytest.mark.parametrize("units", ACTIVATIONS)
def test_the_gradient_of_the_autoencoder_is_that_of_its_loss(units):
    """By differences, for two runs with pictures of their own in one array."""
    network, rng = Autoencoder(6, 5, 2, units), np.random.default_rng(0)
    x = np.stack([network.start(rng), network.start(rng)])
    images, noise = rng.random((2, 4, 6)), rng.normal(size=(2, 4, 2))
    steps = 1e-6 * np.eye(network.dim)[:, None]
    up, down = (
        [network.loss(x + sign * step, images, noise) for step in steps] for sign in (1, -1)
    )
    expected = (np.array(up) - down).T / 2e-6
    np.testing.assert_allclose(network.grad(x, images, noise), expected, atol=1e-7)


@pytest.mark.parametrize("units", ACTIVATIONS)
def test_the_gradient_of_the_classifier_is_that_of_its_loss(units):
    """By differences, for two runs with pictures of their own in one array."""
    network, rng = Classifier(6, 5, 3, units), np.random.default_rng(0)
    x = np.stack([network.start(rng), network.start(rng)])
    images, labels = rng.random((2, 4, 6)), rng.integers(3, size=(2, 4))
    steps = 1e-6 * np.eye(network.dim)[:, None]
    up, down = (
        [network.loss(x + sign * step, images, labels) for step in steps] for sign in (1, -1)
    )
    expected = (np.array(up) - down).T / 2e-6
    np.testing.assert_allclose(network.grad(x, images, labels), expected, atol=1e-7)


@pytest.mark.parametrize(("patches", "normalised"), [(1, False), (36, True), (36, False)])
def test_the_gradients_of_the_networks_side_by_side_are_those_of_their_losses(patches, normalised):
    """By differences, for two networks; an image has patches of five pixels."""
    rng = np.random.default_rng(0)
    networks = Networks(patches, 5, 3, normalised)
    arrays = [a + 0.1 * rng.normal(size=a.shape) for a in networks.start(rng, 2, np.float64)]
    images, labels = rng.normal(size=(7, patches, 5)), rng.integers(10, size=7)

    def losses(which, index, by):
        moved = [a.copy() for a in arrays]
        moved[which][index] += by
        logits, *_ = networks.logits(moved, images)
        chosen = logits[:, np.arange(7), labels]
        return (np.log(np.exp(logits).sum(axis=-1)) - chosen).mean(axis=1)

    gradients = networks.gradients(arrays, images, labels)
    for which, gradient in enumerate(gradients):
        for index in map(tuple, rng.integers(gradient.shape, size=(40, gradient.ndim))):
            network = index[1 if which == 0 else 0]
            slope = (losses(which, index, 1e-6) - losses(which, index, -1e-6)) / 2e-6
            assert abs(slope[network] - gradient[index]) < 1e-8
            assert slope[1 - network] == 0, "the other network has no part in it"


def test_mirrored_noise_has_the_mean_and_the_covariance_of_the_drawn_noise_and_no_skew():
    """Over all patients and both signs, at a point beside the minimum."""
    problem, rng = adam_bias.regression(), np.random.default_rng(0)
    x = problem.minima[0] + 0.1 * rng.normal(size=problem.dim)
    here = np.broadcast_to(x, (problem.size, 1, problem.dim))
    rows = np.arange(problem.size)[:, None, None]
    drawn = problem.grad(here, np.broadcast_to(rows, (problem.size, 1, 1)))
    signs = np.ones(problem.size)
    kept, turned = (adam_bias.mirrored(drawn, here, sign * signs)[:, 0] for sign in (1, -1))
    np.testing.assert_allclose(kept, drawn[:, 0], rtol=1e-12, atol=1e-15)
    noise, both = drawn[:, 0] - problem.grad(x), np.concatenate([kept, turned]) - problem.grad(x)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(both.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(both.T @ both / 2, noise.T @ noise, atol=1e-12)
    np.testing.assert_allclose((both**3).mean(axis=0), 0, atol=1e-14)
    assert (abs((noise**3).mean(axis=0)) > 1e-6).all()


def test_the_rates_of_the_bias_runs_fall_to_zero_in_a_straight_line(monkeypatch):
    """A rule whose direction is always 1 goes the sum of the rates; draws differ by the seed."""
    hyper = (lambda g, t: (np.ones_like(g),), {})
    monkeypatch.setitem(adam_bias.CONTESTANTS, "one", hyper)
    problem, tried = adam_bias.regression(), np.array([0.01, 0.02])
    found = adam_bias.excess("drawn", 10, "one", tried, range(2))
    x = -tried[:, None] * 5.5 * np.ones(problem.dim)  # 1 + 0.9 + … + 0.1
    expected = problem.value(x) - problem.value(problem.minima[0])
    np.testing.assert_allclose(found, np.stack([expected, expected]))
    streams = np.array([rows for rows, _ in adam_bias.draws(range(2), 2500)])
    assert streams.shape == (2500, 2)
    assert (streams[:, 0] != streams[:, 1]).any()
    again = np.array([rows for rows, _ in adam_bias.draws((1,), 2500)])
    assert (again[:, 0] == streams[:, 1]).all()


@pytest.mark.parametrize(
    ("values", "level", "said"),
    [
        ([1.0, np.nan], 0.95, "values must be finite, got .*leave out the runs that failed"),
        ([1.0, 2.0], 95, "level must lie between 0 and 1, such as 0.95, got 95"),
    ],
)
def test_an_interval_of_nothing_is_refused(values, level, said):
    with pytest.raises(ValueError, match=said):
        interval(values, level)


def test_the_gradient_of_the_softmax_model_is_that_of_its_loss():
    rng = np.random.default_rng(0)
    x, inputs, words = rng.normal(size=(4, 3)), rng.normal(size=(5, 4)), rng.integers(3, size=5)

    def loss(x):
        return -np.log(zipf_words.softmax(x, inputs)[np.arange(5), words]).mean()

    expected = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = 1e-6
        expected[place] = (loss(x + step) - loss(x - step)) / 2e-6
    found = zipf_words.gradient(np.stack([x, x]), inputs, words)
    np.testing.assert_allclose(found, [expected, expected], atol=1e-8)


def test_words_of_a_text_have_the_frequencies_of_the_draws_and_follow_their_partners():
    transformer = pytest.importorskip("adamtut.experiments.zipf_transformer")
    share = transformer.frequencies("zipf")
    words = transformer.texts(np.random.default_rng(0), share, 40_000)
    assert share.sum() == pytest.approx(1) and share[0] == share[1] > share[2]
    counts = np.bincount(words[:, -1], minlength=transformer.WORDS) / len(words)
    assert np.abs(counts - share).max() < 0.005
    follows = (words[:, 2:] == words[:, :-2] ^ 1).mean()
    assert follows == pytest.approx(0.9 + 0.1 * (share**2).sum(), abs=0.003)
    quarters = np.bincount(transformer.groups("zipf"), weights=share)
    assert np.abs(quarters - 0.25).max() < 0.1
    flat = transformer.frequencies("flat")
    assert np.ptp(flat) == 0 and flat.sum() == pytest.approx(1)
    assert np.bincount(transformer.groups("flat")).tolist() == [transformer.WORDS // 4] * 4
