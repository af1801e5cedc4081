"""Signatures: what a stranger can rely on, checked with other tools; what each forger leaves."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from autophagy import cli, closure, manifests, store
from conftest import Made

serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
pytest.importorskip("securesystemslib.dsse")
from cryptography.exceptions import InvalidSignature  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: E402

LOOP = "loops/fresh"
#: Deep in the loop's ancestry: what the model it starts from was fitted to is real/loop.
DEEP = "real-only/small/seed-1/samples"
NONE = serialization.NoEncryption()


def write_keys(folder: Path, name: str, private: Any, encryption: Any = NONE) -> tuple[str, str]:
    """Files of a private and a public key, as openssl writes them."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    secret, shown = folder / f"{name}.pem", folder / f"{name}.pub"
    secret.write_bytes(private.private_bytes(encoding, form, encryption))
    shown.write_bytes(private.public_key().public_bytes(encoding, public))
    return str(secret), str(shown)


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> tuple[str, str]:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    return write_keys(tmp_path_factory.mktemp("keys"), "key", private)


@pytest.fixture(scope="module")
def other_keys(tmp_path_factory) -> tuple[str, str]:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    return write_keys(tmp_path_factory.mktemp("keys"), "other", private)


@pytest.fixture
def root(tiny_experiment: Made, tmp_path: Path) -> Path:
    """A copy of the finished experiment."""
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_experiment.root, folder)
    return folder


@pytest.fixture
def call(capsys):
    """Call the command: its status, and what it said on either stream."""

    def called(*arguments: Any) -> tuple[int, str]:
        status = cli.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert not (said.out and said.err)
        return status, said.out or said.err

    return called


@pytest.fixture
def signed(root, keys, call) -> Path:
    """The copy, with the loop's signature and that of all."""
    for results in (root, root / LOOP):
        assert call("sign", results, "--key", keys[0])[0] == 0
    return root


def envelope_of(file: Path) -> tuple[dict[str, Any], bytes, bytes, bytes]:
    """(statement, what is signed by DSSE's definition, payload, signature), by hand."""
    content = json.loads(file.read_text())
    payload = base64.b64decode(content["payload"], validate=True)
    kind = content["payloadType"].encode()
    [signature] = content["signatures"]
    encoded = b" ".join([b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(payload), payload])
    return json.loads(payload), encoded, payload, base64.b64decode(signature["sig"], validate=True)


def flip(file: Path) -> None:
    """Change the last bit of a file, which its size and date need not tell."""
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def parents_first(root: Path, *artifacts: str) -> list[str]:
    """The artifacts and all their ancestors, read off the manifests alone."""
    found: dict[str, None] = {}
    for name in artifacts:
        materials = store.read_json(root / manifests.path_of(name))["materials"]
        found |= dict.fromkeys(parents_first(root, *(entry["path"] for entry in materials)))
        found[name] = None
    return list(found)


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


# What a signature says


def test_a_signed_loop_verifies_and_says_how_much_matched(signed, keys, call) -> None:
    status, said = call("verify", signed / LOOP, "--key", keys[1])
    below = parents_first(signed, f"{LOOP}/manifest.json")
    read = [store.read_json(signed / manifests.path_of(name)) for name in below]
    files = sum(len(manifest["files"]) for manifest in read)
    der = serialization.load_pem_public_key(Path(keys[1]).read_bytes()).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = hashlib.sha256(der).hexdigest()[:16]
    expected = f"{LOOP}: signed by key {key}, {len(below) - 1} artifacts, {files} files match\n"
    assert (status, said) == (0, expected)


def test_a_signed_experiment_verifies_root_by_root(signed, keys, call) -> None:
    status, said = call("verify", signed, "--key", keys[1])
    assert status == 0
    roots = [p.parent.relative_to(signed).as_posix() for p in signed.rglob("*/manifest.json")]
    assert sorted(line.split(":")[0] for line in said.splitlines()) == sorted(roots)
    assert {"loops/fresh", "real-only/small", "evaluation/real", "figures"} <= set(roots)


def test_the_statement_is_in_totos_and_names_the_roots_by_hash(signed) -> None:
    statement, *_ = envelope_of(signed / "signatures/loops/fresh.dsse.json")
    root = signed / LOOP / "manifest.json"
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [
        {"name": f"{LOOP}/manifest.json", "digest": {"sha256": sha256(root)}}
    ]
    assert statement["predicateType"] == "urn:autophagy:predicate:roots:1"
    [(name, counts)] = statement["predicate"]["roots"].items()
    assert (name, counts["kind"]) == (f"{LOOP}/manifest.json", "loop_root")
    assert statement["predicate"]["experiment"] == "tiny"
    everything, *_ = envelope_of(signed / "signatures/all.dsse.json")
    assert len(everything["subject"]) == len(list(signed.rglob("*/manifest.json")))


