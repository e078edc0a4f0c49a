"""The setup cell of a runner's copy: it installs the version of adamtut that belongs to it."""

import ast
import json
from string import Template

import nbformat

# What `adamtut` and the chapters import, by the names that pip knows.
NEEDED = ["matplotlib", "numpy", "pooch", "scikit-learn", "scipy", "torch", "tqdm"]

# Folded; Colab shows the title in its place, JupyterLab the first line.
SETUP = Template('''\
# @title Set up: install adamtut if it is missing
import importlib
import json
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path


def adamtut_is_here(version, source):
    """Whether it is this version, of this source. A checkout that is in use stays as it is."""
    spec = find_spec("adamtut")
    if spec is None or spec.origin is None:
        return False
    if (Path(spec.origin).parents[1] / "pyproject.toml").exists():
        return True
    for found in metadata.distributions(name="adamtut"):
        # pip writes down what it was given, but for a release.
        given = json.loads(found.read_text("direct_url.json") or "{}").get("url")
        if found.version == version:
            return source is None or given is None or source.endswith(given)
    return False


def install_adamtut(version, source):
    if source is None:
        wheel = f"adamtut-{version}-py3-none-any.whl"
        raise RuntimeError(
            f"adamtut {version} is missing. The zip of the notebooks has it: put its file {wheel} "
            "beside this notebook and run this cell again. Or, in a clone of the repository: "
            "pip install ."
        )
    print("Installing adamtut", version)
    # --no-deps: what is there already, NumPy above all, is not replaced.
    options = ["--quiet", "--no-deps", "--force-reinstall"]
    pip = [sys.executable, "-m", "pip", "install", *options, source]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"pip could not install {source}\\n{done.stdout}{done.stderr}")
    importlib.invalidate_caches()
    if find_spec("adamtut") is None:
        raise RuntimeError("adamtut is installed. Restart the kernel and run this cell again.")


version, source = $version, $source
# A wheel that lies beside this notebook comes first.
source = next((p.as_uri() for p in Path.cwd().glob(f"adamtut-{version}-*.whl")), source)
if not adamtut_is_here(version, source):
    install_adamtut(version, source)

needed = $needed
# scikit-learn is imported as sklearn.
missing = [name for name in needed if not find_spec(name.replace("scikit-", "sk"))]
if missing:
    print("The chapters need more packages: pip install", *missing)

# When you change a number, a failed check says so and the rest runs.
from adamtut._notebook import explorable, soften_checks

soften_checks()\
''')


def rest(cell: str) -> str:
    """A chapter's first code cell without its opening, which only says that adamtut is missing."""
    expected = (
        "the first code cell must begin with `from importlib.util import find_spec` and "
        f'`if find_spec("adamtut") is None:`, got {cell[:80]!r}'
    )
    statements = ast.parse(cell).body
    if len(statements) < 2 or not isinstance(statements[1], ast.If):
        raise ValueError(expected)
    first, second = ast.unparse(statements[0]), ast.unparse(statements[1].test)
    if (first, second) != (
        "from importlib.util import find_spec",
        "find_spec('adamtut') is None",
    ):
        raise ValueError(expected)
    return "\n".join(cell.split("\n")[statements[1].end_lineno :]).strip("\n")


def make(version: str, source: str | None):
    """A cell that gives pip the source where the version is missing."""
    cell = nbformat.v4.new_code_cell(
        SETUP.substitute(
            version=json.dumps(version),
            source="None" if source is None else json.dumps(source),
            needed=json.dumps(NEEDED),
        )
    )
    cell.id = "setup"
    cell.metadata |= {"jupyter": {"source_hidden": True}, "cellView": "form"}
    return cell
