"""docs/paper.md: every figure of the paper beside ours, from docs/paper/figures.yaml and from runs.

`configs` prints the configurations that `make paper` runs. `collect` copies what the page needs of
finished runs (metrics, pictures, processor time) into docs/, and `write` makes the page of the
copies, so that every number on it comes from a run and the page can be written anew anywhere.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd
import paper_exact
import paper_filters
import spent
import yaml
from autophagy import config as configuration
from autophagy import in_words, paths
from paper_claims import POINTS, SHARE, told

REPOSITORY = Path(__file__).resolve().parent.parent
ROWS = "docs/paper/figures.yaml"
TEXT = "docs/paper/page.md"
MEASURED = "docs/paper/measured.json"
PICTURES = "docs/figures/paper"
PAGE = "docs/paper.md"
COMMAND = "`make run CONFIG=config/{}/config.yaml`"


def configs(repository: Path) -> list[str]:
    """The configurations of `make paper`, in order."""
    return [f"config/{name}/config.yaml" for name in _content(repository)["configs"]]


def collect(repository: Path) -> None:
    """Copy metrics, pictures and processor time of the runs below results/ that have ended."""
    content = _content(repository)
    measured = _read_measured(repository)
    (repository / PICTURES).mkdir(parents=True, exist_ok=True)
    for name in content["configs"]:
        results = repository / "results" / name
        if (results / paths.AUDIT).exists():
            measured[name] = spent.minutes(repository / "logs" / name)
        if (results / paths.THEORY_CSV).exists():
            measured.setdefault(name, {})["numbers"] = _exact(content, name, results)
        if (results / paths.METRICS_CSV).exists():
            shutil.copy(results / paths.METRICS_CSV, repository / f"docs/paper/{name}.csv")
            counted = {
                claim["loop"]: paper_filters.labels(results, claim)
                for row in _rows(content, name)
                for claim in row.get("claims", [])
                if "odds_of" in claim
            }
            if counted:
                measured.setdefault(name, {})["labels"] = counted
            for picture in _pictures(content, name):
                file = results / "figures" / f"{picture}.png"
                shutil.copy(file, repository / PICTURES / f"{name}-{picture}.png")
    text = json.dumps(measured, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    (repository / MEASURED).write_text(text, encoding="utf-8")


def write(repository: Path) -> str:
    """The page's text."""
    content = _content(repository)
    page = Page(repository, content, _read_measured(repository))
    text = Template((repository / TEXT).read_text(encoding="utf-8"))
    return text.substitute(
        total=total(content["configs"], page.measured),
        where=f" on {where}" if (where := spent.machines(page.measured.values())) else "",
        share=f"{SHARE:.0%}",
        points=POINTS,
        figures=page.table(content["rows"], "figure"),
        claims=page.table(content["later"], "source"),
        pictures=page.pictures(),
    )


def total(expected: dict[str, int], measured: dict[str, Any]) -> str:
    """What all configurations take: measured, where each of them was, and as expected."""
    told = f"about {sum(expected.values())} minutes are expected where 1000 steps take 35 s"
    taken = [measured.get(name, {}) for name in expected]
    missing = sum("clock_minutes" not in found for found in taken)
    if missing:
        return f"{told}; {missing} of {len(taken)} configurations are not run"
    clock, processor = (
        sum(found[f"{kind}_minutes"] for found in taken) for kind in ("clock", "processor")
    )
    return f"{clock:.0f} minutes by the clock, {processor:.0f} of processor time; {told}"


