"""What other installed packages add: families, regimes, data sets, feature networks, metrics.

A package names its part as an entry point (`importlib.metadata`) of the group `autophagy.<group>`.
What is built in comes first; only what a configuration names is imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, distributions
from types import ModuleType
from typing import Any

from autophagy import deferred
from autophagy.errors import UserError

#: Group -> what an entry point's object must have; see the protocols in the packages' `base`.
GROUPS: dict[str, tuple[str, ...]] = {
    "families": ("Model", "Train", "Sample", "SOFTWARE", "check", "fit", "load"),
    "datasets": ("Dataset", "SOFTWARE", "check", "shape", "rows", "files", "load"),
    "features": ("SPACE", "SOFTWARE", "TRAINING", "DIMENSION", "check", "fit", "load"),
    "metrics": ("__call__",),
    # The axes of `regimes.Regime`.
    "regimes": ("real", "synthetic"),
}
#: Names become folders, columns and keys.
_NAME = r"[a-z][a-z0-9_]{0,63}"


def added(group: str) -> tuple[str, ...]:
    """The names that installed packages add to a group, sorted."""
    return tuple(sorted(_entries(group)))


def require_sound(built_in: dict[str, Iterable[str]]) -> None:
    """Refuse entry points whose names clash or are none; nothing is imported for it.

    Args:
        built_in: group -> names that are taken.

    Raises:
        UserError: the package, and which of its entry points.
    """
    for group, taken in built_in.items():
        seen = dict.fromkeys(taken, "autophagy itself")
        for entry in _found(group):
            if not re.fullmatch(_NAME, entry.name):
                raise UserError(
                    f"{_told(group, entry)}: a name is lower-case letters, digits and '_', at "
                    "most 64, beginning with a letter"
                )
            if entry.name in seen:
                raise UserError(
                    f"{_told(group, entry)}: the name is taken by {seen[entry.name]}; rename it, "
                    "or uninstall one of them"
                )
            seen[entry.name] = _package(entry)


def load(group: str, name: str) -> Any:
    """The object behind an entry point.

    Raises:
        UserError: no package adds that name, or it cannot be imported, or lacks a part.
    """
    entry = _entries(group).get(name)
    if entry is None:
        raise UserError(
            f"{name}: is none of autophagy's {group} and no installed package adds it; install "
            "the package that does"
        )
    try:
        found = entry.load()
    # What a module of a stranger raises on import has no common base.
    except Exception as error:
        raise UserError(
            f"{_told(group, entry)}: cannot be imported: {type(error).__name__}: {error}"
        ) from error
    # A job may have imported torch already, without what others may take for granted.
    if "torch" in sys.modules:
        deferred.whole()
    lacking = [part for part in GROUPS[group] if not hasattr(found, part)]
    if lacking:
        raise UserError(f"{_told(group, entry)}: lacks {', '.join(lacking)}")
    return found


def module(group: str, name: str, package: str) -> ModuleType:
    """The module of a name: the one of the library's `package`, or an installed package's.

    Raises:
        UserError: see `load`.
    """
    if is_built_in(name, package):
        return importlib.import_module(f"{package}.{name}")
    return load(group, name)


def module_name(group: str, name: str, package: str) -> str:
    """The dotted name of `module`, without importing it."""
    if is_built_in(name, package):
        return f"{package}.{name}"
    return dotted(group, name)


def is_built_in(name: str, package: str) -> bool:
    """Is `name` a module of our own package, and none that another package added?"""
    return name.isidentifier() and importlib.util.find_spec(f"{package}.{name}") is not None


def dotted(group: str, name: str) -> str:
    """The dotted name of the module that holds an added object."""
    entry = _entries(group).get(name)
    if entry is None:
        load(group, name)
    return entry.module


def software(group: str, name: str) -> tuple[str, ...]:
    """The distribution that adds a name, whose version sets numbers too; none if it is built in."""
    entry = _entries(group).get(name)
    return (_package(entry),) if entry is not None else ()


def _entries(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in _found(group)}


def _found(group: str) -> tuple[EntryPoint, ...]:
    return _every(tuple(sys.path)).get(f"autophagy.{group}", ())


@cache
def _every(path: tuple[str, ...]) -> dict[str, tuple[EntryPoint, ...]]:
    """Group -> its entry points, of all that is installed: looking takes a tenth of a second.

    Args:
        path: where Python looks now.
    """
    found: dict[str, tuple[EntryPoint, ...]] = {}
    seen = set()
    for package in distributions():
        # Of an installation that another one hides Python says both.
        if (
            "autophagy." in (package.read_text("entry_points.txt") or "")
            and package.name not in seen
        ):
            seen.add(package.name)
            for entry in package.entry_points:
                found[entry.group] = (*found.get(entry.group, ()), entry)
    return found


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.module.partition(".")[0]


def _told(group: str, entry: EntryPoint) -> str:
    return f"package {_package(entry)}, entry point autophagy.{group}: {entry.name}"
