"""Model families: one file each, one line in this table."""

from __future__ import annotations

import importlib
from types import ModuleType

from autophagy.errors import UserError

FAMILIES: dict[str, str] = {"ddpm": "autophagy.models.ddpm"}


def module(family: str) -> ModuleType:
    """The module of a family, imported only when asked for.

    Raises:
        UserError: no such family.
    """
    if family not in FAMILIES:
        raise UserError(f"model.family: {family!r} is unknown; allowed: {', '.join(FAMILIES)}")
    return importlib.import_module(FAMILIES[family])
