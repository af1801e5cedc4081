"""docs/science.md: what runs decided beyond what its claims ask."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from autophagy import manifests
from autophagy.metrics import OF_FEATURES
from autophagy.verdict import opinions, pairs
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tools"))

import science
import science_beyond as beyond
import science_found


@pytest.fixture
def found(tmp_path) -> dict[str, science_found.Found]:
    """A run with tables, and one without."""
    full, bare = tmp_path / "full", tmp_path / "bare"
    full.mkdir()
    bare.mkdir()
    blank = dict.fromkeys(pairs.COLUMNS, 0.5) | {"first_generation": 2, "last_generation": 4}
    rows = [
        blank | {"loop": "a", "other": "b", "told": "is worse", "level_p": 0.004},
        blank | {"loop": "a", "other": "c", "told": pairs.UNDECIDED},
    ]
    pd.DataFrame(rows).to_csv(full / "loop_pairs.csv", index=False)
    agreed = {"seeds": 3, "correlation": 0.9, "low": 0.8, "high": 1.0, "first": "one",
              "second": "two"}  # fmt: skip
    order = "a < b < c < d < e"
    ranked = [
        agreed | {"metric": metric, "ranked": "loops", "items": 5, "ranking_first": order,
                  "ranking_second": order}
        for metric in OF_FEATURES
    ] + [
        agreed | {"metric": metric, "ranked": "generations", "items": 20, "low": np.nan,
                  "high": np.nan}
        for metric in OF_FEATURES
    ]  # fmt: skip
    table = pd.DataFrame(ranked, columns=list(opinions.COLUMNS))
    table.to_csv(full / "second_opinion.csv", index=False)
    steps = [("flat", 1, 2, 1200), ("flat", 1, 3, 1500), ("flat", 2, 2, 1300)]
    heads = ["loop", "seed", "generation", "steps"]
    pd.DataFrame(steps, columns=heads).to_csv(full / "steps.csv", index=False)
    experiment = science.loaded(REPOSITORY, "science-budgets")
    return {name: science_found.Found(folder, experiment)
            for name, folder in (("full", full), ("bare", bare))}  # fmt: skip


def test_every_pair_that_is_decided_is_told_and_the_others_are_counted(found) -> None:
    assert beyond.pairs(found) == [
        ("`full`", "1 of 2", "`a`", "is worse", "`b`", "2-4",
         "+0.5 (+0.5 to +0.5)", "0.004", "+0.5 (+0.5 to +0.5)", "0.5"),
    ]  # fmt: skip


def test_a_run_that_decides_no_pair_is_told_too(found) -> None:
    file = found["full"].folder / "loop_pairs.csv"
    pd.read_csv(file).assign(told=pairs.UNDECIDED).to_csv(file, index=False)
    [row] = beyond.pairs(found)
    assert row[:2] == ("`full`", "0 of 2")
    assert len(row) == len(beyond.PAIRS)
    assert not any(row[2:])


def test_agreement_is_told_of_every_metric(found) -> None:
    [row] = beyond.agreements(found, "loops")
    # One of the 120 orders of five is the same.
    assert row == ("`full`", 5, *["+0.90 (+0.80 to +1.00), p = 0.0083"] * len(OF_FEATURES))
    assert len(row) == len(beyond.AGREEMENT)
    [row] = beyond.agreements(found, "generations")
    assert row == ("`full`", 20, *["+0.90"] * len(OF_FEATURES))


def test_runs_whose_loops_have_no_order_have_no_line(found) -> None:
    file = found["full"].folder / "second_opinion.csv"
    pd.read_csv(file).assign(correlation=np.nan).to_csv(file, index=False)
    assert beyond.agreements(found, "loops") == []


def test_steps_taken_are_told_from_the_shortest_to_the_longest(found) -> None:
    assert beyond.lengths(found) == [
        ("`full`", "`flat`", 3, "1200 to 1500, 1333 in the mean"),
    ]


def test_steps_taken_are_those_of_trainings_that_end_by_themselves(tmp_path, monkeypatch) -> None:
    plan = science.planning.build(science.loaded(REPOSITORY, "science-budgets"))
    read = {"facts": {"budget": {"steps": 1300}}}
    monkeypatch.setattr(manifests, "read", lambda root, path: read)
    table = beyond.steps_taken(tmp_path, plan)
    assert set(table["loop"]) == {"until-flat"}
    # Generation 1 is the real-only model's.
    assert sorted(set(table["generation"])) == [2, 3, 4]
    assert len(table) == 3 * len(plan.experiment.seeds)
    assert set(table["steps"]) == {1300}
