"""The Chromium of this machine, driven by Playwright; it reaches no network."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

# The first draws the same pages without a window around them, and takes half of the time.
NAMES = (
    *("chromium-headless-shell", "google-chrome", "google-chrome-stable"),
    *("chromium", "chromium-browser"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # The shell would round the widths of letters to pixels: some lines of code would break.
    "--font-render-hinting=none",
]


def chromium() -> str:
    """The path of the browser."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise FileNotFoundError(
        f"no browser found: none of {', '.join(NAMES)} is on the PATH. Install Google Chrome, or "
        "Chromium, on Debian with: apt-get install chromium-headless-shell. (Ubuntu has a snap, "
        "which cannot read temporary files.)"
    )


@contextmanager
def browser() -> Iterator[Browser]:
    """A running browser, closed at the end."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        try:
            yield found
        finally:
            found.close()
