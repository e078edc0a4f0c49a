"""tools/sphinx/katex.py: KaTeX is one for pages and styles; its server is waited for, and ends."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.setup import npm_package
from tools.sphinx import katex

# Makes the socket's file, and listens to it after so many seconds.
SLOW = """
import os, socket, sys, time
path, wait, pid = sys.argv[1:]
open(pid, "w").write(str(os.getpid()))
server = socket.socket(socket.AF_UNIX)
server.bind(path)
time.sleep(float(wait))
server.listen()
connection, _ = server.accept()
connection.sendall(b"here")
time.sleep(60)
"""


def server(folder, wait):
    command = [sys.executable, "-c", SLOW, str(folder / "katex.sock"), str(wait)]
    return SimpleNamespace(
        build_command=lambda socket: [*command, str(folder / "pid")],
        timeout_error=lambda seconds: TimeoutError(f"no server after {seconds} s"),
    )


def test_a_server_that_makes_its_file_before_it_listens_is_waited_for(tmp_path):
    node, connection = katex.start_katex(server(tmp_path, 0.5), tmp_path, timeout=30)
    assert connection.recv(4) == b"here"
    connection.close()
    node.kill()
    node.communicate()


def test_a_server_that_does_not_listen_is_ended(tmp_path):
    with pytest.raises(TimeoutError, match="no server after 1 s"):
        katex.start_katex(server(tmp_path, 60), tmp_path, timeout=1)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_style_sheet_of_another_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(katex, "BUILD", tmp_path)
    monkeypatch.setattr(npm_package, "version_of", lambda package: "0.1")
    with pytest.raises(ValueError, match=r"package.json has katex 0.1, expected 0.1\d"):
        katex.katex_css()


def test_what_npm_installs_is_known_by_its_content_and_not_by_its_host():
    _, lock = (path.read_text(encoding="utf-8") for path in npm_package.LISTS)
    packages = {name: found for name, found in json.loads(lock)["packages"].items() if name}
    assert [name for name, found in packages.items() if "integrity" not in found] == []
    assert "://" not in lock


def test_two_processes_may_install_at_once(tmp_path, monkeypatch):
    """As tests do while the book is built."""
    folder = tmp_path / "npm" / "content"

    def run(command, *, cwd, **options):  # and meanwhile another process has come to its end
        (Path(cwd) / "node_modules").mkdir()
        (folder / "node_modules").mkdir(parents=True)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(npm_package.subprocess, "run", run)
    npm_package.install(folder)
    assert list(folder.parent.iterdir()) == [folder]
    assert [path.name for path in folder.iterdir()] == ["node_modules"]


def test_what_cannot_be_put_in_its_place_is_an_error(tmp_path, monkeypatch):
    folder = tmp_path / "content"
    folder.write_text("a file", encoding="utf-8")
    done = SimpleNamespace(returncode=0)
    monkeypatch.setattr(npm_package.subprocess, "run", lambda *given, **options: done)
    with pytest.raises(NotADirectoryError):
        npm_package.install(folder)
