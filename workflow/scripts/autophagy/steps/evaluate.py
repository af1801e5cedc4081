"""Measure a generation, both views, against the held-out reference."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from autophagy import (
    data,
    devices,
    features,
    manifests,
    metrics,
    plugins,
    rows,
    seeds,
    sets,
    store,
    training_sets,
)
from autophagy.errors import UserError
from autophagy.features.base import FeatureNetwork
from autophagy.metrics import card
from autophagy.metrics.base import Measured, Undefined
from autophagy.metrics.baseline import resplit_baseline
from autophagy.metrics.profiles import profiles
from autophagy.metrics.spectral import ring_power
from autophagy.progress import Report

T = TypeVar("T")

#: Rows in, their features and predicted classes out.
Read = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def evaluate(root: Path, records: list[dict[str, Any]], report: Report) -> None:
    """Write metrics.json of one generation: its `output` and `model` views."""
    [record] = records
    params = record["params"]
    devices.prepare(params["threads"], record["device"], record["software"])
    views, facts = _opinion(root, record, params["features"], _views, report)
    second, more = _second(root, record, _views, report)
    _write(root, record, views | second, facts | more)
    report(1, 1, _headline(views["output"]))


def _views(
    root: Path, record: dict[str, Any], network: FeatureNetwork, read: Read, report: Report
) -> dict[str, Any]:
    """View -> what is found of it."""
    params, n_classes = record["params"], network.config["n_classes"]
    facts = sets.row_facts(manifests.read(root, "real/reference"))
    kind, held_out = rows.of(facts), sets.read_rows(root, "real/reference", facts)
    reference, _ = read(held_out)

    train, is_real = _training_rows(root, record, read, kind.name)
    train = train if len(train) else reference[:0]
    real = train[is_real]
    shuffled = real[seeds.stream(record["seed"]).permutation(len(real))]

    views: dict[str, Any] = {}
    for artifact in dict.fromkeys(params["views"].values()):
        samples = sets.read_array(root, artifact, kind.name)[: params["n"]]
        generated, predicted = read(samples)
        measured = Measured(
            generated=generated,
            reference=reference,
            train=train,
            train_real=shuffled,
            requested=sets.read_array(root, artifact, "labels")[: params["n"]],
            predicted=predicted,
            n_classes=n_classes,
            k=params["k"],
            rows=samples,
            reference_rows=held_out,
            levels=facts.get("levels"),
            truth=_truth(params),
            device=record["device"],
            tell=_telling(report),
        )
        counts = {"n_samples": len(samples), "n_reference": len(reference), "n_train": len(train)}
        found = _measure(measured, kind, counts | {"n_train_real": len(real)}, params)
        views |= {view: found for view, path in params["views"].items() if path == artifact}
    return views


def evaluate_real(root: Path, records: list[dict[str, Any]], report: Report) -> None:
    """Write metrics.json of the real loop split, the row every sample set is compared with.

    `resplits` holds mean, spread and 95% range over random cuts of loop and reference together.

    Raises:
        UserError: the real images cannot be measured.
    """
    [record] = records
    devices.prepare(record["params"]["threads"], record["device"], record["software"])
    found, facts = _opinion(root, record, record["params"]["features"], _real, report)
    second, more = _second(root, record, _real, report)
    _write(root, record, found | second, facts | more)
    report(1, 1, _headline(found["output"]))


def _real(
    root: Path, record: dict[str, Any], network: FeatureNetwork, read: Read, report: Report
) -> dict[str, Any]:
    """What is found of the real loop split, and `resplits`."""
    params = record["params"]
    facts = sets.row_facts(manifests.read(root, "real/loop"))
    kind, real = rows.of(facts), sets.read_rows(root, "real/loop", facts)
    order = seeds.stream(record["seed"]).permutation(len(real))
    loop, predicted = read(real[order])
    held_out = sets.read_rows(root, "real/reference", facts)
    reference, _ = read(held_out)
    n = params["n"]
    none = np.empty((0, loop.shape[1]), np.float32)
    measured = Measured(
        generated=loop[:n],
        reference=reference,
        train=none,
        train_real=none,
        requested=sets.read_array(root, "real/loop", "labels")[order][:n],
        predicted=predicted[:n],
        n_classes=network.config["n_classes"],
        k=params["k"],
        rows=real[order][:n],
        reference_rows=held_out,
        levels=facts.get("levels"),
        truth=_truth(params),
        device=record["device"],
        tell=_telling(report),
    )
    counts = {"n_samples": n, "n_reference": len(reference), "n_train": 0, "n_train_real": 0}
    found = _measure(measured, kind, counts, params)
    try:
        resplits = resplit_baseline(
            loop,
            reference,
            n,
            len(reference),
            params["k"],
            params["resplits"],
            seeds.derive("resplits"),
            _spectra(kind, (real[order], held_out), facts),
            record["device"],
        )
    except Undefined as reason:
        # Without real against real no number of a loop can be read.
        raise UserError(
            f"real/loop and real/reference: their {kind.name} cannot be compared: {reason}; look "
            f"at these {kind.name} and at features/{params['features']}"
        ) from reason
    return {"output": found, "model": found, "resplits": resplits}


def _telling(report: Report) -> Callable[[int, int], None]:
    return lambda done, total: report(done, total, "rows looked for near others")


def _within_memory(
    network: FeatureNetwork, measure: Callable[[Read], T], report: Report
) -> tuple[T, dict[str, int]]:
    """What `measure` finds, and as facts where memory allowed less than was asked for.

    `batch_size`: rows that the network took at once; `block_bytes`: of a block of distances.
    """

    def attempt(size: int) -> T:
        return measure(network if size == network.batch else lambda rows: network(rows, size))

    def say(note: str) -> None:
        report(0, 1, note)

    with card.blocks(say) as blocks:
        found, size = devices.within_memory(attempt, network.batch, say)
    used = {"batch_size": (size, network.batch), "block_bytes": (blocks.bytes, card.BLOCK_BYTES)}
    return found, {name: had for name, (had, asked) in used.items() if had != asked}


def _training_rows(
    root: Path, record: dict[str, Any], read: Read, kind: str
) -> tuple[np.ndarray, np.ndarray]:
    """Features of D^t, and which of its rows are real; none of a start from outside."""
    paths = [path for path in record["materials"] if path.endswith(".parquet")]
    if not paths:
        return np.empty((0, 0), np.float32), np.empty(0, bool)
    [training_set] = paths
    index = training_sets.read(root / training_set)
    train, _ = read(training_sets.gather(root, index, kind))
    return train, index.real


def _opinion(
    root: Path, record: dict[str, Any], name: str, measure: Callable[..., dict[str, Any]],
    report: Report,
) -> tuple[dict[str, Any], dict[str, int]]:  # fmt: skip
    """What `measure` finds in the space of one feature network, and `_within_memory`'s facts."""
    network = features.module(name).load(root / f"features/{name}", record["device"])
    return _within_memory(
        network, lambda read: measure(root, record, network, read, report), report
    )


