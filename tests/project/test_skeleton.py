"""What holds the project together: lists of packages, versions, make targets, the wheel."""

import email
import importlib.metadata
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import adamtut
from tools.book import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def python(code, **options):
    """Run code in a Python of its own and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Lists of packages.


def pins():
    """constraints.txt: name → version."""
    lines = [line for line in read("constraints.txt").splitlines() if not line.startswith("#")]
    names = [canonicalize_name(line.partition("==")[0]) for line in lines]
    assert len(set(names)) == len(names), "a package is pinned twice"
    requirements = map(Requirement, lines)
    found = {}
    for requirement in requirements:
        (specifier,) = requirement.specifier
        assert specifier.operator == "==" and "*" not in specifier.version, str(requirement)
        found[canonicalize_name(requirement.name)] = Version(specifier.version)
    return found


REQUIREMENTS = [
    *PYPROJECT["project"]["dependencies"],
    *(requirement for extra in EXTRAS.values() for requirement in extra),
]


@pytest.mark.parametrize("requirement", sorted(set(REQUIREMENTS)))
def test_every_requirement_is_pinned_within_its_range(requirement):
    requirement = Requirement(requirement)
    assert len(requirement.specifier) >= 1, "a range says which versions should do"
    pin = pins()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(pin, prereleases=False)


def test_numpy_is_the_only_dependency():
    (dependency,) = PYPROJECT["project"]["dependencies"]
    assert Requirement(dependency).name == "numpy"
    assert set(EXTRAS) == {"torch", "book", "browser", "lab", "oracles", "test"}
    book = {Requirement(requirement).name for requirement in EXTRAS["book"]}
    assert "torch" not in book


def test_the_environment_points_to_the_lists_and_has_none_of_its_own():
    *conda, pip = yaml.safe_load(read("environment.yml"))["dependencies"]
    assert conda == ["python=3.11", "pip"]
    editable, constraints = pip["pip"]
    assert constraints == "-c constraints.txt"
    names = re.fullmatch(r"-e \.\[([a-z,]+)\]", editable)[1].split(",")
    assert set(names) == set(EXTRAS)


def test_make_installs_extras_that_exist():
    lists = re.findall(r"^EXTRAS_([a-z]+) := (.*)$", MAKEFILE, flags=re.MULTILINE)
    assert {stamp for stamp, _ in lists} == set(re.findall(r"\.venv/\.([a-z]+) ", MAKEFILE)) | {
        "book",
        "browser",
        "lab",
        "package",
        "test",
    }
    for stamp, names in lists:
        assert set(names.split(",")) <= set(EXTRAS), stamp
    assert "torch" not in dict(lists)["book"], "the book is built without torch"
    extras = {stamp: set(names.split(",")) for stamp, names in lists}
    held = re.search(r"\$\(if \$\(filter test,\$\*\),(.*)\)$", MAKEFILE, flags=re.MULTILINE)[1]
    for stamp in re.findall(r"\.venv/\.([a-z]+)", held):
        assert extras[stamp] <= extras["test"], f"{stamp} is not installed with the tests' extras"


def test_the_readme_installs_extras_that_exist():
    lists = re.findall(r"\.\[([a-z,]+)\]", read("README.md"))
    assert lists
    assert {name for names in lists for name in names.split(",")} <= set(EXTRAS)


# The version.


def test_the_version_is_in_one_place():
    assert PYPROJECT["project"]["dynamic"] == ["version"]
    assert "version" not in PYPROJECT["project"]
    assert PYPROJECT["tool"]["hatch"]["version"] == {"path": "adamtut/__init__.py"}
    assert "version" not in yaml.safe_load(read("CITATION.cff"))
    assert not {"version", "release"} & set(yaml.safe_load(read("_config.yml")))
    assert importlib.metadata.version("adamtut") == adamtut.__version__
    Version(adamtut.__version__)


def test_the_package_is_typed():
    assert (Path(adamtut.__file__).parent / "py.typed").is_file()


# Importing.


def test_importing_adamtut_needs_numpy_alone():
    code = """
import sys, numpy
before = set(sys.modules)
import adamtut
print(*{name.partition(".")[0] for name in set(sys.modules) - before})
"""
    added = set(python(code).split())
    assert "adamtut" in added
    assert added - set(sys.stdlib_module_names) <= {"adamtut", "numpy"}


def test_importing_adamtut_costs_little():
    code = """
import time, numpy
before = time.perf_counter()
import adamtut
print(time.perf_counter() - before)
"""
    # The best of some: a slow one says what else the machine does.
    assert min(float(python(code)) for _ in range(7)) <= 0.1


def test_every_part_is_there_when_it_is_used():
    code = """
import adamtut
assert dir(adamtut) == sorted(adamtut.__all__)
for name in adamtut.__all__:
    getattr(adamtut, name)
