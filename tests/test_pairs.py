"""Every two loops beside each other, paired by seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from autophagy import layout, paths
from autophagy.page import extra_tables
from autophagy.steps.compare_loops import compare_loops
from autophagy.verdict import pairs
from autophagy.verdict import plan as verdict_plan
from autophagy.verdict.judge import Chain
from conftest import changed, plan_of
from scipy import stats
from test_verdict import distances, stream
from test_verdict_tables import longer, write


def compared(found):
    return pairs.table(found, dict.fromkeys(found, "5 steps"))


def told_of(table) -> list[str]:
    return [row["told"] for row in table]


def chains(run: int, seeds: int, noise: float = 0.05, **slopes: float) -> dict[str, Chain]:
    """Loops of ten generations whose seeds' draws of real images they share."""
    rng = stream(51, run)
    draw = 0.5 * rng.normal(size=(seeds, 1))
    return {
        name: Chain(100, 100, draw + distances(rng, seeds, 10, slope=slope, noise=noise))
        for name, slope in slopes.items()
    }


def test_a_pair_is_a_paired_t_test_over_the_window() -> None:
    found = chains(0, 6, one=0.2, other=0.1)
    [row] = compared(found)
    one, other = (found[name].distances[:, 5:] for name in ("one", "other"))
    assert (row["first_generation"], row["last_generation"], row["seeds"]) == (6, 10, 6)
    fits = [np.polyfit(np.arange(5), late.T, 1)[0] for late in (one, other)]
    for name, (here, there) in {
        "slope": fits, "level": [one.mean(axis=1), other.mean(axis=1)],
    }.items():  # fmt: skip
        test = stats.ttest_rel(here, there)
        low, high = test.confidence_interval(0.95)
        assert row[name] == pytest.approx((here - there).mean())
        assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx((low, high))
        row[f"{name}_due"] = test.pvalue
    # Holm's, of two.
    small, large = sorted([row["slope_due"], row["level_due"]])
    assert sorted([row["slope_p"], row["level_p"]]) == pytest.approx(
        [min(1, 2 * small), max(min(1, 2 * small), large)]
    )


def test_what_is_told_is_of_the_first_loop() -> None:
    table = compared(chains(1, 8, still=0.0, slow=0.5, fast=2.0))
    told = {(row["loop"], row["other"]): row["told"] for row in table}
    assert told["still", "slow"] == "drifts more slowly and is better"
    assert told["slow", "fast"] == "drifts more slowly and is better"
    lines = pairs.lines(table)
    assert lines[1].startswith("  still drifts more slowly and is better than slow: -0.")
    assert len(lines) == 4
    back = compared(chains(1, 8, fast=2.0, still=0.0))
    assert told_of(back) == ["drifts faster and is worse"]


def test_loops_that_are_alike_are_told_apart_in_one_of_twenty_tables_at_most() -> None:
    """37 of 400 is four standard deviations above 20."""
    wrong = 0
    for run in range(400):
        found = compared(chains(run + 2, 3, a=0.1, b=0.1, c=0.1, d=0.1))
        wrong += set(told_of(found)) != {pairs.UNDECIDED}
    assert wrong <= 37


def test_a_loop_that_has_no_distance_is_undefined_and_leaves_the_others_theirs() -> None:
    found = chains(3, 5, a=0.0, b=1.0, c=0.0)
    found["c"].distances[2, 8] = np.nan
    table = compared(found)
    assert told_of(table) == ["drifts more slowly and is better", "undefined", "undefined"]
    assert all(np.isnan(row[name]) for row in table[1:] for name in ("slope", "slope_p", "level"))
    assert pairs.lines(table)[-1] == "  2 of 3 pairs are undecided"
    found["a"].distances[:] = np.nan
    assert set(told_of(compared(found))) == {"undefined"}


def test_the_table_is_made_where_seeds_and_loops_are_enough(tmp_path) -> None:
    experiment = plan_of(longer()).experiment
    write(tmp_path, experiment)
    compare_loops(str(tmp_path), verdict_plan.asked(experiment))
    table = pd.read_csv(tmp_path / paths.LOOP_PAIRS)
    assert tuple(table.columns) == pairs.COLUMNS
    assert len(table) == 6
    told = table.set_index(["loop", "other"])["told"]
    assert told["fresh-200", "fresh-400"].startswith("drifts more slowly")
    [shown] = extra_tables.gather(tmp_path, {"tables": [paths.LOOP_PAIRS]})
    assert shown["head"] == ["loop", "beside", "slope", "level", "told"]
    assert len(shown["rows"]) == 6
    assert paths.LOOP_PAIRS in layout.table_names(experiment)


@pytest.mark.parametrize(
    "edits", [[("seeds", [1, 2])], [("generations", 3)], [("loops", "fresh")]], ids=str
)
def test_where_they_are_not_there_is_no_such_table(edits) -> None:
    content = changed(("seeds", [1, 2, 3]), ("generations", 4))
    assert layout.has_pairs(plan_of(content).experiment)
    for key, value in edits:
        content[key] = {value: content[key][value]} if key == "loops" else value
    assert not layout.has_pairs(plan_of(content).experiment)
