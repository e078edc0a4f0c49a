"""The workflows on GitHub, which cannot run here: what they call exists, and they may do little.

Each check has a planted fault in FAULTS, which it must name. The longer commands are scripts of
`tools`, which run here: against a local repository, and on a wheel built here.
"""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import yaml

import adamtut
from tools.address import NOTEBOOKS_BRANCH, SETTING, SOURCE_BRANCH
from tools.book import ROOT
from tools.check import package_tests
from tools.check import release as check_release

FOLDER = ROOT / ".github" / "workflows"
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yml"))}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)[1].split())
INSTALL = (ROOT / "tools" / "setup" / "install").read_text(encoding="utf-8")
# What make passes to a recipe's shell, tools/setup/install reads there.
VARIABLES = {*re.findall(r"\$\((\w+)\)", MAKEFILE), *re.findall(r"\$\{([A-Z_]+)", INSTALL)}
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
VERSIONS = {"3.11", "3.12", "3.13"}
PINNED = "3.11"


def parse(texts):
    workflows = {name: yaml.safe_load(text) for name, text in texts.items()}
    for workflow in workflows.values():
        workflow["on"] = workflow.pop(True)  # YAML 1.1 reads the word `on` as true
    return workflows


def jobs(workflows):
    """(Name for a message, workflow, job's name, job)."""
    for name, workflow in workflows.items():
        for key, job in workflow["jobs"].items():
            yield f"{name}.yml, job {key}", name, key, job


def every(found, key):
    """Every value of a key, however deep: the matrix is written out in each string."""
    if isinstance(found, dict):
        yield from (value for name, value in found.items() if name == key)
    values = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    for value in values:
        yield from every(value, key)


def combinations(job):
    """The job once for each combination of its matrix, with the values in place."""
    matrix = job.get("strategy", {}).get("matrix", {})
    for values in product(*matrix.values()):
        yield fill(job, dict(zip(matrix, values, strict=True)))


def fill(found, values):
    if isinstance(found, dict):
        return {key: fill(value, values) for key, value in found.items()}
    if isinstance(found, list):
        return [fill(value, values) for value in found]
    if isinstance(found, str):
        return re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda name: str(values[name[1]]), found)
    return found


def commands(job):
    """The words of each command that the job runs, one a line."""
    for script in every(job.get("steps", []), "run"):
        for line in script.splitlines():
            if words := shlex.split(line, comments=True):
                yield words


# The checks: each yields what is wrong.


def shell(workflows):
    for where, _, _, job in jobs(workflows):
        for script in every(job, "run"):
            done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
            if done.returncode:
                yield f"{where}: bash cannot read {script!r}: {done.stderr.strip()}"
            elif re.search(r"[;|&<>`]|\$\(|\\$", script):
                yield f"{where}: {script!r} is more than one command a line; make it a tool"


def calls(workflows):
    for where, _, _, job in jobs(workflows):
        for one in combinations(job):
            installed = {"pip"}
            for words in commands(one):
                yield from (f"{where}: {wrong}" for wrong in call(words, installed))


def call(words, installed):
    match words:
        case ["make", *arguments]:
            variables = [word.partition("=")[0] for word in arguments if "=" in word]
            targets = [word for word in arguments if "=" not in word]
            if not targets:
                yield "make without a target"
            yield from (f"no target {name!r}" for name in targets if name not in TARGETS)
            yield from (f"no variable {name!r}" for name in variables if name not in VARIABLES)
        case ["python", "-m", "pip", "install", *packages]:
            installed.update(packages)
        case ["python", "-m", module, *_] if module.startswith("tools."):
            if not (ROOT / module.replace(".", "/")).with_suffix(".py").is_file():
                yield f"no module {module!r}"
        case ["python", "-m", module, *_]:
            if module not in installed | sys.stdlib_module_names:
                yield f"python -m {module}: nothing installs {module!r}"
        case ["python" | "bash", script, *_]:
            if not (ROOT / script).is_file():
                yield f"no script {script!r}"
        case [script, *_]:
            if not script.startswith("tools/"):
                yield f"unknown command {script!r}"
            elif not os.access(ROOT / script, os.X_OK) or not (ROOT / script).is_file():
                yield f"no script {script!r} that can be run"


