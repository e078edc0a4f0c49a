"""JupyterLab, driven as a runner does it: open a copy, change three numbers, Run All, look.

One chapter whose checks are folded, with an explorable, and one whose checks are in its cells. No
network but this machine.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest

import adamtut
from tools.book import ROOT
from tools.copies import notebooks, work
from tools.explore import build
from tools.setup.browser import browser

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("lab")]

SECONDS = 300  # for what needs a tenth of it on a machine of its own
# What a runner changes, three numbers a chapter.
EDITS = {
    "01_gradient_descent": [
        ("x - 0.25 * d", "x - 0.2 * d"),
        ("kappas = [10, 100, 1000]", "kappas = [10, 200, 1000]"),
        ("tilt=0.1", "tilt=0.2"),
    ],
    "05a_adam": [
        ("30.0 * point", "20.0 * point"),
        ("eps=1e-8", "eps=1e-3"),
        ("range(1, 61)", "range(1, 41)"),
    ],
}
FAULTY = "faulty"
STATE = """() => jupyterapp.shell.currentWidget.content.widgets.map(cell => {
  const { model } = cell, is_code = model.type === "code";
  return {
    is_code,
    source: model.sharedModel.getSource(),
    count: is_code ? model.executionCount : null,
    folded: is_code && cell.inputHidden,
    hidden: cell.isHidden,
    collapsed: model.type === "markdown" && cell.headingCollapsed,
    outputs: is_code ? model.outputs.toJSON() : [],
  };
})"""
EDIT = """([before, after]) => {
  for (const { model } of jupyterapp.shell.currentWidget.content.widgets) {
    const source = model.sharedModel.getSource();
    if (model.type === "code" && source.includes(before)) {
      model.sharedModel.setSource(source.replace(before, after));
      return true;
    }
  }
  return false;
}"""
# A cell that waits has the state "running" too, or no count yet.
DONE = """() => {
  const { content, sessionContext } = jupyterapp.shell.currentWidget;
  const code = content.widgets.filter(cell => cell.model.type === "code");
  const waits = code.some(({ model }) => model.executionState === "running");
  return !waits && sessionContext.session?.kernel?.status === "idle"
    && code.some(({ model }) => model.executionCount);
}"""


def copies():
    """The notebooks of the chapters, as `make lab` makes them."""
    references = notebooks.read_references()
    for chapter in references.book.chapters:
        if chapter.copy in EDITS:
            yield (
                chapter.copy,
                notebooks.runner_copy(
                    nbformat.read(ROOT / chapter.file, as_version=4),
                    name=chapter.name,
                    address=None,
                    commit="",
                    version=adamtut.__version__,
                    references=references,
                ),
            )


def spoil(copied):
    """As a copy must not be: a failed check stops the run, and nothing is folded.

    Its first checks and its first solution are enough.
    """
    folded = next(n for n, cell in enumerate(copied.cells) if notebooks.COLLAPSED in cell.metadata)
    copied.cells = copied.cells[:20] + copied.cells[folded : folded + 3]
    for cell in copied.cells:
        for word in ("tags", "jupyter", notebooks.COLLAPSED):
            cell.metadata.pop(word, None)
        cell.source = cell.source.replace("\nsoften_checks()", "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The runner's, as far as it is needed here, and a faulty copy."""
    found = tmp_path_factory.mktemp("lab") / "work"
    made = dict(copies())
    files = {f"{name}.ipynb": nbformat.writes(copied) for name, copied in made.items()}
    spoil(made["01_gradient_descent"])
    files[f"{FAULTY}.ipynb"] = nbformat.writes(made["01_gradient_descent"])
    work.update(found, files)
    build.build(found)
    return found


