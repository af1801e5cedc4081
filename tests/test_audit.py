"""The tamper matrix: every kind of tampering is found, and clean trees raise no alarm."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from autophagy import audit, cli, manifests, sets, store
from autophagy.archive import Archive

FRESH = "loops/fresh/seed-1/gen-002"
FIXED = "loops/augmentation/seed-1/gen-003"


@pytest.fixture
def copy(tiny_experiment, tmp_path) -> Path:
    shutil.copytree(tiny_experiment.root, tmp_path / "tiny")
    return tmp_path / "tiny"


def forge(root: Path, artifact: str) -> None:
    """Bring the manifests of an artifact and of all its descendants into agreement again.

    What a forger does who knows the format: only the laws that read contents can find him.
    """
    for name in order(root):
        path = root / manifests.path_of(name)
        manifest = store.read_json(path)
        if name == artifact:
            manifest["files"] = store.hashes(root / name)
        for material in manifest["materials"]:
            material["sha256"] = store.sha256(root / manifests.path_of(material["path"]))
        store.write_json(path, manifest)


def order(root: Path) -> list[str]:
    return Archive(root).parents_first()


def flip(root: Path, name: str) -> None:
    content = bytearray((root / name).read_bytes())
    content[-1] ^= 1
    (root / name).write_bytes(bytes(content))


def laws(root: Path) -> set[str]:
    return {finding.law for finding in audit.audit(Archive(root))}


def test_a_clean_tree_of_every_regime_raises_no_alarm(tiny_experiment) -> None:
    assert audit.audit(Archive(tiny_experiment.root)) == []


@pytest.mark.parametrize(
    "file",
    [
        "real/loop/images.npy",
        "real/reference/labels.npy",
        "features/lenet/weights.safetensors",
        f"{FRESH}/training_set.parquet",
        f"{FRESH}/model/unet/diffusion_pytorch_model.safetensors",
        f"{FRESH}/samples/images.npy",
        f"{FRESH}/preview/seeds.npy",
        "loops/biased/seed-1/gen-002/samples-unbiased/images.npy",
        "evaluation/fresh/seed-1/gen-002/metrics.json",
        "metrics.csv",
        "figures/curves.png",
    ],
)
def test_one_flipped_byte_is_found_where_it_is(copy, file) -> None:
    flip(copy, file)
    [finding] = audit.audit(Archive(copy))
    assert finding.law == "files"
    assert finding.path == "figures/manifest.json" or file.startswith(finding.path)


@pytest.mark.parametrize("artifact", [f"{FRESH}/samples", f"{FRESH}/model", "real/loop"])
def test_an_edited_or_deleted_manifest_is_found(copy, artifact) -> None:
    path = copy / manifests.path_of(artifact)
    manifest = store.read_json(path)
    store.write_json(path, manifest | {"seed": 1})
    assert laws(copy) == {"files"}
    path.unlink()
    assert laws(copy) == {"files"}


def swap_samples(root: Path) -> None:
    one, other = (root / f"loops/fresh/seed-1/gen-00{t}/samples/images.npy" for t in (2, 3))
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def delete_payload(root: Path) -> None:
    shutil.rmtree(root / FRESH / "model")


def add_stranger(root: Path) -> None:
    (root / FRESH / "samples-best").mkdir()
    (root / FRESH / "samples-best" / "images.npy").write_bytes(b"x")


def older_samples(root: Path) -> None:
    """The sample set of generation 2 in the place of generation 3's, manifest and all."""
    for name in ("samples", "samples.manifest.json"):
        target = root / "loops/fresh/seed-1/gen-003" / name
        shutil.rmtree(target) if target.is_dir() else target.unlink()
        source = root / FRESH / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)


@pytest.mark.parametrize("tamper", [swap_samples, delete_payload, add_stranger, older_samples])
def test_clumsy_tampering_breaks_the_law_of_files(copy, tamper) -> None:
    tamper(copy)
    assert laws(copy) == {"files"}


def held_out_picture(root: Path) -> str:
    """A reference picture under the id of a loop picture."""
    images = np.load(root / "real/loop/images.npy")
    order = np.load(root / "real/reference/images.npy")
    row = sets.read_index(root / f"{FRESH}/training_set.parquet")["row"][0]
    images[row] = order[0]
    np.save(root / "real/loop/images.npy", images)
    return "real/loop"


def held_out_id(root: Path) -> str:
    rows = np.load(root / "real/loop/source_rows.npy")
    row = sets.read_index(root / f"{FRESH}/training_set.parquet")["row"][0]
    rows[row] = np.load(root / "real/features/source_rows.npy")[0]
    np.save(root / "real/loop/source_rows.npy", rows)
    return "real/loop"


def edited_index(root: Path, edit: Callable, path: str = f"{FRESH}/training_set.parquet") -> str:
    table = sets.read_index(root / path).astype({"artifact": str, "origin": str})
    sets.write_index(root / path, edit(table))
    return path


