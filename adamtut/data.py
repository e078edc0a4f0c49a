"""Real data: scikit-learn's bundled sets, and files that are downloaded once and checked.

A published file is taken from `folder`, else from the folder named by `$ADAMTUT_DATA`, else
from the cache, else downloaded into the cache. Wherever it comes from, its content is compared
with the published checksum before a number of it is used.
"""

import gzip
import hashlib
import importlib
import io
import math
import os
import struct
import tarfile
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
_CIFAR = (
    "https://www.cs.toronto.edu/~kriz/",
    "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
)
_CIFAR_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
_AIRFOIL_SHA256 = "10ee06e6cfb27dae6b44213d421d217012fb1f9b697592e73a4e4016b52d425f"
# Addresses in the order to try, shape, and checksum of the content: MD5 of what a .gz unpacks to,
# SHA-256 of a table with "\n" line ends. Sources differ in gzip wrapping and in line ends. For an
# archive it is the SHA-256 of the file itself, and the shape is that of one of its six parts.
_FILES = {
    "train-images-idx3-ubyte.gz": (_MNIST, (60000, 28, 28), "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte.gz": (_MNIST, (60000,), "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte.gz": (_MNIST, (10000, 28, 28), "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte.gz": (_MNIST, (10000,), "27ae3e4e09519cfbb04c329615203637"),
    "airfoil_self_noise.dat": (_AIRFOIL, (1503, 6), _AIRFOIL_SHA256),
    "cifar-10-binary.tar.gz": (_CIFAR, (10000, 3073), _CIFAR_SHA256),
}
# What the archive holds: pictures, the test set last, and two texts that are not read.
_PARTS = [f"data_batch_{k}.bin" for k in range(1, 6)] + ["test_batch.bin"]
_TEXTS = ["batches.meta.txt", "readme.html"]


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
        `folder` is none, or the file is nowhere, and no address could deliver it; the message says
        what to do.
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


def cifar10(split: str = "train", folder: Folder = None, *, published: bool = True) -> Pair:
    """CIFAR-10: colour images (n, 32, 32, 3) and labels (n,), both uint8.

    The labels 0 to 9 are airplane, automobile, bird, cat, deer, dog, frog, horse, ship and truck.
    The archive is read in memory; nothing is unpacked, and nothing in it is run.

    Parameters
    ----------
    split
        "train", n = 50,000, or "test", n = 10,000.
    folder
        Where to look first for `cifar-10-binary.tar.gz`, as published.
    published
        Refuse a local archive that is not the published one. With False an archive of the same
        form is taken, pictures that were compressed once more for instance. What is downloaded
        is the published one in any case.

    Raises
    ------
    ValueError, OSError, ImportError
        As `mnist`.

    Examples
    --------
    >>> images, labels = cifar10("test")  # doctest: +SKIP
    """
    if split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    records = _load("cifar-10-binary.tar.gz", folder, published)
    records = records[:-1].reshape(-1, records.shape[-1]) if split == "train" else records[-1]
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, 0].copy()


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


def _load(name, folder, published=True):
    path = _fetch(name, folder)
    try:
        return _read(path, name, published)
    except ValueError as error:
        source = _FILES[name][0][0] + name
        raise ValueError(f"{path}: {error}. Delete it, or replace it by {source}") from error


def _fetch(name, folder):
    """The path of a file, local or cached; what is local has not been checked yet."""
    if folder and not Path(folder).expanduser().is_dir():
        raise NotADirectoryError(f"folder must hold the published files, got {os.fspath(folder)!r}")
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


def _read(path, name, published=True):
    """The numbers of a file; ValueError unless its content is the published one."""
    _, shape, expected = _FILES[name]
    if name.endswith(".tar.gz"):
        read, algorithm = _archive, "sha256"
    else:
        read, algorithm = (_idx, "md5") if name.endswith(".gz") else (_table, "sha256")
    content, numbers = read(path, shape)
    if published:
        found = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
        if found != expected:
            way_out = " (published=False takes it)" if read is _archive else ""
            raise ValueError(f"expected content with {algorithm} {expected}, got {found}{way_out}")
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


def _archive(path, shape):
    """The file, and the records of its parts (6, *shape), read in memory."""
    size = math.prod(shape)
    most = len(_PARTS) * size + 2**20  # there is room for headers and the two texts
    with open(path, "rb") as file:
        content = file.read(most)  # pictures hardly compress, but they do
    try:
        with gzip.open(io.BytesIO(content)) as unpacking:
            unpacked = unpacking.read(most + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"expected a complete gzip file: {error}") from error
    if len(unpacked) > most:
        raise ValueError(f"expected to unpack at most {most} bytes")
    parts: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as tar:
            for member in tar:
                name = _allowed(member, size)
                if name in parts:
                    raise ValueError(f"expected one {name}, got two")
                if name in _PARTS and (part := tar.extractfile(member)):
                    parts[name] = part.read()
    except tarfile.TarError as error:
        raise ValueError(f"expected a complete tar archive: {error}") from error
    if missing := [name for name in _PARTS if len(parts.get(name, b"")) != size]:
        raise ValueError(f"expected {', '.join(_PARTS)}; missing or cut: {', '.join(missing)}")
    records = np.stack([np.frombuffer(parts[name], np.uint8).reshape(shape) for name in _PARTS])
    if (highest := records[..., 0].max()) > 9:
        raise ValueError(f"expected labels from 0 to 9, got {highest}")
    return content, records


def _allowed(member, size):
    """The name of a member within its folder; ValueError unless it belongs there."""
    folder, _, name = member.name.partition("/")
    if folder != "cifar-10-batches-bin" or name not in ["", *_PARTS, *_TEXTS]:
        raise ValueError(f"expected no member {member.name!r}")
    if not (member.isfile() if name else member.isdir()):
        raise ValueError(f"expected a plain file {name}, got type {member.type!r}")
    if name in _PARTS and member.size != size:
        raise ValueError(f"expected {size} bytes of {name}, got {member.size}")
    return name


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
