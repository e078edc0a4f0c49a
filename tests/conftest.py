"""What the browser tests share: one Chromium for a file, and axe-core."""

import pytest


@pytest.fixture(scope="module")
def chromium():
    from tools.setup.browser import browser

    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def axe():
    from tools.setup.npm_package import folder_of

    return (folder_of("axe-core") / "axe.min.js").read_text(encoding="utf-8")
