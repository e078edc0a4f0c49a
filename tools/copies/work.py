"""The runner's own folder: a copy of each chapter, to change at will.

    python -m tools.copies.work FOLDER

writes the copies that are missing and renews those that are as it left them. A file that somebody
changed stays as it is. What was written is noted in FOLDER/.written.json, as digests.
"""

import hashlib
import json
import sys
from pathlib import Path

from tools.address import address
from tools.copies import notebooks

RECORD = ".written.json"


def digest(path: Path) -> str:
    """Of a file's content, or '' where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def update(folder: Path, files: dict[str, str]) -> list[str]:
    """Write the files, but leave alone those that were changed since; return their names."""
    record = folder / RECORD
    written = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    kept = []
    for name, content in files.items():
        path = folder / name
        new = hashlib.sha256(content.encode()).hexdigest()
        if digest(path) in ("", written.get(name), new):
            notebooks.write(path, content)
            written[name] = new
        else:
            kept.append(name)
    for name in sorted(written.keys() - files.keys()):  # of chapters that have another name now
        if digest(folder / name) == written.pop(name):
            (folder / name).unlink()
    notebooks.write(record, json.dumps(written, indent=1) + "\n")
    return kept


def report(folder: Path, files: dict[str, str], kept: list[str]) -> str:
    """What was done, in a line or two."""
    count = sum(name.endswith(".ipynb") for name in files)
    lines = [f"{count} chapters in {folder}/, to run and to change; what you change stays."]
    if kept:
        lines.append(
            f"Kept as you changed them: {', '.join(kept)}. Rename one to get the book's beside it."
        )
    return "\n".join(lines)


def main(folder: Path) -> None:
    print(f"Making the copies of the chapters in {folder}/ (some seconds) …", flush=True)
    files = notebooks.folder_of_this_checkout(address())
    files = {name: text for name, text in files.items() if not name.startswith("binder/")}
    print(report(folder, files, update(folder, files)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("expected one folder: python -m tools.copies.work FOLDER")
    main(Path(sys.argv[1]))
