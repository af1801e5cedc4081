"""Tables read back: words stay words, and a table that is none ends in one line."""

from __future__ import annotations

import math
import os
import re

import numpy as np
import pandas as pd
import pytest
from autophagy import tabular
from autophagy.errors import UserError
from autophagy.verdict import attribution, opinions, pairs
from autophagy.verdict import tables as verdicts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TABLES = {
    "loop_pairs.csv": pairs.COLUMNS,
    "attribution.csv": attribution.COLUMNS,
    "second_opinion.csv": opinions.COLUMNS,
    "verdicts.csv": verdicts.COLUMNS,
    "effective_size.csv": verdicts.SIZES,
}


@pytest.mark.parametrize("name", ["NA", "null", "nan", "007", "1e5", "true"])
def test_a_word_is_read_as_it_stands(name, tmp_path) -> None:
    (tmp_path / "a.csv").write_text(f"loop,slope,told\n{name},1.5,\n{name},,x\n")
    table = tabular.read(tmp_path / "a.csv", ("loop", "slope", "told"))
    assert table["loop"].tolist() == [name, name]
    assert table["slope"].iloc[0] == 1.5
    assert table.isna().sum().tolist() == [0, 1, 1]


@pytest.mark.parametrize(("name", "columns"), TABLES.items(), ids=TABLES)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: "),
        (b"", "cannot be read: No columns"),
        (b"\xff\xfe\x00", "cannot be read: "),
        (b"a,b\n1,2\n", "its columns are not those of this version"),
        ("", "has no rows; run the workflow again"),
        ("wide", "must hold numbers"),
    ],
)
def test_what_is_no_table_is_one_line(name, columns, content, message, tmp_path) -> None:
    file = tmp_path / name
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        rows = [columns, [content] * len(columns)] if content else [columns]
        file.write_text("".join(",".join(row) + "\n" for row in rows))
    with pytest.raises(UserError) as raised:
        tabular.read(file, columns)
    assert str(raised.value).startswith(f"{file}: ")
    assert message in str(raised.value)


def test_a_pipe_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(UserError, match=r"a\.csv: cannot be read: it is no regular file"):
        tabular.read(tmp_path / "a.csv", ("loop",))


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_number_is_read_as_it_was_written_to_the_last_bit(tmp_path, values) -> None:
    file = tmp_path / "a.csv"
    tabular.write(file, pd.DataFrame({"slope": values}))
    assert [row["slope"] for row in tabular.rows(file, ("slope",))] == values


def test_rows_hold_whole_numbers_answers_and_gaps(tmp_path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("loop,seed,limit,slope,low\nx,1,True,2.0,\n,2,False,-inf,\n\n")
    columns = ("loop", "seed", "limit", "slope", "low")
    first, second = tabular.rows(file, columns)
    assert list(first) == list(columns)
    assert [first["loop"], second["loop"]] == ["x", ""]
    assert [type(first[name]) for name in columns[1:4]] == [int, bool, float]
    assert (second["limit"], second["slope"]) == (False, -math.inf)
    assert math.isnan(first["low"])
    assert tabular.grouped([first, second], "seed", "limit") == {
        (1, True): [first], (2, False): [second]
    }  # fmt: skip
    table = tabular.read(file, columns)
    assert table.dtypes.astype(str).tolist() == ["str", "int64", "bool", "float64", "float64"]


def test_rows_are_written_as_pandas_writes_them(tmp_path) -> None:
    columns = ("loop", "seed", "limit", "slope", "low")
    rows = [
        {"loop": "a, b", "seed": 1, "limit": True, "slope": 1e-7, "low": None, "more": 1},
        {"loop": 'x "y"', "seed": 2, "limit": False, "slope": np.float64(0.1), "low": math.nan},
        {"loop": "", "seed": 3, "limit": True, "slope": math.inf},
    ]
    tabular.write_rows(tmp_path / "rows.csv", columns, rows)
    tabular.write(tmp_path / "frame.csv", pd.DataFrame(rows)[list(columns)])
    assert (tmp_path / "rows.csv").read_bytes() == (tmp_path / "frame.csv").read_bytes()


def test_what_a_spreadsheet_saves_is_read(tmp_path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfloop,limit\r\nx,TRUE\r\ny,FALSE\r\n")
    rows = tabular.rows(tmp_path / "a.csv", ("loop", "limit"))
    assert rows == [{"loop": "x", "limit": True}, {"loop": "y", "limit": False}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3\n", "cannot be read: line 3 has 1 cells where 2 belong"),
        ("a,a\n1,2\n", "its columns are not those of this version"),
        ("a,b\n1,1_000\n", "column b must hold numbers"),
        ("a,b\n1,True\n1,2\n", "column b must hold numbers"),
        ("a,b\n1,nan\n", "column b must hold numbers"),
        (f"a,b\n1,{10**400}\n", "column b must hold numbers"),
        ('told,b\n1,2\n"x,3\ny,4\n', "cannot be read: unexpected end of data"),
    ],
)
def test_a_line_or_column_that_does_not_fit_is_named(content, message, tmp_path) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(UserError, match=re.escape(message)):
        tabular.rows(tmp_path / "a.csv", ("a",), more=True)
