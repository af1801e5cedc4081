"""The configuration of an experiment: pydantic models, checks across keys, one-line errors."""

from __future__ import annotations

from functools import cache
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, Union, get_args

from pydantic import (
    Discriminator,
    Field,
    Tag,
    ValidationError,
    create_model,
)
from pydantic.json_schema import models_json_schema

from autophagy import config_file, data, filters, models, plugins, presets, regimes, rows
from autophagy import keep as keeping
from autophagy.config_checks import check
from autophagy.config_messages import MAPPING, first_finding, misspelt, short
from autophagy.data.table import DATASETS
from autophagy.errors import UserError
from autophagy.features.table import NETWORKS
from autophagy.filters.table import FILTERS
from autophagy.metrics import METRICS
from autophagy.models import budgets
from autophagy.models.table import FAMILIES
from autophagy.schema import Count, Options, Path, Sparse, plain
from autophagy.theory import options as theory
from autophagy.theory.options import TheoryExperiment
from autophagy.theory.studies.table import STUDIES

#: Names become folders, DVC stage names and dotted parameter paths.
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
Name = Annotated[str, Field(pattern=NAME)]
#: Columns of metrics.csv, and keys of an evaluation, that are no metrics.
OTHER_COLUMNS = (
    "loop", "seed", "generation", "view", "n_samples", "n_reference", "n_train", "n_train_real",
    "sampling_bias", "undefined", "resplits", "added", "second",
)  # fmt: skip
Bias = Annotated[float, Field(gt=0.0, le=1.0)]


class Evaluate(Options):
    """n pictures of every sample set against the reference; k of the k-NN balls.

    features: a network's name, or the path of a folder; weights: its file where it needs one.
    second: another one, in which all rankings are repeated.
    metrics: those of installed packages that are measured besides.
    """

    n: Count
    k: Annotated[int, Field(ge=1, le=1000)]
    features: Path
    weights: Path | None = None
    second: Path | None = None
    metrics: Annotated[list[str], Field(min_length=1)] | None = None


class Guidance(Options):
    """Away from what G^t becomes when it is tuned for `steps` on n of its own samples."""

    kind: Literal["sims", "neon"]
    weight: Annotated[float, Field(gt=0.0, le=100.0)]
    n: Count
    steps: Count


_Filters = tuple(filters.module(kind).Filter for kind in FILTERS)
Filter = Annotated[Union[_Filters], Field(discriminator="kind")]  # noqa: UP007 - from a table


class Fork(Options):
    """Another loop of the experiment, and the last of its generations that are shared with it."""

    loop: Name
    generation: Count


def _form(start_from: Any) -> str:
    """The tag of a start's form: a text or a mapping, whatever else is wrong with it."""
    return "fork" if isinstance(start_from, dict | Fork) else "text"


#: A real-only model's name, a path or a fork; see `starts`.
StartFrom = Annotated[
    Annotated[Path, Tag("text")] | Annotated[Fork, Tag("fork")], Discriminator(_form)
]


class Changes(Sparse):
    """Keys of a section of the experiment that a loop has otherwise; all may be left out."""


def _changes(section: type[Options]) -> type[Changes]:
    """The class of changes to a section: its keys, none of which must be there."""
    keys = {
        name: (Annotated[field.annotation, *field.metadata, Field()] | None, None)
        for name, field in section.model_fields.items()
    }
    return create_model(
        f"{section.__module__.rpartition('.')[2]}_{section.__name__}Changes",
        __base__=Changes,
        **keys,
    )


class Loop(Sparse):
    """One autophagous loop; n_real and n_synthetic are a generation's, from t = 2 on.

    An axis that is None is its regime's.
    """

    #: Installed packages add others, so the names are no part of the type; see `config_checks`.
    regime: Annotated[str, Field(json_schema_extra={"examples": list(presets.REGIMES)})]
    start_from: StartFrom
    sampling_bias: Bias
    n_real: Annotated[int, Field(ge=0, le=1_000_000_000)]
    n_synthetic: Annotated[int, Field(ge=0, le=1_000_000_000)]
    labels: Literal[get_args(regimes.LabelRule)] | None = None
    real: Literal[get_args(regimes.Real)] | None = None
    synthetic: Annotated[str, Field(pattern=regimes.SYNTHETIC)] | None = None
    pool: Literal[get_args(regimes.Pool)] | None = None
    start: Literal[get_args(regimes.Start)] | None = None
    filter: Filter | None = None
    guidance: Guidance | None = None
    counterfactual: Literal[get_args(regimes.Counterfactual)] | None = None
    #: What of the experiment's sections is otherwise here; `experiment_class` knows their keys.
    train: Any = None
    sample: Any = None


class Experiment(Options):
    """Everything one `config.yaml` says. `of` builds the class with its family's sections."""

    version: Annotated[int, Field(alias="schema", ge=1, le=1)]
    experiment: Name
    kind: Literal[tuple(rows.KINDS)]
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
    keep: Annotated[str, Field(pattern=keeping.PATTERN)] = keeping.ALL
    #: A loop whose drift is compared with that of those that start where it does.
    attribution: Name | None = None

    def settings(self, section: str, loop: str | None = None) -> dict[str, Any]:
        """`train` or `sample` as plain values: the experiment's, or as a loop has it."""
        found = plain(getattr(self, section))
        changes = getattr(self.loops[loop], section) if loop is not None else None
        return budgets.merged(found, plain(changes)) if changes is not None else found


