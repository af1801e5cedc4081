"""A finished experiment in Python: metrics, verdicts, pictures, training sets and lineage.

    import autophagy
    run = autophagy.open("results/digits")
    run.metrics.query("view == 'output'").pivot_table("recall", "generation", "loop")
    run.images("fresh-data", generation=3)

Everything is read off the folder and its manifests; no configuration is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autophagy import audited, lineage, manifests, paths, sets, starts, tables, training_sets
from autophagy.archive import Archive, require_experiment
from autophagy.errors import UserError
from autophagy.verdict import tables as verdict_tables

#: Sets of pictures a generation may have; `samples-unbiased` only where λ < 1.
KINDS = ("samples", "samples-unbiased", "preview")


def odds(labels: np.ndarray, classes: Iterable[int]) -> float:
    """How many of n ≥ 1 labels are among the classes, over how many are not; may be infinite."""
    among = int(np.isin(labels, list(classes)).sum())
    return among / others if (others := len(labels) - among) else math.inf


@dataclass(frozen=True)
class Results:
    """One experiment's folder; make one with `autophagy.open`."""

    root: Path
    archive: Archive

    @classmethod
    def of(cls, folder: str | Path) -> Results:
        """The experiment in a folder.

        Raises:
            UserError: the folder holds no finished experiment with pictures or points.
        """
        root = Path(folder)
        require_experiment(root)
        if not (root / paths.METRICS_CSV).is_file():
            raise UserError(
                f"{root}: has no {paths.METRICS_CSV}: it is unfinished, or one of the exact loops"
            )
        return cls(root, Archive(root))

    @cached_property
    def loops(self) -> dict[str, dict[str, Any]]:
        """Loop -> its effective configuration, as its root certifies it."""
        names = self.archive.manifest(paths.REPORT)["params"]["loops"]
        return {name: self._params(name)["loop"] for name in names}

    @cached_property
    def generations(self) -> int:
        return self._params(next(iter(self.loops)))["generations"]

    @cached_property
    def seeds(self) -> list[int]:
        """The run seeds."""
        return self._params(next(iter(self.loops)))["seeds"]

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """metrics.csv: one row a loop, seed, generation and view; see docs/metrics.md."""
        return tables.read(self.root)

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """verdicts.csv: one row a loop, with every number behind its word."""
        return verdict_tables.read(self.root)

    @cached_property
    def audit(self) -> dict[str, Any]:
        """audit.json: the laws that were checked and what they found."""
        return audited.read(self.root)

    def path(
        self, loop: str, generation: int, seed: int | None = None, kind: str = "samples"
    ) -> str:
        """Where a set of pictures lies, relative to `root`; the first run seed by default.

        Generation 1 of an unbiased loop is its real-only start's.

        Args:
            kind: one of `KINDS`.

        Raises:
            UserError: there is no such loop, generation, seed or set.
        """
        self._require(kind in KINDS, f"no kind {kind!r}; there are: {', '.join(KINDS)}")
        return self._artifact(loop, generation, seed, kind)

    def images(
        self, loop: str, generation: int, seed: int | None = None, kind: str = "samples"
    ) -> np.ndarray:
        """uint8 n×H×W×C pictures, values 0..levels-1; arguments and errors as in `path`."""
        return sets.read_array(self.root, self.path(loop, generation, seed, kind), "images")

    def points(
        self, loop: str, generation: int, seed: int | None = None, kind: str = "samples"
    ) -> np.ndarray:
        """float32 n×d points, of an experiment of points; arguments and errors as in `path`."""
        return sets.read_array(self.root, self.path(loop, generation, seed, kind), "points")

    def labels(
        self, loop: str, generation: int, seed: int | None = None, kind: str = "samples"
    ) -> np.ndarray:
        """The n classes asked for; arguments and errors as in `path`."""
        return sets.read_array(self.root, self.path(loop, generation, seed, kind), "labels")

    def odds(
        self, loop: str, classes: Iterable[int], seed: int | None = None, kind: str = "samples"
    ) -> pd.Series:
        """Generation -> the odds that a row of S^t was asked to be one of these classes.

        What a reward tilts; infinite where all rows are of these. Arguments and errors as in
        `path`.
        """
        found = {
            t: odds(self.labels(loop, t, seed, kind), classes)
            for t in range(1, self.generations + 1)
        }
        return pd.Series(found, name="odds").rename_axis("generation")

    def real(self, split: str = "reference") -> tuple[np.ndarray, np.ndarray]:
        """Images or points, and labels, of a real split: loop, reference or features."""
        self._require(
            (self.root / f"real/{split}.manifest.json").is_file(),
            f"no real split {split!r}; there are: loop, reference, features",
        )
        facts = manifests.read(self.root, f"real/{split}")["facts"]
        return (
            sets.read_rows(self.root, f"real/{split}", facts),
            sets.read_array(self.root, f"real/{split}", "labels"),
        )

    def training_set(self, loop: str, generation: int, seed: int | None = None) -> pd.DataFrame:
        """D^t: which row of which artifact, its label, origin and generation, a row each."""
        path = self._artifact(loop, generation, seed, "training_set.parquet")
        return training_sets.read(self.root / path).frame()

    def lineage(
        self, loop: str, generation: int, seed: int | None = None, kind: str = "samples"
    ) -> dict[str, Any]:
        """The ancestry of a set of pictures as nested dictionaries; see `lineage.tree`."""
        return lineage.tree(self.archive, self.path(loop, generation, seed, kind))

    def _params(self, loop: str) -> dict[str, Any]:
        return self.archive.manifest(paths.root_path("loops", loop))["params"]

    def _artifact(self, loop: str, generation: int, seed: int | None, name: str) -> str:
        self._require(loop in self.loops, f"no loop {loop!r}; there are: {', '.join(self.loops)}")
        seed = self.seeds[0] if seed is None else seed
        self._require(seed in self.seeds, f"no run seed {seed}; there are: {self.seeds}")
        self._require(
            1 <= generation <= self.generations,
            f"no generation {generation}; there are 1 to {self.generations}",
        )
        # A fork's first generations are those of the loop that it shares them with.
        while isinstance(start := self.loops[loop]["start_from"], dict):
            if generation > start["generation"]:
                break
            loop = start["loop"]
        found = [paths.generation_folder(loop, seed, generation)]
        outside = self.loops[loop]["start_from"] == starts.IMPORTED
        if generation == 1 and outside:
            found.append(starts.folder(loop))
        elif generation == 1:
            found.append(paths.real_only_folder(self.loops[loop]["start_from"], seed))
        for folder in found:
            if (self.root / f"{folder}/{name}.manifest.json").is_file():
                return f"{folder}/{name}"
        raise UserError(f"{self.root}: {loop} has no {name} of generation {generation}")

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            raise UserError(f"{self.root}: has {what}")
