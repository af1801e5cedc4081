"""What a policy drops, what the laws and commands then say, and that it can be made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from autophagy import audit, cli, dropped, keep, ledger, manifests, store
from autophagy import config as configuration
from autophagy.archive import Archive
from autophagy.errors import UserError
from autophagy.steps.drop import drop_payloads
from autophagy.steps.record_root import record_root
from conftest import changed, plan_of, quiet, tiny_content
from hypothesis import given, settings
from hypothesis import strategies as st

FRESH = "loops/fresh/seed-1"
BIASED = "loops/biased/seed-1"
POLICIES = ("samples", "every-3", "last")


def dropped_plan(policy: str):
    return plan_of(tiny_content() | {"seeds": [1], "keep": policy})


def drop(root: Path, policy: str) -> dict[str, list[str]]:
    """What the last rule of a run does."""
    chosen = dropped_plan(policy).dropped
    for loop, artifacts in chosen.items():
        dropped.drop(root, loop, policy, artifacts)
    return chosen


def test_nothing_is_dropped_and_no_report_certified_after_an_audit_with_findings(copy) -> None:
    chosen = dropped_plan("last").dropped["biased"]
    broken = {"schema": 1, "laws": ["files"], "findings": [
        {"law": "files", "path": "real/loop", "message": "is missing"}]}  # fmt: skip
    store.write_json(copy / "audit.json", broken)
    for refused in (
        lambda: drop_payloads(str(copy), "biased", "last", chosen),
        lambda: record_root(copy, [dropped_plan("last").record("figures/manifest.json")], quiet),
    ):
        with pytest.raises(UserError, match=r"audit\.json: tells of 1 broken laws, first files "):
            refused()
    assert all((copy / path).exists() for path in chosen)


@pytest.fixture
def copy(tiny_experiment, tmp_path) -> Path:
    root = tmp_path / "results" / "tiny"
    shutil.copytree(tiny_experiment.root, root)
    return root


def findings(root: Path) -> list[audit.Finding]:
    return audit.examine(Archive(root)).findings


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ("all", {"model": range(1, 11), "sample_set": range(1, 11)}),
        ("samples", {"model": [10], "sample_set": range(1, 11)}),
        ("every-4", {"model": [1, 4, 8, 10], "sample_set": [1, 4, 8, 10]}),
        ("every-5", {"model": [1, 5, 10], "sample_set": [1, 5, 10]}),
        ("last", {"model": [10], "sample_set": [10]}),
    ],
)
def test_what_a_policy_keeps_of_ten_generations(policy: str, kept) -> None:
    for kind, generations in kept.items():
        found = [t for t in range(1, 11) if not keep.drops(policy, kind, t, 10)]
        assert found == list(generations)
    for kind in ("training_set", "preview", "evaluation", "real_set"):
        assert not any(keep.drops(policy, kind, t, 10) for t in range(1, 11))


@settings(derandomize=True)
@given(
    st.sampled_from(["all", "samples", "last", "every-2", "every-7", "every-999"]),
    st.sampled_from(["model", "sample_set"]),
    st.integers(1, 998),
)
def test_more_generations_need_nothing_that_was_dropped(policy: str, kind: str, last: int) -> None:
    assert not keep.drops(policy, kind, last, last)
    # What a longer experiment keeps, apart from its own last generation, a shorter one kept.
    for t in range(1, last):
        assert keep.drops(policy, kind, t, last) == keep.drops(policy, kind, t, last + 1)


def test_the_same_results_have_the_same_manifests_whatever_is_kept() -> None:
    everything = plan_of(tiny_content())
    for policy in POLICIES:
        plan = plan_of(tiny_content() | {"keep": policy})
        assert {p: plan.record(p) for p in plan.nodes} == {
            p: everything.record(p) for p in everything.nodes
        }
        assert ledger.text(plan, "config/config.yaml") == ledger.text(
            everything, "config/config.yaml"
        )


@pytest.mark.parametrize("value", ["some", "every-1", "every-0", "every-1000", "every-", "Last", 3])
def test_other_policies_are_refused(value) -> None:
    with pytest.raises(UserError, match=r"config.yaml: keep: .* is not allowed: it should be"):
        configuration.parse(changed(("keep", value)), "config.yaml")


@pytest.mark.parametrize("policy", POLICIES)
def test_what_was_dropped_breaks_no_law(copy: Path, policy: str, capsys) -> None:
    before = {p: p.read_bytes() for p in copy.rglob("*manifest.json")}
    gone = [path for paths in drop(copy, policy).values() for path in paths]
    assert gone
    assert not any((copy / path).exists() for path in gone)
    assert {p: p.read_bytes() for p in copy.rglob("*manifest.json")} == before
    assert cli.main(["audit", str(copy)]) == 0
    told = capsys.readouterr().out
    assert f"not checked: {len(gone)} payloads that `keep: {policy}` dropped" in told
    assert set(ledger.findings(dropped_plan(policy), copy).values()) == {None}


def test_a_plan_that_keeps_more_calls_them_stale(copy: Path) -> None:
    drop(copy, "last")
    found = ledger.findings(dropped_plan("every-2"), copy)
    assert f"{FRESH}/gen-002/" in found["loop@fresh"]
    assert found["evaluate@fresh"] == "its parent stage loop@fresh is stale"


def test_only_what_the_record_and_the_policy_both_name_may_be_missing(copy: Path) -> None:
    assert drop(copy, "every-2")["fresh"] == []
    record = copy / dropped.path_of("fresh")
    lost = [f"{FRESH}/gen-002/model", f"{FRESH}/gen-003/samples", f"{FRESH}/gen-002/preview"]
    for path in lost:
        shutil.rmtree(copy / path)
    store.write_json(record, {"schema": 1, "keep": "every-2", "artifacts": lost})
    named = dropped.path_of("fresh")
    assert {finding.path for finding in findings(copy)} == {named, *lost}
    # A forger who states another policy gets no more than that drops.
    store.write_json(record, {"schema": 1, "keep": "last", "artifacts": lost})
    assert {finding.path for finding in findings(copy)} == {named, *lost[1:]}


def test_a_record_of_a_longer_run_is_no_finding_of_the_run_that_writes_it_anew(copy: Path) -> None:
    """The step that writes it comes after the audit; who audits the folder alone is told."""
    drop(copy, "last")
    record = copy / dropped.path_of("fresh")
    content = store.read_json(record)
    content["artifacts"].append(f"{FRESH}/gen-003/model")
    store.write_json(record, content)
    assert audit.audit(Archive(copy, tuple(dropped_plan("last").audited()))) == []
    [found] = findings(copy)
    assert (found.path, found.law) == (dropped.path_of("fresh"), "files")
    assert f"lists {FRESH}/gen-003/model, which its policy does not drop" in found.message


def test_a_link_to_nowhere_makes_its_stage_stale(copy: Path) -> None:
    (copy / FRESH / "gen-002/samples/images.npy").unlink()
    (copy / FRESH / "gen-002/samples/images.npy").symlink_to("lost")
    found = ledger.findings(dropped_plan("all"), copy)
    assert "images.npy: cannot be read: No such file" in found["loop@fresh"]


def test_a_link_in_the_place_of_a_dropped_payload_is_a_finding(copy: Path) -> None:
    drop(copy, "last")
    (copy / FRESH / "gen-002/samples").symlink_to("lost")
    assert {finding.path for finding in findings(copy)} == {f"{FRESH}/gen-002/samples"}


def test_a_dropped_payload_whose_manifest_is_lost_is_told_once_as_that(copy: Path) -> None:
    drop(copy, "last")
    (copy / FRESH / "gen-002/samples.manifest.json").unlink()
    found = {finding.path: finding.message for finding in findings(copy)}
    assert dropped.path_of("fresh") not in found
    assert all("samples is missing" in message for message in found.values())


def test_a_payload_in_part_is_a_finding(copy: Path) -> None:
    drop(copy, "last")
    (copy / BIASED / "gen-002/samples").mkdir()
    [*found] = findings(copy)
    assert {finding.path for finding in found} == {f"{BIASED}/gen-002/samples"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "not valid JSON"),
        ('{"schema": 0, "keep": "last", "artifacts": []}', "schema 0 is not readable"),
        ('{"schema": 1, "keep": "none", "artifacts": []}', "keep: 'none' is not allowed"),
        ('{"schema": 1, "keep": "last", "artifacts": [1]}', "must be a list of paths"),
        ("[]", "schema None is not readable"),
    ],
)
def test_a_record_of_another_form_is_one_finding_and_no_traceback(
    copy: Path, content: str, told: str
) -> None:
    drop(copy, "last")
    (copy / dropped.path_of("fresh")).write_text(content)
    found = findings(copy)
    assert told in found[0].message
    assert any(finding.path == f"{FRESH}/gen-002/model" for finding in found[1:])


def test_dropped_sets_still_count_for_the_laws_that_manifests_can_answer(copy: Path) -> None:
    import tampers

    drop(copy, "last")
    tampers.forge(copy, tampers.edited_index(copy, lambda table: table.iloc[1:]))
    assert "composition" in {finding.law for finding in findings(copy)}


def test_what_was_dropped_is_made_again_to_the_byte(copy: Path, tiny_experiment) -> None:
    from autophagy.steps import sample, train

    drop(copy, "last")
    plan = tiny_experiment.plan
    for step, name in ((train.train, "model"), (sample.sample, "samples")):
        artifact = f"{FRESH}/gen-002/{name}"
        (copy / manifests.path_of(artifact)).unlink()
        step(copy, [plan.record(artifact)], quiet)
        for root in (copy, tiny_experiment.root):
            assert manifests.stale(root, plan.record(artifact)) is None
        same = [store.sha256(r / manifests.path_of(artifact)) for r in (copy, tiny_experiment.root)]
        assert same[0] == same[1]
    # Made again, it may stay: it is checked like any other.
    assert findings(copy) == []
    (copy / FRESH / "gen-002/samples/labels.npy").write_bytes(b"")
    assert {f.path for f in findings(copy)} == {f"{FRESH}/gen-002/samples"}


def test_lineage_needs_no_payload_and_trace_says_what_was_dropped(copy: Path, capsys) -> None:
    drop(copy, "last")
    samples = f"{copy}/{BIASED}/gen-002/samples"
    assert cli.main(["lineage", samples]) == 0
    assert cli.main(["descendants", samples]) == 0
    capsys.readouterr()
    assert cli.main(["trace", f"{copy}/{BIASED}/gen-003/training_set.parquet", "4"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("synthetic")
    assert "was dropped by `keep: last`; make it again with `snakemake" in second
    assert f"-- results/tiny/{BIASED}/gen-002/samples`" in second
    assert cli.main(["trace", "--json", samples, "4"]) == 0
    [step] = json.loads(capsys.readouterr().out)["steps"]
    assert step["dropped"].startswith("was dropped")
    assert cli.main(["trace", samples, "4", "--regenerate"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "was dropped by `keep: last`" in line


def test_a_sample_is_not_regenerated_without_its_model(copy: Path, capsys) -> None:
    drop(copy, "samples")
    assert cli.main(["trace", f"{copy}/{FRESH}/gen-002/samples", "0", "--regenerate"]) == 2
    captured = capsys.readouterr()
    assert f"{FRESH}/gen-002/model: was dropped by `keep: samples`" in captured.err


@pytest.mark.parametrize("form", ["prov", "card", "croissant", "ro-crate"])
def test_exports_speak_of_manifests(copy: Path, tmp_path: Path, form: str, capsys) -> None:
    drop(copy, "last")
    assert cli.main(["export", str(copy), "--format", form, "--out", str(tmp_path / "out")]) == 0


def test_signing_says_how_much_was_dropped(copy: Path, tmp_path: Path, capsys) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    private, public = tmp_path / "key.pem", tmp_path / "key.pub"
    spki = PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(private_key(private).public_key().public_bytes(Encoding.PEM, spki))
    loop = str(copy / "loops/fresh")
    assert cli.main(["sign", loop, "--key", str(private)]) == 0
    drop(copy, "last")
    capsys.readouterr()
    # Signed whole, verified after: the manifests are the same.
    assert cli.main(["verify", loop, "--key", str(public)]) == 0
    assert "those of 2 artifacts were dropped" in capsys.readouterr().out
    shutil.rmtree(copy / FRESH / "gen-003/model")
    assert cli.main(["verify", loop, "--key", str(public)]) == 1


@pytest.mark.parametrize("schema", [0, 2, None])
@pytest.mark.parametrize(
    "command",
    [
        "lineage results/tiny/loops/fresh/seed-1/gen-002/samples",
        "descendants results/tiny/loops/fresh/seed-1/gen-002/samples",
        "trace results/tiny/loops/fresh/seed-1/gen-002/samples 0",
        "audit results/tiny",
        "audit results/tiny --json",
        "record --check",
        "summary",
        "export results/tiny --format prov",
        "export results/tiny --format ro-crate",
        "export results/tiny --format croissant",
        "export results/tiny --format card",
        "sign results/tiny --key key.pem",
    ],
)
def test_results_of_another_schema_are_refused_in_one_line(
    older: dict[int | None, Path], command: str, schema: int | None, capsys, monkeypatch
) -> None:
    monkeypatch.chdir(older[schema])
    assert cli.main(command.split()) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("autophagy: ")
    assert f"schema {schema!r} " in line.replace("null", "None")
    assert "this version reads 1" in line


def test_a_single_manifest_of_another_schema_is_a_finding(copy: Path) -> None:
    path = copy / manifests.path_of(f"{FRESH}/gen-002/samples")
    store.write_json(path, store.read_json(path) | {"schema": 2})
    assert any("schema 2 is not readable" in finding.message for finding in findings(copy))


def test_a_table_of_other_columns_is_refused(tiny_experiment, tmp_path, monkeypatch, capsys):
    shutil.copytree(tiny_experiment.folder / "config", tmp_path / "config")
    root = tmp_path / "results/tiny"
    root.mkdir(parents=True)
    table = (tiny_experiment.root / "metrics.csv").read_text()
    (root / "metrics.csv").write_text(table.replace("recall", "recall_of_old", 1))
    monkeypatch.chdir(tmp_path)
    for options in ([], ["--json"]):
        assert cli.main(["summary", *options]) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert "metrics.csv: its columns are not those of this version" in line


@pytest.fixture(scope="module")
def older(tiny_experiment, tmp_path_factory) -> dict[int | None, Path]:
    """Schema -> a folder whose results agree with each other and have that schema (None: none)."""
    found = {}
    for schema in (0, 2, None):
        folder = tmp_path_factory.mktemp("older")
        shutil.copytree(tiny_experiment.folder, folder, dirs_exist_ok=True)
        restamp(folder / "results/tiny", schema)
        private_key(folder / "key.pem")
        found[schema] = folder
    return found


def restamp(root: Path, schema: int | None) -> None:
    """Give every manifest another schema, parents first, so that all hashes agree."""
    for artifact in Archive(root).parents_first():
        path = root / manifests.path_of(artifact)
        content = store.read_json(path) | {"schema": schema}
        if schema is None:
            del content["schema"]
        for material in content["materials"]:
            material["sha256"] = store.sha256(root / manifests.path_of(material["path"]))
        store.write_json(path, content)


def private_key(path: Path) -> Any:
    """An ed25519 key, written to a file."""
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    secret = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    path.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return secret
