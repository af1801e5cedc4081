"""The Inception-v3 of the FID (Heusel et al. 2017), through torch-fidelity.

2048 numbers of the last pooling. Its weights are a file of the user's (`evaluate.weights`): the
conversion of the original TensorFlow weights that torch-fidelity publishes,
weights-inception-2015-12-05-6726825d.pth, or the same as safetensors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from autophagy.errors import UserError
from autophagy.features import pretrained
from autophagy.features.base import Shape
from autophagy.features.pretrained import Pretrained
from autophagy.progress import Report

SPACE = "Inception"
SOFTWARE: tuple[str, ...] = ("torch", "torch-fidelity")
TRAINING: dict[str, Any] = {}
DIMENSION = 2048

_LAYER = "2048"
_WEIGHTS = "weights.safetensors"
_SUFFIXES = (".pth", ".pt", ".safetensors")
_FILE = "weights-inception-2015-12-05-6726825d.pth of torch-fidelity's release v0.2.0"


def check(shape: Shape) -> None:
    """Refuse points.

    Raises:
        UserError: the rows are no pictures.
    """
    pretrained.require_pictures(shape)


def require(source: str | None) -> None:
    """Refuse, before anything runs, missing weights or a missing library.

    Raises:
        UserError: what to install, or where to put which file.
    """
    import importlib.util

    if source is None:
        raise UserError(
            f"evaluate.weights: is missing; inception needs the path of its weights: {_FILE}"
        )
    if Path(source).suffix not in _SUFFIXES or not Path(source).is_file():
        raise UserError(
            f"evaluate.weights: no file {source} ({', '.join(_SUFFIXES)}); put there {_FILE}"
        )
    missing = [
        name for name in ("torch_fidelity", "torchvision") if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise UserError(
            f"evaluate.features: inception needs {' and '.join(missing)}; pip install -e "
            "'.[inception]' (torchvision must be that of the installed torch)"
        )


def files(source: str) -> list[str]:
    """The file that holds the weights."""
    return [source]


def fit(
    rows: np.ndarray, labels: np.ndarray, facts: dict[str, Any], seed: int, device: str,
    report: Report, source: str,
) -> Pretrained:  # fmt: skip
    """The network with the weights in `source` and the class means of the features split.

    Raises:
        UserError: the file holds other weights.
    """
    check(rows.shape[1:])
    require(source)
    file = Path(source)
    state = _state(file)
    hashes = {file.name: pretrained.sha256(file)}
    return pretrained.fitted(
        _embed(state, facts["levels"], device, f"evaluate.weights: {file.name}"),
        lambda target: _keep(state, target), rows, labels, facts, hashes,
    )  # fmt: skip


def load(folder: Path, device: str) -> Pretrained:
    """The network that `fit` gave and `save` wrote.

    Raises:
        UserError: `folder` holds no such network.
    """
    try:
        state = _state(folder / _WEIGHTS)
    except UserError as error:
        raise UserError(f"{folder}: not a saved feature network: {error}") from error
    return pretrained.loaded(
        folder,
        lambda config: _embed(state, config["levels"], device, str(folder)),
        lambda target: _keep(state, target),
    )


def _state(file: Path) -> dict[str, Any]:
    """The tensors of a file, read without running anything that it says.

    Raises:
        UserError: it is no file of tensors.
    """
    import torch
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or not all(
            isinstance(tensor, torch.Tensor) for tensor in state.values()
        ):
            raise ValueError("it holds no tensors by name")
    # What torch and safetensors raise on foreign bytes has no common base.
    except Exception as error:
        told = " ".join(str(error).split())[:160]
        raise UserError(f"{file.name}: not a file of weights: {told}") from error
    return {name: tensor.contiguous() for name, tensor in state.items()}


def _keep(state: dict[str, Any], folder: Path) -> None:
    from safetensors.torch import save_file

    save_file(state, folder / _WEIGHTS)


def _embed(state: dict[str, Any], levels: int, device: str, where: str) -> pretrained.Embed:
    import io

    import torch

    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    # A torchvision of another torch raises RuntimeError.
    except (ImportError, RuntimeError) as error:
        raise UserError(
            "evaluate.features: inception needs torch-fidelity and the torchvision of the "
            f"installed torch: {error}"
        ) from error
    # torch-fidelity unpickles whatever file it is given; these bytes are our own.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    try:
        network = FeatureExtractorInceptionV3(
            "inception", [_LAYER], feature_extractor_weights_path=buffer
        )
    except RuntimeError as error:
        told = " ".join(str(error).split())[:160]
        raise UserError(f"{where}: not the weights of this network: {told}") from error
    network = network.to(device)

    def embed(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            x = pretrained.rgb(images, levels, device)
            # It takes bytes, and resizes them as the FID's TensorFlow graph does.
            (features,) = network((x * 255.0).round().to(torch.uint8))
            return features.flatten(1).float().cpu().numpy()

    return embed
