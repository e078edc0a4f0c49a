"""tools/check/chapters.py runs a chapter in an empty folder, and names what is wrong with one."""

import nbformat
import pytest

from tools.check import chapters

pytestmark = pytest.mark.slow

CODE = "import adamtut\nadamtut.x"


@pytest.fixture
def site(tmp_path):
    """A package that is not the checkout's."""
    package = tmp_path / "site" / "adamtut"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("x = 3\n")
    return tmp_path / "site"


def faults(tmp_path, site, code=CODE, stored="3"):
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    cell = nbformat.v4.new_code_cell(code, execution_count=1)
    data = {"text/plain": stored}
    cell.outputs = [nbformat.v4.new_output("execute_result", data=data, execution_count=1)]
    notebook.cells.append(cell)
    path = tmp_path / "01_one.ipynb"
    nbformat.write(notebook, path)
    return chapters.faults([path], site, tmp_path / "chapters")


def test_a_chapter_that_prints_what_is_stored_passes(tmp_path, site):
    assert faults(tmp_path, site) == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    "fault",
    [
        {"stored": "4"},
        # The checkout's package, where the cell that asks for its files says so.
        {"code": "import sys\nsys.path.remove({site!r})\nimport adamtut\n3"},
        {"code": f"open('left.txt', 'w').close()\n{CODE}"},
        {"code": f"import urllib.request as u\nu.urlopen('http://example.org', timeout=9)\n{CODE}"},
    ],
    ids=["another number", "another package", "a file", "a network"],
)
def test_one_that_does_not_is_named(tmp_path, site, fault, capfd):
    fault = {name: text.replace("{site!r}", repr(str(site))) for name, text in fault.items()}
    (found,) = faults(tmp_path, site, **fault)
    said = capfd.readouterr().out
    match fault:
        case {"stored": _}:
            assert found == "nbval ended with 1" and "reference" in said
        case {"code": code} if "left" in code:
            assert found == "01_one.ipynb leaves left.txt beside it"
        case {"code": code} if "urllib" in code:
            assert found == "nbval ended with 1" and "Connection refused" in said
        case _:
            assert found == "nbval ended with 1" and "{False}" in said
