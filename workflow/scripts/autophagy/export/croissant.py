"""Croissant 1.1 JSON-LD of each sample set: its files by hash, its classes, and its derivation.

File addresses are relative to the sample set's folder, where the file belongs when it is
published. Croissant extracts values from tables and text, not from NumPy arrays: a record set over
them could not be read, so each array's type and shape stand beside its file, and the one record set
is that of the classes. Source: MLCommons Croissant Format Specification 1.1, its appendix for the
context; provenance in terms of PROV-O.
"""

from __future__ import annotations

from typing import Any

from autophagy import export, lineage, rows, store
from autophagy.archive import Archive

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
#: The specification's terms, and those of 1.0 that its reference reader still asks for.
_TERMS = (
    "annotation arrayShape citeAs column containedIn equivalentProperty excludes extract field "
    "fileObject fileProperty fileSet format includes isArray isLiveDataset jsonPath key md5 "
    "parentField path readLines recordSet references regex repeated replace samplingRate sdVersion "
    "separator source subField transform unArchive value"
)
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "autophagy": "urn:autophagy:term:",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS.split()},
}
#: Licences as manifests name them -> where the specification wants them: a known address.
_LICENCES = {
    "CC BY 4.0": "https://spdx.org/licenses/CC-BY-4.0.html",
    "CC BY-SA 3.0": "https://spdx.org/licenses/CC-BY-SA-3.0.html",
    "CC0 1.0": "https://spdx.org/licenses/CC0-1.0.html",
    "MIT": "https://spdx.org/licenses/MIT.html",
}
#: File -> the type of its numbers, and what they are.
_ARRAYS = {
    "images.npy": ("uint8", "grey or colour levels, 0 to 255"),
    "exact.npy": ("float32", "the images as the model drew them, neither rounded nor clipped"),
    "points.npy": ("float32", "coordinates"),
    "labels.npy": ("int64", "the class that was asked for, an index into classes"),
    "seeds.npy": ("uint64", "the seed that the sample is a function of"),
}


def files(archive: Archive) -> dict[str, str]:
    """{"<sample set>/croissant.json": JSON-LD}, for every sample set of the experiment."""
    return {
        f"{artifact}/croissant.json": store.canonical_json(described(archive, artifact))
        for artifact in export.of_kind(archive, "sample_set")
    }


def described(archive: Archive, artifact: str) -> dict[str, Any]:
    """The Croissant document of a sample set."""
    manifest, source = archive.manifest(artifact), export.real_source(archive)
    distribution = lineage.depths(archive, artifact)
    return {
        "@context": CONTEXT,
        "@id": _address(archive, artifact),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": f"{archive.root.name}/{artifact}",
        "description": f"{manifest['rows']} samples of a generative model. "
        f"Mean synthetic depth {lineage.mean_depth(distribution):g}. "
        "The licence is that of the real data.",
        "url": _address(archive, artifact),
        "version": f"1.0.0+{export.identifier(archive, artifact)}",
        "citeAs": _citation(archive, artifact),
        "license": _licence(source["licence"]),
        "creator": {"@type": "sc:Organization", "name": "autophagy"},
        "datePublished": export.NO_DATE,
        "keywords": ["synthetic", source["name"]],
        "isLiveDataset": False,
        "distribution": [_file(manifest, name) for name in manifest["files"]],
        "recordSet": [_classes(manifest["facts"]["classes"])],
        "autophagy:depths": {f"autophagy:{d}": share for d, share in distribution.items()},
        **_derivation(archive, artifact),
    }


def _file(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    found = {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "encodingFormat": "application/octet-stream",
        "sha256": manifest["files"][name],
    }
    if name in _ARRAYS:
        data_type, text = _ARRAYS[name]
        facts, shape = manifest["facts"], [manifest["rows"]]
        if name in (f"{rows.of(facts).name}.npy", "exact.npy"):
            shape += rows.of(facts).shape(facts)
        found["description"] = (
            f"A NumPy array (NPY), {data_type}{shape}, an entry along its first axis for each "
            f"sample: {text}."
        )
        found |= {"autophagy:dtype": data_type, "autophagy:shape": ",".join(map(str, shape))}
    return found


def _classes(names: list[str]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "classes",
        "name": "classes",
        "description": "What each label stands for.",
        "dataType": "sc:Enumeration",
        "key": {"@id": "classes/label"},
        "field": [
            _field("label", "sc:Integer", "the number that labels.npy holds"),
            _field("name", "sc:Text", "the name of the class"),
        ],
        "data": [
            {"classes/label": label, "classes/name": name} for label, name in enumerate(names)
        ],
    }


def _field(name: str, data_type: str, text: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"classes/{name}",
        "name": name,
        "description": text,
        "dataType": data_type,
    }


def _licence(name: str) -> str | dict[str, str]:
    """The licence's address, or its name where no address is known."""
    return _LICENCES.get(name) or {"@type": "sc:CreativeWork", "name": name}


def _citation(archive: Archive, artifact: str) -> str:
    key = export.identifier(archive, artifact)[:12]
    title = f"{archive.root.name}/{artifact}"
    where = _address(archive, artifact)
    return f"@misc{{{key}, title = {{{title}}}, howpublished = {{{where}}}}}"


def _derivation(archive: Archive, artifact: str) -> dict[str, Any]:
    manifest, source = archive.manifest(artifact), export.real_source(archive)
    parents = [
        {
            "@id": _address(archive, parent),
            "@type": "prov:Entity",
            "name": parent,
            "autophagy:kind": archive.manifest(parent)["kind"],
        }
        for parent in archive.parents(artifact)
    ]
    real = {
        "@id": _address(archive, "real/loop"),
        "@type": "prov:Entity",
        "name": f"real/loop of {source['name']}",
        "license": _licence(source["licence"]),
    }
    return {
        "prov:wasDerivedFrom": parents,
        "prov:hadPrimarySource": real,
        "prov:wasGeneratedBy": {
            "@id": f"urn:autophagy:run:{export.identifier(archive, artifact)}",
            "@type": "prov:Activity",
            "name": manifest["step"],
            "autophagy:sampling_bias": manifest["params"]["sampling_bias"],
            "autophagy:code": manifest["code"],
            "prov:used": [{"@id": parent["@id"]} for parent in parents],
        },
    }


def _address(archive: Archive, artifact: str) -> str:
    return f"hash://sha256/{export.identifier(archive, artifact)}"
