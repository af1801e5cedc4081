"""Which stages are true on disk."""

from __future__ import annotations

from pathlib import Path

from autophagy import dropped, manifests, starts
from autophagy.ledger import outside
from autophagy.ledger.nodes import stage_nodes
from autophagy.plan import Plan


def findings(plan: Plan, root: Path) -> dict[str, str | None]:
    """DVC stage name -> why what is on disk is not what the plan says, or None where it is.

    A stage whose parents' stage has a finding has one too: DVC would record it with those parents.
    """
    stages = stage_nodes(plan)
    stage_of = {path: stage for stage, nodes in stages.items() for path in nodes}
    not_kept = {path for artifacts in plan.dropped.values() for path in artifacts}

    def stale(path: str) -> str | None:
        check = dropped.stale if path in not_kept else manifests.stale
        return check(root, plan.record(path))

    own = {stage: next(filter(None, map(stale, nodes)), None) for stage, nodes in stages.items()}
    other_data = outside.other_data(plan, root)
    for stage, path in ((stage, nodes[0]) for stage, nodes in stages.items()):
        if plan.nodes[path].step == "real":
            own[stage] = own[stage] or other_data
    for stage, nodes in stages.items():
        if nodes[0].startswith(f"{starts.IMPORTED}/"):
            own[stage] = own[stage] or outside.other_start(plan, root, nodes[0])
    if "features" in own:
        own["features"] = own["features"] or outside.other_weights(plan, root)
    found: dict[str, str | None] = {}

    def finding(stage: str) -> str | None:
        if stage not in found:
            nodes = [plan.nodes[path] for path in stages[stage]]
            parents = {stage_of[path] for node in nodes for path in node.materials + node.reads}
            waits = [parent for parent in sorted(parents - {stage}) if finding(parent)]
            found[stage] = own[stage] or (
                f"its parent stage {waits[0]} is stale" if waits else None
            )
        return found[stage]

    return {stage: finding(stage) for stage in stages}