def _second(
    root: Path, record: dict[str, Any], measure: Callable[..., dict[str, Any]], report: Report
) -> tuple[dict[str, Any], dict[str, int]]:
    """The metrics of feature space alone, in the second network; nothing where none is asked for.

    Of each view, and of real against real over random cuts where that is measured. And
    `_within_memory`'s facts of it, as `second_batch_size` and `second_block_bytes`.
    """
    if (name := record["params"].get("second")) is None:
        return {}, {}
    found, facts = _opinion(root, record, name, measure, report)
    second = {
        view: {key: values[key] for key in metrics.OF_FEATURES if key in values}
        for view, values in found.items()
    }
    return {"second": second}, {f"second_{fact}": value for fact, value in facts.items()}


def _truth(params: dict[str, Any]) -> Any:
    """The density that the data are drawn from, where it is known."""
    told = params.get("truth")
    return told and data.module(told["name"]).truth(told)


def _spectra(
    kind: rows.Kind, sets_of_rows: tuple[np.ndarray, np.ndarray], facts: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray] | None:
    """The ring power of both sets, where they are images."""
    if kind.name != "images":
        return None
    one, other = (ring_power(images, facts["levels"]) for images in sets_of_rows)
    return one, other


def _measure(
    measured: Measured, kind: rows.Kind, counts: dict[str, int], params: dict[str, Any]
) -> dict[str, Any]:
    """Counts, metrics (null where undefined), those of other packages, and the reasons why not.

    And `profiles`, which stand behind them.
    """
    extra = {name: plugins.load("metrics", name) for name in params.get("metrics", ())}
    values, reasons = metrics.measure(measured, kind.name, extra)
    finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
    added = {"added": {name: finite.pop(name) for name in extra}} if extra else {}
    return {
        **counts,
        **finite,
        **added,
        "undefined": reasons,
        "profiles": profiles(measured),
    }


def _write(
    root: Path, record: dict[str, Any], content: dict[str, Any], facts: dict[str, int]
) -> None:
    store.write_json(root / record["path"], content)
    manifests.write(root, record, facts=facts)


def _headline(found: dict[str, Any]) -> str:
    shown = [f"{name} {found[name]:.3g}" for name in metrics.HEADLINE if found[name] is not None]
    return ", ".join(shown)
