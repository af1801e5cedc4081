"""What every model family gives: one small protocol (fit, sample, save, load)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from autophagy.models.checkpoints import Checkpoint
from autophagy.progress import Report


@dataclass(frozen=True)
class TrainingData:
    """The rows a model is fitted to, in the order of its training set.

    images: uint8 N×H×W×C with values 0..levels-1; labels: int64 N with values 0..n_classes-1.
    """

    images: np.ndarray
    labels: np.ndarray
    levels: int
    n_classes: int


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
        """float32 n×H×W×C, nominally in [-1, 1], neither clipped nor rounded.

        Row i is a function of (model, seeds[i], labels[i], options, sampling_bias) alone.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write JSON and safetensors into an existing empty folder."""
        ...


class Family(Protocol):
    """A module of this package: `Model`, `Train` and `Sample` options beside fit and load.

    ABILITIES: what the family can do besides, and a regime may ask for; none where it has no such
        name. "fine_tune": `fit` takes `initial`. "guide": there is `guide`. "likelihood": its
        models have `log_likelihoods(rows, labels, seeds, options)`, float64 (n,), the
        log-likelihood of rows as `Model.sample` gives them, up to a constant, or an estimate that
        is a function of the rows' seeds.
    """

    def fit(
        self,
        data: TrainingData,
        model: dict[str, Any],
        train: dict[str, Any],
        seed: int,
        device: str,
        report: Report,
        checkpoint: Checkpoint | None = None,
        initial: Model | None = None,
    ) -> Model:
        """A model fitted to `data`, as a function of the other arguments but report and checkpoint.

        From scratch, or going on from the weights of `initial`, a model of the same family and
        options: only a family with "fine_tune" among its `ABILITIES` is given one.

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
