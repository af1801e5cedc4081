"""A mixture of Gaussians, fitted by EM (scikit-learn): the paper's model of Figures 14 and 15.

λ scales the covariance of every component: samples move towards the modes' centres.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from autophagy import seeds as seeding
from autophagy.errors import UserError
from autophagy.models import normals
from autophagy.models.base import TrainingPoints
from autophagy.models.checkpoints import Checkpoint
from autophagy.models.normals import Normals
from autophagy.progress import Report
from autophagy.schema import Options

KINDS = ("points",)
ABILITIES = ("likelihood",)
SOFTWARE = ("safetensors", "scikit-learn")


class Model(Options):
    """`model:` of a mixture experiment."""

    family: Literal["mixture"]
    components: Annotated[int, Field(ge=1, le=10_000)]


class Train(Options):
    """`train:`: EM, its start and its end."""

    #: How the centres of the first step are found; all miss modes now and then.
    start: Literal["kmeans", "k-means++", "random_from_data"] = "kmeans"
    iterations: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    #: EM ends where the mean log-likelihood grows by less than this.
    tolerance: Annotated[float, Field(gt=0.0, le=1.0)] = 1e-3
    #: Added to the variances, so that a component of one point stays one.
    floor: Annotated[float, Field(gt=0.0, le=1.0)] = 1e-6


class Sample(Options):
    """`sample: {}`: the draw has no options."""


def check(
    model: dict[str, Any], train: dict[str, Any], sample: dict[str, Any], size: int | None
) -> None:
    """Every number of dimensions will do."""


def fewest(model: dict[str, Any], size: int | None, likelihood: bool) -> tuple[int, str]:
    """See `config_budgets.check_rows`; `train.floor` gives every component a density."""
    needed = max(2, model["components"])
    return needed, f"model.components = {model['components']} needs {needed} points or more"


def budget(train: dict[str, Any]) -> str:
    """What each model is given."""
    return f"at most {train['iterations']} EM steps from {train['start']}"


def fit(
    data: TrainingPoints,
    model: dict[str, Any],
    train: dict[str, Any],
    seed: int,
    device: str,
    report: Report,
    checkpoint: Checkpoint | None = None,
) -> Normals:
    """Weights, means and covariances of maximum likelihood, as EM finds them from its start.

    Raises:
        UserError: fewer points than components, points that are not finite, or labelled ones.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    normals.require_one_class(data, "mixture")
    normals.require_finite(data.points, "mixture")
    components = model["components"]
    if len(data.points) < max(2, components):
        raise UserError(
            f"model.components: {components} components need as many points, and at least 2; the "
            f"training set has {len(data.points)}"
        )
    mixture = GaussianMixture(
        components,
        tol=train["tolerance"],
        max_iter=train["iterations"],
        reg_covar=train["floor"],
        init_params=train["start"],
        random_state=seeding.derive("start", seed) % 2**32,
    )
    with warnings.catch_warnings():
        # That EM was stopped, and that points lie on each other, is told by the report.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(data.points.astype("float64"))
    state = "converged" if mixture.converged_ else "stopped"
    report(
        mixture.n_iter_, mixture.n_iter_,
        f"EM steps, {state}, mean log-likelihood {mixture.lower_bound_:.4g}",
    )  # fmt: skip
    return Normals("mixture", mixture.weights_, mixture.means_, mixture.covariances_)


def load(folder: Path, device: str) -> Normals:
    return normals.load(folder, "mixture")
