"""The feature network: 84 numbers a picture, the same ones again, after saving too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from autophagy.errors import UserError
from autophagy.features import lenet
from conftest import quiet
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
#: Of the labelled pictures.
FACTS = {"levels": 17, "classes": ["above", "below", "dark"]}


def labelled(n: int = 60, size: int = 8, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Noisy pictures of three classes: bright above, bright below, dark."""
    rng = np.random.default_rng(size)
    images = rng.integers(0, 5, (n, size, size, channels), dtype=np.uint8)
    labels = np.arange(n) % 3
    images[labels == 0, : size // 2] += 11
    images[labels == 1, size // 2 :] += 11
    return images, labels


@pytest.fixture(autouse=True)
def short(monkeypatch) -> None:
    monkeypatch.setattr(lenet, "TRAINING", lenet.TRAINING | {"epochs": 8})


def fit(images: np.ndarray, labels: np.ndarray, seed: int = 1, report=quiet):
    torch.use_deterministic_algorithms(True)
    return lenet.fit(images, labels, FACTS, seed, "cpu", report)


@pytest.fixture(scope="module")
def network():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lenet, "TRAINING", lenet.TRAINING | {"epochs": 40})
        return fit(*labelled())


def test_features_are_84_numbers_and_a_class(network) -> None:
    images, labels = labelled()
    found, predicted = network(images)
    assert found.dtype == np.float32
    assert found.shape == (60, 84)
    assert (found >= 0).all()
    assert predicted.dtype == np.int64
    assert predicted.shape == (60,)
    assert (predicted == labels).mean() > 0.95


def test_features_are_the_penultimate_layer_of_the_classifier(network) -> None:
    images, _ = labelled()
    found, predicted = network(images)
    with torch.inference_mode():
        logits = network.network[-1](torch.from_numpy(found))
    np.testing.assert_array_equal(logits.argmax(1), predicted)
    assert network.network[-1].out_features == 3


def test_features_of_a_picture_do_not_depend_on_its_batch(network) -> None:
    images, _ = labelled()
    whole, classes = network(images)
    for size in (1, 7, 60):
        found, predicted = network(images, batch_size=size)
        np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(predicted, classes)
    turned, _ = network(images[::-1])
    np.testing.assert_allclose(turned[::-1], whole, rtol=1e-5, atol=1e-5)


def test_no_pictures_have_no_features(network) -> None:
    found, predicted = network(np.empty((0, 8, 8, 1), np.uint8))
    assert found.shape == (0, 84)
    assert predicted.shape == (0,)


def test_grey_levels_are_scaled_by_their_number(network) -> None:
    """Level 16 of 17 is white as 240 of 241 is."""
    images, _ = labelled()
    finer = lenet.FeatureNetwork(network.network, network.config | {"levels": 241}, "cpu")
    np.testing.assert_allclose(finer(images * 15)[0], network(images)[0], rtol=1e-4, atol=1e-5)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_training_is_a_function_of_its_seed(tmp_path) -> None:
    saved = {}
    for name, seed in (("one", 3), ("again", 3), ("other", 4), ("wide", 3 + 2**32)):
        (tmp_path / name).mkdir()
        fit(*labelled(), seed=seed).save(tmp_path / name)
        saved[name] = files(tmp_path / name)["weights.safetensors"]
    assert saved["one"] == saved["again"]
    assert len(set(saved.values())) == 3


def test_the_first_weights_use_all_64_bits_of_the_seed(monkeypatch) -> None:
    monkeypatch.setattr(lenet, "TRAINING", lenet.TRAINING | {"epochs": 0})
    weights = [
        fit(*labelled(12), seed=seed).network[0].weight.detach().numpy().tobytes()
        for seed in (3, 3, 3 + 2**32)
    ]
    assert weights[0] == weights[1] != weights[2]


def test_a_saved_network_comes_back(network, tmp_path) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    network.save(tmp_path / "first")
    loaded = lenet.load(tmp_path / "first", "cpu")
    images, _ = labelled()
    for mine, its in zip(network(images), loaded(images), strict=True):
        np.testing.assert_array_equal(mine, its)
    loaded.save(tmp_path / "second")
    assert files(tmp_path / "first") == files(tmp_path / "second")
    assert set(files(tmp_path / "first")) == {"config.json", "weights.safetensors"}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", None), ("config.json", b"{"), ("config.json", b"{}"),
        ("config.json", b"[]"), ("config.json", b'{"size": 8, "channels": 1, "n_classes": 9}'),
        ("weights.safetensors", None), ("weights.safetensors", b"nonsense"),
    ],
)  # fmt: skip
def test_what_is_no_network_is_named(file, content, network, tmp_path) -> None:
    network.save(tmp_path)
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(UserError) as raised:
        lenet.load(tmp_path, "cpu")
    assert str(raised.value).startswith(f"{tmp_path}: not a saved feature network")


@pytest.mark.parametrize(("size", "channels"), [(4, 1), (5, 3), (7, 1), (28, 1)])
def test_any_side_from_four_pixels_will_do(size, channels) -> None:
    found, _ = fit(*labelled(12, size, channels))(labelled(12, size, channels)[0])
    assert found.shape == (12, 84)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_smaller_pictures_are_refused(size) -> None:
    with pytest.raises(UserError, match=f"at least 4 pixels a side, not {size}"):
        fit(*labelled(12, size))


