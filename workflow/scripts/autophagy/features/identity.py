"""Points as their own features: data of few dimensions are measured in the space they lie in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from autophagy.errors import UserError
from autophagy.features.base import BATCH, Shape
from autophagy.progress import Report

SPACE = "data space"
SOFTWARE: tuple[str, ...] = ()
TRAINING: dict[str, Any] = {}
DIMENSION = None


@dataclass(frozen=True)
class Identity:
    """Points in, the same points and label 0 out: there is no classifier, hence one class."""

    config: dict[str, int]
    batch: ClassVar[int] = BATCH

    @property
    def dimension(self) -> int:
        return self.config["dimension"]

    def __call__(self, rows: np.ndarray, batch_size: int = BATCH) -> tuple[np.ndarray, np.ndarray]:
        """Features float32 (n, d), equal to the rows, and labels int64 (n,), all 0.

        Raises:
            UserError: the rows are no points of this dimension.
        """
        _require_points(rows.shape[1:])
        if rows.shape[1] != self.dimension:
            raise UserError(
                f"features/identity: is of {self.dimension} dimensions; the points have "
                f"{rows.shape[1]}"
            )
        return rows.astype(np.float32), np.zeros(len(rows), np.int64)

    def save(self, folder: Path) -> None:
        (folder / "config.json").write_text(json.dumps(self.config, indent=2, sort_keys=True))


def check(shape: Shape) -> None:
    """Refuse pictures.

    Raises:
        UserError: the rows are no points.
    """
    _require_points(shape)


def fit(
    rows: np.ndarray, labels: np.ndarray, facts: dict[str, Any], seed: int, device: str,
    report: Report,
) -> Identity:  # fmt: skip
    """The space of the points; nothing is learned from them but their dimension.

    Raises:
        UserError: the rows are no points.
    """
    _require_points(rows.shape[1:])
    return Identity({"dimension": rows.shape[1], "n_classes": 1})


def load(folder: Path, device: str) -> Identity:
    """What `Identity.save` wrote.

    Raises:
        UserError: `folder` holds no such thing.
    """
    try:
        config = json.loads((folder / "config.json").read_text())
        found = {key: int(config[key]) for key in ("dimension", "n_classes")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder}: not a saved feature network: {error}") from error
    return Identity(found)


def _require_points(shape: Shape) -> None:
    if len(shape) != 1:
        raise UserError(
            "evaluate.features: identity takes points, and these rows are pictures; use lenet"
        )
