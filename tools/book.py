"""The book as the tools see it: the folders of the project."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
BUILD = ROOT / "_build"
