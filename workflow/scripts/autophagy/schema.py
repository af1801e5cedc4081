"""The base of every configuration model: strict, frozen, and without unknown keys."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """A section of the configuration. Unknown keys and silent conversions are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


#: Counts of images, steps and the like. The bound keeps every product of two within 64 bits.
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
#: A path as the user writes it: absolute, or relative to the working directory.
Path = Annotated[str, Field(min_length=1)]


def plain(section: Options) -> dict[str, Any]:
    """A section as plain values, defaults included, the way manifests and parameters hold it."""
    return section.model_dump(mode="json", by_alias=True)
