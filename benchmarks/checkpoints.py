"""What keeping training checkpoints costs, on the default experiment's network and a larger one.

Usage: python benchmarks/checkpoints.py [folder on the disk to measure]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))

from autophagy import devices  # noqa: E402
from autophagy.models import ddpm  # noqa: E402
from autophagy.models.base import TrainingData  # noqa: E402
from autophagy.models.checkpoints import Checkpoint  # noqa: E402

WIDTHS = ([16, 32], [128, 256])
STEPS = 6


class Timed(Checkpoint):
    """Saves after every step, and notes how long that and resuming take."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.seconds: list[float] = []

    def due(self) -> bool:
        return True

    def save(self, step, parts) -> None:
        began = time.perf_counter()
        super().save(step, parts)
        self.seconds.append(time.perf_counter() - began)
        self.megabytes = sum(file.stat().st_size for file in self.folder.iterdir()) / 1e6

    def resume(self, parts, device) -> int:
        began = time.perf_counter()
        done = super().resume(parts, device)
        self.resumed = time.perf_counter() - began
        return done


def main(disk: str | None) -> None:
    content = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    devices.prepare(1, "cpu")
    images = np.random.default_rng(0).integers(0, 17, (1000, 8, 8, 1), dtype=np.uint8)
    data = TrainingData(images, np.arange(1000) % 10, 17, 10)
    train = content["train"] | {"steps": STEPS, "warmup_steps": 1}
    for channels in WIDTHS:
        model = content["model"] | {"channels": channels}
        with tempfile.TemporaryDirectory(dir=disk) as folder:
            kept = Timed(Path(folder) / "scratch")
            began = time.perf_counter()
            fitted = ddpm.fit(data, model, train, 1, "cpu", _quiet, kept)
            step = (time.perf_counter() - began - sum(kept.seconds)) / STEPS
            again = Timed(Path(folder) / "scratch")
            ddpm.fit(data, model, train, 1, "cpu", _quiet, again)
        weights = sum(p.numel() for p in fitted.pipeline.unet.parameters())
        print(
            f"channels {channels}: {weights / 1e6:.2f} M weights, checkpoint {kept.megabytes:.1f} "
            f"MB, save {1000 * np.median(kept.seconds):.0f} ms (longest "
            f"{1000 * max(kept.seconds):.0f}), resume {1000 * again.resumed:.0f} ms; "
            f"a training step {1000 * step:.0f} ms"
        )


def _quiet(done: int, total: int, note: str) -> None:
    """Progress nobody watches."""


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
