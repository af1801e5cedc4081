"""A vision backbone of Hugging Face's layout from a folder of the user's: DINOv2 and the like.

Only local files, only safetensors, never code from the folder.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autophagy import deferred
from autophagy.errors import UserError
from autophagy.features import pretrained
from autophagy.features.base import Shape
from autophagy.features.pretrained import Pretrained
from autophagy.progress import Report

SOFTWARE: tuple[str, ...] = ("torch", "transformers")
TRAINING: dict[str, Any] = {}
DIMENSION = None

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
#: Where the backbone's own files lie in features/<name>.
_INNER = "backbone"
#: Keys of its config.json that name a machine or code, and are left behind.
_LEFT_BEHIND = ("_name_or_path", "auto_map")
#: Pillow's numbers of its filters -> torch's names.
_FILTERS = {0: "nearest-exact", 2: "bilinear", 3: "bicubic"}


@dataclass(frozen=True)
class Preprocessing:
    """How a picture in [0, 1] becomes the network's input.

    size: (height, width) to resize to, or None. crop: (height, width) cut from the centre, or None.
    """

    size: tuple[int, int] | None
    filter: str
    crop: tuple[int, int] | None
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, x: Any) -> Any:
        """n×3×H×W in [0, 1] -> what the network takes; H = W, as all pictures here are square."""
        import torch

        if self.size is not None:
            smooth = {"antialias": True} if self.filter != "nearest-exact" else {}
            x = torch.nn.functional.interpolate(x, self.size, mode=self.filter, **smooth)
            # Bicubic rings beyond the range; a picture of bytes, as Pillow makes it, would not.
            x = x.clamp(0.0, 1.0)
        if self.crop is not None:
            top, left = ((x.shape[2 + axis] - self.crop[axis]) // 2 for axis in (0, 1))
            x = x[:, :, top : top + self.crop[0], left : left + self.crop[1]]
        mean, std = (x.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (x - mean) / std


def preprocessing(content: dict[str, Any]) -> Preprocessing:
    """Read a preprocessor_config.json.

    Raises:
        UserError: a key is missing, or asks for what is not done here.
    """
    try:
        if not content.get("do_rescale", True) or not content.get("do_normalize", True):
            raise ValueError("do_rescale and do_normalize must be true")
        number = content.get("resample", 3)
        if number not in _FILTERS:
            raise ValueError(f"resample {number!r} is not one of {sorted(_FILTERS)}")
        resized, cropped = content.get("do_resize", True), content.get("do_center_crop", False)
        size = _side(content["size"]) if resized else None
        crop = _side(content.get("crop_size", content.get("size"))) if cropped else None
        if size and crop and (crop[0] > size[0] or crop[1] > size[1]):
            raise ValueError("crop_size exceeds size")
        mean, std = (tuple(map(float, content[key])) for key in ("image_mean", "image_std"))
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError("image_mean and image_std are not three numbers each, std above 0")
    except KeyError as error:
        raise UserError(f"{PREPROCESSOR}: {error} is missing") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{PREPROCESSOR}: {error}") from error
    return Preprocessing(size, _FILTERS[number], crop, mean, std)


def _side(size: Any) -> tuple[int, int]:
    """(height, width) of a size in any of the three ways it is written."""
    if isinstance(size, dict):
        short = size.get("shortest_edge")
        size = (short, short) if short else (size["height"], size["width"])
    else:
        size = (size, size)
    if not all(isinstance(side, int) and 1 <= side <= 4096 for side in size):
        raise ValueError(f"a size of {size} is not whole numbers within 1..4096")
    return size


def check(shape: Shape) -> None:
    """Refuse points.

    Raises:
        UserError: the rows are no pictures.
    """
    pretrained.require_pictures(shape)


def require(source: str) -> None:
    """Refuse, before anything runs, a folder that is no backbone, or a missing library.

    Raises:
        UserError: naming `evaluate.features` and what the folder lacks.
    """
    import importlib.util

    folder = Path(source)
    if not folder.is_dir():
        raise UserError(f"evaluate.features: no folder {source}")
    for name in (CONFIG, PREPROCESSOR):
        if not (folder / name).is_file():
            raise UserError(f"evaluate.features: {source} has no {name}")
    if not any((folder / name).is_file() for name in (WEIGHTS, INDEX)):
        raise UserError(
            f"evaluate.features: {source} has no {WEIGHTS}; weights in other formats run code "
            "when they are read, so save the model with safe_serialization"
        )
    try:
        content = _json(folder / CONFIG)
        if not isinstance(content.get("model_type"), str):
            raise UserError(f"{CONFIG}: has no model_type")
        preprocessing(_json(folder / PREPROCESSOR))
        _weight_files(folder)
    except UserError as error:
        raise UserError(f"evaluate.features: {source}: {error}") from error
    if importlib.util.find_spec("transformers") is None:
        raise UserError(
            "evaluate.features: a folder needs the package transformers; "
            "pip install -e '.[backbone]'"
        )


def files(source: str) -> list[str]:
    """The files that hold the network."""
    folder = Path(source)
    inner = [CONFIG, PREPROCESSOR, *_weight_files(folder)]
    return [str(folder / name) for name in inner]


def fit(
    rows: np.ndarray, labels: np.ndarray, facts: dict[str, Any], seed: int, device: str,
    report: Report, source: str,
) -> Pretrained:  # fmt: skip
    """The backbone in `source`, with the class means of the features split.

    Raises:
        UserError: the folder holds no vision backbone that transformers knows.
    """
    check(rows.shape[1:])
    require(source)
    folder = Path(source)
    embed = _embed(folder, facts["levels"], device)
    hashes = {name: pretrained.sha256(folder / name) for name in map(_name, files(source))}
    return pretrained.fitted(
        embed, lambda target: _copy(folder, target / _INNER), rows, labels, facts, hashes
    )


def load(folder: Path, device: str) -> Pretrained:
    """The network that `fit` gave and `save` wrote.

    Raises:
        UserError: `folder` holds no such network.
    """
    inner = folder / _INNER
    return pretrained.loaded(
        folder,
        lambda config: _embed(inner, config["levels"], device),
        lambda target: _copy(inner, target / _INNER),
    )


def _embed(folder: Path, levels: int, device: str) -> pretrained.Embed:
    torch = deferred.whole()
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    prepare = preprocessing(_json(folder / PREPROCESSOR))
    try:
        network = transformers.AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False,
            dtype=torch.float32,
        )  # fmt: skip
    # What transformers raises on foreign folders has no common base.
    except Exception as error:
        told = " ".join(str(error).split())[:200]
        raise UserError(f"evaluate.features: {folder.name}: no backbone: {told}") from error
    network = network.to(device).eval()

    def embed(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            x = prepare(pretrained.rgb(images, levels, device))
            try:
                found = network(pixel_values=x)
            except (TypeError, ValueError) as error:
                raise UserError(
                    f"evaluate.features: {folder.name}: is no vision backbone: {error}"
                ) from error
            # DINOv2's pooled output is its normalised CLS token; who pools nothing has CLS first.
            pooled = getattr(found, "pooler_output", None)
            pooled = found.last_hidden_state[:, 0] if pooled is None else pooled
            return pooled.flatten(1).float().cpu().numpy()

    return embed


def _copy(folder: Path, target: Path) -> None:
    """The backbone's files, less what names a machine or code."""
    import shutil

    target.mkdir()
    content = {k: v for k, v in _json(folder / CONFIG).items() if k not in _LEFT_BEHIND}
    (target / CONFIG).write_text(json.dumps(content, indent=2, sort_keys=True))
    for name in (PREPROCESSOR, *_weight_files(folder)):
        shutil.copyfile(folder / name, target / name)


def _weight_files(folder: Path) -> list[str]:
    """The safetensors, with their index where there are several.

    Raises:
        UserError: the index names what is no file of the folder.
    """
    if (folder / WEIGHTS).is_file():
        return [WEIGHTS]
    shards = _json(folder / INDEX).get("weight_map")
    names = sorted({str(name) for name in shards.values()}) if isinstance(shards, dict) else []
    for name in names:
        if name != _name(name) or not name.endswith(".safetensors"):
            raise UserError(f"{INDEX}: {name!r} is no safetensors file of this folder")
        if not (folder / name).is_file():
            raise UserError(f"{name}: is missing; {INDEX} names it")
    if not names:
        raise UserError(f"{INDEX}: names no file")
    return [INDEX, *names]


def _name(path: str) -> str:
    return Path(path).name


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file.name}: not JSON: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{file.name}: is no mapping")
    return content
