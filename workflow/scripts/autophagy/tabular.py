"""The tables of a run, written and read back from their files, which anyone may have edited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from autophagy import store
from autophagy.errors import UserError, unreadable

if TYPE_CHECKING:
    import pandas as pd

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


def read(
    file: Path, columns: tuple[str, ...], words: tuple[str, ...] = WORDS, *, more: bool = False,
    empty: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """A table of a run; words are text as they stand, an empty cell is NaN.

    Args:
        columns: which it must have, in this order.
        words: those that hold text; in all others stand numbers, yes and no, or nothing.
        more: other columns may stand among them, in any order.
        empty: it may have no rows.

    Raises:
        UserError: it is missing, no such table, or has words where numbers belong.
    """
    import pandas as pd

    try:
        with store.opened(file) as content:
            table = pd.read_csv(
                content, dtype=dict.fromkeys(words, str), low_memory=False,
                # A loop or run may be called NA or null, which pandas would take for missing.
                keep_default_na=False, na_values=[""],
            )  # fmt: skip
    except OSError as error:
        raise unreadable(file, error) from error
    except ValueError as error:
        raise UserError(f"{file}: cannot be read: {error}") from error
    if not (set(columns) <= set(table) if more else columns == tuple(table)):
        raise UserError(f"{file}: its columns are not those of this version")
    if table.empty:
        if not empty:
            raise UserError(f"{file}: has no rows; run the workflow again")
        return table
    for name in table:
        if name not in words and not pd.api.types.is_numeric_dtype(table[name]):
            raise UserError(f"{file}: column {name} must hold numbers")
    return table
