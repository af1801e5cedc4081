"""What every model family gives: one small protocol (fit, sample, save, load)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from autophagy.models.budgets import Flattening
from autophagy.models.checkpoints import Checkpoint
from autophagy.progress import Report


@dataclass(frozen=True)
class TrainingData:
    """The images a model is fitted to, in the order of its training set.

    images: uint8 N×H×W×C with values 0..levels-1, or float32 on the same scale where samples are
        neither rounded nor clipped; labels: int64 N with values 0..n_classes-1.
    """

    images: np.ndarray
    labels: np.ndarray
    levels: int
    n_classes: int


@dataclass(frozen=True)
class TrainingPoints:
    """The points a model is fitted to, in the order of its training set.

    points: float32 N×d; labels: int64 N with values 0..n_classes-1.
    """

    points: np.ndarray
    labels: np.ndarray
    n_classes: int


def training_data(
    kind: str, rows: np.ndarray, labels: np.ndarray, facts: Mapping[str, Any]
) -> TrainingData | TrainingPoints:
    """The rows of one kind (`rows.KINDS`) as its families take them.

    Args:
        facts: of the training set's manifest.
    """
    n_classes = len(facts["classes"])
    if kind == "points":
        return TrainingPoints(rows, labels, n_classes)
    return TrainingData(rows, labels, facts["levels"], n_classes)


class Model(Protocol):
    """A fitted model G^t."""

    def sample(
        self,
        labels: np.ndarray,
        seeds: np.ndarray,
        sampling_bias: float,
        options: dict[str, Any],
        report: Report,
    ) -> np.ndarray:
        """float32 n×H×W×C, nominally in [-1, 1], neither clipped nor rounded; or points n×d.

        Row i is a function of (model, seeds[i], labels[i], options, sampling_bias) alone.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write JSON and safetensors into an existing empty folder."""
        ...


class Family(Protocol):
    """A module of this package: `Model`, `Train` and `Sample` options beside what follows.

    ABILITIES: what the family can do besides, and a regime may ask for; none where it has no such
        name. "fine_tune": `fit` takes `initial`. "guide": there is `guide`. "likelihood": its
        models have `log_likelihoods(rows, labels, seeds, options)`, float64 (n,), the
        log-likelihood of rows as `Model.sample` gives them, up to a constant, or an estimate that
        is a function of the rows' seeds. "flatten": `fit` takes `flattening`.

    `Train` may be a `budgets.Budgeted`, so that an experiment states steps, epochs or `until_flat`;
    keys of these names replace each other where a loop changes one. Left out, ``KINDS`` is
    ``("images",)``, and ``budget`` is told by such keys and train.batch_size.

    One whose models have a part of the user's has ``source(model)``, the folder it is read from or
    None, which ``fit`` then takes as `source`; ``recipe(model)``, the section as manifests and
    ``fit`` have it, with the files' digests in the place of the folder; and ``require(model,
    shape)``, which refuses a folder that does not fit rows of that shape (None: not yet known).

    One whose options do not always allow λ < 1 has ``check_biased(model)``, and one with "adopt"
    ``check_adopted(folder, sample)``: both refuse before anything runs.
    """

    #: Which kinds of rows it models; names in `rows.KINDS`.
    KINDS: tuple[str, ...]
    #: The libraries that set its numbers; a job without torch among them does not prepare it.
    SOFTWARE: tuple[str, ...]

    def check(
        self, model: dict[str, Any], train: dict[str, Any], sample: dict[str, Any], size: int | None
    ) -> None:
        """Refuse before anything runs what the options' types cannot see.

        Args:
            size: side of the pictures or number of coordinates, where it is known.

        Raises:
            UserError: the key and what is allowed.
        """
        ...

    def budget(self, train: dict[str, Any]) -> str:
        """What each model of an experiment is given, e.g. "1000 steps of 128"."""
        ...

    def fit(
        self,
        data: TrainingData | TrainingPoints,
        model: dict[str, Any],
        train: dict[str, Any],
        seed: int,
        device: str,
        report: Report,
        checkpoint: Checkpoint | None = None,
        initial: Model | None = None,
        flattening: Flattening | None = None,
    ) -> Model:
        """A model fitted to `data`, as a function of the other arguments but report and checkpoint.

        From scratch, or going on from the weights of `initial`, a model of the same family and
        options: only a family with "fine_tune" among its `ABILITIES` is given one.

        A `Budgeted` family finds `train["steps"]`, whatever budget is stated. With `flattening`,
        which only a family with "flatten" is given, these are the most: after a step where
        `flattening.due(done)` it takes the loss on `flattening.rows`, always in the same way, and
        stops where `flattening.ends(done, loss)`; `flattening` is a part of its checkpoints.

        A family that trains long begins at step `checkpoint.resume(parts, device)` and calls
        `checkpoint.save(step, parts)` after a step where `checkpoint.due()`. The parts hold all
        that the later steps depend on: weights, their running mean, optimiser, schedule. Random
        streams keyed by (seed, step) need no place among them; others are a part of their own.
        Killed anywhere and called again, it gives the same bytes. A fit of seconds ignores it.

        Raises:
            UserError: the training is no longer finite; which step, and what to change.
        """
        ...

    def load(self, folder: Path, device: str) -> Model: ...

    def guide(self, model: Model, auxiliary: Model, kind: str, weight: float) -> Model:
        """What samples as `model` guided away from `auxiliary`: kind sims or neon, w = weight > 0.

        Only of a family with "guide" among its `ABILITIES`; the result is not saved.
        """
        ...
