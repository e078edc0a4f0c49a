"""A table in a cell's output is a numbered table, where the cell's metadata has a caption for it.

myst-nb makes a figure of whatever a captioned cell shows. Here the caption and the label of a
figure that holds a table go to the table.
"""

import zlib
from pathlib import Path

from docutils import nodes
from sphinx.transforms import SphinxTransform


class CaptionTables(SphinxTransform):
    # Before the labels are collected.
    default_priority = 500

    def apply(self):
        for figure in list(self.document.findall(nodes.figure)):
            if table := next(figure.findall(nodes.table), None):
                self.move(figure, table)

    def move(self, figure, table):
        (caption,) = [node for node in figure if isinstance(node, nodes.caption)]
        figure.remove(caption)
        table.insert(0, nodes.title(caption.rawsource, "", *caption.children))
        for attribute in ("ids", "names"):
            table[attribute] += figure[attribute]
        for name in figure["ids"]:
            self.document.ids[name] = table
        figure.replace_self(figure.children)


def setup(app):
    app.add_transform(CaptionTables)
    return {
        "parallel_read_safe": True,
        "parallel_write_safe": True,
        # Pages keep what a transform made of them; they are read again when it changes.
        "env_version": zlib.crc32(Path(__file__).read_bytes()),
    }
