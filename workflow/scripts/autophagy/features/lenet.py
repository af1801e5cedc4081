"""The feature network: a LeNet classifier whose 84-d penultimate layer is the metrics' space."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from autophagy import seeds as seeding
from autophagy.errors import UserError
from autophagy.features.base import BATCH, Shape
from autophagy.progress import Report

SPACE = "LeNet"
#: Trained on the classes, so that filters may ask for their probabilities.
CLASSIFIES = True
#: Libraries, besides numpy, that set its numbers.
SOFTWARE: tuple[str, ...] = ("torch",)

#: Dimension of the feature space.
DIMENSION = 84

#: Training of the network: part of what a feature space is, so recorded in its manifest.
TRAINING = {"epochs": 200, "batch_size": 64, "learning_rate": 2e-3, "shift": 1}


def check(shape: Shape, name: str = "lenet") -> None:
    """Refuse points, and pictures of which the network's two poolings leave nothing.

    Args:
        name: what the configuration calls the network.

    Raises:
        UserError: the rows are points, or the side is below 4 pixels.
    """
    if len(shape) == 1:
        raise UserError(
            f"evaluate.features: {name} takes pictures, and these rows are points; use identity"
        )
    if shape[0] < 4:
        raise UserError(
            f"evaluate.features: {name} needs pictures of at least 4 pixels a side, not {shape[0]}"
        )


def _network(size: int, channels: int, n_classes: int) -> Any:
    """LeNet-5 (LeCun et al. 1998) with ReLU and max pooling; padding keeps small pictures whole."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(channels, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * (size // 4) ** 2, 120),
        nn.ReLU(),
        nn.Linear(120, DIMENSION),
        nn.ReLU(),
        nn.Linear(DIMENSION, n_classes),
    )


