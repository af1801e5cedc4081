"""With this folder on PYTHONPATH and `NOTES` set, a job does its script once more at its end, and
notes what that took, all imported by then: Python imports a module of this name before all else.
"""

import atexit
import os
import runpy
import sys
import time
from pathlib import Path

#: The environment's name for the file of notes, a line a script: seconds, the job's rule and its
#: log, or nothing and the script where it is no job.
NOTES = "AUTOPHAGY_BENCH_AGAIN"
#: What is done again: jobs, not Snakemake itself.
SCRIPTS = ("/.snakemake/scripts/", "/plain_figure.py")


def _again() -> None:
    script = sys.argv[0]
    began = time.perf_counter()
    names = runpy.run_path(script, run_name="__main__")
    took = time.perf_counter() - began
    job = names.get("snakemake")
    rule, name = (job.rule, job.log[0]) if job else ("", script)
    with Path(os.environ[NOTES]).open("a", encoding="utf-8") as notes:
        notes.write(f"{took}\t{rule}\t{name}\n")


if NOTES in os.environ and any(mark in " ".join(sys.orig_argv) for mark in SCRIPTS):
    atexit.register(_again)
