"""Training sets' indices: they point where they say, and pictures come in their order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from autophagy import indices, sets, store, training_sets
from autophagy.errors import UserError
from autophagy.regimes import Part
from frames import gather, index_of, write_index
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


def source(artifact: str) -> indices.Source:
    return indices.Source(
        artifact, np.array([label(artifact, n) for n in range(LENGTHS[artifact])])
    )


def test_an_index_cuts_real_rows_from_the_permutation_and_samples_as_they_lie(root) -> None:
    order = np.array([5, 3, 11, 0, 7, 1, 2, 4, 6, 8, 9, 10])
    parts = (Part("real", 0, 1, 4), Part("synthetic", 2, 1, 3), Part("synthetic", 1, 0, 2))
    sources = {0: source(REAL), 1: source(FIRST), 2: source(SECOND)}
    index = indices.compose(parts, sources, order)
    table = index.frame()
    assert tuple(table.columns) == indices.COLUMNS == (
        "artifact", "row", "label", "origin", "generation",
    )  # fmt: skip
    expected = [(REAL, row, "real", 0) for row in (3, 11, 0, 7)]
    expected += [(SECOND, row, "synthetic", 2) for row in (1, 2, 3)]
    expected += [(FIRST, row, "synthetic", 1) for row in (0, 1)]
    rows = list(table.itertuples(index=False, name=None))
    assert rows == [(a, row, label(a, row), origin, t) for a, row, origin, t in expected]
    images = training_sets.gather(root, index)
    np.testing.assert_array_equal(images, np.stack([picture(a, row) for a, row, *_ in expected]))
    assert index.real.tolist() == [True] * 4 + [False] * 5
    assert [(p.artifact, p.origin, p.generation, p.positions.tolist()) for p in index.groups] == [
        (REAL, "real", 0, [0, 1, 2, 3]),
        (SECOND, "synthetic", 2, [4, 5, 6]),
        (FIRST, "synthetic", 1, [7, 8]),
    ]


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
        indices.compose([part], sources, np.arange(12))
    fits = Part(part.origin, part.generation, part.start, part.count - 1)
    assert len(indices.compose([fits], sources, np.arange(12))) == fits.count


places = st.sampled_from([(artifact, row) for artifact, n in LENGTHS.items() for row in range(n)])


@settings(derandomize=True, max_examples=60)
@given(rows=st.lists(places, min_size=1, max_size=30), through_disk=st.booleans())
def test_pictures_come_in_the_order_of_the_index(rows, through_disk, root) -> None:
    table = pd.DataFrame(
        [(artifact, row, label(artifact, row), "real", 0) for artifact, row in rows],
        columns=list(indices.COLUMNS),
    )
    index = index_of(table)
    if through_disk:
        training_sets.write_index(root / "any.parquet", index)
        index = training_sets.read(root / "any.parquet")
    images = training_sets.gather(root, index)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, np.stack([picture(*place) for place in rows]))
    labels = training_sets.gather(root, index, "labels")
    assert labels.tolist() == index.label.tolist() == [label(*place) for place in rows]


def index_of_two() -> indices.Index:
    parts = (Part("real", 0, 0, 4), Part("synthetic", 1, 0, 3))
    return indices.compose(parts, {0: source(REAL), 1: source(FIRST)}, np.arange(12)[::-1])


def test_an_index_comes_back_from_disk_and_is_the_bytes_that_pandas_would_give(tmp_path) -> None:
    index = index_of_two()
    training_sets.write_index(tmp_path / "ours", index)
    write_index(tmp_path / "theirs", index.frame())
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    for read in (training_sets.read, training_sets.as_it_is):
        back = read(tmp_path / "ours")
        pd.testing.assert_frame_equal(back.frame(), index.frame())
        numbers = (back.row, back.label, back.generation)
        assert all(column.dtype == np.int64 and column.flags.writeable for column in numbers)
    table = pd.read_parquet(tmp_path / "ours")
    assert isinstance(table["artifact"].dtype, pd.CategoricalDtype)
    assert isinstance(table["origin"].dtype, pd.CategoricalDtype)


def test_neither_way_imports_pandas(tmp_path) -> None:
    """To import it takes longer than all else that a mix does."""
    training_sets.write_index(tmp_path / "index", index_of_two())
    code = (
        "import sys; from pathlib import Path; from autophagy import training_sets as sets; "
        "index = sets.read(Path('index')); sets.write_index(Path('again'), index); "
        "sys.exit('pandas' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "index").read_bytes()


def test_an_index_in_several_pieces_is_one(tmp_path, root) -> None:
    """Each row group has names of its own, which count as one list."""
    table = pd.DataFrame(
        [(SECOND, 1, 4, "synthetic", 2), (REAL, 3, 5, "real", 0), (SECOND, 2, 6, "synthetic", 2)],
        columns=list(indices.COLUMNS),
    )
    pieces = [pa.Table.from_pandas(table.iloc[[at]], preserve_index=False) for at in range(3)]
    text = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema(
        (name, text if name in ("artifact", "origin") else pa.int64()) for name in indices.COLUMNS
    )
    with pq.ParquetWriter(tmp_path / "pieces", schema) as writer:
        for piece in pieces:
            writer.write_table(piece.cast(schema))
    for read in (training_sets.read, training_sets.as_it_is):
        back = read(tmp_path / "pieces")
        found = back.frame().astype({"artifact": str, "origin": str})
        pd.testing.assert_frame_equal(found, table.astype({"artifact": str, "origin": str}))
        images = training_sets.gather(root, back)
        expected = np.stack([picture(SECOND, 1), picture(REAL, 3), picture(SECOND, 2)])
        np.testing.assert_array_equal(images, expected)
        assert back.of(SECOND).tolist() == [0, 2]
        assert not len(back.of(FIRST))


def test_the_laws_read_an_index_that_no_one_may_follow(tmp_path) -> None:
    table = index_of_two().frame().astype({"artifact": str, "origin": str})
    table["row"] -= 1
    write_index(tmp_path / "below", table)
    with pytest.raises(UserError, match="its column row holds -1, below 0"):
        training_sets.read(tmp_path / "below")
    assert training_sets.as_it_is(tmp_path / "below").row.min() == -1
    write_index(tmp_path / "out", table.assign(row=1, artifact="../x"))
    with pytest.raises(UserError, match=r"points at '\.\./x', no path below"):
        training_sets.read(tmp_path / "out")
    assert training_sets.as_it_is(tmp_path / "out").artifacts == ("../x",)
    # Names as plain text, not numbered.
    table.assign(row=1).to_parquet(tmp_path / "plain")
    with pytest.raises(UserError, match="not a training set; its column artifact is"):
        training_sets.read(tmp_path / "plain")
    assert training_sets.as_it_is(tmp_path / "plain").artifacts == (REAL, FIRST)
    # A row with no label.
    table.astype({"label": "Int64"}).assign(label=pd.NA).to_parquet(tmp_path / "empty")
    for read in (training_sets.read, training_sets.as_it_is):
        with pytest.raises(UserError, match="not a training set; "):
            read(tmp_path / "empty")


def test_an_index_on_disk_knows_no_path_of_this_machine(tmp_path) -> None:
    training_sets.write_index(tmp_path / "x.parquet", index_of_two())
    assert str(tmp_path).encode() not in (tmp_path / "x.parquet").read_bytes()


def test_an_empty_training_set_is_a_user_error(root) -> None:
    with pytest.raises(UserError, match="training set is empty"):
        gather(root, index_of_two().frame().iloc[:0])


def test_what_jobs_would_follow_into_foreign_memory_is_refused(tmp_path) -> None:
    index = index_of_two()
    numbers = {name: pa.array(getattr(index, name)) for name in indices.NUMBERS}

    def written(name: str, artifact: pa.Array, column: str = "artifact") -> Path:
        origin = pa.DictionaryArray.from_arrays(pa.array(index.origin), list(index.origins))
        columns = {column: artifact, **numbers, "origin": origin}
        names = [column if known == "artifact" else known for known in indices.COLUMNS]
        table = pa.table({name: columns[name] for name in names})
        # Statistics would look the names up, beyond their end too.
        pq.write_table(table, tmp_path / name, write_statistics=False)
        return tmp_path / name

    places = pa.array(index.artifact)
    beyond = pa.DictionaryArray.from_arrays(places, pa.array([REAL]), safe=False)
    raw = pa.py_buffer(b"\xff\xfe")
    no_text = pa.StringArray.from_buffers(1, pa.py_buffer(np.int32([0, 2])), raw)
    bytes_alone = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(index), np.int32)), no_text)
    for file in (written("beyond", beyond), written("bytes", bytes_alone)):
        for read in (training_sets.read, training_sets.as_it_is):
            with pytest.raises(UserError, match=f"{file.name}: not a training set"):
                read(file)
    # A column's own name that is no text.
    twice = written("name", bytes_alone, "artifacu")
    twice.write_bytes(twice.read_bytes().replace(b"artifacu", b"artifac\xff"))
    for read in (training_sets.read, training_sets.as_it_is):
        with pytest.raises(UserError, match="name: "):
            read(twice)


def test_a_column_that_is_there_twice_is_none(tmp_path) -> None:
    index = index_of_two()
    table = pa.Table.from_arrays([pa.array(index.row)] * 6, names=["row", *indices.COLUMNS])
    pq.write_table(table, tmp_path / "twice")
    for read in (training_sets.read, training_sets.as_it_is):
        with pytest.raises(UserError, match=r"not a training set; its columns are \['row', 'art"):
            read(tmp_path / "twice")


def test_what_is_no_index_is_named(tmp_path) -> None:
    file = tmp_path / "training_set.parquet"
    with pytest.raises(UserError, match=r"training_set\.parquet: cannot be read: .*No such file"):
        training_sets.read(file)
    for content in (b"", b"PAR1", b"not parquet at all", b"\0" * 100):
        file.write_bytes(content)
        with pytest.raises(UserError, match=r"training_set\.parquet: not a training set"):
            training_sets.read(file)
    pd.DataFrame({"row": [1]}).to_parquet(file)
    with pytest.raises(UserError, match=r"not a training set; its columns are \['row'\]"):
        training_sets.read(file)
