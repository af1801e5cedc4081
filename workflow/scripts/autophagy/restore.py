"""Recorded results, brought back: from a remote or the cache, checked, and known to Snakemake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from autophagy import dvc_commands, ledger, runlock
from autophagy.errors import UserError
from autophagy.plan import Plan


def restore(plan: Plan, config: str, *, pull: bool) -> dict[str, str]:
    """Put the results that belong to this revision into place; what is there already stays.

    Args:
        config: path of the configuration, relative to the repository.
        pull: fetch from the default remote what the cache lacks.

    Returns:
        DVC stage name -> why its results are not what configuration and code make. Empty if all
        are: then Snakemake has been told, and has nothing left to do.

    Raises:
        UserError: nothing was recorded here, the remote or the cache lacks it, or a run is at
            work on the same experiment.
    """
    ledger.require_current(plan, config)
    file = str(Path(ledger.ledger_folder(config)) / "dvc.yaml")
    lock = Path(file).with_name("dvc.lock")
    if not lock.is_file():
        raise UserError(f"{lock}: is missing: no results were recorded here; `make run` makes them")
    with runlock.held(plan.experiment.experiment):
        if pull:
            dvc_commands.fetch(file)
        dvc_commands.checkout(file)
        found = ledger.findings(plan, Path(plan.root))
    stale = {stage: finding for stage, finding in found.items() if finding}
    if not stale:
        _touch(config)
    return stale


def _touch(config: str) -> None:
    """Make Snakemake believe what is there: without --forceall, later edits go unseen."""
    done = subprocess.run(
        [
            sys.executable, "-m", "snakemake", "--configfile", config, "--touch", "--forceall",
            "--quiet", "all",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        ours = [line.removeprefix("autophagy: ") for line in lines if line.startswith("autophagy:")]
        raise UserError(ours[0] if ours else f"snakemake --touch failed: {lines[-1]}")