def folders(workflows):
    """What is handed on is made by the Makefile, or by python -m build."""
    made = {word for word in MAKEFILE.split() if word.startswith("_build/")}
    for where, name, _, job in jobs(workflows):
        all_commands = [c for other in workflows[name]["jobs"].values() for c in commands(other)]
        built = {"dist"} if ["python", "-m", "build"] in all_commands else set()
        paths = [*every(job, "path"), *(w for c in commands(job) for w in c if "_build" in w)]
        for path in paths:
            if path not in made | built:
                yield f"{where}: nothing makes {path!r}"


def pythons(workflows):
    for where, _, _, job in jobs(workflows):
        for one in combinations(job):
            versions = set(every(one, "python-version"))
            words = [word for command in commands(one) for word in command]
            named = {w.removeprefix("PYTHON=python") for w in words if w.startswith("PYTHON=")}
            if not versions <= VERSIONS:
                yield f"{where}: Python must be of {sorted(VERSIONS)}, got {listed(versions)}"
            if not named <= versions:
                yield f"{where}: make uses Python {listed(named)}, not {listed(versions)}"
    tested = {
        version
        for job in workflows["test"]["jobs"].values()
        for one in combinations(job)
        for version in every(one, "python-version")
    }
    if tested != VERSIONS:
        yield f"test.yml: tests on {listed(tested)}, expected {sorted(VERSIONS)}"


def listed(versions):
    """In order; a version without quotes is a number to YAML, and 3.10 is then 3.1."""
    return sorted(versions, key=str)


def targets_of_ci():
    lines = re.findall(r"^run (?:-j \d )?(.*)$", CI, flags=re.MULTILINE)
    return with_needed([name for line in lines for name in line.split()])


def with_needed(names):
    """The targets, and those that they make first or themselves."""
    found, todo = set(), [*names]
    while todo:
        found.add(name := todo.pop())
        if rule := re.search(rf"^{name}:(.*?)##.*\n((?:\t.*\n)*)", MAKEFILE, flags=re.MULTILINE):
            needed = {*rule[1].split(), *re.findall(r"\$\(MAKE\) (\S+)", rule[2])}
            todo += (needed & TARGETS) - found
    return found


# A target that only makes others in order.
PARTS = {"test-browser": {"download", "test-pages"}}


def coverage(workflows):
    """Each target that tests is run, and .ci/run on the Python of the pins."""
    called = targets_of_ci()
    yield from (f".ci/run: no target {name!r}" for name in called - TARGETS)
    pinned = set()
    for job in workflows["test"]["jobs"].values():
        for one in combinations(job):
            called |= {word for c in commands(one) if c[0] == "make" for word in c[1:]}
            if ["bash", ".ci/run"] in commands(one):
                pinned |= set(every(one, "python-version"))
    if pinned != {PINNED}:
        yield f"test.yml: .ci/run must run on Python {PINNED}, the pins' own, got {sorted(pinned)}"
    for name in sorted(TARGETS):
        tests = name.startswith("test") or name in {"lint", "book", "download"}
        if tests and not PARTS.get(name, {name}) <= called:
            yield f"test.yml: neither it nor .ci/run runs make {name}"


# What a job may write, and to do what.
WRITERS = {
    ("publish", "notebooks"): {"contents": "write"},  # to push a branch
    ("publish", "deploy"): {"pages": "write", "id-token": "write"},  # to deploy the pages
    ("release", "publish"): {"id-token": "write"},  # to be known to the registry
}


def permissions(workflows):
    for name, workflow in workflows.items():
        found = workflow.get("permissions")
        if found != {"contents": "read"}:
            yield f"{name}.yml: permissions must be contents: read, got {found}"
    for where, name, key, job in jobs(workflows):
        allowed = WRITERS.get((name, key))
        if job.get("permissions") != allowed:
            yield f"{where}: permissions must be {allowed}, got {job.get('permissions')}"


def secrets(workflows):
    for where, _, _, job in jobs(workflows):
        text = yaml.safe_dump(job)
        if re.search(r"secrets\b|password|github\.token", text):
            yield f"{where}: names a secret; none is needed"


def the_address(workflows):
    """The repository's own, wherever pages or copies are built to be published."""
    for where, name, _, job in jobs(workflows):
        builds = name == "publish" and any(c[0] == "make" for c in commands(job))
        found = [*every(job, SETTING)]
        if builds and not found:
            yield f"{where}: publishes pages without {SETTING}"
        for value in found:
            if value != "${{ github.repository }}":
                yield f"{where}: {SETTING} must be ${{{{ github.repository }}}}, got {value!r}"


