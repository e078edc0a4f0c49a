"""The memory of what makes and reads pages: garbage is looked for seldom.

A build makes millions of small objects, keeps most of them to its end and reads its pages from
files of them; to look through all again and again takes a quarter of its time. So it is with the
trees of pages that are printed.
"""

import gc


def look_seldom():
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)


def setup(app):
    look_seldom()
    return {"parallel_read_safe": True, "parallel_write_safe": True}
