"""Real data sets, one small module each, behind four functions.

A data set module holds ``Dataset`` (its section of the configuration), ``SOFTWARE`` (libraries
that set what is loaded), ``check``, ``shape`` and ``rows`` (what is known before anything is
read), ``files`` (what is read) and ``load``, functions of the validated ``dataset:`` section as a
plain dict. To add one: write the module, name it in `table.DATASETS`.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from autophagy.data.base import RealSet


def module(name: str) -> ModuleType:
    """The module of a data set in `table.DATASETS`."""
    return importlib.import_module(module_name(name))


def module_name(name: str) -> str:
    """The dotted name of a data set's module."""
    return f"autophagy.data.{name}"


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
