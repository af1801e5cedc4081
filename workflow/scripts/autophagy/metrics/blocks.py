"""Rows in blocks, so that a pairwise matrix never stands in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterator

#: Bytes of one float64 block. Larger blocks gain no speed.
BLOCK_BYTES = 4 * 2**20


def row_blocks(n_rows: int, n_columns: int, budget: int | None = None) -> Iterator[slice]:
    """Slices that cut n_rows into blocks of n_columns float64 within `budget` (BLOCK_BYTES).

    A block has at least one row, so a single row may exceed the budget.
    """
    size = max(1, (budget or BLOCK_BYTES) // (8 * max(1, n_columns)))
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))
