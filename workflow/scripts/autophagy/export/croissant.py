"""Croissant 1.1 JSON-LD of each sample set: its arrays as one record set, and its derivation.

File addresses are relative to the sample set's folder, where the file belongs when it is
published. Source: MLCommons Croissant Format Specification 1.1; provenance in terms of PROV-O.
"""

from __future__ import annotations

from typing import Any

from autophagy import export, lineage, store
from autophagy.archive import Archive

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
_TERMS = (
    "arrayShape citeAs column containedIn extract field fileObject fileProperty fileSet format "
    "includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex "
    "repeated replace samplingRate sdVersion separator source subField transform"
)
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "autophagy": "urn:autophagy:term:",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS.split()},
}
#: File -> the field of a record that it holds, its type, and what it is.
_FIELDS = {
    "images.npy": ("image", "sc:Integer", "grey or colour levels, 0 to 255"),
    "points.npy": ("point", "sc:Float", "coordinates"),
    "labels.npy": ("label", "sc:Integer", "the class that was asked for, an index into classes"),
    "seeds.npy": ("seed", "sc:Integer", "the 64-bit seed that the sample is a function of"),
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
        "version": export.identifier(archive, artifact),
        "license": source["licence"],
        "creator": {"@type": "sc:Organization", "name": "autophagy"},
        "datePublished": export.NO_DATE,
        "keywords": ["synthetic", source["name"]],
        "isLiveDataset": False,
        "distribution": [_file(name, digest) for name, digest in manifest["files"].items()],
        "recordSet": [_records(manifest)],
        "autophagy:depths": {f"autophagy:{d}": share for d, share in distribution.items()},
        **_derivation(archive, artifact),
    }


def _file(name: str, digest: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "description": "A NumPy array (NPY) with one entry along its first axis for each record.",
        "contentUrl": name,
        "encodingFormat": "application/octet-stream",
        "sha256": digest,
    }


def _records(manifest: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "samples",
        "name": "samples",
        "key": {"@id": "samples/seed"},
        "field": [_field(name, manifest["facts"]) for name in _FIELDS if name in manifest["files"]],
    }


def _field(file: str, facts: dict[str, Any]) -> dict[str, Any]:
    name, data_type, text = _FIELDS[file]
    found: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"samples/{name}",
        "name": name,
        "description": text,
        "dataType": data_type,
        "source": {"fileObject": {"@id": file}, "extract": {"fileProperty": "content"}},
    }
    if name == "image":
        shape = f"{facts['size']},{facts['size']},{facts['channels']}"
        found |= {"isArray": True, "arrayShape": shape}
    elif name == "point":
        found |= {"isArray": True, "arrayShape": "-1"}
    return found


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
        "license": source["licence"],
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
