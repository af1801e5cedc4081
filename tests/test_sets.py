"""Arrays on disk: they come back, and what is none is named."""

from __future__ import annotations

import numpy as np
import pytest
from autophagy import sets
from autophagy.errors import UserError


def test_arrays_come_back_whatever_their_memory_order(tmp_path) -> None:
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4, 1)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    sets.write_arrays(
        tmp_path / "a", images=images.transpose(1, 0, 2, 3), seeds=np.uint64([2**64 - 1])
    )
    back = sets.read_array(tmp_path, "a", "images")
    np.testing.assert_array_equal(back, images.transpose(1, 0, 2, 3))
    assert sets.read_array(tmp_path, "a", "seeds").tolist() == [2**64 - 1]
    sets.write_arrays(tmp_path / "b", images=np.ascontiguousarray(images.transpose(1, 0, 2, 3)))
    assert (tmp_path / "a/images.npy").read_bytes() == (tmp_path / "b/images.npy").read_bytes()


def test_objects_are_neither_written_nor_read(tmp_path) -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"):
        sets.write_arrays(tmp_path, images=np.array([{"a": 1}]))
    np.save(tmp_path / "images.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(UserError, match=r"images\.npy: not an array file: it would have to be unp"):
        sets.read_array(tmp_path, ".", "images")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x93NUMPY\x01\x00", "cut"])
def test_what_is_no_array_is_named(content, tmp_path) -> None:
    file = tmp_path / "images.npy"
    if content == "cut":
        np.save(file, np.zeros(100))
        content = file.read_bytes()[:-8]
    file.write_bytes(content)
    with pytest.raises(UserError) as raised:
        sets.read_array(tmp_path, ".", "images")
    assert str(raised.value).startswith(f"{file}: not an array file")
    assert "allow_pickle" not in str(raised.value)


def test_a_missing_array_is_named(tmp_path) -> None:
    with pytest.raises(UserError, match=r"x/labels\.npy: cannot be read: No such file"):
        sets.read_array(tmp_path, "x", "labels")


def test_descendants_share_shape_levels_and_classes() -> None:
    facts = {"size": 8, "channels": 1, "levels": 17, "classes": ["0"]}
    assert sets.row_facts({"facts": facts | {"source": {}, "not_finite": 0}}) == facts
