"""A Provenance Run Crate 0.5 (Workflow Run RO-Crate): plan, steps, their runs, every file's hash.

The crate holds the manifests and the plan read off them (``plan.json``, the workflow); payloads
stay where they are and are named by address and SHA-256. An artifact is a Collection of its files
whose mainEntity is its manifest. Source: w3id.org/ro/wfrun/provenance/0.5, on RO-Crate 1.1.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote

from autophagy import export, manifests, store
from autophagy.archive import Archive

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"
PLAN = "plan.json"
ENGINE = "https://snakemake.github.io"
LANGUAGE = "#plan-language"
RUN = "#run"


def files(archive: Archive) -> dict[str, str]:
    """{path in the crate: text}: the metadata, the plan and every manifest."""
    names = list(archive.artifacts())
    texts = {
        _manifest_id(name): (archive.root / manifests.path_of(name)).read_text(encoding="utf-8")
        for name in names
    }
    plan = store.canonical_json([_planned(archive.manifest(name)) for name in names])
    crate = _crate(archive, names, plan)
    metadata = json.dumps(crate.metadata.generate(), indent=2, allow_nan=False) + "\n"
    return {"ro-crate-metadata.json": metadata, PLAN: plan, **texts}


class _Builder:
    """Adds entities to a crate, each identifier once."""

    def __init__(self, crate: Any, entity: Any) -> None:
        self.crate, self.entity = crate, entity
        self.parts: list[str] = []

    def add(self, identifier: str, kind: str | list[str], /, **properties: Any) -> str:
        content = {"@type": kind} | {k: v for k, v in properties.items() if v not in (None, [])}
        if self.crate.get(identifier) is None:
            self.crate.add(self.entity(self.crate, identifier, properties=content))
        return identifier

    def add_file(self, identifier: str, /, **properties: Any) -> str:
        self.parts.append(self.add(identifier, "File", **properties))
        return identifier

    def extend(self, identifier: str, key: str, values: list[str]) -> None:
        entity = self.crate.get(identifier)
        held = [entry["@id"] for entry in entity.properties().get(key, [])]
        entity[key] = _ids(dict.fromkeys([*held, *values]))


def _crate(archive: Archive, names: list[str], plan: str) -> Any:
    export.require("rocrate")
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(CONTEXT)
    builder = _Builder(crate, ContextEntity)
    source = export.real_source(archive)
    _describe_source(builder, archive, source)
    _add_workflow(builder, plan)
    for name in names:
        _add_artifact(builder, archive, name)
    controls = [_add_run(builder, archive, name) for name in names]
    _add_workflow_run(builder, archive, names, controls)
    root = crate.root_dataset
    root["name"] = f"autophagy experiment {archive.root.name}"
    root["description"] = "Every artifact of a self-consuming generative loop and how it was made."
    root["datePublished"] = export.NO_DATE
    root["license"] = {"@id": "#licence"}
    root["conformsTo"] = _ids(
        builder.add(uri, "CreativeWork", name=name, version=uri.rsplit("/", 1)[1])
        for uri, name in PROFILES.items()
    )
    root["hasPart"] = _ids(builder.parts)
    root["mainEntity"] = {"@id": PLAN}
    root["mentions"] = _ids([RUN, "#orchestration", *(_artifact_id(name) for name in names)])
    return crate


def _describe_source(builder: _Builder, archive: Archive, source: dict[str, Any]) -> None:
    licence = str(source["licence"])
    text = f"The licence of the real data, {source['name']}, as its manifest records it."
    builder.add("#licence", "CreativeWork", name=licence, description=text)
    parts = [
        builder.add_file(_address(archive, "real/loop", f"source/{name}"), name=name, sha256=digest)
        for name, digest in source.get("files", {}).items()
    ]
    builder.add(
        "#source",
        "Collection",
        name=source["name"],
        description="The real data.",
        license={"@id": "#licence"},
        hasPart=_ids(parts),
    )


def _add_workflow(builder: _Builder, plan: str) -> None:
    builder.add(LANGUAGE, "ComputerLanguage", name="autophagy plan (JSON)")
    builder.add(ENGINE, "SoftwareApplication", name="Snakemake", url=ENGINE)
    builder.add(
        PLAN,
        ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        name="autophagy plan",
        description="Every run of a step: its parameters, materials, seed, code and software.",
        encodingFormat="application/json",
        programmingLanguage={"@id": LANGUAGE},
        sha256=hashlib.sha256(plan.encode()).hexdigest(),
    )
    builder.parts.append(PLAN)


def _add_artifact(builder: _Builder, archive: Archive, name: str) -> None:
    manifest = archive.manifest(name)
    own = builder.add_file(
        _manifest_id(name),
        name=manifests.path_of(name),
        encodingFormat="application/json",
        sha256=export.identifier(archive, name),
    )
    parts = [
        builder.add_file(_address(archive, name, file), name=file, sha256=digest)
        for file, digest in manifest["files"].items()
    ]
    builder.add(
        _artifact_id(name),
        "Collection",
        name=name,
        additionalType=manifest["kind"],
        identifier=f"hash://sha256/{export.identifier(archive, name)}",
        mainEntity={"@id": own},
        hasPart=_ids([own, *parts]),
    )


def _add_run(builder: _Builder, archive: Archive, name: str) -> str:
    manifest = archive.manifest(name)
    tool, step = _add_tool(builder, manifest)
    values = {**manifest["params"], "seed": manifest["seed"], "device": manifest["device"]}
    inputs = [_artifact_id(parent) for parent in archive.parents(name)]
    inputs += ["#source"] if manifest["kind"] == "real_set" else []
    inputs += [_add_value(builder, tool, k, v) for k, v in values.items() if v is not None]
    run = builder.add(
        f"#run/{quote(name)}",
        "CreateAction",
        name=f"{manifest['step']}: {name}",
        instrument={"@id": tool},
        object=_ids(inputs),
        result=_ids([_artifact_id(name)]),
    )
    return builder.add(
        f"#control/{quote(name)}",
        "ControlAction",
        name=f"orchestrate {manifest['step']}: {name}",
        instrument={"@id": step},
        object={"@id": run},
    )


def _add_tool(builder: _Builder, manifest: dict[str, Any]) -> tuple[str, str]:
    """A step's code with its libraries, and its place in the plan."""
    key = _digest([manifest["step"], manifest["code"], manifest["software"]])
    tool, step = f"#tool/{manifest['step']}/{key}", f"#step/{manifest['step']}/{key}"
    libraries = [
        builder.add(
            f"#software/{library}-{version}", "SoftwareApplication", name=library, version=version
        )
        for library, version in manifest["software"].items()
    ]
    builder.add(
        tool,
        "SoftwareApplication",
        name=manifest["step"],
        version=manifest["code"],
        softwareRequirements=_ids(libraries),
    )
    builder.add(step, "HowToStep", name=manifest["step"], workExample={"@id": tool})
    builder.extend(PLAN, "hasPart", [tool])
    builder.extend(PLAN, "step", [step])
    return tool, step


