"""The IDX reader, and MNIST and Fashion-MNIST from files and from a server on this machine."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import os
import pathlib
import struct

import numpy as np
import pytest
from autophagy import data
from autophagy.data import fashion_mnist, idx, mnist
from autophagy.errors import UserError
from autophagy.schema import plain
from hypothesis import example, given, settings
from hypothesis import strategies as st


def idx_bytes(array: np.ndarray) -> bytes:
    """An array of unsigned bytes in IDX."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def pack(raw: bytes) -> bytes:
    """Gzip without a time stamp."""
    return gzip.compress(raw, mtime=0)


def header(*shape: int, kind: int = 8) -> bytes:
    """An IDX header alone."""
    return struct.pack(f">HBB{len(shape)}I", 0, kind, len(shape), *shape)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> tuple[pathlib.Path, np.ndarray, np.ndarray]:
    """The four files, two gzipped and two plain, with 5 + 3 images of 6×6."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (8, 6, 6), dtype=np.uint8)
    labels = np.array([9, 0, 3, 3, 1, 2, 2, 7], dtype=np.uint8)
    where = tmp_path / "mnist"
    where.mkdir()
    (where / "train-images-idx3-ubyte.gz").write_bytes(pack(idx_bytes(images[:5])))
    (where / "train-labels-idx1-ubyte").write_bytes(idx_bytes(labels[:5]))
    (where / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(images[5:]))
    (where / "t10k-labels-idx1-ubyte.gz").write_bytes(pack(idx_bytes(labels[5:])))
    return where, images, labels


arrays = st.lists(st.integers(0, 4), min_size=3, max_size=3).map(
    lambda shape: np.arange(math.prod(shape), dtype=np.uint8).reshape(shape)
)


@settings(derandomize=True, max_examples=40)
@given(arrays, st.booleans())
def test_what_is_written_is_read(tmp_path_factory, array: np.ndarray, packed: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip"
    path.write_bytes(pack(idx_bytes(array)) if packed else idx_bytes(array))
    np.testing.assert_array_equal(idx.read(path, 3), array)


BODY = bytes(range(8))
HUGE = 2**32 - 1


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not an IDX file"),
        (b"\0\0\x08", "not an IDX file"),
        (b"\0\1\x08\x03" + BODY, "not an IDX file"),
        (header(2, 2, 2, kind=0x0D) + BODY, "type 0x0d; allowed: 0x08"),
        (header(8) + BODY, "1 dimensions; 3 needed"),
        (header(2, 2, 2)[:-1], "within its header"),
        (header(2, 2, 2) + BODY[:-1], "truncated: promises 8 bytes"),
        (header(2, 2, 2) + BODY + b"\0", "bytes after its end"),
        (header(HUGE, HUGE, HUGE) + BODY, "allowed: 2147483648"),
        (header(2**20, 2**5, 2**5) + BODY, "which it cannot hold"),
    ],
)
def test_a_broken_file_is_named(tmp_path, raw: bytes, message: str, packed: bool) -> None:
    path = tmp_path / "broken"
    path.write_bytes(pack(raw) if packed else raw)
    with pytest.raises(UserError, match=message) as error:
        idx.read(path, 3)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("cut", [1, 11, 25, -9, -1])
def test_a_cut_gzip_is_named(tmp_path, cut: int) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes(pack(header(2, 2, 2) + BODY)[:cut])
    with pytest.raises(UserError, match=r"cut\.gz"):
        idx.read(path, 3)


def test_a_folder_or_nothing_in_a_file_s_place_is_named(tmp_path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UserError, match="cannot be read"):
            idx.read(path, 3)


class Bomb(io.RawIOBase):
    """An endless stream after a header; counts what is read of it."""

    def __init__(self, start: bytes) -> None:
        self.start, self.taken = start, 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "the reader asked for everything"
        self.taken += size
        self.start, given = self.start[size:], self.start[:size]
        return given + bytes(size - len(given))


def test_no_more_is_read_than_promised_plus_one_byte(tmp_path) -> None:
    bomb = Bomb(header(2, 2, 2))
    with pytest.raises(UserError, match="bytes after its end"):
        idx._read(bomb, tmp_path / "bomb", 3, capacity=10**12)
    assert bomb.taken == 16 + 8 + 1


def test_the_best_that_deflate_can_do_is_still_read(tmp_path) -> None:
    array = np.zeros((4096, 32, 32), dtype=np.uint8)
    path = tmp_path / "zeros.gz"
    path.write_bytes(pack(idx_bytes(array)))
    assert array.size / path.stat().st_size > 1000
    np.testing.assert_array_equal(idx.read(path, 3), array)


GOOD = idx_bytes(np.arange(12, dtype=np.uint8).reshape(3, 2, 2))
edits = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4)


def edited(raw: bytes, changes: list[tuple[int, int]]) -> bytes:
    """Some bytes replaced."""
    result = bytearray(raw)
    for position, value in changes:
        result[position % len(result)] = value
    return bytes(result)


@settings(derandomize=True, max_examples=400)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.binary(max_size=60).map(lambda rest: b"\x1f\x8b\x08" + rest),
        st.binary(max_size=60).map(lambda rest: b"\0\0\x08\x03" + rest),
        edits.map(lambda changes: edited(GOOD, changes)),
        edits.map(lambda changes: edited(pack(GOOD), changes)),
        edits.map(lambda changes: pack(edited(GOOD, changes))),
        st.integers(0, len(GOOD)).map(lambda end: GOOD[:end]),
    )
)
@example(pack(GOOD) + b"garbage")
@example(pack(GOOD) + pack(b"more"))
def test_any_bytes_give_an_array_or_a_user_error(tmp_path_factory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz"
    path.write_bytes(raw)
    refusal = None
    try:
        array = idx.read(path, 3)
    except UserError as error:
        refusal = str(error)
    if refusal is None:
        assert array.dtype == np.uint8
        assert array.ndim == 3
    else:
        assert str(path) in refusal


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_rows_are_train_then_test(folder, name: str) -> None:
    where, images, labels = folder
    section = {"name": name, "splits": {}, "split_seed": 0, "path": str(where)}
    data.check(section)
    real = data.load(section)
    np.testing.assert_array_equal(real.images, images[..., np.newaxis])
    np.testing.assert_array_equal(real.labels, labels)
    assert real.levels == 256
    assert len(real.classes) == 10
    assert real.source["name"] == name
    assert str(where) not in str(real.source)
    assert real.source["files"] == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in where.iterdir()
    }


def test_the_packed_file_wins_over_the_plain_one(folder) -> None:
    where, images, _ = folder
    (where / "train-images-idx3-ubyte").write_bytes(b"left over from an unpacking that failed")
    real = data.load({"name": "mnist", "path": str(where)})
    np.testing.assert_array_equal(real.images, images[..., np.newaxis])


def test_missing_files_are_refused_before_anything_is_read(folder, tmp_path) -> None:
    where, _, _ = folder
    section = {"name": "mnist", "path": str(where)}
    (where / "train-images-idx3-ubyte.gz").write_bytes(b"nonsense")
    data.check(section)
    (where / "t10k-labels-idx1-ubyte.gz").unlink()
    for function in (data.check, data.load):
        with pytest.raises(UserError, match=r"dataset\.path.*lacks t10k-labels-idx1-ubyte"):
            function(section)
    with pytest.raises(UserError, match=r"dataset\.path: no folder"):
        data.check({"name": "mnist", "path": str(tmp_path / "nowhere")})
    assert data.check({"name": "mnist"}) is None
    assert data.check({"name": "mnist", "path": None}) is None


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("train-labels-idx1-ubyte", np.zeros(6), "6 labels.*holds 5 images"),
        ("t10k-images-idx3-ubyte", np.zeros((3, 5, 5)), r"shape \(5, 5\)"),
        ("train-labels-idx1-ubyte", np.full(5, 10), r"allowed: 0\.\.9"),
        ("train-labels-idx1-ubyte", np.zeros((5, 1)), "1 needed"),
    ],
)
def test_files_that_disagree_are_refused(folder, name, array, message) -> None:
    where, _, _ = folder
    (where / name).write_bytes(idx_bytes(array.astype(np.uint8)))
    with pytest.raises(UserError, match=message):
        data.load({"name": "mnist", "path": str(where)})


def test_counts_that_disagree_within_a_part_are_refused_though_the_sums_agree(folder) -> None:
    where, _, _ = folder
    (where / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(4, np.uint8)))
    (where / "t10k-labels-idx1-ubyte.gz").write_bytes(pack(idx_bytes(np.zeros(4, np.uint8))))
    with pytest.raises(UserError, match="train-labels-idx1-ubyte: 4 labels"):
        data.load({"name": "mnist", "path": str(where)})


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_a_size_takes_area_means(folder, name: str) -> None:
    where, images, labels = folder
    section = {"name": name, "path": str(where), "size": 3}
    real = data.load(section)
    means = images.reshape(8, 3, 2, 3, 2).mean(axis=(2, 4))
    assert real.images.shape == (8, 3, 3, 1)
    # Pillow rounds after each of its two passes.
    assert np.abs(real.images[..., 0] - means).max() <= 1.0
    np.testing.assert_array_equal(real.labels, labels)
    assert data.module(name).shape(section) == (3, 1)


@pytest.mark.parametrize("module", [mnist, fashion_mnist])
def test_a_size_is_known_beforehand_and_recorded_where_it_is_given(module) -> None:
    name = module.__name__.rpartition(".")[2]
    splits = {"loop": 60, "reference": 20, "features": 20}
    without = plain(module.Dataset(name=name, splits=splits))
    small = plain(module.Dataset(name=name, splits=splits, size=16))
    assert "size" not in without
    assert small == without | {"size": 16}
    assert [module.shape(section) for section in (without, small)] == [(28, 1), (16, 1)]
    assert module.rows(small) == 70_000


@pytest.mark.parametrize("module", [mnist, fashion_mnist])
def test_without_a_path_the_published_files_come_from_the_cache(
    folder, tmp_path, monkeypatch, module
) -> None:
    where, images, _ = folder
    name = module.__name__.rpartition(".")[2]
    cache = tmp_path / "cache" / name
    cache.mkdir(parents=True)
    published = {}
    for path in where.iterdir():
        raw = path.read_bytes()
        packed = raw if path.suffix == ".gz" else pack(raw)
        (cache / f"{path.name.removesuffix('.gz')}.gz").write_bytes(packed)
        published[f"{path.name.removesuffix('.gz')}.gz"] = (
            "sha256:" + hashlib.sha256(packed).hexdigest()
        )
    assert published.keys() == module.PUBLISHED.keys()
    monkeypatch.setenv("AUTOPHAGY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "PUBLISHED", published)
    monkeypatch.setattr(module, "MIRRORS", ())
    real = data.load({"name": name, "path": None})
    np.testing.assert_array_equal(real.images, images[..., np.newaxis])

    (cache / "t10k-labels-idx1-ubyte.gz").write_bytes(b"altered")
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte\.gz.*dataset\.path"):
        data.load({"name": name})


def test_mnist_itself() -> None:
    where = os.environ.get("AUTOPHAGY_TEST_MNIST")
    if not where or not pathlib.Path(where).is_dir():
        pytest.skip("AUTOPHAGY_TEST_MNIST names no folder with MNIST's four files")
    real = data.load({"name": "mnist", "path": where})
    assert real.images.shape == (70000, 28, 28, 1)
    # Yann LeCun's counts of the training part plus those of the test part.
    counts = [6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958]
    assert np.bincount(real.labels).tolist() == counts
    for name, digest in real.source["files"].items():
        assert mnist.PUBLISHED.get(name, f"sha256:{digest}") == f"sha256:{digest}"