from adamtut import *
print(plot.style, data.digits, rules.adam, problems.ravine, ops.sqrt, experiments.load, iterate)
"""
    python(code)
    with pytest.raises(AttributeError, match=r"adamtut has no part 'optimizers'; it has data, "):
        adamtut.optimizers  # noqa: B018


BLOCK = """
import sys
sys.modules.update(dict.fromkeys({blocked}))  # None: as if it were not installed
import adamtut
"""
OPTIONAL = ["matplotlib", "torch", "sklearn", "pooch", "tqdm", "IPython"]


@pytest.mark.parametrize(
    ("missing", "package", "use"),
    [
        ("matplotlib", "matplotlib", "adamtut.plot"),
        ("sklearn", "scikit-learn", "adamtut.problems.digits_network()"),
        ("sklearn", "scikit-learn", "adamtut.data.breast_cancer()"),
        ("pooch", "pooch", "adamtut.data.mnist('test')"),
        ("torch", "PyTorch", "adamtut.optim"),
        ("torch", "PyTorch", "adamtut.train"),
        ("torch", "PyTorch", "from adamtut import optim"),
        ("torch", "PyTorch", "from adamtut.train import fit"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(missing, package, use):
    code = f"""{BLOCK.format(blocked=[missing])}
try:
    {use}
except (AttributeError, ImportError) as error:
    print(error)
"""
    environment = {k: v for k, v in os.environ.items() if k != "ADAMTUT_DATA"}
    message = python(code, env=environment | {"ADAMTUT_DATA": os.devnull})
    assert package in message
    extra = "torch" if missing == "torch" else "book"
    assert re.search(rf"install adamtut with its ['`]{extra}['`] extra", message)


def test_what_lists_the_parts_works_without_the_libraries():
    code = f"""{BLOCK.format(blocked=["matplotlib", "torch"])}
from adamtut import *
print(*sorted(set(globals()) & set(adamtut._PARTS)))
print(*dir(adamtut))
print([hasattr(adamtut, part) for part in ("optim", "train", "plot", "rules", "optimizers")])
import inspect, pydoc
print("from scratch" in pydoc.render_doc(adamtut))
print("rules" in dict(inspect.getmembers(adamtut)))
"""
    there, listed, *rest = python(code).splitlines()
    assert there == "data diagnosis experiments ops problems registry rules schedules traits"
    assert set(listed.split()) == {
        *there.split(),
        *("descend", "diagnose", "diagnose_path", "iterate", "walk"),
    }
    assert rest == ["[False, False, False, True, False]", "True", "True"]


def test_the_core_works_without_any_optional_library():
    code = f"""{BLOCK.format(blocked=OPTIONAL)}
import numpy as np
from adamtut import descend, experiments, problems, registry, schedules
rate = 0.1 * schedules.cosine(steps=10)
adam, ravine = registry.RULES["adam"].function, problems.ravine
path = descend(adam, ravine.grad, ravine.start, rate, 10)
print(path.shape, adamtut.ops.sqrt(np.float32(4)), len(experiments.load("airfoil")["runs"]) > 0)
"""
    assert python(code).split() == ["(11,", "2)", "2.0", "True"]


# make


def clean_environment(without=frozenset(), **changes):
    """This process's environment without what an outer make or test run put there."""
    dropped = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHONPATH", "PYTHON", "PIP_ARGS", "CHAPTER"}
    return {k: v for k, v in os.environ.items() if k not in dropped | without} | changes


def make(*arguments, cwd=ROOT, without=frozenset(), **environment):
    return subprocess.run(
        ["make", *arguments],
        cwd=cwd,
        env=clean_environment(without, **environment),
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=300,
    )


def targets():
    return set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)[1].split())


