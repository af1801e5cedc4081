"""What benchmarks/gpu.py found, as tables in Markdown."""

from __future__ import annotations

import statistics
from typing import Any

#: Metrics that are told.
SHOWN = ("frechet_distance", "precision", "recall")


def lines_of(found: dict[str, Any]) -> list[str]:
    """The page's lines; parts that were not measured yet are left out."""
    lines = [f"{found['card']}, torch {found['torch']}.", ""]
    agreement = found["agreement"]
    lines += [
        "| agreement with the CPU | |",
        "|---|---|",
        f"| forward pass, float32: ‖card − CPU‖ / ‖CPU‖ | {agreement['float32']:.1e} |",
        f"| the same, as sampling calls it | {agreement['sampled']:.1e} |",
        f"| the same, as training computes it | {agreement['as_trained']:.1e} |",
    ]
    for name, sides in agreement.get("digits", {}).items():
        here, there = (f"{sides[key][0]:.2f} ± {sides[key][1]:.2f}" for key in ("device", "cpu"))
        lines.append(f"| digits, {name}: card; CPU (3 seeds) | {here}; {there} |")
    if "training" in found:
        lines += _training_table(found["training"])
    if "sampling" in found:
        lines += _sampling_table(found["sampling"])
    if "loops" in found:
        lines += _loop_tables(found["loops"])
    return lines + _verdicts(found["checks"])


def _training_table(training: dict[str, Any]) -> list[str]:
    plainly, ours = training["plain"], training["seconds"]
    lines = [
        "",
        f"| training step, batch {training['batch_size']} of {training['side']}×{training['side']} "
        "| ms | times ours | peak MB |",
        "|---|---|---|---|",
        f"| this library | {1e3 * training['seconds']:.2f} | 1 "
        f"| {training['peak_bytes'] / 1e6:.0f} |",
    ]
    for name, took in training["variants"].items():
        lines.append(f"| this library, {name} | {1e3 * took:.2f} | {took / ours:.1f} | |")
    for workers, took in plainly.items():
        lines.append(
            f"| plain diffusers, DataLoader with {workers} workers | {1e3 * took['seconds']:.2f} "
            f"| {took['seconds'] / training['seconds']:.1f} "
            f"| {training['plain_peak_bytes'] / 1e6:.0f} |"
        )
    bare = min(took["without_data"] for took in plainly.values())
    return [
        *lines,
        f"| plain diffusers, the same batch again and again | {1e3 * bare:.2f} "
        f"| {bare / training['seconds']:.1f} | |",
        "",
        f"Model FLOP utilisation of training: {training['flops'] / 1e12:.2f} TFLOP a step, "
        f"{100 * training['utilisation']:.1f}% of the {training['ceiling'] / 1e12:.0f} TFLOP/s of "
        f"a bf16 matrix product on this card (plain: {100 * training['plain_utilisation']:.1f}%).",
    ]


def _sampling_table(sampling: dict[str, Any]) -> list[str]:
    ours = sampling["ours"]
    fewest, decides = min(ours, key=int), max(ours, key=int)
    rows = {
        f"this library, {steps} steps, λ = 1": row | {"told": statistics.mean(row["draws"])}
        for steps, row in ours.items()
    }
    rows[f"this library, {fewest} steps, λ = 0.5"] = sampling["guided"]
    rows["plain diffusers, all T ancestral steps, λ = 1"] = sampling["plain"]
    lines = [
        "",
        f"| sampling {sampling['pictures']} pictures | s | times ours of {decides} steps "
        "| Fréchet distance (LeNet) | peak MB |",
        "|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        lines.append(
            f"| {name} | {row['seconds']:.2f} "
            f"| {row['seconds'] / ours[decides]['seconds']:.1f} "
            f"| {row.get('told', row['frechet_distance']):.2f} "
            f"| {row['peak_bytes'] / 1e6:.0f} |"
        )
    return lines


def _verdicts(checks: dict[str, dict[str, Any]]) -> list[str]:
    words = {(True, True): "holds", (True, False): "DOES NOT HOLD"}
    words |= {(False, True): "reached", (False, False): "not reached"}
    rows = [
        f"| {name} | {check['told']} | {words[check['must'], check['ok']]} |"
        for name, check in checks.items()
    ]
    return ["", "| asked of the card | found | |", "|---|---|---|", *rows]


def _loop_tables(loops: dict[str, Any]) -> list[str]:
    lines = [
        "",
        f"Loops: {loops['train']['steps']} training steps and {loops['pictures']} pictures a "
        f"generation, one seed; `output` view. Median seconds: "
        + ", ".join(f"{kind} {took:.1f}" for kind, took in loops["seconds"].items())
        + ".",
        "",
        "| loop | generation | " + " | ".join(SHOWN) + " |",
        "|---|---|" + "---|" * len(SHOWN),
    ]
    for row in loops["rows"]:
        if row["view"] == "output":
            cells = " | ".join(f"{row[name]:.3g}" for name in SHOWN)
            lines.append(f"| {row['loop']} | {row['generation']} | {cells} |")
    floor = loops["real_against_real"]
    cells = " | ".join(f"{floor[name]['mean']:.3g} ± {floor[name]['sd']:.2g}" for name in SHOWN)
    lines.append(f"| real against real | | {cells} |")
    return lines
