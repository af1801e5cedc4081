"""Experiments of kind theory: their configuration, artifacts, ledger, figures and commands."""

from __future__ import annotations

import copy
import json
import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from autophagy import audit, cli, ledger, lineage, manifests, paths, seeds
from autophagy import config as configuration
from autophagy.errors import UserError
from autophagy.page.asked import of_theory
from autophagy.theory import frontier, mixture, plan, tables
from autophagy.theory.studies import mixture as mixture_study
from autophagy.theory.studies.table import FIGURES, STUDIES
from conftest import REPOSITORY, SCRIPTS, TESTS, Made, make_theory, plan_of

TINY = yaml.safe_load((TESTS / "configs" / "theory.yaml").read_text(encoding="utf-8"))
CONFIGS = sorted((REPOSITORY / "config").glob("theory-*/config.yaml"))
LOOP = {
    "dimensions": 2, "n_initial": 10, "n_real": 0, "n_synthetic": 10, "sampling_bias": 1.0,
    "real": "none", "memory": 1, "pool": "replace",
}  # fmt: skip
TRAJECTORIES = {
    "study": "trajectories", "figure": "collapse", "effort": {"generations": 4, "chains": 3},
    "runs": {"a": LOOP},
}  # fmt: skip
GRID = {"side": 2, "spacing": 1.0, "deviation": 0.1, "n": 60, "start": "previous"}
MIXTURE = {
    "study": "mixture", "figure": "modes", "runs": {"a": GRID},
    "effort": {"generations": 3, "chains": 2, "evaluate_n": 40, "k": 3, "shown": [1, 3]},
}  # fmt: skip
REGRESSION = {
    "study": "regression", "figure": "regression", "effort": {"generations": 4, "chains": 3},
    "runs": {"a": {"dimensions": 2, "pairs": 9, "noise": 1.0, "pool": "accumulate"}},
}  # fmt: skip


def content(base: dict[str, Any] | None = None, **edits: Any) -> dict[str, Any]:
    """The tiny configuration, another study's keys in place of its own, then dotted edits."""
    made = copy.deepcopy(TINY | (base or {}))
    for path, value in edits.items():
        *sections, key = path.split("__")
        section = made
        for name in sections:
            section = section[name]
        section[key] = value
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    folder = tmp_path_factory.mktemp("theory")
    (folder / "config").mkdir()
    (folder / "config/config.yaml").write_text(yaml.safe_dump(TINY, sort_keys=False))
    found = plan_of(TINY)
    make_theory(found, folder / found.root)
    return Made(found, folder / found.root, folder)