def test_the_envelope_is_one_by_its_definition(signed, keys) -> None:
    public = serialization.load_pem_public_key(Path(keys[1]).read_bytes())
    for file in (signed / "signatures").rglob("*.json"):
        _, encoded, payload, signature = envelope_of(file)
        public.verify(signature, encoded)
        with pytest.raises(InvalidSignature):
            public.verify(signature, payload)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_agrees_on_signature_and_fingerprint(signed, keys, tmp_path) -> None:
    file = signed / "signatures/loops/fresh.dsse.json"
    _, encoded, _, signature = envelope_of(file)
    (tmp_path / "encoded").write_bytes(encoded)
    (tmp_path / "signature").write_bytes(signature)
    done = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", keys[1], "-rawin",
         "-in", "encoded", "-sigfile", "signature"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully")
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", keys[1], "-outform", "DER"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert json.loads(file.read_text())["signatures"][0]["keyid"] == hashlib.sha256(der).hexdigest()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_keys_that_openssl_makes_sign_and_verify(root, tmp_path, call) -> None:
    for arguments in (
        ["genpkey", "-algorithm", "ed25519", "-out", "key.pem"],
        ["pkey", "-in", "key.pem", "-pubout", "-out", "key.pub"],
    ):
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)
    assert call("sign", root / LOOP, "--key", tmp_path / "key.pem")[0] == 0
    assert call("verify", root / LOOP, "--key", tmp_path / "key.pub")[0] == 0


def test_the_same_results_and_key_give_the_same_bytes(signed, keys, call, tmp_path) -> None:
    again = tmp_path / "again.json"
    call("sign", signed / LOOP, "--key", keys[0], "--signature", again)
    assert again.read_bytes() == (signed / "signatures/loops/fresh.dsse.json").read_bytes()


def test_signing_changes_no_artifact(signed, tiny_experiment) -> None:
    for file in signed.rglob("*"):
        name = file.relative_to(signed)
        if file.is_file() and name.parts[0] != "signatures":
            assert file.read_bytes() == (tiny_experiment.root / name).read_bytes()
    # No loop's name makes a signature look like a manifest.
    assert not list((signed / "signatures").rglob("*manifest.json"))


def test_json_says_the_same(signed, keys, call) -> None:
    status, said = call("verify", signed / LOOP, "--key", keys[1], "--json")
    found = json.loads(said)
    assert (status, found["findings"]) == (0, [])
    [of_loop] = found["roots"]
    assert of_loop["sha256"] == sha256(signed / LOOP / "manifest.json")
    assert (of_loop["path"], of_loop["kind"]) == (f"{LOOP}/manifest.json", "loop_root")
    flip(signed / DEEP / "images.npy")
    status, said = call("verify", signed / LOOP, "--key", keys[1], "--json")
    assert (status, len(json.loads(said)["findings"])) == (1, 1)
    status, said = call("sign", signed / "loops/biased", "--key", keys[0], "--json")
    assert (status, Path(json.loads(said)["signature"]).is_file()) == (0, True)


def test_a_loop_and_what_it_descends_from_are_enough(signed, keys, call, tmp_path) -> None:
    published = tmp_path / "published"
    for name in parents_first(signed, f"{LOOP}/manifest.json"):
        for path in {name, manifests.path_of(name)}:
            (published / path).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (signed / path).is_dir() else shutil.copy
            copy(signed / path, published / path)
    shutil.copytree(signed / "signatures", published / "signatures")
    assert not (published / "evaluation").exists()
    assert call("verify", published / LOOP, "--key", keys[1])[0] == 0
    # The experiment's signature is over this loop too, and over more than is here.
    everything = published / "signatures/all.dsse.json"
    arguments = ("--key", keys[1], "--signature", everything)
    assert call("verify", published / LOOP, *arguments)[0] == 0
    status, said = call("verify", published, *arguments)
    assert status == 1
    assert "loops/biased/manifest.json: is missing\n" in said


def test_a_loop_may_have_any_name(signed) -> None:
    from autophagy import signing

    names = {signing._file(signed, f"loops/{name}/manifest.json") for name in ("all", "manifest")}
    assert len(names | {signing._file(signed, None)}) == 3


# Forgers


