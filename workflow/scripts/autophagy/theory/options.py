"""The configuration of a theory experiment."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from autophagy.errors import UserError
from autophagy.schema import Options
from autophagy.theory import studies
from autophagy.theory.studies.table import FIGURES

#: As in `config`: names become folders, DVC stage names and dotted parameter paths.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


class TheoryExperiment(Options):
    """Everything one `config.yaml` of kind theory says."""

    version: Annotated[int, Field(alias="schema", ge=1, le=1)]
    experiment: Name
    kind: Literal["theory"]
    study: Any
    title: Annotated[str, Field(min_length=1, max_length=120)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    effort: Any
    figure: Literal[tuple(FIGURES)]
    runs: Any
    threads: Annotated[int, Field(ge=1, le=256)] = 1


@cache
def experiment_class(study: str) -> type[TheoryExperiment]:
    """The configuration of experiments of one study in `studies.table.STUDIES`."""
    options = studies.module(study)
    return create_model(
        f"Theory_{study}",
        __base__=TheoryExperiment,
        study=(Literal[study], ...),
        effort=(options.Effort, ...),
        runs=(Annotated[dict[Name, options.Run], Field(min_length=1, max_length=100)], ...),
    )


def check(experiment: TheoryExperiment, data_at_hand: bool = True) -> None:
    """Refuse runs that cannot be run and figures that cannot show them.

    Args:
        data_at_hand: of other kinds of experiments; these need no data.

    Raises:
        UserError: the key, and what is allowed.
    """
    if FIGURES[experiment.figure] != experiment.study:
        allowed = [name for name, study in FIGURES.items() if study == experiment.study]
        raise UserError(
            f"figure: {experiment.figure!r} does not show {experiment.study}; allowed: "
            f"{', '.join(allowed)}"
        )
    study = studies.module(experiment.study)
    for name, run in experiment.runs.items():
        study.check(run, f"runs.{name}", experiment.effort)
