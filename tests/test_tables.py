"""The tidy table: a row for everything measured, and what is read off it."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from autophagy import evaluated, evaluations, in_words, store, summary, tables
from autophagy.errors import UserError
from autophagy.metrics import names as metrics_of
from autophagy.verdict import plan as verdict_plan
from autophagy.verdict import summary as verdict_summary
from autophagy.verdict import tables as verdicts
from conftest import changed, plan_of, tiny_content

#: The columns that others read, in their order.
CONTRACT = (
    "loop", "seed", "generation", "view", "n_samples", "n_reference", "frechet_distance",
    "kernel_distance", "precision", "recall", "density", "coverage", "label_accuracy",
    "class_entropy", "memorisation", "frechet_distance_to_train",
)  # fmt: skip
LOOPS = {"fully-synthetic": 1.0, "biased": 0.5, "augmentation": 1.0, "fresh": 1.0}
#: Where the numbers stand: loop -> its place.
PLACES = {
    name: place for place, name in enumerate(("real", "real-only/full", "real-only/small", *LOOPS))
}


METRICS = metrics_of("images")


def value(loop: str, seed: int, t: int, view: str, metric: str) -> float:
    """A number that tells where it belongs."""
    view_place = ("output", "model").index(view) if LOOPS.get(loop, 1.0) < 1 else 0
    metric_place = list(METRICS).index(metric)
    return PLACES[loop] + t / 10 + view_place / 20 + seed / 1000 + metric_place / 10_000


def write(root: Path, entries: list[dict[str, Any]]) -> None:
    """Evaluations as the steps would write them."""
    for entry in entries:
        loop, seed, t = entry["loop"], entry["seed"], entry["generation"]
        content: dict[str, Any] = {}
        for view in ("output", "model"):
            found = {name: value(loop, seed, t, view, name) for name in METRICS}
            found |= {"n_samples": 40, "n_reference": 60, "n_train": 60, "n_train_real": t}
            found |= {"undefined": {}, "a later field": [1]}
            if loop == "fully-synthetic" and t > 1:
                found |= {"memorisation": None, "undefined": {"memorisation": "no real rows"}}
            content[view] = found
        if loop == "real":
            spread = {"mean": 9.25, "sd": 0.75, "low": 8.0, "high": 10.5}
            content["resplits"] = dict.fromkeys(METRICS, spread)
        (root / entry["path"]).parent.mkdir(parents=True, exist_ok=True)
        store.write_json(root / entry["path"], content)


@pytest.fixture(scope="module")
def experiment(tiny_plan):
    return tiny_plan.experiment


@pytest.fixture(scope="module")
def root(experiment, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    write(folder, evaluations.of(experiment))
    tables.write_csv(folder, evaluations.of(experiment))
    verdicts.write(folder, verdict_plan.asked(experiment))
    return folder


@pytest.fixture(scope="module")
def table(root) -> pd.DataFrame:
    return tables.read(root)


def test_every_row_names_what_its_model_was_trained_with(table) -> None:
    budgets = table.groupby("loop")["budget"].agg(lambda column: set(column.dropna()))
    assert budgets.pop("real") == set()
    assert all(named == {"3 steps of 16"} for named in budgets)


def test_a_loop_of_another_budget_names_it_from_its_own_first_training_on() -> None:
    edits = ("loops.fresh.train", {"steps": 7}), ("loops.fresh.start_from", "full")
    experiment = plan_of(changed(*edits)).experiment
    found = {
        (entry["loop"], entry["generation"]): entry["budget"]
        for entry in evaluations.of(experiment)
    }
    assert found["fresh", 1] == found["augmentation", 3] == "3 steps of 16"
    assert found["fresh", 2] == found["fresh", 3] == "7 steps of 16"
    assert found["real", 0] == ""
    assert verdict_plan.asked(experiment)["loops"]["fresh"]["budget"] == "7 steps of 16"


def test_the_contracts_columns_stand_at_the_front(root, table) -> None:
    assert tuple(table.columns)[: len(CONTRACT)] == CONTRACT
    header = (root / "metrics.csv").read_text().partition("\n")[0]
    assert header.split(",") == list(table.columns)
    later = {"spectral_distance", "n_train", "n_train_real", "sampling_bias", "budget"}
    assert later == set(table.columns[len(CONTRACT) :])


def test_every_evaluation_of_the_plan_is_listed_and_no_other(experiment, tiny_plan) -> None:
    listed = [entry["path"] for entry in evaluations.of(experiment)]
    planned = {path for path, node in tiny_plan.nodes.items() if node.kind == "evaluation"}
    assert len(listed) == len(set(listed))
    assert set(listed) == planned


def test_there_is_a_row_for_everything_measured_and_both_views(table) -> None:
    expected = {("real", seed, 0) for seed in (1, 2)}
    expected |= {(f"real-only/{n}", seed, 1) for n in ("full", "small") for seed in (1, 2)}
    expected |= set(itertools.product(LOOPS, (1, 2), (1, 2, 3)))
    found = list(table[["loop", "seed", "generation", "view"]].itertuples(index=False, name=None))
    assert len(found) == len(set(found)) == 2 * len(expected)
    assert set(found) == {(*row, view) for row in expected for view in ("output", "model")}
    assert table["loop"].tolist()[0] == "real"


def test_every_number_stands_in_its_row(table) -> None:
    for row in table.itertuples(index=False):
        for metric in METRICS:
            number = getattr(row, metric)
            if row.loop == "fully-synthetic" and row.generation > 1 and metric == "memorisation":
                assert math.isnan(number)
            else:
                expected = value(row.loop, row.seed, row.generation, row.view, metric)
                assert number == pytest.approx(expected, abs=1e-12)
        assert (row.n_samples, row.n_reference, row.n_train) == (40, 60, 60)
        assert row.n_train_real == row.generation
        biased = row.loop == "biased" and row.view == "output"
        assert row.sampling_bias == (0.5 if biased else 1.0)


def test_the_same_evaluations_are_the_same_bytes(root, experiment, tmp_path) -> None:
    write(tmp_path, evaluations.of(experiment))
    tables.write_csv(tmp_path, evaluations.of(experiment))
    verdicts.write(tmp_path, verdict_plan.asked(experiment))
    for name in ("metrics.csv", "metrics.json", "verdicts.csv"):
        assert (tmp_path / name).read_bytes() == (root / name).read_bytes()


def test_a_row_is_the_text_that_it_should_be(tmp_path) -> None:
    """Counts whole, metrics with their point, nothing for what is undefined, quotes where due."""
    measured = {"n_samples": 40, "n_reference": 60, "n_train": 7, "n_train_real": 0}
    headline = {"frechet_distance": 1, "precision": 0.1, "recall": None, "memorisation": 1e-7}
    entry = {"loop": "a", "seed": 1, "generation": 2, "sampling_bias": 0.5, "path": "metrics.json"}
    view = measured | headline | {"added": {"ours": 3, 'a "word", or two': None}}
    store.write_json(tmp_path / entry["path"], {"output": view, "model": view})
    tables.write_csv(tmp_path, [entry | {"budget": "1 step, alone"}])
    assert (tmp_path / "metrics.csv").read_text(encoding="utf-8").splitlines() == [
        "loop,seed,generation,view,n_samples,n_reference,frechet_distance,precision,recall,"
        'memorisation,n_train,n_train_real,sampling_bias,budget,"a ""word"", or two",ours',
        'a,1,2,output,40,60,1.0,0.1,,1e-07,7,0,0.5,"1 step, alone",,3.0',
        'a,1,2,model,40,60,1.0,0.1,,1e-07,7,0,1.0,"1 step, alone",,3.0',
    ]
    text = (tmp_path / entry["path"]).read_text(encoding="utf-8")
    (tmp_path / entry["path"]).write_text(text.replace("1e-07", "NaN"), encoding="utf-8")
    with pytest.raises(UserError, match=r"metrics\.json: not valid JSON: NaN is no number"):
        tables.write_csv(tmp_path, [entry | {"budget": ""}])


def test_metrics_json_is_the_mean_of_the_last_generation(root) -> None:
    content = store.read_json(root / "metrics.json")
    assert content.keys() == PLACES.keys()
    for loop, found in content.items():
        last = {"real": 0, "real-only/full": 1, "real-only/small": 1}.get(loop, 3)
        assert found["generation"] == last
        for metric in METRICS:
            if (loop, metric) == ("fully-synthetic", "memorisation"):
                assert metric not in found
                continue
            means = {
                view: sum(value(loop, seed, last, view, metric) for seed in (1, 2)) / 2
                for view in ("output", "model")
            }
            assert found[metric] == pytest.approx(means["output"], abs=1e-12)
            if loop == "biased":
                assert found["model"][metric] == pytest.approx(means["model"], abs=1e-12)
        assert ("model" in found) == (loop == "biased")


def test_a_mean_over_seeds_leaves_out_the_undefined_ones(table) -> None:
    gaps = table.copy()
    gaps.loc[(gaps["loop"] == "fresh") & (gaps["seed"] == 1), "recall"] = math.nan
    read = tables.Metrics(gaps.to_dict("records"))
    found = tables.last_generation(read)["fresh"]["recall"]
    assert found == pytest.approx(value("fresh", 2, 3, "output", "recall"))


def test_a_missing_evaluation_is_named(experiment, tmp_path) -> None:
    entries = evaluations.of(experiment)
    write(tmp_path, entries)
    (tmp_path / entries[5]["path"]).unlink()
    with pytest.raises(UserError, match="cannot be read: No such file"):
        tables.write_csv(tmp_path, entries)
    assert not (tmp_path / "metrics.csv").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("", "cannot be read"),
        ("a,b\n1,2\n", "its columns are not those of this version"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_what_is_no_table_is_named(content, message, tmp_path) -> None:
    file = tmp_path / "metrics.csv"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as raised:
        tables.read(tmp_path)
    assert str(raised.value).startswith(f"{file}: {message}")


@pytest.mark.parametrize("value", ["", "1.5", "True"])
@pytest.mark.parametrize("name", ["seed", "generation"])
def test_a_row_of_no_seed_or_generation_is_refused(name, value, root, tmp_path) -> None:
    head, first, *others = (root / "metrics.csv").read_text().splitlines()
    cells = dict(zip(head.split(","), first.split(","), strict=True)) | {name: value}
    (tmp_path / "metrics.csv").write_text("\n".join([head, ",".join(cells.values()), *others]))
    with pytest.raises(UserError, match=rf"metrics\.csv: column {name} must hold "):
        tables.metrics(tmp_path)


def test_a_loop_without_rows_is_named(root) -> None:
    with pytest.raises(UserError, match=r"^metrics\.csv: has no row of nobody, view model; run "):
        tables.metrics(root).of("nobody", "model")


@pytest.mark.parametrize("name", ["NA", "null", "nan", "None", "1", "true", "1e5"])
def test_a_loop_may_have_any_allowed_name(name, tmp_path) -> None:
    """pandas takes some words for missing values, and some for numbers."""
    content = tiny_content()
    content["loops"] = {name: content["loops"]["fresh"]}
    experiment = plan_of(content).experiment
    entries = [
        entry | {"loop": "fresh" if entry["loop"] == name else entry["loop"]}
        for entry in evaluations.of(experiment)
    ]
    write(tmp_path, entries)
    tables.write_csv(tmp_path, evaluations.of(experiment))
    table = tables.read(tmp_path)
    assert (table["loop"] == name).sum() == 2 * 3 * 2
    assert table["memorisation"].notna().all()
    assert name in summary.text(tmp_path, experiment)
    verdicts.write(tmp_path, verdict_plan.asked(experiment))
    assert f"  {name}: undecided" in verdict_summary.text(tmp_path, experiment)


def block(text: str, title: str) -> list[str]:
    """The lines of one metric's table."""
    lines = text.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(title))
    end = next((p for p in range(start, len(lines)) if not lines[p]), len(lines))
    return lines[start:end]


