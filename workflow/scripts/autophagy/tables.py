"""The tidy table of an experiment and what is read off it: summaries, DVC metrics, text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from autophagy import evaluated, features, models, paths, presets, starts, store, tabular
from autophagy.config import Experiment, Loop
from autophagy.errors import UserError
from autophagy.evaluated import HEADLINE, VIEWS
from autophagy.metrics import METRICS, OF_FEATURES, ONLY, frechet_is_biased
from autophagy.rows import KINDS
from autophagy.schema import plain

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ("n_samples", "n_reference")
#: Columns of metrics.csv.
COLUMNS = (
    "loop", "seed", "generation", "view", *COUNTS, *METRICS, "n_train", "n_train_real",
    "sampling_bias", "budget",
)  # fmt: skip
#: Titles of the headline metrics, which are printed; `{space}` is where distances are taken.
TITLES = {
    "frechet_distance": "Fréchet distance ({space}; lower is better)",
    "precision": "Precision (quality)",
    "recall": "Recall (diversity)",
}
#: Those that follow where the data's true density is known.
KNOWN = {
    "modes_recovered": "Share of the modes recovered",
    "tail_mass": "Tail mass, over the truth's 5%",
}


def columns(kind: str) -> tuple[str, ...]:
    """The columns of the table of one kind of rows; those of added metrics come after them."""
    return tuple(name for name in COLUMNS if ONLY.get(name, kind) == kind)


def evaluations(experiment: Experiment) -> list[dict[str, Any]]:
    """Every evaluation of an experiment, in the order of the table.

    Each is {loop, seed, generation, sampling_bias, budget, path}, the budget in words; the real
    baseline is loop `real`, generation 0, real-only models are `real-only/<name>`, generation 1.
    What a fork shares with another loop is listed for both.
    """
    every = range(1, experiment.generations + 1)
    # What is listed -> whose evaluations they are, and of which generation.
    listed = {"real": [("real", 0)]}
    listed |= {f"real-only/{name}": [(name, 1)] for name in experiment.real_only}
    for name in experiment.loops:
        listed[name] = [(starts.owner(experiment, name, t), t) for t in every]
    biases = {name: loop.sampling_bias for name, loop in experiment.loops.items()}
    return [
        {
            "loop": loop,
            "seed": seed,
            "generation": t,
            "sampling_bias": biases.get(owner, 1.0),
            "budget": _budget_of(experiment, owner, t),
            "path": paths.evaluation_path(owner, seed, t),
        }
        for loop, made in listed.items()
        for seed in experiment.seeds
        for owner, t in made
    ]


def tidy(root: Path, listed: list[dict[str, Any]]) -> pd.DataFrame:
    """One row an evaluation and view, columns as in `COLUMNS`, then metrics of other packages.

    Args:
        listed: see `evaluations`.

    Raises:
        UserError: an evaluation is missing.
    """
    import pandas as pd

    rows, seen = [], dict[str, None]()
    for entry in listed:
        content = evaluated.read(root / entry["path"])
        for view in VIEWS:
            measured = content[view]
            found = {key: value for key, value in measured.items() if key in COLUMNS}
            added = measured.get("added", {})
            bias = entry["sampling_bias"] if view == "output" else 1.0
            seen |= dict.fromkeys(added)
            rows.append(entry | found | added | {"view": view, "sampling_bias": bias})
    # Metrics of another kind of rows are in no evaluation, not even as undefined.
    known = [name for name in COLUMNS if name not in METRICS or any(name in row for row in rows)]
    numbers = {name: float for name in (*known, *seen) if name in {*METRICS, *seen}}
    return pd.DataFrame(rows, columns=[*known, *seen]).astype(numbers)


def opinions(root: Path, listed: list[dict[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The metrics of feature space of loops, at λ = 1, in both networks: two tables of like rows.

    Args:
        listed: see `evaluations`.

    Raises:
        UserError: an evaluation is missing.
    """
    import pandas as pd

    both: tuple[list[Any], list[Any]] = ([], [])
    for entry in listed:
        if entry["loop"] == "real" or entry["loop"].startswith("real-only/"):
            continue
        content = evaluated.read(root / entry["path"])
        told = {key: entry[key] for key in ("loop", "seed", "generation")}
        for rows, views in zip(both, (content, content["second"]), strict=True):
            rows.append(told | {key: views["model"][key] for key in OF_FEATURES})
    numbers = dict.fromkeys(OF_FEATURES, float)
    first, second = (pd.DataFrame(rows).astype(numbers) for rows in both)
    return first, second


