"""What no single key shows of regimes: axes that do not fit each other, or are a package's own."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError, create_model

from autophagy import plugins, regimes
from autophagy.config_messages import MAPPING, first_finding, short
from autophagy.errors import UserError
from autophagy.schema import Options, plain

if TYPE_CHECKING:
    from autophagy.config import Loop


def check_added(name: str, loop: Loop) -> None:
    """Refuse a regime of an installed package whose axes are none that a loop could state.

    Args:
        name: of the loop that names it.

    Raises:
        UserError: the package, the axis, its value and what is allowed.
    """
    found = plugins.load("regimes", loop.regime)
    package = ", ".join(plugins.software("regimes", loop.regime))
    told = f"loops.{name}.regime: package {package}, entry point autophagy.regimes: {loop.regime}"
    if not isinstance(found, regimes.Regime):
        raise UserError(f"{told}: is of type {type(found).__name__}; it must be a regimes.Regime")
    for axis in dataclasses.fields(regimes.Regime):
        _check_form(told, axis, getattr(found, axis.name))
    # The keys of a loop have the same types, so what a loop may state a regime may be.
    stated = {axis: value for axis in regimes.AXES if (value := getattr(found, axis)) is not None}
    section = create_model("Regimes", __base__=Options, loops=(dict[str, type(loop)], ...))
    try:
        section.model_validate({"loops": {loop.regime: plain(loop) | stated}})
    except ValidationError as error:
        finding = first_finding(error, section).removeprefix(f"loops.{loop.regime}.")
        raise UserError(f"{told}: {finding}") from error


def _check_form(told: str, axis: dataclasses.Field[Any], value: Any) -> None:
    """Refuse what is neither a text nor, of an axis that may be None, a mapping."""
    optional = axis.default is None
    if not isinstance(value, dict if optional else str) and not (optional and value is None):
        wanted = f"{MAPPING}, or None" if optional else "a text"
        raise UserError(
            f"{told}: {axis.name}: {short(value)} is not allowed: it should be {wanted}"
        )


def check_axes(key: str, loop: Loop, regime: regimes.Regime, generations: int) -> None:
    """Refuse axes that contradict each other or the numbers of rows.

    Args:
        key: of the loop.

    Raises:
        UserError: the key, and what is allowed.
    """
    if regime.real == "none" and loop.n_real:
        raise UserError(
            f"{key}.n_real: {loop.n_real} is not allowed; {loop.regime} has no real rows "
            "after generation 1, so it must be 0"
        )
    if regime.real != "none" and not loop.n_real:
        raise UserError(f"{key}.n_real: 0 is not allowed; {loop.regime} needs at least 1")
    if regime.counterfactual == "real" and regime.synthetic == "none":
        raise UserError(
            f"{key}.counterfactual: real is not allowed with synthetic: none, of which nothing can "
            "be exchanged"
        )
    if regime.synthetic == "none":
        if regime.real == "none":
            raise UserError(f"{key}.synthetic: none is not allowed with real: none; D^t is empty")
        if loop.n_synthetic:
            raise UserError(
                f"{key}.n_synthetic: {loop.n_synthetic} is not allowed; with synthetic: none it "
                "must be 0"
            )
    elif not loop.n_synthetic:
        raise UserError(
            f"{key}.n_synthetic: 0 is not allowed; synthetic: {regime.synthetic} needs at least 1"
        )
    grows = regime.synthetic not in ("none", "previous")
    if regime.pool != "replace" and not grows:
        raise UserError(
            f"{key}.pool: {regime.pool} is not allowed with synthetic: {regime.synthetic}, of "
            "which nothing accumulates; use synthetic: all or last-K"
        )
    if regime.pool == "replace" and regime.synthetic == "all":
        raise UserError(
            f"{key}.synthetic: all is not allowed with pool: replace, for which every generation "
            "would need more new samples of the first; use last-K, or pool: accumulate or subsample"
        )
    if regime.synthetic.startswith("last-"):
        memory = int(regime.synthetic.removeprefix("last-"))
        if memory >= max(generations, 3):
            raise UserError(
                f"{key}.synthetic: {regime.synthetic} is not allowed; {memory} earlier generations "
                f"never exist in {generations} generations"
            )
        if memory > loop.n_synthetic:
            raise UserError(
                f"{key}.synthetic: {regime.synthetic} is not allowed; n_synthetic = "
                f"{loop.n_synthetic} rows have no equal shares of {memory} generations"
            )
