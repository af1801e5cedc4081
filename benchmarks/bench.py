"""Side by side with what a user would pick instead: `make bench` prints one table.

    python benchmarks/bench.py [ROW …] [--quick] [--fresh] [--accept]

Rows are the modules of benchmarks/rows/. Every run is stored when it ends (benchmarks/results/), so
an interrupted benchmark goes on, and a row that is measured is measured again only with --fresh or
when the code has changed. benchmarks/RESULTS.md is written from what is stored. A line that is
worse than its recorded value by more than 20% is named, and the command exits with 1; --accept
records what is measured now.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rows import ROWS, machine, page, stored
from rows.base import REPOSITORY, SCRIPTS

PAGE = REPOSITORY / "benchmarks" / "RESULTS.md"


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    if options.side:
        measured = importlib.import_module(f"rows.{options.rows[0]}").SIDES[options.side]
        print(json.dumps(measured(options.quick, options.turn)))
        return 0
    folder = options.store or (None if not options.quick else REPOSITORY / "logs" / "bench-quick")
    here, worse = machine.described(), []
    for row in options.rows:
        worse += measure(row, here, options, folder)
    records = {row: stored.read(row, folder) for row in ROWS}
    if folder is None:
        PAGE.write_text(page.text(records), encoding="utf-8")
    print(page.table({row: records[row] for row in options.rows}))
    for line in worse:
        print(f"WORSE than recorded: {line}")
    return int(bool(worse))


def measure(
    row: str, here: dict[str, Any], options: argparse.Namespace, folder: Path | None
) -> list[str]:
    """Run what is missing of a row and store each run; the lines that got worse, in words."""
    module = importlib.import_module(f"rows.{row}")
    record = stored.begun(row, here, options.fresh, folder)
    repeats = 1 if options.quick else module.REPEATS
    left = stored.missing(record["found"], module.SIDES, repeats)
    for place, side in enumerate(left, start=1):
        print(f"{row}: {side}, {place} of {len(left)}", file=sys.stderr, flush=True)
        runs = record["found"].setdefault(side, [])
        runs.append(_run(row, side, len(runs), options.quick))
        stored.write(row, record, folder)
    worse = stored.finish(record, module.lines(record["found"]), options.accept)
    stored.write(row, record, folder)
    return worse


def _run(row: str, side: str, turn: int, quick: bool) -> dict[str, Any]:
    """One side, once, in a process of its own on one thread a library.

    Raises:
        SystemExit: it failed.
    """
    command = [sys.executable, __file__, row, "--side", side, "--turn", str(turn)]
    command += ["--quick"] * quick
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | threads | {"PYTHONPATH": str(SCRIPTS), "PATH": programs}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as child:
        assert child.stdout is not None
        told = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{row}: {side} exits with {child.returncode}")
    # ru_maxrss counts kilobytes on Linux, bytes on macOS.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return json.loads(told.splitlines()[-1]) | {"peak_mb": usage.ru_maxrss / unit}


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--quick", action="store_true", help="toy sizes, stored in logs/")
    parser.add_argument("--fresh", action="store_true", help="measure again what is measured")
    parser.add_argument("--accept", action="store_true", help="record what is measured now")
    parser.add_argument("--store", type=Path, help="folder of the measurements")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--turn", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.rows = options.rows or list(ROWS)
    return options


if __name__ == "__main__":
    sys.exit(main())
