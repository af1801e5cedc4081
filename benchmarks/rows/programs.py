"""Programs that rows time: Snakemake on this workflow, and others of this environment."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from again import sitecustomize

from rows.base import REPOSITORY


def said_by(
    *command: str, folder: Path, environment: dict[str, str] | None = None
) -> tuple[float, str]:
    """Seconds that a program of this environment takes in a folder, and what it says.

    Args:
        environment: added to that of this process.

    Raises:
        SystemExit: it fails; with the end of what it says.
    """
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | (environment or {}),
    )  # fmt: skip
    took, said = time.perf_counter() - began, done.stdout + done.stderr
    if done.returncode:
        sys.exit(f"{' '.join(command)} exits with {done.returncode}\n{said[-2000:]}")
    return took, said


def run(*command: str, folder: Path) -> float:
    """Seconds that a program takes; see `said_by`."""
    return said_by(*command, folder=folder)[0]


def written(content: dict[str, Any], folder: Path) -> Path:
    """The configuration as a file of a folder."""
    file = folder / "bench.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return file


def snakemake(content: dict[str, Any], folder: Path, *options: str) -> tuple[str, ...]:
    """The command that runs Snakemake on an experiment in a folder."""
    file = written(content, folder)
    place = ("--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", str(file))
    return ("snakemake", *place, "--quiet", "all", *options)


def again(*command: str, folder: Path) -> dict[str, tuple[str, float]]:
    """What the scripts that a program runs take when their processes do them a second time.

    That is their work, and opening their log; what they import is there.

    Returns:
        log of a job, or script -> the job's rule, or nothing; and seconds.

    Raises:
        SystemExit: the program fails, or none of its scripts did so.
    """
    beside = Path(sitecustomize.__file__).parent
    with tempfile.TemporaryDirectory() as place:
        notes = Path(place, "notes")
        path = os.pathsep.join(filter(None, (str(beside), os.environ.get("PYTHONPATH"))))
        said_by(
            *command,
            folder=folder,
            environment={sitecustomize.NOTES: str(notes), "PYTHONPATH": path},
        )
        if not notes.exists():
            sys.exit(f"{' '.join(command)}: none of its scripts ran again")
        lines = notes.read_text(encoding="utf-8").splitlines()
    noted = (line.split("\t") for line in lines)
    return {name: (rule, float(seconds)) for seconds, rule, name in noted}
