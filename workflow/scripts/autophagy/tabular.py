"""The tables of a run, written and read back from their files, which anyone may have edited."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from autophagy import store
from autophagy.errors import UserError, unreadable

if TYPE_CHECKING:
    import pandas as pd

#: A table's rows: column -> what stands in its cell.
Rows = list[dict[str, Any]]
#: Columns of words, in whichever table has them; all others hold numbers.
WORDS = (
    "loop", "other", "changed", "budget", "other_budget", "told", "metric", "ranked", "first",
    "second", "ranking_first", "ranking_second", "verdict", "n_real_source", "n_real_verdict",
    "n_total_source", "n_total_verdict", "run", "real", "points",
)  # fmt: skip


def write(file: Path, table: pd.DataFrame) -> None:
    """Write a CSV, whole or not at all; numbers as they are, to the last bit."""
    with store.new_file(file) as aside:
        table.to_csv(aside, index=False, lineterminator="\n")


def write_rows(file: Path, columns: Iterable[str], rows: Rows) -> None:
    """As `write`, of rows; what a row lacks, None and NaN are empty cells.

    Without pandas, which takes longer to import than a job's tables take to write.
    """
    names = list(columns)
    lines = ([row.get(name) for name in names] for row in rows)
    with (
        store.new_file(file) as aside,
        aside.open("w", encoding="utf-8", newline="") as text,
    ):
        table = csv.writer(text, lineterminator="\n")
        table.writerow(names)
        # NaN alone is not what it is.
        table.writerows([cell if cell == cell else None for cell in line] for line in lines)


def rows(
    file: Path, columns: tuple[str, ...], words: tuple[str, ...] = WORDS, *, more: bool = False,
    empty: bool = False,
) -> Rows:  # fmt: skip
    """The rows of a table of a run, without pandas, which takes longer to import than they to read.

    Words are text as they stand; numbers are what they are to the last bit, NaN where the cell is
    empty.

    Args:
        columns: which it must have, in this order.
        words: those that hold text; in all others stand numbers, yes and no, or nothing.
        more: other columns may stand among them, in any order.
        empty: it may have no rows.

    Raises:
        UserError: it is missing, no such table, or has words where numbers belong.
    """
    try:
        with store.opened(file) as content:
            head, *lines = _lines(content)
    except OSError as error:
        raise unreadable(file, error) from error
    except (ValueError, csv.Error) as error:
        raise UserError(f"{file}: cannot be read: {error}") from error
    known = set(columns) <= set(head) if more else columns == tuple(head)
    if not known or len(set(head)) < len(head):
        raise UserError(f"{file}: its columns are not those of this version")
    if not lines and not empty:
        raise UserError(f"{file}: has no rows; run the workflow again")
    values = [_values(file, name, cells, words) for name, *cells in zip(head, *lines, strict=True)]
    return [dict(zip(head, row, strict=True)) for row in zip(*values, strict=True)]


def read(
    file: Path, columns: tuple[str, ...], words: tuple[str, ...] = WORDS, *, more: bool = False,
    empty: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """`rows` as a table of pandas, in which an empty cell is NaN, of words as well."""
    return frame(rows(file, columns, words, more=more, empty=empty), columns, words)


def frame(read: Rows, columns: tuple[str, ...], words: tuple[str, ...] = WORDS) -> pd.DataFrame:
    """What `rows` has read, as a table of pandas.

    Args:
        columns: those of a table without rows.
    """
    import pandas as pd

    table = pd.DataFrame(read, columns=None if read else list(columns))
    for name in table.columns.intersection(words):
        told = table[name].astype(str)
        table[name] = told.mask(told == "")
    return table


def filled(table: Iterable[dict[str, Any]], columns: Iterable[str]) -> Rows:
    """The rows with these columns, in this order; what a row lacks is NaN, as an empty cell is."""
    names = list(columns)
    return [{name: row.get(name, math.nan) for name in names} for row in table]


def grouped(table: Rows, *columns: str) -> dict[tuple[Any, ...], Rows]:
    """The rows by what stands in these columns, in the order in which it first stands there."""
    found: dict[tuple[Any, ...], Rows] = {}
    for row in table:
        found.setdefault(tuple(row[name] for name in columns), []).append(row)
    return found


def _lines(content: IO[bytes]) -> list[list[str]]:
    """The cells of each line, the names of the columns first.

    Raises:
        ValueError: it is no text, or no table.
    """
    # Spreadsheets begin a table with a mark of its encoding.
    text = io.StringIO(content.read().decode("utf-8-sig"), newline="")
    reader = csv.reader(text, strict=True)
    lines: list[list[str]] = []
    for line in filter(None, reader):
        lines.append(line)
        if len(line) != len(lines[0]):
            told = f"line {reader.line_num} has {len(line)} cells where {len(lines[0])} belong"
            raise ValueError(told)
    if not lines:
        raise ValueError("No columns")
    return lines


def _values(file: Path, name: str, cells: list[str], words: tuple[str, ...]) -> list[Any]:
    """What a column's cells hold.

    Raises:
        UserError: they hold no numbers where these belong.
    """
    if name in words:
        return cells
    # Spreadsheets write TRUE.
    answers = [cell.lower() for cell in cells]
    if cells and set(answers) <= {"true", "false"}:
        return [answer == "true" for answer in answers]
    try:
        return [_number(cell) for cell in cells]
    except ValueError as error:
        raise UserError(f"{file}: column {name} must hold numbers") from error


def _number(cell: str) -> float | int:
    """
    Raises:
        ValueError: it is none.
    """
    if not cell:
        return math.nan
    # Python takes these for numbers, and no other reader of tables does.
    if "_" in cell or cell.lower().strip("+-") == "nan":
        raise ValueError
    try:
        number = int(cell)
    except ValueError:
        return float(cell)
    if abs(number) >= 2**63:
        raise ValueError
    return number
