"""The parts of docs/science.md: claims in a line and in a section each, attribution, pieces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import paper
from autophagy import models
from autophagy.schema import plain
from autophagy.verdict.judge import UNDECIDED
from science_answers import DOSE, answer, budgets, doses, interval
from science_found import Found
from science_outcomes import AGAINST, HELD, outcome

#: Beside the words of outcomes: no run, and a run of which nothing is expected.
NOT_RUN, TOLD = "not yet run", "told only"
#: The picture of an attribution, as a run and docs/science/ name it.
ATTRIBUTION = "attribution.png"
#: Columns of the table of runs.
SCALE = ("run", "loops: real + synthetic rows of D^t", "generations", "seeds", "budget",
         "real-only, by images", "real against real", "margin")  # fmt: skip
#: Columns of the table of what claims were before.
EARLIER = ("#", "the claim before", "came out", "why it is another now")
#: Columns of the table of attributions.
ATTRIBUTED = ("piece", "loop", "changed", "budget", "seeds", "generations", "drift a generation",
              "difference", "p", "told")  # fmt: skip


def table(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)


def tally(rows: list[dict[str, Any]], found: Mapping[str, Found]) -> str:
    """How many claims came out how."""
    words = [_word(row, found) for row in rows]
    known = (HELD, AGAINST, UNDECIDED, TOLD, NOT_RUN)
    return ", ".join(f"{words.count(word)} {word}" for word in known if word in words)


def summary(rows: list[dict[str, Any]], found: Mapping[str, Found]) -> str:
    """A line a claim: what came out, and where it stands below."""
    told = [
        (number, f"[{row['claim']}](#{_anchor(_title(number, row))})", _word(row, found),
         f"`{row['config']}`")
        for number, row in enumerate(rows, 1)
    ]  # fmt: skip
    return table(("#", "claim", "came out", "run"), told)


def earlier(rows: list[dict[str, Any]], found: Mapping[str, Found]) -> str:
    """A line for each wording that a claim no longer has, and what came out of it."""
    told = [
        (number, before["claim"], _word(row | before, found), before["why"])
        for number, row in enumerate(rows, 1)
        for before in row.get("earlier", ())
    ]
    return table(EARLIER, told)


def sections(
    rows: list[dict[str, Any]], found: Mapping[str, Found], expected: Mapping[str, float]
) -> str:
    """A section a claim: its control, and every number that was asked of the run."""
    return "\n\n".join(
        _section(number, row, found, expected[row["config"]]) for number, row in enumerate(rows, 1)
    )


def _section(number: int, row: dict[str, Any], found: Mapping[str, Found], due: float) -> str:
    name = row["config"]
    title = f"### {_title(number, row)}"
    refuted = f"*What could have refuted it*: {_small(row['control'])}."
    if name not in found:
        command = f"{_capital(NOT_RUN)}: {paper.COMMAND.format(name)}, about {hours_told(due)}."
        return "\n\n".join((title, refuted, command))
    run, word = found[name], outcome(row["asks"], found[name])
    trained = " or ".join(budgets(row["asks"], run))
    link = f"[`{name}`](../config/{name}/config.yaml)"
    told = [title, f"{refuted} *Run*: {link}, {run.seeds}, trainings of {trained}."]
    if word:
        told.append(f"**{_capital(word)}.**")
    if lines := [_answered(ask, run) for ask in row["asks"] if "dose" not in ask]:
        told.append("\n".join(lines))
    told += [table(DOSE, doses(ask, run)) for ask in row["asks"] if "dose" in ask]
    return "\n\n".join(told)


def _answered(ask: dict[str, Any], found: Found) -> str:
    word = outcome([ask], found)
    return f"- {answer(ask, found)}" + (f" → {word}" if word else "")


def _title(number: int, row: dict[str, Any]) -> str:
    return f"{number}. {row['claim']}"


def _anchor(title: str) -> str:
    """As GitHub names the section of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _small(text: str) -> str:
    return text[0].lower() + text[1:]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _word(row: dict[str, Any], found: Mapping[str, Found]) -> str:
    if row["config"] not in found:
        return NOT_RUN
    return outcome(row["asks"], found[row["config"]]) or TOLD


def attribution(experiments: Mapping[str, Any], found: Mapping[str, Found]) -> str:
    """The attribution.csv of every piece that has one, one below the other."""
    lines: list[tuple[Any, ...]] = []
    for name, experiment in experiments.items():
        if experiment.attribution is None:
            continue
        if name not in found:
            lines.append((f"`{name}`", NOT_RUN, *[""] * (len(ATTRIBUTED) - 2)))
            continue
        for _, row in found[name]["attribution"].iterrows():
            other = row["told"] != "reference"
            what = row["changed"] if isinstance(row["changed"], str) else ""
            lines.append((
                f"`{name}`", f"`{row['loop']}`", what,
                row["budget"], row["seeds"], f"{row['first_generation']}-{experiment.generations}",
                interval(row, "drift"), interval(row, "difference") if other else "",
                f"{row['p']:.2g}" if np.isfinite(row["p"]) else "", row["told"],
            ))  # fmt: skip
    return table(ATTRIBUTED, lines)


def figures(found: Mapping[str, Found]) -> str:
    """The pictures of attributions that were collected."""
    return "\n".join(
        f"![Drift of the loops of {name}, with intervals](science/{name}/{ATTRIBUTION})"
        for name, run in found.items()
        if (run.folder / ATTRIBUTION).exists()
    )


def scale(found: Mapping[str, Found]) -> str:
    """What each run compares: its loops' rows, and what distances real images have there."""
    rows = []
    for name, run in found.items():
        experiment = run.experiment
        loops = ", ".join(
            f"{loop} {asked.n_real}+{asked.n_synthetic}" for loop, asked in experiment.loops.items()
        )
        real_only = ", ".join(
            f"{n}: {_level(run, f'real-only/{model}', 'model')}"
            for model, n in sorted(experiment.real_only.items(), key=lambda item: -item[1])
        )
        budget = models.budget(experiment.model.family, plain(experiment.train))
        rows.append((f"`{name}`", loops, experiment.generations, len(experiment.seeds), budget,
                     real_only, _level(run, "real", "output"), f"{run.margin:.2f}"))  # fmt: skip
    return table(SCALE, rows)


def _level(run: Found, loop: str, view: str) -> str:
    """Fréchet distance in the last generation: mean ± standard deviation of seeds that differ."""
    values = run.series(loop, "frechet_distance", view).iloc[:, -1]
    spread = f"{values.std():.2f}"
    return f"{values.mean():.2f}" + (f" ± {spread}" if float(spread) else "")


def pieces(expected: Mapping[str, float], runs: Mapping[str, dict[str, Any]]) -> str:
    """What each piece should take, and what it took where it has been run."""
    rows = [
        (f"`{name}`", hours_told(due), _taken(runs.get(name))) for name, due in expected.items()
    ]
    return table(
        ("piece", "expected", "taken"), [*rows, ("all", hours_told(sum(expected.values())), "")]
    )


def hours_told(processor: float) -> str:
    return f"{processor:.1f} processor hours"


def _taken(run: dict[str, Any] | None) -> str:
    if run is None:
        return NOT_RUN
    clock = f"{run['clock_minutes']:.0f} min by the clock"
    return f"{hours_told(run['processor_minutes'] / 60)}, {clock}, on {run['machine']}"