def experiment_class(family: str, dataset: str | None = None) -> type[Experiment]:
    """The configuration of experiments with models of one family.

    Args:
        dataset: one that an installed package adds, besides those that are built in.

    Raises:
        UserError: no such family.
    """
    names = DATASETS if dataset is None or dataset in DATASETS else (*DATASETS, dataset)
    return _class(family, models.module(family), tuple(data.module(name).Dataset for name in names))


@cache
def _class(family: str, options: Any, datasets: tuple[Any, ...]) -> type[Experiment]:
    any_dataset = Annotated[Union[datasets], Field(discriminator="name")]  # noqa: UP007 - from a table
    loop = create_model(
        f"Loop_{family}",
        __base__=Loop,
        train=(_changes(options.Train) | None, None),
        sample=(_changes(options.Sample) | None, None),
    )
    return create_model(
        f"Experiment_{family}",
        __base__=Experiment,
        loops=(Annotated[dict[Name, loop], Field(min_length=1)], ...),
        dataset=(any_dataset, ...),
        model=(options.Model, ...),
        train=(options.Train, ...),
        sample=(options.Sample, ...),
    )


def json_schema() -> dict[str, Any]:
    """The JSON schema of every valid configuration (workflow/schemas/config.schema.json)."""
    classes = [experiment_class(family) for family in FAMILIES]
    classes += [theory.experiment_class(study) for study in STUDIES]
    _, schema = models_json_schema(
        [(experiment, "validation") for experiment in classes],
        ref_template="#/$defs/{model}",
    )
    names = [{"$ref": f"#/$defs/{experiment.__name__}"} for experiment in classes]
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, "anyOf": names, **schema}


def load(path: FilePath | str, data_at_hand: bool = True) -> Experiment | TheoryExperiment:
    """Read and validate a YAML file.

    Args:
        data_at_hand: the data set's files must be there, too.

    Raises:
        UserError: the file is missing or not YAML, or `parse` refuses its content.
    """
    return parse(config_file.read(path), str(path), data_at_hand)


def parse(content: Any, origin: str, data_at_hand: bool = True) -> Experiment | TheoryExperiment:
    """Validate a configuration, whole, before anything runs.

    Args:
        content: the configuration as plain YAML values.
        origin: the file it comes from, for messages.
        data_at_hand: the data set's files must be there, too.

    Raises:
        UserError: the key's path, its value and what is allowed.
    """
    if not isinstance(content, dict):
        found = "empty" if content is None else short(content)
        raise UserError(f"{origin}: must be a mapping of keys, not {found}")
    try:
        for key, value in content.items():
            config_file.require_few(key, value)
        validate, check_across = _KINDS[_kind(content)]
        experiment = validate(content)
        check_across(experiment, data_at_hand)
    except UserError as error:
        raise UserError(f"{origin}: {error}") from error
    return experiment


def _validate(content: dict[Any, Any]) -> Experiment:
    # These two names decide which other keys there may be, so they are looked at first.
    plugins.require_sound(
        {
            "families": FAMILIES,
            "regimes": presets.REGIMES,
            "datasets": DATASETS,
            "features": NETWORKS,
            "metrics": (*METRICS, *OTHER_COLUMNS),
        }
    )
    dataset = _chosen(content, "dataset", "name", (*DATASETS, *plugins.added("datasets")))
    family = _chosen(content, "model", "family", (*FAMILIES, *plugins.added("families")))
    model = experiment_class(family, dataset)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise UserError(first_finding(error, model)) from error


def _validate_theory(content: dict[Any, Any]) -> TheoryExperiment:
    study = content.get("study")
    if "study" not in content:
        raise UserError(f"study: is missing; allowed: {', '.join(STUDIES)}")
    if not isinstance(study, str) or study not in STUDIES:
        raise UserError(f"study: {short(study)} is not allowed; allowed: {', '.join(STUDIES)}")
    model = theory.experiment_class(study)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise UserError(first_finding(error, model)) from error


#: kind -> how its configurations are validated, and what then checks them across keys.
_KINDS = {
    **dict.fromkeys(rows.KINDS, (_validate, check)),
    "theory": (_validate_theory, theory.check),
}


def _kind(content: dict[Any, Any]) -> str:
    kind = content.get("kind")
    if "kind" not in content:
        raise UserError(f"kind: is missing; allowed: {', '.join(_KINDS)}")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise UserError(f"kind: {short(kind)} is not allowed; allowed: {', '.join(_KINDS)}")
    return kind


def _chosen(content: dict[Any, Any], section: str, key: str, allowed: tuple[str, ...]) -> str:
    """The name in content[section][key]."""
    if section not in content:
        raise UserError(
            misspelt(content, section) or f"{section}: is missing; it must be {MAPPING}"
        )
    if not isinstance(content[section], dict):
        raise UserError(
            f"{section}: {short(content[section])} is not allowed: it should be {MAPPING}"
        )
    if key not in content[section]:
        unknown = misspelt(content[section], key, f"{section}.")
        raise UserError(unknown or f"{section}.{key}: is missing; allowed: {', '.join(allowed)}")
    name = content[section][key]
    if not isinstance(name, str) or name not in allowed:
        raise UserError(
            f"{section}.{key}: {short(name)} is not allowed; allowed: {', '.join(allowed)}"
        )
    return name
