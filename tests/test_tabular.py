"""Tables read back: words stay words, and a table that is none ends in one line."""

from __future__ import annotations

import os

import pytest
from autophagy import tabular
from autophagy.errors import UserError
from autophagy.verdict import attribution, opinions, pairs
from autophagy.verdict import tables as verdicts

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
