"""A training by several processes of this machine, which `accelerate launch` starts and watches.

The job starts the launcher, and the launcher the processes. They tell the job, a JSON document a
line, how far they are and what went wrong. Each dies with who started it, so that a kill of the job
or of the run reaches all of them, and the launcher ends all where one of them fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, TextIO

from autophagy import cards, lifeline
from autophagy.errors import UserError
from autophagy.models import group
from autophagy.progress import Report

_SCRIPTS = Path(__file__).resolve().parents[2]
#: What is kept of what the processes say on their way down.
_TAIL = 4000


def require_cards(processes: int) -> None:
    """
    Raises:
        UserError: there are fewer cards than processes.
    """
    if (count := len(cards.visible())) < processes:
        raise UserError(
            f"train.processes: {processes} processes need a card each; {count} visible, look at "
            f"{cards.VISIBLE}"
        )


def launch(
    root: Path, record: dict[str, Any], report: Report, scratch: Path | None, processes: int,
    source: str | None = None,
) -> None:  # fmt: skip
    """The step `train` for one record, by so many processes.

    Raises:
        UserError: what one of them said; or there are too few cards.
        RuntimeError: one of them failed otherwise.
    """
    environment = os.environ | {"PYTHONPATH": str(_SCRIPTS), group.VARIABLE: str(processes)}
    held: dict[str, Any] = {}
    if record["device"] == "cuda":
        require_cards(processes)
        held = cards.take_several(processes)
        environment[cards.VISIBLE] = ",".join(held)
    work = {
        "root": str(root), "record": record, "scratch": str(scratch) if scratch else None,
        "source": source,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as said:
        file = Path(folder, "work.json")
        file.write_text(json.dumps(work))
        command = [sys.executable, "-m", __name__, str(processes), str(file)]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=said, text=True
        )
        try:
            failure = _followed(process.stdout, report)
            status = process.wait()
        finally:
            # It takes its processes with it.
            process.terminate()
            process.wait()
            for token in held.values():
                token.close()
        if failure is not None:
            raise UserError(failure)
        if status:
            said.seek(0)
            raise RuntimeError(f"a process of the training failed: {said.read()[-_TAIL:].strip()}")


def _followed(lines: TextIO, report: Report) -> str | None:
    """Pass on what the processes tell until they end; the first error that a user caused."""
    failure = None
    for line in lines:
        # Libraries talk, too.
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if not isinstance(told, dict):
            continue
        if "error" in told:
            failure = failure or told["error"]
        elif "progress" in told:
            report(*told["progress"])
    return failure


def _launcher(processes: str, file: str) -> None:
    """Become `accelerate launch` for this module as a process."""
    from accelerate.commands.launch import launch_command, launch_command_parser

    # Whatever `accelerate config` has left on this machine is not asked: all that it would say is.
    asked = {
        "num_processes": processes, "num_machines": "1", "machine_rank": "0",
        "main_process_port": "0", "mixed_precision": "no", "dynamo_backend": "no", "gpu_ids": "all",
    }  # fmt: skip
    options = [f"--{name}={value}" for name, value in asked.items()]
    # `--multi_gpu` names its way of starting several processes; they need no card for it.
    arguments = ["--multi_gpu", *options, "-m", __spec__.name, file]
    launch_command(launch_command_parser().parse_args(arguments))


def _process(file: str) -> None:
    """One of the processes."""
    from autophagy.steps.train import train

    work = json.loads(Path(file).read_text())
    if work["record"]["device"] == "cuda":
        cards.given(cards.visible()[int(os.environ["LOCAL_RANK"])])

    def tell(**what: Any) -> None:
        # At once and whole, since several write here.
        os.write(1, (json.dumps(what) + "\n").encode())

    def report(*progress: Any) -> None:
        if group.rank() == 0:
            tell(progress=progress)

    scratch = Path(work["scratch"]) if work["scratch"] else None
    try:
        train(Path(work["root"]), [work["record"]], report, scratch, work["source"])
    except UserError as error:
        tell(error=str(error))
        sys.exit(1)


if __name__ == "__main__":
    lifeline.follow_parent()
    _launcher(*sys.argv[1:]) if len(sys.argv) == 3 else _process(sys.argv[1])
