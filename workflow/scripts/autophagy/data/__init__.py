"""Real data sets, one small module each, behind four functions.

A data set module holds ``Dataset`` (its section of the configuration), ``check(dataset)``,
``shape(dataset)`` and ``load(dataset)``. To add one: write the module, name it in `DATASETS`.
Everywhere `dataset` is the validated ``dataset:`` section of the configuration as a plain dict.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from autophagy.data.base import RealSet
from autophagy.errors import UserError

#: ``dataset.name`` → the module that loads it.
DATASETS: dict[str, str] = {
    "digits": "autophagy.data.digits",
    "mnist": "autophagy.data.mnist",
    "fashion_mnist": "autophagy.data.fashion_mnist",
    "npz": "autophagy.data.npz",
    "imagefolder": "autophagy.data.imagefolder",
    "hf": "autophagy.data.hf",
}


def module(name: str) -> ModuleType:
    """The module of a data set; UserError for a name that is not in `DATASETS`."""
    if name not in DATASETS:
        raise UserError(f"dataset.name: {name!r} is unknown; allowed: {', '.join(DATASETS)}")
    return importlib.import_module(DATASETS[name])


def load(dataset: dict) -> RealSet:
    """The whole data set in source order; ``splits`` and ``split_seed`` play no part in it.

    Raises:
        UserError: files or packages are missing, or what the files hold is not a data set.
    """
    return module(dataset["name"]).load(dataset)


def check(dataset: dict) -> None:
    """Refuse, before anything runs and without decoding, what `load` would surely refuse.

    Raises:
        UserError: a missing path, missing files, or a missing optional package.
    """
    module(dataset["name"]).check(dataset)