@pytest.fixture(scope="module")
def address(folder):
    """JupyterLab's; it opens the folder."""
    jupyter = shutil.which("jupyter-lab", path=str(Path(sys.executable).parent))
    assert jupyter, "JupyterLab is missing: pip install with the extra `lab`, as make test does"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [jupyter, "--no-browser", "--expose-app-in-browser", "--allow-root"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"]
    home = folder.parent / "home"
    dropped = ("JUPYTER", "PIP_", "ADAMTUT")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        environment[proxy] = "http://127.0.0.1:9"
    environment |= {"HOME": str(home), "JUPYTER_TOKEN": "", "JUPYTER_PREFER_ENV_PATH": "1"}
    environment |= {"PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"}
    home.mkdir()
    command += ["--IdentityProvider.token=", "--LabApp.news_url=None"]
    with open(home / "log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}", server, home / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def wait_for(address, server, log):
    for _ in range(10 * SECONDS):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"{address}/api", timeout=5).close()
            return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise TimeoutError(f"JupyterLab does not answer after {SECONDS} seconds:\n{log.read_text()}")


@pytest.fixture(scope="module")
def asked():
    """The addresses that the pages asked for."""
    return []


@pytest.fixture(scope="module")
def pages(address, asked):
    """Each notebook open, changed, and run from its first cell to its last."""
    with browser() as chromium:
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        context.on("request", lambda request: asked.append(request.url))
        found = {}
        for name in (*EDITS, FAULTY):  # they run side by side
            found[name] = context.new_page()
            open_and_run(found[name], f"{address}/lab/workspaces/{name}/tree/{name}.ipynb", name)
        for page in found.values():
            page.wait_for_function(DONE, timeout=1000 * SECONDS)
        yield found


def open_and_run(page, address, name):
    page.goto(address)
    page.wait_for_function(
        "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status"
        " === 'idle'",
        timeout=1000 * SECONDS,
    )
    for edit in EDITS.get(name, EDITS["01_gradient_descent"][:1]):
        assert page.evaluate(EDIT, edit), f"no cell of {name} has {edit[0]!r}"
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()


def faults(cells):
    """What a runner must not see after Run All."""
    code = [cell for cell in cells if cell["is_code"]]
    stopped = [cell["source"][:50] for cell in code if not cell["count"]]
    if stopped:
        yield f"{len(stopped)} cells did not run, the first is {stopped[0]!r}"
    for cell in code:
        if any(output["output_type"] == "error" for output in cell["outputs"]):
            yield f"an error in {cell['source'][:50]!r}"
        if cell["source"].startswith("# @title") and not cell["folded"]:
            yield f"{cell['source'][:50]!r} is not folded"
    for number, cell in enumerate(cells):
        if cell["source"] == "#### Solution":
            if not cell["collapsed"]:
                yield f"a solution is open, cell {number}"
            if not cells[number + 1]["hidden"]:
                yield f"a solution is to be seen, cell {number + 1}"


def said(cell):
    streams = [o for o in cell["outputs"] if o["output_type"] == "stream"]
    return "".join("".join(o["text"]) for o in streams if o["name"] == "stderr")


@pytest.mark.parametrize("name", EDITS)
def test_after_three_changes_all_cells_run_and_what_was_folded_is(pages, name):
    cells = pages[name].evaluate(STATE)
    assert len(cells) > 50
    assert sum(cell["source"] == "#### Solution" for cell in cells) >= 4
    assert list(faults(cells)) == []


@pytest.mark.parametrize("name", EDITS)
def test_a_failed_check_says_so_and_the_others_are_silent(pages, name):
    words = [said(cell) for cell in pages[name].evaluate(STATE) if cell["is_code"]]
    assert len(list(filter(None, words))) >= 2
    for text in filter(None, words):
        assert re.match(r"✗ The book expects  .+\n  Here  .+  is  .+", text)
    assert words[0] == "" and sum(text == "" for text in words) > len(words) / 2
    assert pages[name].get_by_text("✗ The book expects").count() >= 2


def test_a_run_that_stops_and_a_solution_in_sight_are_noticed(pages):
    found = "\n".join(faults(pages[FAULTY].evaluate(STATE)))
    assert re.search(r"\d+ cells did not run", found)
    assert "an error in" in found and "is not folded" in found
    assert "a solution is open" in found and "a solution is to be seen" in found


def test_the_explorable_is_there_and_moves(pages):
    pages["05a_adam"].bring_to_front()  # out of sight nothing is drawn
    pages["05a_adam"].locator('iframe[src*="streams"]').scroll_into_view_if_needed()
    (frame,) = (f for f in pages["05a_adam"].frames if "/files/explore/streams.html" in f.url)
    assert "preset=agree,alternate" in frame.url, "it begins as in the book"
    frame.wait_for_function(
        "document.querySelectorAll('svg *').length > 100", timeout=1000 * SECONDS
    )
    high = frame.evaluate("document.documentElement.scrollHeight - innerHeight")
    assert high <= 0, f"{high} px of it are cut off"
    before = frame.locator("body").inner_text()
    frame.locator("input[type=range]:visible").first.press("ArrowLeft")
    frame.wait_for_function("before => document.body.innerText !== before", arg=before)


def test_nothing_is_asked_of_another_machine(pages, address, asked):
    assert len(asked) > 20
    schemes = (address, address.replace("http", "ws"), "data:", "blob:", "about:")
    assert [url for url in asked if not url.startswith(schemes)] == []
