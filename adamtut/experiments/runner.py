"""The runner behind every experiment: settings x seeds, resumable, stored with provenance.

A module of `adamtut.experiments` binds what is its own, and is then called from code or from the
command line::

    run = functools.partial(runner.run, "trial", measure, SETTINGS, seeds=20, data="digits")

    if __name__ == "__main__":
        runner.main(run)
"""

import argparse
import datetime
import functools
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from adamtut.checks import check_whole
from adamtut.progress import bar

Measure = Callable[..., dict[str, Any]]


def run(
    name: str,
    measure: Measure,
    settings: Iterable[dict[str, Any]],
    *,
    seeds: int,
    data: str,
    libraries: tuple[str, ...] = ("numpy",),
    device: str = "cpu",
    folder: str | os.PathLike | None = None,
    out: str | os.PathLike | None = None,
) -> Path:
    """Measure every setting with every seed and write `NAME.json`.

    Each finished run is appended to `NAME.partial.jsonl`; an interrupted experiment goes on
    from there when it is started again with the same device, folder and library versions.

    A run that diverges is stored as such: with the reason as `failed`, without numbers where
    `measure` raised an ArithmeticError or a LinAlgError, and with None for each number that is not
    finite where it returned one. Any other error ends the experiment and names the run.

    Parameters
    ----------
    name
        File name of the result.
    measure
        `measure(seed=…, device=…, data=folder, **setting)` → a dict of what JSON can hold.
    settings
        Keyword arguments of the single runs.
    seeds
        Seeds 0 … seeds - 1.
    data
        What the runs are on, in words, for the result.
    libraries
        Whose versions to store.
    device
        A torch device, where torch is used.
    folder
        The publisher's files, for `measure`; by default `$ADAMTUT_DATA` or a download.
    out
        Folder to write to; by default `book/results` where there is one, else `results`.

    Returns
    -------
    Path of the result.

    Raises
    ------
    ValueError, TypeError
        Seeds that are no whole number above 0; settings or a measurement that JSON cannot hold.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as out:
    ...     path = run("trial", lambda lr, seed, device, data: {"loss": lr / (seed + 1)},
    ...                [{"lr": 0.5}], seeds=2, data="nothing", out=out)
    ...     json.loads(path.read_text())["runs"]
    [{'lr': 0.5, 'seed': 0, 'loss': 0.5}, {'lr': 0.5, 'seed': 1, 'loss': 0.25}]
    """
    check_whole("seeds", seeds)
    device_name = _device(device)
    out = _default_folder() if out is None else Path(out).expanduser()
    out.mkdir(parents=True, exist_ok=True)
    partial = out / f"{name}.partial.jsonl"
    todo = {
        _key(setting | {"seed": seed}): setting | {"seed": seed}
        for setting in settings
        for seed in range(seeds)
    }
    versions = {"adamtut": version("adamtut")} | {lib: version(lib) for lib in libraries}
    folder = None if folder is None else os.fspath(folder)
    done = _read(partial, {"device": device, "data": folder, "versions": versions})
    for key, setting in bar(list(todo.items()), desc=name, unit="run"):
        if key not in done:
            done[key] = _measured(measure, setting, device, folder)
            with partial.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, done[key]], allow_nan=False) + "\n")

    result = {
        "experiment": f"python -m adamtut.experiments.{name}",
        "data": data,
        "device": device_name,
        "versions": versions,
        "seeds": list(range(seeds)),
        "date": datetime.date.today().isoformat(),
        "runs": [setting | done[key] for key, setting in todo.items()],
    }
    path = out / f"{name}.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(_lines(result), encoding="utf-8")
    os.replace(temporary, path)
    partial.unlink()
    if failed := sum("failed" in done[key] for key in todo):
        print(f"{failed} of {len(todo)} runs ended badly; see `failed` in {path}", file=sys.stderr)
    return path


def main(run: functools.partial, arguments: list[str] | None = None) -> Path:
    """Run an experiment as the command line says.

    Parameters
    ----------
    run
        The function `run` above, with the experiment's name, measurement, settings and seeds.
    arguments
        The command line; by default the process's own.

    Returns
    -------
    Path of the result.
    """
    name, seeds = run.args[0], run.keywords["seeds"]
    default = _default_folder()
    parser = argparse.ArgumentParser(prog=f"python -m adamtut.experiments.{name}")
    parser.add_argument("--seeds", type=int, default=seeds, help=f"number of seeds ({seeds})")
    parser.add_argument("--device", default="cpu", help="torch device, where torch is used (cpu)")
    parser.add_argument("--data", help="folder with the publisher's files ($ADAMTUT_DATA)")
    parser.add_argument("--out", type=Path, default=default, help=f"folder to write to ({default})")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f"--seeds must be 1 or more, got {options.seeds}")
    return run(seeds=options.seeds, device=options.device, folder=options.data, out=options.out)


def _default_folder() -> Path:
    return Path("book/results") if Path("book/results").is_dir() else Path("results")


def _key(setting: dict[str, Any]) -> str:
    try:
        return json.dumps(setting, sort_keys=True)
    except TypeError as error:
        raise TypeError(f"settings must hold what JSON can, got {setting}: {error}") from error


def _measured(measure, setting, device, folder):
    """The numbers of one run; with `failed`, why they are not all there."""
    try:
        numbers = measure(**setting, device=device, data=folder)
        if not isinstance(numbers, dict):
            raise TypeError(f"measure must return a dict, got {numbers!r}")
        return _finite(numbers)
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        return {"failed": f"{type(error).__name__}: {error}"}
    except Exception as error:
        error.add_note(f"This was the run {setting}. The runs before it are kept.")
        raise


def _finite(numbers):
    """Numbers as JSON holds them; it has neither NaN nor infinities."""
    kept, failed = {}, []
    for name, value in numbers.items():
        lost: list[str] = []
        kept[name] = json.loads(json.dumps(value), parse_constant=lost.append)  # None in its place
        failed += [f"{name} is {lost[0]}"] if lost else []
    return kept | ({"failed": ", ".join(failed)} if failed else {})


def _read(partial: Path, circumstances: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The runs finished earlier under the same circumstances; its first line names them."""
    if partial.exists():
        first, *rows = partial.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
        whole = [row for row in rows if row.endswith("\n")]  # an interrupted write leaves a part
        if first == json.dumps(circumstances) + "\n":
            partial.write_text("".join([first, *whole]), encoding="utf-8")
            return dict(json.loads(row) for row in whole)
    partial.write_text(json.dumps(circumstances) + "\n", encoding="utf-8")
    return {}


def _device(device: str) -> str:
    if device == "cpu":
        return f"{os.cpu_count()} CPU cores, {platform.machine()}"
    import torch

    found = torch.zeros(1).to(device).device  # raises where this machine has no such device
    return torch.cuda.get_device_name(found) if found.type == "cuda" else str(found)


def _lines(result: dict[str, Any]) -> str:
    """JSON with one entry or run a line: readable, and a diff shows which runs changed."""
    head = [f'"{key}": {json.dumps(value)}' for key, value in result.items() if key != "runs"]
    runs = ",\n  ".join(json.dumps(run) for run in result["runs"])
    return "{\n " + ",\n ".join(head) + ',\n "runs": [\n  ' + runs + "\n ]\n}\n"
