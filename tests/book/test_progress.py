"""Who waits sees that something happens; what is captured holds none of it."""

import functools
import hashlib
import importlib.util
import json
import os
import pty
import re
import subprocess
import sys
import termios
import time

import nbformat
import numpy as np
import pooch
import pytest
from nbclient import NotebookClient

from adamtut import data, descend, progress, rules
from adamtut.experiments import runner
from tools.book import ROOT
from tools.chapter import execute
from tools.served import served

SWITCHES = ("TQDM_DISABLE", "CI")


def slow(x):
    time.sleep(0.01)
    return 2 * x


def slow_descend(steps=30):
    return descend(rules.gd, slow, 8.0, 0.25, steps)


def environment(**changes):
    """This process's environment without what makes bars disappear."""
    return {k: v for k, v in os.environ.items() if k not in SWITCHES} | changes


def new_terminal():
    """File descriptors of who looks at a terminal, and of who writes to it."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    return ours, theirs


def read_all(fd):
    """What a terminal has shown since it was last asked."""
    os.set_blocking(fd, False)
    shown = b""
    try:
        while more := os.read(fd, 4096):
            shown += more
    except OSError:  # nothing left, or nobody writes any more
        pass
    return shown.decode()


@pytest.fixture
def watched(monkeypatch):
    """A session without a switch that silences it, and with little patience."""
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(progress, "DELAY", 0.1)


@pytest.fixture
def terminal(watched, monkeypatch):
    """A call makes stderr a terminal, and returns a function that returns what it has shown."""
    opened = []

    def open_terminal():
        ours, theirs = new_terminal()
        stream = os.fdopen(theirs, "w", encoding="utf-8")
        monkeypatch.setattr(sys, "stderr", stream)
        opened.append((ours, stream))
        return lambda: read_all(ours)

    yield open_terminal
    for ours, stream in opened:
        stream.close()
        os.close(ours)


def on_a_terminal(*command, **options):
    """Run a command with a terminal for stdout and stderr: exit status and what it showed."""
    ours, theirs = new_terminal()
    shown = ""
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, **options) as process:
        os.close(theirs)
        while process.poll() is None:
            shown += read_all(ours)
            time.sleep(0.01)
    shown += read_all(ours)
    os.close(ours)
    return process.returncode, shown


# Who sees a bar.


class Stream:
    def __init__(self, terminal):
        self.isatty = lambda: terminal


class NotebookStream(Stream):
    __module__ = "ipykernel.iostream"


@pytest.mark.parametrize(
    ("stream", "visible"),
    [(Stream(True), True), (NotebookStream(False), True), (Stream(False), False), (None, False)],
    ids=["terminal", "notebook", "pipe", "none"],
)
def test_a_bar_needs_a_terminal_or_a_notebook(watched, monkeypatch, stream, visible):
    monkeypatch.setattr(sys, "stderr", stream)
    assert progress.visible() == visible


def test_a_closed_stderr_shows_nothing(watched, monkeypatch, tmp_path):
    with (tmp_path / "file").open("w") as file:
        monkeypatch.setattr(sys, "stderr", file)
    assert progress.visible() is False


@pytest.mark.parametrize("switch", SWITCHES)
def test_the_environment_turns_bars_off(watched, monkeypatch, switch):
    monkeypatch.setattr(sys, "stderr", Stream(True))
    assert progress.visible()
    monkeypatch.setenv(switch, "1")
    assert not progress.visible()
    monkeypatch.setenv(switch, "")
    assert progress.visible()


def test_tests_see_no_bar_and_have_one_thread():
    """The root conftest.py says so, to each worker of pytest-xdist as well."""
    assert os.environ["TQDM_DISABLE"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "1"


# descend


def test_a_slow_descend_shows_a_bar_that_knows_the_steps_before_it(terminal):
    shown = terminal()
    path = slow_descend()
    text = shown()
    first, *_, last = map(int, re.findall(r"(\d+)/30 \[", text))
    assert 5 <= first < last <= 30
    assert "step" in text
    np.testing.assert_array_equal(path, 8.0 / 2 ** np.arange(31))


def test_a_bar_is_gone_when_descend_returns(terminal):
    shown = terminal()
    slow_descend()
    text = shown()
    assert "\n" not in text and text.split("\r")[-1].strip() == ""


def test_a_fast_descend_shows_nothing_and_imports_nothing(terminal, monkeypatch):
    shown = terminal()
    monkeypatch.setattr(progress, "tqdm_class", lambda: pytest.fail("tqdm is not needed"))
    assert len(descend(rules.gd, lambda x: 2 * x, 8.0, 0.25, 30)) == 31
    assert len(descend(rules.gd, slow, 8.0, 0.25, 0)) == 1
    assert shown() == ""


def test_five_seconds_pass_before_a_bar():
    assert progress.DELAY == 5


def test_a_captured_descend_shows_nothing(watched, capfd):
    slow_descend()
    assert capfd.readouterr() == ("", "")


def test_descend_needs_no_tqdm(terminal, monkeypatch):
    shown = terminal()
    for name in ("tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, name, None)
    np.testing.assert_array_equal(slow_descend(), 8.0 / 2 ** np.arange(31))
    assert shown() == ""


def test_an_error_passes_through_the_bar(terminal):
    shown = terminal()

    def grad(x, t):
        return slow(x) if t < 20 else np.nan

    with pytest.raises(FloatingPointError, match="the gradient at step 20 is not finite"):
        descend(rules.gd, grad, 8.0, 0.25, 30)
    text = shown()
    assert "/30 [" in text and text.split("\r")[-1].strip() == ""


def test_unwatched_steps_are_walked_through_as_they_are():
    items = range(3)
    assert progress.late_bar(items) is items and progress.bar(items) is items


def test_waiting_for_the_bar_costs_little(terminal, monkeypatch):
    """Less than 2 % of a step of `descend`, which takes about 23 µs."""
    terminal()
    monkeypatch.setattr(progress, "DELAY", 60)

    def seconds(wrap):
        before = time.process_time()
        for _ in wrap(range(10_000)):
            pass
        return time.process_time() - before

    plain, wrapped = (min(seconds(wrap) for _ in range(20)) for wrap in (iter, progress.late_bar))
    assert (wrapped - plain) / 10_000 < 0.02 * 23e-6


# What else takes long.


def run_trial(folder):
    def measure(seed, device, data):
        return {"loss": float(seed)}

    return runner.run("trial", measure, [{}], seeds=3, data="nothing", out=folder)


def test_an_experiment_shows_its_runs(terminal, tmp_path):
    shown = terminal()
    run_trial(tmp_path)
    text = shown()
    assert "trial:   0%" in text and "3/3" in text


def test_a_captured_experiment_shows_nothing(watched, capfd, tmp_path):
    run_trial(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_an_experiment_needs_no_tqdm(terminal, monkeypatch, tmp_path):
    shown = terminal()
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert len(json.loads(run_trial(tmp_path).read_text(encoding="utf-8"))["runs"]) == 3
    assert shown() == ""


@pytest.fixture
def download(monkeypatch, tmp_path):
    """Downloads a table from a server on this machine."""
    table = b"1\t2\t3\t4\t5\t6\n" * 1000
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "airfoil_self_noise.dat").write_bytes(table)
    checksum = hashlib.sha256(table).hexdigest()

    with served(tmp_path / "site") as address:
        known = (f"{address}/",), (1000, 6), checksum
        monkeypatch.setitem(data._FILES, "airfoil_self_noise.dat", known)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.delenv("ADAMTUT_DATA", raising=False)
        monkeypatch.setattr("pooch.os_cache", lambda _: tmp_path / "cache")
        yield data.airfoil


def test_a_download_shows_its_bytes(terminal, download, monkeypatch):
    shown = terminal()
    monkeypatch.setattr(pooch.get_logger().handlers[0], "stream", sys.stderr)
    # Under pytest tqdm was imported with TQDM_DISABLE, and keeps it.
    monkeypatch.setattr(
        "pooch.downloaders.tqdm", functools.partial(progress.tqdm_class(), disable=False)
    )
    assert len(download()[1]) == 1000
    assert re.search(r"^Downloading file '.*100%\|", shown(), flags=re.DOTALL)


def test_a_captured_download_shows_nothing(watched, download, monkeypatch, capfd):
    monkeypatch.setattr(pooch.get_logger().handlers[0], "stream", sys.stderr)
    download()
    assert capfd.readouterr() == ("", "")
    assert not pooch.get_logger().disabled


def test_a_download_needs_no_tqdm(terminal, download, monkeypatch):
    shown = terminal()
    for name in ("tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr("pooch.downloaders.tqdm", None)
    assert len(download()[1]) == 1000
    assert shown() == ""


def test_a_long_wait_is_announced(terminal):
    shown = terminal()
    with progress.late_line("please wait"):
        time.sleep(0.3)
    assert shown() == "please wait\r\n"


def test_a_short_wait_is_not_announced(terminal):
    shown = terminal()
    with progress.late_line("please wait"):
        pass
    time.sleep(0.3)
    assert shown() == ""


def test_a_captured_wait_is_not_announced(watched, capfd):
    with progress.late_line("please wait"):
        time.sleep(0.3)
    assert capfd.readouterr() == ("", "")


def test_compiling_is_announced(terminal, monkeypatch):
    pytest.importorskip("torch")
    shown = terminal()
    from adamtut.optim import inductor

    def compiler(*_, **__):
        time.sleep(0.3)
        raise InterruptedError

    monkeypatch.setattr(inductor, "make_fx", compiler)
    with pytest.raises(InterruptedError):
        inductor.compiled(None, ())
    assert shown().startswith("compile=True: ")


def test_the_benchmark_shows_its_settings(terminal, monkeypatch):
    pytest.importorskip("torch")
    shown = terminal()
    spec = importlib.util.spec_from_file_location("bench", ROOT / "benchmarks/optimizer_step.py")
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    monkeypatch.setattr(bench, "adam_engines", lambda *_, **__: {})
    monkeypatch.setattr(bench, "class_engines", lambda *_: {})
    monkeypatch.setattr(bench, "timed", lambda *_: [{"seed": 0}])
    monkeypatch.setattr(bench.torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(bench.gc, "disable", lambda: None)
    runs = bench.measure(1, [10, 20], 1, "cpu", True)
    text = shown()
    assert "1 thread:   0%" in text and f"{len(runs)}/{len(runs)}" in text


# Notebooks: a kernel shows bars to a person, and its outputs are compared and stored.

CELL = """\
import time
from adamtut import descend, progress, rules
progress.DELAY = 0.1

