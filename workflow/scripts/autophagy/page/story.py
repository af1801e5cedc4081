"""The headline in words, made from metrics.csv and verdicts.csv."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np

from autophagy import series
from autophagy.errors import UserError
from autophagy.paths import VERDICTS
from autophagy.tables import Metrics
from autophagy.tabular import grouped
from autophagy.verdict.judge import slopes
from autophagy.verdict.tables import METRIC, VIEW

#: Loop -> its row of verdicts.csv.
Verdicts = dict[str, dict[str, Any]]


def lead(asked: dict[str, Any], table: Metrics, verdicts: Verdicts, space: str) -> list[str]:
    """The sentences that stand above everything.

    Args:
        asked: see `asked.of_images`. table: metrics.csv.
        space: what distances are measured in.
    """
    real = table.of("real", "output")[0]
    n_seeds, n_loops = len(asked["seeds"]), len(asked["loops"])
    sentences = [
        f"{_count(n_loops, 'loop')} of {_count(asked['generations'], 'generation')}, "
        f"{_count(n_seeds, 'seed')}. {_trained(asked)}",
        f"{int(real['n_samples'])} samples of each are measured against "
        f"{int(real['n_reference'])} held-out real {asked['kind']}; distances: {space}.",
    ]
    if n_seeds > 1:
        for (word,), rows in grouped(list(verdicts.values()), "verdict").items():
            sentences.append(f"{word.capitalize()}: {', '.join(row['loop'] for row in rows)}.")
    else:
        sentences.append("One seed decides nothing: take differences as examples, not as findings.")
    return sentences


def _trained(asked: dict[str, Any]) -> str:
    """The budget of every model, and which loops have another way."""
    others = [f"{name}, {of['trains']}" for name, of in asked["loops"].items() if of["trains"]]
    told = f"Every model was trained from scratch: {asked['budget']}."
    return told + (f" Otherwise those of {'; of '.join(others)}." if others else "")


def loops(asked: dict[str, Any], table: Metrics, verdicts: Verdicts) -> list[dict[str, Any]]:
    """What each loop did, in words: {name, rule, verdict, sentences}."""
    found = []
    for name, loop in asked["loops"].items():
        verdict = verdicts.get(name)
        if verdict is None:
            raise UserError(f"{VERDICTS}: has no row of {name}; run the workflow again")
        found.append(
            {
                "name": name,
                "rule": loop["rule"],
                "verdict": verdict["verdict"],
                "sentences": [
                    _went(table, name, loop),
                    _slope(asked, table, name, verdict),
                    _beside(asked, table, verdict),
                ],
            }
        )
    return found


def _went(table: Metrics, name: str, loop: dict[str, Any]) -> str:
    """Distance, precision and recall, first to last generation, as models at λ = 1."""
    rows = table.of(name, VIEW)
    generations = {row["generation"] for row in rows}
    first, last = min(generations), max(generations)

    def went(metric: str, form: str) -> str:
        spreads = series.over_generations(rows, metric)
        return f"{spreads[first].mean:{form}} → {spreads[last].mean:{form}}"

    how = " (its models sampled at λ = 1)" if loop["sampling_bias"] < 1 else ""
    return (
        f"From generation {first} to {last} the distance{how} went {went(METRIC, '.3g')}, "
        f"precision {went('precision', '.2f')}, recall {went('recall', '.2f')}."
    )


def _slope(asked: dict[str, Any], table: Metrics, name: str, verdict: dict[str, Any]) -> str:
    if len(asked["seeds"]) > 1:
        return f"Verdict: {verdict['told']}."
    rows = sorted(table.of(name, VIEW), key=itemgetter("generation"))
    values = np.array([[row[METRIC] for row in rows]])
    if values.shape[1] < 2 or not np.isfinite(values).all():
        return f"Verdict: {verdict['told']}."
    return (
        f"That is {slopes(values)[0]:+.2g} a generation (least squares, all generations); verdict: "
        f"{verdict['told']}."
    )


def _beside(asked: dict[str, Any], table: Metrics, verdict: dict[str, Any]) -> str:
    """Models of real data alone of the sizes that the loop is judged against, where trained."""
    if unlike := asked["loops"][verdict["loop"]]["unlike"]:
        return f"No model of real data alone was trained or sampled with {unlike}."
    told = []
    for n in sorted({int(verdict["n_real_images"]), int(verdict["n_total_images"])} - {0}):
        names = [name for name, size in asked["real_only"].items() if size == n]
        if not names:
            told.append(f"no model of {n} real {asked['kind']} alone was trained")
            continue
        rows = table.of(f"real-only/{names[0]}", VIEW)
        distance, recall = (series.spread([row[of] for row in rows]) for of in (METRIC, "recall"))
        told.append(
            f"{n} real {asked['kind']} alone, same budget: distance {distance.mean:.3g}, recall "
            f"{recall.mean:.2f}"
        )
    return f"Beside it: {'; '.join(told)}."


def _count(n: int, word: str) -> str:
    return f"{n} {word}" + ("" if n == 1 else "s")
