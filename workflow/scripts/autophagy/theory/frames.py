"""Tables on disk."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from autophagy import store


def write(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV, whole or not at all; numbers as they are, to the last bit."""
    with store.new_file(path) as aside:
        table.to_csv(aside, index=False, lineterminator="\n")