def triggers(workflows):
    expected = {
        "publish": {"push": {"branches": [SOURCE_BRANCH]}, "workflow_dispatch": None},
        "release": {"push": {"tags": ["v*"]}},
    }
    for name, on in expected.items():
        if workflows[name]["on"] != on:
            yield f"{name}.yml: must run on {on}, got {workflows[name]['on']}"
    if set(workflows["test"]["on"]) != {"pull_request", "workflow_call", "workflow_dispatch"}:
        yield "test.yml: must run on pull requests, when called and by hand"
    weekly = workflows["weekly"]["on"]
    (cron,) = every(weekly, "cron")
    if "workflow_dispatch" not in weekly or not re.fullmatch(r"\d+ \d+ \* \* [0-6]", cron):
        yield f"weekly.yml: must run once a week and by hand, got {weekly}"
    if (
        workflows["publish"]["jobs"]["build"].get("if")
        != f"github.ref == 'refs/heads/{SOURCE_BRANCH}'"
    ):
        yield f"publish.yml: must publish {SOURCE_BRANCH} alone"


def order(workflows):
    """What a job waits for exists, and nothing goes out before the tests passed."""
    for where, name, _, job in jobs(workflows):
        missing = set(needs(job)) - set(workflows[name]["jobs"])
        yield from (f"{where}: needs {other!r}, which is no job" for other in sorted(missing))
    for name, key in WRITERS:
        if "test" not in before(workflows[name]["jobs"], key):
            yield f"{name}.yml, job {key}: does not wait for the tests"
    if "notebooks" not in before(workflows["publish"]["jobs"], "deploy"):
        yield "publish.yml: the pages must wait for the copies that their buttons open"
    for name in ("publish", "release"):
        if workflows[name].get("concurrency") != {"group": name, "cancel-in-progress": False}:
            yield f"{name}.yml: two runs at once could publish in the wrong order"


def needs(job):
    found = job.get("needs", [])
    return [found] if isinstance(found, str) else found


def before(all_jobs, key):
    """Every job that has succeeded when this one starts."""
    direct = [name for name in needs(all_jobs[key]) if name in all_jobs]
    return set(direct).union(*(before(all_jobs, name) for name in direct))


def actions(workflows):
    for where, _, _, job in jobs(workflows):
        for used in every(job, "uses"):
            if used.startswith("./"):
                called = workflows.get(Path(used).stem, {"on": {}})
                if not (ROOT / used).is_file() or "workflow_call" not in called["on"]:
                    yield f"{where}: no workflow {used!r} that can be called"
                    continue
                inputs = (called["on"]["workflow_call"] or {}).get("inputs", {})
                for name in set(job.get("with", {})) - set(inputs):
                    yield f"{where}: {used!r} has no input {name!r}"
            elif not re.fullmatch(r"[\w-]+/[\w-]+@(release/)?v\d+", used):
                yield f"{where}: {used!r} must end in a major version, as in @v4"


def browsers(workflows):
    """What prints or opens pages has Chromium."""
    for where, _, _, job in jobs(workflows):
        found = False
        for words in commands(job):
            found = found or words == ["tools/setup/need_chromium"]
            opens = words[0] == "make" and {"pdf", "test-pages"} & with_needed(words[1:])
            if opens and not found:
                yield f"{where}: {shlex.join(words)} needs tools/setup/need_chromium before it"


def artifacts(workflows):
    for where, name, key, job in jobs(workflows):
        earlier = [workflows[name]["jobs"][other] for other in before(workflows[name]["jobs"], key)]
        uploaded = {s["with"].get("name") for e in earlier for s in using(e, "upload-artifact")}
        for step in using(job, "download-artifact"):
            if step["with"]["name"] not in uploaded:
                yield f"{where}: no earlier job uploads {step['with']['name']!r}"
        if using(job, "deploy-pages") and not any(
            using(e, "upload-pages-artifact") for e in earlier
        ):
            yield f"{where}: no earlier job uploads the pages"
        steps = [s for s in job.get("steps", []) if "run" in s]
        if steps and not using(job, "checkout"):
            yield f"{where}: runs commands without a checkout"


def using(job, action):
    return [s for s in job.get("steps", []) if s.get("uses", "").startswith(f"actions/{action}@")]


