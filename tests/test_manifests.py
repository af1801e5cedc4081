"""Manifests: a Merkle DAG that names what has changed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from autophagy import fingerprint, manifests, store
from autophagy.errors import UserError

#: artifact -> its parents; a small experiment of every kind of artifact.
FAMILY = {
    "real/loop": [],
    "a/training_set.parquet": ["real/loop"],
    "a/model": ["a/training_set.parquet"],
    "a/samples": ["a/model"],
    "b/model": [],
    "loops/x/manifest.json": ["a/training_set.parquet", "a/model", "a/samples"],
    "figures/manifest.json": ["loops/x/manifest.json", "b/model"],
}
PAYLOAD = {"figures/manifest.json": ["metrics.csv", "figures/a.png"]}


def record_of(path: str) -> dict[str, Any]:
    return {
        "path": path, "kind": "k", "step": "s", "materials": FAMILY[path],
        "payload": PAYLOAD.get(path, []), "params": {"n": 3, "deep": {"lr": 0.5}}, "seed": 2**63,
        "code": "c" * 64, "software": {"numpy": "1.0"}, "device": "cpu",
    }  # fmt: skip


def write_payload(root: Path, path: str) -> None:
    if manifests.is_root(path):
        for name in PAYLOAD.get(path, []):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(name)
    elif path.endswith(".parquet"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    else:
        (root / path / "unet").mkdir(parents=True)
        (root / path / "unet" / "weights").write_text(path)
        (root / path / "config.json").write_text("{}")


def remake(root: Path, *paths: str) -> None:
    for path in paths:
        manifests.write(root, record_of(path), rows=3, facts={"levels": 17})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in FAMILY:
        write_payload(tmp_path, path)
        remake(tmp_path, path)
    return tmp_path


def found(root: Path) -> dict[str, str]:
    """path -> why it is stale."""
    reasons = {path: manifests.stale(root, record_of(path)) for path in FAMILY}
    return {path: reason for path, reason in reasons.items() if reason}


def hashes(root: Path) -> dict[str, str]:
    return {path: store.sha256(root / manifests.path_of(path)) for path in FAMILY}


def descendants(path: str) -> set[str]:
    children = {child for child, parents in FAMILY.items() if path in parents}
    return children.union(*map(descendants, children))


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def test_a_manifest_says_what_an_artifact_is_and_is_made_from(root) -> None:
    text = (root / "a/model.manifest.json").read_text()
    digest = hashlib.sha256((root / "a/training_set.parquet.manifest.json").read_bytes())
    assert json.loads(text) == {
        "schema": 1,
        "path": "a/model",
        "kind": "k",
        "step": "s",
        "files": {
            "config.json": hashlib.sha256(b"{}").hexdigest(),
            "unet/weights": hashlib.sha256(b"a/model").hexdigest(),
        },
        "rows": 3,
        "facts": {"levels": 17},
        "materials": [{"path": "a/training_set.parquet", "sha256": digest.hexdigest()}],
        "params": {"n": 3, "deep": {"lr": 0.5}},
        "seed": 2**63,
        "code": "c" * 64,
        "software": {"numpy": "1.0"},
        "device": "cpu",
    }
    assert text == store.canonical_json(json.loads(text))
    assert str(root) not in text


def test_a_root_is_its_own_manifest_and_vouches_for_its_payload(root) -> None:
    assert manifests.path_of("loops/x/manifest.json") == "loops/x/manifest.json"
    assert manifests.path_of("a/model") == "a/model.manifest.json"
    assert not manifests.is_root("a/model.manifest.json")
    content = manifests.read(root, "figures/manifest.json")
    assert content["files"] == {
        name: hashlib.sha256(name.encode()).hexdigest() for name in ("metrics.csv", "figures/a.png")
    }
    assert manifests.read(root, "loops/x/manifest.json")["files"] == {}


def test_what_is_as_planned_is_not_stale(root) -> None:
    assert found(root) == {}


def test_writing_again_gives_the_same_bytes(root) -> None:
    before = hashes(root)
    remake(root, *FAMILY)
    assert hashes(root) == before


@pytest.mark.parametrize(
    ("file", "artifact"),
    [
        ("a/model/unet/weights", "a/model"),
        ("a/training_set.parquet", "a/training_set.parquet"),
        ("real/loop/config.json", "real/loop"),
        ("metrics.csv", "figures/manifest.json"),
    ],
)
def test_one_flipped_byte_of_a_payload_is_named(file, artifact, root) -> None:
    flip(root / file)
    assert found(root) == {artifact: f"{artifact}: its files are not those of its manifest"}


def test_a_file_more_or_less_is_named(root) -> None:
    (root / "a/samples/extra").touch()
    (root / "a/model/config.json").unlink()
    assert found(root).keys() == {"a/samples", "a/model"}


@pytest.mark.parametrize("artifact", ["a/model", "a/training_set.parquet", "metrics.csv"])
def test_a_missing_payload_is_named(artifact, root) -> None:
    store._remove(root / artifact)
    assert f"{artifact}: is missing" in found(root).values()


@pytest.mark.parametrize("artifact", FAMILY)
def test_a_missing_manifest_is_named_and_its_children_with_it(artifact, root) -> None:
    (root / manifests.path_of(artifact)).unlink()
    children = {child for child, parents in FAMILY.items() if artifact in parents}
    reasons = found(root)
    assert reasons.keys() == {artifact, *children}
    assert reasons[artifact] == f"{manifests.path_of(artifact)}: is missing"
    for child in children:
        assert reasons[child] == (f"{manifests.path_of(child)}: its parent {artifact} has changed")


@pytest.mark.parametrize("artifact", [path for path in FAMILY if descendants(path)])
def test_a_parent_that_was_made_anew_differently_is_named(artifact, root) -> None:
    before = hashes(root)
    manifests.write(root, record_of(artifact), rows=4)
    children = {child for child, parents in FAMILY.items() if artifact in parents}
    assert found(root) == {
        child: f"{manifests.path_of(child)}: its parent {artifact} has changed"
        for child in children
    }
    # The Merkle property: made anew, every manifest downstream differs and no other.
    below = [path for path in FAMILY if path in descendants(artifact)]
    remake(root, *below)
    after = hashes(root)
    assert {path for path in FAMILY if after[path] != before[path]} == {artifact, *below}
    assert found(root) == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "other"), ("step", "other"), ("params", {"n": 3, "deep": {"lr": 0.25}}),
        ("seed", 2**63 + 1), ("seed", None), ("code", "d" * 64), ("software", {"numpy": "1.1"}),
        ("device", "cuda"),
    ],
)  # fmt: skip
def test_what_the_plan_says_otherwise_is_named(key, value, root) -> None:
    for path in FAMILY:
        reason = manifests.stale(root, record_of(path) | {key: value})
        assert reason == (
            f"{manifests.path_of(path)}: its {key} is not what the configuration and code say"
        )


@pytest.mark.parametrize(
    "parents", [[], ["real/loop", "b/model"], ["b/model"]], ids=["none", "more", "others"]
)
def test_other_parents_than_the_plans_are_named(parents, root) -> None:
    reason = manifests.stale(root, record_of("a/training_set.parquet") | {"materials": parents})
    assert reason
    assert reason.startswith("a/training_set.parquet.manifest.json: its parent")


def test_parents_in_another_order_are_other_parents(root) -> None:
    record = record_of("figures/manifest.json")
    turned = record | {"materials": record["materials"][::-1]}
    assert "its parent" in manifests.stale(root, turned)


def test_nothing_is_written_on_a_parent_without_manifest(root) -> None:
    (root / "real/loop.manifest.json").unlink()
    (root / "a/training_set.parquet.manifest.json").unlink()
    with pytest.raises(UserError, match=r"real/loop\.manifest\.json: is missing; run the workflow"):
        remake(root, "a/training_set.parquet")
    assert not (root / "a/training_set.parquet.manifest.json").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[]", "schema None is not readable; this version reads 1"),
        ("null", "schema None is not readable"),
        ('{"path": "a"}', "schema None is not readable"),
        ('{"schema": 2}', "schema 2 is not readable; this version reads 1"),
        ('{"schema": "1"}', "schema '1' is not readable"),
    ],
)
def test_an_unreadable_manifest_is_a_user_error(text, message, root) -> None:
    file = root / "a/model.manifest.json"
    file.write_text(text)
    for call in (manifests.read, lambda root, path: manifests.stale(root, record_of(path))):
        with pytest.raises(UserError) as raised:
            call(root, "a/model")
        assert str(raised.value).startswith(f"{file}: {message}")


@pytest.mark.parametrize("materials", [None, 3, "a", [3], [{}], {"a": 1}, [None]])
def test_a_manifest_with_broken_parents_is_stale_and_no_crash(materials, root) -> None:
    file = root / "a/model.manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"materials": materials}))
    assert "its parent" in manifests.stale(root, record_of("a/model"))


def test_a_manifest_without_its_keys_is_stale(root) -> None:
    (root / "a/model.manifest.json").write_text('{"schema": 1}')
    assert manifests.stale(root, record_of("a/model"))


def test_a_missing_file_of_a_roots_payload_cannot_be_vouched_for(root) -> None:
    (root / "metrics.csv").unlink()
    with pytest.raises((UserError, OSError)):
        remake(root, "figures/manifest.json")


def test_other_libraries_than_planned_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(fingerprint, "_version", {"numpy": "1.0"}.get)
    manifests.require_software(record_of("a/model"))
    with pytest.raises(UserError, match=r"^numpy: .* version 1\.0 and the workflow planned 9"):
        manifests.require_software(record_of("a/model") | {"software": {"numpy": "9"}})