def one_finding(answer: tuple[int, str]) -> str:
    status, said = answer
    [line] = said.splitlines()
    assert status == 1
    return line


def test_one_bit_deep_in_the_ancestry_is_found(signed, keys, call) -> None:
    flip(signed / DEEP / "images.npy")
    finding = one_finding(call("verify", signed / LOOP, "--key", keys[1]))
    assert finding == f"{DEEP}: images.npy is not what its manifest says"


@pytest.mark.parametrize("artifact", ["real/loop", "real-only/small/manifest.json", DEEP])
def test_an_edited_manifest_is_found(artifact, signed, keys, call) -> None:
    file = signed / manifests.path_of(artifact)
    file.write_text(file.read_text().replace('"device": "cpu"', '"device": "gpu"'))
    finding = one_finding(call("verify", signed / LOOP, "--key", keys[1]))
    assert finding == f"{manifests.path_of(artifact)}: is not the manifest that was certified"


def rehashed(root: Path) -> None:
    """What a careful forger does: write every hash anew, parents first, up to the roots."""
    roots = [file.relative_to(root).as_posix() for file in root.rglob("*/manifest.json")]
    for name in parents_first(root, *roots):
        manifest = store.read_json(root / manifests.path_of(name))
        record = {"path": name, "payload": list(manifest["files"])}
        manifest["files"] = manifests.payload_hashes(root, record)
        manifest["materials"] = [
            manifests.material(root, entry["path"]) for entry in manifest["materials"]
        ]
        store.write_json(root / manifests.path_of(name), manifest)


def test_a_forger_who_hashes_everything_anew_is_left_with_another_root(signed, keys, call) -> None:
    flip(signed / DEEP / "images.npy")
    rehashed(signed)
    links = closure.Link(f"{LOOP}/manifest.json", sha256(signed / LOOP / "manifest.json"))
    assert not [c for c in closure.closure(signed, links, {}).values() if c.findings]
    finding = one_finding(call("verify", signed / LOOP, "--key", keys[1]))
    assert finding == f"{LOOP}/manifest.json: is not the manifest that was certified"


def test_a_missing_and_an_added_file_are_found(signed, keys, call) -> None:
    (signed / DEEP / "labels.npy").unlink()
    finding = one_finding(call("verify", signed / LOOP, "--key", keys[1]))
    assert finding == f"{DEEP}: labels.npy is missing"
    shutil.copy(signed / DEEP / "seeds.npy", signed / DEEP / "labels.npy")
    assert call("verify", signed / LOOP, "--key", keys[1])[0] == 1


@pytest.mark.parametrize("name", ["loops/fresh/seed-1/gen-002/samples/more.npy", f"{DEEP}/x.npy"])
def test_a_file_added_to_an_artifact_is_found(name, signed, keys, call) -> None:
    (signed / name).write_bytes(b"more")
    finding = one_finding(call("verify", signed / LOOP, "--key", keys[1]))
    assert finding.endswith("is not in its manifest")


def test_what_lies_beside_the_artifacts_of_a_signed_loop_is_not_taken_for_signed(
    signed, keys, call
) -> None:
    later = signed / LOOP / "seed-1/gen-004"
    shutil.copytree(signed / LOOP / "seed-1/gen-003", later)
    status, said = call("verify", signed / LOOP, "--key", keys[1])
    assert status == 1
    files = [p.relative_to(signed).as_posix() for p in later.rglob("*") if p.is_file()]
    assert said.splitlines() == [f"{f}: is certified by no signed root" for f in sorted(files)]


def test_a_loop_added_later_is_not_signed(signed, keys, call) -> None:
    shutil.copytree(signed / LOOP, signed / "loops/later")
    finding = one_finding(call("verify", signed, "--key", keys[1]))
    assert finding == "loops/later: is not signed"


def test_another_loops_signature_is_no_signature(signed, keys, call) -> None:
    folder = signed / "signatures/loops"
    shutil.copy(folder / "fresh.dsse.json", folder / "biased.dsse.json")
    finding = one_finding(call("verify", signed / "loops/biased", "--key", keys[1]))
    assert finding.endswith("biased.dsse.json: signs loops/fresh, not loops/biased")


def test_another_key_is_a_finding(signed, other_keys, call) -> None:
    finding = one_finding(call("verify", signed / LOOP, "--key", other_keys[1]))
    assert f"fresh.dsse.json: is not signed by the key of {other_keys[1]} (" in finding


