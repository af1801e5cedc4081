"""The edge between Snakemake and the library: logs, progress, and errors of one line."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from autophagy.errors import UserError
from autophagy.progress import Progress


def run(snakemake: Any, step: Callable[..., None], **arguments: Any) -> None:
    """Call step(root, records, report, **arguments) with what the rule's params hold.

    Progress goes to the rule's log and, marked with the job's name, to the terminal; for errors
    see `_one_line_errors`.
    """
    params = snakemake.params
    title = title_of(params.records[0])
    with _one_line_errors(snakemake, title) as log:
        progress = Progress(title, log)
        _require_plan(params.records)
        step(Path(params.root), params.records, progress, **arguments)
        progress.finish()


def call(snakemake: Any, function: Callable[..., None], **arguments: Any) -> None:
    """Call function(**arguments) for a rule that makes no artifact; errors as in `run`."""
    with _one_line_errors(snakemake, snakemake.rule) as log:
        function(**arguments)
        log.write("done\n")


@contextmanager
def _one_line_errors(snakemake: Any, title: str) -> Iterator[TextIO]:
    """The rule's open log; an error ends the job with one line and exit status 1.

    A `UserError` says what to do; of any other error the log keeps the traceback.
    """
    with Path(snakemake.log[0]).open("w", encoding="utf-8") as log:
        try:
            yield log
        except UserError as error:
            log.write(f"failed: {error}\n")
            sys.exit(f"autophagy: {title}: {error}")
        except Exception as error:
            traceback.print_exc(file=log)
            name = " ".join(f"{type(error).__name__}: {error}".split())
            sys.exit(f"autophagy: {title}: {name[:300]}; the traceback is in {snakemake.log[0]}")


def title_of(record: dict[str, Any]) -> str:
    """What a job is called on the terminal, e.g. `train fully-synthetic seed 1 generation 3`."""
    hidden = ("loops", record["step"])
    folders = [part for part in record["path"].split("/")[:-1] if part not in hidden]
    named = {"seed-": "seed ", "gen-": "generation "}
    for place, folder in enumerate(folders):
        for prefix, word in named.items():
            number = folder.removeprefix(prefix)
            if folder != number and number.isdigit():
                folders[place] = f"{word}{int(number)}"
    return " ".join([record["step"], *folders])


def _require_plan(records: list[dict[str, Any]]) -> None:
    """Refuse to compute with other libraries than the plan recorded."""
    from autophagy.manifests import require_software

    for record in records:
        require_software(record)