def limits(workflows):
    for where, _, _, job in jobs(workflows):
        if "uses" not in job and not 0 < job.get("timeout-minutes", 0) <= 120:
            yield f"{where}: needs timeout-minutes, or it may hang for six hours"


CHECKS = [
    shell,
    calls,
    folders,
    pythons,
    coverage,
    permissions,
    secrets,
    the_address,
    triggers,
    order,
    actions,
    browsers,
    artifacts,
    limits,
]

# Check, workflow, a text in it and what to put there; words of the message.
FAULTS = [
    (shell, "test", "run: make book", 'run: make "book', "bash cannot read"),
    (shell, "test", "run: make book", "run: make book || true", "more than one command"),
    (calls, "test", "run: make book", "run: make bock", "no target 'bock'"),
    (calls, "test", "run: make book", "run: make", "make without a target"),
    (calls, "test", "PYTHON=python", "PYTHONN=python", "no variable 'PYTHONN'"),
    (
        calls,
        "weekly",
        "make test CONSTRAINTS=",
        "make test CONSTRAINT=",
        "no variable 'CONSTRAINT'",
    ),
    (calls, "test", "bash .ci/run", "bash .ci/runs", "no script '.ci/runs'"),
    (
        calls,
        "publish",
        "tools/copies/push_notebooks",
        "tools/copies/push_books",
        "no script 'tools/copies/push_books'",
    ),
    (calls, "publish", "tools/copies/push_notebooks", "tools/address.py", "that can be run"),
    (calls, "release", "tools.check.release", "tools.check.tag", "no module 'tools.check.tag'"),
    (calls, "release", "pip install build", "pip install wheel", "nothing installs 'build'"),
    (calls, "release", "python -m build", "twine upload dist", "unknown command 'twine'"),
    (folders, "publish", "path: _build/html", "path: _build/site", "nothing makes '_build/site'"),
    (folders, "publish", "_build/notebooks origin", "_build/copies origin", "'_build/copies'"),
    (folders, "publish", "path: _build/html", "path: book", "nothing makes 'book'"),
    (folders, "release", "run: python -m build", "run: make book", "nothing makes 'dist'"),
    (actions, "publish", "pinned: true", "pins: true", "has no input 'pins'"),
    (browsers, "publish", "      - run: tools/setup/need_chromium\n", "", "make download needs"),
    (browsers, "test", "      - run: tools/setup/need_chromium\n", "", "make test-thorough needs"),
    (pythons, "test", '"3.13"', '"3.14"', "got ['3.14']"),
    (pythons, "test", '"3.13"]', "]", "expected ['3.11', '3.12', '3.13']"),
    (pythons, "weekly", '"3.13"', "3.10", "got ['3.1']"),
    (
        pythons,
        "weekly",
        "PYTHON=python${{ matrix.python }}",
        "PYTHON=python3.12",
        "uses Python ['3.12'], not",
    ),
    (coverage, "test", "make test-package", "make book", "make test-package"),
    (coverage, "test", "bash .ci/run", "make lint", "got []"),
    (
        coverage,
        "test",
        '"3.11"\n      - run: bash',
        '"3.12"\n      - run: bash',
        "got ['3.12']",
    ),
    (permissions, "test", "contents: read", "contents: write", "test.yml: permissions"),
    (permissions, "weekly", "permissions:\n  contents: read\n", "", "got None"),
    (permissions, "publish", "    permissions:\n      contents: write\n", "", "job notebooks"),
    (permissions, "publish", "      pages: write\n", "", "job deploy"),
    (
        permissions,
        "release",
        "    steps:\n      - uses: actions/checkout@v6\n",
        "    permissions: write-all\n    steps:\n      - uses: actions/checkout@v6\n",
        "got write-all",
    ),
    (
        secrets,
        "release",
        "gh-action-pypi-publish@release/v1",
        "gh-action-pypi-publish@release/v1\n        with: {password: x}",
        "names a secret",
    ),
    (the_address, "publish", "${{ github.repository }}", "ada/book", "got 'ada/book'"),
    (the_address, "publish", "ADAMTUT_REPOSITORY:", "REPOSITORY:", "without ADAMTUT_REPOSITORY"),
    (triggers, "publish", "branches: [main]", "branches: [master]", "publish.yml: must run on"),
    (triggers, "publish", "refs/heads/main", "refs/heads/master", "must publish main alone"),
    (triggers, "release", '"v*"', '"*"', "release.yml: must run on"),
    (triggers, "test", "  workflow_call:\n", "", "test.yml: must run on"),
    (triggers, "weekly", "17 4 * * 1", "17 4 * * *", "once a week"),
    (triggers, "weekly", "  workflow_dispatch:\n", "", "by hand"),
    (order, "publish", "needs: test", "needs: tests", "needs 'tests', which is no job"),
    (order, "publish", "    needs: test\n", "", "does not wait for the tests"),
    (order, "release", "[test, build]", "[build]", "does not wait for the tests"),
    (order, "publish", "[build, notebooks]", "[build]", "must wait for the copies"),
    (order, "publish", "group: publish", "group: test", "wrong order"),
    (
        actions,
        "test",
        "checkout@v6",
        "checkout@main",
        "'actions/checkout@main' must end in a major",
    ),
    (actions, "test", "checkout@v6", "checkout", "'actions/checkout' must end in a major"),
    (actions, "publish", "/test.yml", "/tests.yml", "no workflow './.github/workflows/tests.yml'"),
    (actions, "publish", "/test.yml", "/weekly.yml", "that can be called"),
    (artifacts, "release", "    needs: [test, build]\n", "    needs: test\n", "uploads 'dist'"),
    (artifacts, "publish", "          name: notebooks\n", "          name: copies\n", "'copies'"),
    (artifacts, "publish", "upload-pages-artifact", "upload-artifact", "uploads the pages"),
    (artifacts, "weekly", "actions/checkout@", "actions/setup-node@", "without a checkout"),
    (limits, "publish", "    timeout-minutes: 10\n", "", "job notebooks: needs timeout-minutes"),
    (limits, "publish", "timeout-minutes: 10\n", "timeout-minutes: 600\n", "job notebooks"),
]


