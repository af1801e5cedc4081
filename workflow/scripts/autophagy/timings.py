"""What the jobs of a run took, step by step, from Snakemake's benchmark files in logs/.

They differ between identical runs, so they and their page lie beside the logs, not in results/.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autophagy.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

PAGE = "timings.html"
#: Benchmark files lie in folders that say what they are about, and end with the rule or generation.
RULES = {
    r"^real/": "real",
    r"^evaluation/real/seed": "evaluate_real",
    r"^evaluation/.*gen-": "evaluate",
    r"^figures/grid": "draw_grid",
    r"^figures/": "draw_figures",
    r"^theory/.*/part-": "theory_part",
    r"^theory/.*/table": "theory_table",
    r"record": "record",
}
#: Jobs that the page lists one by one.
LISTED = 100


def jobs(logs: Path) -> pd.DataFrame:
    """One row a job: rule, name, loop, generation, seconds, cpu (both s), MB at most.

    `loop` is a loop or real-only model, or empty; generation is 0 where there is none. Of a job
    that ran more than once the last run counts.

    Args:
        logs: logs/<experiment>.

    Raises:
        UserError: there is none, or a file is no benchmark of Snakemake's.
    """
    import pandas as pd

    rows = []
    for file in sorted((logs / "benchmarks").rglob("*.tsv")):
        name = file.relative_to(logs / "benchmarks").as_posix().removesuffix(".tsv")
        try:
            [job] = pd.read_csv(file, sep="\t", na_values=["-", "NA"]).to_dict("records")
            numbers = [float(job[key]) for key in ("s", "cpu_time", "max_rss")]
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{file}: is no benchmark file of Snakemake's") from error
        owner = re.search(r"(?:loops|evaluation|real-only|theory)/([^/]+)/", name)
        generation = re.search(r"gen-(\d+)", name)
        rows.append(
            {
                "rule": _rule(name),
                "name": name,
                "loop": owner[1] if owner and owner[1] != "real" else "",
                "generation": int(generation[1]) if generation else 0,
                **dict(zip(("seconds", "cpu", "MB"), numbers, strict=True)),
            }
        )
    if not rows:
        raise UserError(f"{logs}/benchmarks: holds no benchmark files; run the workflow first")
    return pd.DataFrame(rows)


def _rule(name: str) -> str:
    found = (rule for pattern, rule in RULES.items() if re.search(pattern, name))
    return next(found, name.rsplit("/", 1)[-1])


def by_rule(found: pd.DataFrame) -> pd.DataFrame:
    """Rule -> jobs, median s, longest s, all s, most MB; what takes longest first."""
    import pandas as pd

    grouped = found.groupby("rule")
    table = pd.DataFrame(
        {
            "jobs": grouped.size(),
            "median s": grouped["seconds"].median().round(1),
            "longest s": grouped["seconds"].max().round(1),
            "all s": grouped["seconds"].sum().round(1),
            "most MB": grouped["MB"].max().round(),
        }
    )
    return table.sort_values("all s", ascending=False)


def by_loop(found: pd.DataFrame) -> pd.DataFrame:
    """Loop or real-only model -> all s, of its jobs one after the other."""
    owned = found[found["loop"] != ""]
    return owned.groupby("loop")[["seconds"]].sum().round(1).rename(columns={"seconds": "all s"})


def told(found: pd.DataFrame) -> str:
    """The tables as text."""
    parts = [by_rule(found).to_string()]
    if (found["loop"] != "").any():
        parts += ["", "loop or real-only model, one job after the other:"]
        parts += [by_loop(found).to_string()]
    return "\n".join([*parts, "", f"all jobs: {found['seconds'].sum():.0f} s"])


def write(found: pd.DataFrame, experiment: str, logs: Path) -> Path:
    """Write the page, and say where it lies."""
    from autophagy.page import render

    render.write_to(logs / PAGE, "timings.html", page(found, experiment))
    return logs / PAGE


def page(found: pd.DataFrame, experiment: str) -> dict[str, Any]:
    """Everything on the page: {shell, data}; see `page.gather.gather`."""
    rules, loops = by_rule(found), by_loop(found)
    longest = found.sort_values("seconds", ascending=False).head(LISTED)
    most = found.loc[found["MB"].idxmax()] if found["MB"].notna().any() else None
    lead = f"{len(found)} jobs took {_time(found['seconds'].sum())}, one after the other"
    if most is not None:
        lead += f"; the largest, {most['name']}, took {most['MB']:.0f} MB"
    tables = [
        {"title": "By step", "first": "step", **_table(rules)},
        {"title": "By loop or real-only model", "first": "name", **_table(loops)},
        {
            "title": f"The {len(longest)} longest jobs" if len(longest) < len(found) else "Jobs",
            "first": "job",
            **_table(
                longest.set_index("name")[["seconds", "cpu", "MB"]].rename(
                    columns={"seconds": "s", "cpu": "core s", "MB": "most MB"}
                )
            ),
        },
    ]
    steps = found[found["generation"] > 0]
    names = list(dict.fromkeys(steps["loop"]))
    return {
        "shell": {
            "title": experiment,
            "lead": f"{lead}.",
            "tables": [table for table in tables if table["rows"]],
            "has_steps": bool(names),
        },
        "data": {
            "experiment": experiment,
            "loops": [{"name": name} for name in names],
            "rules": {"names": list(rules.index), "seconds": rules["all s"].tolist()},
            "steps": [_step(rule, rows) for rule, rows in steps.groupby("rule", sort=False)],
        },
    }


def _step(rule: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Mean seconds and greatest memory of one kind of job, by loop and generation."""
    loops = {}
    for name, of in rows.groupby("loop", sort=False):
        grouped = of.groupby("generation")
        memory = grouped["MB"].max()
        loops[name] = {
            "x": [int(t) for t in memory.index],
            "seconds": grouped["seconds"].mean().round(2).tolist(),
            "MB": [None if value != value else round(value, 1) for value in memory.tolist()],
        }
    return {"rule": rule, "loops": loops}


def _table(frame: pd.DataFrame) -> dict[str, Any]:
    rows = [
        (str(name), ["" if value != value else f"{round(float(value), 1):.10g}" for value in row])
        for name, row in zip(frame.index, frame.itertuples(index=False), strict=True)
    ]
    return {"columns": list(frame.columns), "rows": rows}


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
