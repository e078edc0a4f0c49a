"""A folder at an address of this machine, for what needs a server."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    # A browser connects a dozen times at once; those whom a short queue turns away wait a second.
    request_queue_size = 128


@contextmanager
def served(folder: Path, handler: type[Silent] = Silent) -> Iterator[str]:
    """The address, without a slash at its end."""
    with Server(("127.0.0.1", 0), partial(handler, directory=folder)) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
