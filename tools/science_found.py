"""The tables of finished runs, as docs/science/ keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from autophagy.errors import UserError


class Undefined(LookupError):
    """A table has no row of what is asked for."""


#: What two runs must have in common for their loops to be compared.
ALIKE = ("kind", "dataset", "model", "sample", "evaluate")


class Found:
    """The tables of one finished run, by their names.

    beside: the other finished runs, whose loops are named `run:loop`.
    """

    def __init__(self, folder: Path, experiment: Any) -> None:
        self.folder, self.experiment = folder, experiment
        self.beside: Mapping[str, Found] = {}

    def of(self, loop: str) -> tuple[Found, str]:
        """The run that has a loop, and what it is called there.

        Raises:
            UserError: its distances are no distances of this one's.
        """
        run, _, name = loop.rpartition(":")
        if not run:
            return self, loop
        if run not in self.beside:
            raise Undefined(f"`{name}`: undefined, `{run}` has not been run")
        other = self.beside[run]
        for key in ALIKE:
            if _space(other.experiment, key) != _space(self.experiment, key):
                raise UserError(f"claims.yaml: {loop}: its run has another {key}: not comparable")
        return other, name

    def __getitem__(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / f"{name}.csv", keep_default_na=False, na_values=[""])

    def table(self, name: str) -> pd.DataFrame | None:
        """A table that not every run has, or None."""
        return self[name] if (self.folder / f"{name}.csv").exists() else None

    @property
    def margin(self) -> float:
        """The rise of the Fréchet distance that counts as none: as much as real rows vary."""
        return float(self["verdicts"]["margin"].iloc[0])

    @cached_property
    def seeds(self) -> str:
        return count_of_seeds(len(self.experiment.seeds))

    def row(self, name: str, loop: str) -> pd.Series:
        """The last row of a loop: of effective_size.csv that of the window after burn-in."""
        rows = self[name]
        rows = rows[rows["loop"] == loop]
        if rows.empty:
            raise Undefined(f"`{loop}`: undefined, {name}.csv has no row of it")
        return rows.iloc[-1]

    def series(self, loop: str, metric: str, view: str) -> pd.DataFrame:
        """A row a seed, a column a generation."""
        found, loop = self.of(loop)
        table = found["metrics"]
        rows = table[(table["loop"] == loop) & (table["view"] == view)]
        if rows.empty:
            raise Undefined(f"`{loop}`: undefined, metrics.csv has no row of it")
        return rows.pivot_table(metric, "seed", "generation", dropna=False)


def _space(experiment: Any, key: str) -> Any:
    """What distances depend on: a second opinion changes none of the first."""
    value = getattr(experiment, key)
    return value.model_copy(update={"second": None}) if key == "evaluate" else value


def count_of_seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"
