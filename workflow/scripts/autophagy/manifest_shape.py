"""What a manifest may say: the shape that readers rely on, whoever wrote it.

A manifest can come from a stranger. Its paths are joined to the experiment's folder and its
numbers divided by, so nothing of it is used before it has passed here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from autophagy.errors import UserError
from autophagy.regimes import SYNTHETIC
from autophagy.schema import Count

#: A path below the experiment's folder: no "..", no root, no hidden name, nothing but ASCII.
_INSIDE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
#: Manifests of experiments stay below 1 MB; what is larger by far is none.
MAX_BYTES = 64 * 2**20
#: The most rows that a training set is drawn from: every reader of its shares draws them again.
MAX_POOL = 20_000_000
#: The most looks at a held-out loss that a training takes; as in `budgets`, which trains.
MAX_LOOKS = 1000
#: Kinds whose rows are drawn from a model.
_SAMPLED = ("sample_set", "preview")


def is_inside(path: str) -> bool:
    """Does this path, joined to a folder, stay in it (as far as names tell)?"""
    return len(path) <= 1024 and ".." not in path and _INSIDE.fullmatch(path) is not None


def _inside(path: str) -> str:
    if not is_inside(path):
        raise ValueError("is no path below the experiment's folder")
    return path


Inside = Annotated[str, AfterValidator(_inside)]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Rows = Annotated[int, Field(ge=0, le=1_000_000_000)]
Seed = Annotated[int, Field(ge=0, lt=2**64)]


class _Shape(BaseModel):
    # Keys that are not listed are free: nothing here reads them.
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class Material(_Shape):
    path: Inside
    sha256: str


class Part(_Shape):
    """A run of rows of one artifact; see `regimes.Part`."""

    artifact: Inside
    origin: Literal["real", "synthetic"]
    generation: Rows
    start: Rows
    count: Count


class Source(_Shape):
    name: str
    licence: str
    files: dict[str, str]


class BudgetFacts(_Shape):
    """How long a model was trained, where its params do not state the steps."""

    rows: Count
    steps: Count
    rows_a_step: Count | None = None
    held_out: Count | None = None
    losses: Annotated[list[float], Field(max_length=MAX_LOOKS)] | None = None


class Facts(_Shape):
    source: Source | None = None
    origin: str | None = None
    size: Count | None = None
    channels: Literal[1, 3] | None = None
    levels: Annotated[int, Field(ge=2, le=256)] | None = None
    dimensions: Count | None = None
    classes: list[str] | None = None
    batch_size: Count | None = None
    budget: BudgetFacts | None = None


class ForkRule(_Shape):
    """The history that a loop shares with another; see `starts`."""

    loop: Word
    generation: Annotated[int, Field(ge=1, le=999)]


class LoopRule(_Shape):
    name: Word
    regime: Word
    start_from: Word | ForkRule
    real: Word
    synthetic: Annotated[str, Field(pattern=SYNTHETIC)]
    pool: Word
    start: Word
    labels: Word
    filter: dict[str, Any] | None
    guidance: dict[str, Any] | None
    counterfactual: Word = "none"
    sampling_bias: Annotated[float, Field(gt=0.0, le=1.0)]
    n_real: Rows
    n_synthetic: Rows


class Draw(_Shape):
    """What is drawn of the parts; see `regimes.Draw`."""

    count: Count
    seed: Seed


class MixParams(_Shape):
    parts: Annotated[list[Part], Field(min_length=1)]
    draw: Draw | None = None

    @model_validator(mode="after")
    def _drawn(self) -> Self:
        pool = sum(part.count for part in self.parts)
        if self.draw and not self.draw.count <= pool <= MAX_POOL:
            raise ValueError(f"draw: {self.draw.count} of {pool} rows; at most {MAX_POOL}")
        return self


#: How much each of several sources counts; see `lineage.shares`.
Shares = dict[Inside, Annotated[float, Field(gt=0.0)]] | None


class ModelParams(_Shape):
    shares: Shares = None


class GuidanceParams(_Shape):
    kind: Literal["sims", "neon"]
    weight: Annotated[float, Field(gt=0.0, le=100.0)]
    auxiliary: Inside


class SampleParams(_Shape):
    shares: Shares = None
    guidance: GuidanceParams | None = None
    filter: dict[str, Any] | None = None
    family: Word
    n: Count
    sampling_bias: Annotated[float, Field(gt=0.0, le=1.0)]
    sample: dict[str, Any]
    threads: Annotated[int, Field(ge=1, le=256)]


class LoopParams(_Shape):
    generations: Annotated[int, Field(ge=1, le=999)]
    n_initial: Rows
    seeds: list[Annotated[int, Field(ge=0, lt=2**32)]]
    loop: LoopRule


#: Kind -> the params that readers use; other kinds' are free.
_PARAMS: dict[str, type[_Shape]] = {
    "training_set": MixParams,
    "model": ModelParams,
    "loop_root": LoopParams,
    **dict.fromkeys(_SAMPLED, SampleParams),
}


class Manifest(_Shape):
    """One manifest, as `manifests.write` writes it."""

    path: Inside
    kind: Word
    step: Word
    files: dict[Inside, str]
    rows: Rows | None
    facts: Facts
    materials: list[Material]
    params: dict[str, Any]
    seed: Seed | None
    code: Annotated[str, Field(pattern=r"^[0-9a-z]*$")]
    software: dict[Word, Annotated[str, Field(pattern=r"^[0-9A-Za-z.+!_-]{1,64}$")]]
    device: Word

    @field_validator("params")
    @classmethod
    def _params(cls, params: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        # `kind` is validated before; where it failed, that is the finding.
        if model := _PARAMS.get(info.data.get("kind", "")):
            try:
                model.model_validate(params)
            except ValidationError as error:
                raise ValueError(_told(error)) from error
        return params

    @model_validator(mode="after")
    def _whole(self) -> Self:
        parents = [material.path for material in self.materials]
        if self.path in parents or len(set(parents)) < len(parents):
            raise ValueError("materials: holds the artifact itself, or a parent twice")
        if self.kind in ("training_set", "real_set", "imported_set", *_SAMPLED) and not self.rows:
            raise ValueError(f"rows: a {self.kind} has at least one")
        if self.kind == "training_set":
            parts = self.params["parts"]
            drawn = self.params.get("draw")
            if self.rows != (drawn["count"] if drawn else sum(part["count"] for part in parts)):
                raise ValueError("rows: is not the sum of params.parts, or what is drawn of them")
            if {part["artifact"] for part in parts} != set(parents):
                raise ValueError("materials: are not the artifacts of params.parts")
        return self


def require(content: dict[str, Any], file: Path) -> None:
    """Refuse a manifest of another shape.

    Args:
        content: what the JSON holds.
        file: where it lies, for the message.

    Raises:
        UserError: the file, the key and what is wrong with it.
    """
    try:
        # NaN, infinities and halves of characters have no place in any of its values.
        json.dumps(content, allow_nan=False, ensure_ascii=False).encode()
        Manifest.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{file}: is no manifest: {_told(error)}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: is no manifest: {error}") from error


def _told(error: ValidationError) -> str:
    """The first finding as `key.path: value: reason`."""
    finding = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in finding["loc"] if part != "[key]")
    reason = finding["msg"].removeprefix("Value error, ")
    if not where:
        return reason
    value = "" if finding["type"] == "missing" else f" {finding['input']!r:.60}:"
    return f"{where}:{value} {reason}"
