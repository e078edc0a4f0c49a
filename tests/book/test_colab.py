"""Colab, rebuilt: its libraries and nothing of ours, its NumPy, a notebook in an empty folder.

The environment holds links to the libraries of this one, so that nothing is fetched but its NumPy.
There pip reaches one server, on this machine; it takes the place of the repository.
"""

import functools
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import adamtut
from tools.address import Address
from tools.book import ROOT
from tools.copies import notebooks, offline_zip
from tools.served import served

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("colab")]

REFERENCES = notebooks.read_references()
VERSION = adamtut.__version__
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# What the chapters and a kernel import. NumPy stands below, as old as Colab's.
LIBRARIES = ["ipykernel", "matplotlib", "pooch", "scikit-learn", "scipy", "torch", "tqdm"]
NUMPY = "2.0.2"
NOT_OURS = ["jupyter_book", "nbclient", "nbval", "pytest", "sphinx", "jax", "keras"]


def with_what_they_need(names):
    """Installed distributions and all that they require here, by name; NumPy left out."""
    found, todo = {}, list(names)
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in found or name == "numpy":
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # for another platform, or an extra
            continue
        required = found[name].requires or []
        todo += [re.match(r"[\w.-]+", r)[0] for r in required if "extra ==" not in r]
    return found


def link_libraries(site):
    for distribution in with_what_they_need(LIBRARIES).values():
        for top in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(distribution.locate_file(top))


def ask(python, code, **options):
    return subprocess.check_output([python, "-c", code], text=True, **options).strip()


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """The Python of the environment; it lacks adamtut."""
    folder = tmp_path_factory.mktemp("colab") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    site = Path(ask(python, "import sysconfig; print(sysconfig.get_path('purelib'))"))
    link_libraries(site)
    pip = [python, "-m", "pip", "install", "--quiet", "--no-deps", f"numpy=={NUMPY}"]
    subprocess.run(pip, check=True)
    (site / "google" / "colab").mkdir(parents=True)
    (site / "google" / "colab" / "__init__.py").touch()
    return python


@pytest.fixture
def python(colab):
    """The same, without what an earlier test installed."""
    command = [colab, "-m", "pip", "uninstall", "--yes", "--quiet", "adamtut"]
    subprocess.run(command, check=True, capture_output=True)
    return colab


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return offline_zip.build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A folder and the address at which it is served."""
    folder = tmp_path_factory.mktemp("served")
    with served(folder) as address:
        yield folder, address


@pytest.fixture
def source(wheel, server):
    """What pip is given."""
    folder, address = server
    shutil.copy(wheel, folder)
    return f"adamtut @ {address}/{wheel.name}"


@pytest.fixture
def demanding(wheel, server):
    """What pip is given, of a wheel that asks for a NumPy that nobody has."""
    folder, address = server
    path = folder / "demanding" / wheel.name
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".dist-info/METADATA"):
                content, times = re.subn(rb"(?m)^(Requires-Dist: numpy).*$", rb"\1>=99", content)
                assert times == 1
            new.writestr(name, content)
    return f"adamtut @ {address}/demanding/{wheel.name}"


@pytest.fixture(scope="module")
def hatchling(tmp_path_factory):
    """A folder with what builds the package."""
    folder = tmp_path_factory.mktemp("hatchling")
    (requirement,) = PYPROJECT["build-system"]["requires"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", folder, requirement]
    subprocess.run(command, check=True)
    return folder


def committed():
    """The files of the project, committed or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    if done.returncode != 0:
        pytest.skip("this is no git checkout")
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def stamped(chapter, source):
    notebook = nbformat.read(ROOT / "book" / f"{chapter}.ipynb", as_version=4)
    here = Address("ada", "book")
    options = {"address": here, "commit": "c0ffee", "version": VERSION, "references": REFERENCES}
    return notebooks.runner_copy(notebook, name=chapter, source=source, **options)


