"""A training that the device's memory is too small for ends in one line, and makes no model.

Sampling and metrics go on with smaller batches instead (`devices.within_memory`). What a training
learns depends on its batch, so that is never made smaller behind the user's back.
"""

from __future__ import annotations

from contextlib import ContextDecorator

from autophagy import devices


def of_training(*spared: str, section: str = "train", what: str = "model") -> ContextDecorator:
    """Above a function that is a whole training: its data, weights, optimiser, steps and looks.

    See `devices.memory_needed`.

    Args:
        spared: what the user may change besides the batch, as `lower model.channels`.
        section: of the configuration, whose `batch_size` is meant.
        what: is fitted.
    """
    remedies = ", ".join(["free memory", *spared])
    return devices.memory_needed(
        f"{section}.batch_size: fitting the {what}",
        "the batch is part of the experiment, so nothing makes it smaller by itself: "
        f"{remedies} or lower {section}.batch_size",
    )
