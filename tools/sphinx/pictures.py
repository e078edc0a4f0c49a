"""Pictures that stand for a page: a small one for its card, and one for who shares its address.

Both show the first picture of the chapter, the poster of an explorable or what a cell drew.
"""

import base64
import io
import json
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from tools.book import BOOK, ROOT, Page, read_config
from tools.explore.posters import uses_in

CARD = (400, 275)  # as high as an explorable's poster, which is higher than a figure
PREVIEW = (1200, 630)  # what the networks ask for
INK, MUTED, LINE = "#1f2430", "#5b6470", "#d55e00"
FRONT = BOOK / "_static" / "readme.png"


def first_picture(page: Page) -> Image.Image:
    """Of a chapter; of another page, the book's own."""
    if not page.is_chapter:
        return Image.open(FRONT).convert("RGB")
    for cell in json.loads((ROOT / page.file).read_text(encoding="utf-8"))["cells"]:
        for use in uses_in("".join(cell["source"])):
            return Image.open(use.poster).convert("RGB")
        for output in cell.get("outputs", []):
            if png := output.get("data", {}).get("image/png"):
                return Image.open(io.BytesIO(base64.b64decode("".join(png)))).convert("RGB")
    raise ValueError(
        f"{page.file}: no picture for its card; a chapter has an explorable or a figure"
    )


def fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """All of a picture, in the middle of a white ground."""
    width, height = size
    scale = min(width / picture.width, height / picture.height)
    small = picture.resize(
        (round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS
    )
    ground = Image.new("RGB", size, "white")
    ground.paste(small, ((width - small.width) // 2, (height - small.height) // 2))
    return ground


def card(page: Page) -> Image.Image:
    return fitted(first_picture(page), CARD)


def font(size: int, weight: str = "") -> ImageFont.FreeTypeFont:
    """The font of the figures, which comes with matplotlib."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(folder / f"DejaVuSans{weight}.ttf", size)


def preview(page: Page) -> Image.Image:
    """Title and question beside the picture."""
    ground = Image.new("RGB", PREVIEW, "white")
    draw = ImageDraw.Draw(ground)
    draw.rectangle((0, 0, PREVIEW[0], 12), fill=LINE)
    picture = fitted(first_picture(page), (560, 520))
    ground.paste(picture, (PREVIEW[0] - 600, 70))
    name = read_config()["title"]
    title, question = (page.heading, page.question) if page.is_chapter else (page.title, "")
    if title == name:
        name, question = "", "A book that runs, on the optimizer Adam and its family"
    draw.text((50, 60), name, font=font(26), fill=MUTED)
    large = font(52, "-Bold")
    draw.multiline_text((50, 130), textwrap.fill(title, 16), font=large, fill=INK, spacing=14)
    lines = len(textwrap.wrap(title, 16))
    below = 130 + lines * 68 + 30
    draw.multiline_text(
        (50, below), textwrap.fill(question, 29), font=font(32), fill=INK, spacing=12
    )
    return ground


def save(picture: Image.Image, path: Path) -> None:
    """In few colours, which a drawing does not miss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(64, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)


def draw(app, folder: str, pages: Iterable[Page], of: Callable[[Page], Image.Image]) -> None:
    """The pictures of pages into a folder of the site, anew where a page is newer than its own."""
    for page in pages:
        path = Path(app.outdir) / folder / f"{page.name}.png"
        if not path.is_file() or path.stat().st_mtime < (ROOT / page.file).stat().st_mtime:
            save(of(page), path)