REFUSED = [
    (content(study="maps"), 'study: "maps" is not allowed; allowed: limits, trajectories'),
    (content(study=["limits"]), 'study: ["limits"] is not allowed'),
    (content(kind="theories"), 'kind: "theories" is not allowed; allowed: images, points, theory'),
    (content(figure="modes"), "figure: 'modes' does not show limits; allowed: size-map, bias-map"),
    (content(figure="pie"), 'figure: "pie" is not allowed'),
    (content(runs={}), "runs: {} is not allowed: it should have at least 1 item"),
    (content(runs={"../x": TINY["runs"]["biased"]}), 'runs."../x": "../x" is not allowed'),
    (content(runs={"real-only": TINY["runs"]["biased"]}), "runs.real-only: the name is taken"),
    (content(lambda_=1), "lambda_: unknown key; allowed: schema, experiment, kind, study"),
    (content(runs__biased__p=1), "runs.biased.p: unknown key; allowed: dimensions, real, n_real"),
    (content(runs__biased__dimensions=0), "runs.biased.dimensions: 0 is not allowed; 1 to 1000"),
    (content(runs__biased__dimensions=1001), "runs.biased.dimensions: 1001 is not allowed; 1 to"),
    (content(effort__chains=10_000, runs__biased__dimensions=100),
     "runs.biased.dimensions: 100 is not allowed; 10000 chains times dimensions² of covariances "
     "are 500000000 numbers at once; at most 100000000"),
    (content(runs__share__real_share=1e-13),
     "runs.share.n_synthetic: 99999999999990 is not allowed; at most 1000000000"),
    (content(runs__biased__sampling_bias=0.0), "runs.biased.sampling_bias: 0.0 is not allowed; λ"),
    (content(runs__biased__sampling_bias=[0.5, 1.1]), "runs.biased.sampling_bias: 1.1 is not"),
    (content(runs__biased__n_real=0), "runs.biased.n_real: 0 is not allowed; real: fresh needs"),
    (content(runs__biased__n_real=[]), "runs.biased.n_real: [] is not allowed: it should be a"),
    (content(runs__biased__n_real=[3, 3]), "runs.biased.n_real: [3, 3] is not allowed"),
    (content(runs__biased__n_real=True), "runs.biased.n_real: true is not allowed"),
    (content(runs__biased__n_real=1.5), "runs.biased.n_real: 1.5 is not allowed"),
    (content(runs__biased__n_real={"from": 9, "to": 3, "points": 3}), "runs.biased.n_real: {"),
    (content(runs__biased__n_real={"from": 3, "to": 9}), "runs.biased.n_real: {"),
    (content(runs__biased__n_synthetic=0), "runs.biased.n_synthetic: 0 is not allowed; at least 1"),
    (content(runs__biased__n_synthetic=None), "runs.biased: one of n_synthetic and real_share"),
    (content(runs__biased__real_share=0.1), "runs.biased: one of n_synthetic and real_share"),
    (content(runs__share__real_share=1.0), "runs.share.real_share: 1.0 is not allowed"),
    (content(runs__biased__memory=0), "runs.biased.memory: 0 is not allowed; 1 to n_synthetic"),
    (content(runs__biased__memory=10**9, runs__biased__n_synthetic=10**9),
     "runs.biased.memory: 1000000000 is not allowed; at most 1000"),
    (content(runs__biased__memory=41), "runs.biased.memory: 41 is not allowed; 1 to n_synthetic"),
    (content(runs__biased__n_synthetic=10**9, runs__biased__sampling_bias=1.0),
     "runs.biased: n_real 10 beside n_synthetic 1000000000 at λ = 1.0 needs"),
    (content(effort__burn_in=4.9), "effort.burn_in: 4.9 is not allowed: it should be greater"),
    (content(effort__chains=1), "effort.chains: 1 is not allowed"),
    (content(TRAJECTORIES, runs__a__n_initial=1),
     "runs.a.n_initial: 1 is not allowed; an unbiased covariance needs at least 2 points"),
    (content(TRAJECTORIES, runs__a__n_synthetic=1),
     "runs.a.n_synthetic: n_real + n_synthetic = 1 is not allowed; an unbiased covariance"),
    (content(TRAJECTORIES, runs__a__n_initial=10**22),
     "runs.a.n_initial: 10000000000000000000000 is not allowed: it should be less"),
    (content(TRAJECTORIES, runs__a__n_synthetic=10**7, runs__a__pool="subsample"),
     "runs.a.dimensions: 2 is not allowed; 3 chains times points that are kept are 180000000"),
    (content(TRAJECTORIES, runs__a__memory=4),
     "runs.a.memory: 4 previous models never exist in 4 generations; at most 3"),
    (content(TRAJECTORIES, runs__a__n_real=2), "runs.a.n_real: 2 is not allowed; with real: none"),
    (content(TRAJECTORIES, runs__a__n_real=11, runs__a__real="fixed"),
     "runs.a.n_real: 11 exceeds n_initial = 10"),
    (content(TRAJECTORIES, runs__a__memory=2, runs__a__pool="accumulate"),
     "runs.a.memory: 2 is not allowed; pool: accumulate"),
    (content(TRAJECTORIES, runs__a__sampling_bias=-0.1), "runs.a.sampling_bias: -0.1 is not"),
    (content(MIXTURE, runs__a__n=7), "runs.a.n: 7 is not allowed; 4 covariances need at least 8"),
    (content(MIXTURE, runs__a__n_real=60), "runs.a.n_real: 60 is not allowed; fewer than n = 60"),
    (content(MIXTURE, runs__a__n_real=-1), "runs.a.n_real: -1 is not allowed"),
    (content(MIXTURE, effort__k=40), "effort.k: 40 must be below effort.evaluate_n"),
    (content(MIXTURE, effort__shown=[4]), "effort.shown: 4 exceeds effort.generations = 3"),
    (content(REGRESSION, runs__a__pairs=3), "runs.a.pairs: 3 is not allowed; more than dimensions"),
]  # fmt: skip


@pytest.mark.parametrize(("refused", "begins"), REFUSED, ids=[row[1][:60] for row in REFUSED])
def test_what_cannot_run_is_one_line_before_anything_runs(refused, begins) -> None:
    with pytest.raises(UserError) as raised:
        configuration.parse(refused, "my.yaml")
    assert str(raised.value).startswith(f"my.yaml: {begins}")
    assert "\n" not in str(raised.value)
    assert "pydantic" not in str(raised.value)


