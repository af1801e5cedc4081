"""The user's own arrays."""

from __future__ import annotations

import hashlib
import io
import pathlib
import zipfile

import numpy as np
import pytest
from autophagy import data
from autophagy.errors import UserError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

RNG = np.random.default_rng(2)
GREY = RNG.integers(0, 256, (5, 4, 4), dtype=np.uint8)
RGB = RNG.integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)
LABELS = np.array([0, 2, 2, 1, 0], dtype=np.int32)


def load(path: pathlib.Path) -> data.RealSet:
    """The set in a file."""
    return data.load({"name": "npz", "path": str(path), "splits": {}, "split_seed": 0})


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("images", [GREY, GREY[..., np.newaxis], RGB, np.asfortranarray(RGB)])
def test_arrays_come_back_with_channels_last(tmp_path, images: np.ndarray, save) -> None:
    path = tmp_path / "mine.npz"
    save(path, images=images, labels=LABELS, anything_else=np.arange(3))
    data.check({"name": "npz", "path": str(path)})
    real = load(path)
    np.testing.assert_array_equal(real.images, images.reshape(5, 4, 4, -1))
    np.testing.assert_array_equal(real.labels, LABELS)
    assert real.classes == ("0", "1", "2")
    assert real.levels == 256
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert real.source == {
        "name": "npz",
        "licence": "not stated",
        "files": {"mine.npz": digest},
    }


def test_without_labels_all_is_one_class(tmp_path) -> None:
    np.savez(tmp_path / "mine.npz", images=GREY)
    real = load(tmp_path / "mine.npz")
    assert real.classes == ("all",)
    assert real.labels.tolist() == [0] * 5


MIXED = np.empty(2, dtype=object)
MIXED[:] = [np.zeros((4, 4), np.uint8), np.zeros((5, 5), np.uint8)]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": LABELS}, "no array named images"),
        ({"images": MIXED}, "not a .npz of plain arrays"),
        ({"images": GREY, "labels": LABELS.astype(object)}, "not a .npz of plain arrays"),
        ({"images": GREY.astype(np.float64)}, "float64"),
        ({"images": GREY.astype(np.int8)}, "int8"),
        ({"images": np.uint8(3)}, "N×H×W×C"),
        ({"images": GREY[0]}, "N×H×W×C"),
        ({"images": RGB[np.newaxis]}, "N×H×W×C"),
        ({"images": GREY[:, :3]}, "3×4"),
        ({"images": RGB[..., :2]}, "2 channels"),
        ({"images": GREY[:0]}, "no images"),
        ({"images": GREY[:0], "labels": LABELS[:0]}, "no images"),
        ({"images": GREY, "labels": LABELS[:4]}, "5 images but 4 labels"),
        ({"images": GREY, "labels": LABELS - 1}, r"-1\.\.1"),
        ({"images": GREY, "labels": LABELS.astype(np.float32)}, "only integers"),
        ({"images": GREY, "labels": LABELS.astype(bool)}, "only integers"),
        ({"images": GREY, "labels": LABELS[:, np.newaxis]}, r"\(5, 1\)"),
        ({"images": GREY, "labels": np.full(5, 2**63, np.uint64)}, r"allowed: 0\.\.65535"),
        ({"images": GREY, "labels": np.array("0")}, "only integers"),
    ],
)
def test_other_arrays_are_refused(tmp_path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path / "mine.npz")
    assert "mine.npz" in str(error.value)


class Planted:
    """Leaves a file behind if anyone unpickles it."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return pathlib.Path.touch, (self.path,)


def test_a_pickle_is_never_run(tmp_path) -> None:
    trap = np.empty(1, dtype=object)
    trap[0] = Planted(tmp_path / "sprung")
    np.savez(tmp_path / "mine.npz", images=trap)
    with pytest.raises(UserError):
        load(tmp_path / "mine.npz")
    assert not (tmp_path / "sprung").exists()
    with np.load(tmp_path / "mine.npz", allow_pickle=True) as armed:
        armed["images"]
    assert (tmp_path / "sprung").exists(), "the trap itself must work"


def test_other_files_are_refused(tmp_path) -> None:
    path = tmp_path / "mine.npz"
    for function in (data.check, data.load):
        with pytest.raises(UserError, match=r"dataset\.path: no file .*mine\.npz"):
            function({"name": "npz", "path": str(path)})
    with path.open("wb") as stream:
        np.save(stream, GREY)
    with pytest.raises(UserError, match="single array"):
        load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", "nonsense")
    with pytest.raises(UserError, match="images is not an array"):
        load(path)


def saved(**arrays: np.ndarray) -> bytes:
    """The bytes of a .npz."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


GOOD = saved(images=GREY[:2, :2, :2], labels=LABELS[:2])


def edited(changes: list[tuple[int, int]]) -> bytes:
    """A good file with some bytes replaced."""
    result = bytearray(GOOD)
    for position, value in changes:
        result[position % len(result)] = value
    return bytes(result)


def with_member(content: bytes) -> bytes:
    """A sound zip whose images.npy has any content."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("images.npy", content)
    return stream.getvalue()


def with_header(text: str) -> bytes:
    """A sound zip whose images.npy has any array header."""
    line = text.encode("latin1") + b"\n"
    return with_member(b"\x93NUMPY\1\0" + len(line).to_bytes(2, "little") + line + bytes(8))


HEADER = "{{'descr': '{}', 'fortran_order': {}, 'shape': {}}}"


@settings(
    derandomize=True,
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.binary(max_size=60).map(lambda rest: b"PK\3\4" + rest),
        st.binary(max_size=60).map(lambda rest: b"\x93NUMPY" + rest),
        st.lists(
            st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4
        ).map(edited),
        st.integers(0, len(GOOD)).map(lambda end: GOOD[:end]),
        st.binary(max_size=60).map(with_member),
        st.binary(max_size=60).map(lambda rest: with_member(b"\x93NUMPY\1\0" + rest)),
        st.text("{}(),'\"0123456789[]:u|<O", max_size=60).map(with_header),
        st.builds(
            lambda *parts: with_header(HEADER.format(*parts)),
            st.sampled_from(["|u1", "|O", "<f8", "<M8[s]", "|V3", "|u1,|u1", "?"]),
            st.sampled_from(["True", "False", "0"]),
            st.sampled_from(["(2, 2, 2)", "(8,)", "()", "(-1,)", "(10**9,)", f"({2**62}, 4, 4)"]),
        ),
    )
)
@example(with_header("(" * 5000))
def test_any_bytes_give_a_set_or_a_user_error(tmp_path_factory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.npz"
    path.write_bytes(raw)
    refusal = None
    try:
        real = load(path)
    except UserError as error:
        refusal = str(error)
    if refusal is None:
        assert real.images.dtype == np.uint8
        assert real.images.ndim == 4
    else:
        assert "fuzz.npz" in refusal