class Page:
    """The page: `content` is docs/paper/figures.yaml, `measured` docs/paper/measured.json."""

    def __init__(self, repository: Path, content: dict[str, Any], measured: dict[str, Any]) -> None:
        self.repository, self.content, self.measured = repository, content, measured
        self.metrics = {
            name: pd.read_csv(file)
            for name in content["configs"]
            if (file := repository / f"docs/paper/{name}.csv").exists()
        }

    def table(self, rows: list[dict[str, Any]], kind: str) -> str:
        """A Markdown table, a line a row."""
        heads = (kind, "theirs → what it shows", "ours", "processor time, trainings",
                 "did it hold here?")  # fmt: skip
        head = f"| {' | '.join(heads)} |"
        return "\n".join([head, "|---|---|---|---|---|", *map(self._line, rows)])

    def _line(self, row: dict[str, Any]) -> str:
        name = row.get("config")
        ours = [COMMAND.format(name)] if name else []
        if row.get("full"):
            ours.append(f"its size: {COMMAND.format(row['full'])}")
        links = [f"[{link.stem.rpartition('-seed-')[0] or link.stem}]({link.as_posix()})"
                 for link in self._links(row)]  # fmt: skip
        ours.append(", ".join(links))
        known = self.measured.get(name, {}).get("numbers", {})
        exact = paper_exact.told(row, known) if row.get("theory") else []
        caution = self.content.get("cautions", {}).get(name, "")
        told = [*exact, *self._claims(row), row.get("note", ""), caution]
        cells = (
            row["figures"], f"{row['model']} → {row['shows']}", "<br>".join(filter(None, ours)),
            self._time(row), "<br>".join(filter(None, (text.strip() for text in told))),
        )  # fmt: skip
        return f"| {' | '.join(cells)} |"

    def _time(self, row: dict[str, Any]) -> str:
        name = row.get("config")
        if "processor_minutes" in self.measured.get(name, {}):
            took = f"{self.measured[name]['processor_minutes']:.1f} min"
            return "<br>".join([took, *self._budgets(name)])
        expected = f"about {self.content['configs'][name]} min on 2 cores" if name else ""
        return "; ".join(filter(None, ["not run", expected]))

    def _budgets(self, name: str) -> list[str]:
        """How long each of a run's trainings is; none of exact loops."""
        if name not in self.metrics:
            return []
        file = self.repository / "config" / name / "config.yaml"
        experiment = configuration.load(file, data_at_hand=False)
        told = [in_words.budget(experiment, loop) for loop in experiment.loops]
        return list(dict.fromkeys(told))

    def _links(self, row: dict[str, Any]) -> list[Path]:
        """Pictures that are there, relative to docs/."""
        files = [Path(PICTURES) / f"{row['config']}-{name}.png" for name in row.get("pictures", [])]
        if row.get("theory"):
            files = [Path(f"docs/figures/theory/{row['theory']}.png")]
        return [file.relative_to("docs") for file in files if (self.repository / file).exists()]

    def _claims(self, row: dict[str, Any]) -> list[str]:
        if row.get("config") not in self.metrics:
            return []
        return [self._claim(row["config"], claim) for claim in row.get("claims", [])]

    def _claim(self, name: str, claim: dict[str, Any]) -> str:
        table = self.metrics[name]
        if "metric" in claim:
            return told(claim, table)
        file = self.repository / "config" / name / "config.yaml"
        loop = yaml.safe_load(file.read_text(encoding="utf-8"))["loops"][claim["loop"]]
        if "odds_of" not in claim:
            return paper_filters.verified(claim, loop, table)
        counts = self.measured[name]["labels"][claim["loop"]]
        return paper_filters.curated(claim, loop, counts)

    def pictures(self) -> str:
        """Every picture of a picture loop, below its figure's number."""
        parts = []
        for row in self.content["rows"] + self.content["later"]:
            shown = [] if row.get("theory") else self._links(row)
            if shown:
                parts.append(f"### {row['figures']}")
            parts += [f"![{row['model']}]({link.as_posix()})" for link in shown]
        return "\n\n".join(parts)


def _content(repository: Path) -> dict[str, Any]:
    return yaml.safe_load((repository / ROWS).read_text(encoding="utf-8"))


def _read_measured(repository: Path) -> dict[str, Any]:
    file = repository / MEASURED
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _exact(content: dict[str, Any], name: str, results: Path) -> dict[str, float | None]:
    """What rows ask of an exact loop's table."""
    table = pd.read_csv(results / "theory.csv")
    rows = _rows(content, name)
    return {key: value for row in rows for key, value in paper_exact.numbers(row, table).items()}


def _rows(content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [row for row in content["rows"] + content["later"] if row.get("config") == name]


def _pictures(content: dict[str, Any], name: str) -> list[str]:
    return [picture for row in _rows(content, name) for picture in row.get("pictures", [])]


def main(arguments: list[str]) -> None:
    if arguments == ["configs"]:
        print("\n".join(configs(REPOSITORY)))
    elif arguments == ["collect"]:
        collect(REPOSITORY)
    elif arguments == ["write"]:
        (REPOSITORY / PAGE).write_text(write(REPOSITORY), encoding="utf-8")
    else:
        sys.exit(f"usage: python {Path(__file__).name} configs | collect | write")


if __name__ == "__main__":
    main(sys.argv[1:])
