"""What the jobs of a run took, by rule, from Snakemake's benchmark files.

Usage: python benchmarks/jobs.py logs/<experiment>
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd

#: Benchmark files lie in folders that say what they are about, and end with the rule or generation.
RULES = {
    r"^real/": "real",
    r"^evaluation/real/seed": "evaluate_real",
    r"^evaluation/.*gen-": "evaluate",
    r"^figures/grid": "draw_grid",
    r"^figures/curves": "draw_curves",
    r"record": "record",
}


def main(logs: Path) -> None:
    rows = []
    for file in sorted((logs / "benchmarks").rglob("*.tsv")):
        name = file.relative_to(logs / "benchmarks").as_posix()
        rule = next(
            (rule for pattern, rule in RULES.items() if re.search(pattern, name)), file.stem
        )
        [job] = pd.read_csv(file, sep="\t", na_values="-").to_dict("records")
        owner = re.search(r"(?:loops|evaluation|real-only)/([^/]+)/", name)
        rows.append(
            {
                "rule": rule,
                "loop": owner.group(1) if owner else "",
                "seconds": job["s"],
                "MB": job["max_rss"],
            }
        )
    if not rows:
        sys.exit(f"{logs}/benchmarks: no benchmark files; run the workflow first")
    jobs = pd.DataFrame(rows).groupby("rule")
    table = pd.DataFrame(
        {
            "jobs": jobs.size(),
            "median s": jobs["seconds"].median().round(1),
            "longest s": jobs["seconds"].max().round(1),
            "most MB": jobs["MB"].max().round(),
        }
    )
    print(table.sort_values("median s", ascending=False).to_string())
    loops = pd.DataFrame(rows).query("loop != ''").groupby("loop")["seconds"].sum()
    print("\nseconds by loop or real-only model (one core):")
    print(loops.round().astype(int).to_string(header=False))
    print(f"\nall jobs: {sum(row['seconds'] for row in rows):.0f} s")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    main(Path(sys.argv[1]))
