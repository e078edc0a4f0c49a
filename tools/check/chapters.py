"""Run chapters as who has installed the wheel: in empty folders, without a checkout or a network.

    python -m tools.check.chapters [book/05_adam.ipynb …]

nbval runs each cell, of all chapters where none is named, and compares what it prints with what is
stored.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

from tools.book import ROOT
from tools.book import read as read_book
from tools.copies.offline_zip import build_wheel

NBVAL = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=120", "--runxfail", "-q"]
# The last cell of each chapter: is the package the wheel's?
ORIGIN = """\
import sys

ours = [module for name, module in sys.modules.items() if name.partition(".")[0] == "adamtut"]
print({{module.__file__.startswith({folder!r}) for module in ours}})
"""


def install(wheel: Path, folder: Path) -> None:
    """Nothing but the wheel's content."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", folder, wheel], check=True)


def place(chapter: Path, folder: Path, site: Path) -> None:
    """A copy of the chapter alone in `folder`, with a cell that names another package's files."""
    notebook = nbformat.read(chapter, as_version=4)
    cell = nbformat.v4.new_code_cell(ORIGIN.format(folder=str(site)), execution_count=1)
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="{True}\n")]
    notebook.cells.append(cell)
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / chapter.name)


def environment(site: Path) -> dict[str, str]:
    """`site` comes before what is installed, and each way to a network ends at a closed door."""
    kept = {name: value for name, value in os.environ.items() if name != "ADAMTUT_DATA"}
    for proxy in ("http_proxy", "https_proxy"):
        kept |= dict.fromkeys((proxy, proxy.upper()), "http://127.0.0.1:9")
    return kept | {"PYTHONPATH": str(site)}


def faults(chapters: list[Path], site: Path, folder: Path) -> list[str]:
    """What is wrong besides what nbval prints."""
    for chapter in chapters:
        place(chapter, folder / chapter.stem, site)
    shutil.copy(ROOT / "conftest.py", folder)
    workers = ["-n", "2", "--dist", "loadfile"] if len(chapters) > 1 else ["-n", "0"]
    command = [sys.executable, "-m", "pytest", *NBVAL, *workers, "-p", "no:cacheprovider", folder]
    done = subprocess.run(command, cwd=folder, env=environment(site))
    found = [f"nbval ended with {done.returncode}"] if done.returncode else []
    for chapter in chapters:
        left = {path.name for path in (folder / chapter.stem).iterdir()} - {chapter.name}
        found += [f"{chapter.name} leaves {name} beside it" for name in sorted(left)]
    return found


def main(names: list[str]) -> None:
    chapters = [ROOT / name for name in names or (c.file for c in read_book().chapters)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        install(build_wheel(folder), folder / "site")
        if found := faults(chapters, folder / "site", folder / "chapters"):
            sys.exit("\n".join(found))


if __name__ == "__main__":
    main(sys.argv[1:])
