"""What every feature network gives: rows in, features and predicted classes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from autophagy.progress import Report

#: What is known of rows before they are read: (side, channels) of pictures, (d,) of points.
Shape = tuple[int, ...]

#: `batch` of the networks that are small.
BATCH = 1024


class FeatureNetwork(Protocol):
    """A feature space that stands: fitted, or loaded from features/<network>.

    config: the content of its config.json; `n_classes` is among it.
    dimension: d, the length of a feature vector.
    batch: rows that it takes at once, where memory allows it.
    """

    config: dict[str, Any]
    batch: int

    @property
    def dimension(self) -> int: ...

    def __call__(self, rows: np.ndarray, batch_size: int = BATCH) -> tuple[np.ndarray, np.ndarray]:
        """Features float32 (n, d) and predicted labels int64 (n,) of pictures or points.

        Labels are all 0 where the data have one class. A row's features do not depend on the
        others beyond rounding.
        """
        ...

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Probability of each class, float64 (n, n_classes), of pictures or points.

        Only of a network whose module says `CLASSIFIES = True`: it was trained on the classes.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write config.json and safetensors into an existing empty folder."""
        ...


class Network(Protocol):
    """A module of this package.

    SPACE: what its space is called beside a distance, such as "LeNet".
    SOFTWARE: the libraries, besides numpy, that set its numbers.
    TRAINING: the constants of its training, which its manifest records; empty where there is none.
    DIMENSION: d, or None where config.json states it.

    A network that was trained elsewhere also has `require(source)`, which refuses a missing file or
    library before anything runs, `files(source)`, the user's files, and a last argument `source`
    of `fit`: the path that the configuration gives. What `fit` returns states their hashes in its
    config under `source`.
    """

    SPACE: str
    SOFTWARE: tuple[str, ...]
    TRAINING: dict[str, Any]
    DIMENSION: int | None

    def check(self, shape: Shape) -> None:
        """Refuse rows that the network cannot take.

        Raises:
            UserError: naming `evaluate.features`.
        """
        ...

    def fit(
        self,
        rows: np.ndarray,
        labels: np.ndarray,
        facts: dict[str, Any],
        seed: int,
        device: str,
        report: Report,
    ) -> FeatureNetwork:
        """The network, trained on the features split where it is one that is trained.

        Args:
            rows: uint8 N×H×W×C pictures or float32 N×d points.
            labels: int64 N.
            facts: those of the split's manifest; `classes`, and of pictures `levels`.

        Raises:
            UserError: the rows are not what the network takes, or its training breaks down.
        """
        ...

    def load(self, folder: Path, device: str) -> FeatureNetwork:
        """The network that `save` wrote.

        Raises:
            UserError: `folder` holds no such network.
        """
        ...
