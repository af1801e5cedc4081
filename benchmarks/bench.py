"""Side by side with what a user would pick instead: `make bench` prints one table.

    python benchmarks/bench.py [ROW …] [--quick] [--fresh] [--accept] [--list]

Rows are the modules of benchmarks/rows/. What is left to run, and about how long it takes, is told
first. Every run is stored when it ends (benchmarks/results/), so an interrupted benchmark goes on,
and a row that is measured is measured again only with --fresh or when the code it runs has changed.
benchmarks/RESULTS.md is written from what is stored. A line that is worse than its recorded value
by more than 20% is named, and the command exits with 1; --accept records what is measured now.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from rows import ROWS, machine, page, process, stored
from rows.base import REPOSITORY

PAGE = REPOSITORY / "benchmarks" / "RESULTS.md"


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    if options.side:
        measured = importlib.import_module(f"rows.{options.rows[0]}").SIDES[options.side]
        print(json.dumps(measured(options.quick, options.turn)))
        return 0
    folder = options.store or (None if not options.quick else REPOSITORY / "logs" / "bench-quick")
    here, worse = machine.described(), []
    print(ahead(options, here, folder), file=sys.stderr, flush=True)
    if options.list:
        return 0
    for row in options.rows:
        worse += measure(row, here, options, folder)
    records = {row: stored.read(row, folder) for row in ROWS}
    if folder is None:
        PAGE.write_text(page.text(records), encoding="utf-8")
    if options.quick:
        print("Toy sizes under the titles of the whole: no number here counts.\n")
    print(page.table({row: records[row] for row in options.rows}))
    for line in worse:
        print(f"WORSE than recorded: {line}")
    return int(bool(worse))


def ahead(options: argparse.Namespace, here: dict[str, Any], folder: Path | None) -> str:
    """What is left to run of each row and the minutes it should take, as a table.

    A side takes what it took here; one that has not run, what its module expects of a slow core.
    """
    lines, whole = [], 0.0
    for row in options.rows:
        module = importlib.import_module(f"rows.{row}")
        found = stored.begun(row, here, options.fresh, folder)["found"]
        left = _left(module, found, here, options.quick)
        took = {
            side: statistics.median(run["whole_seconds"] for run in runs)
            for side, runs in found.items()
        }
        expected = module.SECONDS | took
        seconds = sum(max(expected[side] for side in sides) for sides in left)
        whole += seconds
        told = "toy sizes" if options.quick else f"about {seconds / 60:4.1f} min"
        lines.append(f"{row:14} {sum(map(len, left)):3} runs left, {told}")
    return "\n".join(lines + ([] if options.quick else [f"about {whole / 60:.0f} min in all"]))


def _left(module: Any, found: dict[str, Any], here: dict[str, Any], quick: bool) -> list[list[str]]:
    """The sides of a row still to run, in their order; those of one list at once."""
    repeats = 1 if quick else module.REPEATS
    left = stored.missing(found, module.SIDES, repeats, getattr(module, "ONCE", ()))
    at_once = here["cores"] if getattr(module, "TOGETHER", False) else 1
    batches: list[list[str]] = []
    for side in left:
        if batches and side not in batches[-1] and len(batches[-1]) < at_once:
            batches[-1].append(side)
        else:
            batches.append([side])
    return batches


def measure(
    row: str, here: dict[str, Any], options: argparse.Namespace, folder: Path | None
) -> list[str]:
    """Run what is missing of a row and store each run; the lines that got worse, in words."""
    module = importlib.import_module(f"rows.{row}")
    record = stored.begun(row, here, options.fresh, folder)
    left = _left(module, record["found"], here, options.quick)
    for place, sides in enumerate(left, start=1):
        print(f"{row}: {', '.join(sides)}; {place} of {len(left)}", file=sys.stderr, flush=True)
        with ThreadPoolExecutor(len(sides)) as pool:
            running = {
                pool.submit(
                    process.run,
                    __file__,
                    row,
                    side,
                    len(record["found"].get(side, [])),
                    options.quick,
                ): side
                for side in sides
            }
            for done in as_completed(running):
                record["found"].setdefault(running[done], []).append(done.result())
                stored.write(row, record, folder)
    worse = stored.finish(record, module.lines(record["found"]), options.accept)
    stored.write(row, record, folder)
    return worse


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--quick", action="store_true", help="toy sizes, stored in logs/")
    parser.add_argument("--fresh", action="store_true", help="measure again what is measured")
    parser.add_argument("--accept", action="store_true", help="record what is measured now")
    parser.add_argument("--list", action="store_true", help="what is left to run, and its minutes")
    parser.add_argument("--store", type=Path, help="folder of the measurements")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--turn", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.rows = options.rows or list(ROWS)
    return options


if __name__ == "__main__":
    sys.exit(main())
