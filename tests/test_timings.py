"""What jobs took: read off Snakemake's benchmark files, as a table and as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from autophagy import cli, timings
from autophagy.errors import UserError
from autophagy.page import render
from conftest import TESTS

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
#: Benchmark file -> its rule, seconds, MB.
FILES = {
    "loops/fresh/seed-1/gen-002/train": ("train", 30.0, 500.0),
    "loops/fresh/seed-2/gen-002/train": ("train", 50.0, 300.0),
    "loops/fresh/seed-1/gen-003/train": ("train", 20.0, 200.0),
    "loops/fresh/record": ("record", 0.2, None),
    "real-only/full/seed-1/sample": ("sample", 4.0, 250.0),
    "evaluation/real/seed-1": ("evaluate_real", 1.0, 90.0),
    "evaluation/fresh/seed-1/gen-002": ("evaluate", 2.0, 90.0),
    "figures/grid-fresh-seed-1": ("draw_grid", 1.0, 80.0),
    "real/loop": ("real", 1.0, 80.0),
    "theory/a/part-000.csv": ("theory_part", 3.0, 70.0),
    "audit": ("audit", 1.0, 70.0),
}


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    for name, (_, seconds, memory) in FILES.items():
        file = tmp_path / "logs/tiny/benchmarks" / f"{name}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        told = "-" if memory is None else memory
        row = [seconds, "0:00:01", told, told, told, told, 0, 0, 9, seconds / 2]
        file.write_text(HEADER + "\n" + "\t".join(map(str, row)) + "\n")
    return tmp_path / "logs/tiny"


def test_every_file_is_a_job_of_its_rule(logs) -> None:
    found = timings.jobs(logs).set_index("name")
    assert {name: found.loc[name, "rule"] for name in FILES} == {
        name: rule for name, (rule, _, _) in FILES.items()
    }
    train = found.loc["loops/fresh/seed-1/gen-002/train"]
    assert (train["loop"], train["generation"], train["seconds"], train["cpu"], train["MB"]) == (
        "fresh", 2, 30.0, 15.0, 500.0
    )  # fmt: skip
    assert found.loc["evaluation/real/seed-1", "loop"] == ""


def test_tables_are_sums_and_medians(logs) -> None:
    found = timings.jobs(logs)
    train = timings.by_rule(found).loc["train"]
    assert train.to_dict() == {
        "jobs": 3, "median s": 30.0, "longest s": 50.0, "all s": 100.0, "most MB": 500.0
    }  # fmt: skip
    assert timings.by_rule(found).index[0] == "train"
    assert timings.by_loop(found).loc["fresh", "all s"] == pytest.approx(102.2)
    assert "all jobs: 113 s" in timings.told(found)


def test_the_page_has_a_chart_a_step_and_escapes(logs) -> None:
    found = timings.page(timings.jobs(logs), "<b>x")
    [train] = [step for step in found["data"]["steps"] if step["rule"] == "train"]
    assert train["loops"]["fresh"] == {"x": [2, 3], "seconds": [40.0, 20.0], "MB": [500.0, 200.0]}
    page = render.page("timings.html", **found)
    assert "<b>x" not in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page.replace(render._charting(), ""))


def test_the_command_writes_the_page_beside_the_logs(logs, monkeypatch, capsys) -> None:
    monkeypatch.chdir(logs.parents[1])
    assert cli.main(["timings", str(TESTS / "configs" / "tiny.yaml")]) == 0
    assert "page: logs/tiny/timings.html" in capsys.readouterr().out
    assert (logs / timings.PAGE).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert cli.main(["timings", "--json", str(TESTS / "configs" / "tiny.yaml")]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(FILES)


def test_without_benchmarks_it_is_one_line(tmp_path) -> None:
    with pytest.raises(UserError, match="holds no benchmark files; run the workflow first"):
        timings.jobs(tmp_path)


@pytest.mark.parametrize("content", ["", "x\n1\n", HEADER + "\nx\ty\n", HEADER + "\n" * 3])
def test_a_file_that_is_no_benchmark_is_named(tmp_path, content) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "train.tsv").write_text(content)
    with pytest.raises(UserError, match=r"train\.tsv: is no benchmark file"):
        timings.jobs(tmp_path)
