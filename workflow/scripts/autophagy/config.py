"""The configuration of an experiment: pydantic models, checks across keys, one-line errors."""

from __future__ import annotations

import json
import re
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import Field, ValidationError, create_model

from autophagy import data, models, regimes
from autophagy import features as networks
from autophagy.data.table import DATASETS
from autophagy.errors import UserError
from autophagy.models.table import FAMILIES
from autophagy.schema import Count, Options

#: Names become folders, DVC stage names and dotted parameter paths.
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
Name = Annotated[str, Field(pattern=NAME)]
Bias = Annotated[float, Field(gt=0.0, le=1.0)]

#: Loop names the results' layout uses for itself.
RESERVED = ("real",)


class Evaluate(Options):
    """n pictures of every sample set against the reference; k of the k-NN balls."""

    n: Count
    k: Annotated[int, Field(ge=1, le=1000)]
    features: Literal[networks.NETWORKS]


class Loop(Options):
    """One autophagous loop; n_real and n_synthetic are a generation's, from t = 2 on."""

    regime: Literal[tuple(regimes.REGIMES)]
    start_from: Name
    sampling_bias: Bias
    n_real: Annotated[int, Field(ge=0, le=1_000_000_000)]
    n_synthetic: Count
    labels: Literal[get_args(regimes.LabelRule)] = "balanced"


class Experiment(Options):
    """Everything one `config.yaml` says. `of` builds the class with its family's sections."""

    version: Annotated[Literal[1], Field(alias="schema")]
    experiment: Name
    kind: Literal["images"]
    generations: Annotated[int, Field(ge=1, le=999)]
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Field(min_length=1)]
    dataset: Any
    model: Any
    train: Any
    sample: Any
    evaluate: Evaluate
    real_only: Annotated[dict[Name, Count], Field(min_length=1)]
    loops: Annotated[dict[Name, Loop], Field(min_length=1)]
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Annotated[int, Field(ge=1, le=256)] = 1


def experiment_class(family: str) -> type[Experiment]:
    """The configuration of experiments with models of one family.

    Raises:
        UserError: no such family.
    """
    options = models.module(family)
    datasets = tuple(data.module(name).Dataset for name in DATASETS)
    any_dataset = Annotated[Union[datasets], Field(discriminator="name")]  # noqa: UP007 - from a table
    return create_model(
        f"Experiment_{family}",
        __base__=Experiment,
        dataset=(any_dataset, ...),
        model=(options.Model, ...),
        train=(options.Train, ...),
        sample=(options.Sample, ...),
    )


