"""What the browser tests share: one Chromium for a file, and axe-core."""

import pytest

# Of the npm package axe-core.
AXE = "axe-core@4.14.1"
AXE_SHA512 = (
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)


@pytest.fixture(scope="module")
def chromium():
    from tools.setup.browser import browser

    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def axe():
    from tools.setup.npm_package import fetch

    return (fetch(AXE, AXE_SHA512) / "axe.min.js").read_text(encoding="utf-8")
