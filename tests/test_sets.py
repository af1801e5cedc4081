"""Sets on disk: indices point where they say, and pictures come in the index's order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from autophagy import sets, store
from autophagy.errors import UserError
from autophagy.regimes import Part
from hypothesis import given, settings
from hypothesis import strategies as st

REAL, FIRST, SECOND = "real/loop", "real-only/a/seed-1/samples", "loops/x/seed-1/gen-002/samples"
LENGTHS = {REAL: 12, FIRST: 7, SECOND: 5}


def picture(artifact: str, row: int) -> np.ndarray:
    """A picture that tells where it is from."""
    return np.full((2, 2, 1), 20 * list(LENGTHS).index(artifact) + row, np.uint8)


def label(artifact: str, row: int) -> int:
    return (3 * row + len(artifact)) % 10


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    for artifact, n in LENGTHS.items():
        with store.new_folder(folder / artifact) as place:
            sets.write_arrays(
                place,
                images=np.stack([picture(artifact, row) for row in range(n)]),
                labels=np.array([label(artifact, row) for row in range(n)]),
            )
    return folder


def source(artifact: str) -> sets.Source:
    return sets.Source(artifact, np.array([label(artifact, n) for n in range(LENGTHS[artifact])]))


def test_an_index_cuts_real_rows_from_the_permutation_and_samples_as_they_lie(root) -> None:
    order = np.array([5, 3, 11, 0, 7, 1, 2, 4, 6, 8, 9, 10])
    parts = (Part("real", 0, 1, 4), Part("synthetic", 2, 1, 3), Part("synthetic", 1, 0, 2))
    table = sets.index(parts, {0: source(REAL), 1: source(FIRST), 2: source(SECOND)}, order)
    assert tuple(table.columns) == sets.COLUMNS == (
        "artifact", "row", "label", "origin", "generation",
    )  # fmt: skip
    expected = [(REAL, row, "real", 0) for row in (3, 11, 0, 7)]
    expected += [(SECOND, row, "synthetic", 2) for row in (1, 2, 3)]
    expected += [(FIRST, row, "synthetic", 1) for row in (0, 1)]
    rows = list(table.itertuples(index=False, name=None))
    assert rows == [(a, row, label(a, row), origin, t) for a, row, origin, t in expected]
    images = sets.gather(root, table)
    np.testing.assert_array_equal(images, np.stack([picture(a, row) for a, row, *_ in expected]))


@pytest.mark.parametrize(
    ("part", "artifact", "message"),
    [
        (Part("real", 0, 8, 5), REAL, "has 12 rows and row 13 is asked for"),
        (Part("synthetic", 1, 0, 8), FIRST, "has 7 rows and row 8 is asked for"),
    ],
)
def test_an_index_points_at_no_row_that_is_not_there(part, artifact, message) -> None:
    sources = {0: source(REAL), 1: source(FIRST)}
    with pytest.raises(UserError, match=f"^{artifact}: {message}"):
        sets.index([part], sources, np.arange(12))
    fits = Part(part.origin, part.generation, part.start, part.count - 1)
    assert len(sets.index([fits], sources, np.arange(12))) == fits.count


places = st.sampled_from([(artifact, row) for artifact, n in LENGTHS.items() for row in range(n)])


@settings(derandomize=True, max_examples=60)
@given(rows=st.lists(places, min_size=1, max_size=30), through_disk=st.booleans())
def test_pictures_come_in_the_order_of_the_index(rows, through_disk, root) -> None:
    table = pd.DataFrame(
        [(artifact, row, label(artifact, row), "real", 0) for artifact, row in rows],
        columns=list(sets.COLUMNS),
    )
    if through_disk:
        sets.write_index(root / "any.parquet", table)
        table = sets.read_index(root / "any.parquet")
    images = sets.gather(root, table)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, np.stack([picture(*place) for place in rows]))
    labels = sets.gather(root, table, "labels")
    assert labels.tolist() == table["label"].tolist() == [label(*place) for place in rows]


def table_of_two() -> pd.DataFrame:
    parts = (Part("real", 0, 0, 4), Part("synthetic", 1, 0, 3))
    return sets.index(parts, {0: source(REAL), 1: source(FIRST)}, np.arange(12)[::-1])


def test_an_index_comes_back_from_disk_and_is_the_same_bytes_again(tmp_path) -> None:
    table = table_of_two()
    for name in ("one", "two"):
        sets.write_index(tmp_path / name, table.copy())
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    back = sets.read_index(tmp_path / "one")
    pd.testing.assert_frame_equal(back.astype({"artifact": str, "origin": str}), table)
    assert isinstance(back["artifact"].dtype, pd.CategoricalDtype)
    assert isinstance(back["origin"].dtype, pd.CategoricalDtype)
    assert back["row"].dtype == back["label"].dtype == back["generation"].dtype == np.int64


def test_an_index_on_disk_knows_no_path_of_this_machine(tmp_path) -> None:
    sets.write_index(tmp_path / "x.parquet", table_of_two())
    assert str(tmp_path).encode() not in (tmp_path / "x.parquet").read_bytes()


def test_an_empty_training_set_is_a_user_error(root) -> None:
    with pytest.raises(UserError, match="training set is empty"):
        sets.gather(root, table_of_two().iloc[:0])


def test_what_is_no_index_is_named(tmp_path) -> None:
    file = tmp_path / "training_set.parquet"
    with pytest.raises(UserError, match=r"training_set\.parquet: cannot be read: .*No such file"):
        sets.read_index(file)
    for content in (b"", b"PAR1", b"not parquet at all", b"\0" * 100):
        file.write_bytes(content)
        with pytest.raises(UserError, match=r"training_set\.parquet: not a training set"):
            sets.read_index(file)
    pd.DataFrame({"row": [1]}).to_parquet(file)
    with pytest.raises(UserError, match=r"not a training set; its columns are \['row'\]"):
        sets.read_index(file)


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
