"""A training that is no longer finite ends, and saves no model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autophagy.errors import UserError


def require_loss(
    loss: float, step: int, section: str = "train", name: str = "the loss", other: str = ""
) -> None:
    """Refuse to go on after a loss that is NaN or infinite.

    Args:
        step: whose loss it is, from 1.
        section: of the configuration, whose `learning_rate` is the remedy.
        other: another remedy.

    Raises:
        UserError: naming the section, the step and the remedies.
    """
    if not math.isfinite(loss):
        raise UserError(f"{section}: {name} is {loss} at step {step}; {_remedy(section, other)}")


def require_losses(
    losses: Sequence[float], done: int, section: str = "train", other: str = ""
) -> None:
    """As `require_loss` of the last losses, up to that of step `done`."""
    for step, loss in enumerate(losses, start=done - len(losses) + 1):
        require_loss(loss, step, section, other=other)


def require_weights(network: Any, step: int, section: str = "train", other: str = "") -> None:
    """Refuse a torch network whose weights or buffers are no longer finite.

    A loss is of the weights before its update: that of the last step says nothing of what is saved.

    Raises:
        UserError: naming the section, the step and the remedies.
    """
    import torch

    if not all(torch.isfinite(array).all() for array in network.state_dict().values()):
        raise UserError(
            f"{section}: the weights are not finite after step {step}; {_remedy(section, other)}"
        )


def _remedy(section: str, other: str) -> str:
    return f"lower {section}.learning_rate" + (f" or {other}" if other else "")
