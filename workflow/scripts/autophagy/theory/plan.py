"""The artifacts of a theory experiment: parts, a table a run, the root over them, the report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autophagy import paths, seeds
from autophagy.figures import SUFFIXES
from autophagy.nodes import Node
from autophagy.plan import Step
from autophagy.schema import plain
from autophagy.theory import studies
from autophagy.theory.options import TheoryExperiment

#: The root that certifies every table; by it an experiment's folder is known.
ROOT = "theory/manifest.json"
#: The run that holds E W2² of real points alone, where a study inverts it.
REAL_ONLY = "real-only"
REAL_ONLY_TABLE = f"theory/{REAL_ONLY}/table.csv"


def steps(experiment: TheoryExperiment) -> dict[str, Step]:
    """The kinds of work of a theory experiment."""
    study = studies.module(experiment.study)
    return {
        "theory_part": Step(
            ("theory_part.py",), study.SOFTWARE, (studies.module_name(experiment.study),)
        ),
        "theory_table": Step(("theory_table.py",), ("numpy", "pandas", "scipy")),
        "record_root": Step(("record_root.py",)),
        "report": Step(
            ("audit.py", "draw_theory.py", "write_theory_page.py", "record_root.py"),
            ("jinja2", "matplotlib", "numpy", "pandas", "plotly"),
        ),
    }


def nodes(experiment: TheoryExperiment) -> Iterator[Node]:
    """Every artifact, each once."""
    made, tables = list(_real_only(experiment)), []
    known = [node.path for node in made if node.path == REAL_ONLY_TABLE]
    for name in experiment.runs:
        parts = list(_parts(experiment, name))
        table = _table(experiment.study, name, [part.path for part in parts] + known)
        made += [*parts, table]
        tables.append(table.path)
    yield from made
    effective = plain(experiment)
    yield Node(
        ROOT, "theory_root", "record_root", effective, None,
        materials=tuple(node.path for node in made),
    )  # fmt: skip
    shown = {key: effective[key] for key in ("experiment", "title", "figure")}
    yield Node(
        paths.REPORT, "report", "report", shown | {"runs": list(experiment.runs)}, None,
        materials=(ROOT, *tables),
        payload=(paths.THEORY_CSV, paths.AUDIT, *figure_files(experiment), paths.PAGE),
    )  # fmt: skip


def figure_files(experiment: TheoryExperiment) -> list[str]:
    """The figure and its caption, relative to the experiment's folder."""
    return [f"figures/{experiment.figure}.{suffix}" for suffix in SUFFIXES]


def part_path(run: str, place: int) -> str:
    return f"theory/{run}/part-{place:03d}.csv"


def table_path(run: str) -> str:
    return f"theory/{run}/table.csv"


def _real_only(experiment: TheoryExperiment) -> Iterator[Node]:
    if experiment.study != "limits":
        return
    parts = [
        _part(experiment, REAL_ONLY, d, {"real_only": d})
        for d in sorted({run.dimensions for run in experiment.runs.values()})
    ]
    yield from parts
    yield _table(REAL_ONLY, REAL_ONLY, [part.path for part in parts])


def _parts(experiment: TheoryExperiment, name: str) -> Iterator[Node]:
    study = studies.module(experiment.study)
    for place, part in enumerate(study.parts(experiment.runs[name], experiment.effort)):
        yield _part(experiment, name, place, part)


def _part(experiment: TheoryExperiment, run: str, place: int, part: dict[str, Any]) -> Node:
    params = {
        "study": experiment.study,
        "part": part,
        # The curve has an effort of its own, which no configuration changes.
        "effort": {} if run == REAL_ONLY else plain(experiment.effort),
        "threads": experiment.threads,
    }
    return Node(
        part_path(run, place),
        "theory_part",
        "theory_part",
        params,
        seeds.derive("theory", experiment.study, experiment.seed, run, place),
    )


def _table(study: str, name: str, parts: list[str]) -> Node:
    params = {"study": study}
    return Node(
        table_path(name), "theory_table", "theory_table", params, None, materials=tuple(parts)
    )
