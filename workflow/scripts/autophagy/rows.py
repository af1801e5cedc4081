"""The kinds of rows that data and samples consist of, images and points: all that differs in them.

A kind is named as in the configuration; its rows lie in `<name>.npy`. Whoever holds a manifest
asks `of(facts)`, whoever holds a configuration `KINDS[experiment.kind]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


class Kind(Protocol):
    """What differs between kinds of rows."""

    #: The configuration's word, the array's name, and the noun of messages.
    name: str
    #: Type of the stored numbers.
    dtype: type
    #: The facts of a manifest that say what a row is.
    facts: tuple[str, ...]
    #: What a difference between two rows is measured in.
    unit: str
    #: Rows of one preview: the same seeds in every generation and loop, never mixed or measured;
    #: and how many of them a figure shows.
    preview: int
    shown: int

    def shape(self, facts: Mapping[str, Any]) -> tuple[int, ...]:
        """The shape of one row."""
        ...

    def stored(
        self, samples: np.ndarray, facts: Mapping[str, Any]
    ) -> tuple[np.ndarray, dict[str, float]]:
        """What is kept of a model's samples, and the accidents: what was lost or is broken."""
        ...

    def samples(self, stored: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
        """Stored rows as a model gives them, float32."""
        ...

    def fault(self, rows: np.ndarray, facts: Mapping[str, Any]) -> str | None:
        """Why rows of the right type and shape are not of this kind, or None."""
        ...


@dataclass(frozen=True)
class Images:
    """Square pictures as uint8 N×H×W×C, values 0..levels-1; samples come in [-1, 1]."""

    name: str = "images"
    dtype: type = np.uint8
    facts: tuple[str, ...] = ("size", "channels", "levels")
    unit: str = "grey levels"
    preview: int = 100
    shown: int = 20  # two of each class for ten classes

    def shape(self, facts: Mapping[str, Any]) -> tuple[int, ...]:
        return (facts["size"], facts["size"], facts["channels"])

    def stored(
        self, samples: np.ndarray, facts: Mapping[str, Any]
    ) -> tuple[np.ndarray, dict[str, float]]:
        return quantise(samples, facts["levels"])

    def samples(self, stored: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
        return stored.astype(np.float32) * (2.0 / (facts["levels"] - 1)) - 1.0

    def fault(self, rows: np.ndarray, facts: Mapping[str, Any]) -> str | None:
        beyond = (rows >= facts["levels"]).any()
        return f"its images have grey levels beyond {facts['levels'] - 1}" if beyond else None


@dataclass(frozen=True)
class Points:
    """Points in d dimensions as float32 N×d, neither rounded to levels nor clipped."""

    name: str = "points"
    dtype: type = np.float32
    facts: tuple[str, ...] = ("dimensions",)
    unit: str = "in a coordinate"
    preview: int = 1000
    shown: int = 1000

    def shape(self, facts: Mapping[str, Any]) -> tuple[int, ...]:
        return (facts["dimensions"],)

    def stored(
        self, samples: np.ndarray, facts: Mapping[str, Any]
    ) -> tuple[np.ndarray, dict[str, float]]:
        kept = samples.astype(np.float32)
        return kept, {"not_finite": int((~np.isfinite(kept).all(axis=1)).sum())}

    def samples(self, stored: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
        return stored

    def fault(self, rows: np.ndarray, facts: Mapping[str, Any]) -> str | None:
        return None


KINDS: dict[str, Kind] = {kind.name: kind for kind in (Images(), Points())}


def of(facts: Mapping[str, Any]) -> Kind:
    """The kind of the rows that a manifest's facts describe."""
    return KINDS["points" if facts.get("dimensions") is not None else "images"]


def exact(pictures: np.ndarray, levels: int) -> np.ndarray:
    """Pictures in [-1, 1] on the scale of grey levels, float32, neither rounded nor clipped.

    Rounded and clipped they are what `quantise` gives, bit by bit. Pixels that are NaN become 0,
    and infinite ones the nearest end.
    """
    finite = np.nan_to_num(pictures, nan=-1.0, posinf=1.0, neginf=-1.0)
    return ((finite + 1.0) / 2.0 * (levels - 1)).astype(np.float32)


def rounded(exact: np.ndarray, levels: int) -> np.ndarray:
    """What is stored of pictures beside `exact` ones: uint8."""
    return np.rint(exact.clip(0.0, levels - 1)).astype(np.uint8)


def quantise(pictures: np.ndarray, levels: int) -> tuple[np.ndarray, dict[str, float]]:
    """Pictures in [-1, 1] as grey levels 0..levels-1, and what was lost by it.

    Values outside [-1, 1] are clipped; pixels that are NaN become 0. Both feed back into the next
    generation, so both are recorded rather than hidden: `not_finite` counts pictures, `clipped` is
    the share of pixels that lay outside by more than half a level.
    """
    finite = np.nan_to_num(pictures, nan=-1.0, posinf=np.inf, neginf=-np.inf)
    accidents = {
        "not_finite": int((~np.isfinite(pictures).all(axis=(1, 2, 3))).sum()),
        "clipped": float((np.abs(finite) > 1.0 + 1.0 / (levels - 1)).mean()),
    }
    unit = (finite.clip(-1.0, 1.0) + 1.0) / 2.0
    return np.rint(unit * (levels - 1)).astype(np.uint8), accidents
