"""`make bench`: every row runs at toy size; storing, the 20% rule and the table are right."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))

import bench
from rows import ROWS, base, machine, page, stored
from rows.base import Line

#: Rows that run Snakemake or another program: minutes at any size, `make bench QUICK=1` tries them.
PROGRAMS = {"jobs", "workflow", "plan", "disk"}


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """What sides set in the process of their own that they have in a benchmark."""
    import torch

    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode("default")


@pytest.mark.parametrize("row", [row for row in ROWS if row not in PROGRAMS])
def test_a_row_runs_at_toy_size_and_gives_lines(row: str) -> None:
    module = importlib.import_module(f"rows.{row}")
    found = {side: [{"peak_mb": 1.0} | run(True, 0)] for side, run in module.SIDES.items()}
    lines = module.lines(found)
    assert lines
    assert all(line.value == line.value for line in lines)
    assert len({line.what for line in lines}) == len(lines)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_whole(row: str) -> None:
    module = importlib.import_module(f"rows.{row}")
    assert module.__doc__
    assert module.REPEATS >= 1
    assert all(map(callable, module.SIDES.values()))


def test_both_sides_of_the_metrics_agree() -> None:
    from rows import metrics

    found = {side: [run(True, 0)] for side, run in metrics.SIDES.items()}
    assert metrics.difference(found) < 1e-6


def line(value: float, better: str = "higher", reach: float | None = 3.0) -> Line:
    return Line("speed", "them", "1 s", "4 s", value, better, reach)


@pytest.mark.parametrize(
    ("better", "known", "value", "named", "recorded"),
    [
        ("higher", 4.0, 3.3, False, 4.0),
        ("higher", 4.0, 3.1, True, 4.0),
        ("higher", 4.0, 4.7, False, 4.0),
        ("higher", 4.0, 4.9, False, 4.9),
        ("lower", 1.0, 1.15, False, 1.0),
        ("lower", 1.0, 1.25, True, 1.0),
        ("lower", 1.0, 0.7, False, 0.7),
    ],
)
def test_what_is_worse_by_a_fifth_is_named_and_not_recorded(
    better: str, known: float, value: float, named: bool, recorded: float
) -> None:
    record = {"recorded": {"speed": known}, "lines": []}
    worse = stored.finish(record, [line(value, better)], accept=False)
    assert bool(worse) == named
    assert record["recorded"]["speed"] == recorded
    assert record["lines"][0]["value"] == value


def test_accepting_records_what_is_worse() -> None:
    record = {"recorded": {"speed": 4.0}, "lines": []}
    assert stored.finish(record, [line(1.0)], accept=True) == []
    assert record["recorded"] == {"speed": 1.0}


def test_the_first_value_is_recorded() -> None:
    record = {"recorded": {}, "lines": []}
    assert stored.finish(record, [line(1.0)], accept=False) == []
    assert record["recorded"] == {"speed": 1.0}


def test_what_is_stored_goes_on_where_it_was(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(stored, "CODE", ())
    here = {"processor": "one"}
    record = stored.begun("step", here, False, tmp_path)
    record["found"] = {"ours": [{"cpu": 1.0}]}
    stored.write("step", record, tmp_path)
    again = stored.begun("step", here, False, tmp_path)
    assert again["found"] == {"ours": [{"cpu": 1.0}]}
    assert stored.missing(again["found"], ["ours", "plain"], 2) == ["plain", "ours", "plain"]
    # Other code or another machine measure anew, and keep what is recorded.
    record["recorded"] = {"speed": 2.0}
    stored.write("step", record, tmp_path)
    for fresh, where in ((True, here), (False, {"processor": "other"})):
        anew = stored.begun("step", where, fresh, tmp_path)
        assert (anew["found"], anew["recorded"]) == ({}, {"speed": 2.0})


def test_a_change_of_code_is_another_state(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(stored, "REPOSITORY", tmp_path)
    monkeypatch.setattr(stored, "CODE", ("code",))
    (tmp_path / "code").mkdir()
    (tmp_path / "code/a.py").write_text("a = 1\n")
    first = stored.state({})
    assert stored.state({}) == first
    (tmp_path / "code/a.py").write_text("a = 2\n")
    assert stored.state({}) != first


def test_the_benchmark_stores_each_run_and_names_the_worse(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    runs: list[tuple[str, str, int]] = []

    def run(row: str, side: str, turn: int, quick: bool) -> dict[str, object]:
        runs.append((row, side, turn))
        return {"cpu": 1.0, "w2": 2.0, "generations": 3, "peak_mb": 1.0}

    monkeypatch.setattr(bench, "_run", run)
    command = ["gaussians", "--store", str(tmp_path), "--quick"]
    assert bench.main(command) == 0
    assert len(runs) == 4
    assert bench.main(command) == 0
    assert len(runs) == 4
    record = stored.read("gaussians", tmp_path)
    record["recorded"] = dict.fromkeys(record["recorded"], 9.0)
    stored.write("gaussians", record, tmp_path)
    capsys.readouterr()
    assert bench.main(command) == 1
    assert capsys.readouterr().out.count("WORSE than recorded: Gaussian loop") == 2


def test_the_page_says_what_is_reached_and_what_is_missing() -> None:
    here = machine.described()
    rows = {
        "metrics": {"machine": here, "lines": [vars(line(4.0)), vars(line(2.0))]},
        "step": {"machine": here, "lines": []},
    }
    text = page.text(rows)
    assert "| speed | 1 s | them | 4 s | 4 | ≥ 3: reached |" in text
    assert "| 2 | ≥ 3: **not reached** |" in text
    assert "Not measured: step." in text
    assert here["processor"] in text
    assert here["libraries"]["numpy"] in text


def test_ratios_are_medians_over_pairs() -> None:
    found = {
        "ours": [{"s": 1.0}, {"s": 2.0}, {"s": 1.0}],
        "plain": [{"s": 4.0}, {"s": 8.0}, {"s": 9.0}],
    }
    assert base.ratio(found, "plain", "ours", "s") == 4.0


def test_a_made_up_archive_is_one_that_can_be_read(tmp_path) -> None:
    import lineage
    from autophagy import manifests

    plan = lineage.plan_of(generations=2, rows=40)
    lineage.make(plan, tmp_path, size=2, model_bytes=8)
    written = {path: manifests.read(tmp_path, path) for path in plan.nodes}
    assert {manifest["kind"] for manifest in written.values()} >= {
        "model",
        "real_set",
        "sample_set",
    }
