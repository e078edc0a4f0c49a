"""Style sheets and icon fonts cut down to what the pages use, when the book has been built.

The theme brings all of Bootstrap, all of Font Awesome and more: two thirds of a page's weight, all
of which the first paint waits for. A rule stays if every class in its selector is a word in some
page or script, or begins as one that a script puts together, `bs-${placement}`. The fonts of icons
keep those that the rules that remain ask for, the fonts of formulas the letters that some page has.
"""

import html
import logging
import re
from dataclasses import dataclass
from pathlib import Path

import tinycss2
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

WORD = re.compile(r"[\w-]+")
STEM = re.compile(r"""([a-z]\w*-)(?=\$\{|["'`]\s*\+)""")
CLASS = re.compile(r"\.((?:[\w-]|\\.)+)")
# The private part of Unicode, in which Font Awesome has its icons.
ICON = re.compile("[\ue000-\uf8ff]")
TRUETYPE = re.compile(r",url\([^)]*\.ttf\) format\(\"truetype\"\)")
GROUPS = {"media", "supports", "layer"}


@dataclass(frozen=True)
class Names:
    """What may be the name of a class."""

    words: frozenset[str]
    stems: tuple[str, ...] = ()

    def have(self, name: str) -> bool:
        return name in self.words or name.startswith(self.stems)


def names(root: Path) -> Names:
    """Every word of the pages and scripts, and what scripts begin names with."""
    pages = [path.read_text(encoding="utf-8") for path in root.rglob("*.html")]
    scripts = [path.read_text(encoding="utf-8") for path in root.rglob("*.js")]
    words = {word for text in [*pages, *scripts] for word in WORD.findall(text)}
    return Names(frozenset(words), tuple({stem for text in scripts for stem in STEM.findall(text)}))


def trimmed(rules: list, known: Names) -> str:
    """A style sheet, or what is in a group of it, without what cannot apply."""
    text = ""
    for rule in rules:
        if rule.type == "qualified-rule":
            prelude = selectors(tinycss2.serialize(rule.prelude), known)
            text += f"{prelude}{{{tinycss2.serialize(rule.content)}}}\n" if prelude else ""
        elif rule.type == "at-rule" and rule.lower_at_keyword in GROUPS and rule.content:
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            if kept := trimmed(inner, known):
                text += f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{kept}}}\n"
        else:
            text += f"{rule.serialize()}\n"
    return text


def selectors(prelude: str, known: Names) -> str:
    """Those of a list of selectors whose classes there may be."""
    return ",".join(one.strip() for one in split(prelude) if all(map(known.have, classes(one))))


def split(prelude: str) -> list[str]:
    """At the commas that stand in no parentheses."""
    parts, depth = [""], 0
    for letter in prelude:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def classes(selector: str) -> set[str]:
    """The classes that an element must have; what stands in parentheses is a choice."""
    return {name.replace("\\", "") for name in CLASS.findall(re.sub(r"\([^()]*\)", "", selector))}


def subset(font: Path, letters: set[str]) -> None:
    """The font with the glyphs of these letters alone."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # each table is said at INFO
    found = TTFont(font)
    cut = Subsetter(Options(flavor="woff2", layout_features=[], notdef_outline=True))
    cut.populate(text="".join(sorted(letters)))
    cut.subset(found)
    found.flavor = "woff2"
    found.save(font)


def trim(app, exception):
    if exception or app.builder.format != "html":
        return
    root = Path(app.outdir)
    known, icons = names(root), set()
    sheets = [path for path in root.rglob("*.css") if "explore" not in path.parts]
    for path in sheets:
        rules = tinycss2.parse_stylesheet(
            path.read_text(encoding="utf-8"), skip_comments=True, skip_whitespace=True
        )
        text = TRUETYPE.sub("", trimmed(rules, known))
        path.write_text(text, encoding="utf-8")
        icons |= set(ICON.findall(text))
    for font in root.rglob("webfonts/*.woff2"):
        subset(font, icons)
        font.with_suffix(".ttf").unlink(missing_ok=True)
    pages = root.rglob("*.html")
    letters = {c for page in pages for c in html.unescape(page.read_text(encoding="utf-8"))}
    for font in root.rglob("fonts/KaTeX_*.woff2"):
        subset(font, letters)


def setup(app):
    # Last of all: it reads every page.
    app.connect("build-finished", trim, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
