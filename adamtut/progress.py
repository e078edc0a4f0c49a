"""Signs of life from what takes long: tqdm's bars on a terminal and in a notebook, else silence.

Nothing is shown where stderr is captured, where tqdm is missing, and where `TQDM_DISABLE` or `CI`
is set in the environment. In a kernel nothing tells a person from a program that stores or
compares the outputs; so that program sets `TQDM_DISABLE=1` for the kernel.
"""

import os
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

DELAY = 5.0  # seconds that need no sign of life


def visible() -> bool:
    """Whether stderr is a terminal or the output of a notebook cell, and bars are wanted."""
    if os.environ.get("TQDM_DISABLE") or os.environ.get("CI"):
        return False
    try:
        return sys.stderr.isatty() or type(sys.stderr).__module__ == "ipykernel.iostream"
    except (AttributeError, ValueError):  # there is no stderr, or it is closed
        return False


def tqdm_class() -> Any:
    """The tqdm that suits the terminal or the notebook; None where tqdm is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a notebook without ipywidgets gets bars of text
            from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm


def bar(iterable: Iterable[T], **options: Any) -> Iterable[T]:
    """`iterable`, with a bar while it is walked through; the options are tqdm's."""
    tqdm = tqdm_class() if visible() else None
    if tqdm is None:
        return iterable
    return tqdm(iterable, disable=False, **options)  # or it keeps a TQDM_DISABLE it was imported at


def late_bar(iterable: Iterable[T], **options: Any) -> Iterable[T]:
    """As `bar`, but the bar appears after `DELAY` seconds; until then tqdm is not imported."""
    return _late_bar(iter(iterable), options) if visible() else iterable


def _late_bar(items, options):
    start = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - start > DELAY:
            yield from bar(items, initial=done, **options)
            return


@contextmanager
def late_line(text: str) -> Iterator[None]:
    """Say `text` if what happens inside takes more than `DELAY` seconds."""
    if not visible():
        yield
        return
    timer = threading.Timer(DELAY, print, [text], {"file": sys.stderr, "flush": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
