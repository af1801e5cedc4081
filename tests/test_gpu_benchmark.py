"""benchmarks/gpu.py, whole, at toy size on a CPU: what it would write on a card."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY
from project import run
from test_data_mnist import idx_bytes

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import gpu_checks
import gpu_page

#: Rows of MNIST's training and test files, in place of 60 000 and 10 000.
TRAIN, TEST = 450, 50


def noise(folder: Path) -> Path:
    """Random pictures in MNIST's four files."""
    folder.mkdir()
    draws = np.random.default_rng(0)
    for name, count in (("train", TRAIN), ("t10k", TEST)):
        pictures = draws.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(idx_bytes(pictures))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    return folder


@pytest.mark.long
def test_it_runs_to_its_end_and_writes_what_it_says(tmp_path: Path) -> None:
    mnist, out = noise(tmp_path / "mnist"), tmp_path / "out"
    command = [sys.executable, "-W", "ignore", str(REPOSITORY / "benchmarks" / "gpu.py")]
    options = ["--quick", "--device", "cpu", "--seconds", "6000", "--loops", "lambda-050"]
    run(tmp_path, *command, *options, "--mnist", str(mnist), "--out", str(out))

    found = json.loads((out / "gpu.json").read_text())
    assert found["agreement"]["float32"] == found["agreement"]["sampled"] == 0.0
    assert found["agreement"]["digits"] == {}
    assert found["training"]["seconds"] > 0
    assert found["training"]["side"] == 28
    assert all(row["frechet_distance"] > 0 for row in found["sampling"]["ours"].values())
    assert found["loops"]["generations"] == 2
    table = pd.read_csv(out / "metrics.csv")
    assert set(table["generation"]) == {0, 1, 2}
    assert (out / "grid-lambda-050.png").is_file()
    page = (out / "gpu.md").read_text()
    for words in (
        "forward pass",
        "plain diffusers",
        "times ours",
        "FLOP utilisation",
        "lambda-050",
        "asked of the card",
    ):
        assert words in page
    # The CPU's side of the digits, as a process of its own.
    told = run(tmp_path, *command, *options[:3], "--digits", "2")
    [metrics] = json.loads(told.stdout.splitlines()[-1])
    assert set(metrics) == set(gpu_page.SHOWN)


def seeds(*values: float) -> list[dict[str, float]]:
    """A run a seed, of one metric that differs and one that does not."""
    return [{"frechet_distance": value, "recall": 0.5} for value in values]


@pytest.mark.parametrize(
    ("other", "agree"),
    [
        ((1.0, 1.1, 1.2), True),
        ((1.1, 1.2, 1.3), True),
        ((2.0, 2.1, 2.2), False),
        ((0.1, 0.2, 0.3), False),
        ((0.1, 9.0, 3.0), True),
        ((1.1, 1.1, 1.1), True),
    ],
)
def test_the_digits_of_a_device_that_computes_something_else_do_not_agree(other, agree) -> None:
    found = gpu_checks.digits_compared(seeds(1.0, 1.1, 1.2), seeds(*other))
    assert found["frechet_distance"]["agree"] == agree
    assert found["frechet_distance"]["device"] == pytest.approx([1.1, 0.1])
    assert found["recall"]["agree"]
    constant = gpu_checks.digits_compared(seeds(1.0, 1.0), seeds(1.5, 1.5))
    assert not constant["frechet_distance"]["agree"]


@pytest.mark.parametrize(
    ("draws", "plain", "holds"),
    [
        ((5.9, 6.0, 6.1, 6.0, 6.0), 6.0, True),
        ((5.9, 6.0, 6.1, 6.0, 6.0), 5.8, True),
        ((5.9, 6.0, 6.1, 6.0, 6.0), 5.5, False),
        ((9.0, 9.1, 9.2, 9.1, 9.1), 6.0, False),
        ((1.0, 1.1, 1.2, 1.1, 1.1), 6.0, True),
    ],
)
def test_samples_of_equal_distance(draws, plain, holds) -> None:
    assert gpu_checks.not_farther(list(draws), plain) == holds


def measured() -> dict[str, Any]:
    """What a good card gives."""
    return {
        "agreement": {
            "float32": 8e-4, "sampled": 9e-4, "as_trained": 1e-2,
            "digits": gpu_checks.digits_compared(seeds(1.0, 1.1, 1.2), seeds(1.0, 1.1, 1.3)),
        },
        "training": {"seconds": 1.0, "plain": {0: {"seconds": 6.0}, 4: {"seconds": 3.5}}},
        "sampling": {
            "ours": {
                25: {"seconds": 0.5, "draws": [7.9, 8.0, 8.1]},
                100: {"seconds": 1.0, "draws": [5.9, 6.0, 6.1]},
            },
            "plain": {"seconds": 20.0, "frechet_distance": 6.0},
        },
    }  # fmt: skip


def test_a_good_card_passes() -> None:
    verdicts = gpu_checks.judged(measured())
    assert {verdict["ok"] for verdict in verdicts.values()} == {True}
    assert gpu_checks.failed(verdicts) == []
    assert len(verdicts) == 7


@pytest.mark.parametrize(
    ("where", "value", "missed", "fails"),
    [
        (("agreement", "float32"), 2e-3, {"forward pass in float32, called"}, True),
        (("agreement", "float32"), math.nan, {"forward pass in float32, called"}, True),
        (("agreement", "sampled"), 2e-3, {"forward pass in float32, as sampling calls it"}, True),
        (("agreement", "digits", "recall", "agree"), False, {"digits, recall"}, True),
        (("sampling", "plain", "frechet_distance"), 5.0,
         {"sampling, distance not above plain's", "sampling to equal distance"}, True),
        (("sampling", "plain", "seconds"), 9.0, {"sampling to equal distance"}, False),
        (("training", "plain", 0, "seconds"), 2.9, {"training step"}, False),
        (("training", "plain", 4, "seconds"), 2.9, {"training step"}, False),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_named_and_fails_the_run(where, value, missed, fails) -> None:
    """But a speed that is aimed at and not reached is told, and fails nothing."""
    found = measured()
    place = found
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    verdicts = gpu_checks.judged(found)
    assert {name for name, verdict in verdicts.items() if not verdict["ok"]} == missed
    assert bool(gpu_checks.failed(verdicts)) == fails
    words = "\n".join(gpu_page._verdicts(verdicts))
    assert ("DOES NOT HOLD" in words) == fails
    assert "not reached" in words or fails
