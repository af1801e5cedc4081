"""Signatures over roots: an in-toto statement of what was made, in a DSSE envelope.

A root's manifest certifies by hash all that it was made from, so a signature over the root is one
over the whole history. The statement holds no time: the same results and key give the same bytes.
Source: in-toto Attestation Framework, Statement v1.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from autophagy import envelope, manifests, store
from autophagy.archive import is_experiment
from autophagy.closure import Checked, Finding, Link, closure, strays
from autophagy.errors import UserError, one_line
from autophagy.paths import REPORT

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:autophagy:predicate:roots:1"
PAYLOAD = "application/vnd.in-toto+json"
#: Where signatures lie, outside every artifact and every folder that DVC versions.
FOLDER = "signatures"
#: Not `.json` alone, so that no loop's name makes it look like a manifest.
SUFFIX = ".dsse.json"


@dataclass(frozen=True)
class Root:
    """A root and how much it certifies: artifacts below it, files of them.

    dropped: artifacts whose files `keep` has dropped, so that their manifests alone were checked.
    """

    path: str
    sha256: str
    kind: str
    artifacts: int
    files: int
    dropped: int = 0


@dataclass(frozen=True)
class Outcome:
    """What was signed or verified, by which key, and what is wrong with it."""

    signature: str
    key: str = ""
    roots: list[Root] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        findings = [{"path": path, "message": message} for path, message in self.findings]
        return asdict(self) | {"findings": findings}

    def lines(self) -> list[str]:
        """A line a finding, or a line a root where there is none."""
        if self.findings:
            return [one_line(f"{path}: {message}") for path, message in self.findings]
        return [
            f"{_short(root.path)}: signed by key {self.key:.16}, {root.artifacts} artifacts, "
            f"{root.files} files match"
            + (f", those of {root.dropped} artifacts were dropped" if root.dropped else "")
            for root in self.roots
        ]


def sign(results: Path, key: Path, signature: Path | None = None) -> Outcome:
    """Sign all roots of an experiment, or one loop's, after checking everything they certify.

    Args:
        results: results/<experiment> or results/<experiment>/loops/<loop>.
        key: the private key's file; see `envelope`.
        signature: the file to write; default `signatures/` in the experiment's folder.

    Raises:
        UserError: no such results, an unusable key, or results that are not what their manifests
            say. Nothing is written then.
    """
    root, loop = locate(results)
    file = _file(root, loop) if signature is None else _outside(root, signature)
    private = envelope.private_key(key)
    if not loop and not (root / REPORT).is_file():
        raise UserError(
            f"{root}: is unfinished: {REPORT} is missing; finish the run, or sign one loop"
        )
    names = [loop] if loop else _roots(root)
    subjects = {name: manifests.material(root, name)["sha256"] for name in names}
    roots, findings = _checked(root, subjects)
    if findings:
        (path, message), *others = findings
        more = f" (and {len(others)} more)" if others else ""
        raise UserError(f"{root / path}: {message}{more}; nothing is signed")
    payload = store.canonical_json(_statement(root.name, roots)).encode()
    content, name = envelope.seal(payload, PAYLOAD, private)
    store.write_json(file, content)
    return Outcome(str(file), name, roots)


def verify(results: Path, key: Path, signature: Path | None = None) -> Outcome:
    """Check a signature, the roots it is over, and by hash everything that those certify.

    Args:
        results: as for `sign`; of one loop, that folder and what it descends from are enough.
        key: the public key's file.
        signature: the file to read; default as for `sign`.

    Raises:
        UserError: no such results, an unusable key, or a file that is no such signature.
    """
    root, loop = locate(results)
    file = _file(root, loop) if signature is None else signature
    if not file.is_file():
        raise UserError(f"{file}: is missing; give the signer's file with --signature")
    payload, name = envelope.unseal(file, PAYLOAD, key)
    if payload is None:
        return Outcome(str(file), findings=[(str(file), name)])
    subjects, counts = _read_statement(file, payload)
    findings = []
    if loop:
        if loop not in subjects:
            others = ", ".join(map(_short, subjects))
            message = f"signs {others}, not {_short(loop)}"
            return Outcome(str(file), name, findings=[(str(file), message)])
        subjects = {loop: subjects[loop]}
    else:
        unsigned = [path for path in _roots(root) if path not in subjects]
        findings = [(_short(path), "is not signed") for path in unsigned]
        if REPORT not in (*subjects, *unsigned):
            findings.append((REPORT, "is not signed: the experiment was unfinished"))
    roots, wrong = _checked(root, subjects)
    findings += wrong
    if not findings:
        differing = [found for found in roots if counts.get(found.path) != _counts(found)]
        findings = [(f.path, "certifies other than what was signed") for f in differing]
    return Outcome(str(file), name, roots, findings)


def locate(results: Path) -> tuple[Path, str | None]:
    """The experiment's folder, and the loop's root where the path is a loop's.

    Raises:
        UserError: it is neither.
    """
    path = Path(os.path.normpath(results.absolute()))
    if is_experiment(path):
        return path, None
    root = path.parent.parent
    if path.parent.name == "loops" and is_experiment(root):
        return root, f"loops/{path.name}/manifest.json"
    raise UserError(
        f"{results}: is neither results/<experiment> nor results/<experiment>/loops/<loop> "
        f"with what it descends from"
    )


def _statement(experiment: str, roots: list[Root]) -> dict[str, Any]:
    return {
        "_type": STATEMENT,
        "subject": [{"name": root.path, "digest": {"sha256": root.sha256}} for root in roots],
        "predicateType": PREDICATE,
        "predicate": {
            "experiment": experiment,
            "roots": {root.path: _counts(root) for root in roots},
        },
    }


def _counts(root: Root) -> dict[str, Any]:
    return {"kind": root.kind, "artifacts": root.artifacts}


def _read_statement(file: Path, payload: bytes) -> tuple[dict[str, str], dict[str, Any]]:
    """{root: sha256} and {root: counts} of a statement whose signature holds."""
    try:
        content = json.loads(payload)
        if (content["_type"], content["predicateType"]) != (STATEMENT, PREDICATE):
            raise UserError(f"{file}: its statement is of another type: {content['predicateType']}")
        subjects = {str(s["name"]): str(s["digest"]["sha256"]) for s in content["subject"]}
        return subjects, dict(content["predicate"]["roots"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: holds no in-toto statement") from error


def _checked(root: Path, subjects: dict[str, str]) -> tuple[list[Root], list[Finding]]:
    """Each root with what it certifies, and everything wrong there, each thing once."""
    known: dict[Link, Checked] = {}
    roots = []
    for path, digest in subjects.items():
        link = Link(path, digest)
        below = closure(root, link, known)
        files = sum(len(checked.files) for checked in below.values())
        dropped = sum(checked.dropped for checked in below.values())
        roots.append(Root(path, digest, below[link].kind, len(below) - 1, files, dropped))
    findings = [finding for checked in known.values() for finding in checked.findings]
    # What lies below a broken link is unknown, and would be called a stray.
    if not findings:
        for path in subjects:
            findings += strays(root, _short(path), known)
    return roots, sorted(set(findings))


def _roots(root: Path) -> list[str]:
    """Every root manifest of an experiment, sorted."""
    names = (file.relative_to(root).as_posix() for file in root.rglob("manifest.json"))
    return sorted(name for name in names if manifests.is_root(name))


def _file(root: Path, loop: str | None) -> Path:
    return root / FOLDER / f"{_short(loop) if loop else 'all'}{SUFFIX}"


def _outside(root: Path, signature: Path) -> Path:
    """A file to write that is part of no artifact, and is no file of another kind yet."""
    if os.path.lexists(signature) and not envelope.is_sealed(signature):
        raise UserError(f"{signature}: is there already and no signature; give another file")
    file = Path(os.path.normpath(signature.absolute()))
    if file.is_relative_to(root) and not file.is_relative_to(root / FOLDER):
        raise UserError(f"{signature}: lies among the results; give a file in {root / FOLDER}")
    return signature


def _short(path: str) -> str:
    """A root by the folder it certifies."""
    return path.removesuffix("/manifest.json")
