"""Commands that ask of results on disk: where they came from, and whether that holds."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from autophagy.errors import UserError, one_line


def lineage(chosen: argparse.Namespace) -> int:
    from autophagy import lineage, lineage_text
    from autophagy.locate import locate

    manifests, artifact = locate(Path(chosen.path))
    found = lineage.tree(manifests, artifact)
    if chosen.json:
        print(json.dumps(lineage.flat(found), indent=2))
    else:
        print("\n".join(lineage_text.drawn(found)))
    return 0


def trace(chosen: argparse.Namespace) -> int:
    from autophagy import lineage_text, trace
    from autophagy.locate import locate

    manifests, artifact = locate(Path(chosen.path))
    steps = trace.trace(manifests, artifact, chosen.row)
    # 64 bits: many readers of JSON would round them (RFC 8259, section 6).
    told = [step | {"seed": str(step["seed"])} if "seed" in step else step for step in steps]
    content: dict[str, Any] = {"steps": told}
    last = steps[-1]
    if chosen.regenerate and "source_row" not in last:
        content["regenerated"] = trace.regenerate(manifests, last["path"], last["row"])
    if chosen.json:
        print(json.dumps(content, indent=2))
    else:
        for step in steps:
            print("\n".join(lineage_text.told(step)))
        if "regenerated" in content:
            print(lineage_text.made_again(content["regenerated"]))
        elif chosen.regenerate:
            print(f"a real {lineage_text.one(last)}: nothing to make again")
    return 0 if content.get("regenerated", {}).get("identical", True) else 1


def descendants(chosen: argparse.Namespace) -> int:
    from autophagy import lineage, lineage_text
    from autophagy.locate import locate

    manifests, artifact = locate(Path(chosen.path))
    found = lineage.descendants(manifests, artifact, chosen.row)
    if chosen.json:
        print(json.dumps(found, indent=2))
    else:
        of = artifact if chosen.row is None else f"row {chosen.row} of {artifact}"
        print("\n".join(lineage_text.listed(found, of)))
    return 0


def audit(chosen: argparse.Namespace) -> int:
    from autophagy import audit
    from autophagy.archive import Archive

    root = _experiment(chosen.results)
    report = audit.examine(Archive(root))
    found = report.findings
    _write_audit(root, found)
    if chosen.json:
        print(json.dumps(audit.as_json(found, report.laws), indent=2))
        return 1 if found else 0
    for finding in found:
        print(one_line(f"{finding.path}: {finding.law}: {finding.message}"))
    for line in report.unchecked:
        print(line)
    count = f"{len(found)} finding{'s' if len(found) > 1 else ''}"
    print(f"{root}: {count if found else 'every law holds'}")
    return 1 if found else 0


def _write_audit(root: Path, found: list[Any]) -> None:
    """Write audit.json where it differs; a folder that can only be read is audited all the same."""
    from autophagy import audit, paths, store

    ledger = {finding.law for finding in found} - {"files", *audit.LAWS}
    content = audit.as_json(found, ["files", *audit.LAWS, *ledger])
    with contextlib.suppress(OSError), store.opened(root / paths.AUDIT) as file:
        if file.read() == store.canonical_json(content).encode():
            return
    try:
        store.write_json(root / paths.AUDIT, content)
    except UserError as error:
        print(f"autophagy: {error}", file=sys.stderr)


def compare(chosen: argparse.Namespace) -> int:
    import tempfile

    from autophagy import compare, revisions
    from autophagy.archive import Archive

    if chosen.b is None and chosen.rev is None:
        raise UserError("compare: give B, another experiment, or --rev, the revision A is taken of")
    b = _experiment(chosen.a if chosen.b is None else chosen.b)
    if chosen.rev is None:
        a = _experiment(chosen.a)
        found = _compared((str(a), Archive(a)), (str(b), Archive(b)), chosen)
    else:
        with tempfile.TemporaryDirectory() as folder:
            commit = revisions.fetch(chosen.rev, Path(chosen.a), Path(folder))
            a = _experiment(folder)
            name = f"{os.path.normpath(chosen.a)} at {chosen.rev} ({commit})"
            found = _compared((name, Archive(a)), (str(b), Archive(b)), chosen)
    return 1 if found["verdict"] == compare.DIFFERENT else 0


def _require_page(file: Path, *results: Path) -> None:
    """Refuse to write a page over what is none, or among results."""
    place = Path(os.path.realpath(file))
    if any(place.is_relative_to(os.path.realpath(root)) for root in results):
        raise UserError(f"--html {file}: lies among the results; give a file outside of them")
    if not os.path.lexists(file):
        return
    head = file.open("rb").read(15) if file.is_file() else b""
    if head.lower() != b"<!doctype html>":
        raise UserError(f"--html {file}: is there already and no page; give another file")


def _compared(a: tuple[str, Any], b: tuple[str, Any], chosen: argparse.Namespace) -> dict[str, Any]:
    """Print what two experiments, (what it is called, archive), differ in, and write the page."""
    from autophagy import compare, compare_text, contrast

    (a_name, one), (b_name, other) = a, b
    if chosen.html is not None:
        _require_page(Path(chosen.html), one.root, other.root)
    found = compare.compare(one, other)
    asked, changes = contrast.configuration(one, other), contrast.changes(one, other)
    if chosen.html is not None:
        from autophagy.page import comparison, render

        sides = comparison.Side(a_name, one), comparison.Side(b_name, other)
        page = comparison.gather(*sides, found, asked, changes)
        render.write_to(Path(chosen.html), comparison.TEMPLATE, page)
    if chosen.json:
        print(json.dumps(found | {"configuration": asked, "changes": changes}, indent=2))
    else:
        *told, verdict = compare_text.lines(found, a_name, b_name)
        print("\n".join([*told, *contrast.lines(asked, changes), verdict]))
    return found


def export(chosen: argparse.Namespace) -> int:
    from autophagy import export

    done = export.export(Path(chosen.results), chosen.format, _optional(chosen.out))
    written = [str(file) for file in done]
    print(json.dumps({"files": written}, indent=2) if chosen.json else "\n".join(written))
    return 0


def sign(chosen: argparse.Namespace) -> int:
    from autophagy import signing

    done = signing.sign(Path(chosen.results), Path(chosen.key), _optional(chosen.signature))
    if chosen.json:
        print(json.dumps(done.as_json(), indent=2))
    else:
        print("\n".join([*done.lines(), done.signature]))
    return 0


def verify(chosen: argparse.Namespace) -> int:
    from autophagy import signing

    found = signing.verify(Path(chosen.results), Path(chosen.key), _optional(chosen.signature))
    print(json.dumps(found.as_json(), indent=2) if chosen.json else "\n".join(found.lines()))
    return 1 if found.findings else 0


def _experiment(folder: str) -> Path:
    """The folder of an experiment."""
    from autophagy.archive import require_experiment

    root = Path(folder)
    require_experiment(root)
    return root


def _optional(path: str | None) -> Path | None:
    return None if path is None else Path(path)
