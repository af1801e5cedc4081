"""The text a run ends with."""

from __future__ import annotations

from pathlib import Path

from autophagy import evaluated, features, layout, series, tables
from autophagy.config import Experiment
from autophagy.in_words import budget, changes_in_words
from autophagy.metrics import HEADLINE, frechet_is_biased
from autophagy.tables import Metrics

#: Titles of the headline metrics, which are printed; `{space}` is where distances are taken.
TITLES = {
    "frechet_distance": "Fréchet distance ({space}; lower is better)",
    "precision": "Precision (quality)",
    "recall": "Recall (diversity)",
}
#: Those that follow where the data's true density is known.
KNOWN = {
    "modes_recovered": "Share of the modes recovered",
    "tail_mass": "Tail mass, over the truth's 5%",
}


def text(root: Path, experiment: Experiment) -> str:
    """Loop by generation, the real-vs-real baseline first."""
    table = tables.metrics(root)
    spread = evaluated.resplits(root, experiment.seeds[0])
    real = table.of("real", "output")[0]
    kind = experiment.kind
    lines = [
        f"{experiment.experiment}: {experiment.generations} generations, "
        f"seeds {', '.join(map(str, experiment.seeds))}; "
        f"every model: {budget(experiment)}; "
        f"{int(real['n_samples'])} samples against {int(real['n_reference'])} held-out real {kind}",
    ]
    lines += changes_in_words(experiment)
    if len(experiment.seeds) == 1:
        lines.append("One seed decides nothing: take differences as examples, not as findings.")
    counted = int(min(real["n_samples"], real["n_reference"]))
    network = features.name_of(experiment.evaluate.features)
    space, dimension = features.space(network), features.dimension(network, root)
    if frechet_is_biased(counted, dimension):
        lines.append(
            f"{counted} {kind} in {dimension} dimensions: Fréchet distances are mostly bias here; "
            "read kernel_distance in metrics.csv."
        )
    for metric in HEADLINE:
        floor = spread[metric]
        lines += [
            "",
            f"{TITLES[metric].format(space=space)}; real against real over random cuts: "
            f"{floor['mean']:.2f} ± {floor['sd']:.2f}",
            _block(table, experiment, metric),
        ]
    for metric, title in KNOWN.items():
        if table.measured(metric):
            lines += ["", title, _block(table, experiment, metric)]
    return "\n".join(lines)


def _block(table: Metrics, experiment: Experiment, metric: str) -> str:
    """One metric, loop by generation; biased loops have a second line for their λ = 1 view."""
    import pandas as pd

    kind = experiment.kind
    lines = {f"real {kind}": _cells(table, "real", "output", metric)}
    for name, n in experiment.real_only.items():
        cells = _cells(table, f"real-only/{name}", "output", metric)
        lines[f"real-only/{name} ({n} {kind})"] = cells
    for name in experiment.loops:
        lines[name] = _cells(table, name, "output", metric)
        if not layout.is_plain(experiment, name):
            alone = "sampled at λ = 1" if table.is_biased(name) else "the model alone"
            lines[f"{name}, {alone}"] = _cells(table, name, "model", metric)
    frame = pd.DataFrame.from_dict(lines, orient="index").fillna("")
    frame = frame[sorted(frame.columns)].rename(columns={0: "real"})
    return frame.to_string()


def _cells(table: Metrics, loop: str, view: str, metric: str) -> dict[int, str]:
    several = table.has_spread(loop)
    return {
        generation: f"{found.mean:.2f}" + (f" ± {found.sd:.2f}" if several else "")
        for generation, found in series.over_generations(table.of(loop, view), metric).items()
    }
