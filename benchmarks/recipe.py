"""The training recipe's learning curve: real-only models of an experiment by steps.

`make recipe` runs it (about 12 minutes on one core) and writes docs/recipe.md. Everything but the
number of steps is the configuration's, by default config/config.yaml; each seed is its own draw and
its own training. `python benchmarks/recipe.py --help`: another configuration, other budgets.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))

import in_process  # noqa: E402
from autophagy import evaluated, layout, paths, store  # noqa: E402
from autophagy.plan import Plan  # noqa: E402

NAME = "full"
SHOWN = ("frechet_distance", "precision", "recall", "label_accuracy", "frechet_distance_to_train")


def main() -> None:
    options = _options()
    content = yaml.safe_load(options.config.read_text())
    content["seeds"] = options.seeds
    trained = content["train"]["steps"]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for steps in options.budgets:
            content["train"]["steps"] = steps
            plan = in_process.plan_of(content, str(options.config))
            root = Path(folder)
            if not rows:
                _prepare(plan, root)
            rows += [{"steps": steps} | _measure(plan, root, seed) for seed in options.seeds]
            print(pd.DataFrame(rows[-len(options.seeds) :]).to_string(), flush=True)
        floor = evaluated.resplits(root, options.seeds[0])
    options.out.write_text(_page(pd.DataFrame(rows), floor, content, trained))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("config", type=Path, nargs="?", default=REPOSITORY / "config/config.yaml")
    parser.add_argument("--budgets", type=int, nargs="+", default=[250, 500, 1000, 2000, 4000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs/recipe.md")
    return parser.parse_args()


def _prepare(plan: Plan, root: Path) -> None:
    in_process.splits(plan, root)
    real = paths.evaluation_path("real", plan.experiment.seeds[0], 0)
    for path in (layout.network_path(plan.experiment), real):
        in_process.make(root, plan.record(path))


def _measure(plan: Plan, root: Path, seed: int) -> dict[str, float]:
    folder = paths.real_only_folder(NAME, seed)
    metrics = paths.evaluation_path(NAME, seed, 1)
    seconds = {}
    for path in (f"{folder}/training_set.parquet", f"{folder}/model", f"{folder}/samples", metrics):
        record = plan.record(path)
        started = time.process_time()
        in_process.make(root, record)
        seconds[record["step"]] = time.process_time() - started
    found = store.read_json(root / metrics)["output"]
    return {"seed": seed, "seconds": seconds["train"]} | {name: found[name] for name in SHOWN}


def _page(rows: pd.DataFrame, floor: dict, content: dict, trained: int) -> str:
    grouped = rows.groupby("steps")
    mean, spread = grouped.mean(), grouped.std()
    seeds = len(content["seeds"])
    experiment = content["experiment"]
    lines = [
        f"# The training recipe of {experiment}",
        "",
        f"How long a real-only model of `{experiment}` has to train before its distance to",
        "the held-out reference stops falling. A loop's rate of collapse depends on this budget,",
        "so it is fixed on real data alone, before any loop is run. Written by",
        f"`{' '.join(['python benchmarks/recipe.py', *sys.argv[1:]])}`.",
        "",
        f"Real-only `{NAME}` ({content['real_only'][NAME]} images), "
        + (f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "one seed")
        + f", batch {content['train']['batch_size']}, "
        f"{content['evaluate']['n']} samples; one core of {_processor()}.",
        "",
        "| steps | CPU seconds | Fréchet distance (LeNet) | precision | recall | label accuracy "
        "| to its training set |",
        "|---|---|---|---|---|---|---|",
    ]
    for steps in mean.index:
        cells = [
            f"{mean.loc[steps, n]:.2f}" + (f" ± {spread.loc[steps, n]:.2f}" if seeds > 1 else "")
            for n in SHOWN
        ]
        lines.append(f"| {steps} | {mean.loc[steps, 'seconds']:.0f} | {' | '.join(cells)} |")
    real_cells = [
        f"{floor[n]['mean']:.2f} ± {floor[n]['sd']:.2f}" if n in floor else "" for n in SHOWN
    ]
    lines.append(f"| real against real | | {' | '.join(real_cells)} |")
    lines += [
        "",
        f"`{experiment}` trains {trained} steps."
        + (" `config/digits-long/` trains where the curve is flat." * (experiment == "digits")),
        "",
    ]
    return "\n".join(lines)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
