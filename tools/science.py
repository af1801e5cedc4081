"""docs/science.md: every claim beside what could have refuted it, from docs/science/claims.yaml.

`configs` and `short` print what `make science` and `make science-short` run, `data` writes the data
sets of our own that some of it reads, `collect` copies the tables of finished runs into
docs/science/, and `write` makes the page of them: every number on it comes from a run.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd
import science_beside
import science_beyond
import science_page
import spent
import yaml
from autophagy import config as configuration
from autophagy import config_file, costs, manifests, paths, store
from autophagy import plan as planning
from autophagy.errors import UserError
from science_found import Found

REPOSITORY = Path(__file__).resolve().parent.parent
ROWS, TEXT, PAGE = "docs/science/claims.yaml", "docs/science/page.md", "docs/science.md"
KEPT = "docs/science"
TABLES = ("metrics.csv", "verdicts.csv", "attribution.csv", "effective_size.csv",
          "second_opinion.csv", "loop_pairs.csv")  # fmt: skip
#: 10¹² operations a second that a core without AVX-512 keeps up, of an AMD EPYC of family 25: 1000
#: steps of batch 128, 2.89 · 10¹² operations, in 110 s.
RATE = 0.026
#: Pictures of the data sets that `data` writes; the configurations do not know before they read.
SHAPE = (8, 1)
#: Share of each class in the one before it, in the imbalanced digits.
SHARE = 0.7


def content(repository: Path) -> dict[str, Any]:
    return config_file.read(repository / ROWS)


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
    _save(repository / "data/digits-imbalanced.npz", images=images[chosen], labels=labels[chosen])
    _save(repository / "data/digits-unlabelled.npz", images=images)


def _save(file: Path, **arrays: np.ndarray) -> None:
    # An open file, since numpy ends names of its own choice in .npz.
    with store.new_file(file) as fresh, fresh.open("wb") as opened:
        np.savez(opened, **arrays)


def collect(repository: Path, names: list[str]) -> None:
    """Copy the tables, diversity of labels and processor time of the runs that have ended.

    Of loops whose n_e/n_r is asked for, what the Gaussian predicts is computed beside them.

    Args:
        names: of the configurations; of all where there is none.

    Raises:
        UserError: a name is none of them; results are of another configuration.
    """
    asked = content(repository)
    if unknown := set(names) - set(asked["configs"]):
        raise UserError(f"{min(unknown)}: is none of {', '.join(asked['configs'])}")
    for name in names or asked["configs"]:
        results, kept = repository / "results" / name, repository / KEPT / name
        if not (results / paths.AUDIT).exists():
            continue
        plan = planning.build(loaded(repository, name))
        require_of_its_configuration(plan, results)
        asks = [ask for row in asked["rows"] if row["config"] == name for ask in row["asks"]]
        with store.new_folder(kept) as fresh:
            _copy(results, fresh)
            _compute(results, fresh, plan, asks)
            run = spent.minutes(repository / "logs" / name)
            run["configuration"] = identity(repository, name)
            (fresh / "run.json").write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")


def _copy(results: Path, fresh: Path) -> None:
    """The tables and the picture that a run has made."""
    for name in (*TABLES, f"figures/{science_page.ATTRIBUTION}"):
        if (results / name).exists():
            shutil.copy(results / name, fresh / Path(name).name)


def _compute(results: Path, fresh: Path, plan: planning.Plan, asks: list[dict[str, Any]]) -> None:
    """Labels' diversity, how long trainings took, and theory beside what is asked of the run."""
    experiment = plan.experiment
    taken = science_beyond.steps_taken(results, plan)
    if len(taken):
        taken.to_csv(fresh / "steps.csv", index=False)
    counted = science_beside.labels_of(results, experiment)
    science_beside.labels_table(counted).to_csv(fresh / "labels.csv", index=False)
    told = [ask["labels"] for ask in asks if "labels" in ask]
    if drifting := [loop for loop in told if experiment.loops[loop].labels == "inherited"]:
        found = science_beside.drift_table(counted, drifting)
        found.to_csv(fresh / "drift.csv", index=False)
    if loops := [loop for ask in asks for loop in ask.get("dose", ())]:
        sizes = pd.read_csv(fresh / "effective_size.csv")
        found = science_beside.gaussian_table(experiment, loops, sizes)
        found.to_csv(fresh / "gaussian.csv", index=False)


