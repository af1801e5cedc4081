"""A job ends with its run, or it would go on writing beside the jobs of the next one."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator

#: Names to jobs the Snakemake process that started them; each Snakemake sets it to itself.
VARIABLE = "AUTOPHAGY_RUN"
#: From <linux/prctl.h>.
_PR_SET_PDEATHSIG = 1


def name_run() -> None:
    """Make this process the one whose end its jobs do not outlive."""
    os.environ[VARIABLE] = str(os.getpid())


def hold() -> None:
    """From here on this process is killed when the one that started it ends, however it ends.

    Linux only, and nothing outside a run; where it does not hold, `runlock` refuses the next run
    while a job of the last one is at work.
    """
    run = os.environ.get(VARIABLE)
    if run is None or sys.platform != "linux":
        return
    follow_parent()
    # It may have ended before: then this process has been given to another parent.
    if int(run) not in _above(os.getpid()):
        sys.exit("autophagy: the run that started this job has ended")


def follow_parent() -> None:
    """From here on this process is killed when the one that started it ends; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _above(process: int) -> Iterator[int]:
    """The process's parent, its parent's parent, …"""
    while process > 1:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            # After the name, in brackets, which may hold anything: state, then parent.
            process = int(file.read().rpartition(")")[2].split()[1])
        yield process
