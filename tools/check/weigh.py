"""Weigh pages as a reader on a slow line gets them: bytes, requests, first paint.

    python -m tools.check.weigh _build/html [PAGE …]

Each page is opened in a browser that was never here, over a line of 1.6 Mbit/s with 150 ms of
delay, from a server that compresses as hosts of pages do. Pictures that wait until they are
scrolled to are counted. The last column is what the page would ship without compression.
"""

import gzip
import io
import sys
from pathlib import Path

from tools import book
from tools.served import Silent, served
from tools.setup.browser import browser

LINE = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 750e3 / 8,
}
NO_LINE = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
PHONE = {"width": 390, "height": 844}
TEXT = {".html", ".css", ".js", ".svg", ".json"}
FIRST_PAINT = """() => new Promise(done => new PerformanceObserver(list => {
    const found = list.getEntriesByName("first-contentful-paint");
    if (found.length) done(found[0].startTime);
}).observe({ type: "paint", buffered: true }))"""
# Slowly enough that what waits for its turn gets it.
SCROLL = """async () => {
    for (let y = 0; y < document.documentElement.scrollHeight; y += 400) {
        scrollTo(0, y);
        await new Promise(done => setTimeout(done, 30));
    }
}"""


class Compressing(Silent):
    protocol_version = "HTTP/1.1"

    def send_head(self):
        path = Path(self.translate_path(self.path))
        if path.suffix not in TEXT or not path.is_file():
            return super().send_head()
        body = gzip.compress(path.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return io.BytesIO(body)


def weigh(chromium, address: str) -> dict[str, float]:
    """Seconds to the first paint, bytes of the first view; then requests and bytes of it all."""
    with chromium.new_context(viewport=PHONE) as context:
        page = context.new_page()
        line = context.new_cdp_session(page)
        line.send("Network.enable")
        line.send("Network.emulateNetworkConditions", LINE)
        shipped, plain = [], []
        line.on("Network.loadingFinished", lambda event: shipped.append(event["encodedDataLength"]))
        line.on("Network.dataReceived", lambda event: plain.append(event["dataLength"]))
        page.goto(address, timeout=60_000)
        wait_for_rest(page, shipped)
        first = {"paint": page.evaluate(FIRST_PAINT) / 1000, "view": sum(shipped)}
        line.send("Network.emulateNetworkConditions", NO_LINE)
        page.evaluate(SCROLL)
        wait_for_rest(page, shipped)
    return first | {"requests": len(shipped), "bytes": sum(shipped), "plain": sum(plain)}


def wait_for_rest(page, shipped: list[float]) -> None:
    """Until nothing has come for a second and a half."""
    before = -1
    while len(shipped) != before:
        before = len(shipped)
        page.wait_for_timeout(1500)


def main(root: Path, names: list[str]) -> None:
    names = names or [f"{page.docname}.html" for page in book.read().pages]
    heads = ("first paint, s", "first view, kB", "requests", "in all, kB", "plain, kB")
    print(f"{'page':<30}" + "".join(f"{head:>16}" for head in heads))
    with browser() as chromium, served(root, Compressing) as address:
        for name in names:
            found = weigh(chromium, f"{address}/{name}")
            sizes = "".join(f"{found[key] / 1000:>16.0f}" for key in ("bytes", "plain"))
            first = f"{found['paint']:>16.2f}{found['view'] / 1000:>16.0f}{found['requests']:>16}"
            print(f"{name:<30}{first}{sizes}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
