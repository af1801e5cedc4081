"""`make bench`: every row runs at toy size; storing, the 20% rule and the table are right."""

from __future__ import annotations

import dataclasses
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from autophagy import deferred
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))

import bench
from rows import ROWS, generations, jobs, machine, page, process, programs, recipe, states, stored
from rows.line import Line, ratio, sample

#: Rows that run Snakemake or another program: minutes at any size, a long test tries them.
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
    assert module.REPEATS >= page.ENOUGH or module.FEW
    assert all(map(callable, module.SIDES.values()))
    assert module.SECONDS.keys() == module.SIDES.keys()
    assert set(getattr(module, "ONCE", ())) <= module.SIDES.keys()


def test_the_whole_benchmark_fits_into_two_hours(tmp_path: Path, capsys) -> None:
    assert bench.main(["--list", "--store", str(tmp_path)]) == 0
    told = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in told[:-1]] == list(ROWS)
    assert int(re.search(r"about (\d+) min in all", told[-1])[1]) <= 120
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_every_row_runs_at_toy_size_as_its_command_does(tmp_path: Path, capsys) -> None:
    assert bench.main(["--quick", "--store", str(tmp_path)]) == 0
    assert {file.stem for file in tmp_path.glob("*.json")} == set(ROWS)
    records = {row: stored.read(row, tmp_path) for row in ROWS}
    assert all(record["lines"] for record in records.values())
    assert stored.lines_of(records["workflow"])[0].holds
    # Every rule of a run of the default is measured.
    rules = records["jobs"]["found"]["ours"][0]["rules"]
    assert set(jobs.TORCH) <= rules.keys()
    assert {"mix", "record", "real", "audit", "judge_loops", "write_page"} <= rules.keys()
    capsys.readouterr()
    # Nothing is left to run.
    assert bench.main(["--quick", "--list", "--store", str(tmp_path)]) == 0
    assert capsys.readouterr().err.count(" 0 runs left") == len(ROWS)


def test_both_sides_of_the_metrics_agree() -> None:
    from rows import metrics

    found = {side: [run(True, 0)] for side, run in metrics.SIDES.items()}
    assert metrics.difference(found) < 1e-6


HERE = machine.described()


def begun(recorded: dict[str, dict[str, float]]) -> dict[str, object]:
    """What is stored of a row, before its lines are."""
    found = {"ours": [{}] * 5, "plain": [{}] * 5}
    return {"recorded": recorded, "lines": [], "machine": HERE, "found": found}


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
    record = begun({stored.ANYWHERE: {"speed": known}})
    worse = stored.finish(record, [line(value, better)], accept=False)
    assert bool(worse) == named
    assert record["recorded"] == {stored.ANYWHERE: {"speed": recorded}}
    assert record["lines"][0]["value"] == value


def test_accepting_records_what_is_worse() -> None:
    record = begun({stored.ANYWHERE: {"speed": 4.0}})
    assert stored.finish(record, [line(1.0)], accept=True) == []
    assert record["recorded"] == {stored.ANYWHERE: {"speed": 1.0}}


def test_the_first_value_is_recorded() -> None:
    record = begun({})
    assert stored.finish(record, [line(1.0)], accept=False) == []
    assert record["recorded"] == {stored.ANYWHERE: {"speed": 1.0}}


def test_what_is_no_ratio_is_compared_on_its_own_machine_alone() -> None:
    seconds = Line("start", "", "", "", 9.0, "lower", 4.0, "s")
    assert machine.hardware(HERE | {"cores": 1}).startswith("1 core of ")
    here = machine.hardware(HERE)
    record = begun({"another": {"start": 1.0, "gone": 1.0}, here: {"gone": 1.0}})
    assert stored.finish(record, [seconds], accept=False) == []
    assert record["recorded"] == {"another": {"start": 1.0}, here: {"start": 9.0}}
    slower = dataclasses.replace(seconds, value=12.0)
    [worse] = stored.finish(record, [slower], accept=False)
    assert worse == "start: 12 s, recorded 9: 33% worse"


@pytest.mark.parametrize(
    ("value", "holds", "reached"),
    [(4.0, None, True), (4.0, True, True), (4.0, False, False), (2.0, True, False)],
)
def test_a_speed_reaches_only_with_its_quality(
    value: float, holds: bool | None, reached: bool
) -> None:
    assert dataclasses.replace(line(value), holds=holds).reached is reached
    assert dataclasses.replace(line(value, reach=None), holds=holds).reached is None