def last_generation(table: pd.DataFrame) -> dict[str, Any]:
    """Loop -> metrics of its last generation, the mean over seeds, for `dvc metrics`.

    They are those of the `output` view; a biased loop has its λ = 1 view under `model`.
    """
    summary: dict[str, Any] = {}
    for loop, rows in table.groupby("loop", sort=False):
        last = rows[rows["generation"] == rows["generation"].max()]
        views = {view: _means(last[last["view"] == view]) for view in VIEWS}
        summary[loop] = {"generation": int(last["generation"].iloc[0]), **views["output"]}
        if (rows["sampling_bias"] < 1.0).any():
            summary[loop]["model"] = views["model"]
    return summary


def _means(rows: pd.DataFrame) -> dict[str, float]:
    import pandas as pd

    means = rows[[name for name in METRICS if name in rows]].mean()
    return {name: float(value) for name, value in means.items() if pd.notna(value)}


def write_csv(root: Path, listed: list[dict[str, Any]]) -> None:
    """Write metrics.csv of the evaluations in `listed`."""
    table = tidy(root, listed)
    with store.new_file(root / paths.METRICS_CSV) as file:
        table.to_csv(file, index=False, lineterminator="\n")


def read(root: Path) -> pd.DataFrame:
    """metrics.csv.

    Raises:
        UserError: it is missing or no such table.
    """
    # Metrics of other packages follow, of any name.
    table = tabular.read(root / paths.METRICS_CSV, (), ("loop", "view", "budget"), more=True)
    if not any(tuple(table)[: len(columns(kind))] == columns(kind) for kind in KINDS):
        raise UserError(f"{root}/metrics.csv: its columns are not those of this version")
    return table


def budget_line(experiment: Experiment, loop: str | None = None) -> str:
    """What a figure must say about itself: training budget, seeds, and the loop's sizes and λ."""
    seeds = len(experiment.seeds)
    parts = [
        budget(experiment, loop),
        f"{seeds} seed{'s' if seeds > 1 else ''}",
    ]
    if loop is not None:
        chosen = experiment.loops[loop]
        parts = [
            f"λ = {chosen.sampling_bias:g}",
            f"{start_in_words(experiment, chosen)}, then {presets.rows_in_words(chosen)}",
            parts[0],
        ]
    return f"{loop or experiment.experiment}: {', '.join(parts)}"


def budget(experiment: Experiment, loop: str | None = None) -> str:
    """The training budget of the experiment's models, or of those that a loop fits."""
    return models.budget(experiment.model.family, experiment.settings("train", loop))


def _budget_of(experiment: Experiment, owner: str, t: int) -> str:
    """The budget of one evaluation's model; none of real rows and of a start from outside."""
    if owner not in experiment.loops:
        return "" if owner == "real" else budget(experiment)
    if t > 1:
        return budget(experiment, owner)
    return "" if starts.kind(experiment.loops[owner].start_from) else budget(experiment)


def changes_of(loop: Loop) -> str:
    """What a loop has otherwise than the experiment: `train.steps 4000`."""

    def told(value: Any) -> str:
        if not isinstance(value, dict):
            return str(value)
        return f"({', '.join(f'{key} {each}' for key, each in value.items())})"

    return ", ".join(
        f"{section}.{key} {told(value)}"
        for section in ("train", "sample")
        if (changes := getattr(loop, section)) is not None
        for key, value in plain(changes).items()
    )


def unlike_real_only(experiment: Experiment, loop: Loop) -> str:
    """What a loop has otherwise than the run's real-only models, `changes_of` and its labels.

    Their labels are balanced, and a class's share counts in every distance. Points have no classes.
    """
    labels = presets.regime_of(loop).labels
    said = [changes_of(loop)]
    if experiment.kind == "images" and labels != "balanced":
        said.append(f"labels {labels}")
    return ", ".join(filter(None, said))


