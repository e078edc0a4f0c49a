"""The explorables as pages that open alone: no file beside them, no request.

A page in book/explore is written as any page is: it names `lib.css`, `lib.js` and `rules.js`, and
`spring.js` where pages share their mathematics. Here they go into it, `rules.js` as it is
generated from the package. What Sphinx puts beside the pages,
the script that frames them in the book, goes along.

    python -m tools.explore.build DEST
"""

import re
import shutil
import sys
from pathlib import Path

from tools.book import BOOK
from tools.explore.translate import rules_js

SOURCES = BOOK / "explore"
NAMES = tuple(sorted(path.stem for path in SOURCES.glob("*.html")))
BESIDE = ("embed.js", "embed.css")
SHARED = re.compile(r'<link rel="stylesheet" href="([^"]+)">|<script src="([^"]+)"></script>')


def page(name: str) -> str:
    """The self-contained page of one explorable."""
    return SHARED.sub(inlined, (SOURCES / f"{name}.html").read_text(encoding="utf-8"))


def inlined(match: re.Match) -> str:
    style, script = match.groups()
    if style:
        return f"<style>\n{shared(style)}</style>"
    return f"<script>\n{shared(script)}</script>"


def shared(name: str) -> str:
    """The text of a shared part."""
    if name == "rules.js":
        return rules_js()
    return (SOURCES / name).read_text(encoding="utf-8")


def build(folder: Path) -> None:
    """Write folder/explore/NAME.html for every explorable, and what frames them in the book."""
    destination = folder / "explore"
    destination.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (destination / f"{name}.html").write_text(page(name), encoding="utf-8")
    for name in BESIDE:
        shutil.copy(SOURCES / name, destination)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