def test_every_study_and_figure_has_a_shipped_configuration() -> None:
    experiments = [configuration.load(path) for path in CONFIGS]
    assert {experiment.study for experiment in experiments} == set(STUDIES)
    assert {experiment.figure for experiment in experiments} == set(FIGURES)


def test_the_papers_maps_have_twenty_by_twenty_cells() -> None:
    for name in ("theory-fig11", "theory-fig12"):
        path = REPOSITORY / "config" / name / "config.yaml"
        found = configuration_plan(path)
        for run in found.experiment.runs:
            parts = [
                node.params["part"]["cells"]
                for path, node in found.nodes.items()
                if path.startswith(f"theory/{run}/part-")
            ]
            assert [len(cells) for cells in parts] == [20] * 20
            assert len(found.experiment.runs) == 3


def test_what_is_made_is_what_was_planned(made) -> None:
    for path in made.plan.nodes:
        assert manifests.stale(made.root, made.plan.record(path)) is None
    assert set(ledger.findings(made.plan, made.root).values()) == {None}
    assert audit.audit(lineage.Archive(made.root)) == []


def test_the_same_configuration_makes_the_same_bytes(made, tmp_path) -> None:
    again = tmp_path / "again"
    make_theory(made.plan, again)
    ours = {file.relative_to(made.root): file for file in made.root.rglob("*") if file.is_file()}
    for name, file in ours.items():
        assert (again / name).read_bytes() == file.read_bytes(), name
    assert len(ours) > 20


def test_the_scripts_make_what_their_rules_ask_for(made, tmp_path) -> None:
    root, log = tmp_path / "again", tmp_path / "log"
    shutil.copytree(made.root, root)
    part, table = "theory/biased/part-001.csv", "theory/biased/table.csv"
    figure = f"figures/{made.plan.experiment.figure}"
    names = [part, table, paths.THEORY_CSV, f"{figure}.png", f"{figure}.pdf", paths.PAGE]
    for name in names:
        (root / name).unlink()
    runs = {run: plan.table_path(run) for run in made.plan.experiment.runs}
    shown = {"runs": runs, "figure": made.plan.experiment.figure, "title": "tiny maps"}
    output = SimpleNamespace(png=f"{root}/{figure}.png", table=f"{root}/{paths.THEORY_CSV}")
    for script, params in (
        ("theory_part.py", {"records": [made.plan.record(part)]}),
        ("theory_table.py", {"records": [made.plan.record(table)]}),
        ("draw_theory.py", shown),
        ("write_theory_page.py", {"asked": of_theory(made.plan)}),
    ):
        given = SimpleNamespace(
            params=SimpleNamespace(root=str(root), **params), log=[str(log)], output=output,
            rule=script,
        )  # fmt: skip
        runpy.run_path(str(SCRIPTS / script), {"snakemake": given})
    for name in names:
        assert (root / name).read_bytes() == (made.root / name).read_bytes(), name


def test_tables_hold_every_cell_with_its_error(made) -> None:
    table = pd.read_csv(made.root / paths.THEORY_CSV)
    assert table.groupby("run").size().to_dict() == {"biased": 4, "share": 4}
    assert (table[["w2_se", "n_e_se", "ratio_se"]] > 0).all(axis=None)
    assert (table["generations"] > table["burn_in"]).all()
    shared = table[table["run"] == "share"]
    assert (shared["n_real"] == shared["n_synthetic"]).all()
    np.testing.assert_allclose(table["ratio"], table["n_e"] / table["n_real"])


def test_a_changed_byte_is_found(made, tmp_path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(made.root, broken)
    part = broken / "theory/biased/part-000.csv"
    part.write_text(part.read_text().replace("0.8", "0.9"))
    found = audit.audit(lineage.Archive(broken))
    assert [finding.path for finding in found] == ["theory/biased/part-000.csv"]
    assert ledger.findings(made.plan, broken)["theory@biased"] is not None
    assert ledger.findings(made.plan, broken)["theory@share"] is None


def test_one_run_changed_leaves_the_others_and_another_seed_none(made) -> None:
    changed = plan_of(content(runs__biased__sampling_bias=0.7))
    stale = {
        path for path in changed.nodes
        if manifests.stale(made.root, changed.record(path)) is not None
    }  # fmt: skip
    assert {path.split("/")[1] for path in stale} == {"biased", "manifest.json"}
    other = plan_of(content(seed=2))
    parts = [node for node in other.nodes.values() if node.kind == "theory_part"]
    assert all(node.seed != made.plan.nodes[node.path].seed for node in parts)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.parent.name)