def titles() -> list[str]:
    return [title.format(space="LeNet") for title in summary.TITLES.values()]


def test_the_summary_begins_with_the_budget_and_each_table_with_its_baseline(
    root, experiment
) -> None:
    text = summary.text(root, experiment)
    first = text.splitlines()[0]
    for part in ("tiny", "3 generations", "seeds 1, 2", "3 steps of 16", "40 samples", "60 held"):
        assert part in first
    for title in titles():
        lines = block(text, title)
        assert lines[0].endswith("real against real over random cuts: 9.25 ± 0.75")
        assert lines[1].split() == ["real", "1", "2", "3"]
        names = [line.partition("  ")[0] for line in lines[2:]]
        assert names == [
            "real images", "real-only/full (60 images)", "real-only/small (40 images)",
            "fully-synthetic", "biased", "biased, sampled at λ = 1", "augmentation", "fresh",
        ]  # fmt: skip


def test_the_summarys_cells_are_mean_and_spread_over_seeds(root, experiment) -> None:
    lines = block(summary.text(root, experiment), titles()[0])
    cells = {line.partition("  ")[0]: line for line in lines[2:]}
    # fresh is loop 6: 6.1 to 6.3 and two seeds 0.001 apart.
    assert cells["fresh"].split() == ["fresh", "6.10", "±", "0.00", "6.20", "±", "0.00", "6.30",
                                      "±", "0.00"]  # fmt: skip
    assert cells["biased"].split()[-3] == "4.30"
    assert cells["biased, sampled at λ = 1"].split()[-3] == "4.35"
    assert cells["real images"].split() == ["real", "images", "0.00"]


