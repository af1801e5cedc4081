"""docs/science.md: every claim beside what could have refuted it, from docs/science/claims.yaml.

`configs` and `short` print what `make science` and `make science-short` run, `data` writes the data
sets of our own that some of it reads, `collect` copies the tables of finished runs into
docs/science/, and `write` makes the page of them: every number on it comes from a run.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd
import paper
import yaml
from autophagy import config as configuration
from autophagy import costs, sets
from autophagy import plan as planning
from autophagy.errors import UserError
from autophagy.verdict.inference import FEWEST_SEEDS, mean

REPOSITORY = Path(__file__).resolve().parent.parent
ROWS, TEXT, PAGE = "docs/science/claims.yaml", "docs/science/page.md", "docs/science.md"
KEPT = "docs/science"
TABLES = ("metrics.csv", "verdicts.csv", "attribution.csv", "effective_size.csv",
          "second_opinion.csv")  # fmt: skip
#: 10¹² operations a second that two cores kept up: docs/recipe.md's 1000 steps in 30 s on each.
RATE = 0.19
#: Pictures of the data sets that `data` writes; the configurations do not know before they read.
SHAPE = (8, 1)
#: Share of each class in the one before it, in the imbalanced digits.
SHARE = 0.7
#: Dimensions in which the Gaussian predicts n_e/n_r: the pixels of a digit.
DIMENSIONS = 64


def content(repository: Path) -> dict[str, Any]:
    return yaml.safe_load((repository / ROWS).read_text(encoding="utf-8"))


def digits(classes: np.ndarray, share: float = SHARE) -> np.ndarray:
    """Rows of which class c keeps the first share^c of its own, at least one."""
    kept = []
    for label in np.unique(classes):
        rows = np.flatnonzero(classes == label)
        kept.append(rows[: max(1, round(len(rows) * share ** int(label)))])
    return np.sort(np.concatenate(kept))


def data(repository: Path) -> None:
    """Write data/digits-imbalanced.npz and data/digits-unlabelled.npz, of scikit-learn's digits."""
    from sklearn.datasets import load_digits

    found = load_digits()
    # 17 grey levels on a scale of 256.
    images, labels = (found.images * 15).astype(np.uint8), found.target.astype(np.int64)
    (repository / "data").mkdir(exist_ok=True)
    chosen = digits(labels)
    np.savez(
        repository / "data/digits-imbalanced.npz", images=images[chosen], labels=labels[chosen]
    )
    np.savez(repository / "data/digits-unlabelled.npz", images=images)


def collect(repository: Path) -> None:
    """Copy the tables, diversity of labels and processor time of the runs that have ended."""
    for name in content(repository)["configs"]:
        results, kept = repository / "results" / name, repository / KEPT / name
        if not (results / "audit.json").exists():
            continue
        kept.mkdir(parents=True, exist_ok=True)
        for table in TABLES:
            if (results / table).exists():
                shutil.copy(results / table, kept / table)
        labels_table(results).to_csv(kept / "labels.csv", index=False)
        spent = paper.processor_time(repository / "logs" / name)
        (kept / "run.json").write_text(json.dumps(spent, indent=2) + "\n", encoding="utf-8")


def labels_table(results: Path) -> pd.DataFrame:
    """Columns loop, seed, generation, n, diversity: 1 − Σp² of the labels of every D^t, t ≥ 2."""
    rows = []
    for file in sorted(results.glob("loops/*/seed-*/gen-*/training_set.parquet")):
        _, loop, seed, generation, _ = file.relative_to(results).parts
        counts = sets.read_index(file)["label"].value_counts().to_numpy()
        shares = counts / counts.sum()
        rows.append({
            "loop": loop, "seed": int(seed.removeprefix("seed-")),
            "generation": int(generation.removeprefix("gen-")), "n": int(counts.sum()),
            "diversity": float(1.0 - np.square(shares).sum()),
        })  # fmt: skip
    return pd.DataFrame(rows, columns=["loop", "seed", "generation", "n", "diversity"])