def test_there_are_four_workflows():
    assert set(TEXTS) == {"test", "publish", "release", "weekly"}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_workflows_pass(check):
    assert list(check(parse(TEXTS))) == []


@pytest.mark.parametrize(("check", "name", "old", "new", "words"), FAULTS)
def test_a_fault_is_named(check, name, old, new, words):
    head, found, tail = TEXTS[name].rpartition(old)
    assert found, f"{old!r} is no longer in {name}.yml"
    messages = list(check(parse(TEXTS | {name: head + new + tail})))
    assert any(words in message for message in messages), messages


def test_every_check_has_a_fault():
    assert {check for check, *_ in FAULTS} == set(CHECKS)


# What `make lint` leaves to others: the command, a file, a text in it and what to put there.
SCHEMA = "vendor.github-workflows"
LINTED = [
    (f"check-jsonschema --builtin-schema {SCHEMA}", "workflows/test.yml", "runs-on:", "run-on:"),
    ("check-jsonschema --builtin-schema vendor.dependabot", "dependabot.yml", "monthly", "often"),
    ("zizmor --offline --no-progress", "workflows/test.yml", "python@v6", "python"),
    ("shellcheck", "../.ci/run", 'make "$@"', "make $@"),
]


@pytest.fixture(scope="module")
def lint():
    """The commands of `make lint`."""
    return subprocess.check_output(["make", "-n", "lint"], cwd=ROOT, text=True)


@pytest.mark.thorough
@pytest.mark.parametrize(("command", "file", "old", "new"), LINTED)
def test_lint_finds_a_fault_in_a_workflow_or_script(lint, tmp_path, command, file, old, new):
    assert f"/{command} " in lint
    shutil.copytree(FOLDER.parent, tmp_path / ".github")  # with what is set there for zizmor
    path = tmp_path / ".github" / Path(file).name
    text = (FOLDER.parent / file).read_text(encoding="utf-8")
    program, *arguments = shlex.split(command)
    for content, code in ((text, 0), (text.replace(old, new), 1)):
        path.write_text(content, encoding="utf-8")
        run = [Path(sys.executable).parent / program, *arguments, path]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
        assert min(done.returncode, 1) == code, done.stdout + done.stderr


def test_lint_reads_every_script(lint):
    starts = {
        path: path.read_bytes()[:20] for path in (ROOT / "tools").rglob("*") if path.is_file()
    }
    scripts = {path for path, start in starts.items() if re.match(rb"#!.*sh\n", start)}
    (line,) = re.findall(r"/shellcheck (.*)", lint)
    assert {ROOT / name for name in line.split()} == scripts | {ROOT / ".ci" / "run"}


