"""A repository of its own whose default experiment is a tiny one, and programs to run in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
LOOPS = ("biased", "augmentation", "fresh")


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """For programs of this environment that shall use the library of a folder, on one thread."""
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "workflow" / "scripts"),
        "OMP_NUM_THREADS": "1",
        **variables,
    }


def run(folder: Path, *command: str, status: int | None = 0, **variables: str):
    """Run a program of this environment in a folder, with that folder's library."""
    done = subprocess.run(
        command, cwd=folder, env=environment(folder, **variables),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if status is not None:
        assert done.returncode == status, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def copy_of_repository(folder: Path) -> None:
    """The repository's files as they stand, without what runs made here have left beside them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        of_a_run = Path(name).name in ("dvc.yaml", "dvc.lock") and name != "dvc.yaml"
        if (REPOSITORY / name).is_file() and not of_a_run:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)


def git(folder: Path, *command: str) -> None:
    run(folder, "git", "-c", "user.name=t", "-c", "user.email=t@t", *command)


def content() -> dict[str, Any]:
    """The configuration of `make_project`."""
    whole = yaml.safe_load((REPOSITORY / "tests" / "configs" / "tiny.yaml").read_text())
    whole |= {"seeds": [1], "generations": 2}
    whole["loops"] = {name: whole["loops"][name] for name in LOOPS}
    return whole


def make_project(folder: Path) -> None:
    """Copy the repository, make a tiny experiment its default one, and run that to the end."""
    copy_of_repository(folder)
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(content(), sort_keys=False))
    git(folder, "init", "-q")
    run(folder, sys.executable, "-m", "autophagy.cli", "ledger")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "tiny")
    run(folder, "snakemake", "--cores", "2", "--verbose")