def json_schema() -> dict[str, Any]:
    """The JSON schema of every valid configuration (workflow/schemas/config.schema.json)."""
    variants = [experiment_class(family).model_json_schema() for family in FAMILIES]
    schema = variants[0] if len(variants) == 1 else {"anyOf": variants}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def load(path: FilePath | str) -> Experiment:
    """Read and validate a YAML file.

    Raises:
        UserError: the file is missing or not YAML, or `parse` refuses its content.
    """
    try:
        content = yaml.safe_load(FilePath(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    # What PyYAML's constructors raise on impossible scalars (2024-13-45, !!int x) has no common
    # base.
    except Exception as error:
        raise UserError(f"{path}: not valid YAML: {error}") from error
    return parse(content, str(path))


def parse(content: Any, origin: str) -> Experiment:
    """Validate a configuration, whole, before anything runs.

    Args:
        content: the configuration as plain YAML values.
        origin: the file it comes from, for messages.

    Raises:
        UserError: the key's path, its value and what is allowed.
    """
    if not isinstance(content, dict):
        raise UserError(f"{origin}: must be a mapping of keys, not {type(content).__name__}")
    try:
        experiment = _validate(content)
        _check(experiment)
    except UserError as error:
        raise UserError(f"{origin}: {error}") from error
    return experiment


def plain(section: Options) -> dict[str, Any]:
    """A section as plain values, defaults included, the way manifests and parameters hold it."""
    return section.model_dump(mode="json", by_alias=True)


def regime_of(loop: Loop) -> regimes.Regime:
    """The axes of a loop's regime."""
    return regimes.REGIMES[loop.regime]


def _validate(content: dict[Any, Any]) -> Experiment:
    # These two names decide which other keys there may be, so they are looked at first.
    _chosen(content, "dataset", "name", DATASETS)
    model = experiment_class(_chosen(content, "model", "family", FAMILIES))
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise UserError(_first(error, model)) from error


def _check(experiment: Experiment) -> None:
    """What no single key can show.

    Raises:
        UserError: the keys that do not fit each other, and by how much.
    """
    splits = experiment.dataset.splits
    if len(set(experiment.seeds)) < len(experiment.seeds):
        raise UserError(f"seeds: {experiment.seeds} holds a seed twice; each may stand once")
    dataset = data.module(experiment.dataset.name)
    plain_dataset = plain(experiment.dataset)
    dataset.check(plain_dataset)
    available = dataset.rows(plain_dataset)
    asked = splits.loop + splits.reference + splits.features
    if available is not None and asked > available:
        raise UserError(
            f"dataset.splits: loop + reference + features ask for {asked} images and "
            f"{experiment.dataset.name} has {available}: disjoint splits are {asked - available} "
            "short"
        )
    shape = dataset.shape(plain_dataset)
    if shape is not None:
        networks.check(shape[0])
    family = models.module(experiment.model.family)
    family.check(
        plain(experiment.model), plain(experiment.sample), None if shape is None else shape[0]
    )

    if experiment.evaluate.n > splits.loop:
        raise UserError(
            f"evaluate.n: {experiment.evaluate.n} exceeds dataset.splits.loop = {splits.loop}; "
            "the real-vs-real row needs as many real images as there are samples"
        )
    smallest = min(experiment.evaluate.n, splits.reference)
    if experiment.evaluate.k >= smallest:
        raise UserError(
            f"evaluate.k: {experiment.evaluate.k} must be below both evaluate.n and "
            f"dataset.splits.reference, that is below {smallest}"
        )
    for name, n in experiment.real_only.items():
        _check_name(f"real_only.{name}", name)
        if n > splits.loop:
            raise UserError(
                f"real_only.{name}: {n} real images exceed dataset.splits.loop = {splits.loop}; "
                f"{n - splits.loop} are missing"
            )
    for name, loop in experiment.loops.items():
        _check_name(f"loops.{name}", name)
        _check_loop(name, loop, experiment)


def _check_name(key: str, name: str) -> None:
    if name in RESERVED:
        raise UserError(f"{key}: the name {name!r} is taken by the results themselves; rename it")


def _check_loop(name: str, loop: Loop, experiment: Experiment) -> None:
    if name in experiment.real_only:
        raise UserError(f"loops.{name}: real_only has this name too; every name may stand once")
    if loop.start_from not in experiment.real_only:
        raise UserError(
            f"loops.{name}.start_from: {loop.start_from!r} is no real-only model; allowed: "
            f"{', '.join(experiment.real_only)}"
        )
    regime = regime_of(loop)
    if regime.real == "none" and loop.n_real:
        raise UserError(
            f"loops.{name}.n_real: {loop.n_real} is not allowed; {loop.regime} has no real rows "
            "after generation 1, so it must be 0"
        )
    if regime.real != "none" and not loop.n_real:
        raise UserError(f"loops.{name}.n_real: 0 is not allowed; {loop.regime} needs at least 1")
    n_initial, split = experiment.real_only[loop.start_from], experiment.dataset.splits.loop
    needed = regimes.real_rows_needed(regime, experiment.generations, n_initial, loop.n_real)
    if needed > split:
        raise UserError(
            f"loops.{name}: {experiment.generations} generations of {loop.regime} need {needed} "
            f"real images (n_initial {n_initial}, n_real {loop.n_real}) and dataset.splits.loop "
            f"holds {split}: {needed - split} are missing"
        )


def _chosen(content: dict[Any, Any], section: str, key: str, allowed: tuple[str, ...]) -> str:
    """The name in content[section][key]."""
    if section not in content:
        raise UserError(f"{section}: is missing; it must be {_MAPPING}")
    if not isinstance(content[section], dict):
        raise UserError(
            f"{section}: {_short(content[section])} is not allowed: it should be {_MAPPING}"
        )
    if key not in content[section]:
        raise UserError(f"{section}.{key}: is missing; allowed: {', '.join(allowed)}")
    name = content[section][key]
    if not isinstance(name, str) or name not in allowed:
        raise UserError(
            f"{section}.{key}: {_short(name)} is not allowed; allowed: {', '.join(allowed)}"
        )
    return name


_MAPPING = "a mapping of keys to values"
#: pydantic's terms for "not a mapping".
_NO_MAPPING = {"model_type", "model_attributes_type", "dict_type"}


def _first(error: ValidationError, experiment: type[Experiment]) -> str:
    """The first finding as `key.path: value is not allowed: reason`."""
    findings = error.errors(include_url=False)
    finding = findings[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    kind, value = finding["type"], finding["input"]
    # A union adds its discriminator's tag, and a bad key "[key]": no keys of the file.
    tagged = finding["loc"][:1] == ("dataset",)
    where = ".".join(
        str(part) if re.fullmatch(r"[\w-]+", str(part)) else _short(part)
        for place, part in enumerate(finding["loc"])
        if not (tagged and place == 1) and part != "[key]"
    )
    if kind == "missing":
        return f"{where}: is missing; see workflow/schemas/config.schema.json{more}"
    if kind in ("extra_forbidden", "invalid_key"):
        allowed = ", ".join(_siblings(experiment, finding["loc"]))
        return f"{where}: unknown key; allowed: {allowed}{more}"
    reason = re.sub(r"^\w+ should |(?<=item) after validation.*", "", finding["msg"])
    if kind in _NO_MAPPING:
        reason = f"be {_MAPPING}"
    elif kind == "string_pattern_mismatch":
        reason = "be letters, digits, '-' and '_', beginning with a letter or digit, at most 64"
    elif kind == "float_type" and isinstance(value, str) and re.fullmatch(_SHORT_FLOAT, value):
        reason += f"; YAML takes it for text, write {yaml.safe_dump(float(value)).split()[0]}"
    return f"{where}: {_short(value)} is not allowed: it should {reason}{more}"


#: Numbers that YAML 1.1 reads as text, for want of a point or of the exponent's sign.
_SHORT_FLOAT = r"[-+]?\d+(\.\d*)?[eE][-+]?\d{1,2}"


def _siblings(experiment: type[Experiment], path: tuple[Any, ...]) -> list[str]:
    """The keys that may stand beside the last one of a path in pydantic's terms."""
    section: Any = experiment
    for part in path[:-1]:
        if get_origin(section) is dict:
            section = get_args(section)[1]
        elif get_origin(section) is Union:
            section = data.module(part).Dataset
        else:
            section = section.model_fields[part].annotation
    return [field.alias or name for name, field in section.model_fields.items()]


def _short(value: Any) -> str:
    """A value on one line; its type where it cannot be printed (endless, or a huge number)."""
    try:
        text = json.dumps(value, ensure_ascii=True, default=str)
    except (TypeError, ValueError, RecursionError):
        return f"this {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
