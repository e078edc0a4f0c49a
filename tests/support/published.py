"""The book built with the address of a repository, as it is published."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.address import SETTING
from tools.book import BUILD, ROOT


def build(folder, setting):
    """Over the pages of the book without an address, of which none must stay as it is."""
    shutil.copytree(BUILD / "html", folder / "_build" / "html")
    shutil.copytree(BUILD / ".doctrees", folder / "_build" / ".doctrees")
    command = [Path(sys.executable).with_name("jupyter-book"), "build", str(ROOT)]
    command += ["--path-output", str(folder), "-W", "-n", "--keep-going", "--quiet"]
    done = subprocess.run(
        command, env=os.environ | {SETTING: setting}, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build" / "html"
