"""The same metrics by the published packages: prdc and torchmetrics, as their documentation says.

Density and coverage, precision and recall come from prdc; the Fréchet and the kernel distance from
torchmetrics, whose feature extractor hands features through. The kernel distance is asked for over
the whole sets (one subset of all rows), as ours is.
"""

from __future__ import annotations

import contextlib
import io
import warnings

import numpy as np
import torch
from prdc import compute_prdc
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance


class Identity(torch.nn.Module):
    num_features = 0

    def __init__(self, features: int) -> None:
        super().__init__()
        self.num_features = features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def measured(reference: np.ndarray, generated: np.ndarray, k: int) -> dict[str, float]:
    """The six metrics of features n×d and m×d."""
    # prdc prints, torchmetrics warns of memory.
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {
            name: float(value) for name, value in compute_prdc(reference, generated, k).items()
        }
        rows = min(len(reference), len(generated))
        identity = Identity(reference.shape[1])
        frechet = FrechetInceptionDistance(feature=identity)
        kernel = KernelInceptionDistance(feature=identity, subsets=1, subset_size=rows)
        for metric in (frechet, kernel):
            metric.update(torch.from_numpy(reference).double(), real=True)
            metric.update(torch.from_numpy(generated).double(), real=False)
        found["frechet_distance"] = float(frechet.compute())
        found["kernel_distance"] = float(kernel.compute()[0])
    return found
