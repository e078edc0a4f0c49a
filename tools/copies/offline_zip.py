"""The zip that runs offline, OUT/adamtut-notebooks.zip.

    python -m tools.copies.offline_zip NOTEBOOKS OUT

It holds the runner's copies that `make notebooks` wrote into NOTEBOOKS, and beside them the wheel
that their setup cell installs.
"""

import subprocess
import sys
import tempfile
import textwrap
import zipfile
from pathlib import Path

from tools.book import ROOT, Book
from tools.book import read as read_book
from tools.copies import notebooks

NAME = "adamtut-notebooks"

README = """\
{title}: the notebooks

You need Python 3.11 or newer. In this folder, once, with a network:

    {install}

{torch}

    {torch_cpu}

From then on no network is needed:

    jupyter lab

The first cell of each notebook installs adamtut from the file {wheel} beside it.

The chapters, each with its question and its notebook:

{chapters}
"""


def build_wheel(folder: Path) -> Path:
    """The checkout as a wheel; pip fetches hatchling, which builds it."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    if done.returncode != 0:
        sys.exit(f"pip could not build the wheel of {ROOT}:\n{done.stdout}{done.stderr}")
    (wheel,) = folder.glob("adamtut-*.whl")
    return wheel


def readme(book: Book, wheel: str) -> str:
    """What the zip says of itself, in plain text."""
    lines = [f"{c.heading}\n    {c.question}\n    {c.copy}.ipynb" for c in book.chapters]
    chapters = "\n".join([*lines, *(["", book.to_come] if book.to_come else [])])
    return README.format(
        title=book.title,
        install=notebooks.INSTALL,
        torch=textwrap.fill(notebooks.TORCH, 80),
        torch_cpu=notebooks.TORCH_CPU,
        wheel=wheel,
        chapters=chapters,
    )


def write_zip(folder: Path, wheel: Path, out: Path) -> Path:
    """The same content gives the same bytes: sorted names, and no time of day."""
    if not list(folder.glob("*.ipynb")):
        sys.exit(f"expected notebooks in {folder}, found none; `make notebooks` writes them")
    pages = folder.glob("explore/*.html")
    taken = [*folder.glob("*.ipynb"), *pages, folder / "requirements.txt", folder / "LICENSE"]
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in taken}
    files[wheel.name] = wheel.read_bytes()
    files["README.txt"] = readme(read_book(), wheel.name).encode()
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{NAME}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in sorted(files.items()):
            member = zipfile.ZipInfo(f"{NAME}/{name}")  # a folder, so that unpacking makes one
            member.external_attr = 0o644 << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return path


def main(copies: Path, out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_zip(copies, build_wheel(Path(folder)), out)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("expected two folders: python -m tools.copies.offline_zip NOTEBOOKS OUT")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
