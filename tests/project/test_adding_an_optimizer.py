"""CONTRIBUTING's way to a new optimizer, followed word for word in a copy of the project."""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from tools.book import ROOT

# What may speak of a rule. Its doctests come last: pytest imports a file that it is given anew,
# unless it was imported before, and then there would be two of each rule.
SUITES = [
    *("tests/rules", "tests/optim", "tests/book/test_notation.py", "tests/book/test_plot.py"),
    *("tests/site/test_api.py", "tests/site/test_conventions_page.py"),
    *("tests/site/test_explore.py", "tests/site/test_formulas.py"),
    *("tests/site/test_translate.py", "adamtut/rules.py"),
]
# The tests that name Signum, and those that hold a table to the list of rules or classes.
LISTS = [
    "test_every_rule_has_its_row_and_two_oracles",
    "test_the_registry_lists_every_rule_in_the_order_of_the_file",
    "test_every_rule_is_compared_with_every_library_that_has_it",
    "test_every_rule_has_a_class",
    "test_no_class_is_lost",
    "test_every_drop_in_with_a_counterpart_has_an_oracle",
    "test_the_database_has_every_class_with_a_counterpart",
    "test_the_table_of_rules_is_what_the_signatures_say",
    "test_every_source_is_in_the_bibliography",
    "test_the_table_of_optimizers_is_what_the_classes_say",
    "test_every_rule_and_every_call_has_its_table",
    "test_every_rule_names_its_classes",
    "test_posters_are_there_and_fresh",
    "test_paths_are_those_of_the_python_rules",
]


def section(text):
    """The section on optimizers."""
    (found,) = re.findall(r"^## Add an optimizer.*?(?=^## )", text, re.MULTILINE | re.DOTALL)
    return found


def instructions(text):
    """Each block of code with its place, (file, name of the list in it or None); and commands."""
    pieces = re.split(r"^```(\w*)\n(.*?)^```\n", text, flags=re.MULTILINE | re.DOTALL)
    place, edits, commands = None, [], []
    for prose, language, code in zip(pieces[0::3], pieces[1::3], pieces[2::3], strict=False):
        named = re.findall(r"at the end of `([^`]+)`(?: in `([^`]+)`)?", " ".join(prose.split()))
        if language == "sh":
            commands += code.splitlines()
            continue
        assert named, f"the text does not say at the end of what this stands:\n{code}"
        first, second = named[-1]
        place = (second, first) if second else (first, None)
        edits.append((*place, code))
    return edits, commands


def places(text):
    """The files that one has to write to, whether the example does or not."""
    words = " ".join(text.split())
    return {
        file or name
        for name, file in re.findall(r"at the end of `([^`]+)`(?: in `([^`]+)`)?", words)
    }


def insert(source, name, code):
    """The source with the code at its end, or at the end of the list or table of this name."""
    if name is None:
        return f"{source}\n\n{code}"
    (found,) = (
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target) == name
    )
    lines = source.splitlines(keepends=True)
    lines.insert(found.end_lineno - 1, code)  # before the line of the bracket
    return "".join(lines)


def run(root, *command, timeout=900):
    return subprocess.run(
        command,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The project, as it is after the instructions."""
    root = tmp_path_factory.mktemp("copy") / "project"
    ignored = shutil.ignore_patterns(".*", "_build", "__pycache__", "work", "dist")
    shutil.copytree(ROOT, root, ignore=ignored)
    edits, commands = instructions(section((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    for file, name, code in edits:
        path = root / file
        path.write_text(insert(path.read_text(encoding="utf-8"), name, code), encoding="utf-8")
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "python"
        done = run(root, sys.executable, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    return root


def test_the_text_names_at_most_six_places_which_are_there():
    text = section((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    named = places(text)
    assert len(named) <= 6 and all((ROOT / file).is_file() for file in named)
    assert len(re.findall(r"^\*\*\d\. ", text, re.MULTILINE)) == len(named)
    edits, commands = instructions(text)
    assert {file for file, *_ in edits} <= named and len(edits) >= 6 and len(commands) == 2


def test_a_block_without_a_place_is_noticed():
    with pytest.raises(AssertionError, match="at the end of what"):
        instructions("Write this:\n\n```python\nx = 1\n```\n")


def test_a_line_goes_to_the_end_of_its_list():
    source = "A = [\n    1,\n]\nB: dict = {\n    2: 3,\n}\n"
    assert insert(source, "A", "    4,\n") == source.replace("    1,\n", "    1,\n    4,\n")
    assert insert(source, "B", "    4: 5,\n") == source.replace("3,\n", "3,\n    4: 5,\n")
    assert insert(source, None, "C = 1\n") == source + "\n\nC = 1\n"


@pytest.mark.thorough
def test_what_the_text_says_is_enough(copy):
    found = run(copy, sys.executable, "-c", "import adamtut; print(adamtut.__file__)").stdout
    assert found.startswith(str(copy)), found
    for tool in (["format", "--check"], ["check"]):
        done = run(copy, sys.executable, "-m", "ruff", *tool, ".")
        assert done.returncode == 0, done.stdout + done.stderr
    chosen = " or ".join(["ignum", *LISTS])
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-rA", "-k", chosen]
    done = run(copy, sys.executable, "-m", "pytest", *options, *SUITES)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    passed = re.findall(r"^PASSED (\S+)", done.stdout, re.MULTILINE)
    assert [name for name in LISTS if not any(name in test for test in passed)] == []
    silent = [suite for suite in SUITES if not any(test.startswith(suite) for test in passed)]
    assert silent == []
    assert len([test for test in passed if "ignum" in test]) > 150
