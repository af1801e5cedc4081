"""A model on disk as two files: config.json, and its arrays as safetensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from autophagy import store
from autophagy.errors import UserError

CONFIG, WEIGHTS = "config.json", "weights.safetensors"


def write(folder: Path, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write both files into an existing folder."""
    from safetensors.numpy import save_file

    store.write_json(folder / CONFIG, config)
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    save_file(whole, folder / WEIGHTS)


@contextmanager
def reading(folder: Path, family: str) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """What `write` wrote, and within it: whatever does not fit the two refuses the folder.

    Raises:
        UserError: the folder holds no such model of that family.
    """
    from pydantic import ValidationError
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = store.read_json(folder / CONFIG)
        if config["family"] != family:
            raise ValueError(f"its {CONFIG} does not say {family}")
        yield config, load_file(folder / WEIGHTS)
    except (
        OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, ValidationError,
    ) as error:  # fmt: skip
        raise UserError(f"{folder}: not a saved {family} model: {error}") from error


def arrays_of(network: Any) -> dict[str, np.ndarray]:
    """The state of a torch network."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}


def restore(network: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Give a torch network the state that `arrays_of` found; all names and shapes must agree."""
    import torch

    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
