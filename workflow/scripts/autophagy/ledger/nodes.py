"""Which stage makes an artifact."""

from __future__ import annotations

from autophagy import starts
from autophagy.ledger.stages import stage_of_fork
from autophagy.paths import REPORT
from autophagy.plan import Plan
from autophagy.theory import plan as theory


def stage_nodes(plan: Plan) -> dict[str, list[str]]:
    """DVC stage name -> the artifacts it makes; every artifact of the plan belongs to one."""
    groups = {"real": "real", "real-only": "real-only", "loops": "loop"}
    stages: dict[str, list[str]] = {}
    for path in plan.nodes:
        top, *rest = path.split("/")
        if top in groups:
            name = _stage_named(plan, groups[top], rest[0])
        elif top == starts.IMPORTED:
            name = f"import-{rest[0]}"
        elif top == "evaluation":
            name = _evaluation_stage(plan, rest[0])
        elif plan.experiment.kind == "theory":
            name = _theory_stage(path)
        else:
            name = {"features": "features", "figures": "report"}[top]
        stages.setdefault(name, []).append(path)
    return stages


def _evaluation_stage(plan: Plan, name: str) -> str:
    if name == "real":
        return "evaluate-real"
    kind = "evaluate" if name in plan.experiment.loops else "evaluate-real-only"
    return _stage_named(plan, kind, name)


def _stage_named(plan: Plan, stage: str, name: str) -> str:
    loops = plan.experiment.loops if stage in ("loop", "evaluate") else {}
    if name in loops and starts.shared(plan.experiment, name):
        return stage_of_fork(stage, name)
    return f"{stage}@{name}"


def _theory_stage(path: str) -> str:
    if path in (REPORT, theory.ROOT):
        return "theory-report"
    run = path.split("/")[1]
    return "theory-real-only" if run == theory.REAL_ONLY else f"theory@{run}"
