"""Where the project is published. One setting says it, and unset means nowhere.

`ADAMTUT_REPOSITORY=OWNER/NAME` names the public repository on GitHub; every other address follows
from it. Continuous integration takes it from the repository that it runs for.
"""

import os
import re
from dataclasses import dataclass

SETTING = "ADAMTUT_REPOSITORY"
SOURCE_BRANCH = "main"
# The publish workflow pushes the runner's copies here; Colab and Binder open them.
NOTEBOOKS_BRANCH = "notebooks"


@dataclass(frozen=True)
class Address:
    """The addresses that follow from a repository's owner and name.

    >>> Address("ada", "book").site("book/05_adam.html")
    'https://ada.github.io/book/book/05_adam.html'
    """

    owner: str
    name: str

    @property
    def repository(self) -> str:
        return f"https://github.com/{self.owner}/{self.name}"

    def source(self, path: str) -> str:
        """A file of the repository, to read."""
        return f"{self.repository}/blob/{SOURCE_BRANCH}/{path}"

    def edit(self, path: str) -> str:
        """A file of the repository, in GitHub's editor."""
        return f"{self.repository}/edit/{SOURCE_BRANCH}/{path}"

    def colab(self, notebook: str) -> str:
        """A runner's copy, in Colab."""
        path = f"{self.owner}/{self.name}/blob/{NOTEBOOKS_BRANCH}/{notebook}"
        return f"https://colab.research.google.com/github/{path}"

    def binder(self, notebook: str) -> str:
        """A runner's copy, on Binder."""
        path = f"{self.owner}/{self.name}/{NOTEBOOKS_BRANCH}?urlpath=lab/tree/{notebook}"
        return f"https://mybinder.org/v2/gh/{path}"

    def site(self, page: str = "") -> str:
        """A page of the online book, as GitHub Pages serves it."""
        owner = self.owner.lower()
        # A repository named like the owner's site is served at its root.
        folder = "" if self.name.lower() == f"{owner}.github.io" else f"{self.name}/"
        return f"https://{owner}.github.io/{folder}{page}"

    def archive(self, commit: str) -> str:
        """The whole repository at a commit, for pip; it never changes."""
        return f"{self.repository}/archive/{commit}.zip"


def address() -> Address | None:
    """The address that the environment sets, or None."""
    text = os.environ.get(SETTING, "")
    if not text:
        return None
    match = re.fullmatch(r"([A-Za-z0-9-]+)/([A-Za-z0-9._-]+)", text)
    if not match:
        raise ValueError(f"{SETTING} must be OWNER/NAME, as in ada/book, got {text!r}")
    return Address(*match.groups())
