"""Code without the marks that show nothing: names and brackets have the colour of the block.

Pygments puts an element round every token, a sixth of the weight of a chapter. Those whose style is
the block's own, in light and in dark, go when the book has been built; what is seen stays.
"""

import re
from pathlib import Path

from pygments.token import STANDARD_TYPES

BLOCK = re.compile(r'\[data-theme="(\w+)"\] \.highlight \{[^}]*?(color: #\w+)')
TOKEN = re.compile(r'\[data-theme="(\w+)"\] \.highlight \.(\w+) \{ ([^}]*?) \}')


def plain_classes(css: str) -> list[str]:
    """The classes of tokens that a style sheet of Pygments gives no style of their own."""
    blocks = {theme: color.lower() for theme, color in BLOCK.findall(css)}
    if not blocks:
        raise ValueError('pygments.css: expected rules [data-theme="…"] .highlight; got none')
    styled = {name for theme, name, style in TOKEN.findall(css) if style.lower() != blocks[theme]}
    return sorted(name for name in set(STANDARD_TYPES.values()) - styled if name)


def without(page: str, names: list[str]) -> str:
    return re.sub(rf'<span class="(?:{"|".join(names)})">([^<]*)</span>', r"\1", page)


def unwrap(app, exception):
    if exception or app.builder.format != "html":
        return
    root = Path(app.outdir)
    names = plain_classes((root / "_static" / "pygments.css").read_text(encoding="utf-8"))
    for path in root.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        if (plain := without(page, names)) != page:
            path.write_text(plain, encoding="utf-8")


def setup(app):
    # After the theme has written its style sheet, before trim.py drops what no page names.
    app.connect("build-finished", unwrap, priority=890)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
