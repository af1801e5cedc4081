"""What only a CUDA card can show; skipped where there is none."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import yaml
from autophagy import cards, devices, features, layout, manifests, models, paths, seeds, store
from autophagy.errors import UserError
from autophagy.metrics.frechet import frechet_distance
from autophagy.metrics.kernel import kernel_distance
from autophagy.metrics.neighbours import prdc
from autophagy.models import acceleration
from autophagy.models.base import TrainingData
from autophagy.models.checkpoints import Checkpoint
from conftest import REPOSITORY, TESTS, changed, make, plan_of, quiet
from project import run
from test_families import OPTIONS, points

DEVICE = "cuda"
#: Before a test takes one of them.
SEEN = cards.visible()
pytestmark = pytest.mark.skipif(not cards.present(), reason="no CUDA card is visible here")


def tiny(*edits: tuple[str, Any]) -> dict[str, Any]:
    """tests/configs/tiny.yaml with one seed and two loops, on the card."""
    content = changed(*edits) | {"device": DEVICE, "seeds": [1], "generations": 2}
    loops = ("biased", "augmentation")
    return content | {"loops": {name: content["loops"][name] for name in loops}}


def latent() -> dict[str, Any]:
    return yaml.safe_load((TESTS / "configs" / "latent.yaml").read_text()) | {"device": DEVICE}


def of_family(name: str) -> dict[str, Any]:
    """An experiment of a family of `test_families`, on the card."""
    base = tiny() if models.kinds(name) == ("images",) else _points()
    model, train, sample = OPTIONS[name]
    return base | {"model": {"family": name, **model}, "train": train, "sample": sample}


def _points() -> dict[str, Any]:
    return yaml.safe_load((TESTS / "configs" / "points.yaml").read_text()) | {"device": DEVICE}


def _until_flat() -> dict[str, Any]:
    train = tiny()["train"]
    del train["steps"]
    rule = {"held_out": 0.25, "interval": 2, "patience": 2, "tolerance": 0.01, "max_steps": 8}
    return train | {"until_flat": rule}


EXPERIMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "ddpm": tiny,
    "ddpm in parts, activations computed again": lambda: tiny(
        ("train.accumulate", 4), ("model.checkpointing", True)
    ),
    "ddpm with attention": lambda: tiny(("model.attention", True)),
    "ddpm, every draw's own noise": lambda: tiny(
        ("sample.scheduler", "ancestral"), ("sample.steps", 5)
    ),
    "ddpm until its held-out loss is flat": lambda: tiny(("train", _until_flat())),
    "a random feature network and a second one": lambda: tiny(("evaluate.second", "lenet_random")),
    "latent": latent,
    "gan": lambda: of_family("gan"),
    "flow": lambda: of_family("flow"),
    "gaussian": lambda: of_family("gaussian"),
}


@pytest.fixture(autouse=True)
def graphs(monkeypatch) -> None:
    """What is meant to be a CUDA graph is one; elsewhere a fallback is no failure but a remark."""
    captured = acceleration.Replayed._captured

    def must(self: acceleration.Replayed, arguments: tuple[Any, ...]) -> Any:
        heard: list[str] = []
        monkeypatch.setattr(self, "say", heard.append)
        found = captured(self, arguments)
        assert found is not None, heard
        return found

    monkeypatch.setattr(acceleration.Replayed, "_captured", must)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_run_on_a_card_is_the_same_bytes_again(name, tmp_path) -> None:
    """Every artifact of an experiment: models, sample sets, previews, evaluations, manifests."""
    plan = plan_of(EXPERIMENTS[name]())
    made = []
    for folder in ("one", "two"):
        make(plan, tmp_path / folder, lambda path: plan.nodes[path].step != "report")
        made.append(store.hashes(tmp_path / folder))
    assert made[0] == made[1]
    models_made = [path for path, node in plan.nodes.items() if node.kind == "model"]
    used = {manifests.read(tmp_path / "one", path)["device"] for path in models_made}
    # A Gaussian is fitted by numpy.
    assert used == {"cpu" if name == "gaussian" else DEVICE}


def test_the_workflow_runs_on_a_card_and_passes_its_audit(tmp_path) -> None:
    """Snakemake with four cores and one card, for which jobs of networks wait."""
    for name in ("Snakefile", "rules", "workflow", "profiles", "config"):
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, tmp_path / name)
    content = tiny()
    del content["loops"]["biased"]
    (tmp_path / "config" / "config.yaml").write_text(yaml.safe_dump(content))
    # Tokens of its own: this process holds the card's.
    (tmp_path / "tmp").mkdir()
    command = (sys.executable, "-m", "snakemake", "--cores", "4", "--verbose")
    told = run(tmp_path, *command, TMPDIR=str(tmp_path / "tmp"))
    results = tmp_path / "results" / content["experiment"]
    assert json.loads((results / "audit.json").read_text())["findings"] == []
    assert (results / "report.html").is_file()
    assert re.search(r"resources:.*gpu=1", told.stdout + told.stderr)


def test_a_training_killed_on_a_card_goes_on_to_the_same_bytes(tmp_path) -> None:
    class Killed(BaseException):
        pass

    class Every(Checkpoint):
        def due(self) -> bool:
            return True

        def save(self, step, parts) -> None:
            super().save(step, parts)
            if step == 3:
                raise Killed

    whole = _fitted()
    with pytest.raises(Killed):
        _fitted(Every(tmp_path, "work"))
    heard: list[str] = []
    again = _fitted(Checkpoint(tmp_path, "work"), lambda done, total, note: heard.append(note))
    assert "resumed at step 3 of 6" in heard
    for one, two in zip(_weights(whole), _weights(again), strict=True):
        assert (one == two).all()


def _fitted(checkpoint: Checkpoint | None = None, report=quiet, size: int = 8, **train) -> Any:
    devices.prepare(1, DEVICE)
    images = np.random.default_rng(0).integers(0, 17, (12, size, size, 1), dtype=np.uint8)
    data, content = TrainingData(images, np.arange(12) % 3, 17, 3), tiny()
    asked = content["train"] | {"steps": 6} | train
    return models.module("ddpm").fit(data, content["model"], asked, 1, DEVICE, report, checkpoint)


def _weights(model: Any) -> list[np.ndarray]:
    return [p.detach().cpu().numpy() for p in model.pipeline.unet.parameters()]


def test_features_and_metrics_are_those_of_the_cpu(tmp_path) -> None:
    """Features of one network within 1e-3, metrics of the same features to 1e-9."""
    plan = plan_of(tiny() | {"device": "cpu"})
    path = layout.network_path(plan.experiment)
    make(plan, tmp_path, lambda chosen: chosen == path)
    devices.prepare(1, DEVICE)
    draws = np.random.default_rng(3)
    pictures = draws.integers(0, 17, (200, 8, 8, 1)).astype(np.uint8)
    network = features.module("lenet")
    here, there = (network.load(tmp_path / path, device)(pictures)[0] for device in (DEVICE, "cpu"))
    assert np.linalg.norm(here - there) <= 1e-3 * np.linalg.norm(there)
    a, b = points(300, 16).points.astype(np.float64), points(250, 16, 1).points.astype(np.float64)
    b[:9] = a[:9]
    assert prdc(a, b, 5, DEVICE) == pytest.approx(prdc(a, b, 5), abs=1e-12)
    assert kernel_distance(a, b, DEVICE) == pytest.approx(kernel_distance(a, b), rel=1e-9)
    assert frechet_distance(a, b) > 0


@pytest.fixture
def little() -> Iterator[None]:
    """A card of which this process may use 256 MiB."""
    devices.prepare(1, DEVICE)
    import torch

    devices.release()
    torch.cuda.set_per_process_memory_fraction(2**28 / torch.cuda.mem_get_info()[1])
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_sampling_goes_on_with_what_the_card_has_room_for(little, tmp_path) -> None:
    plan = plan_of(tiny(("sample.batch_size", 60_000)))
    folder = paths.real_only_folder("full", 1)
    make(plan, tmp_path, lambda path: path.startswith(folder))
    size = manifests.read(tmp_path, f"{folder}/samples")["facts"]["batch_size"]
    assert 1 <= size < 60_000
    # Another batch draws the same pictures up to rounding.
    other = tmp_path / "other"
    make(plan_of(tiny()), other, lambda path: path.startswith(folder))
    few, whole = (np.load(root / folder / "samples" / "images.npy") for root in (tmp_path, other))
    assert (np.abs(few.astype(int) - whole.astype(int)) > 1).mean() < 0.01


def test_a_training_that_does_not_fit_ends_in_one_line(little) -> None:
    with pytest.raises(UserError, match=r"^train\.batch_size: fitting the model needs more memory"):
        _fitted(size=32, batch_size=60_000)


def test_graphs_replay_what_is_called() -> None:
    """A sample set drawn without CUDA graphs has the same bits."""
    model = _fitted()
    labels, keys = np.arange(6) % 3, seeds.derive_rows(6, "test")
    options = {"scheduler": "dpm-solver++", "steps": 3, "batch_size": 4}
    replayed = model.sample(labels, keys, 0.5, options, quiet)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(acceleration.Execution, "repeated", lambda self, function, say=None: function)
        np.testing.assert_array_equal(model.sample(labels, keys, 0.5, options, quiet), replayed)


#: Prints the losses that a training tells, in a process that has taken no card yet.
CURVE = """
import json, sys
from pathlib import Path
from autophagy.steps import train
losses = []
def hear(done, total, note):
    if note.startswith("loss "):
        losses.append(float(note[5:]))
train.train(Path(sys.argv[1]), [json.loads(sys.argv[2])], hear)
print(json.dumps(losses))
"""


def test_two_processes_train_on_two_cards(tmp_path) -> None:
    """The loss curve of one process at the same global batch; `test_together` has it on a CPU."""
    if len(SEEN) < 2:
        pytest.skip("one card: two processes need two")
    (tmp_path / "tmp").mkdir()
    curves = []
    for count in (1, 2):
        plan = plan_of(tiny(("train.steps", 150), ("train.processes", count)))
        folder, root = paths.real_only_folder("full", 1), tmp_path / str(count)
        make(plan, root, lambda path, home=folder: path == f"{home}/training_set.parquet")
        told = run(
            REPOSITORY, sys.executable, "-c", CURVE, str(root),
            json.dumps(plan.record(f"{folder}/model")),
            # Tokens of its own, and every card: this process has taken one, and holds it.
            TMPDIR=str(tmp_path / "tmp"), **{cards.VISIBLE: ",".join(SEEN)},
        )  # fmt: skip
        curves.append(json.loads(told.stdout.splitlines()[-1]))
    assert len(curves[0]) == 3
    np.testing.assert_allclose(*curves, rtol=0.02)
