"""Every tampering is found by a law that names it, and clean experiments raise no alarm."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tampers
import yaml
from autophagy import audit, cli, manifests, paths, store
from autophagy.archive import Archive
from autophagy.audit import arrays, belonging, pictures, recorded, seeds
from autophagy.audit.case import Case
from autophagy.data.split import content_hashes
from hypothesis import given, settings
from hypothesis import strategies as st
from tampers import FRESH, INDEX, SAMPLES, edited_index, flip, forge

__all__ = ["FRESH", "edited_index", "forge"]
MATRIX = tampers.matrix()


@pytest.fixture(scope="module")
def arena(tiny_experiment, tmp_path_factory) -> tampers.Arena:
    folder = tmp_path_factory.mktemp("recorded") / "tiny"
    shutil.copytree(tiny_experiment.folder, folder)
    tampers.record(folder)
    plan = tiny_experiment.plan
    # What Snakemake leaves in folders is no part of any hash, DVC's or ours.
    (folder / plan.root / "loops/fresh/.snakemake_timestamp").touch()
    return tampers.Arena(folder, folder / plan.root, plan)


@pytest.fixture
def broken(arena) -> Iterator[Path]:
    """The recorded experiment, to break: it is mended afterwards."""
    yield arena.root
    arena.mend()


def told(root: Path, capsys, *options: str) -> list[str]:
    """The lines of `autophagy audit`, and its status as the last."""
    status = cli.main(["audit", *options, str(root)])
    return [*capsys.readouterr().out.splitlines(), str(status)]


def laws(root: Path) -> set[str]:
    return {finding.law for finding in audit.audit(Archive(root))}


# The matrix


@pytest.mark.parametrize("case", MATRIX, ids=str)
def test_matrix(arena, case) -> None:
    assert tampers.found_by(case, arena.tried(case))


def test_the_matrix_holds_every_kind_law_and_file_of_the_report(arena) -> None:
    kinds = {case.kind.partition(",")[0] for case in MATRIX}
    there = Archive(arena.root)
    assert {there.manifest(path)["kind"] for path in there.artifacts()} <= kinds
    assert {case.law for case in MATRIX} == {None, "files", *audit.LAWS, recorded.LAW}
    named = {path for path, *_ in tampers.ARTIFACTS.values()}
    assert {"loops", "real", "features", "evaluation"} <= {path.split("/")[0] for path in named}
    assert len(set(map(str, MATRIX))) == len(MATRIX)


def test_clean_trees_of_every_regime_raise_no_alarm(arena, tiny_experiment) -> None:
    assert arena.false_alarms() == []
    assert audit.audit(Archive(tiny_experiment.root)) == []
    real = {
        (loop.regime, loop.sampling_bias < 1, loop.labels)
        for loop in arena.plan.experiment.loops.values()
    }
    assert {regime for regime, *_ in real} == {
        "fully_synthetic", "synthetic_augmentation", "fresh_data",
    }  # fmt: skip


def test_mending_leaves_nothing_behind(arena) -> None:
    before = {file: file.read_bytes() for file in arena.root.rglob("*") if file.is_file()}
    for case in MATRIX[:: len(MATRIX) // 7]:
        arena.tried(case)
    after = {file: file.read_bytes() for file in arena.root.rglob("*") if file.is_file()}
    assert after == before


# Leftovers and unfinished runs


def test_what_another_configuration_left_is_no_finding_of_the_run(broken, arena) -> None:
    """The run audits what its plan holds; a person the whole folder."""
    listed = tuple(arena.plan.audited())
    tampers.of_a_removed_loop(broken)
    assert audit.audit(Archive(broken, listed)) == []
    assert audit.audit(Archive(broken)) != []
    flip(broken, f"{SAMPLES}/images.npy")
    assert {f.law for f in audit.audit(Archive(broken, listed))} == {"files"}


def test_a_removed_loop_is_one_line_with_the_command_that_clears_it(broken, capsys) -> None:
    tampers.of_a_removed_loop(broken)
    gone = broken / "loops/gone"
    assert told(broken, capsys)[0] == (
        "loops/gone: files: is no part of the last report; finish the run, or remove it with "
        f"`rm -r {gone}`"
    )
    shutil.rmtree(gone)
    assert told(broken, capsys) == [f"{broken}: every law holds", "0"]


@pytest.mark.parametrize(
    "root", ["figures/manifest.json", "evaluation/fresh/manifest.json", "loops/fresh/manifest.json"]
)
def test_nobody_is_told_to_remove_what_an_unreadable_manifest_vouches_for(
    root, copy_of_tiny
) -> None:
    """What it was made from is not known: that is no leftover."""
    file = copy_of_tiny / root
    file.write_bytes(file.read_bytes()[:100])
    found = audit.audit(Archive(copy_of_tiny))
    assert root in {finding.path for finding in found}
    assert not [str(finding) for finding in found if "rm -r" in finding.message]


def test_a_generation_beyond_the_last_is_one_line(broken) -> None:
    for part in ("samples", "model"):
        artifact = f"loops/fresh/seed-1/gen-009/{part}"
        shutil.copytree(broken / FRESH / part, broken / artifact)
        manifest = store.read_json(broken / manifests.path_of(f"{FRESH}/{part}"))
        store.write_json(broken / manifests.path_of(artifact), manifest | {"path": artifact})
    named = [f.path for f in audit.audit(Archive(broken)) if "last report" in f.message]
    assert named == ["loops/fresh/seed-1/gen-009"]


def test_an_unfinished_loop_is_one_line(broken) -> None:
    """As an interrupted run leaves it: some generations, no root, no report."""
    tampers.remove(broken, "loops/fresh/manifest.json", "evaluation/fresh", "figures/manifest.json")
    for path in (f"{tampers.LATER}/samples", f"{tampers.LATER}/preview"):
        tampers.remove(broken, path, manifests.path_of(path))
    found = audit.audit(Archive(broken))
    assert [(f.path, f.message.partition(";")[0]) for f in found] == [
        ("figures/manifest.json", "is missing: the experiment is unfinished"),
        ("loops/fresh", "is unfinished: it has no manifest.json"),
    ]
    assert all("finish the run" in f.message for f in found)


def test_what_a_step_was_writing_when_it_was_killed_is_one_line(broken) -> None:
    shutil.copytree(broken / SAMPLES, broken / FRESH / ".samples.partial")
    [finding] = audit.audit(Archive(broken))
    assert finding.path == f"{FRESH}/.samples.partial"


def test_the_reports_paths_are_those_of_the_plan() -> None:
    assert (belonging.REPORT, belonging.AUDIT) == (paths.REPORT, paths.AUDIT)


# The command


def test_the_command_tells_findings_in_lines_and_writes_them_down(broken, capsys) -> None:
    before = (broken / "audit.json").read_bytes()
    assert told(broken, capsys) == [f"{broken}: every law holds", "0"]
    flip(broken, "real/loop/images.npy")
    first, *_, last, status = told(broken, capsys)
    assert first == "real/loop: files: images.npy is not what its manifest says"
    assert (last, status) == (f"{broken}: 2 findings", "1")
    written = json.loads((broken / "audit.json").read_text())
    assert [finding["law"] for finding in written["findings"]] == ["files", "ledger"]
    flip(broken, "real/loop/images.npy")
    assert told(broken, capsys) == [f"{broken}: every law holds", "0"]
    assert (broken / "audit.json").read_bytes() == before


def test_one_finding_is_one_finding(copy_of_tiny, capsys) -> None:
    flip(copy_of_tiny, "real/loop/images.npy")
    assert told(copy_of_tiny, capsys)[-2] == f"{copy_of_tiny}: 1 finding"


def test_json_lists_the_laws_that_were_checked(broken, copy_of_tiny, capsys) -> None:
    every = ["files", *audit.LAWS]
    for root, expected in ((broken, [*every, "ledger"]), (copy_of_tiny, every)):
        assert cli.main(["audit", "--json", str(root)]) == 0
        assert json.loads(capsys.readouterr().out) == {
            "schema": 1, "laws": expected, "findings": [],
        }  # fmt: skip
    assert json.loads((broken / "audit.json").read_text())["laws"] == every


def test_a_foreign_folder_is_one_line(tmp_path, capsys) -> None:
    gone = tmp_path / "none"
    for folder, what in ((tmp_path, "is no experiment's folder"), (gone, "is missing")):
        assert cli.main(["audit", str(folder)]) == 2
        assert capsys.readouterr().err.startswith(f"autophagy: {folder}: {what}; ")


@pytest.mark.parametrize(
    "nonsense",
    ["[]", "{}", '{"schema": 1}', "not json", '{"schema": 1, "files": [], "x": 1}', "null", ""],
)
def test_a_manifest_of_nonsense_is_a_finding_not_a_traceback(broken, nonsense) -> None:
    for artifact in ("real/loop", "figures/manifest.json", "loops/fresh/manifest.json"):
        (broken / manifests.path_of(artifact)).write_text(nonsense)
        assert "files" in laws(broken)
        assert audit.examine(Archive(broken)).findings


@settings(derandomize=True, max_examples=40)
@given(data=st.data())
def test_any_value_in_a_forged_manifest_is_a_finding_at_most(arena, data) -> None:
    """Whatever stands where, re-hashed or not: laws answer in findings, never in a traceback."""
    artifact = data.draw(
        st.sampled_from(["loops/fresh/manifest.json", INDEX, SAMPLES, "real/loop"])
    )
    value = st.one_of(st.none(), st.integers(-9, 2**70), st.text(max_size=3), st.just([]))

    def change(manifest: dict) -> None:
        place = manifest
        while True:
            key = data.draw(st.sampled_from(sorted(place)))
            if isinstance(place[key], dict) and place[key] and data.draw(st.booleans()):
                place = place[key]
                continue
            if data.draw(st.booleans()):
                del place[key]
            else:
                place[key] = data.draw(st.one_of(value, st.dictionaries(st.text(), value)))
            return

    try:
        path = arena.root / manifests.path_of(artifact)
        manifest = store.read_json(path)
        change(manifest)
        path.write_text(json.dumps(manifest))
        if data.draw(st.booleans()) and isinstance(manifest.get("materials"), list):
            # The forger's own tools may give up; the audit may not.
            with contextlib.suppress(Exception):
                forge(arena.root)
        audit.audit(Archive(arena.root))
    finally:
        arena.mend()


# The ledger


@pytest.fixture
def copy_of_tiny(tiny_experiment, tmp_path) -> Path:
    """The experiment in a folder that is under no DVC."""
    shutil.copytree(tiny_experiment.root, tmp_path / "results/tiny")
    return tmp_path / "results/tiny"


def test_hashes_are_those_that_dvc_computes(tmp_path, monkeypatch) -> None:
    """DVC itself is the oracle: names that sort oddly, ignored files, an empty folder."""
    from dvc.repo import Repo

    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results/odd"
    for name in ("out/b", "out/a/z", "out/a.b", "out/é", "out/a/.hidden", "out/deep/er/x"):
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text(f"content of {name}\r\n")
    (results / "out/empty").mkdir()
    (results / "out/a/.snakemake_timestamp").touch()
    (results / "out/a/skipped.tmp").write_text("x")
    (results / ".dvcignore").write_text("*.tmp\n")
    (results / "file.csv").write_text("a,b\n")
    Path(".dvcignore").write_text(".snakemake_timestamp\n")
    stages = {"s": {"cmd": "true", "outs": ["results/odd/out", "results/odd/file.csv"]}}
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    Repo.init(".", no_scm=True).close()
    with Repo(".") as repo:
        repo.commit(force=True)
    entries = yaml.safe_load(Path("dvc.lock").read_text())["stages"]["s"]["outs"]
    assert len(entries) == 2
    case = Case(Archive(results), with_md5=True)
    for entry in entries:
        found = recorded.digest(case, tmp_path, tmp_path / entry["path"])
        assert {"path": entry["path"], "hash": "md5", **found} == entry


def test_without_a_ledger_one_line_says_so(copy_of_tiny, capsys) -> None:
    assert told(copy_of_tiny, capsys)[0] == "ledger: not checked: tiny lies in no DVC repository"
    (copy_of_tiny.parent.parent / ".dvc").mkdir()
    line = "ledger: not checked: no dvc.lock names results/tiny"
    assert told(copy_of_tiny, capsys) == [line, f"{copy_of_tiny}: every law holds", "0"]


def test_without_the_package_that_reads_dvcignore_one_line_says_so(broken, monkeypatch) -> None:
    """An installation without DVC has none."""
    monkeypatch.setitem(sys.modules, "pathspec", None)
    report = audit.examine(Archive(broken))
    assert report.findings == []
    assert report.unchecked == [
        "ledger: not checked: the package pathspec is not installed: `pip install dvc`"
    ]


def test_a_ledger_beside_its_configuration_is_read_from_its_working_folder(
    broken, arena, monkeypatch
) -> None:
    """config/NAME/dvc.yaml says `wdir: ../..`; the dvc.lock beside it holds the same paths."""
    own = arena.folder / "config/own"
    own.mkdir()
    content = yaml.safe_load((arena.folder / "dvc.yaml").read_text())
    for body in content["stages"].values():
        body.get("do", body)["wdir"] = "../.."
    content["vars"] = ["../config.yaml"]
    (own / "dvc.yaml").write_text(yaml.safe_dump(content))
    (arena.folder / "dvc.lock").rename(own / "dvc.lock")
    try:
        report = audit.examine(Archive(broken))
        assert (report.findings, report.unchecked) == ([], [])
        monkeypatch.chdir(broken.parent)
        assert audit.examine(Archive(Path("tiny"))).laws[-1] == "ledger"
        flip(broken, "metrics.csv")
        found = audit.examine(Archive(broken)).findings
        assert ("ledger", "metrics.csv") in {(f.law, f.path) for f in found}
    finally:
        (own / "dvc.lock").rename(arena.folder / "dvc.lock")
        shutil.rmtree(own)


def test_a_ledger_is_found_however_the_folder_is_named(broken, monkeypatch, tmp_path) -> None:
    """By a path with `..`, and by a link from outside."""
    flip(broken, "metrics.csv")
    (tmp_path / "link").symlink_to(broken)
    monkeypatch.chdir(broken / "loops")
    for path in (Path(".."), broken / "loops" / "..", tmp_path / "link"):
        found = audit.examine(Archive(path)).findings
        assert ("ledger", "metrics.csv") in {(f.law, f.path) for f in found}, path


def test_the_ledger_says_what_to_do(broken) -> None:
    flip(broken, "metrics.csv")
    tampers.remove(broken, "loops/fresh")
    told = {f.path: f.message for f in audit.examine(Archive(broken)).findings if f.law == "ledger"}
    assert told["loops/fresh"].endswith("`dvc checkout --force results/tiny/loops/fresh`")
    assert "`autophagy record`" in told["metrics.csv"]
    assert "its md5 differ" in told["metrics.csv"]


def test_what_dvc_yaml_no_longer_has_need_not_be_on_disk(broken, arena) -> None:
    """DVC leaves the entry of a loop that was taken out of the configuration in dvc.lock."""

    def left(stages: dict) -> None:
        text = json.dumps(stages["loop@fresh"]).replace("loops/fresh", "loops/gone")
        stages["loop@gone"] = json.loads(text)

    tampers.locked(broken, left)
    assert audit.examine(Archive(broken)).findings == []


# What the laws are made of


def test_fingerprints_find_exactly_the_pictures_that_content_hashes_find() -> None:
    draws = np.random.default_rng(0)
    for shape in ((8, 8, 1), (3, 3, 1), (5, 7, 3), (28, 28, 1)):
        images = draws.integers(0, 4, (200, *shape), dtype=np.uint8)
        images[50] = images[10]
        found = pictures.fingerprints(images)
        same = [list(map(key.__eq__, found)) for key in found]
        digests = content_hashes(images)
        assert same == [[a == b for b in digests] for a in digests]


def test_arrays_are_read_as_numpy_reads_them(tmp_path, monkeypatch) -> None:
    (tmp_path / "set").mkdir()
    arrays_there = {
        "c": np.arange(24, dtype=np.int32).reshape(2, 3, 4),
        "f": np.asfortranarray(np.arange(24.0).reshape(4, 6)),
        "empty": np.zeros((0, 5), np.uint8),
        "scalar": np.array(7),
    }
    for block in (1 << 24, 1):
        monkeypatch.setattr(arrays, "_BLOCK", block)
        for name, content in arrays_there.items():
            if name == "empty" and block == 1:
                continue
            np.save(tmp_path / "set" / f"{name}.npy", content)
            found = arrays.opened(Archive(tmp_path), "set", name)
            assert found.dtype == content.dtype
            np.testing.assert_array_equal(found, content)


def test_seeds_looked_at_in_passes_find_what_one_pass_finds(broken, monkeypatch) -> None:
    forge(broken, tampers.reused_seed(broken))
    case = Case(Archive(broken))
    once = list(seeds.seeds(case))
    [(path, message)] = once
    assert SAMPLES in f"{path} {message}"
    for held in (1000, 100, 7):
        monkeypatch.setattr(seeds, "HELD", held)
        assert list(seeds.seeds(case)) == once


def test_a_link_to_a_folder_is_named(copy_of_tiny, tmp_path) -> None:
    """Nothing looks behind it: what is published would lack its bytes."""
    (copy_of_tiny / SAMPLES).rename(tmp_path / "elsewhere")
    (copy_of_tiny / SAMPLES).symlink_to(tmp_path / "elsewhere")
    [finding] = audit.audit(Archive(copy_of_tiny))
    assert finding.path == SAMPLES
    assert "is a link to a folder" in finding.message


def test_a_manifest_that_cannot_be_read_is_told_once(broken) -> None:
    (broken / "real/loop.manifest.json").write_text("[]")
    found = [finding.path for finding in audit.audit(Archive(broken))]
    assert found.count("real/loop.manifest.json") == 1
    assert not any("dropped" in path for path in found)


def test_a_strangers_name_is_escaped_and_its_finding_is_one_line(broken, capsys) -> None:
    (broken / "a\x1b[31m\nb").write_text("x")
    assert told(broken, capsys)[0] == r"a\x1b[31m b: files: has no manifest"


def test_a_link_that_passes_for_a_manifest_is_to_be_removed_by_its_name(broken) -> None:
    name = f"{FRESH}/zzz.manifest.json"
    (broken / name).symlink_to("nowhere")
    [message] = {f.message for f in audit.audit(Archive(broken)) if "rm -r" in f.message}
    assert message.endswith(f"`rm -r {broken / name}`")
