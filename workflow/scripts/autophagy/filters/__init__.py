"""Filters that choose among candidate samples: one module a kind, named in `table.FILTERS`."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from types import ModuleType


def module(kind: str) -> ModuleType:
    """The module of a filter in `table.FILTERS`, or another of this package."""
    return importlib.import_module(module_name(kind))


def modules(kinds: Iterable[str]) -> tuple[str, ...]:
    """The dotted names of what makes sample sets with filters of these kinds; none for none."""
    found = sorted({module_name(kind) for kind in kinds})
    return (*found, module_name("sampling")) if found else ()


def module_name(kind: str) -> str:
    """The dotted name of a filter's module."""
    return f"autophagy.filters.{kind}"
