"""The posters of the explorables: what stands in their place in print, and without JavaScript.

    python -m tools.explore.posters

draws those that are missing or stale, for every `{explore}` in the book, needs Chromium, and
removes the ones that nothing uses. Beside them, posters.json says of each what it was drawn from,
as a digest, and how high the explorable is, so that its page keeps the place.
"""

import hashlib
import io
import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.book import BOOK
from tools.explore.build import NAMES, SOURCES, build, page

POSTERS = SOURCES / "posters"
COMMAND = "python -m tools.explore.posters"
WIDE, NARROW = 672, 342  # the column of text at a desk and on a phone
HEAVIEST = 60_000  # bytes
USE = re.compile(
    r"^ *(?::{3,}|`{3,})\{explore\} *(?P<name>\S*).*\n(?P<options>(?: *:[\w-]+:.*\n)*)",
    re.MULTILINE,
)
QUERY = re.compile(r"^ *:query: *(\S+) *$", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Use:
    """An explorable with the query that it begins with."""

    name: str
    query: str = ""

    @property
    def slug(self) -> str:
        """A name for its poster: streams-preset_agree_rule_adam."""
        words = re.sub(r"[^A-Za-z0-9.-]+", "_", self.query)
        if len(words) > 60:
            words = f"{words[:50]}_{hashlib.sha256(self.query.encode()).hexdigest()[:8]}"
        return f"{self.name}-{words}" if words else self.name

    @property
    def address(self) -> str:
        return f"{self.name}.html?{self.query}" if self.query else f"{self.name}.html"

    @property
    def poster(self) -> Path:
        return POSTERS / f"{self.slug}.png"

    @property
    def digest(self) -> str:
        """Of all that the picture is drawn from."""
        return hashlib.sha256(f"{self.query}\n{page(self.name)}".encode()).hexdigest()[:16]


def uses(folder: Path = BOOK) -> list[Use]:
    """Every explorable in the book, once with each query.

    Raises
    ------
    ValueError
        A name that is none, or two queries whose posters would have one name.
    """
    found = sorted({use for path in pages(folder) for use in uses_in(markdown(path))})
    for use in found:
        if use.name not in NAMES:
            raise ValueError(f"no explorable {use.name!r}; there are {', '.join(NAMES)}")
    slugs = [use.slug for use in found]
    for use in found:
        if slugs.count(use.slug) > 1:
            raise ValueError(f"two queries have the poster {use.slug}.png; one is {use.query!r}")
    return found


def pages(folder: Path) -> list[Path]:
    front = folder.parent / "index.md"
    return sorted([*folder.glob("*.ipynb"), *folder.glob("*.md"), *([front] * front.is_file())])


def markdown(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def uses_in(text: str) -> list[Use]:
    found = []
    for match in USE.finditer(text):
        query = QUERY.search(match["options"])
        found.append(Use(match["name"], query[1] if query else ""))
    return found


def record() -> dict[str, dict]:
    """Slug → digest, and heights in pixels on a wide and a narrow page."""
    path = POSTERS / "posters.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def faults(folder: Path = BOOK) -> list[str]:
    """What is wrong with the posters, in words."""
    known, found = record(), uses(folder)
    wrong = [f"{use.slug}.png is missing" for use in found if not use.poster.is_file()]
    for use in found:
        if use.poster.is_file() and known.get(use.slug, {}).get("digest") != use.digest:
            wrong.append(f"{use.slug}.png is older than {use.name}.html or what is in it")
    wanted = {use.poster for use in found}
    wrong += [f"nothing uses {path.name}" for path in POSTERS.glob("*.png") if path not in wanted]
    return [f"{fault}: run {COMMAND}" for fault in wrong]


def draw(wanted: list[Use]) -> dict[str, dict]:
    """Draw posters; what the record is to say of them."""
    from tools.setup.browser import browser

    found = {}
    POSTERS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        build(Path(folder))
        for use in wanted:
            address = (Path(folder) / "explore" / use.name).with_suffix(".html").as_uri()
            print(f"drawing {use.slug}.png")
            heights = [measure(chromium, address, use.query, width) for width in (WIDE, NARROW)]
            save(photograph(chromium, address, use.query), use.poster)
            found[use.slug] = {"digest": use.digest, "wide": heights[0], "narrow": heights[1]}
    return found


def opened(chromium, address: str, query: str, width: int):
    """The page in the light theme; it complains in the console of a query that it does not know."""
    browser_page = chromium.new_page(
        viewport={"width": width, "height": 800}, device_scale_factor=2, color_scheme="light"
    )
    complaints = []
    browser_page.on("console", lambda message: complaints.append(message.text))
    browser_page.on("pageerror", lambda error: complaints.append(str(error)))
    browser_page.goto(f"{address}?{query}")
    browser_page.wait_for_timeout(200)
    if complaints:
        raise ValueError(f"{address}?{query}: {'; '.join(complaints)}")
    return browser_page


def measure(chromium, address: str, query: str, width: int) -> int:
    found = opened(chromium, address, query, width)
    found.evaluate("document.documentElement.classList.add('framed')")
    found.wait_for_timeout(100)
    height = found.evaluate("Math.ceil(document.body.getBoundingClientRect().height)")
    found.close()
    return height


def photograph(chromium, address: str, query: str) -> bytes:
    found = opened(chromium, address, f"{query}&poster=1".lstrip("&"), WIDE)
    picture = found.locator("body").screenshot()
    found.close()
    return picture


def save(picture: bytes, path: Path) -> None:
    """With as many colours as fit; a picture that did not change is left alone."""
    from PIL import Image

    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in (256, 128, 64, 32, 16):
        png = io.BytesIO()
        image.quantize(colours).save(png, "PNG", optimize=True)
        if len(png.getvalue()) <= HEAVIEST:
            break
    else:
        raise ValueError(f"{path.name} has more than {HEAVIEST:,} bytes with 16 colours")
    if not path.is_file() or path.read_bytes() != png.getvalue():
        path.write_bytes(png.getvalue())


def main() -> None:
    known, found = record(), uses()
    stale = [
        use
        for use in found
        if not use.poster.is_file() or known.get(use.slug, {}).get("digest") != use.digest
    ]
    known |= draw(stale)
    slugs = {use.slug for use in found}
    for path in POSTERS.glob("*.png"):
        if path.stem not in slugs:
            path.unlink()
    kept = {slug: known[slug] for slug in sorted(slugs)}
    text = json.dumps(kept, indent=1) + "\n"
    (POSTERS / "posters.json").write_text(text, encoding="utf-8")
    print(f"{len(found)} posters, {len(stale)} drawn")


if __name__ == "__main__":
    main()
