"""The loading contract of adamtut.data, on miniature files and a server on 127.0.0.1."""

import gzip
import hashlib
import http.server
import io
import os
import pickle
import re
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import adamtut
from adamtut import data

IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
AIRFOIL = "airfoil_self_noise.dat"
CIFAR = "cifar-10-binary.tar.gz"
PUBLISHED = dict(data._FILES)

rng = np.random.default_rng(0)
ARRAYS = {
    IMAGES: rng.integers(256, size=(3, 28, 28), dtype=np.uint8),
    LABELS: np.array([5, 0, 4], dtype=np.uint8),
    TEST_IMAGES: rng.integers(256, size=(2, 28, 28), dtype=np.uint8),
    TEST_LABELS: np.array([7, 2], dtype=np.uint8),
    AIRFOIL: np.arange(24).reshape(4, 6) / 8,
}


def idx(array):
    """The idx format, written independently of the reader."""
    return (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + bytes(array)
    )


def tsv(table, end="\n"):
    return "".join("\t".join(map(str, row)) + end for row in table.tolist()).encode()


def published(name):
    return tsv(ARRAYS[name]) if name == AIRFOIL else gzip.compress(idx(ARRAYS[name]))


def write(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names or ARRAYS:
        (folder / name).write_bytes(published(name))
    return folder


# The parts of a small archive: two pictures each, a label and then 3 x 32 x 32 pixels.
BINS = [f"data_batch_{k}.bin" for k in (1, 2, 3, 4, 5)] + ["test_batch.bin"]
RECORDS = rng.integers(256, size=(6, 2, 3073), dtype=np.uint8)
RECORDS[..., 0] = np.arange(12).reshape(6, 2) % 10
PARTS = {f"cifar-10-batches-bin/{name}": bytes(r) for name, r in zip(BINS, RECORDS, strict=True)}
SOME_BIN = "cifar-10-batches-bin/data_batch_3.bin"


def tar(members, **kinds):
    """A tar archive of {name: bytes, or a tarfile.TarInfo of another kind}."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", **kinds) as file:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                file.addfile(content)
            else:
                info = tarfile.TarInfo(name.removesuffix("again"))
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    return written.getvalue()


def kind(name, of, to=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = of, to
    return info


def archive(**changes):
    """As published: a folder, the parts and two texts."""
    folder = kind("cifar-10-batches-bin", tarfile.DIRTYPE)
    texts = {f"cifar-10-batches-bin/{name}": b"x" for name in ("batches.meta.txt", "readme.html")}
    return gzip.compress(tar({"folder": folder} | PARTS | texts | changes), mtime=0)


class Server(http.server.ThreadingHTTPServer):
    """Answers with `answers[path]` = (status, declared length or None, body); keeps the paths."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            status, length, body = self.server.answers.get(self.path, (404, 0, b""))
            self.send_response(status)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.answers, self.asked = {}, []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"

    def offer(self, place, name, body, status=200, length="true"):
        self.answers[f"/{place}/{name}"] = status, len(body) if length == "true" else length, body


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        yield f"http://127.0.0.1:{probe.getsockname()[1]}/"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """Small files in place of the published ones, no address that works, and an empty cache."""
    monkeypatch.delenv("ADAMTUT_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pooch.os_cache", lambda _: tmp_path / "cache")
    for name, array in ARRAYS.items():
        if name == AIRFOIL:
            checksum = hashlib.sha256(tsv(array)).hexdigest()
        else:
            checksum = hashlib.md5(idx(array)).hexdigest()
        monkeypatch.setitem(data._FILES, name, (("http://none.invalid/",), array.shape, checksum))
    checksum = hashlib.sha256(archive()).hexdigest()
    monkeypatch.setitem(data._FILES, CIFAR, (("http://none.invalid/",), (2, 3073), checksum))
    return tmp_path / "cache"


@pytest.fixture
def addresses(monkeypatch):
    def set_addresses(*urls):
        for name, (_, *rest) in data._FILES.items():
            monkeypatch.setitem(data._FILES, name, (urls, *rest))

    return set_addresses


def without(monkeypatch, *modules):
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


# Bundled sets


def test_digits_are_the_bundled_ones_over_16():
    from sklearn.datasets import load_digits

    inputs, labels = data.digits()
    assert inputs.shape == (1797, 64) and inputs.dtype == np.float64
    assert inputs.min() == 0 and inputs.max() == 1
    assert np.issubdtype(labels.dtype, np.integer)
    np.testing.assert_array_equal(inputs * 16, load_digits().data)
    np.testing.assert_array_equal(labels, load_digits().target)


def test_diabetes_is_standardised_by_the_population_deviation():
    from sklearn.datasets import load_diabetes

    inputs, targets = data.diabetes()
    raw = load_diabetes(scaled=False)
    assert inputs.dtype == targets.dtype == np.float64
    np.testing.assert_allclose(np.sum(inputs**2, axis=0), np.full(10, 442), rtol=1e-12)
    np.testing.assert_allclose(inputs * raw.data.std(0) + raw.data.mean(0), raw.data, atol=1e-10)
    np.testing.assert_allclose(targets * raw.target.std() + raw.target.mean(), raw.target)


def test_breast_cancer_labels_are_plus_one_for_benign():
    from sklearn.datasets import load_breast_cancer

    inputs, labels = data.breast_cancer()
    raw = load_breast_cancer()
    assert inputs.shape == (569, 30) and labels.dtype == np.float64
    np.testing.assert_array_equal(labels, np.where(raw.target_names[raw.target] == "benign", 1, -1))
    np.testing.assert_allclose(inputs * raw.data.std(0) + raw.data.mean(0), raw.data, atol=1e-9)


# What is imported, and what is missing


def test_import_needs_numpy_alone():
    code = (
        "import sys, adamtut.data\n"
        "extra = {'pooch', 'tqdm', 'sklearn', 'requests', 'torch'} & set(sys.modules)\n"
        "assert not extra, extra"
    )
    root = str(Path(adamtut.__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": root})


@pytest.mark.parametrize("load", [data.digits, data.diabetes, data.breast_cancer])
def test_missing_scikit_learn_names_the_extra(monkeypatch, load):
    without(monkeypatch, "sklearn.datasets")
    with pytest.raises(ImportError, match=r"scikit-learn is missing: .*`book` extra"):
        load()


def test_missing_downloader_names_the_extra(monkeypatch):
    without(monkeypatch, "pooch")
    with pytest.raises(ImportError, match=r"pooch is missing: .*`book` extra"):
        data.airfoil()


def test_local_files_need_no_downloader(monkeypatch, tmp_path):
    without(monkeypatch, "pooch", "tqdm")
    assert data.mnist(folder=write(tmp_path / "here"))[0].shape == (3, 28, 28)


# Local files


@pytest.mark.parametrize(("split", "images", "labels"), [
    ("train", IMAGES, LABELS), ("test", TEST_IMAGES, TEST_LABELS)
])  # fmt: skip
def test_mnist_is_read_exactly(tmp_path, split, images, labels):
    found = data.mnist(split, write(tmp_path / "here"))
    for array, name in zip(found, (images, labels), strict=True):
        assert array.dtype == np.uint8 and array.flags.writeable
        np.testing.assert_array_equal(array, ARRAYS[name], strict=True)


def test_mnist_is_train_unless_told(tmp_path):
    assert len(data.mnist(folder=write(tmp_path / "here"))[1]) == len(ARRAYS[LABELS])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_airfoil_is_read_with_either_line_end(tmp_path, end):
    (tmp_path / AIRFOIL).write_bytes(tsv(ARRAYS[AIRFOIL], end))
    inputs, targets = data.airfoil(tmp_path)
    np.testing.assert_array_equal(inputs, ARRAYS[AIRFOIL][:, :5], strict=True)
    np.testing.assert_array_equal(targets, ARRAYS[AIRFOIL][:, 5], strict=True)


@pytest.mark.parametrize("split", ["valid", "Train", "", None, 0])
def test_unknown_split(split):
    with pytest.raises(ValueError, match=f"'train' or 'test', got {split!r}"):
        data.mnist(split)


def test_places_are_tried_in_order(monkeypatch, tmp_path, cache):
    folder, environment = tmp_path / "folder", tmp_path / "environment"
    for place in (folder, environment, cache):
        write(place, AIRFOIL)
    monkeypatch.setenv("ADAMTUT_DATA", str(environment))
    assert data._fetch(AIRFOIL, folder) == folder / AIRFOIL
    assert data._fetch(AIRFOIL, str(folder)) == folder / AIRFOIL
    assert data._fetch(AIRFOIL, None) == environment / AIRFOIL
    (folder / AIRFOIL).unlink()
    assert data._fetch(AIRFOIL, folder) == environment / AIRFOIL
    (environment / AIRFOIL).unlink()
    assert Path(data._fetch(AIRFOIL, folder)) == (cache / AIRFOIL).resolve()


def test_home_is_expanded(monkeypatch, tmp_path):
    write(tmp_path / "sets", AIRFOIL)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setenv("ADAMTUT_DATA", "~/sets")
    assert data._fetch(AIRFOIL, None) == tmp_path / "sets" / AIRFOIL


def test_empty_variable_is_not_the_working_directory(monkeypatch, tmp_path, cache):
    monkeypatch.chdir(write(tmp_path / "work", AIRFOIL))
    write(cache, AIRFOIL)
    monkeypatch.setenv("ADAMTUT_DATA", "")
    assert Path(data._fetch(AIRFOIL, None)) == (cache / AIRFOIL).resolve()


# Refused files


GOOD = idx(ARRAYS[IMAGES])
IDX_FAULTS = {
    "not gzip": (GOOD, "complete gzip file"),
    "empty": (b"", r"idx header .* got \."),
    "cut gzip": (gzip.compress(GOOD)[:-200], "complete gzip file"),
    "cut gzip trailer": (gzip.compress(GOOD)[:-4], "complete gzip file"),
    "damaged gzip": (gzip.compress(GOOD)[:10] + b"\xff" * 40, "complete gzip file: Error -3"),
    "trailing junk": (gzip.compress(GOOD) + b"junk", "complete gzip file"),
    "wrong magic": (gzip.compress(b"\0\0\x0d" + GOOD[3:]), "idx header 00000803.*got 00000d03"),
    "labels": (gzip.compress(idx(ARRAYS[LABELS])), "idx header 00000803.*got 00000801"),
    "other shape": (gzip.compress(idx(ARRAYS[TEST_IMAGES])), "idx header 0000080300000003"),
    "huge shape": (gzip.compress(GOOD[:4] + b"\xff" * 12 + GOOD[16:]), "idx header 00000803"),
    "too short": (gzip.compress(GOOD[:-1]), "unpack 2368 bytes, read 2367"),
    "too long": (gzip.compress(GOOD + b"\0"), "unpack 2368 bytes, read 2369"),
    "one pixel": (gzip.compress(GOOD[:-1] + bytes([GOOD[-1] ^ 1])), "md5 .*, got "),
}
ROWS = tsv(ARRAYS[AIRFOIL])
AIRFOIL_FAULTS = {
    "empty": (b"", r"\(4, 6\) numbers, got \(0,\)"),
    "five columns": (tsv(ARRAYS[AIRFOIL][:, :5]), r"\(4, 6\) numbers, got \(4, 5\)"),
    "seven columns": (tsv(np.ones((4, 7))), r"\(4, 6\) numbers, got \(4, 7\)"),
    "ragged": (ROWS + b"1\t2\n", "6 numbers between tabs per line"),
    "spaces": (ROWS.replace(b"\t", b" "), "6 numbers between tabs per line"),
    "page": (b"<html>not found</html>", "6 numbers between tabs per line"),
    "NaN": (ROWS.replace(b"0.125", b"nan"), "all finite: False"),
    "infinite": (ROWS.replace(b"0.125", b"inf"), "all finite: False"),
    "row missing": (tsv(ARRAYS[AIRFOIL][:-1]), r"got \(3, 6\)"),
    "other number": (ROWS.replace(b"0.125", b"0.126"), "sha256 .*, got "),
}


@pytest.mark.parametrize("fault", IDX_FAULTS)
def test_wrong_idx_file_is_refused_by_name(tmp_path, fault):
    content, expected = IDX_FAULTS[fault]
    (write(tmp_path / "here") / IMAGES).write_bytes(content)
    with pytest.raises(ValueError, match=f"{IMAGES}: expected .*{expected}"):
        data.mnist(folder=tmp_path / "here")


@pytest.mark.parametrize("fault", AIRFOIL_FAULTS)
def test_wrong_airfoil_file_is_refused_by_name(monkeypatch, tmp_path, fault):
    content, expected = AIRFOIL_FAULTS[fault]
    (tmp_path / AIRFOIL).write_bytes(content)
    monkeypatch.setenv("ADAMTUT_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=f"{AIRFOIL}: expected .*{expected}"):
        data.airfoil()


def test_wrong_labels_are_refused_too(tmp_path):
    wrong = gzip.compress(idx(np.array([5, 0, 3], dtype=np.uint8)))
    (write(tmp_path / "here") / LABELS).write_bytes(wrong)
    with pytest.raises(ValueError, match=f"{LABELS}: expected content with md5"):
        data.mnist(folder=tmp_path / "here")


def test_a_refused_file_is_kept_and_nothing_is_taken_in_its_place(tmp_path, cache):
    write(cache, AIRFOIL)
    (tmp_path / AIRFOIL).write_bytes(b"mine")
    with pytest.raises(ValueError, match="Delete it, or replace it by http:"):
        data.airfoil(tmp_path)
    assert (tmp_path / AIRFOIL).read_bytes() == b"mine"


@pytest.mark.parametrize(("name", "content"), [
    (IMAGES, gzip.compress(GOOD + bytes(64 * 2**20), compresslevel=1)),
    (AIRFOIL, ROWS * 200_000),
], ids=["gzip bomb", "endless table"])  # fmt: skip
def test_reading_is_bounded(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    del content
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=name):
            data._load(name, tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("name", [IMAGES, AIRFOIL])
@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_no_pickle_is_loaded(tmp_path, name, wrap):
    mark = tmp_path / "mark"
    pickled = pickle.dumps(Payload(str(mark)))
    (tmp_path / name).write_bytes(wrap(pickled))
    with pytest.raises(ValueError, match=name):
        data._load(name, tmp_path)
    assert not mark.exists()
    pickle.loads(pickled)
    assert mark.exists()  # the payload works: loading it would have been seen


# The archive


@pytest.mark.parametrize(("split", "parts"), [("train", RECORDS[:5]), ("test", RECORDS[5:])])
def test_cifar10_is_read_exactly(tmp_path, split, parts):
    (tmp_path / CIFAR).write_bytes(archive())
    images, labels = data.cifar10(split, tmp_path)
    assert images.dtype == labels.dtype == np.uint8
    assert images.flags.writeable and labels.flags.writeable and images.flags.c_contiguous
    assert images.shape == (parts.shape[0] * 2, 32, 32, 3)
    for image, label, record in zip(images, labels, parts.reshape(-1, 3073), strict=True):
        assert label == record[0]
        for channel in range(3):  # row by row, one colour after the other
            own = record[1 + 1024 * channel : 1025 + 1024 * channel]
            np.testing.assert_array_equal(image[..., channel].ravel(), own)
    assert os.listdir(tmp_path) == [CIFAR]


def test_cifar10_is_train_unless_told(tmp_path):
    (tmp_path / CIFAR).write_bytes(archive())
    assert len(data.cifar10(folder=tmp_path)[1]) == 10
    with pytest.raises(ValueError, match="'train' or 'test', got 'valid'"):
        data.cifar10("valid", tmp_path)


def test_an_archive_of_other_pictures_is_refused_unless_it_is_asked_for(tmp_path):
    other = bytearray(PARTS[SOME_BIN])
    other[100] ^= 1
    (tmp_path / CIFAR).write_bytes(archive(**{SOME_BIN: bytes(other)}))
    with pytest.raises(ValueError, match=f"{CIFAR}: expected content with sha256.*published=False"):
        data.cifar10("train", tmp_path)
    images, _ = data.cifar10("train", tmp_path, published=False)
    assert images[4].transpose(2, 0, 1).ravel()[99] == other[100]


OUT = kind(SOME_BIN, tarfile.LNKTYPE, "cifar-10-batches-bin/data_batch_1.bin")
HUGE = kind(SOME_BIN, tarfile.REGTYPE)
HUGE.size = 2**40
ARCHIVE_FAULTS = {
    "empty": (b"", "tar archive"),
    "page": (b"<html>sign in</html>", "complete gzip file"),
    "cut": (archive()[:-200], "complete gzip file"),
    "cut trailer": (archive()[:-4], "complete gzip file"),
    "trailing junk": (archive() + b"junk", "complete gzip file"),
    "no tar": (gzip.compress(bytes(range(256)) * 9), "complete tar archive"),
    "cut tar": (gzip.compress(gzip.decompress(archive())[:20_000]), "tar archive|missing or cut"),
    "part missing": (gzip.compress(tar({k: v for k, v in PARTS.items() if k != SOME_BIN})),
                     "missing or cut: data_batch_3.bin"),
    "short part": (archive(**{SOME_BIN: PARTS[SOME_BIN][:-1]}), "6146 bytes of .*, got 6145"),
    "long part": (archive(**{SOME_BIN: PARTS[SOME_BIN] + b"0"}), "got 6147"),
    "part twice": (archive(**{SOME_BIN + "again": PARTS[SOME_BIN]}), "one .*, got two"),
    "huge part": (gzip.compress(tar({"x": HUGE})), f"got {2**40}"),
    "wrong label": (archive(**{SOME_BIN: b"\x0a" + PARTS[SOME_BIN][1:]}), "0 to 9, got 10"),
    "out of the folder": (archive(**{"../evil.bin": b"x"}), "no member '../evil.bin'"),
    "out of the folder, later": (archive(**{"cifar-10-batches-bin/../../evil": b"x"}), "no member"),
    "absolute": (archive(**{"/etc/evil": b"x"}), "no member '/etc/evil'"),
    "unknown": (archive(**{"cifar-10-batches-bin/run.py": b"x"}), "no member"),
    "hard link": (archive(**{SOME_BIN: OUT}), "plain file data_batch_3.bin, got type"),
    "soft link": (archive(**{SOME_BIN: kind(SOME_BIN, tarfile.SYMTYPE, "/etc/x")}), "plain file"),
    "device": (archive(**{SOME_BIN: kind(SOME_BIN, tarfile.CHRTYPE)}), "plain file"),
    "folder for a part": (archive(**{SOME_BIN: kind(SOME_BIN, tarfile.DIRTYPE)}), "plain file"),
}  # fmt: skip


@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize("fault", ARCHIVE_FAULTS)
def test_wrong_archive_is_refused_by_name(tmp_path, fault, published):
    content, expected = ARCHIVE_FAULTS[fault]
    (tmp_path / CIFAR).write_bytes(content)
    with pytest.raises(ValueError, match=f"{CIFAR}: expected .*({expected}).* Delete it"):
        data.cifar10("train", tmp_path, published=published)
    assert os.listdir(tmp_path) == [CIFAR]


def test_reading_an_archive_is_bounded(tmp_path):
    (tmp_path / CIFAR).write_bytes(gzip.compress(bytes(256 * 2**20), compresslevel=1))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"{CIFAR}: expected to unpack at most"):
            data.cifar10("train", tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


def test_a_download_must_be_the_published_archive(server, addresses, cache):
    addresses(server.url + "home/")
    server.offer("home", CIFAR, archive(**{SOME_BIN: bytes(6146)}))
    with pytest.raises(OSError, match="expected content with sha256"):
        data.cifar10("train", published=False)
    assert os.listdir(cache) == []
    server.offer("home", CIFAR, archive())
    assert data.cifar10("test")[1].tolist() == [0, 1]
    assert os.listdir(cache) == [CIFAR]


# Downloads


def test_download_once_then_never_again(server, addresses, cache, capfd):
    addresses(server.url + "home/")
    for name in (IMAGES, LABELS):
        server.offer("home", name, published(name))
    for _ in range(2):
        images, labels = data.mnist()
        np.testing.assert_array_equal(images, ARRAYS[IMAGES])
        np.testing.assert_array_equal(labels, ARRAYS[LABELS])
        assert server.asked == [f"/home/{IMAGES}", f"/home/{LABELS}"]
    assert sorted(os.listdir(cache)) == [IMAGES, LABELS]
    assert capfd.readouterr() == ("", "")


def test_local_files_make_no_request(server, addresses, tmp_path):
    addresses(server.url + "home/")
    data.airfoil(write(tmp_path / "here"))
    assert server.asked == []


def test_line_ends_of_a_download_do_not_matter(server, addresses):
    addresses(server.url + "home/")
    server.offer("home", AIRFOIL, tsv(ARRAYS[AIRFOIL], "\r\n"))
    np.testing.assert_array_equal(data.airfoil()[1], ARRAYS[AIRFOIL][:, 5])


def test_dead_address_then_mirror(server, closed_port, addresses, cache):
    addresses(closed_port, server.url + "mirror/")
    server.offer("mirror", AIRFOIL, ROWS)
    np.testing.assert_array_equal(data.airfoil()[1], ARRAYS[AIRFOIL][:, 5])
    assert server.asked == [f"/mirror/{AIRFOIL}"]
    assert os.listdir(cache) == [AIRFOIL]


BODY = gzip.compress(GOOD)
BAD_ANSWERS = {
    "not found": (dict(body=b"", status=404), "404 Client Error"),
    "server error": (dict(body=b"", status=500), "500 Server Error"),
    "cut, length declared": (dict(body=BODY[:-100], length=len(BODY)), "IncompleteRead"),
    "cut, length not declared": (dict(body=BODY[:-100], length=None), "complete gzip file"),
    "page": (dict(body=b"<html>sign in</html>"), "complete gzip file"),
    "wrong content": (dict(body=IDX_FAULTS["one pixel"][0]), "expected content with md5"),
}


@pytest.mark.parametrize("answer", BAD_ANSWERS)
def test_bad_answer_then_mirror(server, addresses, cache, answer):
    addresses(server.url + "home/", server.url + "mirror/")
    server.offer("home", IMAGES, **BAD_ANSWERS[answer][0])
    server.offer("mirror", IMAGES, BODY)
    np.testing.assert_array_equal(data._load(IMAGES, None), ARRAYS[IMAGES])
    assert server.asked == [f"/home/{IMAGES}", f"/mirror/{IMAGES}"]
    assert os.listdir(cache) == [IMAGES]


@pytest.mark.parametrize("answer", BAD_ANSWERS)
def test_bad_answer_leaves_nothing_in_the_cache(server, addresses, cache, answer):
    addresses(server.url + "home/")
    arguments, reason = BAD_ANSWERS[answer]
    server.offer("home", IMAGES, **arguments)
    with pytest.raises(OSError, match=f"could not download {IMAGES}") as caught:
        data.mnist()
    assert re.search(f"\n  {server.url}home/{IMAGES}: .*{reason}", str(caught.value))
    assert os.listdir(cache) == []


def test_no_network_is_one_error_that_says_what_to_do(closed_port, addresses, cache):
    addresses(closed_port + "home/", closed_port + "mirror/")
    with pytest.raises(OSError) as caught:
        data.mnist("test")
    message = str(caught.value)
    assert f"Get it from {closed_port}home/{TEST_IMAGES}" in message
    assert "set $ADAMTUT_DATA to that folder" in message
    assert f"\n  {closed_port}mirror/{TEST_IMAGES}: " in message
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    assert os.listdir(cache) == []


def test_what_the_error_says_helps(closed_port, addresses, monkeypatch, tmp_path):
    addresses(closed_port)
    with pytest.raises(OSError):
        data.airfoil()
    monkeypatch.setenv("ADAMTUT_DATA", str(write(tmp_path / "here", AIRFOIL)))
    np.testing.assert_array_equal(data.airfoil()[1], ARRAYS[AIRFOIL][:, 5])


def test_damaged_cache_is_refused_by_name_and_deleting_it_helps(server, addresses, cache):
    addresses(server.url + "home/")
    server.offer("home", AIRFOIL, ROWS)
    cache.mkdir()
    (cache / AIRFOIL).write_bytes(ROWS[:-1] + b"1\n")
    with pytest.raises(ValueError, match=f"cache.{AIRFOIL}: expected .* Delete it"):
        data.airfoil()
    assert server.asked == []
    (cache / AIRFOIL).unlink()
    np.testing.assert_array_equal(data.airfoil()[1], ARRAYS[AIRFOIL][:, 5])


# The published files


def test_table_of_published_files():
    """A second copy of what cannot be downloaded here: a slip in the table would stop everyone."""
    checksums = {name: checksum for name, (_, _, checksum) in PUBLISHED.items()}
    assert checksums == {
        IMAGES: "6bbc9ace898e44ae57da46a324031adb",
        LABELS: "a25bea736e30d166cdddb491f175f624",
        TEST_IMAGES: "2646ac647ad5339dbf082846283269ea",
        TEST_LABELS: "27ae3e4e09519cfbb04c329615203637",
        AIRFOIL: "10ee06e6cfb27dae6b44213d421d217012fb1f9b697592e73a4e4016b52d425f",
        CIFAR: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    }
    assert {name: shape for name, (_, shape, _) in PUBLISHED.items()} == {
        IMAGES: (60000, 28, 28),
        LABELS: (60000,),
        TEST_IMAGES: (10000, 28, 28),
        TEST_LABELS: (10000,),
        AIRFOIL: (1503, 6),
        CIFAR: (10000, 3073),
    }
    for addresses, _, _ in PUBLISHED.values():
        assert len(set(addresses)) == 2
        assert all(url.startswith("https://") and url.endswith("/") for url in addresses)


REAL = Path(os.environ.get("ADAMTUT_DATA") or "no folder")


@pytest.mark.skipif(
    not all((REAL / name).is_file() for name in ARRAYS),
    reason="needs the published files in $ADAMTUT_DATA",
)
def test_published_files(monkeypatch):
    monkeypatch.setattr(data, "_FILES", PUBLISHED)
    images, labels = data.mnist("train", REAL)
    assert images.shape == (60000, 28, 28) and list(labels[:5]) == [5, 0, 4, 1, 9]
    assert round(float(images.mean()) / 255, 4) == 0.1307
    images, labels = data.mnist("test", REAL)
    assert images.shape == (10000, 28, 28) and list(labels[:5]) == [7, 2, 1, 0, 4]
    inputs, targets = data.airfoil(REAL)
    assert inputs.shape == (1503, 5) and targets[0] == 126.201
    np.testing.assert_array_equal(inputs[0], [800, 0, 0.3048, 71.3, 0.00266337])