def test_a_changed_statement_or_signature_is_a_finding(signed, keys, other_keys, call) -> None:
    file = signed / "signatures/loops/fresh.dsse.json"
    honest = json.loads(file.read_text())
    payload = base64.b64decode(honest["payload"])
    forged = base64.b64encode(payload.replace(b"loop_root", b"loop_toor")).decode()
    [signature] = honest["signatures"]
    bits = bytearray(base64.b64decode(signature["sig"]))
    bits[0] ^= 1
    # Signed by a stranger who says that the key was the right one.
    call("sign", signed / LOOP, "--key", other_keys[0])
    strangers = json.loads(file.read_text())["signatures"][0]["sig"]
    for change in (
        {"payload": forged},
        {"signatures": [signature | {"sig": base64.b64encode(bits).decode()}]},
        {"signatures": [signature | {"sig": strangers}]},
        {"signatures": [signature | {"sig": ""}]},
    ):
        store.write_json(file, honest | change)
        finding = one_finding(call("verify", signed / LOOP, "--key", keys[1]))
        assert "its signature is not one of key" in finding
    store.write_json(file, honest | {"signatures": []})
    assert "is not signed by" in one_finding(call("verify", signed / LOOP, "--key", keys[1]))


def test_a_manifest_cannot_lead_out_of_the_folder(tmp_path) -> None:
    (tmp_path / "root/loops/x").mkdir(parents=True)
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "secret.manifest.json").write_text("{}")
    outside = {"path": "../secret", "sha256": sha256(tmp_path / "secret.manifest.json")}
    content = {
        "schema": 1,
        "kind": "loop_root",
        "files": {"../secret": "0"},
        "materials": [outside],
    }
    file = tmp_path / "root/loops/x/manifest.json"
    store.write_json(file, content)
    link = closure.Link("loops/x/manifest.json", sha256(file))
    found = closure.closure(tmp_path / "root", link, {})
    assert [finding for checked in found.values() for finding in checked.findings] == [
        ("loops/x/manifest.json", "../secret is missing"),
        ("../secret.manifest.json", "is no path below the experiment's folder"),
    ]


# Wrong use


def refusal(answer: tuple[int, str]) -> str:
    status, said = answer
    assert status == 2
    [line] = said.splitlines()
    assert line.startswith("autophagy: ")
    return line


def test_results_that_do_not_verify_are_not_signed(root, keys, call) -> None:
    flip(root / DEEP / "images.npy")
    for results in (root, root / LOOP):
        line = refusal(call("sign", results, "--key", keys[0]))
        assert line.endswith("images.npy is not what its manifest says; nothing is signed")
    assert not (root / "signatures").exists()
    assert call("sign", root / "loops/biased", "--key", keys[0])[0] == 0
    (root / "loops/biased/notes.txt").write_text("x")
    line = refusal(call("sign", root / "loops/biased", "--key", keys[0]))
    assert "loops/biased/notes.txt: is certified by no signed root" in line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "is missing; give the signer's file"),
        ('{"payload": "ew', "not valid JSON"),
        ("[]", "is no signature (a DSSE envelope)"),
        ('{"schema": 1}', "is no signature (a DSSE envelope)"),
        ('{"payload": "e", "payloadType": "x", "signatures": []}', "is no signature"),
        ('{"payload": "", "payloadType": "x", "signatures": [{"keyid": "a"}]}', "is no signature"),
        ('{"payload": "", "payloadType": "text/plain", "signatures": []}', "signs 'text/plain'"),
    ],
)
def test_what_is_no_signature_is_refused(text, message, signed, keys, call) -> None:
    file = signed / "signatures/loops/fresh.dsse.json"
    file.unlink()
    if text is not None:
        file.write_text(text)
    line = refusal(call("verify", signed / LOOP, "--key", keys[1]))
    assert f"fresh.dsse.json: {message}" in line


@pytest.mark.parametrize("change", [{"predicateType": "https://slsa.dev/provenance/v1"}, None])
def test_a_signature_over_something_else_is_refused(change, signed, keys, call) -> None:
    from autophagy import envelope, signing

    file = signed / "signatures/loops/fresh.dsse.json"
    statement, *_ = envelope_of(file)
    payload = json.dumps(statement | change if change else []).encode()
    content, _ = envelope.seal(payload, signing.PAYLOAD, envelope.private_key(Path(keys[0])))
    store.write_json(file, content)
    line = refusal(call("verify", signed / LOOP, "--key", keys[1]))
    assert ("is of another type: https://slsa" if change else "no in-toto statement") in line


