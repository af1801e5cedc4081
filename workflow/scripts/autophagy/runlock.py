"""One run at a time makes an experiment: a lock that ends with the process that holds it.

Snakemake's own lock is a list of files that a killed run leaves behind, and that the end of any
other run in the same folder removes; profiles/default turns it off. The kernel lets go of this one
however its holder ends, so there is nothing to clear by hand.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from autophagy.errors import UserError

#: Locks of this process, held until it ends.
_HELD: list[TextIO] = []


def path_of(experiment: str) -> Path:
    """The lock of an experiment, relative to the folder that it is made in."""
    return Path("logs") / experiment / "run.lock"


def take(experiment: str) -> None:
    """Take the lock of an experiment, until this process ends.

    Raises:
        UserError: another process holds it, or a job of a killed run is still at work here.
    """
    _HELD.append(_acquired(experiment))
    _require_no_orphan(experiment)


@contextmanager
def held(experiment: str) -> Iterator[None]:
    """The lock of an experiment, for a block; raises as `take`."""
    with _acquired(experiment):
        _require_no_orphan(experiment)
        yield


def _acquired(experiment: str) -> TextIO:
    path = path_of(experiment)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = _holder(file)
        file.close()
        raise UserError(
            f"results/{experiment}: another run{holder} is at work on it; wait for its end"
        ) from error
    except OSError:
        # Some network file systems have no locks.
        print(
            f"autophagy: {path}: the file system has no locks; let one run at a time work here",
            file=sys.stderr,
        )
    try:
        file.truncate(0)
        json.dump({"pid": os.getpid(), "host": socket.gethostname()}, file)
        file.flush()
    except OSError as error:
        with suppress(OSError):
            # What a full disk left in the buffer is tried once more on closing.
            file.close()
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
    return file


def _holder(file: TextIO) -> str:
    """Who wrote the lock, or nothing in the moment before it is written."""
    file.seek(0)
    try:
        content = json.load(file)
        return f" (process {content['pid']} on {content['host']})"
    except (ValueError, KeyError, TypeError):
        return ""


def _require_no_orphan(experiment: str) -> None:
    """Refuse to work beside a job that outlived its run: the two would write the same files."""
    for pid in _orphans(Path.cwd()):
        raise UserError(
            f"results/{experiment}: process {pid}, a job of a run that was killed, is still at "
            f"work in this folder; wait for its end, or `kill {pid}`"
        )


def _orphans(folder: Path) -> Iterator[int]:
    """Processes that run a rule's script below a folder, without Snakemake above them."""
    import psutil

    scripts = f"{folder.resolve()}/.snakemake/scripts/"
    for process in psutil.process_iter():
        try:
            runs_script = any(word.startswith(scripts) for word in process.cmdline())
            if runs_script and not any(_is_snakemake(above) for above in process.parents()):
                yield process.pid
        except psutil.Error:
            # It has ended, or is another user's.
            continue


def _is_snakemake(process) -> bool:
    return any("snakemake" in Path(word).name for word in process.cmdline()[:3])
