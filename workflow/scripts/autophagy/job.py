"""The edge between Snakemake and the library: logs, progress, and errors of one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autophagy.errors import UserError
from autophagy.progress import Progress


def run(snakemake: Any, step: Callable[..., None], **arguments: Any) -> None:
    """Call step(root, records, report, **arguments) with what the rule's params hold.

    Progress goes to the rule's log and, marked with the job's name, to the terminal. A `UserError`
    ends the job with one line and exit status 1.
    """
    params = snakemake.params
    title = title_of(params.records[0])
    with Path(snakemake.log[0]).open("w", encoding="utf-8") as log:
        progress = Progress(title, log)
        try:
            _require_plan(params.records)
            step(Path(params.root), params.records, progress, **arguments)
        except UserError as error:
            progress.say(f"failed: {error}")
            sys.exit(f"autophagy: {title}: {error}")
        progress.finish()


def title_of(record: dict[str, Any]) -> str:
    """What a job is called on the terminal, e.g. `train fully-synthetic seed 1 generation 3`."""
    folders = [part for part in record["path"].split("/")[:-1] if part != "loops"]
    named = {"seed-": "seed ", "gen-": "generation "}
    for place, folder in enumerate(folders):
        for prefix, word in named.items():
            number = folder.removeprefix(prefix)
            if folder != number and number.isdigit():
                folders[place] = f"{word}{int(number)}"
    return " ".join([record["step"], *folders])


def call(snakemake: Any, function: Callable[..., None], **arguments: Any) -> None:
    """Call function(**arguments) for a rule that makes no artifact; errors as in `run`."""
    with Path(snakemake.log[0]).open("w", encoding="utf-8") as log:
        try:
            function(**arguments)
        except UserError as error:
            log.write(f"{error}\n")
            sys.exit(f"autophagy: {snakemake.rule}: {error}")
        log.write("done\n")


def _require_plan(records: list[dict[str, Any]]) -> None:
    """Refuse to compute with other libraries than the plan recorded."""
    from autophagy.manifests import require_software

    for record in records:
        require_software(record)
