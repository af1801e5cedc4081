"""The recorded results of another git revision, without checking it out: what a comparison needs
of them, from DVC's cache or its remote.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from autophagy.errors import UserError

#: What is fetched of an experiment: what it is and what was measured, and its pictures; no models.
WANTED = (
    "*manifest.json", "*/metrics.json", "metrics.csv", "verdicts.csv", "audit.json",
    "*/preview/*", "figures/*.png",
)  # fmt: skip


def fetch(revision: str, experiment: Path, into: Path) -> str:
    """Put what a git revision's DVC files record of an experiment into a folder.

    Args:
        revision: anything that git takes for one.
        experiment: its folder results/<experiment>, as seen from here, whether it exists or not.
        into: an empty folder.

    Returns:
        The revision's commit, abbreviated.

    Raises:
        UserError: here is no git repository with DVC, the revision is not known, it records no such
            experiment, or neither cache nor remote has its files.
    """
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    where = f"{experiment} at {revision}"
    try:
        root = Path(os.path.relpath(experiment, Repo.find_root())).as_posix()
        recorded = DVCFileSystem(".", rev=revision)
        files = [] if root.startswith("..") else _files(recorded, root)
    except DvcException as error:
        raise UserError(f"{where}: {_first_line(error)}") from error
    if not files:
        raise UserError(
            f"{where}: is in no DVC file of that revision; "
            "`autophagy record` writes it into one, which git has to commit"
        )
    for name in files:
        if any(fnmatchcase(name, pattern) for pattern in WANTED):
            _copy(recorded, f"/{root}/{name}", into / name, where)
    return recorded.repo.get_rev()[:7]


def _files(recorded: Any, root: str) -> list[str]:
    """Every recorded file below a folder, relative to it; none where there is no such folder."""
    found = recorded.find(f"/{root}", dvc_only=True)
    return sorted(name.removeprefix(f"/{root}/") for name in found)


def _copy(recorded: Any, source: str, target: Path, where: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        recorded.get_file(source, str(target))
    # Every kind of remote has errors of its own.
    except Exception as error:
        raise UserError(
            f"{where}: {source[1:]} is neither in DVC's cache nor in a remote that gives it "
            f"({_first_line(error)}); `dvc push` it from where it was made"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
