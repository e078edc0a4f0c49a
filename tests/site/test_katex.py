"""tools/sphinx/katex.py: KaTeX's server is waited for, and never left behind."""

import os
import sys
from types import SimpleNamespace

import pytest

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
