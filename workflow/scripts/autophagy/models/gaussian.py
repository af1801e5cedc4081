"""One Gaussian, fitted exactly: the paper's model of Figures 10 to 12.

Mean and covariance are the unbiased estimates, with 1/(n − 1), and λ scales the covariance:
S^t ~ N(μ, λΣ).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from autophagy.errors import UserError
from autophagy.models import normals
from autophagy.models.base import TrainingPoints
from autophagy.models.checkpoints import Checkpoint
from autophagy.models.normals import Normals
from autophagy.progress import Report
from autophagy.schema import Options

KINDS = ("points",)
ABILITIES = ("likelihood",)
SOFTWARE = ("safetensors",)


class Model(Options):
    """`model:` of a gaussian experiment."""

    family: Literal["gaussian"]


class Train(Options):
    """`train: {}`: the fit has no options."""


class Sample(Options):
    """`sample: {}`: so has the draw."""


def check(
    model: dict[str, Any], train: dict[str, Any], sample: dict[str, Any], size: int | None
) -> None:
    """Every number of dimensions will do."""


def fewest(model: dict[str, Any], size: int | None, likelihood: bool) -> tuple[int, str]:
    """See `config_budgets.check_rows`; a covariance of n points has the rank n - 1 at most."""
    if likelihood and size is not None:
        return size + 1, (
            f"a likelihood in {size} dimension{'s' * (size > 1)} needs a gaussian of {size + 1} "
            "points or more"
        )
    return 2, "a covariance needs 2 points or more"


def budget(train: dict[str, Any]) -> str:
    """What each model is given."""
    return "mean and covariance, exact"


def fit(
    data: TrainingPoints,
    model: dict[str, Any],
    train: dict[str, Any],
    seed: int,
    device: str,
    report: Report,
    checkpoint: Checkpoint | None = None,
) -> Normals:
    """Mean and unbiased covariance of the points.

    Raises:
        UserError: fewer than 2 points, points that are not finite, or labelled ones.
    """
    normals.require_one_class(data, "gaussian")
    normals.require_finite(data.points, "gaussian")
    points = data.points.astype(np.float64)
    if len(points) < 2:
        raise UserError("train: a covariance needs 2 points or more, not 1")
    mean = points.mean(axis=0)
    centred = points - mean
    covariance = centred.T @ centred / (len(points) - 1)
    report(1, 1, f"trace of the covariance {np.trace(covariance):.4g}")
    return Normals("gaussian", np.ones(1), mean[None], covariance[None])


def load(folder: Path, device: str) -> Normals:
    return normals.load(folder, "gaussian")
