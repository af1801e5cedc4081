"""An experiment's steps called one after the other, without Snakemake: what a script would do.

    python benchmarks/in_process.py CONFIG FOLDER [--processes 2]

Each process takes the next step whose materials stand, until all are made. The same library calls
as in a run, in Python processes that live as long as the whole: nothing is hashed twice, planned,
audited or drawn.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))

from autophagy import config as configuration  # noqa: E402
from autophagy import plan as planning  # noqa: E402
from autophagy.progress import Report  # noqa: E402
from autophagy.schema import plain  # noqa: E402
from autophagy.steps import evaluate, features, mix, real, sample, train  # noqa: E402

FUNCTIONS = {
    "features": features.train_features,
    "mix": mix.mix,
    "train": train.train,
    "sample": sample.sample,
    "evaluate": evaluate.evaluate,
    "evaluate_real": evaluate.evaluate_real,
}


def plan_of(content: dict[str, Any], origin: str = "config.yaml") -> planning.Plan:
    """The plan of a configuration; `origin` is what errors call it."""
    return planning.build(configuration.parse(content, origin))


def quiet(done: int, total: int, note: str) -> None:
    """Progress nobody watches."""


def splits(plan: planning.Plan, root: Path) -> None:
    """Make the real sets."""
    records = [plan.record(f"real/{split}") for split in ("loop", "reference", "features")]
    real.real(root, records, quiet, dataset=plain(plan.experiment.dataset))


def make(root: Path, record: dict[str, Any], report: Report = quiet) -> None:
    """Make one artifact of a plan, from its record."""
    FUNCTIONS[record["step"]](root, [record], report)


def make_all(plan: planning.Plan, root: Path, processes: int) -> None:
    """Make every artifact of a plan that a step of `FUNCTIONS` makes."""
    splits(plan, root)
    left = [path for path, node in plan.nodes.items() if node.step in FUNCTIONS]
    made = {path for path, node in plan.nodes.items() if node.step == "real"}
    running: dict[Any, str] = {}
    with ProcessPoolExecutor(processes) as pool:
        while left or running:
            for path in [path for path in left if set(plan.nodes[path].materials) <= made]:
                if len(running) < processes:
                    running[pool.submit(make, root, plan.record(path))] = path
                    left.remove(path)
            if not running:
                sys.exit(f"nothing makes what {left[0]} needs")
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                done.result()
                made.add(running.pop(done))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    content = yaml.safe_load(options.config.read_text(encoding="utf-8"))
    make_all(plan_of(content, str(options.config)), options.folder, options.processes)


if __name__ == "__main__":
    main()
