"""Programs that rows time: Snakemake on this workflow, and others of this environment."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from rows.base import REPOSITORY


def said_by(*command: str, folder: Path) -> tuple[float, str]:
    """Seconds that a program of this environment takes in a folder, and what it says.

    Raises:
        SystemExit: it fails; with the end of what it says.
    """
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
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


def snakemake(content: dict[str, Any], folder: Path, *options: str) -> float:
    """Seconds of Snakemake on an experiment in a folder."""
    file = written(content, folder)
    place = ("--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", str(file))
    return run("snakemake", *place, "--quiet", "all", *options, folder=folder)
