"""The dvc.yaml of an experiment: its stages as DVC reads them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

from autophagy import features, fingerprint, presets
from autophagy.config import NAME
from autophagy.errors import UserError
from autophagy.layout import table_names
from autophagy.ledger import outside
from autophagy.ledger.stages import Stage, stages_of
from autophagy.paths import AUDIT, METRICS_CSV, METRICS_JSON, PAGE, REPORT
from autophagy.plan import Plan

HEADER = """\
# The ledger: what DVC versions, and the second entrance (`dvc repro`). Snakemake does the work.
# Each stage's target lies inside its outs, which DVC deletes first, and --allowed-rules keeps it
# from making another stage's work. Written by `autophagy ledger {config}`; do not edit.
"""


def text(plan: Plan, config: str) -> str:
    """The dvc.yaml of an experiment.

    Args:
        config: path of the configuration, relative to the repository. The default experiment's
            dvc.yaml lies at the repository's top, any other's beside its configuration.
    """
    folder = ledger_folder(config)
    content: dict[str, Any] = {"vars": [os.path.relpath(config, folder)], "stages": {}}
    for stage in stages_of(plan):
        body = _body(plan, stage, config)
        if folder != ".":
            body = {"wdir": os.path.relpath(".", folder), **body}
        if stage.items:
            body = {"foreach": stage.items, "do": body}
        elif stage.foreach:
            body = {"foreach": f"${{{stage.foreach}}}", "do": body}
        content["stages"][stage.name] = body
    if plan.experiment.kind != "theory":
        content["plots"] = _plots(plan)
    return HEADER.format(config=config) + yaml.safe_dump(
        content, sort_keys=False, width=100, allow_unicode=True
    )


def ledger_folder(config: str) -> str:
    """Where the dvc.yaml of a configuration lies, relative to the repository.

    Raises:
        UserError: the file is neither the default configuration nor in a folder of its own.
    """
    folder, name = os.path.split(os.path.normpath(config))
    top, _, own = folder.partition("/")
    # The folder's name stands in commands that DVC gives to a shell.
    if top != "config" or name != "config.yaml" or (own and not re.fullmatch(NAME, own)):
        raise UserError(
            f"{config}: has no ledger; DVC records config/config.yaml and config/NAME/config.yaml"
        )
    return folder if own else "."


def require_current(plan: Plan, config: str) -> None:
    """Refuse a dvc.yaml that is not the one this configuration and code give.

    Raises:
        UserError: it is missing or of another configuration or code.
    """
    file = Path(ledger_folder(config)) / "dvc.yaml"
    # As bytes: what is no UTF-8 is another text too.
    if not file.is_file() or file.read_bytes() != text(plan, config).encode():
        raise UserError(
            f"{file}: is missing or out of date; write it with `autophagy ledger {config}`"
        )


def _body(plan: Plan, stage: Stage, config: str) -> dict[str, Any]:
    results = "results/${experiment}"
    steps = list(stage.steps)
    if stage.name.split("-")[0] == "loop":
        steps += [step for step in plan.steps if step.startswith("sample_")]
    every = {file for step in steps for file in plan.files(step)}
    # Code of other packages lies outside; it is in the fingerprints of the manifests.
    code = sorted(file for file in every if not fingerprint.is_elsewhere(file))
    deps = list(stage.deps) + (_reported(plan) if stage.name == "report" else [])
    # Where a filter sees classes by the feature network, loops are made from it too.
    if stage.name.split("-")[0] == "loop" and "features" not in deps and _judged(plan):
        deps.append("features")
    body = {
        "cmd": f"snakemake --configfile {config} --cores all --allowed-rules "
        f"{' '.join(stage.rules)} -- {results}/{stage.target}",
        "deps": [f"{results}/{path}" for path in deps]
        + (outside.sources(plan, stage.name) if stage.name in ("real", "features") else [])
        + list(stage.sources)
        + (outside.networks(plan) if "train" in stage.steps else [])
        + [f"workflow/scripts/{file}" for file in code],
        "params": [{config: sorted(stage.params)}],
        "outs": [f"{results}/{path}" for path in stage.outs],
    }
    if stage.name == "report":
        if plan.experiment.attribution is not None:
            body["params"] = [{config: sorted({*stage.params, "attribution"})}]
        tables = [name for name in table_names(plan.experiment) if name != METRICS_JSON]
        body["outs"] += [f"{results}/{name}" for name in (*tables, AUDIT, PAGE)]
        body["metrics"] = [f"{results}/{METRICS_JSON}"]
    return body


def _judged(plan: Plan) -> bool:
    judges = presets.filters_of(plan.experiment.loops.values())
    return any(needs == "probabilities" for _, needs in judges)


def _reported(plan: Plan) -> list[str]:
    """The folders behind tables and figures, by name: others may lie beside them on disk."""
    roots = [path for path in plan.nodes if path != REPORT and path.endswith("/manifest.json")]
    return sorted(path.removesuffix("/manifest.json") for path in roots)


def _plots(plan: Plan) -> list[dict[str, Any]]:
    """Metrics over generations, coloured by loop, through .dvc/plots/loops.json."""
    table = f"{plan.root}/{METRICS_CSV}"
    space = features.space(features.name_of(plan.experiment.evaluate.features))
    return [
        {
            f"{plan.experiment.experiment} {metric}": {
                "template": "loops",
                "x": "generation",
                "y": {table: metric},
                "title": title,
            }
        }
        for metric, title in (
            ("frechet_distance", f"Fréchet distance ({space})"),
            ("precision", "Precision"),
            ("recall", "Recall"),
        )
    ]
