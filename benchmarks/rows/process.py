"""One side of a row, once, in a process of its own on one thread a library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rows.base import SCRIPTS

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def run(program: str, row: str, side: str, turn: int, quick: bool) -> dict[str, Any]:
    """What a side returns, with the peak memory of its process and the seconds all of it took.

    Args:
        program: bench.py, which calls the side.

    Raises:
        SystemExit: it failed.
    """
    command = [sys.executable, program, row, "--side", side, "--turn", str(turn)]
    command += ["--quick"] * quick
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | THREADS | {"PYTHONPATH": str(SCRIPTS), "PATH": programs}
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as child:
        assert child.stdout is not None
        told = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{row}: {side} exits with {child.returncode}")
    # ru_maxrss counts kilobytes on Linux, bytes on macOS.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    around = {"peak_mb": usage.ru_maxrss / unit, "whole_seconds": time.perf_counter() - began}
    return json.loads(told.splitlines()[-1]) | around