def only_setup(notebook):
    """The notebook up to its setup cell."""
    (first, *_) = [n for n, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    notebook.cells = notebook.cells[: first + 1]
    return notebook


BEFORE = "import google.colab"
LOADED = "import numpy\nloaded = numpy.__version__"
AFTER = """
import json, sys
from importlib import metadata
import adamtut, numpy
facts = {"file": adamtut.__file__, "loaded": numpy.__version__, "path": sys.path}
facts |= {name: metadata.version(name) for name in ("adamtut", "numpy")}
facts["ours"] = sorted({m.__file__ for n, m in sys.modules.items() if n.startswith("adamtut")})
print(json.dumps(facts))
"""


def environment(home):
    """No variable of ours, and no network but this machine."""
    dropped = ("PYTHON", "PIP_", "JUPYTER", "ADAMTUT", "VIRTUAL_ENV", "MPL", "IPYTHON", "XDG_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        kept |= dict.fromkeys((name, name.upper()), "http://127.0.0.1:9")
    kept |= {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1", "HOME": str(home)}
    return kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}


def run(notebook, python, folder, *before, **variables):
    """Run a notebook in an empty folder of Colab's machine; what its last cell finds there."""
    content, home, kernel = (folder / name for name in ("content", "home", "kernels/colab"))
    for new in (content, home, kernel):
        new.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Colab", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")

    path = content / "chapter.ipynb"
    nbformat.write(notebook, path)
    notebook = nbformat.read(path, as_version=4)
    code = nbformat.v4.new_code_cell
    notebook.cells = [*map(code, (BEFORE, *before)), *notebook.cells, code(AFTER)]
    client = NotebookClient(
        notebook,
        kernel_name="colab",
        timeout=240,
        resources={"metadata": {"path": content}},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder))
        client.execute(env=environment(home) | variables)  # raises at the first error of a cell
    assert [file.name for file in content.iterdir()] == [path.name]
    return notebook, json.loads(notebook.cells[-1].outputs[0].text)


def check(facts, python):
    """Complaints about what a run has left behind."""
    inside = python.parents[1]
    if facts["adamtut"] != VERSION:
        yield f"adamtut {facts['adamtut']} is there, not {VERSION}"
    if outside := [file for file in facts["ours"] if not Path(file).is_relative_to(inside)]:
        yield f"adamtut is imported from {outside}"
    if {facts["numpy"], facts["loaded"]} != {NUMPY}:
        yield f"NumPy {NUMPY} was replaced: {facts['numpy']}, loaded {facts['loaded']}"
    if str(ROOT) in facts["path"]:
        yield "the checkout is on the path"


def said_on_stderr(notebook):
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    return [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"]


def frames(notebook):
    """The addresses of the pages that a notebook's outputs frame."""
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    texts = [o.data.get("text/html", "") for o in outputs if "data" in o]
    return [link for text in texts for link in re.findall('<iframe[^>]* src="([^"?]+)', text)]


def test_the_environment_is_what_colab_has(python, tmp_path):
    code = "import importlib.util as u; print([n for n in {} if u.find_spec(n)])"
    asked = functools.partial(ask, python, env=environment(tmp_path), cwd=tmp_path)
    assert asked(code.format(["adamtut", *NOT_OURS])) == "[]"
    theirs = ["google.colab", "numpy", "torch", "sklearn", "scipy", "matplotlib", "IPython"]
    assert asked(code.format(theirs)) == str(theirs)
    assert asked("import numpy; print(numpy.__version__)") == NUMPY
    assert importlib.metadata.version("numpy") != NUMPY
    assert str(ROOT) not in asked("import sys; print(sys.path)")


# It trains a network, and has an explorable, folded checks and stored results. All chapters run
# with the wheel by tools/check/chapters.py, and test_notebooks.py holds the copies' code against
# theirs.
CHAPTER = "11_amsgrad"


def test_a_chapter_installs_the_package_and_runs(python, source, tmp_path):
    notebook, facts = run(stamped(CHAPTER, source), python, tmp_path, LOADED)
    assert list(check(facts, python)) == []
    assert said_on_stderr(notebook) == [], "no check fails"
    # There is no folder beside the notebook, so explorables come from the online book.
    source = (ROOT / "book" / f"{CHAPTER}.ipynb").read_text(encoding="utf-8")
    pages = re.findall(r"\{explore\} (\w+)", source)
    online = "https://ada.github.io/book/_static/explore"
    assert frames(notebook) == [f"{online}/{page}.html" for page in pages]


@pytest.mark.parametrize("before", [(), (LOADED,)], ids=["fresh", "NumPy loaded"])
def test_the_setup_cell_leaves_numpy_alone_whatever_the_wheel_asks_for(
    before, python, demanding, tmp_path
):
    notebook = only_setup(stamped("05_adam", demanding))
    _, facts = run(notebook, python, tmp_path, *before)
    assert list(check(facts, python)) == []


def test_the_archive_of_the_repository_installs_too(python, server, hatchling, tmp_path):
    """What a published notebook gives to pip: all files, zipped in a folder with the commit."""
    folder, address = server
    with zipfile.ZipFile(folder / "c0ffee.zip", "w") as archive:
        for file in committed():
            archive.write(ROOT / file, f"book-c0ffee/{file}")
    notebook = only_setup(stamped("05_adam", f"adamtut @ {address}/c0ffee.zip"))
    setup = notebook.cells[-1].source
    use = 'from adamtut.experiments import load\nload("small_rate")["seeds"][0]'
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in (use, setup)]
    notebook, facts = run(notebook, python, tmp_path, LOADED, PIP_FIND_LINKS=str(hatchling))
    assert list(check(facts, python)) == []
    # Run again, it finds what it installed by the address that pip wrote down.
    first, _, again, _ = [cell for cell in notebook.cells if cell.cell_type == "code"][-4:]
    assert first.outputs[0].text == f"Installing adamtut {VERSION}\n"
    assert again.source == setup and again.outputs == []


