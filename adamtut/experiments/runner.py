"""The runner behind every experiment: settings x seeds, resumable, stored with provenance."""

import argparse
import datetime
import json
import os
import platform
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

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
    arguments: list[str] | None = None,
) -> Path:
    """Measure every setting with every seed and write `NAME.json`.

    Each finished run is appended to `NAME.partial.jsonl`; an interrupted experiment goes on
    from there when it is started again with the same command line and library versions.

    Parameters
    ----------
    name
        File name of the result.
    measure
        `measure(seed=…, device=…, data=…, **setting)` → numbers that JSON can hold.
    settings
        Keyword arguments of the single runs.
    seeds
        Seeds 0 … seeds - 1, unless `--seeds` says otherwise.
    data
        What the runs are on, in words, for the result.
    libraries
        Whose versions to store.
    arguments
        The command line; by default the process's own.

    Returns
    -------
    Path of the result.
    """
    parser = argparse.ArgumentParser(prog=f"python -m adamtut.experiments.{name}")
    parser.add_argument("--seeds", type=int, default=seeds, help=f"number of seeds ({seeds})")
    parser.add_argument("--device", default="cpu", help="torch device, where torch is used (cpu)")
    parser.add_argument("--data", help="folder with the publisher's files ($ADAMTUT_DATA)")
    default = Path("book/results") if Path("book/results").is_dir() else Path("results")
    parser.add_argument("--out", type=Path, default=default, help=f"folder to write to ({default})")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f"--seeds must be 1 or more, got {options.seeds}")

    options.out.mkdir(parents=True, exist_ok=True)
    partial = options.out / f"{name}.partial.jsonl"
    todo = [setting | {"seed": seed} for setting in settings for seed in range(options.seeds)]
    versions = {"adamtut": version("adamtut")} | {lib: version(lib) for lib in libraries}
    done = _read(partial, {"device": options.device, "data": options.data, "versions": versions})
    for setting in bar(todo, desc=name, unit="run"):
        key = json.dumps(setting, sort_keys=True)
        if key not in done:
            done[key] = measure(**setting, device=options.device, data=options.data)
            with partial.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, done[key]], allow_nan=False) + "\n")

    result = {
        "experiment": f"python -m adamtut.experiments.{name}",
        "data": data,
        "device": _device(options.device),
        "versions": versions,
        "seeds": list(range(options.seeds)),
        "date": datetime.date.today().isoformat(),
        "runs": [setting | done[json.dumps(setting, sort_keys=True)] for setting in todo],
    }
    path = options.out / f"{name}.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(_lines(result), encoding="utf-8")
    os.replace(temporary, path)
    partial.unlink()
    return path


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

    return torch.cuda.get_device_name(device)


def _lines(result: dict[str, Any]) -> str:
    """JSON with one entry or run a line: readable, and a diff shows which runs changed."""
    head = [f'"{key}": {json.dumps(value)}' for key, value in result.items() if key != "runs"]
    runs = ",\n  ".join(json.dumps(run) for run in result["runs"])
    return "{\n " + ",\n ".join(head) + ',\n "runs": [\n  ' + runs + "\n ]\n}\n"
