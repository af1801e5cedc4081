"""A normalising flow of affine coupling layers (Real NVP, Dinh et al. 2017) for points.

The paper's Figure 17: 8 coupling layers with networks of width 64, latent N(0, λI). The layers are
zuko's; GLOW's activation normalisation is done once, by the mean and spread of the training set,
and its 1×1 convolutions, which mix the channels of pictures, have nothing to mix in the plane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from autophagy import seeds as seeding
from autophagy.errors import UserError
from autophagy.models import finite, memory, saved
from autophagy.models.base import TrainingPoints
from autophagy.models.budgets import Budgeted, Flattening
from autophagy.models.checkpoints import Checkpoint
from autophagy.models.noise import rows_of_noise
from autophagy.models.normals import require_finite, require_one_class
from autophagy.models.order import Order, whole_pass
from autophagy.progress import Report
from autophagy.schema import Options

KINDS = ("points",)
ABILITIES = ("flatten", "likelihood")
SOFTWARE = ("safetensors", "torch", "zuko")


class Model(Options):
    """`model:` of a flow experiment."""

    family: Literal["flow"]
    #: Coupling layers; each changes every other coordinate.
    couplings: Annotated[int, Field(ge=1, le=256)] = 8
    #: Width of the hidden layers of each coupling's network, and how many there are.
    hidden: Annotated[int, Field(ge=1, le=4096)] = 64
    layers: Annotated[int, Field(ge=1, le=16)] = 2


class Train(Budgeted):
    """`train:`: the budget and the optimiser (Adam, cosine decay to 0, none under `until_flat`)."""

    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)]


class Sample(Options):
    """`sample:`: how many points at once; part of the result to the last bit."""

    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]


def check(
    model: dict[str, Any], train: dict[str, Any], sample: dict[str, Any], size: int | None
) -> None:
    """Refuse what no coupling can split in two.

    Raises:
        UserError: points of one coordinate.
    """
    if size is not None and size < 2:
        raise UserError(
            "model.family: a flow's coupling layers change one part of the coordinates by the "
            "other, so it needs points of 2 dimensions or more; gaussian and mixture take 1"
        )


@memory.of_training("lower model.hidden or model.couplings")
def fit(
    data: TrainingPoints,
    model: dict[str, Any],
    train: dict[str, Any],
    seed: int,
    device: str,
    report: Report,
    checkpoint: Checkpoint | None = None,
    flattening: Flattening | None = None,
) -> FlowModel:
    """Maximum likelihood for `train["steps"]` steps; the order of step k is keyed by (seed, k).

    With `flattening`, at most: it looks at the mean negative log-likelihood of its rows.

    Raises:
        UserError: a loss or a weight is no longer finite, or the points are not, or they are
            labelled; or the device's memory ran out.
    """
    import torch

    require_one_class(data, "flow")
    require_finite(data.points, "flow")
    mean, spread = data.points.mean(axis=0), data.points.std(axis=0)
    # A collapsed coordinate stays where it is.
    spread = np.where(spread > 0.0, spread, 1.0).astype(np.float32)
    points = torch.from_numpy((data.points - mean) / spread).to(device)

    torch.manual_seed(seeding.derive("weights", seed) % 2**32)
    flow = _network({**model, "dimensions": data.points.shape[1]}).to(device)
    optimizer = torch.optim.Adam(flow.parameters(), train["learning_rate"])
    steps = train["steps"]
    if flattening is None:
        rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    else:
        rate = torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)
    order = Order(len(points), train["batch_size"], seeding.derive("order", seed))
    checkpoint = checkpoint or Checkpoint()
    parts = {"flow": flow, "optimizer": optimizer, "rate": rate}
    if flattening is not None:
        parts["flattening"] = flattening
        held_out = torch.from_numpy((flattening.rows.points - mean) / spread).to(device)
    first = checkpoint.resume(parts, device)
    if first:
        report(0, steps, f"resumed at step {first} of {steps}")
    done = first
    for step in range(first, steps):
        rows = torch.from_numpy(order.batch(step)).to(device)
        loss = -flow().log_prob(points[rows]).mean()
        loss.backward()
        optimizer.step()
        rate.step()
        optimizer.zero_grad(set_to_none=True)
        done = step + 1
        if flattening is not None and flattening.due(done):
            with torch.no_grad():
                look = -flow().log_prob(held_out).mean().item()
            report(done, steps, f"held-out loss {look:.4f}")
            if flattening.ends(done, look):
                break
        tell, save = done % 50 == 0 or done == steps, checkpoint.due()
        if tell or save:
            finite.require_loss(loss.item(), done)
        if tell:
            report(done, steps, f"loss {loss.item():.4f}")
        if save:
            checkpoint.save(done, parts)
    finite.require_weights(flow, done)
    return FlowModel(flow, model, mean, spread, device)


def load(folder: Path, device: str) -> FlowModel:
    """What `FlowModel.save` wrote.

    Raises:
        UserError: `folder` holds no such model.
    """
    with saved.reading(folder, "flow") as (options, arrays):
        Model.model_validate(options)
        mean, spread = arrays.pop("mean"), arrays.pop("spread")
        flow = _network({**options, "dimensions": len(mean)})
        saved.restore(flow, arrays)
    return FlowModel(flow.to(device), options, mean, spread, device)


def _network(model: dict[str, Any]) -> Any:
    from zuko.flows import RealNVP

    hidden = (model["hidden"],) * model["layers"]
    return RealNVP(model["dimensions"], transforms=model["couplings"], hidden_features=hidden)


@dataclass(frozen=True, eq=False)
class FlowModel:
    """A fitted flow: zuko's, of standardised points to the latent; mean, spread float32 (d,)."""

    flow: Any
    options: dict[str, Any]
    mean: np.ndarray
    spread: np.ndarray
    device: str

    def sample(
        self,
        labels: np.ndarray,
        seeds: np.ndarray,
        sampling_bias: float,
        options: dict[str, Any],
        report: Report,
    ) -> np.ndarray:
        """See `Model.sample`; the latent is N(0, λI)."""
        import torch

        n, size = len(seeds), options["batch_size"]
        latent = rows_of_noise(seeds, self.mean.shape) * np.float32(math.sqrt(sampling_bias))
        batches = []
        with torch.inference_mode():
            to_points = self.flow().transform.inv
            for start in range(0, n, size):
                rows = whole_pass(start, size, n)
                made = to_points(torch.from_numpy(latent[rows]).to(self.device)).cpu().numpy()
                batches.append(made[: n - start] * self.spread + self.mean)
                report(min(start + size, n), n, "points")
        return np.concatenate(batches)

    def log_likelihoods(
        self, rows: np.ndarray, labels: np.ndarray, seeds: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray:
        """See `Family`: the log of the density at λ = 1, exact up to float32."""
        import torch

        standard = ((rows - self.mean) / self.spread).astype(np.float32)
        with torch.inference_mode():
            found = self.flow().log_prob(torch.from_numpy(standard).to(self.device))
        volume = np.log(self.spread.astype(np.float64)).sum()
        return found.cpu().numpy().astype(np.float64) - volume

    def save(self, folder: Path) -> None:
        """See `saved`; mean and spread stand beside the flow's weights."""
        arrays = saved.arrays_of(self.flow) | {"mean": self.mean, "spread": self.spread}
        saved.write(folder, self.options, arrays)
