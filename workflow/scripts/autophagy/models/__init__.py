"""Model families: one module each, named in `table.FAMILIES` or added by an installed package."""

from __future__ import annotations

from types import ModuleType

from autophagy import plugins


def module(family: str) -> ModuleType:
    """The module of a family, imported only when asked for."""
    return plugins.module("families", family, __name__)


def can(family: str, ability: str) -> bool:
    """Has a family the ability: a word in its `ABILITIES`, see `base.Family`."""
    return ability in getattr(module(family), "ABILITIES", ())


def module_name(family: str) -> str:
    """The dotted name of a family's module."""
    return plugins.module_name("families", family, __name__)
