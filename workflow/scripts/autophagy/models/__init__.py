"""Model families: one module each, named in `table.FAMILIES` or added by an installed package."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from autophagy import plugins
from autophagy.models import budgets


def module(family: str) -> ModuleType:
    """The module of a family, imported only when asked for."""
    return plugins.module("families", family, __name__)


def can(family: str, ability: str) -> bool:
    """Has a family the ability: a word in its `ABILITIES`, see `base.Family`."""
    return ability in getattr(module(family), "ABILITIES", ())


def budgeted(family: str) -> bool:
    """Does a family state its budget in one of three ways? See `budgets`."""
    return issubclass(module(family).Train, budgets.Budgeted)


def resolved(family: str, train: dict[str, Any], rows: int) -> dict[str, Any]:
    """The options as a family's `fit` takes them, for a training set of so many rows."""
    return budgets.resolved(train, rows) if budgeted(family) else dict(train)


def source(family: str, model: dict[str, Any]) -> str | None:
    """The folder of the user's that trainings read besides their data; None without.

    Args:
        model: the configuration's section, as plain values; also below.
    """
    found = getattr(module(family), "source", None)
    return found(model) if found else None


def recipe(family: str, model: dict[str, Any]) -> dict[str, Any]:
    """The section as manifests hold it: of the user's files the digests, wherever they lie."""
    found = getattr(module(family), "recipe", None)
    return found(model) if found else model


def require(family: str, model: dict[str, Any], shape: tuple[int, ...] | None) -> None:
    """Refuse, before anything runs, files of the user's that are not there or do not fit the rows.

    Raises:
        UserError: naming the key.
    """
    found = getattr(module(family), "require", None)
    if found:
        found(model, shape)


def check_biased(family: str, model: dict[str, Any]) -> None:
    """Refuse, before anything runs, a model that cannot be sampled at λ < 1.

    Raises:
        UserError: the key of the section that does not allow it.
    """
    found = getattr(module(family), "check_biased", None)
    if found:
        found(model)


def check_adopted(family: str, folder: Path, sample: dict[str, Any]) -> None:
    """Refuse, before anything runs, a checkpoint that a family with "adopt" cannot sample.

    Raises:
        UserError: what is wrong with the checkpoint, or with `sample`.
    """
    found = getattr(module(family), "check_adopted", None)
    if found:
        found(folder, sample)


def module_name(family: str) -> str:
    """The dotted name of a family's module."""
    return plugins.module_name("families", family, __name__)


def kinds(family: str) -> tuple[str, ...]:
    """The kinds of rows (`rows.KINDS`) that a family models."""
    return getattr(module(family), "KINDS", ("images",))


def budget(family: str, train: dict[str, Any]) -> str:
    """What each model of an experiment is given, for titles and the summary's first line.

    Args:
        train: the configuration's section, as plain values.
    """
    told = getattr(module(family), "budget", None)
    return told(train) if told else budgets.told(train)
