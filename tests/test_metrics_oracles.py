"""Against the public implementations: torchmetrics (Fréchet, kernel) and prdc."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from autophagy.metrics.frechet import frechet_distance
from autophagy.metrics.kernel import kernel_distance
from autophagy.metrics.neighbours import prdc


@pytest.fixture(scope="module")
def identity():
    """A feature extractor that hands its input through; skips where torchmetrics can't import."""
    if importlib.util.find_spec("torch_fidelity") and not importlib.util.find_spec("torchvision"):
        pytest.skip("torchmetrics.image.fid does not import with torch-fidelity alone")
    import torch

    class Identity(torch.nn.Module):
        num_features = 84

        def forward(self, x):
            return x

    return Identity()


def two_sets(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Correlated, unlike in mean and covariance, 84-dimensional."""
    rng = np.random.default_rng(0)
    mix_a, mix_b = rng.normal(size=(2, 84, 84)) / 9
    return rng.normal(size=(n, 84)) @ mix_a, rng.normal(size=(m, 84)) @ mix_b + 0.2


@pytest.mark.parametrize(("n", "m"), [(300, 500), (40, 200)])
def test_frechet_distance_is_that_of_torchmetrics(identity, n: int, m: int) -> None:
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance

    a, b = two_sets(n, m)
    oracle = FrechetInceptionDistance(feature=identity)
    oracle.update(torch.from_numpy(a), real=True)
    oracle.update(torch.from_numpy(b), real=False)
    # Fewer rows than dimensions leave the oracle square roots of rounding errors.
    tolerance = 1e-9 if min(n, m) > 84 else 1e-5
    assert frechet_distance(a, b) == pytest.approx(float(oracle.compute()), rel=tolerance)


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance`:UserWarning")
def test_kernel_distance_is_that_of_torchmetrics(identity) -> None:
    import torch
    from torchmetrics.image.kid import KernelInceptionDistance

    a, b = two_sets(300, 300)
    oracle = KernelInceptionDistance(feature=identity, subsets=1, subset_size=300)
    oracle.update(torch.from_numpy(a), real=True)
    oracle.update(torch.from_numpy(b), real=False)
    assert kernel_distance(a, b) == pytest.approx(float(oracle.compute()[0]), rel=1e-9)


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.7, 0.3), (1.5, 0.0)])
def test_prdc_is_that_of_naeem_on_distinct_distances(k: int, scale: float, shift: float) -> None:
    from prdc import compute_prdc

    rng = np.random.default_rng(1)
    reference, generated = rng.normal(size=(180, 6)), scale * rng.normal(size=(240, 6)) + shift
    expected = compute_prdc(reference, generated, k)
    assert prdc(reference, generated, k) == pytest.approx(expected, rel=1e-12)
    assert len(set(expected.values())) == 4