def test_the_actions_are_kept_up_to_date():
    text = (ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8")
    (update,) = yaml.safe_load(text)["updates"]
    assert update["package-ecosystem"] == "github-actions"


# tools/copies/push_notebooks, against a local repository.


def git(*arguments, cwd):
    identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone of an empty bare repository, with one commit on the source branch, pushed."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    git("init", "--quiet", "--bare", "origin.git", cwd=tmp_path)
    git("clone", "--quiet", "origin.git", "clone", cwd=tmp_path)
    folder = tmp_path / "clone"
    git("switch", "--quiet", "--orphan", SOURCE_BRANCH, cwd=folder)
    (folder / "README.md").write_text("main\n", encoding="utf-8")
    (folder / ".gitignore").write_text("_build/\n", encoding="utf-8")
    git("add", ".", cwd=folder)
    git("commit", "--quiet", "-m", "first", cwd=folder)
    git("push", "--quiet", "origin", SOURCE_BRANCH, cwd=folder)
    return folder


def write(folder, files):
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def push(clone, script="tools/copies/push_notebooks"):
    return subprocess.run(
        [ROOT / script, "_build/notebooks", "origin"], cwd=clone, capture_output=True, text=True
    )


def test_the_branch_holds_the_copies_and_nothing_else(clone):
    origin = clone.parent / "origin.git"
    main = git("rev-parse", "HEAD", cwd=clone)
    for text in ("old", "new"):
        files = {f"{text}.ipynb": text, "a.ipynb": text, "requirements.txt": "numpy\n"}
        write(clone / "_build" / "notebooks", files)
        done = push(clone)
        assert done.returncode == 0, done.stderr
        listed = git("ls-tree", "-r", "--name-only", NOTEBOOKS_BRANCH, cwd=origin).splitlines()
        assert set(listed) == set(files)
        assert git("show", f"{NOTEBOOKS_BRANCH}:a.ipynb", cwd=origin) == text
        assert git("rev-list", "--count", NOTEBOOKS_BRANCH, cwd=origin) == "1"
        assert main in git("log", "-1", "--format=%B", NOTEBOOKS_BRANCH, cwd=origin)
    branches = git("for-each-ref", "--format=%(refname:short)", cwd=origin).splitlines()
    assert set(branches) == {SOURCE_BRANCH, NOTEBOOKS_BRANCH}
    assert git("rev-parse", SOURCE_BRANCH, cwd=origin) == main
    assert git("rev-parse", "HEAD", cwd=clone) == main
    assert git("status", "--porcelain", cwd=clone) == ""


@pytest.mark.parametrize("files", [{}, {"readme.txt": "no notebook"}])
def test_a_folder_without_notebooks_is_not_pushed(clone, files):
    write(clone / "_build" / "notebooks", files)
    done = push(clone)
    assert done.returncode == 1
    assert done.stderr == (
        "expected notebooks in _build/notebooks, found none; make notebooks writes them\n"
    )
    assert NOTEBOOKS_BRANCH not in git("branch", "--list", cwd=clone.parent / "origin.git")


def test_a_push_that_is_refused_fails_the_step(clone):
    write(clone / "_build" / "notebooks", {"a.ipynb": "a"})
    shutil.rmtree(clone.parent / "origin.git")
    assert push(clone).returncode != 0


# tools/setup/need_chromium


def asked_of_apt(folder, browser):
    """What it asks of apt-get on a machine with this browser, or with none."""
    log = folder / "log"
    for name in ("apt-get", "sudo", *([browser] if browser else [])):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "$@" >>"{log}"\n', encoding="utf-8")
        program.chmod(0o755)
    (folder / "id").symlink_to(shutil.which("id"))
    need = ["/bin/sh", ROOT / "tools" / "setup" / "need_chromium"]
    subprocess.run(need, env={"PATH": str(folder)}, check=True, capture_output=True)
    return log.read_text(encoding="utf-8") if log.exists() else ""


# Those that tools/setup/browser.py finds on the PATH; it needs Playwright to be imported.
BROWSERS = [
    *("chromium-headless-shell", "google-chrome", "google-chrome-stable"),
    *("chromium", "chromium-browser"),
]


@pytest.mark.parametrize("name", BROWSERS)
def test_a_browser_that_is_there_is_enough(tmp_path, name):
    assert f'"{name}"' in (ROOT / "tools" / "setup" / "browser.py").read_text(encoding="utf-8")
    assert asked_of_apt(tmp_path, name) == ""


@pytest.mark.parametrize("name", ["", "firefox"])
def test_chromium_is_installed_where_none_is(tmp_path, name):
    assert "install -y -qq chromium-headless-shell" in asked_of_apt(tmp_path, name)


# tools/check/release.py


@pytest.fixture
def dist(tmp_path):
    for name in ("adamtut-1.2.3.tar.gz", "adamtut-1.2.3-py3-none-any.whl"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def front_page(tmp_path_factory, monkeypatch):
    page = tmp_path_factory.mktemp("root") / "README.md"
    page.write_text("pip install adamtut", encoding="utf-8")
    monkeypatch.setattr(check_release, "README", page)
    return page


def test_a_release_is_not_denied_on_the_front_page(dist, monkeypatch, front_page):
    monkeypatch.setattr(check_release, "installed_version", lambda wheel: "1.2.3")
    check_release.main("v1.2.3", dist)
    front_page.write_text(f"Clone it. {check_release.NO_RELEASE}", encoding="utf-8")
    with pytest.raises(SystemExit, match="say pip install adamtut"):
        check_release.main("v1.2.3", dist)


def test_the_front_page_says_it_in_these_words_if_at_all():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert ("no release" in text) == (check_release.NO_RELEASE in text)


def test_a_tag_must_be_the_version(dist, monkeypatch, front_page, capsys):
    monkeypatch.setattr(check_release, "installed_version", lambda wheel: "1.2.3")
    check_release.main("v1.2.3", dist)
    assert "adamtut-1.2.3-py3-none-any.whl" in capsys.readouterr().out
    for tag in ("1.2.3", "v1.2", "v1.2.3.post1", "v1.2.30"):
        with pytest.raises(SystemExit, match=rf"must be v1\.2\.3, .*got '{re.escape(tag)}'"):
            check_release.main(tag, dist)
    (dist / "adamtut-1.2.3.tar.gz").rename(dist / "adamtut-1.2.2.tar.gz")
    with pytest.raises(SystemExit, match=r"version 1\.2\.3, got adamtut-1\.2\.2\.tar\.gz"):
        check_release.main("v1.2.3", dist)


def test_nothing_but_one_wheel_and_its_source_is_published(dist):
    (dist / "adamtut-1.2.2-py3-none-any.whl").touch()
    with pytest.raises(SystemExit, match=r"one \.tar\.gz and one \.whl, got .*1\.2\.2"):
        check_release.distributions(dist)
    with pytest.raises(SystemExit, match=r"got \[\]"):
        check_release.distributions(dist / "empty")


@pytest.mark.slow
def test_the_built_wheel_passes_with_its_tag_alone(tmp_path):
    """The commands of release.yml; needs a registry."""
    dist = tmp_path / "dist"
    build = [sys.executable, "-m", "build", "--outdir", dist, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    root = tmp_path / "root"
    tool = root / "tools" / "check" / "release.py"
    tool.parent.mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "check" / "release.py", tool)
    (root / "README.md").write_text("pip install adamtut", encoding="utf-8")
    check = [sys.executable, tool]
    good = subprocess.run([*check, f"v{adamtut.__version__}", dist], capture_output=True, text=True)
    assert good.returncode == 0, good.stderr
    assert "the wheel works alone" in good.stdout
    bad = subprocess.run([*check, "v999.0", dist], capture_output=True, text=True)
    assert bad.returncode == 1 and "got 'v999.0'" in bad.stderr


# make … CONSTRAINTS=


@pytest.mark.parametrize(
    ("pinned", "environment", "expected"),
    [
        ("True", {}, "-c constraints.txt -e .[book]"),
        ("True", {"CONSTRAINTS": ""}, "--progress-bar off -e .[book]"),
        ("True", {"CONSTRAINTS": "mine.txt"}, "-c mine.txt -e .[book]"),
        ("False", {}, "--progress-bar off -e .[book]"),
    ],
)
def test_the_pins_are_used_on_their_python_unless_switched_off(
    tmp_path, pinned, environment, expected
):
    """With a Python that says whether it is the pins' own, and writes down what it is asked for."""
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\nif [ "$1" = -c ]; then echo {pinned}; else echo "$@" >>asked; fi\n',
        encoding="utf-8",
    )
    python.chmod(0o755)
    (tmp_path / ".venv").mkdir()
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    inherited = {k: v for k, v in os.environ.items() if k != "CONSTRAINTS"}
    install = ["tools/setup/install", python, "book"]
    subprocess.run(install, cwd=tmp_path, env=inherited | environment, check=True)
    (asked,) = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert asked.endswith(expected)


def test_make_hands_the_switch_to_the_installer(tmp_path):
    """A variable of make's command line reaches a recipe's environment."""
    (tmp_path / "Makefile").write_text("all:\n\t@env\n", encoding="utf-8")
    done = subprocess.run(["make", "CONSTRAINTS="], cwd=tmp_path, capture_output=True, text=True)
    assert "CONSTRAINTS=" in done.stdout.splitlines()


# tools/check/package_tests.py


def imports(path):
    """The modules that a file imports when it is imported itself."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    tried = [node for block in body if isinstance(block, ast.Try) for node in block.body]
    for node in [*body, *tried]:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]


TESTS = {path.stem: path for path in (ROOT / "tests").glob("*/*.py")}


def needs_torch(name):
    """Does the file NAME.py of the tests import PyTorch, itself or by another one of them?"""
    return name in TESTS and any(n == "torch" or needs_torch(n) for n in imports(TESTS[name]))


def test_pytorch_is_noticed_through_another_file(tmp_path, monkeypatch):
    for name, text in (("test_far", "import near"), ("near", "import torch")):
        monkeypatch.setitem(TESTS, name, tmp_path / f"{name}.py")
        TESTS[name].write_text(text, encoding="utf-8")
    assert needs_torch("test_optim")  # itself
    assert needs_torch("test_far")  # by near.py
    assert not needs_torch("test_data")


def test_every_test_of_the_package_without_pytorch_is_run():
    assert all((ROOT / name).is_file() for name in package_tests.TESTS)
    assert [name for name in package_tests.TESTS if needs_torch(Path(name).stem)] == []
    names = {f"test_{path.stem}" for path in (ROOT / "adamtut").iterdir()} & TESTS.keys()
    without = {TESTS[name].relative_to(ROOT).as_posix() for name in names if not needs_torch(name)}
    assert without and without <= set(package_tests.TESTS)


def test_the_doctests_that_are_left_out_are_those_of_modules_that_import_pytorch():
    files = sorted((ROOT / "adamtut").rglob("*.py"))
    found = [str(path.relative_to(ROOT)) for path in files if "torch" in imports(path)]
    left_out = package_tests.NEED_TORCH
    assert [name for name in found if not name.startswith(tuple(left_out))] == []
    assert [name for name in left_out if not any(one.startswith(name) for one in found)] == []


def test_a_run_with_pytorch_proves_nothing():
    with pytest.raises(SystemExit, match="PyTorch is installed"):
        package_tests.main()


@pytest.mark.parametrize(
    ("passes", "code", "message"),
    [
        (package_tests.LEAST - 1, 0, f"passed, expected at least {package_tests.LEAST}"),
        (package_tests.LEAST, 1, "^1$"),
    ],
)
def test_too_few_tests_or_a_failure_fail(monkeypatch, passes, code, message):
    def run(arguments, plugins):
        plugins[0].count = passes
        return code

    monkeypatch.setattr(package_tests.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(package_tests.pytest, "main", run)
    with pytest.raises(SystemExit, match=message):
        package_tests.main()


def test_enough_tests_pass(monkeypatch):
    def run(arguments, plugins):
        plugins[0].count = package_tests.LEAST
        return 0

    monkeypatch.setattr(package_tests.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(package_tests.pytest, "main", run)
    package_tests.main()


def test_skipped_and_failed_tests_do_not_count(pytester_file):
    passed = package_tests.Passed()
    pytest.main(["-q", "-p", "no:cacheprovider", "-n", "0", str(pytester_file)], plugins=[passed])
    assert passed.count == 1


@pytest.fixture
def pytester_file(tmp_path):
    path = tmp_path / "test_three.py"
    path.write_text(
        "import pytest\n\n\ndef test_a():\n    pass\n\n\ndef test_b():\n    assert 0\n\n\n"
        "def test_c():\n    pytest.skip()\n",
        encoding="utf-8",
    )
    return path
