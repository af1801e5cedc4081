"""The edge between Snakemake and the library: logs, progress, and errors of one line."""

from __future__ import annotations

import atexit
import gc
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from autophagy import lifeline
from autophagy.errors import UserError
from autophagy.progress import Progress


def _interrupted(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """One line for Ctrl-C where no handler stands: while a script still imports its step."""
    if issubclass(kind, KeyboardInterrupt):
        print("autophagy: interrupted; the same command goes on from here", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


# Every script imports this module first.
sys.excepthook = _interrupted
# What is imported is no garbage: looking for some after every 700 new objects takes a third of a
# torch job's start, and at its end a fifth to look again and take all apart.
gc.set_threshold(50_000)
atexit.register(gc.freeze)


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
        _write(log, "done\n")


def scratch_of(snakemake: Any) -> Path:
    """The folder for what a job keeps for itself if it is killed: beside its log.

    Snakemake deletes the outputs of a killed job and leaves this folder alone.
    """
    return Path(snakemake.log[0]).with_suffix(".checkpoint")


@contextmanager
def _one_line_errors(snakemake: Any, title: str) -> Iterator[TextIO]:
    """The rule's open log; an error ends the job with one line and exit status 1.

    A `UserError` says what to do; of any other error the log keeps the traceback.
    """
    lifeline.hold()
    log = _opened(snakemake.log[0], title)
    try:
        yield log
    except UserError as error:
        _write(log, f"failed: {error}\n")
        sys.exit(f"autophagy: {title}: {error}")
    except KeyboardInterrupt:
        _write(log, "interrupted\n")
        sys.exit(f"autophagy: {title}: interrupted; the same command goes on from here")
    except Exception as error:
        kept = _write(log, traceback.format_exc())
        name = " ".join(f"{type(error).__name__}: {error}".split())
        where = f"the traceback is in {snakemake.log[0]}" if kept else "the log cannot be written"
        sys.exit(f"autophagy: {title}: {name[:300]}; {where}")
    finally:
        # What a full disk left in the buffer is tried once more on closing.
        with suppress(OSError):
            log.close()


def _opened(path: str, title: str) -> TextIO:
    try:
        return Path(path).open("w", encoding="utf-8")
    except OSError as error:
        sys.exit(f"autophagy: {title}: {path}: cannot be written: {error.strerror}")


def _write(log: TextIO, text: str) -> bool:
    """Was the text written to the log? A full disk must not hide the error that it tells of."""
    try:
        log.write(text)
        log.flush()
    except OSError:
        return False
    return True


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
