"""The metrics' second implementation, for cards, run on the CPU's tensors against the first."""

from __future__ import annotations

import numpy as np
import pytest
from autophagy.errors import UserError
from autophagy.metrics import Undefined, card
from autophagy.metrics.base import Measured
from autophagy.metrics.baseline import resplit_baseline
from autophagy.metrics.kernel import kernel_distance
from autophagy.metrics.memorisation import memorisation
from autophagy.metrics.neighbours import kth_neighbour_distances, nearest_distances, prdc
from autophagy.steps import evaluate
from conftest import quiet

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


@pytest.fixture
def little(here, monkeypatch):
    """Room for so many bytes of distances; a block of more is refused, as a card refuses it."""
    sizes: list[int] = []

    def limit(room: int) -> list[int]:
        whole = torch.cdist

        def limited(a, b, **options):
            sizes.append(8 * len(a) * len(b))
            if sizes[-1] > room:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB")
            return whole(a, b, **options)

        monkeypatch.setattr(torch, "cdist", limited)
        return sizes

    # All rows in one block.
    monkeypatch.setattr(card, "BLOCK_BYTES", 2**20)
    return limit


def test_a_block_that_does_not_fit_is_halved_and_nothing_else_changes(here, little) -> None:
    a, b = sets()
    expected = prdc(a, b, 5, here), list(nearest_distances(a, b, here))
    sizes, heard = little(8 * 47 * 12), []
    with card.blocks(heard.append) as blocks:
        assert (prdc(a, b, 5, here), list(nearest_distances(a, b, here))) == expected
    # 47, 23, 11 rows of 47 distances; what follows begins where that ended.
    assert heard == [
        f"out of memory: going on with {rows} rows of distances at once" for rows in (23, 11)
    ]
    assert blocks.bytes == 8 * 47 * 11
    assert sizes[:3] == [8 * 47 * rows for rows in (47, 23, 11)]
    assert max(sizes[3:]) <= blocks.bytes


def test_an_evaluation_records_what_it_halved_and_for_which_network(
    here, little, monkeypatch
) -> None:
    """Blocks without the batch: that would be measured anew, and frees nothing of a block."""
    a, b = sets()
    little(8 * 33 * 12)
    tried: list[int] = []

    def network(rows: np.ndarray, size: int = 1024) -> tuple[np.ndarray, np.ndarray]:
        tried.append(size)
        return rows, np.zeros(len(rows))

    network.batch = 1024

    def measure(read) -> dict[str, dict[str, float]]:
        return {"output": {"recall": nearest_distances(read(a)[0], read(b)[0], here).sum()}}

    expected = nearest_distances(a, b, here).sum()
    heard: list[str] = []
    found, facts = evaluate._within_memory(network, measure, lambda *said: heard.append(said[2]))
    assert found == {"output": {"recall": expected}}
    assert facts == {"block_bytes": 8 * 33 * 11}
    assert tried == [1024, 1024]
    assert [note.partition(":")[0] for note in heard] == ["out of memory"] * 2

    def opinion(root, record, name, measure, report):
        return evaluate._within_memory(network, measure, report)

    monkeypatch.setattr(evaluate, "_opinion", opinion)
    record = {"params": {"second": "inception"}}
    found, facts = evaluate._second(None, record, measure, lambda *said: None)
    assert found == {"second": {"output": {"recall": expected}}}
    assert facts == {"second_block_bytes": 8 * 33 * 11}
    assert evaluate._second(None, {"params": {}}, measure, quiet) == ({}, {})


def test_a_row_of_distances_that_does_not_fit_is_a_user_error(here, little) -> None:
    a, b = sets()
    sizes = little(0)
    with pytest.raises(UserError, match="too small for 1 rows of distances at once"):
        nearest_distances(a, b, here)
    assert len(sizes) == 6


def test_the_kernels_sum_is_halved_too(here, monkeypatch) -> None:
    a, b = sets()
    whole, tried = torch.Tensor.__matmul__, []

    def limited(x, y):
        tried.append(len(x))
        if len(x) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(x, y)

    monkeypatch.setattr(torch.Tensor, "__matmul__", limited)
    monkeypatch.setattr(card, "BLOCK_BYTES", 2**20)
    assert kernel_distance(a, b, here) == pytest.approx(kernel_distance(a, b), rel=1e-10)
    assert tried[:5] == [47, 23, 11, 5, 2]


def test_features_that_do_not_fit_are_a_user_error(monkeypatch) -> None:
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.Tensor, "to", full)
    with pytest.raises(UserError, match=r"^evaluate: comparing the features needs more memory"):
        nearest_distances(*sets(), "cuda")


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
