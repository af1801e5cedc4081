"""Results in Python, and the notebook that shows them."""

from __future__ import annotations

import math
import shutil

import autophagy
import nbformat
import numpy as np
import pytest
from autophagy import layout, lineage, paths, sets, tables
from autophagy.archive import Archive
from autophagy.errors import UserError
from autophagy.results import odds
from conftest import REPOSITORY, child_environment
from nbclient import NotebookClient


@pytest.fixture(scope="module")
def run(tiny_experiment):
    return autophagy.open(tiny_experiment.root)


def test_it_knows_what_the_experiment_is_of(run, tiny_experiment) -> None:
    assert list(run.loops) == list(tiny_experiment.plan.experiment.loops)
    assert run.loops["biased"]["sampling_bias"] == 0.5
    assert (run.generations, run.seeds) == (3, [1])
    assert run.audit["findings"] == []
    assert list(run.verdicts["loop"]) == list(run.loops)
    assert tuple(run.metrics.columns) == tables.columns("images")


def test_an_audit_of_another_shape_is_refused(tiny_experiment, tmp_path) -> None:
    root = tmp_path / "tiny"
    shutil.copytree(tiny_experiment.root, root)
    for content in ("[]", "{}", '{"findings": null}'):
        (root / paths.AUDIT).write_text(content)
        with pytest.raises(UserError, match=r"audit\.json: holds no list of findings; delete"):
            _ = autophagy.open(root).audit


@pytest.mark.parametrize("loop", ["fully-synthetic", "biased", "fresh"])
@pytest.mark.parametrize("t", [1, 2, 3])
def test_pictures_are_those_of_the_plan(run, tiny_experiment, loop, t) -> None:
    experiment = tiny_experiment.plan.experiment
    planned = {
        "samples": layout.samples_path(experiment, loop, 1, t),
        "preview": layout.preview_path(experiment, loop, 1, t),
    }
    for kind, path in planned.items():
        assert run.path(loop, t, kind=kind) == path
    images = sets.read_array(tiny_experiment.root, planned["samples"], "images")
    np.testing.assert_array_equal(run.images(loop, t), images)
    assert len(run.labels(loop, t)) == len(images)
    table = run.training_set(loop, t)
    assert set(table["origin"]) <= {"real", "synthetic"}
    archive = Archive(tiny_experiment.root)
    assert run.lineage(loop, t) == lineage.tree(archive, planned["samples"])


def test_odds_count_labels_of_some_classes_over_those_of_others(run) -> None:
    assert odds(np.array([0, 3, 1, 0]), [0, 1]) == 3.0
    assert odds(np.array([2, 2]), [0, 1]) == 0.0
    assert odds(np.array([2, 2]), [2]) == math.inf
    # Labels are balanced, so that nothing tilts.
    assert run.odds("fully-synthetic", [0, 1]).to_dict() == {t: 2 / 8 for t in (1, 2, 3)}


def test_real_splits(run) -> None:
    images, labels = run.real("reference")
    assert images.shape == (60, 8, 8, 1)
    assert labels.shape == (60,)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda run: run.images("none", 1), "no loop 'none'; there are: fully-synthetic, biased"),
        (lambda run: run.images("fresh", 4), "no generation 4; there are 1 to 3"),
        (lambda run: run.images("fresh", 2, seed=9), r"no run seed 9; there are: \[1\]"),
        (lambda run: run.images("fresh", 2, kind="pictures"), "no kind 'pictures'; there are"),
        (lambda run: run.images("fresh", 2, kind="samples-unbiased"), "no samples-unbiased of"),
        (lambda run: run.real("test"), "no real split 'test'; there are: loop"),
    ],
)
def test_what_is_not_there_is_named(run, ask, message) -> None:
    with pytest.raises(UserError, match=message):
        ask(run)


def test_only_finished_experiments_are_opened(tmp_path) -> None:
    with pytest.raises(UserError, match="is no experiment's folder"):
        autophagy.open(tmp_path)


def test_the_notebook_runs(tiny_experiment, monkeypatch) -> None:
    for name, value in child_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AUTOPHAGY_RESULTS", str(tiny_experiment.root))
    notebook = nbformat.read(REPOSITORY / "docs/notebook.ipynb", as_version=4)
    assert all(cell.get("outputs", []) == [] for cell in notebook.cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("text/html" in output.get("data", {}) for output in shown) >= 2
    assert sum("image/png" in output.get("data", {}) for output in shown) >= 1
