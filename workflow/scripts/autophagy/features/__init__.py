"""Feature spaces that metrics are taken in: one module each, named in `table.NETWORKS`."""

from __future__ import annotations

import importlib
from types import ModuleType


def module(name: str) -> ModuleType:
    """The module of a network in `table.NETWORKS`, imported only when asked for."""
    return importlib.import_module(module_name(name))


def module_name(name: str) -> str:
    """The dotted name of a network's module."""
    return f"autophagy.features.{name}"
