"""Model families: one module each, named in `table.FAMILIES`."""

from __future__ import annotations

import importlib
from types import ModuleType


def module(family: str) -> ModuleType:
    """The module of a family in `table.FAMILIES`, imported only when asked for."""
    return importlib.import_module(module_name(family))


def can(family: str, ability: str) -> bool:
    """Has a family the ability: a word in its `ABILITIES`, see `base.Family`."""
    return ability in getattr(module(family), "ABILITIES", ())


def module_name(family: str) -> str:
    """The dotted name of a family's module."""
    return f"autophagy.models.{family}"
