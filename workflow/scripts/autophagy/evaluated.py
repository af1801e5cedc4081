"""What the metrics.json of an evaluation says, read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autophagy import store
from autophagy.errors import UserError
from autophagy.metrics import HEADLINE
from autophagy.paths import evaluation_path

VIEWS = ("output", "model")


def read(file: Path) -> dict[str, Any]:
    """The content of an evaluation: a mapping a view, with every headline metric or None in it.

    Raises:
        UserError: it is missing, or no evaluation.
    """
    content = store.read_json(file)
    views = [content.get(view) for view in VIEWS] if isinstance(content, dict) else [None]
    if not all(_are_numbers(view, HEADLINE, undefined=True) for view in views):
        raise _no_evaluation(file)
    return content


def both(file: Path, keys: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was measured in the experiment's feature network and in its second one, by view.

    Args:
        keys: of the metrics that each view must have, a number or None.

    Raises:
        UserError: it is missing, no evaluation, or one in a single network.
    """
    content = read(file)
    found = [content, content.get("second")]
    if not all(
        isinstance(of, dict)
        and all(_are_numbers(of.get(view), keys, undefined=True) for view in VIEWS)
        for of in found
    ):
        raise UserError(f"{file}: holds no metrics in two networks; see `autophagy audit`")
    return found[0], found[1]


def resplits(root: Path, seed: int) -> dict[str, dict[str, float]]:
    """Mean, sd and 95% range of each metric, real against real over random cuts.

    Raises:
        UserError: the evaluation of real rows is missing, or no such one.
    """
    file = root / evaluation_path("real", seed, 0)
    found = read(file).get("resplits")
    if not isinstance(found, dict) or not set(HEADLINE) <= found.keys():
        raise _no_evaluation(file)
    if not all(_are_numbers(spread, ("mean", "sd", "low", "high")) for spread in found.values()):
        raise _no_evaluation(file)
    return found


def _are_numbers(found: Any, keys: tuple[str, ...], undefined: bool = False) -> bool:
    """Is this a mapping with a number, or None where it may be undefined, at every key?"""
    allowed = int | float | None if undefined else int | float
    return isinstance(found, dict) and all(
        key in found and isinstance(found[key], allowed) for key in keys
    )


def _no_evaluation(file: Path) -> UserError:
    return UserError(f"{file}: holds no evaluation; see `autophagy audit`")
