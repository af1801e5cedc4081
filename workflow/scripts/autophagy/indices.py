"""What a training set is: an index, which row of which artifact each of its rows is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from autophagy.errors import UserError
from autophagy.regimes import Draw, Part, chosen

if TYPE_CHECKING:
    import pandas as pd

#: Columns: which row of which artifact, its label and where it is from.
COLUMNS = ("artifact", "row", "label", "origin", "generation")
#: Those of numbers, and those of names.
NUMBERS, NAMES = ("row", "label", "generation"), ("artifact", "origin")


@dataclass(frozen=True, eq=False)
class Group:
    """The rows of an index that have one artifact, origin and generation; positions in it."""

    artifact: str
    origin: str
    generation: int
    positions: np.ndarray


@dataclass(frozen=True, eq=False)
class Index:
    """A training set of n rows.

    row, label, generation: int64 (n,). artifact, origin: int32 (n,), each a place in the tuple of
    names.
    """

    artifacts: tuple[str, ...]
    artifact: np.ndarray
    row: np.ndarray
    label: np.ndarray
    origins: tuple[str, ...]
    origin: np.ndarray
    generation: np.ndarray

    def __len__(self) -> int:
        return len(self.row)

    @cached_property
    def real(self) -> np.ndarray:
        """bool (n,): is a row real?"""
        known = np.array([name == "real" for name in self.origins], bool)
        return known[self.origin] if len(self) else np.zeros(0, bool)

    @cached_property
    def groups(self) -> list[Group]:
        """The rows by where they are from."""
        generations, at = np.unique(self.generation, return_inverse=True)
        code = self.artifact.astype(np.int64) * len(self.origins) + self.origin
        code = code * len(generations) + at
        found = []
        for key in np.unique(code).tolist():
            rest, t = divmod(key, len(generations))
            artifact, origin = divmod(rest, len(self.origins))
            names = (self.artifacts[artifact], self.origins[origin])
            found.append(Group(*names, int(generations[t]), np.flatnonzero(code == key)))
        return found

    def by_artifact(self) -> Iterator[tuple[str, np.ndarray]]:
        """Artifact -> the positions of its rows, int64 and ascending; none without rows."""
        for place, name in enumerate(self.artifacts):
            positions = np.flatnonzero(self.artifact == place)
            if len(positions):
                yield name, positions

    def of(self, artifact: str) -> np.ndarray:
        """The positions of one artifact's rows, ascending."""
        places = [place for place, name in enumerate(self.artifacts) if name == artifact]
        return np.flatnonzero(np.isin(self.artifact, places))

    def frame(self) -> pd.DataFrame:
        """The same with the columns of `COLUMNS`, `artifact` and `origin` as categories."""
        import pandas as pd

        columns = {name: getattr(self, name) for name in NUMBERS}
        for name, names in (("artifact", self.artifacts), ("origin", self.origins)):
            columns[name] = pd.Categorical.from_codes(getattr(self, name), names)
        return pd.DataFrame(columns)[list(COLUMNS)]


@dataclass(frozen=True)
class Source:
    """What a mix needs to know of a set: its labels, not its pictures."""

    artifact: str
    labels: np.ndarray


def compose(
    parts: Iterable[Part], sources: dict[int, Source], order: np.ndarray, drawn: Draw | None = None
) -> Index:
    """The training set that `parts` describe, one row a picture.

    Args:
        sources: generation -> set (0 = the real loop split).
        order: a permutation of the loop split's rows; real parts are cut from it.
        drawn: which rows of the parts are taken; None for all.

    Raises:
        UserError: a source has fewer rows than a part asks for.
    """
    artifacts, origins = dict[str, int](), dict[str, int]()
    columns: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS}
    parts = list(parts)
    for part, rows in zip(parts, chosen(parts, drawn), strict=True):
        if not len(rows):
            continue
        source = sources[part.generation]
        end = part.start + part.count
        if end > len(source.labels):
            raise UserError(
                f"{source.artifact}: has {len(source.labels)} rows and row {end} is asked for"
            )
        rows = order[rows] if part.origin == "real" else rows
        columns["row"].append(rows)
        columns["label"].append(source.labels[rows])
        for name, value in (
            ("artifact", artifacts.setdefault(source.artifact, len(artifacts))),
            ("origin", origins.setdefault(part.origin, len(origins))),
            ("generation", part.generation),
        ):
            columns[name].append(np.full(len(rows), value))
    whole = {name: np.concatenate(of_parts).astype(np.int64) for name, of_parts in columns.items()}
    whole |= {name: whole[name].astype(np.int32) for name in NAMES}
    return Index(artifacts=tuple(artifacts), origins=tuple(origins), **whole)
