"""A repository whose default experiment stands: real manifests and indices, random contents."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from rows.base import REPOSITORY
from rows.programs import run, written

#: Stages of dvc.yaml whose artifacts `lineage.make` makes whole.
STAGES = ("real", "features", "real-only", "loop", "evaluate")


def repository(folder: Path, content: dict[str, Any]) -> None:
    """A copy of this repository whose default experiment is another one, with its ledger."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if name != "dvc.lock" and (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((REPOSITORY / name).read_bytes())
    written(content, folder).replace(folder / "config" / "config.yaml")
    run("git", "init", "-q", folder=folder)
    run(sys.executable, "-m", "autophagy.cli", "ledger", folder=folder)


def stand(folder: Path, content: dict[str, Any], size: int, weights: int) -> Path:
    """Make every artifact of the default experiment of `folder`; the experiment's folder.

    Args:
        size: pixels a side.
        weights: bytes of a model.
    """
    import in_process
    import lineage
    from autophagy import paths, store

    plan = in_process.plan_of(content)
    root = folder / plan.root
    lineage.make(plan, root, size, weights)
    store.write_json(root / paths.AUDIT, {})
    run("snakemake", "--touch", "--forceall", "--cores", "1", "--quiet", "all", folder=folder)
    return root


def commit(folder: Path) -> None:
    """Put what stands into DVC's cache and lock."""
    listed = subprocess.run(
        ["dvc", "stage", "list", "--name-only"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    names = [name for name in listed.stdout.split() if name.startswith(STAGES)]
    run("dvc", "commit", "--force", "--quiet", *names, folder=folder)