def test_keys_that_cannot_be_used_are_refused(signed, keys, call, tmp_path) -> None:
    secret, public = keys
    big, big_public = write_keys(tmp_path, "rsa", rsa.generate_private_key(65537, 1024))
    curve, curve_public = write_keys(tmp_path, "ec", ec.generate_private_key(ec.SECP256R1()))
    (tmp_path / "text").write_text("no key")
    for key, message in (
        (public, "is a public key; signing needs the private one"),
        (big, "is no ed25519 key; make one with `openssl genpkey -algorithm ed25519"),
        (curve, "is no ed25519 key"),
        (tmp_path / "text", "is no private key in PEM (PKCS8)"),
        (tmp_path / "none", "cannot be read: No such file"),
    ):
        assert f"{key}: {message}" in refusal(call("sign", signed / LOOP, "--key", key))
    for key, message in (
        (secret, "is a private key; verifying needs the public one"),
        (big_public, "is no ed25519 key"),
        (curve_public, "is no ed25519 key"),
        (tmp_path / "text", "is no public key in PEM"),
        (tmp_path, "cannot be read: Is a directory"),
    ):
        assert f"{key}: {message}" in refusal(call("verify", signed / LOOP, "--key", key))


def test_an_encrypted_key_opens_with_its_passphrase(
    root, keys, call, tmp_path, monkeypatch
) -> None:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    locked = serialization.BestAvailableEncryption("pä ss".encode())
    secret, public = write_keys(tmp_path, "locked", private, locked)
    monkeypatch.delenv("AUTOPHAGY_KEY_PASSPHRASE", raising=False)
    line = refusal(call("sign", root / LOOP, "--key", secret))
    assert "is encrypted; give its passphrase in $AUTOPHAGY_KEY_PASSPHRASE" in line
    monkeypatch.setenv("AUTOPHAGY_KEY_PASSPHRASE", "wrong")
    line = refusal(call("sign", root / LOOP, "--key", secret))
    assert line.endswith("$AUTOPHAGY_KEY_PASSPHRASE does not open it")
    monkeypatch.setenv("AUTOPHAGY_KEY_PASSPHRASE", "pä ss")
    assert call("sign", root / LOOP, "--key", secret)[0] == 0
    assert call("verify", root / LOOP, "--key", public)[0] == 0
    # Of use to a key that needs none, too.
    assert call("sign", root / LOOP, "--key", keys[0])[0] == 0


def test_paths_that_are_no_results_are_refused(root, keys, call, tmp_path) -> None:
    for path in (tmp_path, root / "loops", root / "real-only/full", root / "evaluation/fresh"):
        line = refusal(call("sign", path, "--key", keys[0]))
        assert f"{path}: is neither results/<experiment> nor" in line
    assert "is missing" in refusal(call("sign", root / "loops/none", "--key", keys[0]))
    inside = root / LOOP / "signature.json"
    line = refusal(call("sign", root / LOOP, "--key", keys[0], "--signature", inside))
    assert "lies among the results" in line
    assert not inside.exists()


def test_signing_writes_over_nothing_but_a_signature(root, keys, call, tmp_path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    for file in (keys[0], other, tmp_path):
        line = refusal(call("sign", root / LOOP, "--key", keys[0], "--signature", file))
        assert f"{file}: is there already and no signature; give another file" in line
    assert other.read_text() == "mine"
    assert b"PRIVATE KEY" in Path(keys[0]).read_bytes()
    fresh = tmp_path / "signature.json"
    for _ in range(2):
        assert call("sign", root / LOOP, "--key", keys[0], "--signature", fresh)[0] == 0


@pytest.mark.parametrize("package", ["securesystemslib.dsse", "cryptography"])
def test_a_missing_package_is_named_with_its_extra(package, root, keys, call, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for command, key in zip(("sign", "verify"), keys, strict=True):
        file = root / "signatures/loops/fresh.dsse.json"
        store.write_json(file, {})
        assert "pip install -e '.[sign]'" in refusal(call(command, root / LOOP, "--key", key))


def test_a_signed_experiment_is_audited_clean_and_strangers_beside_signatures_are_found(
    signed, call
) -> None:
    assert call("audit", signed)[0] == 0
    (signed / "signatures" / "evil.npy").write_bytes(b"x")
    status, said = call("audit", signed)
    assert status == 1
    assert "signatures/evil.npy" in said


def test_an_unfinished_experiment_is_neither_signed_nor_verified_whole(signed, keys, call) -> None:
    (signed / "figures/manifest.json").unlink()
    message = refusal(call("sign", signed, "--key", keys[0]))
    assert "is unfinished: figures/manifest.json is missing" in message
    assert call("verify", signed, "--key", keys[1])[0] == 1