def over_seeds(values: np.ndarray) -> str:
    """Mean and 95% interval; of fewer than 3 seeds the mean, and how few they are."""
    values = values[np.isfinite(values)]
    if not len(values):
        return "undefined"
    if len(values) < FEWEST_SEEDS:
        seeds = "1 seed" if len(values) == 1 else f"{len(values)} seeds"
        return f"{values.mean():+.3g} ({seeds}, no interval)"
    found = mean(values)
    return f"{found.value:+.3g} ({found.low:+.3g} to {found.high:+.3g})"


def series(table: pd.DataFrame, loop: str, metric: str, view: str) -> pd.DataFrame:
    """A row a seed, a column a generation."""
    rows = table[(table["loop"] == loop) & (table["view"] == view)]
    return rows.pivot_table(metric, "seed", "generation", dropna=False)


class Found:
    """The tables of one finished run, by their names."""

    def __init__(self, folder: Path, experiment: Any) -> None:
        self.folder, self.experiment = folder, experiment

    def __getitem__(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / f"{name}.csv", keep_default_na=False, na_values=[""])


def _change(ask: dict[str, Any], found: Found) -> str:
    loop, metric, view = ask["change"], ask["metric"], ask.get("view", "output")
    wide = series(found["metrics"], loop, metric, view)
    change = (wide.iloc[:, -1] - wide.iloc[:, 0]).to_numpy()
    first, last = wide.columns[0], wide.columns[-1]
    return f"`{loop}`: {_name(metric)} ({view}), generation {first} to {last}: {over_seeds(change)}"


def _difference(ask: dict[str, Any], found: Found) -> str:
    (one, other), metric = ask["difference"], ask["metric"]
    view = ask.get("view", "model")
    table = found["metrics"]
    ends = [series(table, loop, metric, view).iloc[:, -1] for loop in (one, other)]
    told = over_seeds((ends[0] - ends[1]).to_numpy())
    return f"`{one}` less `{other}`: {_name(metric)} ({view}) in the last generation: {told}"


def _row(table: pd.DataFrame, loop: str) -> pd.Series:
    return table[table["loop"] == loop].iloc[-1]


def _verdict(ask: dict[str, Any], found: Found) -> str:
    return f"`{ask['verdict']}`: {_row(found['verdicts'], ask['verdict'])['told']}"


def _drift(ask: dict[str, Any], found: Found) -> str:
    row = _row(found["attribution"], ask["drift"])
    what = row["changed"] if isinstance(row["changed"], str) and row["changed"] else "as it is"
    told = [f"drift {_interval(row, 'drift')} a generation"]
    if row["told"] != "reference":
        told.append(f"difference {_interval(row, 'difference')}: {row['told']}")
    return f"`{row['loop']}` ({what}; {row['budget']}): {', '.join(told)}"


def _interval(row: pd.Series, name: str) -> str:
    if not np.isfinite(row[f"{name}_low"]):
        return f"{row[name]:+.3g}"
    return f"{row[name]:+.3g} ({row[f'{name}_low']:+.3g} to {row[f'{name}_high']:+.3g})"


def _size(ask: dict[str, Any], found: Found) -> str:
    row = _row(found["effective_size"], ask["size"])
    n_real = found.experiment.loops[ask["size"]].n_real
    state = "" if row["limit"] else ", not converged"
    return f"`{ask['size']}`: n_r = {n_real}, n_e {row['told']}{state}"


def _gaussian(ask: dict[str, Any], found: Found) -> str:
    from autophagy.theory import frontier

    loop = found.experiment.loops[ask["gaussian"]]
    sizes = (loop.n_real, loop.n_synthetic, loop.sampling_bias)
    told = frontier.effective_size(*sizes, DIMENSIONS, seed=0)
    return f"`{ask['gaussian']}`: a Gaussian in {DIMENSIONS} dimensions: {told.told()}"


def _labels(ask: dict[str, Any], found: Found) -> str:
    table = found["labels"]
    rows = table[table["loop"] == ask["labels"]]
    wide = rows.pivot_table("diversity", "seed", "generation")
    n, first, last = int(rows["n"].iloc[0]), wide.columns[0], wide.columns[-1]
    due = (1.0 - 1.0 / n) ** (last - first)
    ratio = (wide.iloc[:, -1] / wide.iloc[:, 0]).to_numpy()
    return (
        f"`{ask['labels']}`: 1 − Σp² of D^{last} over that of D^{first}, n = {n}: "
        f"{over_seeds(ratio)}; drift alone makes {due:.3g} of it"
    )


