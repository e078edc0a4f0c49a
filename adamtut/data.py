"""Real data: scikit-learn's bundled sets, and files that are downloaded once and checked.

A published file is taken from `folder`, else from the folder named by `$ADAMTUT_DATA`, else
from the cache, else downloaded into the cache. Wherever it comes from, its content is compared
with the published checksum before a number of it is used.
"""

import gzip
import hashlib
import importlib
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adamtut import progress

Pair = tuple[NDArray, NDArray]
Folder = str | os.PathLike | None

_MNIST = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_AIRFOIL = (
    "https://archive.ics.uci.edu/ml/machine-learning-databases/00291/",
    "https://d2l-data.s3-accelerate.amazonaws.com/",
)
_AIRFOIL_SHA256 = "10ee06e6cfb27dae6b44213d421d217012fb1f9b697592e73a4e4016b52d425f"
# Addresses in the order to try, shape, and checksum of the content: MD5 of what a .gz unpacks to,
# SHA-256 of a table with "\n" line ends. Sources differ in gzip wrapping and in line ends.
_FILES = {
    "train-images-idx3-ubyte.gz": (_MNIST, (60000, 28, 28), "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte.gz": (_MNIST, (60000,), "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte.gz": (_MNIST, (10000, 28, 28), "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte.gz": (_MNIST, (10000,), "27ae3e4e09519cfbb04c329615203637"),
    "airfoil_self_noise.dat": (_AIRFOIL, (1503, 6), _AIRFOIL_SHA256),
}


def digits() -> Pair:
    """Handwritten digits of 8 × 8 pixels: inputs (1797, 64) in [0, 1], labels 0 to 9.

    >>> inputs, labels = digits()
    >>> inputs.shape, float(inputs.max()), labels[:5]
    ((1797, 64), 1.0, array([0, 1, 2, 3, 4]))
    """
    inputs, labels = _bundled("digits")
    return inputs / 16, labels


def diabetes() -> Pair:
    """Disease progression of 442 patients: inputs (442, 10) and targets, standardised.

    >>> inputs, targets = diabetes()
    >>> inputs.shape, round(float(targets.std()), 6)
    ((442, 10), 1.0)
    """
    inputs, targets = _bundled("diabetes", scaled=False)
    return _standardised(inputs), _standardised(targets)


def breast_cancer() -> Pair:
    """Tumours: standardised inputs (569, 30), labels -1.0 (malignant) and 1.0 (benign).

    >>> inputs, labels = breast_cancer()
    >>> inputs.shape, labels[:3]
    ((569, 30), array([-1., -1., -1.]))
    """
    inputs, labels = _bundled("breast_cancer")
    return _standardised(inputs), 2.0 * labels - 1.0


def airfoil(folder: Folder = None) -> Pair:
    """NASA airfoil self-noise, as published: inputs (1503, 5) and sound pressure in decibels.

    The inputs are frequency, angle of attack, chord length, free-stream velocity and displacement
    thickness. `folder`, sources and errors are those of `mnist`.

    >>> inputs, targets = airfoil()  # doctest: +SKIP
    """
    table = _load("airfoil_self_noise.dat", folder)
    return table[:, :-1], table[:, -1]


def mnist(split: str = "train", folder: Folder = None) -> Pair:
    """MNIST: images (n, 28, 28) and labels (n,), both uint8.

    Parameters
    ----------
    split
        "train", n = 60,000, or "test", n = 10,000.
    folder
        Where to look first for the four files, as published (`train-images-idx3-ubyte.gz` …).

    Raises
    ------
    ValueError
        An unknown split, or a file whose content is not the published one; it is named.
    OSError
        The file is nowhere, and no address could deliver it; the message says what to do.
    ImportError
        A download is needed, and pooch is missing.

    Examples
    --------
    >>> images, labels = mnist("test")  # doctest: +SKIP
    """
    if split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    prefix = "train" if split == "train" else "t10k"
    images = _load(f"{prefix}-images-idx3-ubyte.gz", folder)
    return images, _load(f"{prefix}-labels-idx1-ubyte.gz", folder)


def _import(module, package):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = f"{package} is missing: install adamtut with its `book` extra, or {package} alone"
        raise ImportError(message) from error


def _bundled(name, **options):
    datasets = _import("sklearn.datasets", "scikit-learn")
    return getattr(datasets, f"load_{name}")(return_X_y=True, **options)


def _standardised(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


def _load(name, folder):
    path = _fetch(name, folder)
    try:
        return _read(path, name)
    except ValueError as error:
        source = _FILES[name][0][0] + name
        raise ValueError(f"{path}: {error}. Delete it, or replace it by {source}") from error


def _fetch(name, folder):
    """The path of a file, local or cached; what is local has not been checked yet."""
    for place in (folder, os.environ.get("ADAMTUT_DATA")):
        if place and (path := Path(place).expanduser() / name).is_file():
            return path
    pooch = _import("pooch", "pooch")
    logger = pooch.get_logger()
    was_disabled = logger.disabled
    logger.disabled = was_disabled or not progress.visible()  # it says what is downloaded
    try:
        return _cached(name, pooch)
    finally:
        logger.disabled = was_disabled


def _cached(name, pooch):
    with_bar = progress.visible() and progress.tqdm_class() is not None

    def download(url, path, _):
        pooch.HTTPDownloader(progressbar=with_bar)(url, path, None)
        _read(path, name)  # while it has its temporary name: a wrong file never enters the cache

    urls, failures = [address + name for address in _FILES[name][0]], ""
    for url in urls:
        store = pooch.create(pooch.os_cache("adamtut"), "", registry={name: None}, urls={name: url})
        try:
            return store.fetch(name, downloader=download)
        except (OSError, ValueError) as error:
            failures += f"\n  {url}: {error}"
    raise OSError(
        f"could not download {name}. Get it from {urls[0]}, put it as it is into a folder, "
        f"and set $ADAMTUT_DATA to that folder. Tried:{failures}"
    )


def _read(path, name):
    """The numbers of a file; ValueError unless its content is the published one."""
    _, shape, expected = _FILES[name]
    read, algorithm = (_idx, "md5") if name.endswith(".gz") else (_table, "sha256")
    content, numbers = read(path, shape)
    found = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
    if found != expected:
        raise ValueError(f"expected content with {algorithm} {expected}, got {found}")
    return numbers


def _idx(path, shape):
    header = struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape)
    size = len(header) + math.prod(shape)
    try:
        with gzip.open(path) as file:
            content = file.read(size + 1)  # no more: a small file can unpack to terabytes
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"expected a complete gzip file: {error}") from error
    start = content[: len(header)]
    if start != header:
        raise ValueError(f"expected idx header {header.hex()} for {shape}, got {start.hex()}")
    if len(content) != size:
        raise ValueError(f"expected to unpack {size} bytes, read {len(content)}")
    return content, np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape).copy()


def _table(path, shape):
    with open(path, "rb") as file:
        content = file.read(32 * math.prod(shape))  # no table of this shape is longer
    content = content.replace(b"\r\n", b"\n")
    try:
        table = np.array([line.split(b"\t") for line in content.splitlines()], dtype=float)
    except ValueError as error:
        raise ValueError(f"expected {shape[1]} numbers between tabs per line: {error}") from error
    finite = np.isfinite(table).all()
    if table.shape != shape or not finite:
        raise ValueError(f"expected {shape} numbers, got {table.shape}, all finite: {finite}")
    return content, table
