"""The wheel in FOLDER works alone and is the version of TAG.

python -m tools.check.release TAG FOLDER
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

# It runs where nothing but the standard library is, so it does not import tools.book.
README = Path(__file__).parents[2] / "README.md"
# From an empty folder, with what the wheel itself brings: NumPy.
USE = """
import adamtut
from adamtut import descend, rules
assert abs(descend(rules.adam, lambda x: 2 * x, [1.0], lr=0.1, steps=200)[-1]).max() < 0.01
print(adamtut.__version__)
"""


# What the front page says until there is one.
NO_RELEASE = "There is no release on a registry yet."


def distributions(folder: Path) -> tuple[Path, Path]:
    """The source distribution and the wheel, of which there is one each."""
    files = sorted(path.name for path in folder.glob("*"))
    sdists, wheels = list(folder.glob("*.tar.gz")), list(folder.glob("*.whl"))
    if len(sdists) != 1 or len(wheels) != 1 or len(files) != 2:
        sys.exit(f"{folder} must hold one .tar.gz and one .whl, got {files}; empty it, build again")
    return sdists[0], wheels[0]


def installed_version(wheel: Path) -> str:
    """What a new environment with nothing but the wheel says."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "venv"
        venv.create(environment, with_pip=True)
        python = environment / "bin" / "python"
        install = [python, "-m", "pip", "install", "--quiet", wheel.resolve()]
        subprocess.run(install, check=True)
        use = [python, "-I", "-c", USE]
        done = subprocess.run(use, check=True, cwd=folder, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def main(tag: str, folder: str) -> None:
    sdist, wheel = distributions(Path(folder))
    version = installed_version(wheel)
    if tag != f"v{version}":
        sys.exit(
            f"the tag must be v{version}, as adamtut.__version__ is {version!r}; got {tag!r}. "
            "Change adamtut/__init__.py and tag the new commit, or delete the tag"
        )
    if not sdist.name.startswith(f"adamtut-{version}.tar"):
        sys.exit(f"the source distribution must be of version {version}, got {sdist.name}")
    if NO_RELEASE in README.read_text(encoding="utf-8"):
        sys.exit(
            f"README.md says {NO_RELEASE!r}, and the registry shows it: say pip install adamtut"
        )
    print(f"{wheel.name} and {sdist.name} are {tag}; the wheel works alone.")


if __name__ == "__main__":
    main(*sys.argv[1:])
