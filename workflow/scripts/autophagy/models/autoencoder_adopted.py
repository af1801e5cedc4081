"""An `AutoencoderKL` of the user's, in a folder as diffusers saves it: used as it is, not trained.

Its weights may have seen other pictures, which then enter every generation. They are told apart by
what the files hold, wherever these lie.
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

from autophagy import store
from autophagy.errors import UserError, unreadable
from autophagy.schema import place

CONFIG, WEIGHTS = "config.json", "diffusion_pytorch_model.safetensors"
KEY = "model.autoencoder"
#: Tensors that tell an autoencoder from another network.
_ENDS = ("encoder.conv_in.weight", "decoder.conv_out.weight")


def files(source: str) -> list[str]:
    """The files that are read."""
    return [str(place(source) / name) for name in (CONFIG, WEIGHTS)]


def hashes(source: str) -> dict[str, str]:
    """{name: SHA-256} of what is read.

    Raises:
        UserError: a file cannot be read.
    """
    found = {}
    for file in map(Path, files(source)):
        try:
            stat = file.stat()
            found[file.name] = _sha256(str(file), stat.st_mtime_ns, stat.st_size)
        except OSError as error:
            raise unreadable(f"{KEY}: {file}", error) from error
    return found


@cache
def _sha256(file: str, mtime: int, size: int) -> str:
    """A plan asks for every model of an experiment; the stat tells whether the file is the same."""
    return store.sha256(Path(file))


def config(source: str) -> dict[str, Any]:
    """Its config.json, less what names a machine or code.

    Raises:
        UserError: it is not one of an `AutoencoderKL`.
    """
    try:
        content = json.loads((place(source) / CONFIG).read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("_class_name") != "AutoencoderKL":
            raise ValueError("is not of an AutoencoderKL")
        for key in ("in_channels", "out_channels", "latent_channels"):
            _require_whole(key, content.get(key))
        widths = content.get("block_out_channels")
        if not isinstance(widths, list) or not 1 <= len(widths) <= 16:
            raise ValueError(f"block_out_channels {widths!r} is no list of widths")
        for width in widths:
            _require_whole("block_out_channels", width)
        for key, lowest in (("scaling_factor", 0.0), ("shift_factor", -math.inf)):
            value = content.get(key)
            number = isinstance(value, int | float) and math.isfinite(value)
            if value is not None and not (number and value > lowest):
                raise ValueError(f"{key} {value!r} is not allowed")
    except OSError as error:
        raise UserError(f"{KEY}: {source}: {CONFIG}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        told = " ".join(str(error).split())[:200]
        raise UserError(f"{KEY}: {source}: {CONFIG}: {told}") from error
    return {key: value for key, value in content.items() if not key.startswith("_")}


def _require_whole(key: str, value: Any) -> None:
    if type(value) is not int or not 1 <= value <= 2**16:
        raise ValueError(f"{key} {value!r} is not a whole number of 1 or more")


def require(source: str, shape: tuple[int, ...] | None) -> None:
    """Refuse, before anything runs, a folder that holds no such autoencoder of these pictures.

    Args:
        shape: side and channels of the pictures; None where it is not known before they are read.

    Raises:
        UserError: naming `model.autoencoder` and what the folder lacks.
    """
    from safetensors import SafetensorError, safe_open

    folder = place(source)
    if not folder.is_dir():
        raise UserError(f"{KEY}: no folder {source}")
    if not (folder / CONFIG).is_file():
        inner = f"; name its folder {source.rstrip('/')}/vae" if (folder / "vae").is_dir() else ""
        raise UserError(f"{KEY}: {source} has no {CONFIG}{inner}")
    found = config(source)
    if not (folder / WEIGHTS).is_file():
        raise UserError(
            f"{KEY}: {source} has no {WEIGHTS}; weights in other formats run code when they are "
            "read, so save the autoencoder with safe_serialization"
        )
    try:
        with safe_open(folder / WEIGHTS, framework="numpy") as weights:
            missing = set(_ENDS) - set(weights.keys())
    except (OSError, SafetensorError) as error:
        raise UserError(f"{KEY}: {source}: {WEIGHTS}: no safetensors: {error}") from error
    if missing:
        raise UserError(f"{KEY}: {source}: {WEIGHTS}: has no {min(missing)}")
    if shape is not None:
        require_channels(source, found, shape[1])


def require_channels(source: str, found: dict[str, Any], channels: int) -> None:
    """
    Raises:
        UserError: the autoencoder is of pictures with other channels.
    """
    for key in ("in_channels", "out_channels"):
        if found[key] != channels:
            raise UserError(
                f"{KEY}: {source}: its {key} are {found[key]}; the data set's pictures have "
                f"{channels}"
            )


def build(source: str, found: dict[str, Any]) -> Any:
    """A network with fresh weights, and a shift in its config; found: as `config` gives it.

    Raises:
        UserError: diffusers can build none of it.
    """
    from autophagy.models.diffusers_parts import autoencoder

    shift = found.get("shift_factor") or 0.0
    # What diffusers raises on foreign files has no common base.
    try:
        return autoencoder().from_config(found | {"shift_factor": shift})
    except Exception as error:
        told = " ".join(str(error).split())[:200]
        raise UserError(f"{KEY}: {source}: {CONFIG}: no such autoencoder: {told}") from error


def load(source: str, expected: dict[str, str], channels: int, device: str) -> Any:
    """The network, with float32 weights and a shift in its config.

    Args:
        expected: the files' SHA-256, as planned.

    Raises:
        UserError: the files are others than planned, or hold no such network.
    """
    from autophagy.models.diffusers_parts import autoencoder

    require(source, None)
    found = config(source)
    require_channels(source, found, channels)
    if hashes(source) != expected:
        raise UserError(f"{KEY}: {source}: was changed since the run was planned; start it again")
    # Anew: the one from a folder has its path in the config that is saved.
    network = build(source, found)
    try:
        held, info = autoencoder().from_pretrained(
            place(source), local_files_only=True, use_safetensors=True, low_cpu_mem_usage=False,
            output_loading_info=True,
        )  # fmt: skip
        # What diffusers would leave as it was drawn.
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
            if info[kind]:
                raise ValueError(f"{kind.replace('_', ' ')}: {sorted(map(str, info[kind]))[0]}")
        network.load_state_dict(held.state_dict())
    # What diffusers and torch raise on foreign files has no common base.
    except Exception as error:
        told = " ".join(str(error).split())[:200]
        raise UserError(f"{KEY}: {source}: no such autoencoder: {told}") from error
    # Without `requires_grad_(False)`, for which torch on a CPU chooses other sums: the model draws
    # what it draws when it is loaded. Nothing is ever differentiated through it.
    return network.to(device)
