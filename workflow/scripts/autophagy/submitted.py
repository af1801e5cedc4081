"""Jobs of a killed run that a Slurm cluster still has: no process of this machine shows them.

Snakemake's Slurm plugin names a job by the id of its run, a UUID behind an optional prefix, and
starts it in the folder of the run (`sbatch --job-name … -D …`).
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path

from autophagy.errors import UserError

_RUN = re.compile(r"(.*_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SECONDS = 60


def require_none(experiment: str) -> None:
    """Refuse to submit jobs beside those of a killed run: they would write the same files.

    To be called with the experiment's lock held. While another experiment is made in this folder,
    whose jobs look the same, nothing is asked.

    Raises:
        UserError: the queue has jobs that a run in this folder submitted and left.
    """
    if _others_at_work(experiment):
        return
    if jobs := _left_here():
        raise UserError(
            f"results/{experiment}: Slurm still has jobs of a run in this folder that was killed; "
            f"wait for their end, or `scancel {' '.join(jobs)}`"
        )


def _others_at_work(experiment: str) -> bool:
    for path in Path("logs").glob("*/run.lock"):
        if path.parent.name != experiment:
            with path.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return True
    return False


def _left_here() -> list[str]:
    """Ids of this user's jobs that Snakemake submitted from the working directory."""
    command = ["squeue", "--me", "--noheader", "--format=%A|%j|%Z"]
    try:
        asked = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        print(
            f"autophagy: squeue does not answer ({error}); jobs of a killed run are not looked for",
            file=sys.stderr,
        )
        return []
    here = os.path.realpath(".")
    found = []
    for line in asked.stdout.splitlines():
        job, name, folder = line.split("|", 2)
        if _RUN.fullmatch(name) and os.path.realpath(folder) == here:
            found.append(job)
    return found
