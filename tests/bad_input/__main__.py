"""Try every malformed input and count: the lines that docs/reliability.md quotes."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from bad_input.case import faults
from bad_input.table import CASES


def main() -> int:
    tried, refused = Counter(), Counter()
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            found = faults(case, Path(folder))
        tried[case.kind] += 1
        refused[case.kind] += not found
        for fault in found:
            print(f"{case.kind}: {case.name}: {fault}", file=sys.stderr)
    print("| malformed | tried | refused in one line |")
    print("|---|---|---|")
    for kind, n in tried.items():
        print(f"| {kind} | {n} | {refused[kind]} |")
    print(f"\n{refused.total()} of {tried.total()} malformed inputs refused")
    return refused.total() < tried.total()


if __name__ == "__main__":
    sys.exit(main())