def test_the_real_row_has_no_spread_over_seeds(root, experiment) -> None:
    """Its seeds are orders of one split; the spread is that of the random cuts, in the title."""
    text = summary.text(root, experiment)
    for title in titles():
        cells = {line.partition("  ")[0]: line for line in block(text, title)[2:]}
        assert "±" not in cells.pop("real images")
        assert all("±" in line for line in cells.values())


def test_one_seed_is_said_to_decide_nothing(root) -> None:
    one = plan_of(changed(("seeds", [1]))).experiment
    assert "One seed decides nothing" in summary.text(root, one)
    two = plan_of(tiny_content()).experiment
    assert "One seed decides nothing" not in summary.text(root, two)


def test_a_figure_says_its_budget(experiment) -> None:
    assert in_words.budget_line(experiment) == "tiny: 3 steps of 16, 2 seeds"
    edits = [(f"loops.{name}.train", {"steps": 6}) for name in ("fresh", "biased")]
    other = plan_of(changed(*edits)).experiment
    assert in_words.budget_line(other).startswith("tiny: 3 steps of 16 (2 loops otherwise), ")
    assert in_words.budget_line(experiment, "biased") == (
        "biased: λ = 0.5, 60 real images, then 0 real and 60 synthetic, 3 steps of 16"
    )


def test_the_baselines_spread_is_read_from_the_real_evaluation(root) -> None:
    assert evaluated.resplits(root, 2)["recall"] == {
        "mean": 9.25, "sd": 0.75, "low": 8.0, "high": 10.5,
    }  # fmt: skip
