"""One row of a training set or sample set, back to a real one or to a seed."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from autophagy import dropped, lineage, rows, sets, store, training_sets
from autophagy.archive import Archive
from autophagy.errors import UserError
from autophagy.lineage import FILTER, SAMPLED


def trace(archive: Archive, artifact: str, row: int) -> list[dict[str, Any]]:
    """Where a row comes from, a step at a time, the row itself first.

    Steps are {path, kind, row, holds, label}, `holds` being `images` or `points`; a real row adds
    its `source_row` in the data set, one that was brought from outside its `origin` too; a sample
    its `generation`, `seed`, `sampling_bias`, the `models` that drew it, each with its training
    set, and of what they were trained on: the share that is real, mean synthetic depth, and the
    rows of the data set they saw, directly and in their whole ancestry; the share is None where a
    model from outside drew it. A row of a set whose files were dropped has, instead of all that,
    `dropped`: how to make them again.

    Raises:
        UserError: the artifact has no rows, or not that one.
    """
    manifest = archive.manifest(artifact)
    kind, count = manifest["kind"], manifest["rows"]
    if kind not in ("training_set", "real_set", "imported_set", *SAMPLED):
        raise UserError(f"{artifact}: is a {kind} and has no rows; trace a training or sample set")
    if not 0 <= row < count:
        raise UserError(f"{artifact}: has no row {row}; its rows are 0..{count - 1}")
    # Refuses an ancestry that turns in a circle, which indices would be followed round for ever.
    distribution = lineage.depths(archive, artifact)
    step = {"path": artifact, "kind": kind, "row": row, "holds": rows.of(manifest["facts"]).name}
    if kind == "training_set":
        index = training_sets.read(archive.root / artifact)
        if len(index) != count:
            raise UserError(f"{artifact}: holds {len(index)} rows, and its manifest says {count}")
        source = index.artifacts[index.artifact[row]]
        if source not in archive.parents(artifact):
            raise UserError(f"{artifact}: points at {source}, which is none of its parents")
        step |= {"label": int(index.label[row]), "origin": index.origins[index.origin[row]]}
        return [step, *trace(archive, source, int(index.row[row]))]
    if policies := dropped.missing(archive, [artifact]):
        return [step | {"dropped": dropped.again(archive, artifact, policies[artifact])}]
    step["label"] = _value(archive, artifact, "labels", row)
    if kind in ("real_set", "imported_set"):
        brought = lineage.origin(archive, artifact)
        step |= {} if brought is None else {"origin": brought}
        source_row = _value(archive, artifact, "source_rows", row)
        source = manifest["facts"].get("source") or {"name": "a source that is not named"}
        return [step | {"source_row": source_row, "source": source["name"]}]
    sources = lineage.shares(archive, artifact)
    if not sources:
        raise UserError(f"{artifact}: has no parent of kind model; samples are drawn from one")
    models = [_model(archive, model) for model in sources]
    direct = [model["training_set"] for model in models if model["training_set"] is not None]
    return [
        step
        | {
            "generation": _generation(artifact),
            "seed": _value(archive, artifact, "seeds", row),
            "sampling_bias": manifest["params"]["sampling_bias"],
            "models": models,
            # Samples lie one deeper than what their model was trained on.
            "real_share": distribution.get(1, 0.0) if direct else None,
            "mean_depth": lineage.mean_depth(distribution) - 1.0,
            "real_ancestors": lineage.real_ancestors(archive, artifact),
            "real_source_rows": _real_source_rows(archive, direct),
            "real_ancestor_rows": _real_source_rows(archive, archive.parents_first(sources)),
        }
    ]


def regenerate(archive: Archive, artifact: str, row: int) -> dict[str, Any]:
    """Make one sample again from its model and seed, and compare.

    Returns:
        {"identical": bool, "largest_difference": of any number in the row, "unit": what that is
        measured in, "same_code": bool}; the bytes are promised to be equal on the same machine, by
        the code that the manifest records.

    Raises:
        UserError: the artifact is no sample set, has no such row, torch is other than recorded, or
            the model's files are not those of its manifest.
    """
    from autophagy import devices, fingerprint
    from autophagy.manifests import require_software
    from autophagy.models.table import FAMILIES
    from autophagy.plugins import added
    from autophagy.steps.sample import load_model

    manifest = archive.manifest(artifact)
    if manifest["kind"] not in SAMPLED:
        raise UserError(f"{artifact}: only samples can be made again, not a {manifest['kind']}")
    dropped.require(archive, artifact)
    [step] = trace(archive, artifact, row)
    params = manifest["params"]
    if params["family"] not in (*FAMILIES, *added("families")):
        raise UserError(f"{artifact}: its model family {params['family']!r} is unknown here")
    require_software(manifest)
    devices.prepare(params["threads"], manifest["device"], manifest["software"])
    drawn_by = [model["path"] for model in step["models"]]
    guidance = params.get("guidance")
    if guidance and guidance["auxiliary"] not in drawn_by:
        raise UserError(
            f"{artifact}: is guided by {guidance['auxiliary']}, which is no parent of it"
        )
    for model_path in drawn_by:
        dropped.require(archive, model_path)
        _require_files(archive, model_path)
    model = load_model(archive.root, params, drawn_by[0], manifest["device"])
    # Memory may have allowed smaller batches than were asked for.
    options = params["sample"]
    if "batch_size" in manifest["facts"]:
        options = options | {"batch_size": manifest["facts"]["batch_size"]}
    drawn = model.sample(
        np.array([step["label"]]),
        np.array([step["seed"]], dtype=np.uint64),
        params["sampling_bias"],
        options,
        lambda done, total, note: None,
    )
    kind = rows.of(manifest["facts"])
    made, _ = kind.stored(drawn, manifest["facts"])
    stored = sets.read_array(archive.root, artifact, kind.name)[row]
    files = fingerprint.modules_of(("sample.py",), _behind(archive, artifact))
    code = fingerprint.code_hash(files)
    return {
        # Bytes, for a point that is not a number differs from itself.
        "identical": made[0].tobytes() == stored.tobytes(),
        "largest_difference": float(np.abs(made[0].astype(float) - stored.astype(float)).max()),
        "unit": kind.unit,
        "same_code": manifest["code"] == code,
    }


def _require_files(archive: Archive, model: str) -> None:
    """Refuse to load what the model's manifest does not vouch for."""
    held = store.hashes(archive.root / model) if (archive.root / model).exists() else {}
    for name, digest in archive.manifest(model)["files"].items():
        if held.get(name) != digest:
            what = "not the file that its manifest names" if name in held else "missing"
            raise UserError(
                f"{archive.root / model / name}: is {what}; `autophagy audit` says more"
            )