def held_out_row(root: Path) -> str:
    return edited_index(root, lambda t: t.assign(artifact=["real/reference", *t["artifact"][1:]]))


def used_row(root: Path) -> str:
    first = sets.read_index(root / "real-only/small/seed-1/training_set.parquet")["row"][0]
    return edited_index(root, lambda t: t.assign(row=[first, *t["row"][1:]]))


def other_fixed_row(root: Path) -> str:
    spare = set(range(120)) - set(
        sets.read_index(root / f"{FIXED}/training_set.parquet")["row"].tolist()[:60]
    )
    return edited_index(
        root,
        lambda t: t.assign(row=[min(spare), *t["row"][1:]]),
        f"{FIXED}/training_set.parquet",
    )


def fewer_real_rows(root: Path) -> str:
    return edited_index(root, lambda t: t.iloc[1:])


def more_synthetic_rows(root: Path) -> str:
    return edited_index(root, lambda t: t.assign(origin="synthetic", generation=1))


def reused_seed(root: Path) -> str:
    path = root / FRESH / "samples/seeds.npy"
    drawn = np.load(path)
    drawn[3] = np.load(root / "real-only/small/seed-1/samples/seeds.npy")[0]
    np.save(path, drawn)
    return f"{FRESH}/samples"


def preview_seed(root: Path) -> str:
    path = root / FRESH / "samples/seeds.npy"
    drawn = np.load(path)
    drawn[3] = np.load(root / FRESH / "preview/seeds.npy")[0]
    np.save(path, drawn)
    return f"{FRESH}/samples"


@pytest.mark.parametrize(
    ("tamper", "law"),
    [
        (held_out_picture, "held-out"),
        (held_out_id, "held-out"),
        (held_out_row, "held-out"),
        (used_row, "real-rows"),
        (other_fixed_row, "real-rows"),
        (fewer_real_rows, "composition"),
        (more_synthetic_rows, "composition"),
        (reused_seed, "seeds"),
        (preview_seed, "seeds"),
    ],
)
def test_a_careful_forger_breaks_the_law_of_what_he_forged(copy, tamper, law) -> None:
    forge(copy, tamper(copy))
    assert law in laws(copy)
    assert "files" not in laws(copy)


@pytest.mark.parametrize(
    ("artifact", "key", "value"),
    [
        (f"{FRESH}/model", "code", "0" * 64),
        (f"{FRESH}/samples", "software", {"torch": "1.0"}),
        (f"{FRESH}/model", "device", "cuda"),
    ],
)
def test_a_generation_made_otherwise_than_its_siblings_is_named(copy, artifact, key, value) -> None:
    path = copy / manifests.path_of(artifact)
    store.write_json(path, store.read_json(path) | {key: value})
    forge(copy, artifact)
    found = [f for f in audit.audit(Archive(copy)) if f.law == "consistency"]
    assert found
    assert any(artifact in f.path or artifact in f.message for f in found)
    assert all(key in finding.message for finding in found)


def test_another_bias_is_found(copy) -> None:
    path = copy / manifests.path_of(f"{FRESH}/samples")
    manifest = store.read_json(path)
    manifest["params"]["sampling_bias"] = 0.9
    store.write_json(path, manifest)
    forge(copy, f"{FRESH}/samples")
    assert "composition" in laws(copy)


def test_what_another_configuration_left_is_no_finding_of_the_run(copy, tiny_experiment) -> None:
    """Of the whole folder it is: there it belongs to nothing."""
    listed = tuple(tiny_experiment.plan.audited())
    for leftover in ("loops/fresh/seed-1/gen-009/samples", "loops/gone/seed-1/gen-002/samples"):
        shutil.copytree(copy / FRESH / "samples", copy / leftover)
        shutil.copy(
            copy / manifests.path_of(f"{FRESH}/samples"), copy / manifests.path_of(leftover)
        )
    assert audit.audit(Archive(copy, listed)) == []
    assert len(audit.audit(Archive(copy))) == 2
    flip(copy, f"{FRESH}/samples/images.npy")
    assert {f.law for f in audit.audit(Archive(copy, listed))} == {"files"}


def test_the_command_writes_its_findings_and_says_them(copy, capsys) -> None:
    assert cli.main(["audit", str(copy)]) == 0
    assert "every law holds" in capsys.readouterr().out
    assert json.loads((copy / "audit.json").read_text())["findings"] == []
    flip(copy, "real/loop/images.npy")
    assert cli.main(["audit", str(copy), "--json"]) == 1
    [finding] = json.loads(capsys.readouterr().out)["findings"]
    assert finding["path"] == "real/loop"
    assert cli.main(["audit", str(copy.parent)]) == 2
    assert capsys.readouterr().err.startswith("autophagy: ")


def test_a_manifest_of_nonsense_is_a_finding_not_a_traceback(copy) -> None:
    for nonsense in ("[]", "{}", '{"schema": 1}', "not json", '{"schema": 1, "files": [], "x": 1}'):
        (copy / manifests.path_of("real/loop")).write_text(nonsense)
        assert "files" in laws(copy)
