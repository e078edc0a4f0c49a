"""Begin a chapter: a notebook from the template, executed, and its place in the table of contents.

python -m tools.chapter.new 09_convergence "Does Adam converge?"
"""

import re
import sys
from pathlib import Path

import nbformat

from tools import book
from tools.chapter import execute, lists, template

NAME = re.compile(r"(\d\d)_([a-z0-9]+(?:_[a-z0-9]+)*)")


def begin(name: str, title: str, root: Path = book.ROOT) -> Path:
    """Write and execute the chapter, enter it in _toc.yml, and list it in the README.

    Raises
    ------
    ValueError
        What is wrong with the name or the title, and what to write.
    """
    match = NAME.fullmatch(name)
    if not match:
        raise ValueError(
            "NAME must be a file's name without its ending, a number of two digits and words in "
            f"small letters, as in NAME=09_convergence; got {name!r}"
        )
    if not title.strip() or "\n" in title:
        raise ValueError(
            f'TITLE must be one line, as in TITLE="Does Adam converge?"; got {title!r}'
        )
    path = root / "book" / f"{name}.ipynb"
    if path.exists():
        raise ValueError(f"book/{path.name} is there already; choose another NAME, or edit it")
    found = book.read(root)
    number, slug = free_number(int(match[1]), found), match[2].replace("_", "-")
    if owner := owner_of(f"ch-{slug}", found, root):
        raise ValueError(f"{owner} has the label ch-{slug} already; choose another NAME")

    notebook = nbformat.v4.new_notebook(cells=template.cells(number, title.strip(), slug))
    nbformat.write(notebook, path)
    try:
        execute.execute(path)
    except BaseException:
        path.unlink()  # the next attempt begins anew
        raise
    toc = root / "_toc.yml"
    text = with_entry(toc.read_text(encoding="utf-8"), name, number, found)
    toc.write_text(text, encoding="utf-8")
    lists.write(root)
    return path


def free_number(first: int, found: book.Book) -> str:
    """9, or 5c where 5a and 5b are taken, or 9b where 9 is: no chapter changes its number."""
    taken = [c for c in found.chapters if book.order(c.number)[0] == first]
    if not taken:
        return str(first)
    _, letter = book.order(taken[-1].number)
    return f"{first}{chr(ord(letter or 'a') + 1)}"


def owner_of(label: str, found: book.Book, root: Path) -> str:
    """The file of the chapter that has the label, or ''."""
    for chapter in found.chapters:
        if f"({label})=" in (root / chapter.file).read_text(encoding="utf-8"):
            return chapter.file
    return ""


def with_entry(toc: str, name: str, number: str, found: book.Book) -> str:
    """The table of contents with the chapter after those with smaller numbers."""
    before = [c for c in found.chapters if book.order(c.number) < book.order(number)]
    neighbour = before[-1] if before else found.chapters[0]
    line = re.search(rf"^( *- file: ){re.escape(neighbour.docname)}( .*)?\n", toc, re.MULTILINE)
    place = line.end() if before else line.start()
    return f"{toc[:place]}{line[1]}book/{name}\n{toc[place:]}"


def main(name: str, title: str) -> None:
    try:
        path = begin(name, title)
    except ValueError as error:
        sys.exit(str(error))
    file = path.relative_to(book.ROOT)
    print(f"{file} is there, executed, and in _toc.yml. Write it with make lab; then")
    print(f"make execute CHAPTER={file}")


if __name__ == "__main__":
    main(*sys.argv[1:])
