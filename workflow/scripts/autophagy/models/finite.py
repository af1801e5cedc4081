"""A training that is no longer finite ends, and saves no model."""

from __future__ import annotations

import math
from typing import Any

from autophagy.errors import UserError


def require_loss(loss: float, step: int, section: str = "train", name: str = "the loss") -> None:
    """Refuse to go on after a loss that is NaN or infinite.

    Args:
        step: whose loss it is, from 1.
        section: of the configuration, whose `learning_rate` is the remedy.
    """
    if not math.isfinite(loss):
        raise UserError(
            f"{section}: {name} is {loss} at step {step}; lower {section}.learning_rate"
        )


def require_weights(network: Any, step: int, section: str = "train") -> None:
    """Refuse a torch network whose weights or buffers are no longer finite.

    A loss is of the weights before its update: that of the last step says nothing of what is saved.
    """
    import torch

    if not all(torch.isfinite(array).all() for array in network.state_dict().values()):
        raise UserError(
            f"{section}: the weights are not finite after step {step}; lower "
            f"{section}.learning_rate"
        )
