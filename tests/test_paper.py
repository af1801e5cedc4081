"""docs/paper.md and its configurations: the paper's sizes, and how they start on a CPU."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from autophagy import cli, layout
from autophagy import config as configuration
from autophagy import plan as planning
from autophagy.errors import UserError
from autophagy.presets import regime_of
from autophagy.schema import plain
from autophagy.tables import COLUMNS
from conftest import plan_of
from PIL import Image
from project import run
from snakemake.utils import update_config

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tools"))

import paper  # noqa: E402
import paper_claims  # noqa: E402
import paper_exact  # noqa: E402
import paper_filters  # noqa: E402
import spent  # noqa: E402

CONFIG = REPOSITORY / "config"
FEW_STEPS = CONFIG / "few-steps.yaml"
#: Experiment -> generations, λ of its loops, n_real and n_synthetic: the paper's figures 4 to 27.
PAPER_SIZES = {
    "mnist-fully-synthetic": (10, {1.0, 0.8, 0.66, 0.5}, 0, 60_000),
    "mnist-augmentation": (12, {1.0, 0.8, 0.66, 0.5}, 60_000, 60_000),
    "mnist-fresh": (15, {1.0}, 2000, 2000),
    "mnist-gan": (100, {1.0}, 0, 60_000),
}


def content_of(*files: Path) -> dict[str, Any]:
    """Files one over the other, as Snakemake lays them."""
    content: dict[str, Any] = {}
    for file in files:
        update_config(content, yaml.safe_load(file.read_text(encoding="utf-8")))
    return content


def few_steps(name: str) -> Path:
    """What is laid over an experiment: its own file, where its networks have keys of their own."""
    own = CONFIG / name / FEW_STEPS.name
    return own if own.is_file() else FEW_STEPS


@pytest.mark.parametrize("name", PAPER_SIZES)
def test_mnist_stands_at_the_paper_s_sizes(name: str) -> None:
    generations, biases, n_real, n_synthetic = PAPER_SIZES[name]
    plan = planning.build(configuration.load(CONFIG / name / "config.yaml"))
    experiment = plan.experiment
    assert experiment.dataset.name == "mnist"
    assert getattr(experiment.model, "timesteps", 500) == 500
    assert experiment.generations == generations
    assert {loop.sampling_bias for loop in experiment.loops.values()} == biases
    sizes = {(loop.n_real, loop.n_synthetic) for loop in experiment.loops.values()}
    assert sizes == {(n_real, n_synthetic)}
    last = {f"loops/{loop}/seed-1/gen-{generations:03d}/model" for loop in experiment.loops}
    assert last <= set(plan.nodes)


def counts(experiment: Any) -> dict[str, tuple[str, int, int]]:
    """Loop -> its regime and what it trains on."""
    loops = experiment.loops.items()
    return {name: (loop.regime, loop.n_real, loop.n_synthetic) for name, loop in loops}


def test_regimes_are_compared_at_mnist_s_size() -> None:
    experiment = configuration.load(CONFIG / "mnist-regimes" / "config.yaml")
    assert experiment.generations == 5
    assert counts(experiment) == {
        "synthetic": ("fully_synthetic", 0, 60_000),
        "real-30-percent": ("synthetic_augmentation", 18_000, 42_000),
        "accumulate": ("accumulate", 60_000, 60_000),
        "accumulate-subsample": ("accumulate_subsample", 60_000, 60_000),
        "sims": ("sims", 0, 60_000),
    }


@pytest.mark.parametrize("name", [*PAPER_SIZES, "mnist-regimes"])
def test_few_steps_over_it_keep_its_counts(name: str) -> None:
    whole = plan_of(content_of(CONFIG / name / "config.yaml")).experiment
    few = plan_of(content_of(CONFIG / name / "config.yaml", few_steps(name))).experiment
    assert few.real_only == whole.real_only
    assert counts(few) == counts(whole)
    if name in PAPER_SIZES:
        assert plain(few)["loops"] == plain(whole)["loops"]
    assert few.train.steps <= 5
    assert few.experiment != whole.experiment, "it would write over the real run"
    stated = (CONFIG / name / "config.yaml").read_text(encoding="utf-8")
    assert f"config/{name}/config.yaml {few_steps(name).relative_to(REPOSITORY)}" in stated


@pytest.mark.parametrize("name", ["curation", "mitigation", "verifier", "finetune", "accumulate"])
def test_few_steps_start_the_regimes_on_digits_too(name: str) -> None:
    content = content_of(CONFIG / f"regimes-{name}" / "config.yaml", FEW_STEPS)
    assert configuration.parse(content, name).generations == 2


def test_the_documented_command_starts_it(tmp_path: Path) -> None:
    done = run(
        tmp_path, "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "-n", "--quiet",
        "host", "--cores", "1", "--configfile", str(CONFIG / "mnist-fresh" / "config.yaml"),
        str(FEW_STEPS), "--config", "sample={batch_size: 250}",
        PYTHONPATH=str(REPOSITORY / "workflow" / "scripts"),
    )  # fmt: skip
    assert "results/few-steps/loops/initial-3000/seed-1/gen-002/model" in done.stdout + done.stderr


def test_faces_stand_in_for_ffhq_once_there_is_a_folder_of_them(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = CONFIG / "faces-64" / "config.yaml"
    with pytest.raises(UserError, match="no folder faces"):
        configuration.load(file)
    (tmp_path / "faces").mkdir()
    Image.new("RGB", (80, 100)).save(tmp_path / "faces" / "1.png")
    experiment = planning.build(configuration.load(file)).experiment
    assert {loop.sampling_bias for loop in experiment.loops.values()} == {1.0, 0.7}
    few = plan_of(content_of(file, FEW_STEPS)).experiment
    assert plain(few)["loops"] == plain(experiment)["loops"]


def test_a_missing_folder_of_one_experiment_stops_no_other(monkeypatch, capsys) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert cli.main(["check", "config/mnist-fresh/config.yaml"]) == 0
    assert "valid" in capsys.readouterr().out


def test_the_page_is_what_its_data_give() -> None:
    page = (REPOSITORY / "docs" / "paper.md").read_text(encoding="utf-8")
    assert page == paper.write(REPOSITORY), "run `make paper-page`"


def test_the_page_names_every_configuration_of_make_paper() -> None:
    page = (REPOSITORY / "docs" / "paper.md").read_text(encoding="utf-8")
    listed = paper.configs(REPOSITORY)
    assert listed
    named = set(re.findall(r"config/[\w./-]+\.yaml", page))
    assert set(listed) <= named
    assert {file for file in named if not (REPOSITORY / file).is_file()} == set()
    makefile = (REPOSITORY / "Makefile").read_text()
    minutes = yaml.safe_load((REPOSITORY / paper.ROWS).read_text())["configs"].values()
    assert sum(minutes) <= 90
    assert "tools/paper.py configs" in makefile.partition("\npaper:")[2].partition("\n\n")[0]


def test_the_page_has_every_figure_of_the_paper() -> None:
    rows = yaml.safe_load((REPOSITORY / "docs/paper/figures.yaml").read_text())["rows"]
    shown = set()
    for row in rows:
        for part in row["figures"].replace("(faces)", "").replace("(digits)", "").split(","):
            first, _, last = part.strip().partition("–")
            if first not in ("left", "right"):
                shown |= set(range(int(first), int(last or first) + 1))
    # 2 and 3 are diagrams of the loops.
    assert shown == set(range(1, 32)) - {2, 3}


def test_claims_speak_of_loops_metrics_and_pictures_that_there_are() -> None:
    content = yaml.safe_load((REPOSITORY / paper.ROWS).read_text(encoding="utf-8"))
    for row in content["rows"] + content["later"]:
        if not row.get("claims"):
            continue
        experiment = configuration.load(CONFIG / row["config"] / "config.yaml")
        assert set(row["pictures"]) <= set(layout.figure_names(experiment))
        for claim in row["claims"]:
            others = {claim[key] for key in ("more_than", "less_than", "like") if key in claim}
            assert {claim["loop"], *others} <= set(experiment.loops)
            if "metric" not in claim:
                regime = regime_of(experiment.loops[claim["loop"]])
                assert "odds_of" in claim or regime.filter["kind"] == "verifier"
                continue
            assert set(claim.get("views", ())) <= {"output", "model"}
            assert claim["metric"] in paper_claims.WORSE or "every_step" not in claim
            assert claim["metric"] in COLUMNS
            assert claim["metric"] in paper_claims.WORSE or not {"more_than", "less_than"} & set(
                claim
            )
            assert claim.get("trend", "holds") in ("rises", "falls", "holds")


TABLE = pd.DataFrame(
    [
        {"loop": loop, "seed": seed, "generation": t, "view": view, "recall": value, "fd": fd}
        for loop, seed, t, value, fd in [
            ("a", 1, 1, 0.9, 2.0), ("a", 2, 1, 0.8, 2.0), ("a", 1, 2, 0.5, 9.0),
            ("a", 2, 2, 0.4, 9.0), ("b", 1, 1, 0.9, 2.0), ("b", 1, 2, 0.86, 2.3),
            ("better", 1, 1, 0.2, 20.0), ("better", 1, 2, 0.9, 2.0), ("steady", 1, 1, 0.9, 1.0),
            ("steady", 1, 2, 0.8, 2.0), ("steady", 1, 3, 0.6, 1.9),
        ]
        for view in ("output",)
    ]
    + [{"loop": "a", "seed": 1, "generation": 1, "view": "model", "recall": 0.5, "fd": 4.0}]
).rename(columns={"fd": "frechet_distance"})  # fmt: skip


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ({"loop": "a", "metric": "recall", "trend": "falls"}, "recall 0.85 → 0.45: falls"),
        ({"loop": "b", "metric": "recall", "trend": "falls"}, "0.86: holds, where it should fall"),
        ({"loop": "b", "metric": "frechet_distance", "trend": "holds"}, "2.00 → 2.30: holds"),
        ({"loop": "a", "metric": "recall", "more_than": "b"}, "more than `b` (0.90 → 0.86)"),
        ({"loop": "b", "metric": "recall", "more_than": "a"}, "0.45), against the claim"),
        ({"loop": "a", "metric": "frechet_distance", "like": "b"}, "does not end like `b` (2.30)"),
        # A loop that improves by more than another loses has worsened less than it.
        (
            {"loop": "better", "metric": "frechet_distance", "less_than": "a"},
            "20.0 → 2.00: improves, and so worsens less than `a` (2.00 → 9.00)",
        ),
        (
            {"loop": "better", "metric": "recall", "less_than": "a"},
            "0.20 → 0.90: improves, and so worsens less than `a` (0.85 → 0.45)",
        ),
        (
            {"loop": "better", "metric": "recall", "more_than": "a"},
            "worsens less than `a` (0.85 → 0.45), against the claim",
        ),
        (
            {"loop": "a", "metric": "frechet_distance", "less_than": "better"},
            "worsens more than `better` (20.0 → 2.00), against the claim",
        ),
        ({"loop": "a", "metric": "recall", "more_than": "a"}, "0.45), against the claim"),
        (
            {"loop": "a", "metric": "recall", "views": ["model", "output"], "trend": "rises"},
            "`a`, generation 1, model → output: recall 0.50 → 0.85: rises",
        ),
        (
            {
                "loop": "a",
                "metric": "frechet_distance",
                "views": ["model", "output"],
                "trend": "rises",
            },
            "distance 4.00 → 2.00: falls, where it should rise",
        ),
        (
            {"loop": "steady", "metric": "recall", "every_step": True},
            "0.90 → 0.60: worsens in 2 of 2 steps, monotone",
        ),
        (
            {"loop": "steady", "metric": "frechet_distance", "every_step": True},
            "worsens in 1 of 2 steps, not monotone",
        ),
    ],
)
def test_a_claim_is_told_with_its_numbers_whether_it_held_or_not(claim, words: str) -> None:
    told = paper_claims.told(claim, TABLE)
    assert words in told
    assert ("against the claim" in told) == ("against the claim" in words)


def test_one_choice_from_even_odds_gives_the_odds_of_the_paper() -> None:
    found = [round(paper_filters.odds(k, 1.0), 2) for k in (1, 2, 4, 16)]
    assert found == [1.0, 1.60, 2.11, 2.56]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([678, 322], "S¹ 2.10 (95% 1.84 to 2.40); 2.11 expected from even odds: agrees"),
        ([500, 500], "S¹ 1.00 (95% 0.88 to 1.13); 2.11 expected from even odds: does not agree"),
        ([1000, 0], "does not agree"),
    ],
)
def test_the_odds_of_curation_are_told_beside_what_one_choice_gives(counts, words: str) -> None:
    loop = {"filter": {"kind": "reward", "candidates": 4, "classes": [0], "weight": 1.0}}
    told = paper_filters.curated({"loop": "a", "odds_of": [0]}, loop, counts)
    assert told.endswith(words)
    control = paper_filters.curated({"loop": "a", "odds_of": [0]}, {}, counts)
    assert control.endswith("agrees") == (counts == [500, 500])


@pytest.mark.parametrize(
    ("model", "output", "words"),
    [
        (0.95, 0.65, "5% of G¹'s samples wrong, p* = 9%; 65% of the kept ones right, as the"),
        (0.80, 0.30, "20% of G¹'s samples wrong, p* = 9%; 30% of the kept ones right, as the"),
        (0.80, 0.70, "right, not as the threshold says"),
    ],
)
def test_a_verifier_is_told_beside_its_threshold(model, output, words: str) -> None:
    loop = {"filter": {"kind": "verifier", "keep_right": 0.1, "keep_wrong": 1.0}}
    views = {"model": model, "output": output}
    rows = [{"loop": "a", "generation": 1, "view": view, "label_accuracy": value}
            for view, value in views.items()]  # fmt: skip
    told = paper_filters.verified({"loop": "a", "threshold": True}, loop, pd.DataFrame(rows))
    assert words in told


EXACT = yaml.safe_load("""
figures: "5"
model: a Gaussian
shows: more of it
config: exact
theory: exact
link: theory.md#exact
numbers:
  - {name: start, label: "w2 at first:", where: "run == 'a'", column: w2, at: first}
  - {name: end, label: "w2 at last:", where: "run == 'a'", column: w2, at: last}