def test_a_change_of_figures_or_tables_computes_nothing_anew(path) -> None:
    files = configuration_plan(path).files("theory_part")
    study = configuration_plan(path).experiment.study
    assert f"autophagy/theory/studies/{study}.py" in files
    for name in ("drawing", "tables", "options", "plan", "studies/table"):
        assert f"autophagy/theory/{name}.py" not in files


def configuration_plan(path: Path):
    return plan_of(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_the_ledger_has_a_stage_a_run(made) -> None:
    text = yaml.safe_load(ledger.text(made.plan, "config/tiny-theory/config.yaml"))
    assert list(text["stages"]) == ["theory-real-only", "theory", "theory-report"]
    assert text["stages"]["theory"]["foreach"] == "${runs}"
    stages = ledger.stage_nodes(made.plan)
    assert set(stages) == {"theory-real-only", "theory@biased", "theory@share", "theory-report"}
    assert sum(map(len, stages.values())) == len(made.plan.nodes)


@pytest.mark.parametrize("base", [TRAJECTORIES, MIXTURE, REGRESSION], ids=lambda b: b["study"])
def test_every_study_runs_to_its_figure(base, tmp_path) -> None:
    found = plan_of(content(base))
    make_theory(found, tmp_path)
    for name in plan.figure_files(found.experiment):
        assert (tmp_path / name).stat().st_size > (60 if name.endswith(".txt") else 4000)
    assert audit.audit(lineage.Archive(tmp_path)) == []
    assert "theory-real-only" not in ledger.text(found, "config/x/config.yaml")


@pytest.mark.parametrize("figure", [name for name, study in FIGURES.items() if study == "limits"])
def test_every_figure_of_limits_can_be_drawn(figure, made) -> None:
    from autophagy.theory import drawing

    table = pd.read_csv(made.root / paths.THEORY_CSV)
    table = table[table["run"] == "biased"] if figure.endswith("map") else table
    drawn = drawing.draw(figure, table, "a title")
    assert drawn.axes[0].has_data()


def test_commands_know_theory(made, monkeypatch, capsys) -> None:
    monkeypatch.chdir(made.folder)
    assert cli.main(["check"]) == 0
    assert cli.main(["audit", "results/tiny-theory"]) == 0
    assert cli.main(["lineage", "results/tiny-theory/theory/biased/table.csv"]) == 0
    capsys.readouterr()
    assert cli.main(["export", "results/tiny-theory", "--format", "prov"]) == 2
    assert "is of kind theory" in capsys.readouterr().err
    assert cli.main(["summary"]) == 0
    told = capsys.readouterr().out
    assert "biased" in told
    drift = pd.read_csv(made.root / paths.THEORY_CSV)["drift"]
    expected = f"over 8 cells: mean {drift.mean():.2f}, standard deviation {drift.std():.2f}\n"
    assert expected in told
    assert cli.main(["summary", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 8


@pytest.mark.parametrize("name", ["NA", "null", "007"])
def test_the_summary_names_a_run_as_it_is_called(name, made, tmp_path, monkeypatch, capsys) -> None:
    shutil.copytree(made.folder, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    file = Path("results/tiny-theory") / paths.THEORY_CSV
    table = pd.read_csv(file)
    table.assign(run=name).to_csv(file, index=False)
    assert cli.main(["summary"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.split()[:1] == [name] for line in lines) == 2
    assert cli.main(["summary", "--json"]) == 0
    assert {row["run"] for row in json.loads(capsys.readouterr().out)} == {name}


def test_the_summary_says_what_converged_cells_drift() -> None:
    cells = pd.DataFrame({"drift": [-1.0, 0.0, 1.0], "chains": [8] * 3})
    assert tables.convergence(cells) == (
        "Drift between the halves of the window, in standard errors, over 3 cells: mean 0.00, "
        "standard deviation 1.00; converged: 0 and 1.18"
    )
    assert tables.convergence(cells[:1]).endswith("over 1 cell: mean -1.00; converged: 0 and 1.18")


def test_watching_is_refused_for_what_it_is(made, monkeypatch, capsys) -> None:
    monkeypatch.chdir(made.folder)
    assert cli.main(["watch", "--once"]) == 2
    assert "config/config.yaml: kind: theory has no generations" in capsys.readouterr().err


def test_effective_size_answers_and_refuses(capsys) -> None:
    asked = ["effective-size", "--n-real", "50", "--dim", "2", "--chains", "50"]
    assert cli.main([*asked, "--n-synthetic", "10", "--bias", "0.8", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["ratio"] > 1
    assert answer["ratio_se"] > 0
    assert answer["largest"]["n"] > 10
    assert cli.main([*asked, "--n-synthetic", "5000", "--bias", "0.8"]) == 1
    assert "do not help" in capsys.readouterr().out
    for wrong in (["0", "0.8"], ["10", "0"], ["10", "1.5"], ["10", "nan"]):
        assert cli.main([*asked, "--n-synthetic", wrong[0], "--bias", wrong[1]]) == 2
        assert capsys.readouterr().err.startswith("autophagy: effective-size.")


def test_effective_size_keeps_blas_to_one_thread(monkeypatch) -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    def asked(*_):
        seen.append(threads())
        raise UserError("seen")

    seen: list[set[int]] = []
    monkeypatch.setattr(frontier, "effective_size", asked)
    with threadpool_limits(2):
        assert threads() == {2}
        words = ["effective-size", "--n-real=9", "--n-synthetic=9", "--bias=1", "--dim=2"]
        assert cli.main(words) == 2
    assert seen == [{1}]


# The mixture.


def test_the_grid_and_its_samples() -> None:
    truth = mixture.grid(5, 1.0, 0.1)
    assert len(truth.means) == 25
    np.testing.assert_allclose(truth.means.mean(axis=0), 0, atol=1e-12)
    points = mixture.sample(truth, 5000, seeds.stream(1))
    assert mixture.modes_recovered(points, truth) == 25
    assert mixture.total_variance(points) == pytest.approx(2 * (2 + 0.01), rel=0.05)
    assert mixture.modes_recovered(truth.means[:7] + 0.05, truth) == 7
    assert mixture.modes_recovered(truth.means + 0.5, truth) == 0


@pytest.mark.parametrize("start", ["previous", "scratch"])
def test_em_recovers_separate_modes(start) -> None:
    truth = mixture.grid(2, 2.0, 0.1)
    fitted = mixture.fit(
        mixture.sample(truth, 4000, seeds.stream(2)), truth, start, seeds.stream(3)
    )
    order = np.lexsort(fitted.means.T[::-1].round(1))
    np.testing.assert_allclose(fitted.means[order], truth.means, atol=0.03)
    np.testing.assert_allclose(fitted.weights, 0.25, atol=0.04)
    np.testing.assert_allclose(np.linalg.eigvalsh(fitted.covariances), 0.01, rtol=0.15)


def test_mode_weights_drift_like_inherited_labels() -> None:
    """E[1 - Σ w²] shrinks by (1 - 1/n) a generation; here over 40 chains of 12 generations."""
    truth, n, generations = mixture.grid(2, 2.0, 0.1), 60, 12
    found = []
    for chain in range(40):
        model, rng = truth, seeds.stream(5, chain)
        for _ in range(generations):
            model = mixture.fit(mixture.sample(model, n, rng), model, "previous", rng)
        found.append(1 - np.sum(model.weights**2))
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert abs(np.mean(found) - 0.75 * (1 - 1 / n) ** generations) < 4 * error
    assert np.mean(found) < 0.75 - 4 * error


def test_original_points_keep_their_modes_alive() -> None:
    """60 points in 25 modes lose most of them; 30 originals keep those that they are in."""
    effort = {"generations": 30, "chains": 2, "evaluate_n": 500, "k": 5, "shown": [30]}
    ends = {}
    for n_real in (0, 30):
        run = {"side": 5, "spacing": 1.0, "deviation": 0.01, "n": 60, "start": "previous"}
        part = {"run": run | {"n_real": n_real}, "chain": 1}
        ends[n_real] = mixture_study.compute(part, effort, 7, lambda *_: None)[-1]
    real = mixture.sample(mixture.grid(5, 1.0, 0.01), 60, seeds.stream(7, 1))[:30]
    held = mixture.modes_recovered(real, mixture.grid(5, 1.0, 0.01))
    assert ends[30]["modes"] >= held - 1 > ends[0]["modes"] + 4
    assert ends[30]["weight_diversity_exact"] is None
    assert ends[0]["weight_diversity_exact"] == pytest.approx(0.96 * (1 - 1 / 60) ** 30)
