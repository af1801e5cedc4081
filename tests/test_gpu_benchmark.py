"""benchmarks/gpu.py, whole, at toy size on a CPU: what it would write on a card."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from conftest import REPOSITORY
from project import run
from test_data_mnist import idx_bytes

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


def test_it_runs_to_its_end_and_writes_what_it_says(tmp_path: Path) -> None:
    mnist, out = noise(tmp_path / "mnist"), tmp_path / "out"
    command = [sys.executable, "-W", "ignore", str(REPOSITORY / "benchmarks" / "gpu.py")]
    options = ["--quick", "--device", "cpu", "--seconds", "600", "--loops", "lambda-050"]
    run(tmp_path, *command, *options, "--mnist", str(mnist), "--out", str(out))

    found = json.loads((out / "gpu.json").read_text())
    assert found["agreement"]["float32"] == 0.0
    assert {sides["agree"] for sides in found["agreement"]["digits"].values()} == {True}
    assert found["training"]["seconds"] > 0
    assert found["sampling"]["ours"]["frechet_distance"] > 0
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
    ):
        assert words in page
