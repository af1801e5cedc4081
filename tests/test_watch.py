"""The live view, on recorded logs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from autophagy import cli, evaluated, manifests, paths, store, watch
from autophagy.watch import FAILED, MEASURED, RUNNING, SAMPLED, TRAINED, WAITING
from conftest import TESTS
from rich.console import Console


@pytest.fixture
def half(tiny_experiment, tmp_path) -> tuple[Path, Path]:
    """Results and logs of a run that has come to generation 2 of its loops."""
    root, logs = tmp_path / "results/tiny", tmp_path / "logs/tiny"
    shutil.copytree(tiny_experiment.root, root)
    for name in tiny_experiment.plan.experiment.loops:
        shutil.rmtree(root / f"loops/{name}/seed-1/gen-003", ignore_errors=True)
        for t in (2, 3):
            path = root / paths.evaluation_path(name, 1, t)
            path.with_name(path.name + ".manifest.json").unlink()
    for name in ("fully-synthetic", "biased", "augmentation"):
        (logs / f"loops/{name}/seed-1/gen-003").mkdir(parents=True)
    return root, logs


def seen(tiny_experiment, half) -> dict[str, list[watch.Cell]]:
    return {name: cells for (name, _), cells in watch.grid(tiny_experiment.plan, *half).items()}


def test_what_is_on_disk_is_the_state(tiny_experiment, half) -> None:
    found = seen(tiny_experiment, half)
    assert [cell.state for cell in found["fresh"]] == [MEASURED, SAMPLED, WAITING]
    assert [cell.state for cell in found["real-only/full"]] == [MEASURED]
    assert set(found["fresh"][0].metrics) == {"frechet_distance", "precision", "recall"}


def test_logs_tell_what_runs(tiny_experiment, half) -> None:
    _, logs = half
    gen = "seed-1/gen-003"
    (logs / f"loops/biased/{gen}/mix.log").write_text("100/100 , done in 0 s\n")
    (logs / f"loops/biased/{gen}/train.log").write_text(
        "400/1000 loss 0.3071, 22 s left\n650/1000 loss 0.2913, 14 s left\n"
    )
    (logs / f"loops/augmentation/{gen}/train.log").write_text("")
    (logs / f"loops/fully-synthetic/{gen}/train.log").write_text(
        "90/1000 loss 0.5\nfailed: the loss is not finite\n"
    )
    found = seen(tiny_experiment, half)
    running = watch.Cell(RUNNING, "train", 650, 1000, "loss 0.2913", "14 s")
    assert found["biased"][2] == running
    assert found["augmentation"][2] == watch.Cell(RUNNING, "train")
    assert found["fully-synthetic"][2].state == FAILED
    assert found["fully-synthetic"][2].note == "failed: the loss is not finite"


def test_a_finished_jobs_log_is_no_running_job(tiny_experiment, half) -> None:
    root, logs = half
    made = manifests.path_of("loops/biased/seed-1/gen-003/model")
    (root / made).parent.mkdir(parents=True)
    shutil.copy(tiny_experiment.root / made, root / made)
    log = logs / "loops/biased/seed-1/gen-003/train.log"
    log.write_text("1000/1000 loss 0.2, done in 40 s\n")
    assert seen(tiny_experiment, half)["biased"][2] == watch.Cell(TRAINED)


def test_the_table_tells_it_all(tiny_experiment, half) -> None:
    root, logs = half
    log = logs / "loops/biased/seed-1/gen-003/train.log"
    log.write_text("650/1000 loss 0.2913, 14 s left\n")
    console = Console(width=120, record=True, force_terminal=False)
    console.print(watch.table(watch.grid(tiny_experiment.plan, root, logs), "tiny"))
    text = console.export_text()
    assert "train 65%" in text
    assert "train biased seed 1 generation 3: 650/1000 loss 0.2913, 14 s left" in text
    assert "6 of 14 generations measured" in text


def test_it_writes_nothing(tiny_experiment, half, capsys) -> None:
    root, logs = half
    before = sorted((path, path.stat().st_mtime_ns) for path in root.parent.parent.rglob("*"))
    watch.watch(tiny_experiment.plan, root, logs, once=True)
    assert "generations measured" in capsys.readouterr().out
    assert before == sorted((p, p.stat().st_mtime_ns) for p in root.parent.parent.rglob("*"))


def test_points_have_generations_to_watch(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "config").mkdir()
    shutil.copy(TESTS / "configs/points.yaml", tmp_path / "config/config.yaml")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["watch", "--once"]) == 0
    assert "0 of 11 generations measured" in capsys.readouterr().out


def test_of_a_damaged_evaluation_nothing_is_shown(tmp_path) -> None:
    file = tmp_path / "metrics.json"
    for damaged in ({"frechet_distance": "x"}, {"recall": [1]}, {}):
        view = dict.fromkeys(evaluated.HEADLINE, 1.0) | damaged
        store.write_json(file, {"output": view, "model": view} if damaged else [])
        assert watch._metrics(file) is None
    undefined = dict.fromkeys(evaluated.HEADLINE)
    store.write_json(file, {"output": undefined, "model": undefined})
    assert watch._metrics(file) == {}
