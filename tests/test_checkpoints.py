"""A training killed anywhere goes on from its checkpoint, and ends with the same bytes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from autophagy import job, layout, manifests, store
from autophagy.models import checkpoints, ddpm
from autophagy.models.base import TrainingData
from autophagy.models.checkpoints import INDEX, Checkpoint
from autophagy.steps.train import train
from conftest import REPOSITORY, child_environment, quiet, tiny_content
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

STEPS = 12
MODEL = tiny_content()["model"]
TRAIN = tiny_content()["train"] | {"steps": STEPS, "batch_size": 5, "weight_decay": 0.01}
MODEL_PATH = "loops/fresh/seed-1/gen-002/model"


class Killed(BaseException):
    """What no `except Exception` hears, like a signal."""


class Script(Checkpoint):
    """Saves every `n` steps, and is killed at a moment of a step."""

    def __init__(self, folder: Path, n: int = 3, kill: int = 0, moment: str = "", **others) -> None:
        super().__init__(folder, "the work", **others)
        self.n, self.kill, self.moment, self.saved = n, kill, moment, []

    def resume(self, parts, device):
        self.done = self.first = super().resume(parts, device)
        return self.first

    def due(self) -> bool:
        self.done += 1
        if (self.done, "before saving") == (self.kill, self.moment):
            raise Killed
        return self.done % self.n == 0

    def save(self, step, parts) -> None:
        if (step, "while saving") == (self.kill, self.moment):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(store, "write_json", self._killed)
                super().save(step, parts)
        super().save(step, parts)
        self.saved.append(step)
        if (step, "after saving") == (self.kill, self.moment):
            raise Killed

    def _killed(self, *_) -> None:
        raise Killed


def fit(checkpoint: Checkpoint | None = None, report=quiet, **changes):
    torch.use_deterministic_algorithms(True)
    images = np.random.default_rng(0).integers(0, 17, (12, 8, 8, 1), dtype=np.uint8)
    data = TrainingData(images, np.arange(12) % 3, 17, 3)
    return ddpm.fit(data, MODEL, TRAIN | changes, 1, "cpu", report, checkpoint)


def hashes(model, folder: Path) -> dict[str, str]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.save(folder)
    return store.hashes(folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, str]:
    """The files of a training that nothing disturbed and that kept nothing."""
    return hashes(fit(), tmp_path_factory.mktemp("whole") / "model")


def killed(scratch: Path, step: int, moment: str, n: int = 3) -> Script:
    script = Script(scratch, n, step, moment)
    with pytest.raises(Killed):
        fit(script)
    return script


@pytest.mark.parametrize(
    ("step", "moment", "resumed"),
    [
        (1, "before saving", 0),
        (3, "before saving", 0),
        (3, "while saving", 0),
        (3, "after saving", 3),
        (4, "before saving", 3),
        (6, "before saving", 3),
        (6, "while saving", 3),
        (6, "after saving", 6),
        (11, "before saving", 9),
        (12, "before saving", 9),
        (12, "after saving", 12),
    ],
)
def test_a_killed_training_ends_with_the_same_bytes(step, moment, resumed, whole, tmp_path) -> None:
    killed(tmp_path / "scratch", step, moment)
    again, heard = Script(tmp_path / "scratch"), []
    model = fit(again, lambda done, total, note: heard.append((done, note)))
    assert again.first == resumed
    said = [(0, f"resumed at step {resumed} of {STEPS}")] if resumed else []
    assert [entry for entry in heard if "loss" not in entry[1]] == said
    assert hashes(model, tmp_path / "model") == whole


@settings(derandomize=True, max_examples=12)
@given(
    kills=st.lists(
        st.tuples(
            st.integers(1, STEPS), st.sampled_from(["before", "while", "after"]), st.integers(1, 5)
        ),
        min_size=2,
        max_size=4,
    )
)
def test_kills_in_a_row_and_other_intervals_change_nothing(kills, whole, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("kills")
    for step, moment, n in kills:
        with suppress(Killed):
            fit(Script(folder / "scratch", n, step, f"{moment} saving"))
    assert hashes(fit(Script(folder / "scratch")), folder / "model") == whole


def test_checkpoints_change_no_byte(whole, tmp_path) -> None:
    script = Script(tmp_path / "scratch", n=1)
    assert hashes(fit(script), tmp_path / "model") == whole
    assert script.saved == list(range(1, STEPS + 1))
    assert sorted(file.name for file in script.folder.iterdir()) == [
        INDEX, f"step-{STEPS}.safetensors",
    ]  # fmt: skip
    script.clear()
    script.clear()
    assert not script.folder.exists()


def test_a_coarse_copy_goes_on_to_the_same_bytes(coarse_copies, tmp_path) -> None:
    undisturbed = hashes(fit(), tmp_path / "undisturbed")
    killed(tmp_path / "scratch", 6, "after saving")
    again = Script(tmp_path / "scratch")
    assert hashes(fit(again), tmp_path / "model") == undisturbed
    assert again.first == 6


@pytest.mark.parametrize("leave_out", ["unet", "ema", "optimizer", "rate"])
def test_each_part_is_needed(leave_out, whole, tmp_path) -> None:
    """The comparison of bytes would notice a part that was not kept."""

    class Forgetful(Script):
        def resume(self, parts, device):
            return super().resume({k: v for k, v in parts.items() if k != leave_out}, device)

    killed(tmp_path / "scratch", 6, "after saving")
    model = fit(Forgetful(tmp_path / "scratch"))
    assert hashes(model, tmp_path / "model") != whole


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)


def other_step(file: Path) -> None:
    text = file.read_text()
    assert '"step": 6' in text
    file.write_text(text.replace('"step": 6', '"step": 7'))


TENSORS = "step-6.safetensors"


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        (TENSORS, cut), (TENSORS, flip), (TENSORS, Path.unlink),
        (TENSORS, lambda file: file.write_bytes(b"")),
        (INDEX, cut), (INDEX, other_step), (INDEX, Path.unlink),
        (INDEX, lambda file: file.write_text("")), (INDEX, lambda file: file.write_text("[]")),
        (INDEX, lambda file: file.write_text('{"content": {}}')),
    ],
)  # fmt: skip
def test_a_spoilt_checkpoint_is_said_to_be_so_and_not_used(name, spoil, whole, tmp_path) -> None:
    scratch = tmp_path / "scratch"
    killed(scratch, 6, "after saving")
    spoil(scratch / name)
    heard = []
    again = Script(scratch, n=99, say=heard.append)
    assert hashes(fit(again), tmp_path / "model") == whole
    assert again.first == 0
    [line] = heard
    assert line.startswith("checkpoint unreadable, starting from step 0: ")
    assert name in line
    assert not scratch.exists()


def test_a_checkpoint_that_cannot_be_written_costs_only_itself(
    whole, tmp_path, monkeypatch
) -> None:
    """A full disk at step 6: the one of step 3 stays, that of step 9 replaces it."""
    scratch, heard = tmp_path / "scratch", []
    write, kept = store.write_json, []

    class Watched(Script):
        def save(self, step, parts) -> None:
            def refused(path, content):
                raise OSError(28, "")

            monkeypatch.setattr(store, "write_json", refused if step == 6 else write)
            super().save(step, parts)
            kept.append(sorted(file.name for file in scratch.iterdir()))

    assert hashes(fit(Watched(scratch, say=heard.append)), tmp_path / "model") == whole
    steps = [3, 3, 9, 12]
    assert kept == [[INDEX, f"step-{step}.safetensors"] for step in steps]
    [line] = heard
    assert line.startswith("no checkpoint at step 6, training goes on: ")


def test_an_old_checkpoint_that_cannot_be_removed_harms_nothing(
    whole, tmp_path, monkeypatch
) -> None:
    scratch = tmp_path / "scratch"

    unlink = Path.unlink

    def refused(path, **others):
        if path.name.startswith("step"):
            raise OSError(30, "")
        unlink(path, **others)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        killed(scratch, 9, "after saving")
    assert len(list(scratch.iterdir())) == 4
    again = Script(scratch)
    assert hashes(fit(again), tmp_path / "model") == whole
    assert again.first == 9


def test_when_to_save_is_a_matter_of_time_and_of_cost(tmp_path, monkeypatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(checkpoints, "EVERY", 10.0)
    monkeypatch.setattr(checkpoints, "time", SimpleNamespace(monotonic=lambda: clock.now))
    part = torch.nn.Linear(1, 1)

    def state_dict():
        clock.now += 2.0
        return torch.nn.Linear.state_dict(part)

    slow = SimpleNamespace(state_dict=state_dict)
    checkpoint = Checkpoint(tmp_path / "scratch")
    for now, due in ((0, False), (9.9, False), (10, True)):
        clock.now = now
        assert checkpoint.due() == due
    checkpoint.save(1, {"quick": part})
    clock.now = 19.9
    assert not checkpoint.due()
    clock.now = 20.0
    assert checkpoint.due()
    checkpoint.save(2, {"slow": slow})
    clock.now = 22 + 2 * 50 - 0.1
    assert not checkpoint.due()
    clock.now = 22 + 2 * 50
    assert checkpoint.due()
    assert not Checkpoint().due()
    clock.now = 1e9
    assert not Checkpoint().due()


numbers = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
leaves = numbers | st.text(max_size=3) | st.integers(0, 5).map(lambda n: torch.arange(n) / 3)
states = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.integers(0, 9) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def same(one, other) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@settings(derandomize=True, max_examples=60)
@given(state=states)
def test_a_state_comes_back_as_it_was(state, tmp_path_factory) -> None:
    """Of any family: keys that are integers, tuples, tensors without a row, nothing lost."""
    folder, got = tmp_path_factory.mktemp("state") / "scratch", []
    part = SimpleNamespace(state_dict=lambda: state, load_state_dict=got.append)
    Checkpoint(folder, "key").save(7, {"part": part})
    assert Checkpoint(folder, "key").resume({"part": part}, "cpu") == 7
    assert same(got[0], state)


def test_what_json_cannot_hold_is_refused(tmp_path) -> None:
    part = SimpleNamespace(state_dict=lambda: {"a": {1, 2}})
    with pytest.raises(TypeError, match="a checkpoint cannot keep a set"):
        Checkpoint(tmp_path / "scratch").save(1, {"part": part})


# The step


@pytest.fixture
def copied(tiny_experiment, tmp_path) -> Path:
    shutil.copytree(tiny_experiment.root, tmp_path / "copy")
    return tmp_path / "copy"


def interrupted(root: Path, record: dict, scratch: Path, monkeypatch) -> None:
    """Train two of the three steps, a checkpoint after each, then be killed."""
    with monkeypatch.context() as patch:
        save = Checkpoint.save

        def killed_after(self, step, parts):
            save(self, step, parts)
            if step == 2:
                raise Killed

        patch.setattr(Checkpoint, "save", killed_after)
        patch.setattr(Checkpoint, "due", lambda self: True)
        with pytest.raises(Killed):
            train(root, [record], quiet, scratch=scratch)
    assert json.loads((scratch / INDEX).read_text())["content"]["step"] == 2


def trained(root: Path, record: dict, scratch: Path) -> list[str]:
    """The remarks of a training that comes to its end."""
    heard = []
    train(root, [record], lambda done, total, note: done or heard.append(note), scratch=scratch)
    assert not scratch.exists()
    return heard


def test_the_step_resumes_and_leaves_nothing_behind(
    copied, tiny_experiment, tmp_path, monkeypatch
) -> None:
    record, scratch = tiny_experiment.plan.record(MODEL_PATH), tmp_path / "scratch"
    before = {file: file.read_bytes() for file in copied.rglob("*") if file.is_file()}
    shutil.rmtree(copied / MODEL_PATH)
    (copied / manifests.path_of(MODEL_PATH)).unlink()
    interrupted(copied, record, scratch, monkeypatch)
    assert not (copied / MODEL_PATH).exists()
    assert trained(copied, record, scratch) == ["resumed at step 2 of 3"]
    assert {file: file.read_bytes() for file in copied.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("what", ["params", "seed", "code", "software", "device", "materials"])
def test_a_checkpoint_of_other_work_is_not_continued(
    what, copied, tiny_experiment, tmp_path, monkeypatch
) -> None:
    record, scratch = tiny_experiment.plan.record(MODEL_PATH), tmp_path / "scratch"
    other = record | {
        "params": {
            "params": record["params"] | {"train": record["params"]["train"] | {"ema_decay": 0.5}}
        },
        "seed": {"seed": record["seed"] ^ 1},
        "code": {"code": "0" * 64},
        "software": {"software": record["software"] | {"torch": "0.1"}},
        "device": {"device": "cuda"},
        "materials": {},
    }[what]  # fmt: skip
    interrupted(copied, other, scratch, monkeypatch) if what != "device" else _save(copied, scratch)
    if what == "materials":
        index = layout.training_set_path(tiny_experiment.plan.experiment, "fresh", 1, 2)
        manifest = copied / manifests.path_of(index)
        manifest.write_text(manifest.read_text().replace('"real_rows": 20', '"real_rows": 21'))
    assert trained(copied, record, scratch) == [
        "checkpoint of other work removed, starting from step 0"
    ]
    assert store.hashes(copied / MODEL_PATH) == store.hashes(tiny_experiment.root / MODEL_PATH)


def _save(root: Path, scratch: Path) -> None:
    Checkpoint(scratch, "a card's").save(2, {"unet": torch.nn.Linear(1, 1)})


KILLED = """
import sys
from pathlib import Path
import conftest
from autophagy.models import checkpoints
from autophagy.steps.train import train
checkpoints.EVERY = checkpoints.TRAINING_PER_SAVING = 0
steps = ("train.steps", 400)
plan = conftest.plan_of(conftest.changed(steps, ("seeds", [1])))
train(Path(sys.argv[1]), [plan.record(sys.argv[2])], conftest.quiet, Path(sys.argv[3]))
"""


def test_a_process_that_is_killed_by_the_system(copied, tmp_path) -> None:
    """SIGKILL at whatever it does just then; the next process ends with the same bytes."""
    from conftest import changed, plan_of

    plan = plan_of(changed(("train.steps", 400), ("seeds", [1])))
    record = plan.record(MODEL_PATH)
    train(copied, [record], quiet)
    whole = store.hashes(copied / MODEL_PATH)
    shutil.rmtree(copied / MODEL_PATH)
    scratch = tmp_path / "scratch"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(copied), MODEL_PATH, str(scratch)],
        cwd=REPOSITORY / "tests", env=child_environment(),
    )  # fmt: skip
    until = time.monotonic() + 120
    while not list(scratch.glob("step-??.safetensors")) and time.monotonic() < until:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (copied / MODEL_PATH).exists()
    [line] = trained(copied, record, scratch)
    assert 0 < int(line.split()[3]) < 400
    assert store.hashes(copied / MODEL_PATH) == whole


def test_scratch_lies_beside_the_log(tmp_path) -> None:
    """Not among the outputs, which Snakemake deletes when a job is killed."""
    given = SimpleNamespace(log=["logs/digits/loops/fresh/seed-1/gen-002/train.log"])
    expected = Path("logs/digits/loops/fresh/seed-1/gen-002/train.checkpoint")
    assert job.scratch_of(given) == expected