def _opinion(ask: dict[str, Any], found: Found) -> str:
    table = found["second_opinion"]
    rows = table[table["metric"] == ask["opinion"]]
    told = [f"{_interval(row.rename({'correlation': 'r', 'low': 'r_low', 'high': 'r_high'}), 'r')} "
            f"over {row['items']} {row['ranked']}" for _, row in rows.iterrows()]  # fmt: skip
    names = rows[["first", "second"]].iloc[0]
    return f"{_name(ask['opinion'])}: rank correlation of {' and '.join(names)} {', '.join(told)}"


def _name(metric: str) -> str:
    return metric.replace("_", " ")


#: What a row asks -> how it is answered off a run's tables.
ANSWERS: dict[str, Callable[[dict[str, Any], Found], str]] = {
    "change": _change,
    "difference": _difference,
    "verdict": _verdict,
    "drift": _drift,
    "size": _size,
    "gaussian": _gaussian,
    "labels": _labels,
    "opinion": _opinion,
}


def answer(ask: dict[str, Any], found: Found) -> str:
    [kind] = ask.keys() & ANSWERS.keys()
    return ANSWERS[kind](ask, found)


def loaded(repository: Path, name: str) -> Any:
    """The configuration, whether or not the data of our own are written yet."""
    file = repository / "config" / name / "config.yaml"
    return configuration.load(file, data_at_hand=False)


def hours(experiment: Any) -> float:
    """What `autophagy plan` expects of the networks, at `RATE`."""
    plan = planning.build(experiment)
    try:
        found = costs.of(plan)
    except UserError:
        found = costs.of(plan, SHAPE)
    return costs.hours(sum(cost.operations for cost in found.values()), RATE)


def write(repository: Path) -> str:
    """The page's text."""
    asked = content(repository)
    heads = ("claim", "our experiment", "what could have refuted it", "result")
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|---|"]
    expected = {name: hours(loaded(repository, name)) for name in asked["configs"]}
    for row in asked["rows"]:
        folder = repository / KEPT / row["config"]
        if (folder / "metrics.csv").exists():
            found = Found(folder, loaded(repository, row["config"]))
            told = "<br>".join(answer(ask, found) for ask in row["asks"])
        else:
            command = paper.COMMAND.format(row["config"])
            told = f"not yet run: {command}, about {expected[row['config']]:.1f} h"
        link = f"[{row['config']}](../config/{row['config']}/config.yaml)"
        lines.append(f"| {row['claim']} | {link} | {row['control']} | {told} |")
    pieces = ["| piece | expected, two cores | taken |", "|---|---|---|"]
    for name, due in expected.items():
        pieces.append(f"| `{name}` | {due:.1f} h | {_taken(repository, name)} |")
    text = Template((repository / TEXT).read_text(encoding="utf-8"))
    return text.substitute(rate=RATE, claims="\n".join(lines), pieces="\n".join(pieces))


def _taken(repository: Path, name: str) -> str:
    file = repository / KEPT / name / "run.json"
    if not file.exists():
        return "not yet run"
    return f"{json.loads(file.read_text())['processor_minutes'] / 60:.1f} processor hours"


def main(arguments: list[str]) -> None:
    if arguments == ["configs"]:
        print("\n".join(f"config/{name}/config.yaml" for name in content(REPOSITORY)["configs"]))
    elif arguments == ["short"]:
        print("\n".join(content(REPOSITORY)["short"]))
    elif arguments == ["data"]:
        data(REPOSITORY)
    elif arguments == ["collect"]:
        collect(REPOSITORY)
    elif arguments == ["write"]:
        (REPOSITORY / PAGE).write_text(write(REPOSITORY), encoding="utf-8")
    else:
        sys.exit(f"usage: python {Path(__file__).name} configs | short | data | collect | write")


if __name__ == "__main__":
    main(sys.argv[1:])
