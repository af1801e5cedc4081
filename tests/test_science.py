"""docs/science.md: what it asks of runs, and how it tells what they found."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest
from autophagy.metrics import OF_FEATURES
from autophagy.tables import COLUMNS
from autophagy.verdict import attribution, opinions
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tools"))

import science

ASKED = science.content(REPOSITORY)


@pytest.mark.parametrize("row", ASKED["rows"], ids=lambda row: row["claim"][:40])
def test_claims_ask_of_loops_and_metrics_that_there_are(row) -> None:
    experiment = science.loaded(REPOSITORY, row["config"])
    assert row["config"] in ASKED["configs"]
    assert row["control"]
    assert row["asks"]
    for ask in row["asks"]:
        [kind] = ask.keys() & science.ANSWERS.keys()
        if kind == "opinion":
            assert ask[kind] in OF_FEATURES
            assert experiment.evaluate.second
            continue
        loops = ask[kind] if isinstance(ask[kind], list) else [ask[kind]]
        assert set(loops) <= set(experiment.loops)
        assert ask.get("metric", "recall") in COLUMNS
        if kind == "drift":
            assert set(loops) <= set(attribution.compared(experiment))


def test_what_make_runs_is_there() -> None:
    for name in [*ASKED["configs"], *ASKED["short"]]:
        assert (REPOSITORY / "config" / name / "config.yaml").is_file()
    assert set(ASKED["short"]) <= set(ASKED["configs"])
    page = (REPOSITORY / science.PAGE).read_text(encoding="utf-8")
    for row in ASKED["rows"]:
        assert f"| {row['claim']} |" in page


def test_classes_of_the_imbalanced_digits_shrink_by_their_share() -> None:
    classes = np.repeat(np.arange(4), 100)
    kept = classes[science.digits(classes, 0.5)]
    assert np.bincount(kept).tolist() == [100, 50, 25, 12]
    assert np.bincount(classes[science.digits(classes, 0.001)]).tolist() == [100, 1, 1, 1]


def test_intervals_need_three_seeds() -> None:
    assert science.over_seeds(np.array([1.0, np.nan])) == "+1 (1 seed, no interval)"
    assert science.over_seeds(np.array([1.0, 3.0])) == "+2 (2 seeds, no interval)"
    assert science.over_seeds(np.array([])) == "undefined"
    # Student's 97.5% of three values: 4.303 standard errors of 1/√3.
    assert science.over_seeds(np.array([1.0, 2.0, 3.0])) == "+2 (-0.484 to +4.48)"


@pytest.fixture
def found(tmp_path) -> science.Found:
    """Tables of a run with two loops, three seeds and two generations."""
    rows = [
        {"loop": loop, "seed": seed, "generation": t, "view": view,
         "frechet_distance": slope * t + 0.1 * seed * t + (view == "output")}
        for loop, slope in (("a", 2.0), ("b", 1.0))
        for seed in (1, 2, 3)
        for t in (1, 2)
        for view in ("output", "model")
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "metrics.csv", index=False)
    told = {"loop": "a", "told": "diverging: +1 a generation"}
    pd.DataFrame([told]).to_csv(tmp_path / "verdicts.csv", index=False)
    drift = dict.fromkeys(attribution.COLUMNS, np.nan) | {
        "loop": "b", "changed": "λ", "budget": "9 steps", "drift": 1.0, "difference": -1.0,
        "difference_low": -2.0, "difference_high": -0.5, "told": "drifts less",
    }  # fmt: skip
    pd.DataFrame([drift]).to_csv(tmp_path / "attribution.csv", index=False)
    agreed = {"metric": "recall", "ranked": "loops", "items": 4, "seeds": 3, "correlation": 0.9,
              "low": 0.8, "high": 1.0, "first": "one", "second": "two"}  # fmt: skip
    table = pd.DataFrame([agreed], columns=list(opinions.COLUMNS))
    table.to_csv(tmp_path / "second_opinion.csv", index=False)
    labels = [
        {"loop": "a", "seed": seed, "generation": t, "n": 10, "diversity": 0.8 * 0.9 ** (t - 2)}
        for seed in (1, 2)
        for t in (2, 3, 4)
    ]
    pd.DataFrame(labels).to_csv(tmp_path / "labels.csv", index=False)
    return science.Found(tmp_path, None)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        ({"change": "a", "metric": "frechet_distance"},
         "`a`: frechet distance (output), generation 1 to 2: +2.2 (+1.95 to +2.45)"),
        ({"difference": ["a", "b"], "metric": "frechet_distance"},
         "`a` less `b`: frechet distance (model) in the last generation: +2 (+2 to +2)"),
        ({"verdict": "a"}, "`a`: diverging: +1 a generation"),
        ({"drift": "b"},
         "`b` (λ; 9 steps): drift +1 a generation, difference -1 (-2 to -0.5): drifts less"),
        ({"opinion": "recall"},
         "recall: rank correlation of one and two +0.9 (+0.8 to +1) over 4 loops"),
        ({"labels": "a"}, "1 − Σp² of D^4 over that of D^2, n = 10: +0.81 (2 seeds, no interval); "
         "drift alone makes 0.81 of it"),
    ],
)  # fmt: skip
def test_an_answer_is_read_off_the_tables(ask, words, found) -> None:
    assert words in science.answer(ask, found)


def test_only_what_has_ended_is_collected(tmp_path) -> None:
    (tmp_path / "docs/science").mkdir(parents=True)
    (tmp_path / science.ROWS).write_text("configs: [ended, running]\n")
    for name in ("ended", "running"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / f"results/{name}/metrics.csv").write_text("loop\n")
    (tmp_path / "results/ended/audit.json").write_text("{}")
    science.collect(tmp_path)
    assert [path.name for path in (tmp_path / science.KEPT).iterdir() if path.is_dir()] == ["ended"]
    kept = sorted(path.name for path in (tmp_path / science.KEPT / "ended").iterdir())
    assert kept == ["labels.csv", "metrics.csv", "run.json"]
    assert json.loads((tmp_path / science.KEPT / "ended/run.json").read_text()) == {
        "processor_minutes": 0.0
    }
