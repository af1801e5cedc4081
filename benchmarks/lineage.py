"""What lineage, descendants and audit take as an experiment grows longer.

Usage: python benchmarks/lineage.py [--size 28] [--rows 1000] [--model-mb 1] [--generations 5 10 20]

An archive of 4 loops × 3 seeds is made from the plan with real manifests and indices, random
pictures and random weights in place of trained ones; then the commands are run on it as a person
runs them. MB/s and peak memory are the audit's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
SCRIPTS = REPOSITORY / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from autophagy import config as configuration  # noqa: E402
from autophagy import manifests, seeds, sets, store  # noqa: E402
from autophagy import plan as planning  # noqa: E402
from autophagy.steps.mix import mix  # noqa: E402

SEEDS = [1, 2, 3]
#: Fresh real rows a generation, so that a long chain fits into the loop split.
FRESH = 30
LEVELS = 256
CLASSES = 10


def plan_of(generations: int, rows: int) -> planning.Plan:
    """The default experiment's plan with other lengths and sizes."""
    content = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    content |= {"experiment": "timed", "generations": generations, "seeds": SEEDS}
    content["loops"] = dict(list(content["loops"].items())[:4])
    for loop in content["loops"].values():
        loop["n_synthetic"] = rows
        loop["n_real"] = FRESH if loop["regime"] == "fresh_data" else loop["n_real"]
    return planning.build(configuration.parse(content, "config.yaml"))


def make(plan: planning.Plan, root: Path, size: int, model_bytes: int) -> None:
    """Every artifact of the plan, with random content."""
    draws = np.random.default_rng(0)
    facts = {
        "size": size,
        "channels": 1,
        "levels": LEVELS,
        "classes": [str(label) for label in range(CLASSES)],
    }
    source = {"name": "random", "licence": "none", "files": {}}
    taken = 0
    for path in plan.nodes:
        record = plan.record(path)
        kind, params, target = record["kind"], record["params"], root / path
        rows: int | None = None
        if kind == "training_set":
            mix(root, [record], lambda done, total, note: None)
            continue
        if kind in ("real_set", "sample_set", "preview"):
            rows = params["count"] if kind == "real_set" else params["n"]
            arrays: dict[str, Any] = {
                "images": draws.integers(0, LEVELS, (rows, size, size, 1), dtype=np.uint8),
                "labels": np.arange(rows) % CLASSES,
            }
            if kind == "real_set":
                arrays["source_rows"] = np.arange(taken, taken + rows)
                taken += rows
            else:
                arrays["seeds"] = seeds.derive_rows(rows, record["seed"])
            target.mkdir(parents=True)
            sets.write_arrays(target, **arrays)
        elif kind in ("model", "feature_network"):
            target.mkdir(parents=True)
            (target / "weights.safetensors").write_bytes(draws.bytes(model_bytes))
        elif kind == "evaluation":
            store.write_json(target, {"output": {}, "model": {}})
        for name in record["payload"]:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(draws.bytes(20_000))
        manifests.write(root, record, rows=rows, facts=facts | {"source": source} if rows else {})


def timed(*arguments: str) -> tuple[float, float]:
    """Seconds and peak MB of one command, the interpreter's start included.

    Raises:
        SystemExit: the command found something wrong.
    """
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS), "OMP_NUM_THREADS": "1"}
    started = time.perf_counter()
    command = [sys.executable, "-m", "autophagy.cli", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"autophagy {' '.join(arguments)} exits with {child.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def measured(folder: Path, generations: int, options: argparse.Namespace) -> dict[str, Any]:
    """One row of the table."""
    plan = plan_of(generations, options.rows)
    root = folder / plan.root
    make(plan, root, options.size, int(options.model_mb * 2**20))
    megabytes = sum(file.stat().st_size for file in root.rglob("*") if file.is_file()) / 1e6
    loop = next(iter(plan.experiment.loops))
    last = root / "loops" / loop / "seed-1" / f"gen-{generations:03d}" / "samples"
    lineage, _ = timed("lineage", str(last))
    descendants, _ = timed("descendants", str(root / "real" / "loop"))
    audit, memory = timed("audit", str(root))
    shutil.rmtree(root)
    return {
        "generations": generations,
        "artifacts": len(plan.nodes),
        "MB": round(megabytes),
        "lineage s": round(lineage, 2),
        "descendants s": round(descendants, 2),
        "audit s": round(audit, 2),
        "MB/s": round(megabytes / audit),
        "peak MB": round(memory),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=28, help="pixels a side")
    parser.add_argument("--rows", type=int, default=1000, help="pictures a sample set")
    parser.add_argument("--model-mb", type=float, default=1.0, help="size of a model")
    parser.add_argument("--generations", type=int, nargs="+", default=[5, 10, 20])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measured(Path(folder), t, options) for t in options.generations]
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()
