"""Verdicts and n_e of a whole table: a longer config/digits-effective, made up, its truth known."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from autophagy import config as configuration
from autophagy import evaluated, evaluations, layout, ledger, paths, store, tables
from autophagy import plan as planning
from autophagy.errors import UserError
from autophagy.metrics import METRICS
from autophagy.metrics import names as metrics_of
from autophagy.verdict import plan as verdict_plan
from autophagy.verdict import summary as verdict_summary
from autophagy.verdict import tables as verdicts
from autophagy.verdict.inference import Mean
from autophagy.verdict.judge import Comparison, Verdict
from conftest import REPOSITORY, SCRIPTS, TESTS, plan_of, tiny_content

CONFIG = "config/digits-effective/config.yaml"
SD = 0.3
GENERATIONS = 10
LOOPS = ("fresh-50", "fresh-100", "fresh-200", "fresh-400")


def n_e_of(loop: str, t: int) -> float:
    """What each loop is worth in generation t, in real images."""
    return {
        "fresh-50": 130.0,
        "fresh-100": 180.0,
        "fresh-200": 18.0,
        "fresh-400": 100.0 * 0.8 ** (t - 1),
    }[loop]


def longer() -> dict:
    """config/digits-effective with more generations, and one loop more."""
    content = yaml.safe_load((REPOSITORY / CONFIG).read_text()) | {"generations": GENERATIONS}
    loops = content["loops"]
    more = loops["fresh-100"] | {"n_synthetic": 200}
    content["loops"] = {loop: loops.get(loop, more) for loop in LOOPS}
    return content


def write(root: Path, experiment: configuration.Experiment, noise: float = 0.02) -> None:
    """Evaluations whose distances follow 1.5 + 100/n, a draw of real images a seed; metrics.csv."""
    rng = np.random.Generator(np.random.Philox(7))
    draws = dict(zip(experiment.seeds, 0.3 * rng.normal(size=len(experiment.seeds)), strict=True))
    for entry in evaluations.of(experiment):
        loop, seed = entry["loop"], entry["seed"]
        n = 1e9
        if loop in experiment.loops:
            n = n_e_of(loop, entry["generation"])
        elif loop.startswith("real-only/"):
            n = experiment.real_only[loop.removeprefix("real-only/")]
        distance = 1.5 + 100.0 / n + draws[seed] + noise * rng.normal()
        values = dict.fromkeys(metrics_of("images"), 0.5) | {"frechet_distance": distance}
        values |= {"recall": -distance, "n_samples": 1000, "n_reference": 500}
        content = {view: values | {"n_train": 200, "n_train_real": 100} for view in evaluated.VIEWS}
        if loop == "real":
            spread = {"mean": 1.27, "sd": SD, "low": 0.7, "high": 2.4}
            content["resplits"] = dict.fromkeys(METRICS, spread)
        (root / entry["path"]).parent.mkdir(parents=True, exist_ok=True)
        store.write_json(root / entry["path"], content)
    tables.write_csv(root, evaluations.of(experiment))


@pytest.fixture(scope="module")
def experiment() -> configuration.Experiment:
    return plan_of(longer()).experiment


@pytest.fixture(scope="module")
def root(experiment, tmp_path_factory) -> Path:
    """The run's folder, its tables and its figure made by the rules' scripts."""
    folder = tmp_path_factory.mktemp("verdicts") / "results"
    folder.mkdir()
    write(folder, experiment)
    params = SimpleNamespace(
        root=str(folder), plan=verdict_plan.asked(experiment), title="effective", space="LeNet"
    )
    (folder / "figures").mkdir()
    for script in ("judge_loops.py", "draw_effective_size.py"):
        given = SimpleNamespace(
            params=params, log=[str(folder.parent / "job.log")], rule=script,
            output=SimpleNamespace(png=str(folder / "figures/effective-size.png")),
        )  # fmt: skip
        runpy.run_path(str(SCRIPTS / script), {"snakemake": given})
    return folder


@pytest.fixture(scope="module")
def rows(root) -> pd.DataFrame:
    return pd.read_csv(root / "verdicts.csv").set_index("loop")


@pytest.fixture(scope="module")
def sizes(root) -> pd.DataFrame:
    return pd.read_csv(root / "effective_size.csv")


def test_every_loop_has_its_verdict(rows, experiment) -> None:
    assert tuple(rows.reset_index().columns) == verdicts.COLUMNS
    assert rows["verdict"].to_dict() == {
        "fresh-50": "no worse", "fresh-100": "no worse",
        "fresh-200": "bounded but worse than real-only", "fresh-400": "diverging",
    }  # fmt: skip
    assert (rows["margin"] == SD).all()
    assert (rows["first_generation"] == 6).all()
    assert (rows["last_generation"] == 10).all()
    assert (rows["seeds"] == len(experiment.seeds)).all()


def test_both_controls_stand_in_it(rows) -> None:
    assert (rows["n_real_images"] == 100).all()
    assert (rows["n_real_source"] == "measured").all()
    assert rows["n_total_images"].to_dict() == {
        "fresh-50": 150, "fresh-100": 200, "fresh-200": 300, "fresh-400": 500,
    }  # fmt: skip
    interpolated = rows["n_total_source"].eq("interpolated").to_dict()
    assert interpolated == {
        "fresh-50": True, "fresh-100": False, "fresh-200": True, "fresh-400": True,
    }  # fmt: skip
    for loop, n_e in (("fresh-50", 130.0), ("fresh-100", 180.0), ("fresh-200", 18.0)):
        for control in ("n_real", "n_total"):
            row = rows.loc[loop]
            truth = 100 / n_e - 100 / row[f"{control}_images"]
            assert row[f"{control}_low"] < row[f"{control}_difference"] < row[f"{control}_high"]
            assert row[f"{control}_difference"] == pytest.approx(truth, abs=0.06)


def test_a_loop_that_converges_has_a_limit_and_one_that_drifts_has_none(sizes) -> None:
    assert tuple(sizes.columns) == verdicts.SIZES
    assert (sizes.groupby("loop").size() == GENERATIONS + 1).all()
    pooled = sizes[sizes["first_generation"] < sizes["last_generation"]].set_index("loop")
    limits = pooled["limit"].to_dict()
    assert limits == {
        "fresh-50": True, "fresh-100": True, "fresh-200": True, "fresh-400": False,
    }  # fmt: skip
    for loop in ("fresh-50", "fresh-100"):
        row = pooled.loc[loop]
        assert row["n_e_low"] <= n_e_of(loop, 1) <= row["n_e_high"]
        assert row["n_e"] == pytest.approx(n_e_of(loop, 1), rel=0.1)
    assert pooled.loc["fresh-200", "told"].startswith("n_e < 25")
    assert pooled.loc["fresh-200", "n_e"] == 0
    assert not sizes.loc[sizes["first_generation"] == sizes["last_generation"], "limit"].any()


def test_a_drift_that_passes_over_many_sizes_is_no_limit(root, experiment) -> None:
    """The seeds of fresh-100 drift apart: within the margin, but not within the interval of n_e."""
    table, plan = tables.metrics(root), verdict_plan.asked(experiment)
    apart = dict(zip(experiment.seeds, (-0.01, 0.0, 0.01), strict=True))
    for row in table.rows:
        if row["loop"] == "fresh-100" and row["generation"] > 5:
            row["frechet_distance"] += apart[row["seed"]] * (row["generation"] - 8)
    assert verdicts.judged(table, plan, evaluated.resplits(root, 1))["fresh-100"].converged
    for e_fold, limit in ((None, False), (1.01, False), (1.0, True)):
        plan["loops"]["fresh-100"]["e_fold"] = e_fold
        sizes = {row["loop"]: row for row in verdicts.effective_sizes(table, plan, SD)}
        assert sizes["fresh-100"]["limit"] == limit


def test_only_the_plain_fresh_data_loop_has_a_known_e_fold() -> None:
    content = longer()
    content["loops"]["fresh-50"]["sampling_bias"] = 0.9
    content["loops"]["fresh-200"]["regime"] = "last_k"
    asked = verdict_plan.asked(plan_of(content).experiment)["loops"]
    assert {name: loop["e_fold"] for name, loop in asked.items()} == {
        "fresh-50": None, "fresh-100": 1.0, "fresh-200": None, "fresh-400": 2.5,
    }  # fmt: skip


def test_a_loop_with_a_training_of_its_own_has_no_control_and_no_n_e(root) -> None:
    content = longer()
    content["loops"]["fresh-100"]["train"] = {"steps": 4000}
    plan = verdict_plan.asked(plan_of(content).experiment)
    table = tables.metrics(root)
    sizes = verdicts.effective_sizes(table, plan, SD)
    assert {row["loop"] for row in sizes} == {"fresh-50", "fresh-200", "fresh-400"}
    found = verdicts.judged(table, plan, evaluated.resplits(root, 1))["fresh-100"]
    assert found.at_real.source == "no control with train.steps 4000"
    assert verdicts.told(found).startswith("undecided (3 seeds; ")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [("balanced", ""), ("inherited", "labels inherited"), ("real", "labels real")],
)
def test_real_only_models_draw_balanced_labels_and_are_no_control_of_others(
    labels, expected
) -> None:
    """Of pictures: points have no classes."""
    content = tiny_content()
    content["loops"]["fresh"]["labels"] = labels
    asked = verdict_plan.asked(plan_of(content).experiment)
    assert asked["loops"]["fresh"]["unlike"] == expected
    assert asked["loops"]["augmentation"]["unlike"] == ""
    points = yaml.safe_load((TESTS / "configs" / "points.yaml").read_text())
    points["loops"]["fresh"]["labels"] = labels
    asked = verdict_plan.asked(plan_of(points).experiment)
    assert asked["loops"]["fresh"]["unlike"] == ""


def test_n_e_follows_a_loop_over_its_generations(sizes) -> None:
    rows = sizes[(sizes["loop"] == "fresh-400") & (sizes["first_generation"] < 6)]
    for row in rows.head(5).itertuples():
        assert row.n_e == pytest.approx(n_e_of("fresh-400", row.first_generation), rel=0.1)


def test_metrics_json_holds_the_verdict_without_empty_values(root, experiment) -> None:
    found = store.read_json(root / "metrics.json")
    for loop in experiment.loops:
        verdict = found[loop]["verdict"]
        assert verdict["seeds"] == 3
        assert None not in verdict.values()
        assert found[loop]["generation"] == GENERATIONS
    assert found["fresh-400"]["verdict"]["word"] == "diverging"
    assert "verdict" not in found["real-only/n25"]


def test_a_loop_without_synthetic_rows_is_compared_once() -> None:
    alone = Comparison(100, "measured", Mean(0.1, -0.1, 0.3, 0.2, 5), 0.01, "no worse")
    sum_of_both = replace(alone, n=150)
    verdict = Verdict("no worse", 5, (2, 5), 0.3, at_real=alone, at_total=alone)
    line = "against 100 real images no worse, +0.1 (-0.1 to +0.3)"
    assert verdicts.told(verdict) == f"no worse: {line}; 5 seeds"
    both = verdicts.told(replace(verdict, at_total=sum_of_both))
    assert both == f"no worse: {line}; {line.replace('100', '150')}; 5 seeds"


def test_the_summary_tells_a_line_a_loop(root, experiment) -> None:
    lines = verdict_summary.text(root, experiment).splitlines()
    assert lines[0] == ("Verdicts (Fréchet distance at λ = 1; margin 0.30; generations 6-10)")
    assert lines[1].startswith("  fresh-50: no worse: against 100 real images no worse, ")
    assert "against 150 real images (interpolated)" in lines[1]
    assert lines[3].startswith("  fresh-200: bounded but worse than real-only: against 100")
    assert lines[4].startswith("  fresh-400: diverging: +")
    assert lines[6] == "Effective sample size, in real images alone"
    assert lines[7].startswith("  fresh-50: n_e = 1")
    assert lines[7].endswith(", generations 6-10, a limit")
    assert lines[9] == "  fresh-200: n_e < 25, generations 6-10, a limit"
    assert lines[10].endswith(", generations 6-10, not converged")


def test_the_figure_and_the_tables_are_the_same_bytes_again(root, experiment, tmp_path) -> None:
    from autophagy.steps.draw_effective_size import draw_effective_size
    from autophagy.steps.judge_loops import judge_loops

    write(tmp_path, experiment)
    judge_loops(str(tmp_path), verdict_plan.asked(experiment))
    stem = str(tmp_path / "effective-size")
    draw_effective_size(str(tmp_path), verdict_plan.asked(experiment), "effective", "LeNet", stem)
    for name in ("verdicts.csv", "metrics.json", "effective_size.csv"):
        assert (tmp_path / name).read_bytes() == (root / name).read_bytes()
    for suffix in ("png", "pdf"):
        drawn = (root / f"figures/effective-size.{suffix}").read_bytes()
        assert Path(f"{stem}.{suffix}").read_bytes() == drawn


@pytest.mark.parametrize(("sizes", "seeds"), [(6, 2), (4, 3)])
def test_without_a_learning_curve_there_is_one_line_and_no_number(
    sizes, seeds, experiment, tmp_path
) -> None:
    content = longer() | {"seeds": list(range(seeds))}
    content["real_only"] = dict(list(content["real_only"].items())[:sizes])
    fewer = plan_of(content).experiment
    assert "effective_size.csv" not in layout.table_names(fewer)
    assert "effective-size" not in layout.figure_names(fewer)
    write(tmp_path, fewer)
    verdicts.write(tmp_path, verdict_plan.asked(fewer))
    last = verdict_summary.text(tmp_path, fewer).splitlines()[-1]
    assert last == (
        "n_e needs real-only models of 5 sizes and 3 seeds; this run has "
        f"{sizes} sizes and {seeds} seeds"
    )
    assert verdicts.effective_sizes(tables.metrics(tmp_path), verdict_plan.asked(fewer), SD) == []


@pytest.mark.parametrize("collapsed", ["real-only/n50", "fresh-50", "fresh-"])
def test_a_model_without_a_distance_leaves_the_run_its_tables(
    collapsed, root, experiment, tmp_path
) -> None:
    from autophagy.steps.draw_effective_size import draw_effective_size
    from autophagy.steps.judge_loops import judge_loops

    table = tables.read(root)
    lost = table["loop"].str.startswith(collapsed) & (table["seed"] == 2)
    table.loc[lost, "frechet_distance"] = np.nan
    real = paths.evaluation_path("real", 1, 0)
    (tmp_path / real).parent.mkdir(parents=True)
    (tmp_path / real).write_bytes((root / real).read_bytes())
    table.to_csv(tmp_path / "metrics.csv", index=False)
    judge_loops(str(tmp_path), verdict_plan.asked(experiment))
    stem = str(tmp_path / "effective-size")
    draw_effective_size(str(tmp_path), verdict_plan.asked(experiment), "effective", "LeNet", stem)
    assert Path(f"{stem}.png").stat().st_size > 1000
    text = verdict_summary.text(tmp_path, experiment)
    undefined = "fresh-50: undecided (the distance is undefined in 1 of 3 seeds)"
    assert (undefined in text) == (collapsed != "real-only/n50")
    assert ("n_e needs a defined distance" in text) == (collapsed == "real-only/n50")
    assert ("fresh-400: diverging" in text) == (collapsed != "fresh-")
    assert "fresh-50: n_e" not in text


def test_seeds_are_paired_whatever_their_order(root, experiment) -> None:
    table, plan = tables.metrics(root), verdict_plan.asked(experiment)
    plan["seeds"] = plan["seeds"][::-1]
    curve, chains = verdicts.curve_of(table, plan), verdicts.chains_of(table, plan)
    alone, own = (
        [row[verdicts.METRIC] for row in table.of(loop, "model") if row["seed"] == plan["seeds"][0]]
        for loop in ("real-only/n100", "fresh-50")
    )
    assert [curve.distances[0, 2]] == alone
    assert chains["fresh-50"].distances[0].tolist() == own


def test_a_metric_of_which_more_is_better_is_turned_round(root, experiment) -> None:
    """The made-up recall is minus the distance."""
    table, plan = tables.metrics(root), verdict_plan.asked(experiment)
    floor = evaluated.resplits(root, 1)
    by_distance = verdicts.judged(table, plan, floor)
    assert verdicts.judged(table, plan, floor, "recall") == by_distance
    assert set(verdicts.WORSE) <= set(METRICS)


def test_the_plan_and_the_ledger_know_the_tables_and_the_figure() -> None:
    plan = planning.build(configuration.load(REPOSITORY / CONFIG))
    made = {"verdicts.csv", "effective_size.csv", "figures/effective-size.png"}
    assert made <= set(plan.nodes[paths.REPORT].payload)
    report = yaml.safe_load(ledger.text(plan, CONFIG))["stages"]["report"]
    outs = {path.removeprefix("results/${experiment}/") for path in report["outs"]}
    assert {"metrics.csv", "verdicts.csv", "effective_size.csv", "figures"} <= outs
    small = planning.build(configuration.parse(tiny_content(), "config.yaml"))
    assert "effective_size.csv" not in ledger.text(small, "config/config.yaml")


@pytest.mark.parametrize("name", ["verdicts.csv", "effective_size.csv"])
@pytest.mark.parametrize("content", [None, "", "a,b\n1,2\n", b"\xff\xfe\x00"])
def test_a_table_that_is_none_is_named(name, content, root, experiment, tmp_path) -> None:
    for table in ("metrics.csv", "verdicts.csv", "effective_size.csv"):
        (tmp_path / table).write_bytes((root / table).read_bytes())
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=name):
        verdict_summary.text(tmp_path, experiment)


def test_a_row_that_is_missing_is_named(root, experiment) -> None:
    rows = tables.metrics(root).rows
    short = [row for row in rows if row["loop"] != "fresh-50" or row["seed"] != 2]
    with pytest.raises(UserError, match="no row of fresh-50 with seed 2"):
        verdicts.chains_of(tables.Metrics(short), verdict_plan.asked(experiment))
