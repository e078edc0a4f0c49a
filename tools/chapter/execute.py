"""Run chapters from top to bottom and store their outputs.

python -m tools.chapter.execute book/05_adam.ipynb …
"""

import base64
import io
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

from adamtut.progress import bar


def execute(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        record_timing=False,  # times of day would change the file at each run
        coalesce_streams=True,  # and so would the places where a stream happened to be flushed
        resources={"metadata": {"path": path.parent}},
    )
    # A bar would be stored, and so would the name of a GPU.
    environment = {**os.environ, "TQDM_DISABLE": "1", "ADAMTUT_DEVICE": "cpu"}
    with client.setup_kernel(env=environment):
        for n, cell in enumerate(bar(notebook.cells, desc=path.stem, unit="cell")):
            client.execute_cell(cell, n, execution_count=client.code_cells_executed + 1)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = with_palette(output.data["image/png"])
    # Keep what is the same on every machine, so that a diff shows changed results alone.
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    nbformat.write(notebook, path)


def with_palette(png: str) -> str:
    """The same picture in 256 colours: no difference to the eye, a third of the weight."""
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    small = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


if __name__ == "__main__":
    for name in sys.argv[1:]:
        execute(Path(name))
