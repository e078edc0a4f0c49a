"""One setting makes every public address; unset, there is none."""

import pytest

from tools.address import SETTING, Address, address


def test_unset_means_nowhere(monkeypatch):
    monkeypatch.delenv(SETTING, raising=False)
    assert address() is None
    monkeypatch.setenv(SETTING, "")
    assert address() is None


def test_every_address_follows_from_owner_and_name(monkeypatch):
    monkeypatch.setenv(SETTING, "Ada/book")
    here = address()
    assert here.repository == "https://github.com/Ada/book"
    assert here.source("README.md") == "https://github.com/Ada/book/blob/main/README.md"
    assert here.edit("book/a.ipynb") == "https://github.com/Ada/book/edit/main/book/a.ipynb"
    colab = "https://colab.research.google.com/github/Ada/book/blob/notebooks/a.ipynb"
    assert here.colab("a.ipynb") == colab
    binder = "https://mybinder.org/v2/gh/Ada/book/notebooks?urlpath=lab/tree/a.ipynb"
    assert here.binder("a.ipynb") == binder
    assert here.site() == "https://ada.github.io/book/"
    assert here.archive("0" * 40) == f"https://github.com/Ada/book/archive/{'0' * 40}.zip"


def test_a_repository_that_is_the_owners_site_is_served_at_the_root():
    assert Address("Ada", "ada.github.io").site("a.html") == "https://ada.github.io/a.html"


@pytest.mark.parametrize(
    "text", ["book", "https://github.com/ada/book", "ada/book/", "a b/c", "ada/book\n", "/book"]
)
def test_anything_else_is_refused_with_its_value(monkeypatch, text):
    monkeypatch.setenv(SETTING, text)
    with pytest.raises(ValueError, match="OWNER/NAME") as caught:
        address()
    assert repr(text) in str(caught.value)
