"""The spectral distance: closed forms, and a planted grid that it must see."""

from __future__ import annotations

import math

import numpy as np
import pytest
from autophagy.metrics import Undefined
from autophagy.metrics.spectral import BLOCK, ring_power, spectral_distance

rng = np.random.default_rng(0)
LEVELS = 256
FLOOR = 1 / (12 * 255**2)


def dots(value: int, n: int = 3, size: int = 8) -> np.ndarray:
    """Pictures black but for one pixel: their power is the same at every frequency."""
    images = np.zeros((n, size, size, 1), np.uint8)
    images[:, 2, 3] = value
    return images


def planted(strength: int) -> np.ndarray:
    """Grey noise with a checkerboard of this strength, as often in one phase as in the other."""
    noise = np.random.default_rng(1).integers(100, 156, (20, 8, 8, 1))
    board = strength * (1 - 2 * (np.indices((8, 8)).sum(axis=0) % 2))[None, :, :, None]
    return np.concatenate([noise + board, noise - board]).astype(np.uint8)


def test_a_single_dot_has_a_flat_spectrum() -> None:
    power = ring_power(dots(51), LEVELS)
    # Radii up to √2 · 4 = 5.66 cycles, which rounds to 6.
    assert power.shape == (3, 6)
    np.testing.assert_allclose(power, (51 / 255) ** 2 / 64 + FLOOR, rtol=1e-12)


def test_distance_of_two_flat_spectra() -> None:
    one, other = ((value / 255) ** 2 / 64 + FLOOR for value in (200, 20))
    found = spectral_distance(ring_power(dots(200), LEVELS), ring_power(dots(20), LEVELS))
    assert found == pytest.approx(10 * math.log10(one / other), rel=1e-12)


def test_a_wave_lies_in_the_ring_of_its_frequency() -> None:
    x = np.arange(16)
    wave = np.round(127 + 100 * np.cos(2 * np.pi * 3 * x / 16)).astype(np.uint8)
    power = ring_power(np.tile(wave, (1, 16, 1))[..., None], LEVELS)[0]
    assert power.argmax() + 1 == 3
    assert power[2] > 1000 * np.delete(power, 2).max()


def test_parseval() -> None:
    """Rings weighted by their sizes hold all the variance of a picture."""
    image = rng.integers(0, LEVELS, (1, 8, 8, 1)).astype(np.uint8)
    radius = np.rint(8 * np.hypot(*np.meshgrid(np.fft.fftfreq(8), np.fft.fftfreq(8)))).ravel()
    sizes = np.bincount(radius.astype(int))[1:]
    total = (ring_power(image, LEVELS)[0] - FLOOR) @ sizes
    assert total == pytest.approx((image / 255).var() * 64, rel=1e-9)


def test_equal_sets_have_none_and_order_does_not_matter() -> None:
    power = ring_power(planted(0), LEVELS)
    assert spectral_distance(power, power) == 0
    assert spectral_distance(power[rng.permutation(40)], power) == pytest.approx(0, abs=1e-12)
    other = ring_power(planted(9), LEVELS)
    assert spectral_distance(power, other) == pytest.approx(spectral_distance(other, power))


def test_a_planted_grid_raises_it_steadily() -> None:
    clean = ring_power(planted(0), LEVELS)
    found = [spectral_distance(ring_power(planted(s), LEVELS), clean) for s in range(0, 40, 4)]
    assert found[0] == 0
    assert np.diff(found).min() > 0
    # Of six rings the corner's alone has changed.
    assert found[-1] > 3


def test_blank_pictures_are_finite_and_far() -> None:
    blank = ring_power(np.zeros((4, 8, 8, 3), np.uint8), LEVELS)
    np.testing.assert_allclose(blank, FLOOR)
    assert 20 < spectral_distance(blank, ring_power(planted(0), LEVELS)) < math.inf


def test_many_pictures_are_taken_in_blocks() -> None:
    images = rng.integers(0, 17, (BLOCK + 3, 4, 4, 1)).astype(np.uint8)
    tail = ring_power(images[BLOCK:], 17)
    np.testing.assert_array_equal(ring_power(images, 17)[BLOCK:], tail)


@pytest.mark.parametrize("shape", [(0, 8, 8, 1), (5, 1, 1, 1)])
def test_nothing_to_compare_is_undefined(shape) -> None:
    power = ring_power(np.zeros(shape, np.uint8), LEVELS)
    with pytest.raises(Undefined, match="no generated spectra"):
        spectral_distance(power, power)