def slow(x):
    time.sleep(0.01)
    return 2 * x

print(descend(rules.gd, slow, 8.0, 0.25, 30)[:3])\
"""
PRINTED = {"output_type": "stream", "name": "stdout", "text": "[8. 4. 2.]\n"}


def notebook():
    cell = nbformat.v4.new_code_cell(CELL, execution_count=1)
    cell.outputs = [nbformat.from_dict(PRINTED)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})


def outputs_in_a_kernel(**changes):
    """Text of stdout and stderr of the cell."""
    executed = NotebookClient(notebook(), timeout=60).execute(env=environment(**changes))
    texts = {"stdout": "", "stderr": ""}
    for output in executed.cells[0].outputs:
        texts[output.name] += output.text
    return texts


def test_a_notebook_shows_a_bar_and_no_warning():
    texts = outputs_in_a_kernel()
    assert texts["stdout"] == PRINTED["text"]
    assert re.search(r"\d+/30 \[", texts["stderr"])
    assert "Warning" not in texts["stderr"]


def test_a_kernel_that_is_told_so_shows_nothing():
    assert outputs_in_a_kernel(TQDM_DISABLE="1") == {"stdout": PRINTED["text"], "stderr": ""}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("told", "workers"),
    [(True, ()), (True, ("-n", "1", "--dist", "loadfile")), (False, ())],
    ids=["told", "told, xdist", "not told"],
)
def test_the_root_conftest_reaches_the_kernels_of_nbval(tmp_path, told, workers):
    """Without it a bar would be compared with the stored outputs."""
    nbformat.write(notebook(), tmp_path / "chapter.ipynb")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    if told:
        (tmp_path / "conftest.py").write_bytes((ROOT / "conftest.py").read_bytes())
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", *workers]
    done = subprocess.run(
        [*command, "chapter.ipynb"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
    )
    assert ("1 passed" if told else "1 failed") in done.stdout, done.stdout
    assert told or "Unexpected output fields from running code: {'stderr'}" in done.stdout


def executed(path):
    """The notebook as `make execute` stores it; the stored output is spoilt before."""
    spoilt = notebook()
    spoilt.cells[0].outputs = []
    nbformat.write(spoilt, path)
    execute.execute(path)
    return nbformat.read(path, as_version=4).cells[0].outputs


def test_executing_shows_a_bar_and_stores_none(terminal, tmp_path):
    shown = terminal()
    assert executed(tmp_path / "chapter.ipynb") == [PRINTED]
    text = shown()
    assert "chapter:   0%" in text and "1/1" in text


def test_executing_captured_shows_nothing(watched, tmp_path, capfd):
    assert executed(tmp_path / "chapter.ipynb") == [PRINTED]
    out, err = capfd.readouterr()
    assert out == "" and "%" not in err  # a kernel may print a warning of its own


# make


def talk(seconds, status=0):
    return "sh", "-c", f"echo one; printf '[ 7%%]  \\r[ 8%%]  \\r'; sleep {seconds}; exit {status}"


def live(*command):
    return str(ROOT / "tools/setup/live"), "log", *command


@pytest.mark.parametrize("status", [0, 3])
def test_live_shows_the_last_line_on_a_terminal(tmp_path, status):
    found, shown = on_a_terminal(*live(*talk(3, status)), cwd=tmp_path, env=environment())
    assert found == status
    assert re.search(r"   \d s  \[ 8%\]", shown) and "7%" not in shown
    assert ("sh failed; what it printed is in log" in shown) == (status != 0)
    assert (tmp_path / "log").read_bytes() == b"one\n[ 7%]  \r[ 8%]  \r"


@pytest.mark.parametrize("switch", SWITCHES)
def test_live_is_turned_off_by_the_environment(tmp_path, switch):
    switched = environment(**{switch: "1"})
    assert on_a_terminal(*live(*talk(1.5)), cwd=tmp_path, env=switched) == (0, "")


@pytest.mark.parametrize("status", [0, 3])
def test_live_is_silent_when_captured(tmp_path, status):
    command = live("sh", "-c", f"echo one; sleep 2; echo fault >&2; exit {status}")
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, encoding="utf-8"
    )
    failed = "sh failed; what it printed is in log\n" if status else ""
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "fault\n" + failed)
    assert (tmp_path / "log").read_text(encoding="utf-8") == "one\n"


def test_live_strips_colours(tmp_path):
    command = live("sh", "-c", r"printf '\033[01mreading \033[39;49;00m[ 50%%] \n'; sleep 3")
    _, shown = on_a_terminal(*command, cwd=tmp_path, env=environment())
    assert re.search(r" s  reading \[ 50%\]", shown)


def test_live_ends_with_its_command(tmp_path):
    """Nothing is written any more a while after it."""
    ours, theirs = new_terminal()
    subprocess.run(live(*talk(3)), cwd=tmp_path, env=environment(), stdout=theirs, stderr=theirs)
    os.close(theirs)
    assert " s  [ 8%]" in read_all(ours)
    time.sleep(1.5)
    assert read_all(ours) == ""
    os.close(ours)


@pytest.fixture
def pip(tmp_path):
    """A folder to install into, and a Python whose pip only talks."""
    (tmp_path / ".venv").mkdir()
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    fake = tmp_path / "python"
    fake.write_text(
        '#!/bin/sh\n[ "$2" = pip ] || exit 0\necho notice >&2; sleep 3; exit $STATUS\n',
        encoding="utf-8",
    )
    fake.chmod(0o755)
    return {"cwd": tmp_path, "args": ["tools/setup/install", str(fake), "book"]}


@pytest.mark.parametrize("status", ["0", "1"])
def test_installing_shows_what_pip_does(pip, status):
    env = environment(STATUS=status)
    found, shown = on_a_terminal(*pip["args"], cwd=pip["cwd"], env=env)
    assert found == int(status)
    assert shown.startswith("Installing adamtut[book]") and " s  notice" in shown
    assert ("pip failed" in shown) == (status == "1")


@pytest.mark.parametrize("status", ["0", "1"])
def test_installing_captured_is_a_line(pip, status):
    env = environment(STATUS=status)
    done = subprocess.run(**pip, env=env, capture_output=True, encoding="utf-8")
    assert done.stdout.count("\n") == 1 and done.stdout.startswith("Installing adamtut[book]")
    assert (done.stderr == "") == (status == "0")
