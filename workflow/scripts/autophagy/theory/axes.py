"""Values along an axis of a map: one number, a list, or a range."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

_RANGE = {"from", "to", "points"}
_MOST = 1_000


def _values(value: Any, kinds: tuple[type, ...]) -> list[Any] | None:
    """The values that an axis of the configuration stands for, or None where it is malformed."""

    def fits(number: Any) -> bool:
        return isinstance(number, kinds) and not isinstance(number, bool) and abs(number) <= 1e9

    if fits(value):
        return [value]
    if isinstance(value, list):
        whole = 0 < len(value) <= _MOST and all(map(fits, value))
        return value if whole and len(set(value)) == len(value) else None
    if not isinstance(value, dict) or set(value) != _RANGE:
        return None
    low, high, points = value["from"], value["to"], value["points"]
    if not (fits(low) and fits(high) and 0 < low < high):
        return None
    if not isinstance(points, int) or isinstance(points, bool) or not 2 <= points <= _MOST:
        return None
    if int in kinds and float not in kinds:
        return sorted({round(number) for number in np.geomspace(low, high, points).tolist()})
    return [round(number, 12) for number in np.linspace(low, high, points).tolist()]


def _axis(kinds: tuple[type, ...], what: str, spacing: str) -> Any:
    def validated(value: Any) -> Any:
        if _values(value, kinds) is None:
            raise PydanticCustomError(
                "axis",
                f"Input should be a {what}, a list of different ones, or "
                f"{{from, to, points}}, spaced {spacing}",
            )
        return value

    number = {"type": "integer" if kinds == (int,) else "number"}
    ends = {key: number for key in ("from", "to")} | {"points": {"type": "integer", "minimum": 2}}
    span = {
        "type": "object", "properties": ends, "required": sorted(ends),
        "additionalProperties": False,
    }  # fmt: skip
    schema = {"anyOf": [number, {"type": "array", "items": number, "minItems": 1}, span]}
    return Annotated[Any, PlainValidator(validated), WithJsonSchema(schema)]


#: Counts; a range is spaced evenly in their logarithm and rounded.
Counts = _axis((int,), "count", "evenly in their logarithm")
#: Fractions; a range is spaced evenly.
Numbers = _axis((int, float), "number", "evenly")


def counts(axis: Any) -> list[int]:
    """The values of a `Counts`."""
    return _values(axis, (int,))


def numbers(axis: Any) -> list[float]:
    """The values of a `Numbers`."""
    return [float(value) for value in _values(axis, (int, float))]
