"""One training by several processes: the same batches, the same loss, one model, no orphans."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from autophagy import cards, config, manifests
from autophagy import plan as planning
from autophagy.errors import UserError
from autophagy.models import checkpoints, ddpm, group
from autophagy.steps import together, train
from conftest import changed, child_environment, make, quiet

torch = pytest.importorskip("torch")
MODEL = "real-only/full/seed-1/model"
JOB = """
import json, sys
from pathlib import Path
from autophagy.steps.train import train
root, record = sys.argv[1], json.loads(sys.argv[2])
record["params"]["train"]["steps"] = 10**6
train(Path(root), [record], lambda *told: print(*told, flush=True))
"""


def test_what_libraries_print_is_not_taken_for_progress() -> None:
    told = []
    lines = ["hello\n", "5\n", '{"a": 1}\n', '{"progress": [1, 2, "x"]}\n', "null\n"]
    assert together._followed(iter(lines), lambda *words: told.append(words)) is None
    assert told == [(1, 2, "x")]
    assert together._followed(iter(['{"error": "no"}\n']), quiet) == "no"


def plan_with(processes: int | None) -> planning.Plan:
    edits = {"train.steps": 150, "seeds": [1]}
    if processes:
        edits["train.processes"] = processes
    return planning.build(config.parse(changed(*edits.items()), "config.yaml"))


@pytest.fixture(scope="module")
def training_set(tmp_path_factory) -> Path:
    """Where the training set of MODEL lies."""
    root = tmp_path_factory.mktemp("together")
    make(plan_with(None), root, lambda path: path == f"{Path(MODEL).parent}/training_set.parquet")
    return root


def weights(model) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.pipeline.unet.parameters()])


def losses_of(root: Path, processes: int | None, scratch: Path | None = None) -> list[str]:
    heard = []
    train.train(
        root, [plan_with(processes).record(MODEL)],
        lambda done, total, note: heard.append(note), scratch,
    )  # fmt: skip
    return heard


def test_two_processes_train_the_model_of_one(training_set, tmp_path, monkeypatch) -> None:
    """From a checkpoint on, which one process left; and what is made is made once."""
    root = training_set
    alone = losses_of(root, None)
    one = weights(ddpm.load(root / MODEL, "cpu"))
    monkeypatch.setattr(checkpoints, "EVERY", 0.0)
    monkeypatch.setattr(checkpoints, "TRAINING_PER_SAVING", 0)
    record = plan_with(2).record(MODEL)
    kept = checkpoints.Checkpoint(tmp_path, train._key(root, record))
    monkeypatch.setattr(train, "Checkpoint", lambda *_: kept)
    save = kept.save

    def killed(step, parts):
        save(step, parts)
        if step == 5:
            raise KeyboardInterrupt

    kept.save = killed
    with pytest.raises(KeyboardInterrupt):
        losses_of(root, None)
    monkeypatch.undo()
    heard = losses_of(root, 2, tmp_path)
    assert heard[0] == "resumed at step 5 of 150"
    one_curve, two_curve = ([float(note[5:]) for note in curve] for curve in (alone, heard[1:]))
    assert len(one_curve) == 3
    np.testing.assert_allclose(two_curve, one_curve, atol=1e-3)
    two = weights(ddpm.load(root / MODEL, "cpu"))
    assert 0 < (two - one).norm() / one.norm() < 1e-4
    assert not tmp_path.exists()
    assert manifests.read(root, MODEL)["params"]["train"]["processes"] == 2


@pytest.mark.long
def test_what_one_of_them_says_ends_all(training_set) -> None:
    record = plan_with(2).record(MODEL)
    record["params"]["train"] |= {"learning_rate": 1e38, "warmup_steps": 0}
    with pytest.raises(UserError, match=r"^train: the loss is nan at step \d+; lower"):
        train.train(training_set, [record], quiet)


def test_a_kill_of_the_job_reaches_all_of_them(training_set) -> None:
    record = plan_with(2).record(MODEL)
    job = subprocess.Popen(
        [sys.executable, "-c", JOB, str(training_set), json.dumps(record)],
        env=child_environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert job.stdout.readline().startswith("50 ")
    family = psutil.Process(job.pid).children(recursive=True)
    assert len([p for p in family if "autophagy.steps.together" in p.cmdline()]) == 3
    job.send_signal(signal.SIGKILL)
    job.communicate()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive


def test_shares_of_a_batch_are_the_batch() -> None:
    rows, noise = np.arange(6), np.arange(12).reshape(6, 2)
    shares = [group.Group(rank, 3).share((rows, noise)) for rank in range(3)]
    for place, whole in enumerate((rows, noise)):
        np.testing.assert_array_equal(np.concatenate([s[place] for s in shares]), whole)


def test_fewer_cards_than_processes_are_refused(monkeypatch) -> None:
    monkeypatch.setenv(cards.VISIBLE, "0")
    with pytest.raises(UserError, match=r"^train\.processes: 2 processes need a card each; 1 vis"):
        together.require_cards(2)


def test_two_trainings_never_wait_for_each_other_s_cards(monkeypatch, tmp_path) -> None:
    """Who gathers holds the turn: another one takes no card until the first has all."""
    monkeypatch.setattr(cards.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(cards, "INTERVAL", 0.01)
    monkeypatch.setenv(cards.VISIBLE, "0,1,2")
    single = cards._token("1")
    got: list[set[str]] = []

    def gather() -> None:
        held = cards.take_several(2)
        got.append(set(held))
        for token in held.values():
            token.close()

    first = cards.take_several(2)
    assert set(first) == {"0", "2"}
    waiting = [threading.Thread(target=gather) for _ in range(2)]
    for thread in waiting:
        thread.start()
    time.sleep(0.1)
    assert got == []
    for token in (single, *first.values()):
        token.close()
    for thread in waiting:
        thread.join(10)
    assert [len(held) for held in got] == [2, 2]


def test_without_the_launcher_the_key_is_refused(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(UserError, match=r"train\.processes: needs the package accelerate"):
        plan_with(2)
    plan_with(None)


def test_a_training_of_several_is_started_by_its_step() -> None:
    with pytest.raises(RuntimeError, match="started by the step"):
        group.join(2, "cpu")