expect:
  - {says: it grows, when: end > start}
  - {says: by less than half, when: end < 1.5 * start < 30}
""")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([10.0, 12.0], ["Held: it grows; by less than half ([theory](theory.md#exact))"]),
        ([10.0, 20.0], ["Held: it grows", "Did not hold: by less than half ([theory]"]),
        ([10.0, 5.0], ["Held: by less than half", "Did not hold: it grows"]),
        ([40.0, 10.0], ["Did not hold: it grows; by less than half"]),
        # No row of the table is meant: nothing is true of what is not there.
        ([], ["Did not hold: it grows; by less than half", "w2 at first: none; w2 at last: none"]),
    ],
)
def test_an_exact_row_says_of_its_numbers_whether_they_held(values, words) -> None:
    table = pd.DataFrame({"run": ["a"] * len(values) + ["b"], "w2": [*values, 7.0]})
    told = paper_exact.told(EXACT, paper_exact.numbers(EXACT, table))
    assert [part in "<br>".join(told) for part in words] == [True] * len(words)
    assert ("Held" in "".join(told)) == any("Held" in part for part in words)


def test_a_row_without_numbers_says_that_it_was_not_run(tmp_path) -> None:
    assert paper_exact.told(EXACT, {}) == ["not run; [theory](theory.md#exact)"]
    page = paper.Page(tmp_path, {"configs": {"exact": 2}}, {})
    cells = [cell.strip() for cell in page._line(EXACT).split("|")]
    assert cells[4:6] == ["not run; about 2 min on 2 cores", "not run; [theory](theory.md#exact)"]


def test_every_exact_row_expects_something_that_its_numbers_can_refute() -> None:
    content = yaml.safe_load((REPOSITORY / paper.ROWS).read_text(encoding="utf-8"))
    rows = [row for row in content["rows"] + content["later"] if row.get("theory")]
    assert rows
    for row in rows:
        names = [entry["name"] for entry in row["numbers"]]
        assert len({entry["label"] for entry in row["numbers"]}) == len(set(names)) == len(names)
        assert row["expect"]
        for item in row["expect"]:
            assert not paper_exact.holds(item["when"], dict.fromkeys(names, math.nan)), item


def test_what_is_collected_is_what_finished_runs_left(tmp_path) -> None:
    (tmp_path / "docs/paper").mkdir(parents=True)
    row = {"figures": "4", "config": "one", "pictures": ["curves"]}
    content = {"configs": {"one": 1, "exact": 1, "unfinished": 1}, "rows": [row], "later": [EXACT]}
    (tmp_path / paper.ROWS).write_text(yaml.safe_dump(content))
    for name, text in {
        "results/one/audit.json": "{}", "results/one/metrics.csv": "loop\n",
        "results/one/figures/curves.png": "a picture",
        "results/exact/theory.csv": "run,w2\na,1\na,2\nb,3\n", "logs/one/benchmarks/a/b.tsv":
        "s\tcpu_time\n60.0\t30.0\n", "logs/one/benchmarks/c.tsv": "s\tcpu_time\n-\t60.0\n",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    paper.collect(tmp_path)
    found = paper._read_measured(tmp_path)
    machine = found["one"].pop("machine")
    assert "cores of" in machine
    assert found == {
        "one": {"processor_minutes": 1.5, "clock_minutes": 1.0},
        "exact": {"numbers": {"w2 at first:": 1.0, "w2 at last:": 2.0}},
    }
    assert (tmp_path / paper.PICTURES / "one-curves.png").read_text() == "a picture"
    assert [file.name for file in (tmp_path / "docs/paper").glob("*.csv")] == ["one.csv"]


def test_time_by_the_clock_counts_no_minute_twice_and_none_in_which_nothing_ran() -> None:
    assert spent.covered([(0, 10), (2, 3), (5, 12), (20, 21)]) == 13
    assert spent.covered([]) == 0


def test_the_page_says_what_all_configurations_took_or_how_many_are_missing() -> None:
    took = {"clock_minutes": 2.0, "processor_minutes": 3.5}
    assert paper.total({"a": 5, "b": 6}, {"a": took, "b": took}).startswith(
        "4 minutes by the clock, 7 of processor time; about 11 minutes are expected"
    )
    assert "1 of 2 configurations are not run" in paper.total({"a": 5, "b": 6}, {"a": took})
