"""A model family: of each class, every pixel is a Gaussian of its own.

λ scales the variance: a sample is drawn from N(μ, λσ²).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from autophagy import seeds as seeding
from autophagy.errors import UserError
from autophagy.models.base import TrainingData
from autophagy.schema import Count, Options

SOFTWARE = ("safetensors",)


class Model(Options):
    """`model: {family: pixel_gaussian}`."""

    family: str


class Train(Options):
    """`train`: the first steps × batch_size rows are seen, once each."""

    steps: Count
    batch_size: Count


class Sample(Options):
    """`sample: {}`."""


def check(model: dict, train: dict, sample: dict, size: int | None) -> None:
    """Nothing can contradict."""


@dataclass(frozen=True)
class PixelGaussian:
    """mean and deviation: float32 n_classes×H×W×C."""

    mean: np.ndarray
    deviation: np.ndarray

    def sample(self, labels, seeds, sampling_bias, options, report) -> np.ndarray:
        """See `autophagy.models.base.Model`: row i depends on seeds[i] and labels[i] alone."""
        shape = self.mean.shape[1:]
        noise = [seeding.stream(int(seed)).standard_normal(shape, np.float32) for seed in seeds]
        report(len(seeds), len(seeds), "pictures")
        spread = np.float32(sampling_bias**0.5) * self.deviation[labels]
        return self.mean[labels] + spread * np.stack(noise)

    def save(self, folder: Path) -> None:
        from safetensors.numpy import save_file

        (folder / "config.json").write_text(json.dumps({"family": "pixel_gaussian"}))
        save_file({"mean": self.mean, "deviation": self.deviation}, folder / "weights.safetensors")


def fit(
    data: TrainingData, model: dict, train: dict, seed: int, device: str, report: Any,
    checkpoint: Any = None,
) -> PixelGaussian:  # fmt: skip
    seen = train["steps"] * train["batch_size"]
    images = data.images[:seen].astype(np.float64) * (2.0 / (data.levels - 1)) - 1.0
    of_class = [images[data.labels[:seen] == label] for label in range(data.n_classes)]
    # A class without rows has the mean of all.
    of_class = [rows if len(rows) else images for rows in of_class]
    report(train["steps"], train["steps"], "steps")
    return PixelGaussian(
        np.stack([rows.mean(axis=0) for rows in of_class]).astype(np.float32),
        np.stack([rows.std(axis=0) for rows in of_class]).astype(np.float32),
    )


def load(folder: Path, device: str) -> PixelGaussian:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return PixelGaussian(**load_file(folder / "weights.safetensors"))
    except (OSError, TypeError, SafetensorError) as error:
        raise UserError(f"{folder}: not a saved pixel_gaussian model: {error}") from error