def _add_value(builder: _Builder, tool: str, key: str, value: Any) -> str:
    formal = f"{tool.replace('#tool', '#parameter')}/{key}"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    builder.add(formal, "FormalParameter", name=key, additionalType="Text")
    given = builder.add(
        f"{formal}/{_digest(text)}",
        "PropertyValue",
        name=key,
        value=text,
        exampleOfWork={"@id": formal},
    )
    builder.extend(formal, "workExample", [given])
    builder.extend(tool, "input", [formal])
    return given


def _add_workflow_run(
    builder: _Builder, archive: Archive, names: list[str], controls: list[str]
) -> None:
    used = {parent for name in names for parent in archive.parents(name)}
    builder.add(
        RUN,
        "CreateAction",
        name=f"run of {archive.root.name}",
        instrument={"@id": PLAN},
        object=_ids(["#source"]),
        result=_ids(_artifact_id(name) for name in names if name not in used),
    )
    builder.add(
        "#orchestration",
        "OrganizeAction",
        name=f"orchestration of {archive.root.name}",
        instrument={"@id": ENGINE},
        object=_ids(controls),
        result={"@id": RUN},
    )


def _planned(manifest: dict[str, Any]) -> dict[str, Any]:
    record = {key: manifest[key] for key in ("path", *manifests.PLANNED)}
    return record | {"materials": [material["path"] for material in manifest["materials"]]}


def _address(archive: Archive, artifact: str, file: str) -> str:
    # The manifest's hash names the artifact, and the manifest names the file.
    return f"hash://sha256/{export.identifier(archive, artifact)}/{quote(file)}"


def _manifest_id(name: str) -> str:
    return f"manifests/{quote(manifests.path_of(name))}"


def _artifact_id(name: str) -> str:
    return f"#artifact/{quote(name)}"


def _ids(identifiers: Any) -> list[dict[str, str]]:
    return [{"@id": identifier} for identifier in identifiers]


def _digest(content: Any) -> str:
    return store.content_hash(content)[:16]
