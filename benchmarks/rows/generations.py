"""Whether generation 20 costs what generation 2 does, and what data that pile up cost."""

from __future__ import annotations

import resource
import statistics
import tempfile
from pathlib import Path
from typing import Any

from rows.base import Side, clocked, default_content, shrunk
from rows.line import Found, Line, median

REPEATS = 5
TOGETHER = True
SECONDS = {"synthetic": 35, "accumulate": 45}
T = 20
REAL = 60
#: What the loop asks of its first model besides the real-only evaluation's.
FIRST = "loops/loop/seed-1/gen-001/"


def _content(regime: str, quick: bool) -> dict[str, Any]:
    """A loop of small networks: what grows with t is seen, not the training."""
    content = shrunk(default_content() | {"generations": 6 if quick else T, "seeds": [1]})
    # An untrained feature network reads as slowly.
    content["evaluate"]["features"] = "lenet_random"
    loop = content["loops"]["fully-synthetic"] | {"regime": regime}
    if regime == "accumulate":
        loop["n_real"] = REAL
    if not quick:
        content["evaluate"]["n"] = 500
        content["train"]["steps"] = 20
    # More than the first model is evaluated with: the loop samples it too.
    loop["n_synthetic"] = 4 * content["evaluate"]["n"]
    start = loop["start_from"]
    content["real_only"] = {start: content["real_only"][start]}
    content["loops"] = {"loop": loop}
    return content


def _chain(regime: str) -> Side:
    def run(quick: bool, turn: int) -> dict[str, Any]:
        import in_process
        from autophagy import devices, layout, manifests, paths

        content = _content(regime, quick)
        devices.prepare(1, "cpu")
        cpu, memory, rows = [], [], []
        with tempfile.TemporaryDirectory() as folder:
            plan, root = in_process.plan_of(content), Path(folder)
            in_process.splits(plan, root)
            in_process.make(root, plan.record(layout.network_path(plan.experiment)))
            start = paths.real_only_folder(content["loops"]["loop"]["start_from"], 1)
            for path in plan.nodes:
                if path.startswith((f"{start}/", FIRST)):
                    in_process.make(root, plan.record(path))
            for t in range(2, content["generations"] + 1):
                home = f"loops/loop/seed-1/gen-{t:03d}/"
                homes = home, paths.evaluation_path("loop", 1, t)
                took: dict[str, Any] = {}
                with clocked(took):
                    for path in plan.nodes:
                        if path.startswith(homes):
                            in_process.make(root, plan.record(path))
                cpu.append(took["cpu"])
                memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
                rows.append(manifests.read(root, f"{home}training_set.parquet")["rows"])
        return {"cpu_of": cpu, "memory_of": memory, "rows_of": rows}

    return run


SIDES = {regime: _chain(name) for regime, name in
         (("synthetic", "fully_synthetic"), ("accumulate", "accumulate"))}  # fmt: skip


def parts(values: list[float], count: int) -> list[float]:
    """Medians of so many equal parts of a chain; the first generation, which also imports, is out.

    Of generations that no part takes, the earliest are out too.
    """
    kept = values[1:]
    size = len(kept) // count
    starts = range(len(kept) - size * count, len(kept), size)
    return [statistics.median(kept[start : start + size]) for start in starts]


def straight(values: list[float]) -> float:
    """Where the last third of a chain would lie, if it rose as the first rises to the second."""
    early, middle, _ = parts(values, 3)
    return 2 * middle - early


def _told(run: dict[str, Any]) -> dict[str, float]:
    """What the lines tell of a side's run."""
    (early, _, late), rows = parts(run["cpu_of"], 3), parts(run["rows_of"], 3)
    line = straight(run["cpu_of"])
    return {
        "early": early,
        "late": late,
        "line": line,
        "growth": late / early,
        "bend": late / line,
        "memory": run["memory_of"][-1] / run["memory_of"][0],
        "more": 1000 * (late - early) / max(rows[-1] - rows[0], 1),
    }


def lines(found: Found) -> list[Line]:
    told = {side: [_told(run) for run in runs] for side, runs in found.items()}
    last = len(found["synthetic"][0]["cpu_of"]) + 1
    rows = found["accumulate"][0]["rows_of"]
    spans = f"generations 2 to {last}", f"{rows[0]} to {rows[-1]} rows"
    more = f"{median(told, 'accumulate', 'more'):.3f} s more a thousand rows"
    table = []
    for side, what, against, shown, value, reach, quality in (
        (
            "synthetic",
            "processor time of the last generations over that of the first",
            "itself",
            ("late", "early"),
            "growth",
            1.1,
            f"{spans[0]}; medians of the last and the first third",
        ),
        (
            "synthetic",
            "peak memory after the last generation over that after generation 2",
            "itself",
            (),
            "memory",
            1.1,
            spans[0],
        ),
        (
            "accumulate",
            "accumulating: processor time of the last generations over linear in their data",
            "a straight line through the first and the middle ones",
            ("late", "line"),
            "bend",
            1.1,
            f"{spans[1]}, {more}",
        ),
        (
            "accumulate",
            "accumulating: peak memory after the last generation over that after generation 2",
            "itself",
            (),
            "memory",
            None,
            spans[1],
        ),
    ):
        seconds = [f"{median(told, side, name):.2f} s" for name in shown] or ["", ""]
        number = median(told, side, value)
        table.append(Line(what, against, *seconds, number, "lower", reach, quality=quality))
    return table
