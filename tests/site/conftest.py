"""What the tests of the pages share: Chromium, axe-core, the book at an address, and published."""

import pytest

from tools.sphinx.memory import look_seldom


@pytest.fixture(scope="session", autouse=True)
def _memory():
    look_seldom()


@pytest.fixture(scope="module")
def chromium():
    from tools.setup.browser import browser

    with browser() as found:
        yield found


@pytest.fixture(scope="session")
def axe():
    from tools.setup.npm_package import folder_of

    return (folder_of("axe-core") / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def address():
    """Of the built book, served from this machine."""
    from browsing import SITE

    from tools.served import served

    with served(SITE) as found:
        yield found


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """The folder of the book as it is published; for tests of the group `published` alone."""
    from published import build

    return build(tmp_path_factory.mktemp("published"), "ada/book")