def test_a_wrong_address_is_named_in_the_setup_cell(python, server, tmp_path):
    source = f"adamtut @ {server[1]}/nothing.zip"
    with pytest.raises(CellExecutionError) as caught:
        run(stamped("05_adam", source), python, tmp_path)
    assert caught.value.ename == "RuntimeError"
    assert f"pip could not install {source}" in caught.value.evalue
    assert "404" in caught.value.evalue


def test_a_network_out_of_reach_is_named_in_the_setup_cell(python, tmp_path):
    """Also proves that the others have none: this is the address of a published notebook."""
    notebook = stamped("05_adam", None)
    with pytest.raises(CellExecutionError) as caught:
        run(notebook, python, tmp_path, PIP_RETRIES="0")
    assert caught.value.ename == "RuntimeError"
    assert "pip could not install adamtut @ https://github.com/ada/book/" in caught.value.evalue
    assert "proxy" in caught.value.evalue.lower()


# Planted faults.


@pytest.mark.thorough
def test_a_setup_cell_that_installs_dependencies_is_noticed(python, demanding, tmp_path):
    notebook = only_setup(stamped("05_adam", demanding))
    setup = notebook.cells[-1]
    assert '"--no-deps", ' in setup.source
    setup.source = setup.source.replace('"--no-deps", ', "")
    with pytest.raises(CellExecutionError) as caught:
        run(notebook, python, tmp_path, LOADED)
    assert "No matching distribution found for numpy>=99" in caught.value.evalue


@pytest.mark.thorough
def test_a_setup_cell_that_installs_nothing_is_noticed(python, source, tmp_path):
    notebook = only_setup(stamped("05_adam", source))
    setup = notebook.cells[-1]
    assert "\n    install_adamtut(" in setup.source
    setup.source = setup.source.replace("\n    install_adamtut(", "\n    print(")
    with pytest.raises(CellExecutionError, match="No module named 'adamtut'"):
        run(notebook, python, tmp_path)


@pytest.mark.parametrize(
    ("fact", "value", "said"),
    [
        ("adamtut", "0.0.9", f"adamtut 0.0.9 is there, not {VERSION}"),
        ("ours", [str(ROOT / "adamtut" / "__init__.py")], "adamtut is imported from"),
        ("numpy", "2.4.6", f"NumPy {NUMPY} was replaced: 2.4.6"),
        ("loaded", "2.4.6", f"NumPy {NUMPY} was replaced"),
        ("path", ["", str(ROOT)], "the checkout is on the path"),
    ],
)
def test_a_wrong_fact_is_noticed(fact, value, said, tmp_path):
    python = tmp_path / "venv" / "bin" / "python"
    ours = [str(tmp_path / "venv" / "lib" / "adamtut" / "__init__.py")]
    facts = {"adamtut": VERSION, "ours": ours, "numpy": NUMPY, "loaded": NUMPY, "path": [""]}
    assert list(check(facts, python)) == []
    (complaint,) = check(facts | {fact: value}, python)
    assert said in complaint