@dataclass(frozen=True)
class FeatureNetwork:
    """Pictures in, 84-d features and predicted classes out."""

    network: Any
    config: dict[str, int]
    device: str
    batch: ClassVar[int] = BATCH

    @property
    def dimension(self) -> int:
        return DIMENSION

    def __call__(
        self, images: np.ndarray, batch_size: int = BATCH
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features float32 (n, 84) and predicted labels int64 (n,) of uint8 n×H×W×C pictures.

        Labels are all 0 where the data have one class.
        """
        import torch

        features, predicted = [np.empty((0, DIMENSION), np.float32)], [np.empty(0, np.int64)]
        with torch.inference_mode():
            for start in range(0, len(images), batch_size):
                x = _scaled(images[start : start + batch_size], self.config["levels"], self.device)
                hidden = self.network[:-1](x)
                features.append(hidden.cpu().numpy())
                predicted.append(self.network[-1](hidden).argmax(1).cpu().numpy())
        labels = np.concatenate(predicted)
        return np.concatenate(features), labels if self.config["n_classes"] > 1 else labels * 0

    def probabilities(self, images: np.ndarray, batch_size: int = 1024) -> np.ndarray:
        """Probability of each class, float64 (n, n_classes).

        Raises:
            UserError: the data have one class, and the network learned rotations.
        """
        import torch

        if self.config["n_classes"] == 1:
            raise UserError("filter: the data have no labels, so no class can be seen in a picture")
        found = [np.empty((0, self.config["n_classes"]))]
        with torch.inference_mode():
            for start in range(0, len(images), batch_size):
                x = _scaled(images[start : start + batch_size], self.config["levels"], self.device)
                found.append(self.network(x).double().softmax(1).cpu().numpy())
        return np.concatenate(found)

    def save(self, folder: Path) -> None:
        from safetensors.torch import save_file

        (folder / "config.json").write_text(json.dumps(self.config, indent=2, sort_keys=True))
        save_file(self.network.state_dict(), folder / "weights.safetensors")


def load(folder: Path, device: str) -> FeatureNetwork:
    """The network that `FeatureNetwork.save` wrote.

    Raises:
        UserError: `folder` holds no such network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / "config.json").read_text())
        network = _network(config["size"], config["channels"], _outputs(config["n_classes"]))
        network.load_state_dict(load_file(folder / "weights.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{folder}: not a saved feature network: {error}") from error
    return FeatureNetwork(network.to(device).eval(), config, device)


def fit(
    images: np.ndarray,
    labels: np.ndarray,
    facts: dict[str, Any],
    seed: int,
    device: str,
    report: Report,
) -> FeatureNetwork:
    """Train the classifier on the features split, each picture shifted at random every epoch.

    One class gives a classifier nothing to learn: it then tells by how many quarter turns a
    picture was rotated (Gidaris et al. 2018).

    Args:
        images: uint8 N×H×W×C with values 0..levels-1.
        labels: int64 N.
        facts: `levels` and `classes` of the split.

    Raises:
        UserError: see `check`; or the loss is no longer finite.
    """
    import torch

    check(images.shape[1:])
    levels, n = facts["levels"], len(images)
    drawn = untrained(images.shape[1:], facts, seed, device)
    network = drawn.network
    if len(facts["classes"]) == 1:
        report(0, TRAINING["epochs"], "unlabelled: features are learned from rotations")
        images, labels = _rotated(images)
        n = len(images)
    epochs, batch_size = TRAINING["epochs"], TRAINING["batch_size"]
    optimizer = torch.optim.AdamW(network.parameters(), TRAINING["learning_rate"])
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    targets = torch.from_numpy(labels).to(device)
    network.train()
    for epoch in range(epochs):
        draws = seeding.stream(seeding.derive("order", seed), epoch)
        shifted = _scaled(_shift(images, draws, TRAINING["shift"]), levels, device)
        order = torch.from_numpy(draws.permutation(n)).to(device)
        for rows in order.split(batch_size):
            loss = torch.nn.functional.cross_entropy(network(shifted[rows]), targets[rows])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        rate.step()
        if not np.isfinite(loss.item()):
            raise UserError(
                f"evaluate.features: the feature network's loss is {loss.item()} after epoch "
                f"{epoch + 1}; look for broken pictures or labels in real/features"
            )
        report(epoch + 1, epochs, f"epochs, loss {loss.item():.4f}")
    return FeatureNetwork(network.eval(), drawn.config, device)


def untrained(shape: Shape, facts: dict[str, Any], seed: int, device: str) -> FeatureNetwork:
    """The network with weights as torch draws them.

    Args:
        shape: of one picture. facts: `levels` and `classes` of the split.
    """
    import torch

    size, _, channels = shape
    config = {"size": size, "channels": channels, "levels": facts["levels"]}
    config |= {"n_classes": len(facts["classes"])}
    torch.manual_seed(seeding.derive("weights", seed) % 2**32)
    network = _network(size, channels, _outputs(config["n_classes"])).to(device)
    return FeatureNetwork(network.eval(), config, device)


def _outputs(n_classes: int) -> int:
    return n_classes if n_classes > 1 else 4


def _rotated(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every picture turned by 0, 1, 2 and 3 quarters, and the number of quarters."""
    turned = [np.rot90(images, quarters, axes=(1, 2)) for quarters in range(4)]
    return np.concatenate(turned), np.repeat(np.arange(4), len(images))


def _scaled(images: np.ndarray, levels: int, device: str) -> Any:
    import torch

    x = np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32) / (levels - 1)
    return torch.from_numpy(x).to(device)


def _shift(images: np.ndarray, draws: np.random.Generator, most: int) -> np.ndarray:
    """Move each picture by up to `most` pixels each way, filling with 0."""
    n, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)))
    top, left = draws.integers(0, 2 * most + 1, size=(2, n))
    rows = top[:, None, None] + np.arange(height)[None, :, None]
    columns = left[:, None, None] + np.arange(width)[None, None, :]
    return padded[np.arange(n)[:, None, None], rows, columns]
