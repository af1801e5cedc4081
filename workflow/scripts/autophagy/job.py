"""The edge between Snakemake and the library: logs, progress, and errors of one line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from autophagy.errors import UserError

#: Seconds between two lines of progress: enough to watch by, too few to flood a file.
INTERVAL = 10.0


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


class Progress:
    """Tells how far a job is, at most every `INTERVAL` seconds and once at its end."""

    def __init__(self, title: str, log: TextIO) -> None:
        self.title, self.log = title, log
        self.started = self.spoke = time.monotonic()
        self.last = ""

    def __call__(self, done: int, total: int, note: str) -> None:
        """A `Report`: `done` of `total`, and a note such as the loss."""
        now = time.monotonic()
        self.last = f"{done}/{total} {note}"
        if now - self.spoke >= INTERVAL and done:
            left = (now - self.started) * (total - done) / done
            self.say(f"{self.last}, {_duration(left)} left")
            self.spoke = now

    def finish(self) -> None:
        self.say(f"{self.last}, done in {_duration(time.monotonic() - self.started)}")

    def say(self, text: str) -> None:
        print(text, file=self.log, flush=True)
        print(f"  {self.title}: {text}", file=sys.stderr, flush=True)


def _require_plan(records: list[dict[str, Any]]) -> None:
    """Refuse to compute with other libraries than the plan recorded."""
    from autophagy.manifests import require_software

    for record in records:
        require_software(record)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
