"""What benchmarks/gpu.py makes: a plan's artifacts, generation by generation, while time is."""

from __future__ import annotations

import json
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

from autophagy import evaluated, evaluations, layout, paths, tables
from autophagy import plan as planning
from autophagy.schema import plain
from autophagy.steps.draw_grid import draw_grid
from gpu_page import SHOWN
from in_process import make, splits

MADE = ("training_set.parquet", "model", "samples")
#: Kinds of artifacts that a generation makes.
COSTLY = ("model", "sample_set", "evaluation")


def remarks(done: int, total: int, note: str) -> None:
    """Progress nobody watches; remarks are printed."""
    if not done:
        print(note, flush=True)


class Maker:
    """Makes the artifacts of a plan with the library's steps, generation by generation."""

    def __init__(self, plan: planning.Plan, root: Path) -> None:
        self.plan, self.root = plan, root
        self.seconds: dict[str, list[float]] = {}

    def splits(self) -> None:
        splits(self.plan, self.root)

    def first_generation(self) -> None:
        """What every loop shares: feature network, real against real, the real-only model."""
        self._make(layout.network_path(self.plan.experiment))
        self._make(paths.evaluation_path("real", 1, 0))
        folder = paths.real_only_folder("full", 1)
        for name in (*MADE, "preview"):
            self._make(f"{folder}/{name}")
        self._make(paths.evaluation_path("full", 1, 1))

    def generations_until(self, ends: float, card: str, out: Path) -> dict[str, Any]:
        """Generation after generation of every loop, as long as the next is expected to fit."""
        experiment = self.plan.experiment
        done, longest = 0, 0.0
        for t in range(1, experiment.generations + 1):
            if time.monotonic() + 1.15 * longest > ends:
                break
            began = time.monotonic()
            for loop in experiment.loops:
                home = f"loops/{loop}/seed-1/gen-{t:03d}/"
                for path in self.plan.nodes:
                    if path.startswith(home) or path == paths.evaluation_path(loop, 1, t):
                        self._make(path)
            done = t
            self._drawn(done, card, out)
            # The first is the real-only model's, but for what λ draws anew: of each loop, what that
            # took is what a second will.
            longest = (
                max(longest, time.monotonic() - began)
                if t > 1
                else len(experiment.loops) * sum(max(self.seconds[kind]) for kind in COSTLY)
            )
        rows = self._rows()
        resplits = evaluated.resplits(self.root, 1)
        return {
            "generations": done,
            "train": plain(experiment.train),
            "rows": rows,
            "real_against_real": {name: resplits[name] for name in SHOWN},
            "seconds": {step: statistics.median(took) for step, took in self.seconds.items()},
            "pictures": next(iter(experiment.loops.values())).n_synthetic,
        }

    def _make(self, path: str) -> None:
        record = self.plan.record(path)
        began = time.monotonic()
        make(self.root, record, remarks)
        took = time.monotonic() - began
        self.seconds.setdefault(record["kind"], []).append(took)
        print(f"{time.strftime('%X')} {path}: {took:.1f} s", flush=True)

    def _rows(self) -> list[dict[str, Any]]:
        import pandas as pd

        listed = evaluations.of(self.plan.experiment)
        made = [entry for entry in listed if (self.root / entry["path"]).is_file()]
        columns, rows = tables.tidy(self.root, made)
        table = pd.DataFrame(rows, columns=columns)
        return json.loads(table.to_json(orient="records", double_precision=6))

    def _drawn(self, done: int, card: str, out: Path) -> None:
        import pandas as pd

        experiment = self.plan.experiment
        for loop in experiment.loops:
            previews = {
                f"generation {t}": layout.preview_path(experiment, loop, 1, t)
                for t in range(1, done + 1)
            }
            stem = self.root / f"grid-{loop}"
            title = f"{loop} on {card}"
            draw_grid(str(self.root), loop, 1, previews, title, str(stem))
            shutil.copy(stem.with_suffix(".png"), out / f"grid-{loop}.png")
        pd.DataFrame(self._rows()).to_csv(out / "metrics.csv", index=False)
