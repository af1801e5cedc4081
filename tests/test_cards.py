"""A token a card: jobs spread over a machine's cards. The cards here are names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import pytest
from autophagy import cards, devices
from autophagy.errors import UserError
from conftest import REPOSITORY, TESTS, child_environment

HOLD = """
import sys
from autophagy import cards
print(cards.take(), flush=True)
print(cards.take(), flush=True)
assert "torch" not in sys.modules
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own_tokens(monkeypatch, tmp_path):
    monkeypatch.setattr(cards, "_held", None)
    monkeypatch.setattr(cards.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield
    if cards._held is not None:
        cards._held.close()


def job(visible: str) -> subprocess.Popen[str]:
    environment = child_environment() | {cards.VISIBLE: visible}
    return subprocess.Popen(
        [sys.executable, "-c", HOLD], env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def card_of(process: subprocess.Popen[str]) -> str:
    first, again = process.stdout.readline().strip(), process.stdout.readline().strip()
    assert first == again
    return first


def end(process: subprocess.Popen[str], kill: bool = False) -> None:
    if kill:
        process.kill()
    process.communicate()


def test_jobs_take_a_card_each_and_a_third_waits(monkeypatch) -> None:
    one, two = job("3,GPU-a/b"), job("3,GPU-a/b")
    third = None
    try:
        assert {card_of(one), card_of(two)} == {"3", "GPU-a/b"}
        third = job("3,GPU-a/b")
        time.sleep(1)
        assert third.poll() is None
        end(one, kill=True)
        assert card_of(third) in ("3", "GPU-a/b")
    finally:
        for process in (one, two, third):
            if process is not None and process.poll() is None:
                end(process)


@pytest.mark.parametrize(
    ("one", "other", "free"),
    [
        # A card each, of which both say that it is number 0.
        ({"JOB_ID": "7", "JOB_GPUS": "2"}, {"JOB_ID": "8", "JOB_GPUS": "3"}, True),
        ({"JOB_ID": "7", "STEP_ID": "0", "STEP_GPUS": "2"},
         {"JOB_ID": "7", "STEP_ID": "1", "STEP_GPUS": "3"}, True),
        # Two processes of one job.
        ({"JOB_ID": "7", "JOB_GPUS": "2,3"}, {"JOB_ID": "7", "JOB_GPUS": "2,3"}, False),
        # Slurm counts no cards here, and none.
        ({"JOB_ID": "7"}, {"JOB_ID": "8"}, False),
        ({"JOB_ID": "7"}, {}, False),
        ({"JOB_GPUS": "2"}, {}, False),
    ],
)  # fmt: skip
def test_jobs_that_slurm_gave_cards_do_not_wait_for_each_other(
    one, other, free, monkeypatch
) -> None:
    """Where it hides a job's cards from others, each job's first is number 0."""
    held = []
    for job_of in (one, other):
        for name in ("JOB_ID", "STEP_ID", "JOB_GPUS", "STEP_GPUS"):
            monkeypatch.delenv(f"SLURM_{name}", raising=False)
        for name, value in job_of.items():
            monkeypatch.setenv(f"SLURM_{name}", value)
        held.append(cards._token("0"))
    assert held[0] is not None
    assert (held[1] is not None) == free
    for file in held:
        if file is not None:
            file.close()


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        # Files are counted, as CUDA does: a container may have a machine's other cards.
        (None, ["0", "1", "2"]), ("", []), ("-1", []), ("1", ["1"]), ("2, 0", ["2", "0"]),
        ("0,-1,1", ["0"]), ("GPU-1f,MIG-2", ["GPU-1f", "MIG-2"]),
    ],
)  # fmt: skip
def test_the_cards_one_may_use(variable, expected, monkeypatch) -> None:
    shown = ["/dev/nvidia10", "/dev/nvidia3", "/dev/nvidia4"]
    monkeypatch.setattr(cards.glob, "glob", lambda pattern: shown)
    if variable is None:
        monkeypatch.delenv(cards.VISIBLE, raising=False)
    else:
        monkeypatch.setenv(cards.VISIBLE, variable)
    assert cards.visible() == expected
    assert devices.resolve("auto") == ("cuda" if expected else "cpu")
    assert devices.resolve("cpu") == "cpu"


def test_without_a_card_auto_is_the_cpu_whatever_the_variable_says(monkeypatch) -> None:
    monkeypatch.setattr(cards.glob, "glob", lambda pattern: [])
    monkeypatch.setenv(cards.VISIBLE, "0")
    assert devices.resolve("auto") == "cpu"


def test_no_card_is_a_user_error(monkeypatch) -> None:
    monkeypatch.setenv(cards.VISIBLE, "")
    with pytest.raises(UserError, match="device: cuda is not usable here: no card is visible"):
        cards.take()


def test_tokens_that_cannot_be_written_are_a_user_error(monkeypatch, tmp_path) -> None:
    (tmp_path / f"autophagy-cards-{os.getuid()}").write_text("in the way")
    monkeypatch.setenv(cards.VISIBLE, "0")
    with pytest.raises(UserError, match="cannot be written: File exists"):
        cards.take()


@pytest.mark.parametrize(("device", "cards_asked"), [("cuda", {"1"}), ("cpu", {"0"})])
def test_jobs_that_compute_on_a_card_ask_for_one(device, cards_asked, tmp_path) -> None:
    """And the profile counts one card, so that they run one after the other."""
    dry = subprocess.run(
        [
            sys.executable, "-m", "snakemake", "--dry-run", "--cores", "4",
            "--snakefile", f"{REPOSITORY}/Snakefile", "--directory", str(tmp_path),
            "--workflow-profile", f"{REPOSITORY}/profiles/default",
            "--configfile", f"{TESTS}/configs/tiny.yaml", "--config", f"device={device}",
        ],
        env=child_environment(), text=True, capture_output=True, check=True,
    )  # fmt: skip
    blocks = re.split(r"^(?:\[.*\n)?rule ", dry.stdout, flags=re.M)[1:]
    asked = {}
    for block in blocks:
        found = re.search(r"resources: .*?\bgpu=(\d+)", block)
        asked.setdefault(block.partition(":")[0], set()).add(found and found[1])
    assert len(blocks) > 20
    computing = {"train", "train_real_only", "sample", "sample_real_only", "sample_unbiased"}
    computing |= {"features", "evaluate", "evaluate_real"}
    assert computing <= asked.keys()
    for rule, values in asked.items():
        assert values == (cards_asked if rule in computing else {None}), rule