def test_distances_are_compared_within_their_spread_over_seeds() -> None:
    near, far = sample([1.0, 2.0, 3.0]), sample([5.0, 6.0, 7.0])
    # The standard error of the difference is √(1/3 + 1/3).
    assert far.above(near) == pytest.approx(4 / (2 / 3) ** 0.5)
    assert near.no_farther(far)
    assert not far.no_farther(near)
    assert sample([2.0, 3.0, 4.0]).no_farther(near)
    assert sample([2.0, 3.0, 4.0]).agrees(near)
    assert not near.agrees(far)
    # One seed says nothing of a spread; equal numbers agree without one.
    assert not sample([1.0]).no_farther(sample([2.0]))
    assert sample([1.0, 1.0]).agrees(sample([1.0, 1.0]))
    assert str(near) == "2.00 ± 1.00"
    assert str(sample([1.0])) == "1.00"


def test_the_flattened_distance_is_that_of_the_longest_training() -> None:
    steps, distance = recipe.flattened()
    page = (REPOSITORY / "docs/recipe.md").read_text()
    assert f"| {steps} | " in page
    assert f"{distance.mean:.2f} ± {distance.deviation:.2f}" in page
    assert steps == max(map(int, re.findall(r"^\| (\d+) \|", page, flags=re.M)))


def test_the_slowest_rule_of_a_run_is_told_unrounded_whatever_it_is() -> None:
    runs = [
        {
            "rules": {"train": 3.0, "mix": 0.54, "new": seconds, "draw_grid": 0.9},
            "drawing": {"draw_grid": 0.6}, "jobs": 3, "besides": 0.1,
        }
        for seconds in (0.2, 0.9, 0.58)
    ]  # fmt: skip
    bare = [{"seconds": seconds, "besides": seconds - 0.1} for seconds in (0.7, 0.6, 0.8)]
    torch, other, besides, whole, _ = jobs.lines({"ours": runs, "theirs": bare})
    assert torch.value == 3.0
    assert (other.value, other.reached) == (0.58, False)
    assert other.ours == "new 0.58 s, mix 0.54 s"
    assert (besides.value, besides.theirs, besides.reached) == (0.6, "0.60 s", False)
    assert (whole.ours, whole.theirs, whole.reached) == ("draw_grid 0.90 s", "0.70 s", None)


def test_what_is_done_again_is_timed_without_its_imports(tmp_path: Path) -> None:
    scripts = tmp_path / ".snakemake/scripts"
    scripts.mkdir(parents=True)
    (tmp_path / "slow.py").write_text("import time; time.sleep(1)")
    job = scripts / "tmp1.draw.py"
    job.write_text(
        "import sys, types; sys.path.append('.'); import slow\n"
        "snakemake = types.SimpleNamespace(rule='draw', log=['logs/x/draw.log'])"
    )
    done = programs.again(sys.executable, str(job), folder=tmp_path)
    assert done.keys() == {"logs/x/draw.log"}
    rule, seconds = done["logs/x/draw.log"]
    assert rule == "draw"
    assert seconds < 0.5
    # Snakemake itself is no script, and one that fails at its end has no time.
    (tmp_path / "program.py").write_text("import sys; assert sys.argv[0] == 'program.py'")
    with pytest.raises(SystemExit, match="none of its scripts ran again"):
        programs.again(sys.executable, "program.py", folder=tmp_path)


def test_a_chain_is_held_against_a_straight_line_through_its_first_two_thirds() -> None:
    # The first generation, which imports, does not count: thirds are 0 to 5, 6 to 11, 12 to 17.
    assert generations.straight([99.0, *range(18)]) == 14.5
    assert generations.straight([99.0, *(t**2 for t in range(18))]) == 2 * 72.5 - 6.5
    assert generations.parts([99.0, 9.0, 1.0, 2.0, 3.0, 4.0], 2) == [1.5, 3.5]


