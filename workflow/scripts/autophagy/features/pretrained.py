"""Networks that were trained elsewhere: what they share, from classes to the files of a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from autophagy import devices
from autophagy.errors import UserError

#: Pictures that go through a network at once.
BATCH = 64
_MEANS = "class_means.safetensors"

Embed = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Pretrained:
    """Features by a network that was trained elsewhere, classes by the nearest class mean.

    Such a network knows no class of these data. The mean feature vector of each class of the
    features split does (Mensink et al. 2013, the nearest class mean): nothing is tuned.

    embed: uint8 n×H×W×C pictures -> float32 n×d, n up to `BATCH`.
    means: float32 n_classes×d; NaN for a class that the split lacks.
    keep: writes the network's own files into a folder.
    """

    embed: Embed
    config: dict[str, Any]
    means: np.ndarray
    keep: Callable[[Path], None]
    batch: ClassVar[int] = BATCH

    @property
    def dimension(self) -> int:
        return self.config["dimension"]

    def __call__(
        self, images: np.ndarray, batch_size: int = BATCH
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features float32 (n, d) and predicted labels int64 (n,) of uint8 n×H×W×C pictures."""
        features = embedded(self.embed, images, self.dimension, batch_size)
        return features, nearest(features, self.means)

    def save(self, folder: Path) -> None:
        from safetensors.numpy import save_file

        (folder / "config.json").write_text(json.dumps(self.config, indent=2, sort_keys=True))
        save_file({"class_means": self.means}, folder / _MEANS)
        self.keep(folder)


def fitted(
    embed: Embed, keep: Callable[[Path], None], images: np.ndarray, labels: np.ndarray,
    facts: dict[str, Any], hashes: dict[str, str],
) -> Pretrained:  # fmt: skip
    """The network with the class means of the features split.

    Args:
        hashes: {file name: SHA-256} of the user's files that hold the network.
    """
    features = embedded(embed, images)
    classes = len(facts["classes"])
    with np.errstate(invalid="ignore"):
        means = np.stack(
            [
                features[labels == label].mean(axis=0, dtype=np.float64)
                if (labels == label).any()
                else np.full(features.shape[1], np.nan)
                for label in range(classes)
            ]
        ).astype(np.float32)
    config = {
        "levels": facts["levels"],
        "n_classes": classes,
        "dimension": features.shape[1],
        "source": hashes,
    }
    return Pretrained(embed, config, means, keep)


def loaded(
    folder: Path, network: Callable[[dict[str, Any]], Embed], keep: Callable[[Path], None]
) -> Pretrained:
    """What `Pretrained.save` wrote.

    Args:
        network: config.json's content -> the function of pictures.

    Raises:
        UserError: `folder` holds no such network.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = json.loads((folder / "config.json").read_text())
        means = load_file(folder / _MEANS)["class_means"]
        if means.shape != (config["n_classes"], config["dimension"]) or config["levels"] < 2:
            raise ValueError("its class means are not those of its config.json")
        return Pretrained(network(config), config, means, keep)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        if devices.is_out_of_memory(error):
            raise
        raise UserError(f"{folder}: not a saved feature network: {error}") from error


def embedded(
    embed: Embed, images: np.ndarray, dimension: int = 0, batch_size: int = BATCH
) -> np.ndarray:
    """Features float32 (n, d) of any number of pictures; (0, dimension) of none."""
    if not len(images):
        return np.empty((0, dimension), np.float32)
    size = min(batch_size, BATCH)
    batches = [embed(images[start : start + size]) for start in range(0, len(images), size)]
    return np.concatenate(batches)


def nearest(features: np.ndarray, means: np.ndarray) -> np.ndarray:
    """The class whose mean is nearest to each row, int64 (n,); a class without one is none's."""
    from scipy.spatial.distance import cdist

    if not len(features):
        return np.empty(0, np.int64)
    distances = np.nan_to_num(cdist(features, means), nan=np.inf)
    return distances.argmin(axis=1).astype(np.int64)


def rgb(images: np.ndarray, levels: int, device: str) -> Any:
    """Pictures as a float tensor n×3×H×W in [0, 1]; grey ones have three equal channels."""
    import torch

    x = np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32) / (levels - 1)
    return torch.from_numpy(x).to(device).expand(-1, 3, -1, -1)


def sha256(file: Path) -> str:
    """SHA-256 of a file of the user's."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def require_pictures(shape: tuple[int, ...]) -> None:
    """Refuse points.

    Raises:
        UserError: naming `evaluate.features`.
    """
    if len(shape) == 1:
        raise UserError(
            "evaluate.features: this network takes pictures, and these rows are points; use "
            "identity"
        )