def code_of(markdown):
    """Code spans and fenced blocks, which is where commands are."""
    fenced = re.findall(r"^```.*?^```", markdown, flags=re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return "\n".join([*fenced, *re.findall(r"`[^`]+`", rest)])


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_target_that_a_page_names_exists(name):
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", code_of(read(name))))
    assert named >= {"book", "test"}
    assert named <= targets()


def test_commands_are_found_in_code_and_not_in_prose():
    page = (
        "We make mistakes.\n\n`make nothing`, then:\n\n```sh\nmake all CHAPTER=one\n```\nmake up\n"
    )
    assert re.findall(r"\bmake ([a-z][a-z-]*)", code_of(page)) == ["all", "nothing"]


def test_continuous_integration_calls_targets_that_exist(tmp_path):
    """With a `make` that writes down what it is asked for."""
    fake, log = tmp_path / "make", tmp_path / "log"
    fake.write_text(f'#!/bin/sh\necho "$@" >>"{log}"\n', encoding="utf-8")
    fake.chmod(0o755)
    environment = clean_environment(PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    subprocess.run([ROOT / ".ci/run"], cwd=tmp_path, env=environment, check=True)
    called = log.read_text(encoding="utf-8").splitlines()
    assert called == ["lint", "-j 3 test test-slow download", "test-pages"]
    assert {word for line in called for word in line.removeprefix("-j 3 ").split()} <= targets()


PROCESSOR = """
import numpy, threadpoolctl, torch
from numpy._core._multiarray_umath import __cpu_features__ as features

level = torch.backends.cpu.get_cpu_capability()
pools = [pool for pool in threadpoolctl.threadpool_info() if "numpy" in pool["filepath"]]
(blas,) = {pool["architecture"] for pool in pools}
print(features["X86_V3"] or features["X86_V4"], blas, level)
"""


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="names of other processors"
)
def test_older_turns_off_what_newer_processors_have():
    """A name that a library does not know it ignores, and the chapters would run as before."""
    (older,) = re.findall(r"^OLDER := ((?:.*\\\n)*.*)$", read("Makefile"), flags=re.MULTILINE)
    settings = dict(word.split("=", 1) for word in shlex.split(older.replace("\\\n", " ")))

    def seen(**environment):
        command = [sys.executable, "-c", PROCESSOR]
        return subprocess.check_output(command, env=os.environ | environment, text=True).split()

    assert seen(**settings) == ["False", "Nehalem", "DEFAULT"]
    assert len(settings) == 3
    for name in settings:  # each is needed, where there is something to turn off
        without = seen(**{key: value for key, value in settings.items() if key != name})
        assert without != ["False", "Nehalem", "DEFAULT"] or seen()[0] == "False"


def test_continuous_integration_stops_at_the_first_failure(tmp_path):
    fake, log = tmp_path / "make", tmp_path / "log"
    fake.write_text(f'#!/bin/sh\necho "$@" >>"{log}"\nexit 3\n', encoding="utf-8")
    fake.chmod(0o755)
    environment = clean_environment(PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    done = subprocess.run([ROOT / ".ci/run"], cwd=tmp_path, env=environment)
    assert done.returncode != 0
    assert len(log.read_text(encoding="utf-8").split()) == 1


def test_help_lists_every_target():
    done = make("help")
    assert done.returncode == 0, done.stderr
    listed = dict(re.findall(r"^ *make ([a-z-]+) +(\S.*)$", done.stdout, flags=re.MULTILINE))
    assert set(listed) == targets()
    assert make().stdout == done.stdout, "make alone shows the same"


@pytest.mark.parametrize("target", sorted(targets()))
def test_a_target_has_a_recipe_that_make_understands(target):
    done = make("--dry-run", target)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


# What must not be in any file. In pieces, so that this file does not hold it.
FORBIDDEN = [
    *("/work" + "/", "/root" + "/", "/tmp" + "/w", "/opt" + "/", "/Users" + "/", "C:" + "\\Users"),
    *("pypi" + ".org", "python" + "hosted", "npmjs" + ".", "npm" + "mirror", "anaconda" + ".org"),
]


def project_files():
    """Every file of the project, committed or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )
    if listed.returncode != 0:
        pytest.skip("this is no git checkout")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def forbidden_in(text):
    text = re.sub(r'"image/png": *"[^"]*"', "", text)  # any letters may follow each other there
    return [word for word in FORBIDDEN if word in text]


def test_no_file_names_a_machine_or_a_registry():
    files = project_files()
    assert len(files) > 30
    found = {}
    for name in files:
        if words := forbidden_in((ROOT / name).read_bytes().decode(errors="ignore")):
            found[name] = words
    assert found == {}


@pytest.mark.parametrize("word", FORBIDDEN)
def test_a_forbidden_word_is_noticed(word):
    assert forbidden_in(f"see {word} there") != []
    assert forbidden_in(f'{{"image/png": "abc{word}def"}}') == []


# Slow: make in a fresh copy, and the wheel.


@pytest.fixture
def fresh(tmp_path):
    """What a fresh clone would hold: no .venv, nothing that git ignores."""
    return copy_to(tmp_path / "clone")


def copy_to(folder):
    for name in project_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


def one_clear_line(done):
    """The line of a failed make; make itself adds one with the name of the target."""
    assert done.returncode != 0
    (line,) = (line for line in done.stderr.splitlines() if not re.match(r"make(\[\d\])?: ", line))
    assert "Traceback" not in done.stdout + done.stderr
    return line


@pytest.mark.slow
@pytest.mark.parametrize("target", ["book", "test"])
def test_a_python_that_is_too_old_is_refused_in_one_line(fresh, tmp_path, target):
    old = tmp_path / "old-python"
    old.write_text(
        '#!/bin/sh\nif [ "$1" = --version ]; then echo Python 3.9.18; else exit 1; fi\n',
        encoding="utf-8",
    )
    old.chmod(0o755)
    line = one_clear_line(make(target, f"PYTHON={old}", cwd=fresh))
    assert "needs Python 3.11 or newer" in line
    assert "Python 3.9.18" in line and "make PYTHON=" in line
    assert not (fresh / ".venv").exists()


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["", "/nowhere/python3.11", "no-such-python"])
def test_a_missing_python_is_refused_in_one_line(fresh, missing):
    line = one_clear_line(make("book", f"PYTHON={missing}", cwd=fresh))
    assert "needs Python 3.11 or newer" in line and "make PYTHON=" in line
    assert not (fresh / ".venv").exists()


@pytest.mark.slow
def test_a_registry_out_of_reach_is_one_line(fresh):
    environment = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_RETRIES": "0",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    elsewhere = {"PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"}
    done = make(
        "book", f"PYTHON={sys._base_executable}", cwd=fresh, without=elsewhere, **environment
    )
    line = one_clear_line(done)
    assert "registry could not be reached" in line
    assert "PIP_ARGS" in line and ".venv/install.log" in line
    assert (fresh / ".venv/install.log").is_file()
    assert not (fresh / ".venv/.book").exists(), "the next make must try again"


GROUPED = """
import pytest

{mark}
@pytest.mark.parametrize("n", range(4))
def test_one(n, worker_id):
    with open({log!r}, "a") as log:
        log.write(worker_id + " ")
"""


@pytest.mark.thorough
@pytest.mark.parametrize(("mark", "workers"), [('@pytest.mark.xdist_group("one")', 1), ("", 2)])
def test_tests_of_a_group_run_where_what_is_slow_to_make_was_made(tmp_path, mark, workers):
    """Which pytest-xdist forgets without a word beside a pytest that it does not know."""
    log = tmp_path / "log"
    text = GROUPED.format(mark=mark, log=str(log))
    (tmp_path / "test_grouped.py").write_text(text, encoding="utf-8")
    (options,) = re.findall(r"^TWICE := (.+)$", MAKEFILE, re.MULTILINE)
    command = [sys.executable, "-m", "pytest", "-q", *options.split(), "test_grouped.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(set(log.read_text(encoding="utf-8").split())) == workers


HANGING = """
import threading

import pytest


@pytest.mark.parametrize("n", range(6))
def test_one(n):
    if n == 2:
        threading.Event().wait()
"""


@pytest.mark.thorough
def test_a_test_that_hangs_is_named_and_the_others_are_run(tmp_path):
    """Without it a browser that never answers takes all the time there is, and has no name."""
    soon = read("pyproject.toml").replace("timeout = 590", "timeout = 1")
    soon = soon.replace("timeout = 600", "timeout = 2")
    (tmp_path / "pyproject.toml").write_text(soon, encoding="utf-8")
    (tmp_path / "test_hanging.py").write_text(HANGING, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "test_hanging.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=180)
    assert done.returncode == 1 and "1 failed, 5 passed" in done.stdout
    assert "FAILED test_hanging.py::test_one[2]" in done.stdout
    assert re.search(r'test_hanging.py", line \d+ in test_one', done.stderr), "where it hangs"


def of_built(test):
    """The tests of what is built are a group, which builds it once."""
    return pytest.mark.slow(pytest.mark.xdist_group("built")(test))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The source distribution and, built from it, the wheel; needs a registry for hatchling."""
    source = copy_to(tmp_path_factory.mktemp("source"))
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", source / "dist", source],
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,) = (source / "dist").glob("*.tar.gz")
    (wheel,) = (source / "dist").glob("*.whl")
    return sdist, wheel


@of_built
def test_what_the_wheel_holds(built):
    names = zipfile.ZipFile(built[1]).namelist()
    assert {name.partition("/")[0] for name in names} == {
        "adamtut",
        f"adamtut-{adamtut.__version__}.dist-info",
    }
    assert "adamtut/py.typed" in names
    held = {name for name in names if name.startswith("adamtut/results/")}
    assert held == {f"adamtut/results/{p.name}" for p in (ROOT / "book/results").glob("*.json")}
    sources = {p.relative_to(ROOT).as_posix() for p in (ROOT / "adamtut").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == sources
    assert not [name for name in names if "tests" in name.split("/")]


@of_built
def test_what_the_wheel_says(built):
    with zipfile.ZipFile(built[1]) as wheel:
        (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(wheel.read(name))
    assert metadata["Version"] == adamtut.__version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert set(metadata.get_all("Provides-Extra")) == set(EXTRAS)
    needed = [r for r in metadata.get_all("Requires-Dist") if "extra ==" not in r]
    assert needed == PYPROJECT["project"]["dependencies"]


@of_built
def test_the_source_distribution_holds_the_project(built):
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    left_out = {name for name in project_files() if name not in names}
    assert {name.split("/")[0] for name in left_out} <= {".gitignore"}
