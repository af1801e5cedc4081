"""The base of every configuration model: strict, frozen, and without unknown keys."""

from __future__ import annotations

import pathlib
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)


class Options(BaseModel):
    """A section of the configuration. Unknown keys and silent conversions are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Sparse(Options):
    """Options whose plain values, like the file they come from, lack the keys that are None.

    A key added so changes no plan, manifest or result of an experiment that does not name it.
    """

    @model_serializer(mode="wrap")
    def _said(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in serialize(self).items() if value is not None}


#: Counts of images, steps and the like. The bound keeps every product of two within 64 bits.
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
#: Levels of a network at most: as each of them halves a picture, more would leave nothing of any.
LEVELS = 12
#: A path as the user writes it: absolute, or relative to the working directory.
Path = Annotated[str, Field(min_length=1)]


def place(path: str) -> pathlib.Path:
    """Where a `Path` leads: `~` is the user's home."""
    return pathlib.Path(path).expanduser()


def plain(section: Options) -> dict[str, Any]:
    """A section as plain values, defaults included, the way manifests and parameters hold it."""
    return section.model_dump(mode="json", by_alias=True)
