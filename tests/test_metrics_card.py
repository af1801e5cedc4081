"""The metrics' second implementation, for cards, run on the CPU's tensors against the first."""

from __future__ import annotations

import numpy as np
import pytest
from autophagy.metrics import Undefined, card
from autophagy.metrics.base import Measured
from autophagy.metrics.baseline import resplit_baseline
from autophagy.metrics.kernel import kernel_distance
from autophagy.metrics.memorisation import memorisation
from autophagy.metrics.neighbours import kth_neighbour_distances, nearest_distances, prdc

torch = pytest.importorskip("torch")


@pytest.fixture
def here(monkeypatch) -> str:
    """A device that is not called cpu, on tensors that are there."""
    monkeypatch.setattr(card, "_moved", lambda x, device: torch.from_numpy(x))
    zeros = torch.zeros
    monkeypatch.setattr(torch, "zeros", lambda *a, device=None, **k: zeros(*a, **k))
    # Several blocks, the last one short.
    monkeypatch.setattr(card, "BLOCK_BYTES", 8 * 47 * 5)
    return "cuda"


def sets(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of rows with copies within and between them."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(47, 6)), rng.normal(size=(33, 6))
    a[5:12], b[:4], b[20:30] = a[5], a[0], b[20]
    return a, b


@pytest.mark.parametrize("k", [1, 5, 9])
def test_neighbours_are_the_same(here, k) -> None:
    a, b = sets()
    for x in (a, b):
        expected = kth_neighbour_distances(x, k)
        found = kth_neighbour_distances(x, k, here)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        np.testing.assert_array_equal(found == 0, expected == 0)
    np.testing.assert_allclose(nearest_distances(a, b, here), nearest_distances(a, b), rtol=1e-12)
    assert prdc(a, b, k, here) == pytest.approx(prdc(a, b, k), abs=1e-12)


def test_a_collapsed_set_is_all_ties(here) -> None:
    copies = np.ones((12, 4))
    assert prdc(copies, copies, 5, here) == prdc(copies, copies, 5)


def test_the_other_metrics_are_the_same(here) -> None:
    a, b = sets(1)
    assert kernel_distance(a, b, here) == pytest.approx(kernel_distance(a, b), rel=1e-10)
    assert memorisation(a, b, a[::-1], here) == memorisation(a, b, a[::-1])
    found, expected = (resplit_baseline(a, b, 20, 30, 3, 2, 7, device=d) for d in (here, "cpu"))
    for name in expected:
        assert found[name] == pytest.approx(expected[name], rel=1e-9)


def test_what_is_measured_says_where(here) -> None:
    a, b = sets(2)
    values = {"train": a[:0], "train_real": a[:0], "requested": a, "predicted": a}
    on_card, on_cpu = (
        Measured(generated=b, reference=a, n_classes=2, k=3, device=device, **values)
        for device in (here, "cpu")
    )
    assert on_card.prdc == pytest.approx(on_cpu.prdc, abs=1e-12)


def test_what_is_undefined_stays_so(here) -> None:
    a, b = sets()
    with pytest.raises(Undefined, match="not finite"):
        nearest_distances(a * 1e200, b, here)
    with pytest.raises(Undefined, match="need more than"):
        prdc(a[:3], b, 5, here)
