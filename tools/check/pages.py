"""Refuse built pages that lack something.

    python -m tools.check.pages _build/html

A page must load nothing from elsewhere, lead nowhere that is missing, have a title, show its
mathematics as mathematics and say in words what its pictures show. Sphinx checks the sources;
this reads what the browser will read, the theme's own part included.
"""

import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Templates that the theme leaves among its files; no page leads to them and nobody reads them.
NO_PAGES = {"_static/webpack-macros.html", "_static/sbt-webpack-macros.html"}

# `canonical`, `next`, `prev`, `index`, `search` and `license` name a page without loading it.
LOADING_RELS = {
    *("stylesheet", "icon", "apple-touch-icon", "manifest"),
    *("preload", "modulepreload", "prefetch", "prerender", "preconnect", "dns-prefetch"),
}
LOADING_ATTRIBUTES = {
    "audio": ["src"],
    "embed": ["src"],
    "iframe": ["src"],
    "image": ["href", "xlink:href"],  # of SVG
    "img": ["src"],
    "input": ["src"],
    "object": ["data"],
    "script": ["src"],
    "source": ["src"],
    "track": ["src"],
    "use": ["href", "xlink:href"],
    "video": ["src", "poster"],
}
VOID = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input"),
    *("link", "meta", "source", "track", "wbr"),
}
# Text in these is code, or is not shown. KaTeX keeps its source in `annotation`.
NO_PROSE = {"annotation", "code", "kbd", "pre", "samp", "script", "style", "textarea", "title"}
MATH_LEFT_OVER = re.compile(r"\$\$|\\\(|\\\[|\$[^$]*\\[a-zA-Z]+[^$]*\$")
DIRECTIVE_LEFT_OVER = re.compile(
    r"```|\{(?:cite|doc|exercise|figure|numref|prf|ref|solution)\b[^}]*\}"
)
CSS_LOADS = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")


class Page(HTMLParser):
    """What one page loads, where it leads, and what it lacks."""

    def __init__(self, text: str):
        super().__init__()
        self.loads = []  # (what loads it, address)
        self.links = []  # addresses
        self.own_ids = set()
        self.names = set()
        self.faults = []
        self.title = ""
        self._open = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        found = {name: value or "" for name, value in attributes}
        if tag not in VOID:
            self._open.append(tag)
        if "id" in found and found["id"] in self.own_ids:
            self.faults.append(f"two elements with the id {found['id']}")
        self.own_ids |= {found["id"]} if "id" in found else set()
        if tag == "a":
            self.names |= {found["name"]} if "name" in found else set()
        if tag in ("a", "area") and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and LOADING_RELS & set(found.get("rel", "").lower().split()):
            self.loads.append((f"link rel={found['rel']}", found.get("href", "")))
        for name in LOADING_ATTRIBUTES.get(tag, []):
            if name in found:
                self.loads.append((tag, found[name]))
        for candidate in found.get("srcset", "").split(", "):
            if candidate.strip():
                self.loads.append((tag, candidate.split()[0]))
        for address in css_loads(found.get("style", "")):
            self.loads.append(("style", address))
        if tag == "img":
            self._check_words(found)
        if tag == "meta" and found.get("http-equiv", "").lower() == "refresh":
            self.links.append(found.get("content", "").partition("url=")[2])

    @property
    def ids(self):
        """What an anchor may name."""
        return self.own_ids | self.names

    def handle_endtag(self, tag):
        while tag in self._open:
            if self._open.pop() == tag:
                break

    def handle_data(self, text):
        if self._open[-1:] == ["title"] and "svg" not in self._open:
            self.title += text.strip()
        if self._open[-1:] == ["style"]:
            self.loads += [("style", address) for address in css_loads(text)]
        if not NO_PROSE & set(self._open) and (match := MATH_LEFT_OVER.search(text)):
            shown = " ".join(text[match.start() : match.start() + 40].split())
            self.faults.append(f"mathematics that was not rendered: {shown}")

        if not NO_PROSE & set(self._open) and (match := DIRECTIVE_LEFT_OVER.search(text)):
            self.faults.append(f"a directive that was not rendered: {match[0]}")

    def _check_words(self, found):
        source, words = found.get("src", ""), found.get("alt")
        if words is None:
            self.faults.append(f"a picture without alt text: {source[:80]}")
        elif words and words in (source, Path(source).name):
            # What Sphinx writes where the author wrote nothing.
            self.faults.append(f"a picture whose alt text is its file name: {source[:80]}")


def css_loads(text: str) -> list[str]:
    return [url or imported for url, imported in CSS_LOADS.findall(text)]


@cache
def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def is_elsewhere(address: str) -> bool:
    """An address with a host or a scheme; data: is part of the page itself."""
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def target(address: str, at: Path) -> Path:
    """The file that an address means on the page or in the style sheet `at`."""
    path = unquote(urlsplit(address).path)
    return (at.parent / path).resolve() if path else at


def load_faults(what: str, address: str, at: Path, root: Path) -> list[str]:
    if is_elsewhere(address):
        return [f"{what} loads from elsewhere: {address}"]
    if urlsplit(address).scheme != "data" and not is_file_within(root, target(address, at)):
        return [f"{what} loads a missing file: {address}"]
    return []


def link_faults(address: str, at: Path, root: Path) -> list[str]:
    if urlsplit(address).scheme == "file":
        return [f"link to a file of one machine: {address}"]
    if is_elsewhere(address):
        return []
    file, anchor = target(address, at), unquote(urlsplit(address).fragment)
    if not is_file_within(root, file):
        return [f"link to a missing file: {address}"]
    # "#" alone is the top of a page; an anchor into a file that is no page is not ours to know.
    if anchor and file.suffix == ".html" and anchor not in read(file).ids:
        return [f"link to a missing anchor: {address}"]
    return []


def is_file_within(root: Path, path: Path) -> bool:
    return path.is_relative_to(root) and path.is_file()


def page_faults(path: Path, root: Path) -> list[str]:
    page = read(path)
    faults = list(page.faults)
    if not page.title:
        faults.append("no title")
    for what, address in page.loads:
        faults += load_faults(what, address, path, root)
    for address in page.links:
        faults += link_faults(address, path, root)
    return faults


def style_faults(path: Path, root: Path) -> list[str]:
    addresses = css_loads(path.read_text(encoding="utf-8"))
    return [fault for a in addresses for fault in load_faults("style", a, path, root)]


def check(root: Path) -> list[str]:
    """Every fault of the pages and style sheets under `root`, as 'file: fault'."""
    root = root.resolve()
    read.cache_clear()  # the pages may have been built anew since
    pages = [p for p in root.rglob("*.html") if p.relative_to(root).as_posix() not in NO_PAGES]
    if not pages:
        return [f"{root}: no pages here; build the book first"]
    found = {path: page_faults(path, root) for path in pages}
    found |= {path: style_faults(path, root) for path in root.rglob("*.css")}
    return [
        f"{path.relative_to(root).as_posix()}: {fault}"
        for path in sorted(found)
        for fault in dict.fromkeys(found[path])  # the same link twice on a page is one fault
    ]


if __name__ == "__main__":
    faults = check(Path(sys.argv[1]))
    print(*faults, sep="\n", end="\n" if faults else "", file=sys.stderr)
    sys.exit(1 if faults else 0)
