"""Whether generation 20 costs what generation 2 does."""

from __future__ import annotations

import resource
import statistics
import tempfile
from pathlib import Path
from typing import Any

from rows.base import Found, Line, clocked, default_content, median, plan_of, shrunk

REPEATS = 3
LOOP = "fully-synthetic"
T = 20


def ours(quick: bool, turn: int) -> dict[str, Any]:
    import in_process
    from autophagy import devices, paths

    content = default_content() | {"generations": 6 if quick else T, "seeds": [1]}
    content = shrunk(content)
    if not quick:
        content["evaluate"]["n"] = 500
        content["train"]["steps"] = 20
        content["loops"][LOOP]["n_synthetic"] = 500
    content["loops"] = {LOOP: content["loops"][LOOP]}
    devices.prepare(1, "cpu")
    cpu, memory = [], []
    with tempfile.TemporaryDirectory() as folder:
        plan, root = plan_of(content), Path(folder)
        in_process.splits(plan, root)
        in_process.make(root, plan.record(paths.network_path(plan.experiment)))
        first = paths.real_only_folder(content["loops"][LOOP]["start_from"], 1)
        for path in plan.nodes:
            if path.startswith(f"{first}/"):
                in_process.make(root, plan.record(path))
        for t in range(2, content["generations"] + 1):
            homes = f"loops/{LOOP}/seed-1/gen-{t:03d}/", paths.evaluation_path(LOOP, 1, t)
            took: dict[str, Any] = {}
            with clocked(took):
                for path in plan.nodes:
                    if path.startswith(homes):
                        in_process.make(root, plan.record(path))
            cpu.append(took["cpu"])
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    # The first one also imports.
    few = len(cpu) // 4 or 1
    early, late = statistics.median(cpu[1 : 1 + few]), statistics.median(cpu[-few:])
    return {
        "early": early,
        "late": late,
        "growth": late / early,
        "memory": memory[-1] / memory[0],
        "generations": content["generations"],
    }


SIDES = {"ours": ours}


def lines(found: Found) -> list[Line]:
    generations = found["ours"][0]["generations"]
    early, late = (median(found, "ours", key) for key in ("early", "late"))
    return [
        Line(
            f"processor time of generation {generations} over that of generation 2",
            "itself",
            f"{late:.2f} s",
            f"{early:.2f} s",
            median(found, "ours", "growth"),
            "lower",
            1.1,
            quality="medians of the last and the first quarter of a fully synthetic loop",
        ),
        Line(
            f"peak memory after generation {generations} over that after generation 2",
            "itself",
            "",
            "",
            median(found, "ours", "memory"),
            "lower",
            1.1,
        ),
    ]
