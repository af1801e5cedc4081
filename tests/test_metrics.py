"""measure(): which metrics, in which order, and why one has no value. The real-real baseline."""

from __future__ import annotations

import dataclasses
import math
import warnings

import numpy as np
import pytest
from autophagy import metrics
from autophagy.metrics import (
    METRICS,
    Measured,
    Undefined,
    baseline,
    measure,
    names,
    resplit_baseline,
)
from autophagy.metrics.frechet import frechet_distance
from autophagy.metrics.kernel import kernel_distance
from autophagy.metrics.memorisation import memorisation
from autophagy.metrics.neighbours import prdc
from autophagy.metrics.spectral import ring_power, spectral_distance
from hypothesis import given, settings
from hypothesis import strategies as st

LABELS = {"label_accuracy", "class_entropy"}
#: What needs no features: labels and pictures.
FEATURELESS = LABELS | {"spectral_distance"}
rng = np.random.default_rng(0)
MEASURED = Measured(
    generated=rng.normal(size=(60, 4)) + 0.3,
    reference=rng.normal(size=(50, 4)),
    train=rng.normal(size=(80, 4)),
    train_real=rng.normal(size=(70, 4)),
    requested=np.arange(60) % 10,
    predicted=np.arange(60) % 5,
    n_classes=10,
    k=3,
    rows=rng.integers(0, 17, (60, 8, 8, 1)).astype(np.uint8),
    reference_rows=rng.integers(0, 17, (50, 8, 8, 1)).astype(np.uint8),
    levels=17,
)


def changed(**fields) -> tuple[dict[str, float], dict[str, str]]:
    return measure(dataclasses.replace(MEASURED, **fields))


def test_names_and_order_are_those_of_the_columns() -> None:
    values, reasons = measure(MEASURED)
    assert tuple(values) == names("images")
    assert list(METRICS) == [
        "frechet_distance",
        "kernel_distance",
        "precision",
        "recall",
        "density",
        "coverage",
        "label_accuracy",
        "class_entropy",
        "memorisation",
        "frechet_distance_to_train",
        "spectral_distance",
        "modes_recovered",
        "on_modes",
        "tail_mass",
    ]
    assert reasons == {}


def test_each_metric_looks_at_its_own_arrays() -> None:
    m = MEASURED
    assert measure(m)[0] == {
        "frechet_distance": frechet_distance(m.generated, m.reference),
        "kernel_distance": kernel_distance(m.generated, m.reference),
        **prdc(m.reference, m.generated, 3),
        "spectral_distance": spectral_distance(*m.spectra),
        "label_accuracy": 0.5,
        "class_entropy": pytest.approx(math.log(5)),
        "memorisation": memorisation(m.generated, m.train_real, m.reference),
        "frechet_distance_to_train": frechet_distance(m.generated, m.train),
    }
    assert all(type(value) is float for value in measure(m)[0].values())


def test_four_metrics_share_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    from autophagy.metrics import neighbours

    calls = []
    monkeypatch.setattr(neighbours, "prdc", lambda *args: calls.append(args) or prdc(*args))
    measure(dataclasses.replace(MEASURED))
    assert len(calls) == 1


def test_no_training_set() -> None:
    values, reasons = changed(train=np.zeros((0, 4)), train_real=np.zeros((0, 4)))
    assert reasons == {
        "memorisation": "no real rows in the training set",
        "frechet_distance_to_train": "a covariance needs 2 rows or more, not 0",
    }
    assert {name for name, value in values.items() if math.isnan(value)} == set(reasons)


def test_points_have_no_spectrum() -> None:
    values, reasons = changed(rows=rng.normal(size=(60, 2)), levels=None)
    assert math.isnan(values["spectral_distance"])
    assert reasons == {"spectral_distance": "only pictures have a spectrum"}


def test_k_too_large_leaves_the_others() -> None:
    _, reasons = changed(k=50)
    assert set(reasons) == {"precision", "recall", "density", "coverage"}
    assert set(reasons.values()) == {"k = 50 neighbours need more than 50 rows, not 50"}


def test_broken_samples_leave_only_the_labels() -> None:
    generated = MEASURED.generated.copy()
    generated[3, 1] = np.nan
    generated[7] = np.inf
    values, reasons = changed(generated=generated)
    assert set(reasons) == set(names("images")) - FEATURELESS
    assert set(reasons.values()) == {"2 of 60 generated features are not finite"}
    assert all(math.isnan(values[name]) == (name not in FEATURELESS) for name in names("images"))


def test_broken_training_features_leave_the_rest() -> None:
    train = MEASURED.train.copy()
    train[0, 0] = np.nan
    assert changed(train=train)[1] == {
        "frechet_distance_to_train": "1 of 80 train features are not finite"
    }


def test_overflow_is_a_reason_and_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values, reasons = changed(generated=MEASURED.generated * 1e200)
    assert reasons["kernel_distance"] == "not finite"
    assert set(reasons) == set(names("images")) - FEATURELESS
    assert all(math.isfinite(values[name]) for name in FEATURELESS)