def test_progress_counts_epochs() -> None:
    heard = []
    fit(*labelled(12), report=lambda done, total, note: heard.append((done, total)))
    assert heard == [(epoch, 8) for epoch in range(1, 9)]


# One class: rotations


def corners(n: int, seed: int) -> np.ndarray:
    """Unlabelled pictures that are bright at the top left: no turn leaves them as they are."""
    images = np.random.default_rng(seed).integers(0, 5, (n, 8, 8, 1), dtype=np.uint8)
    images[:, 1:4, 1:4] += 11
    return images


def unlabelled(images: np.ndarray, epochs: int, report=quiet):
    torch.use_deterministic_algorithms(True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lenet, "TRAINING", lenet.TRAINING | {"epochs": epochs})
        none = np.zeros(len(images), np.int64)
        return lenet.fit(images, none, FACTS | {"classes": ["all"]}, 1, "cpu", report)


@pytest.fixture(scope="module")
def rotations():
    return unlabelled(corners(24, seed=0), epochs=30)


def test_one_class_is_what_every_picture_is(rotations) -> None:
    pictures = np.concatenate([corners(5, 1), np.rot90(corners(5, 2), axes=(1, 2)), labelled()[0]])
    found, predicted = rotations(pictures)
    assert found.shape == (70, 84)
    assert predicted.dtype == np.int64
    assert predicted.tolist() == [0] * 70
    assert rotations.network[-1].out_features == 4
    assert rotations.config["n_classes"] == 1


def test_features_of_one_class_are_learned(rotations) -> None:
    untrained, again = (unlabelled(corners(24, seed=0), epochs=epochs) for epochs in (0, 30))
    pictures = corners(20, seed=1)
    for before, after in zip(
        untrained.network.parameters(), rotations.network.parameters(), strict=True
    ):
        assert not torch.equal(before, after)
    assert np.abs(untrained(pictures)[0] - rotations(pictures)[0]).max() > 0.1
    np.testing.assert_array_equal(again(pictures)[0], rotations(pictures)[0])


def test_rotations_of_pictures_never_seen_are_told_apart(rotations) -> None:
    def share(network) -> float:
        right = []
        for quarters in range(4):
            turned = np.rot90(corners(25, seed=7), quarters, axes=(1, 2))
            with torch.inference_mode():
                logits = network.network[-1](torch.from_numpy(network(turned)[0]))
            right.append((logits.argmax(1) == quarters).numpy())
        return float(np.concatenate(right).mean())

    # Chance is 0.25, with a standard deviation of 0.04 over 100 pictures.
    assert share(rotations) > 0.9
    assert share(unlabelled(corners(24, seed=0), epochs=0)) < 0.6


def test_rotated_pictures_are_all_four_turns_and_their_number() -> None:
    images = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3, 1)
    turned, quarters = lenet._rotated(images)
    assert quarters.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    by_number = turned.reshape(4, 2, 3, 3)
    assert by_number[0].tolist() == images[..., 0].tolist()
    # A quarter turn to the left: the last column becomes the first row.
    assert by_number[1, 0].tolist() == [[2, 5, 8], [1, 4, 7], [0, 3, 6]]
    assert by_number[2, 0].tolist() == [[8, 7, 6], [5, 4, 3], [2, 1, 0]]
    assert by_number[3, 0].tolist() == [[6, 3, 0], [7, 4, 1], [8, 5, 2]]


def test_a_saved_network_of_one_class_comes_back(rotations, tmp_path) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    rotations.save(tmp_path / "first")
    loaded = lenet.load(tmp_path / "first", "cpu")
    for mine, its in zip(rotations(corners(9, 3)), loaded(corners(9, 3)), strict=True):
        np.testing.assert_array_equal(mine, its)
    loaded.save(tmp_path / "second")
    assert files(tmp_path / "first") == files(tmp_path / "second")


def test_one_class_is_remarked_before_training() -> None:
    heard = []
    unlabelled(corners(4, 0), 2, report=lambda done, total, note: heard.append((done, total, note)))
    assert heard[0] == (0, 2, "unlabelled: features are learned from rotations")
    assert [(done, total) for done, total, _ in heard[1:]] == [(1, 2), (2, 2)]


@settings(derandomize=True, max_examples=30)
@given(most=st.integers(0, 3), seed=st.integers(0, 99))
def test_a_shift_moves_a_picture_and_fills_with_dark(most, seed) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(1, 17, (6, 5, 5, 2), dtype=np.uint8)
    shifted = lenet._shift(images, rng, most)
    assert shifted.shape == images.shape
    assert shifted.dtype == np.uint8
    reach = range(-most, most + 1)
    for before, after in zip(images, shifted, strict=True):
        moved = [moved_by(before, down, right) for down in reach for right in reach]
        assert any(np.array_equal(after, candidate) for candidate in moved)


def moved_by(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """Oracle: pixel by pixel."""
    height, width, _ = image.shape
    result = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                result[y, x] = image[y - down, x - right]
    return result


def test_all_shifts_occur() -> None:
    image = np.zeros((900, 5, 5, 1), np.uint8)
    image[:, 2, 2] = 1
    shifted = lenet._shift(image, np.random.default_rng(0), 1)[..., 0]
    places, counts = np.unique(np.argwhere(shifted)[:, 1:], axis=0, return_counts=True)
    assert places.tolist() == [[y, x] for y in (1, 2, 3) for x in (1, 2, 3)]
    # 900 draws over 9 places: 100 each, standard deviation 9.4.
    assert counts.min() > 50
