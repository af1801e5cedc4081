"""What a ddpm model costs: operations of its network, and how often a picture passes it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from autophagy import deferred
from autophagy.models.ddpm_network import Network
from autophagy.models.ddpm_options import network_size


@dataclass(frozen=True)
class Counted:
    """A model's network: operations of one picture's forward pass, and its weights."""

    operations: float
    weights: int

    def training(self, params: dict[str, Any], steps: int, rows: int) -> float:
        """Operations of a training, whose batches are full on however few rows; params: its."""
        return training_passes(params) * steps * params["train"]["batch_size"] * self.operations

    def sampling(self, params: dict[str, Any], drawn: int) -> float:
        """Operations of so many samples; params: the sample set's."""
        return whole(params, drawn) * evaluations(params) * self.operations


def of(model: dict[str, Any], shape: tuple[int, int], n_classes: int) -> Counted:
    """The network of `model`; see `network`."""
    return Counted(*network(model, shape, n_classes))


def network(model: dict[str, Any], shape: tuple[int, int], n_classes: int) -> tuple[float, int]:
    """One picture's forward pass, in floating-point operations, and the number of weights.

    An addition and a product count 1 each. Counted by torch on a network without storage, so any
    size takes a second.

    Args:
        model: the configuration's section, as plain values.
        shape: side and channels of the pictures.

    Raises:
        UserError: the network cannot halve such pictures often enough.
    """
    side = network_size(model, shape[0])
    return _counted(Network.of(model, side, shape[1], n_classes))


@cache
def _counted(network: Network) -> tuple[float, int]:
    torch = deferred.whole()
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        unet = network.build()
        pictures = torch.zeros(1, network.colours, network.side, network.side)
        classes, times = (torch.zeros(1, dtype=torch.long) for _ in range(2))
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            unet(pictures, times, classes)
    return float(counter.get_total_flops()), sum(p.numel() for p in unet.parameters())


def whole(params: dict[str, Any], drawn: int) -> int:
    """Pictures that pass the network for so many samples: every pass has the full size."""
    batch = params["sample"]["batch_size"]
    return math.ceil(drawn / batch) * batch


def evaluations(params: dict[str, Any]) -> int:
    """Network evaluations that one picture of a sample set takes; params: the sample set's.

    Classifier-free guidance (λ < 1) asks a network twice, and SIMS asks two networks.
    """
    networks = 2 if params.get("guidance", {}).get("kind") == "sims" else 1
    return params["sample"]["steps"] * networks * (2 if params["sampling_bias"] < 1.0 else 1)


def training_passes(params: dict[str, Any]) -> int:
    """Forward passes that a training step costs; params: the model's.

    A backward pass is two, gradients of the activations and of the weights. Checkpointing computes
    nearly the whole forward pass again.
    """
    return 4 if params["model"].get("checkpointing") else 3