def test_a_new_metric_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "spread", lambda m: m.finite("generated").std())
    monkeypatch.setitem(METRICS, "broken", lambda m: math.inf)
    values, reasons = metrics.measure(MEASURED)
    assert values["spread"] == pytest.approx(MEASURED.generated.std())
    assert math.isnan(values["broken"])
    assert reasons == {"broken": "not finite"}


@settings(derandomize=True, max_examples=25)
@given(st.integers(0, 10_000), st.integers(6, 40), st.integers(6, 40), st.integers(1, 5))
def test_order_of_rows_means_nothing(seed: int, n: int, m: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, d)), rng.exponential(size=(m, d))
    labels = rng.integers(0, 3, size=n)
    order = rng.permutation(n)
    one, _ = measure(Measured(a, b, b, b, labels, labels, 3, 5))
    shuffled = rng.permutation(b)
    two, _ = measure(
        Measured(a[order], shuffled, shuffled, shuffled, labels[order], labels[order], 3, 5)
    )
    assert two == pytest.approx(one, rel=1e-6, abs=1e-9, nan_ok=True)
    assert one["frechet_distance"] >= 0
    assert frechet_distance(b, a) == pytest.approx(one["frechet_distance"], rel=1e-6, abs=1e-9)
    assert kernel_distance(b, a) == pytest.approx(one["kernel_distance"], rel=1e-6, abs=1e-9)


class TestBaseline:
    pool_a, pool_b = np.random.default_rng(1).normal(size=(2, 60, 3))

    def test_shape_and_repeatability(self) -> None:
        one = resplit_baseline(self.pool_a, self.pool_b, 50, 40, 5, 8, seed=3)
        assert list(one) == list(METRICS)[:6]
        for spread in one.values():
            assert list(spread) == ["mean", "sd", "low", "high"]
            assert spread["low"] < spread["mean"] < spread["high"]
        assert resplit_baseline(self.pool_a, self.pool_b, 50, 40, 5, 8, seed=3) == one
        assert resplit_baseline(self.pool_a, self.pool_b, 50, 40, 5, 8, seed=4) != one

    def test_cuts_are_disjoint_fresh_and_from_both_pools(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cuts = []
        record = lambda a, b: cuts.append((set(a[:, 0]), set(b[:, 0]))) or 0.0  # noqa: E731
        monkeypatch.setattr(baseline, "frechet_distance", record)
        resplit_baseline(self.pool_a, self.pool_b, 50, 40, 5, 6, seed=0)
        pool_a, pool_b = set(self.pool_a[:, 0]), set(self.pool_b[:, 0])
        for generated, reference in cuts:
            assert (len(generated), len(reference)) == (50, 40)
            assert not generated & reference
            assert generated & pool_a
            assert generated & pool_b
            assert reference & pool_a
            assert reference & pool_b
        assert len({frozenset(generated) for generated, _ in cuts}) == 6

    def test_spread_is_that_of_the_cuts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        values = iter([4.0, 1.0, 3.0, 2.0, 5.0])
        monkeypatch.setattr(baseline, "frechet_distance", lambda a, b: next(values))
        spread = resplit_baseline(self.pool_a, self.pool_b, 50, 40, 5, 5, seed=0)
        assert spread["frechet_distance"] == pytest.approx(
            {"mean": 3, "sd": math.sqrt(2.5), "low": 1.1, "high": 4.9}
        )

    def test_spectra_are_cut_as_the_features_are(self) -> None:
        power = ring_power(np.concatenate([MEASURED.rows, MEASURED.rows]), 17)
        pools = (self.pool_a, self.pool_b, 50, 40, 5, 8)
        found = resplit_baseline(*pools, seed=3, spectra=(power[:60], power[60:]))
        spread = found.pop("spectral_distance")
        assert found == resplit_baseline(*pools, seed=3)
        draws = np.random.Generator(np.random.Philox(key=3))
        orders = [draws.permutation(120) for _ in range(8)]
        cuts = [spectral_distance(power[order[:50]], power[order[50:90]]) for order in orders]
        assert spread["mean"] == pytest.approx(np.mean(cuts))

    def test_it_holds_the_null(self) -> None:
        """Means of kernel distance and density under the null are 0 and 1, in any dimension."""
        pool = np.random.default_rng(2).normal(size=(200, 5))
        result = resplit_baseline(pool[:50], pool[50:], 80, 90, 5, 200, seed=0)
        for name, expected in {"kernel_distance": 0, "density": 1}.items():
            error = result[name]["sd"] / math.sqrt(200)
            assert abs(result[name]["mean"] - expected) < 4 * error

    def test_it_refuses_what_it_cannot_cut(self) -> None:
        with pytest.raises(Undefined, match="100 and 21 rows need 121 real rows, not 120"):
            resplit_baseline(self.pool_a, self.pool_b, 100, 21, 5, 4, seed=0)
        with pytest.raises(Undefined, match="2 repeats"):
            resplit_baseline(self.pool_a, self.pool_b, 50, 40, 5, 1, seed=0)
        with pytest.raises(Undefined, match="k = 40"):
            resplit_baseline(self.pool_a, self.pool_b, 50, 40, 40, 4, seed=0)
