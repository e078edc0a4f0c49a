"""tools/setup/install: where PyTorch comes from, and what is said of its size."""

import os
import shutil
import subprocess

import pytest

from tools.book import ROOT

INDEX = "https://example.org/cpu"
# In the place of Python: it writes down what pip is asked for.
FAKE = """#!/bin/sh
case "$*" in
    *version_info*) echo True ;;
    *find_spec*) exit {lacks_torch} ;;
    *) shift 2; echo "$@" >>"$(dirname "$0")/asked" ;;
esac
"""


@pytest.fixture
def install(tmp_path):
    shutil.copytree(ROOT / "tools" / "setup", tmp_path / "tools" / "setup")
    (tmp_path / ".venv").mkdir()

    def run(extras, *pip_args, index="", has_torch=False, system="Linux"):
        for name, text in {
            "python": FAKE.format(lacks_torch=int(not has_torch)),
            "uname": f"#!/bin/sh\necho {system}\n",
        }.items():
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o755)
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["tools/setup/install", "./python", extras, *pip_args],
            cwd=tmp_path,
            env={"PATH": path, "TORCH_INDEX": index},
            capture_output=True,
            text=True,
            check=True,
        )
        asked = (tmp_path / "asked").read_text().splitlines()
        (tmp_path / "asked").unlink()
        return done.stdout, asked

    return run


def test_an_index_is_asked_for_pytorch_alone(install):
    said, asked = install("book,lab,torch", index=INDEX)
    assert f"PyTorch comes from {INDEX}" in said
    first, second = (line.partition("--progress-bar off -c constraints.txt ")[2] for line in asked)
    assert first == f"--index-url {INDEX} torch"
    assert second == "-e .[book,lab,torch]"


def test_the_size_and_the_choice_are_said_first(install):
    said, asked = install("torch", "--quiet")
    assert "takes 6 GB" in said and "TORCH_INDEX=https://download.pytorch.org/whl/cpu" in said
    assert [line.partition("constraints.txt ")[2] for line in asked] == ["--quiet -e .[torch]"]


@pytest.mark.parametrize(
    ("extras", "options"),
    [
        ("book", {}),
        ("book", {"index": INDEX}),
        ("torch", {"has_torch": True}),
        ("torch", {"has_torch": True, "index": INDEX}),
        ("torch", {"system": "Darwin"}),
    ],
)
def test_nothing_is_said_of_pytorch_where_there_is_no_choice(install, extras, options):
    said, asked = install(extras, **options)
    assert "PyTorch" not in said and len(asked) == 1