def changes_in_words(experiment: Experiment) -> list[str]:
    """A line on each loop that trains or samples otherwise than the experiment does."""
    return [
        f"  {name}, from generation 2 on: {said}"
        for name, loop in experiment.loops.items()
        if (said := changes_of(loop))
    ]


def start_in_words(experiment: Experiment, loop: Loop) -> str:
    """What a loop starts from: `300 real images`."""
    if starts.is_fork(loop.start_from):
        return f"generations 1-{loop.start_from.generation} of {loop.start_from.loop}"
    kind = starts.kind(loop.start_from)
    if kind is None:
        return f"{experiment.real_only[loop.start_from]} real {experiment.kind}"
    return "a checkpoint from outside" if kind == starts.MODEL else "pictures from outside"


def summary(root: Path, experiment: Experiment) -> str:
    """The text a run ends with: loop by generation, the real-vs-real baseline first."""
    table = read(root)
    spread = evaluated.resplits(root, experiment.seeds[0])
    real = table[table["loop"] == "real"].iloc[0]
    kind = experiment.kind
    lines = [
        f"{experiment.experiment}: {experiment.generations} generations, "
        f"seeds {', '.join(map(str, experiment.seeds))}; "
        f"every model: {budget(experiment)}; "
        f"{int(real['n_samples'])} samples against {int(real['n_reference'])} held-out real {kind}",
    ]
    lines += changes_in_words(experiment)
    if len(experiment.seeds) == 1:
        lines.append("One seed decides nothing: take differences as examples, not as findings.")
    counted = int(min(real["n_samples"], real["n_reference"]))
    network = features.name_of(experiment.evaluate.features)
    space, dimension = features.space(network), features.dimension(network, root)
    if frechet_is_biased(counted, dimension):
        lines.append(
            f"{counted} {kind} in {dimension} dimensions: Fréchet distances are mostly bias here; "
            "read kernel_distance in metrics.csv."
        )
    for metric in HEADLINE:
        floor = spread[metric]
        lines += [
            "",
            f"{TITLES[metric].format(space=space)}; real against real over random cuts: "
            f"{floor['mean']:.2f} ± {floor['sd']:.2f}",
            _block(table, experiment, metric),
        ]
    for metric, title in KNOWN.items():
        if metric in table and table[metric].notna().any():
            lines += ["", title, _block(table, experiment, metric)]
    return "\n".join(lines)


def _block(table: pd.DataFrame, experiment: Experiment, metric: str) -> str:
    """One metric, loop by generation; biased loops have a second line for their λ = 1 view."""
    import pandas as pd

    kind = experiment.kind
    lines = {f"real {kind}": _cells(table, "real", "output", metric)}
    for name, n in experiment.real_only.items():
        cells = _cells(table, f"real-only/{name}", "output", metric)
        lines[f"real-only/{name} ({n} {kind})"] = cells
    for name in experiment.loops:
        lines[name] = _cells(table, name, "output", metric)
        if not paths.is_plain(experiment, name):
            biased = (table["sampling_bias"][table["loop"] == name] < 1.0).any()
            alone = "sampled at λ = 1" if biased else "the model alone"
            lines[f"{name}, {alone}"] = _cells(table, name, "model", metric)
    frame = pd.DataFrame.from_dict(lines, orient="index").fillna("")
    frame = frame[sorted(frame.columns)].rename(columns={0: "real"})
    return frame.to_string()


def _cells(table: pd.DataFrame, loop: str, view: str, metric: str) -> dict[int, str]:
    rows = table[(table["loop"] == loop) & (table["view"] == view)]
    cells = {}
    for generation, values in rows.groupby("generation")[metric]:
        # Real rows are one split in another order: their spread is that of the resplits.
        spread = f" ± {values.std():.2f}" if len(values) > 1 and loop != "real" else ""
        cells[int(generation)] = f"{values.mean():.2f}{spread}"
    return cells
