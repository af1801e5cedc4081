"""W3C PROV-JSON: artifacts are entities, runs of steps are activities, step code is the agent.

Names are hashes: ``artifact:<sha256 of the manifest>`` and ``run:<the same>`` for the run that
made it. A derivation carries the parent's share of the row mix, where it has one
(`lineage.shares`).
"""

from __future__ import annotations

import json
from typing import Any

from autophagy import export, lineage, store
from autophagy.archive import Archive

NAMESPACES = {
    "artifact": "hash://sha256/",
    "run": "urn:autophagy:run:",
    "code": "urn:autophagy:code:",
    "autophagy": "urn:autophagy:term:",
}


def files(archive: Archive) -> dict[str, str]:
    """{"prov.json": PROV-JSON of every artifact of the experiment}."""
    model = export.require("prov.model")
    document = model.ProvDocument()
    for prefix, uri in NAMESPACES.items():
        document.add_namespace(prefix, uri)
    agent = {"prov:type": document.valid_qualified_name("prov:SoftwareAgent")}
    for code in sorted({archive.manifest(name)["code"] for name in archive.artifacts()}):
        document.agent(f"code:{code}", agent)
    for artifact in archive.artifacts():
        _add(document, archive, artifact, model)
    return {"prov.json": store.canonical_json(json.loads(document.serialize(format="json")))}


def _add(document: Any, archive: Archive, artifact: str, model: Any) -> None:
    manifest, digest = archive.manifest(artifact), export.identifier(archive, artifact)
    made, run, code = f"artifact:{digest}", f"run:{digest}", f"code:{manifest['code']}"
    document.entity(made, _of_entity(archive, artifact))
    document.activity(run, other_attributes=_of_run(manifest, model))
    document.wasAssociatedWith(run, code)
    document.wasGeneratedBy(made, run)
    shares = lineage.shares(archive, artifact)
    for parent in archive.parents(artifact):
        used = f"artifact:{export.identifier(archive, parent)}"
        share = {"autophagy:share": shares[parent]} if parent in shares else {}
        document.used(run, used)
        document.wasDerivedFrom(made, used, run, other_attributes=share)


def _of_entity(archive: Archive, artifact: str) -> dict[str, Any]:
    manifest = archive.manifest(artifact)
    found: dict[str, Any] = {
        "prov:label": artifact,
        "autophagy:kind": manifest["kind"],
        "autophagy:files": _text(manifest["files"]),
    }
    if manifest["rows"] is not None:
        found["autophagy:rows"] = manifest["rows"]
    if manifest["kind"] in export.DEEP:
        distribution = lineage.depths(archive, artifact)
        found["autophagy:depths"] = _text({str(d): share for d, share in distribution.items()})
        found["autophagy:mean_depth"] = lineage.mean_depth(distribution)
    if manifest["kind"] == "real_set":
        found["autophagy:source"] = _text(manifest["facts"]["source"])
    return found


def _of_run(manifest: dict[str, Any], model: Any) -> dict[str, Any]:
    found = {
        "autophagy:step": manifest["step"],
        "autophagy:params": _text(manifest["params"]),
        "autophagy:software": _text(manifest["software"]),
        "autophagy:device": manifest["device"],
    }
    if manifest["seed"] is not None:
        # Seeds take all 64 bits, more than the xsd:int that the package would declare.
        unsigned = model.XSD["unsignedLong"]
        found["autophagy:seed"] = model.Literal(str(manifest["seed"]), unsigned)
    return found


def _text(content: Any) -> str:
    return json.dumps(content, sort_keys=True, allow_nan=False)