def _behind(archive: Archive, artifact: str) -> tuple[str, ...]:
    """The modules that a sample set's step reached by name: its family's, and those of its filter.

    Raises:
        UserError: it names a filter or network that is unknown here.
    """
    from autophagy import features, filters, models
    from autophagy.filters.table import FILTERS

    params = archive.manifest(artifact)["params"]
    found = (models.module_name(params["family"]),)
    if params.get("filter"):
        kind = params["filter"].get("kind")
        if kind not in FILTERS:
            raise UserError(f"{artifact}: its filter {kind!r} is unknown here")
        found += filters.modules([kind])
    judges = [parent for parent in archive.parents(artifact) if archive.kind(parent) == FILTER]
    return found + tuple(features.module_name(path.rpartition("/")[2]) for path in judges)


def _model(archive: Archive, model: str) -> dict[str, Any]:
    found = [parent for parent in archive.parents(model) if archive.kind(parent) == "training_set"]
    if lineage.origin(archive, model) is not None and not found:
        return {"path": model, "training_set": None, "training_rows": None}
    if len(found) != 1:
        raise UserError(f"{model}: has {len(found)} training sets among its parents; one is needed")
    [training_set] = found
    return {
        "path": model,
        "training_set": training_set,
        "training_rows": archive.manifest(training_set)["rows"],
    }


def _value(archive: Archive, artifact: str, name: str, row: int) -> int:
    array = sets.read_array(archive.root, artifact, name)
    if row >= len(array):
        raise UserError(f"{artifact}: {name} has {len(array)} rows; row {row} is asked for")
    return int(array[row])


def _generation(artifact: str) -> int:
    """Read off the folder gen-ttt; a real-only model is generation 1."""
    found = re.search(r"/gen-(\d{3})/", artifact)
    return int(found[1]) if found else 1


def _real_source_rows(archive: Archive, artifacts: list[str]) -> list[int]:
    """Rows of the data set that the training sets among the artifacts hold, distinct and sorted."""
    found: set[int] = set()
    for training_set in artifacts:
        if archive.kind(training_set) != "training_set":
            continue
        index = training_sets.read(archive.root / training_set)
        for artifact, positions in index.by_artifact():
            asked = index.row[positions[index.real[positions]]]
            if not len(asked):
                continue
            ids = sets.read_array(archive.root, artifact, "source_rows")
            if asked.max() >= len(ids):
                raise UserError(
                    f"{artifact}: source_rows has {len(ids)} rows; row {asked.max()} is asked for"
                )
            found.update(ids[asked].tolist())
    return sorted(found)