def identity(repository: Path, name: str) -> str:
    """SHA-256 of what a piece's configuration says, whatever its comments and order of keys."""
    text = (repository / "config" / name / "config.yaml").read_text(encoding="utf-8")
    return store.content_hash(yaml.safe_load(text))


def require_of_its_configuration(plan: planning.Plan, results: Path) -> None:
    """Refuse results that another configuration has made, or whose run goes on.

    Raises:
        UserError: a manifest is missing, or holds other settings than the plan.
    """
    for path in plan.nodes:
        manifest, record = manifests.read(results, path), plan.record(path)
        if any(manifest[key] != record[key] for key in ("params", "seed")):
            raise UserError(
                f"{results}: {path} was made with other settings than its configuration says; "
                "run it again"
            )


def collected(repository: Path, name: str, experiment: Any) -> Found | None:
    """What docs/science/ holds of a piece, or None where it has not been run.

    Raises:
        UserError: it is of another configuration than there is now.
    """
    folder = repository / KEPT / name
    if not (folder / "metrics.csv").exists():
        return None
    if _run_of(repository, name).get("configuration") != identity(repository, name):
        raise UserError(
            f"{folder}: is of another configuration than config/{name}/config.yaml; run that and "
            "collect it, or delete the folder"
        )
    return Found(folder, experiment)


def loaded(repository: Path, name: str) -> Any:
    """The configuration, whether or not the data of our own are written yet."""
    file = repository / "config" / name / "config.yaml"
    return configuration.load(file, data_at_hand=False)


def hours(experiment: Any) -> float:
    """Processor hours of the networks, as `autophagy plan` counts operations, at `RATE` a core."""
    plan = planning.build(experiment)
    try:
        found = costs.of(plan)
    except UserError:
        found = costs.of(plan, SHAPE)
    return costs.hours(sum(cost.operations for cost in found.values()), RATE)


def write(repository: Path) -> str:
    """The page's text."""
    asked = content(repository)
    experiments = {name: loaded(repository, name) for name in asked["configs"]}
    expected = {name: hours(experiment) for name, experiment in experiments.items()}
    read = {name: collected(repository, name, known) for name, known in experiments.items()}
    found = {name: tables for name, tables in read.items() if tables}
    for tables in found.values():
        tables.beside = found
    runs = {name: _run_of(repository, name) for name in found}
    text = Template((repository / TEXT).read_text(encoding="utf-8"))
    return text.substitute(
        rate=RATE, short=" and ".join(asked["short"]),
        tally=science_page.tally(asked["rows"], found),
        summary=science_page.summary(asked["rows"], found),
        earlier=science_page.earlier(asked["rows"], found),
        claims=science_page.sections(asked["rows"], found, expected),
        attribution=science_page.attribution(experiments, found),
        figures=science_page.figures(found),
        pairs=science_page.table(science_beyond.PAIRS, science_beyond.pairs(found)),
        **{
            f"agreement_{ranked}": science_page.table(
                science_beyond.AGREEMENT, science_beyond.agreements(found, ranked)
            )
            for ranked in ("loops", "generations")
        },
        scale=science_page.scale(found),
        lengths=science_page.table(science_beyond.LENGTHS, science_beyond.lengths(found)),
        pieces=science_page.pieces(expected, runs),
    )  # fmt: skip


def _run_of(repository: Path, name: str) -> dict[str, Any]:
    """When, where and of which configuration a piece was run."""
    return json.loads((repository / KEPT / name / "run.json").read_text(encoding="utf-8"))


def main(arguments: list[str]) -> None:
    try:
        _run(arguments)
    except UserError as error:
        sys.exit(f"science: {error}")


def _run(arguments: list[str]) -> None:
    if arguments == ["configs"]:
        print("\n".join(f"config/{name}/config.yaml" for name in content(REPOSITORY)["configs"]))
    elif arguments == ["short"]:
        print("\n".join(content(REPOSITORY)["short"]))
    elif arguments == ["data"]:
        data(REPOSITORY)
    elif arguments[:1] == ["collect"]:
        collect(REPOSITORY, arguments[1:])
    elif arguments == ["write"]:
        (REPOSITORY / PAGE).write_text(write(REPOSITORY), encoding="utf-8")
    else:
        known = "configs | short | data | collect [NAME ...] | write"
        sys.exit(f"usage: python {Path(__file__).name} {known}")


if __name__ == "__main__":
    main(sys.argv[1:])