def test_what_is_stored_goes_on_where_it_was(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(states, "state", lambda row, machine: f"{row} on {machine}")
    here = {"processor": "one"}
    record = stored.begun("step", here, False, tmp_path)
    record["found"] = {"ours": [{"cpu": 1.0}]}
    stored.write("step", record, tmp_path)
    again = stored.begun("step", here, False, tmp_path)
    assert again["found"] == {"ours": [{"cpu": 1.0}]}
    assert stored.missing(again["found"], ["ours", "plain"], 2) == ["plain", "ours", "plain"]
    assert stored.missing(again["found"], ["ours", "plain"], 2, ("ours",)) == ["plain", "plain"]
    # Other code or another machine measure anew, and keep what is recorded.
    record["recorded"] = {"speed": 2.0}
    stored.write("step", record, tmp_path)
    for fresh, where in ((True, here), (False, {"processor": "other"})):
        anew = stored.begun("step", where, fresh, tmp_path)
        assert (anew["found"], anew["recorded"]) == ({}, {"speed": 2.0})


SOURCE = '''"""A row."""
from rows.line import Line
REPEATS = 5
def ours(quick, turn):
    """A side."""
    from rows import other
    return {"cpu": 1.0}
SIDES = {"ours": ours}
def lines(found):
    return []
'''


@pytest.fixture
def benchmarks(tmp_path: Path, monkeypatch) -> Path:
    """A folder of benchmarks with a row, what it imports, and what it does not."""
    folder = tmp_path / "rows"
    folder.mkdir()
    files = {"row": SOURCE, "other": "a = 1", "unrelated": "a = 1", "line": "a = 1", "process": ""}
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setattr(states, "BENCHMARKS", tmp_path)
    monkeypatch.setattr(states, "_library", lambda files: "")
    return folder


@pytest.mark.parametrize(
    ("file", "old", "new", "anew"),
    [
        ("row", "1.0", "2.0", True),
        ("other", "a = 1", "a = 2", True),
        ("process", "", "a = 1", True),
        ("row", "SIDES", "\n# A remark.\nSIDES", False),
        ("row", '"""A side."""', '"""What a side gives."""', False),
        ("row", "REPEATS = 5", "REPEATS = 3", False),
        ("row", "return []", "return [1]", False),
        ("row", "import Line", "import Line, ratio", False),
        ("line", "a = 1", "a = 2", False),
        ("unrelated", "a = 1", "a = 2", False),
    ],
)
def test_what_a_row_runs_decides_whether_it_is_measured_anew(
    benchmarks: Path, file: str, old: str, new: str, anew: bool
) -> None:
    place = benchmarks / f"{file}.py"
    first = states.state("row", {})
    states._tree.cache_clear()
    place.write_text(place.read_text().replace(old, new, 1))
    assert (states.state("row", {}) != first) == anew
    assert states.state("row", {"processor": "other"}) != first


def test_a_row_depends_on_the_library_that_it_reaches(monkeypatch) -> None:
    from autophagy import fingerprint

    seen: dict[str, set[str]] = {}
    for row in ("gaussians", "step", "generation", "jobs"):
        monkeypatch.setattr(
            fingerprint, "code_hash", lambda files, row=row: seen.setdefault(row, set(files)) and ""
        )
        states.state(row, {})
    assert "autophagy/theory/loops.py" in seen["gaussians"]
    assert "autophagy/models/ddpm_training.py" in seen["step"]
    for row in ("gaussians", "step"):
        assert "autophagy/steps/evaluate.py" not in seen[row]
    # Reached through tables: a model family, a feature network.
    assert {"autophagy/models/ddpm.py", "autophagy/features/lenet.py"} <= seen["generation"]
    assert "autophagy/page/render.py" not in seen["generation"]
    assert {"autophagy/page/render.py", "autophagy/features/lenet.py"} <= seen["jobs"]
    assert not any("benchmarks" in file for files in seen.values() for file in files)


def test_the_benchmark_stores_each_run_and_names_the_worse(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    runs: list[tuple[str, str, int]] = []

    def run(program: str, row: str, side: str, turn: int, quick: bool) -> dict[str, object]:
        runs.append((row, side, turn))
        numbers = {"cpu": 1.0, "w2": 2.0, "generations": 3}
        return numbers | {"peak_mb": 1.0, "whole_seconds": 2.0}

    monkeypatch.setattr(process, "run", run)
    command = ["gaussians", "--store", str(tmp_path), "--quick"]
    assert bench.main(command) == 0
    assert len(runs) == 4
    assert bench.main(command) == 0
    assert len(runs) == 4
    record = stored.read("gaussians", tmp_path)
    assert {line.runs for line in stored.lines_of(record)} == {1}
    record["recorded"] = {stored.ANYWHERE: dict.fromkeys(record["recorded"][stored.ANYWHERE], 9.0)}
    stored.write("gaussians", record, tmp_path)
    capsys.readouterr()
    assert bench.main(command) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("Toy sizes under the titles of the whole")
    assert printed.count("WORSE than recorded: Gaussian loop") == 2


def test_the_page_says_what_is_reached_and_what_is_missing() -> None:
    here = machine.described()
    rows = {
        "metrics": {"machine": here, "lines": [vars(line(4.0)), vars(line(2.0))]},
        "workflow": {"machine": here, "lines": [vars(line(4.0)) | {"holds": False, "runs": 1}]},
        "step": {"machine": here, "lines": []},
    }
    text = page.text(rows)
    assert "| speed | 1 s | them | 4 s | 4 | ≥ 3: reached |" in text
    assert "| 2 | ≥ 3: **not reached** |" in text
    assert "| 4 | ≥ 3: **not reached**, **quality not held** |  | 1 |" in text
    assert "Fewer than 5 runs a side: `workflow` 1 (" in text
    assert "Not measured: step." in text
    assert here["processor"] in text
    assert here["libraries"]["numpy"] in text


def test_ratios_are_medians_over_pairs() -> None:
    found = {
        "ours": [{"s": 1.0}, {"s": 2.0}, {"s": 1.0}],
        "plain": [{"s": 4.0}, {"s": 8.0}, {"s": 9.0}],
    }
    assert ratio(found, "plain", "ours", "s") == 4.0


@pytest.mark.parametrize(
    ("cores", "batches"),
    [
        (1, [["a"], ["b"], ["c"], ["a"], ["b"], ["c"]]),
        (2, [["a", "b"], ["c", "a"], ["b", "c"]]),
        (4, [["a", "b", "c"], ["a", "b", "c"]]),
    ],
)
def test_sides_run_at_once_on_no_more_than_the_cores(cores: int, batches: list) -> None:
    row = SimpleNamespace(SIDES=dict.fromkeys("abc"), REPEATS=2, TOGETHER=True)
    assert bench._left(row, {}, {"cores": cores}, quick=False) == batches
    row.TOGETHER = False
    assert bench._left(row, {}, {"cores": cores}, quick=False) == [[side] for side in "abcabc"]


@pytest.mark.parametrize(("farther", "told"), [(9.0, "more than 8.0 s"), (1.0, "8.0 s")])
def test_a_generation_that_is_not_as_near_took_more_than_its_time(
    farther: float, told: str
) -> None:
    from rows import generation

    def run(distance: float, cpu: float) -> dict[str, float]:
        parts = dict.fromkeys(("training_cpu", "sampling_cpu", "ancestral_cpu"), 1.0)
        quality = {"frechet_distance": distance, "precision": 1.0, "recall": 1.0}
        return parts | quality | {"ancestral_distance": distance, "cpu": cpu, "steps": 2}

    def seeds(distance: float, cpu: float) -> list[dict[str, float]]:
        return [run(distance + spread, cpu) for spread in (-0.1, 0.0, 0.1)]

    found = {"ours": seeds(1.0, 2.0), "plain": seeds(1.0, 4.0), "example": seeds(farther, 8.0)[:1]}
    whole, given = generation.lines(found)[:2]
    assert (whole.theirs, whole.value, given.value) == (told, 4.0, 2.0)


@pytest.mark.parametrize("prediction", ["v_prediction", "epsilon"])
def test_the_plain_way_trains_towards_what_its_network_predicts(
    prediction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It takes all of torch for granted, which another test's job may have deferred.
    deferred.whole()
    import plain_diffusers
    import torch

    model = {"timesteps": 10, "beta_schedule": "linear", "prediction": prediction}
    scheduler, seen = plain_diffusers.schedule(model), []

    class Network(torch.nn.Module):
        config = SimpleNamespace(num_class_embeds=11)

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(()))

        def forward(self, x, t, classes):
            seen.append((x, scheduler.alphas_cumprod[t][:, None, None, None]))
            return SimpleNamespace(sample=self.weight * x)

    def loss(predicted, target):
        seen[-1] += (target,)
        return predicted.mean()

    monkeypatch.setattr(torch.nn.functional, "mse_loss", loss)
    recipe = plain_diffusers.example_recipe(3, 2)
    white = np.full((4, 2, 2, 1), 255, np.uint8)
    data = plain_diffusers.Pictures(white, np.zeros(4, np.int64), 2)
    plain_diffusers.train(Network(), scheduler, data, recipe)
    assert len(seen) == 3
    for x, kept, target in seen:
        noise = (x - kept.sqrt()) / (1 - kept).sqrt()
        velocity = kept.sqrt() * noise - (1 - kept).sqrt()
        wanted = {"epsilon": noise, "v_prediction": velocity}[prediction]
        torch.testing.assert_close(target, wanted, atol=1e-5, rtol=1e-5)


def test_the_plain_sampler_takes_every_step_of_the_schedule() -> None:
    # It takes all of torch for granted, which another test's job may have deferred.
    deferred.whole()
    import plain_diffusers
    import torch

    asked: list[int] = []

    class Network:
        config = SimpleNamespace(sample_size=2, in_channels=1)

        def __call__(self, x, t, classes):
            asked.append(int(t))
            return SimpleNamespace(sample=torch.zeros_like(x))

    model = {"timesteps": 7, "beta_schedule": "linear", "prediction": "v_prediction"}
    drawn = plain_diffusers.sample(
        Network(), plain_diffusers.schedule(model), np.arange(3), 0, "cpu"
    )
    assert asked == [6, 5, 4, 3, 2, 1, 0]
    assert drawn.shape == (3, 2, 2, 1)


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
