"""The families beside ddpm: what they fit, what λ does, the same bytes for the same call."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from autophagy import devices, models, rows, store
from autophagy.data import grid_mixture, rosenbrock
from autophagy.errors import UserError
from autophagy.metrics.truth import modes_recovered
from autophagy.models.base import TrainingData, TrainingPoints
from autophagy.models.checkpoints import Checkpoint
from autophagy.models.table import FAMILIES
from conftest import quiet

#: Small options of every family beside ddpm.
OPTIONS = {
    "gaussian": ({}, {}, {}),
    "mixture": (
        {"components": 3},
        {"start": "kmeans", "iterations": 20, "tolerance": 1e-3, "floor": 1e-6},
        {},
    ),
    "flow": (
        {"couplings": 2, "hidden": 8, "layers": 1},
        {"steps": 6, "batch_size": 16, "learning_rate": 0.01},
        {"batch_size": 8},
    ),
    "gan": (
        {"channels": [6, 4], "latent": 5},
        {
            "steps": 6, "batch_size": 5, "learning_rate": 0.002, "n_critic": 2,
            "gradient_penalty": 10.0, "ema_decay": 0.9,
        },
        {"batch_size": 8},
    ),
}  # fmt: skip
NAMES = tuple(OPTIONS)
LONG = ("flow", "gan")


def options(name: str, **changes) -> tuple[dict, dict, dict]:
    model, train, sample = OPTIONS[name]
    return {"family": name, **model}, train | changes, sample


def points(n: int = 48, d: int = 3, seed: int = 0) -> TrainingPoints:
    drawn = np.random.default_rng(seed).standard_normal((n, d)) @ np.diag(np.arange(1, d + 1))
    return TrainingPoints((drawn + 2.0).astype(np.float32), np.zeros(n, np.int64), 1)


def pictures(n: int = 12, size: int = 8, channels: int = 1) -> TrainingData:
    images = np.random.default_rng(0).integers(0, 17, (n, size, size, channels), dtype=np.uint8)
    return TrainingData(images, np.arange(n) % 3, 17, 3)


def data_of(name: str) -> TrainingData | TrainingPoints:
    return pictures() if models.kinds(name) == ("images",) else points()


def fit(name: str, data=None, seed: int = 1, checkpoint=None, **changes):
    devices.prepare(1, "cpu")
    model, train, _ = options(name, **changes)
    module = models.module(name)
    return module.fit(
        data_of(name) if data is None else data, model, train, seed, "cpu", quiet, checkpoint
    )


@pytest.fixture(scope="module")
def fitted():
    return {name: fit(name) for name in NAMES}


def draw(model, name: str, n: int = 20, bias: float = 1.0, chosen=slice(None), seed: int = 0):
    seeds = np.arange(seed, seed + n, dtype=np.uint64)[chosen]
    labels = (np.arange(n) % 3 if name == "gan" else np.zeros(n, np.int64))[chosen]
    return model.sample(labels, seeds, bias, options(name)[2], quiet)


def hashes(model, folder: Path) -> dict[str, str]:
    folder.mkdir(parents=True)
    model.save(folder)
    return store.hashes(folder)


# All of them


def test_every_family_is_tried_and_says_what_it_models() -> None:
    assert set(FAMILIES) == {"ddpm", "latent", *NAMES}
    for name in FAMILIES:
        assert set(models.kinds(name)) <= set(rows.KINDS)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_fit_is_the_same_bytes_and_another_seed_is_not(name, fitted, tmp_path) -> None:
    first = hashes(fitted[name], tmp_path / "first")
    assert hashes(fit(name), tmp_path / "again") == first
    assert {Path(file).suffix for file in first} == {".json", ".safetensors"}
    if name in LONG:
        assert hashes(fit(name, seed=2), tmp_path / "other") != first


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_draws_the_same(name, fitted, tmp_path) -> None:
    hashes(fitted[name], tmp_path / "model")
    loaded = models.module(name).load(tmp_path / "model", "cpu")
    drawn = draw(fitted[name], name)
    assert drawn.dtype == np.float32
    assert np.isfinite(drawn).all()
    np.testing.assert_array_equal(draw(loaded, name), drawn)
    for file in (tmp_path / "model").iterdir():
        broken = tmp_path / f"without-{file.name}"
        broken.mkdir()
        for other in (tmp_path / "model").iterdir():
            if other != file:
                (broken / other.name).write_bytes(other.read_bytes())
        with pytest.raises(UserError, match=f"not a saved {name} model|cannot be read"):
            models.module(name).load(broken, "cpu")


@pytest.mark.parametrize("name", NAMES)
def test_a_row_depends_on_its_seed_alone(name, fitted) -> None:
    """Bit by bit: neither its neighbours, its place nor the length of the set play a part."""
    whole = draw(fitted[name], name)
    for chosen in ([7], [19, 3], list(range(20))[::-1]):
        np.testing.assert_array_equal(draw(fitted[name], name, chosen=chosen), whole[chosen])
    assert len(np.unique(whole.reshape(20, -1), axis=0)) == 20


@pytest.mark.parametrize("name", NAMES)
def test_sampling_bias_narrows_what_is_drawn(name, fitted) -> None:
    """The same seeds at λ = .25: half as far from where λ → 0 leads, exactly in a Gaussian."""
    wide, narrow, least = (
        draw(fitted[name], name, 60, bias).astype(float) for bias in (1.0, 0.25, 1e-12)
    )
    spread = [np.abs(drawn - least).mean() for drawn in (wide, narrow)]
    assert spread[1] < 0.8 * spread[0]
    if name in ("gaussian", "mixture"):
        np.testing.assert_allclose(narrow - least, 0.5 * (wide - least), atol=1e-5)


class Killed(BaseException):
    """What no `except Exception` hears."""


class Script(Checkpoint):
    """Saves at step 3, and is killed before step 5 is saved."""

    kill = True

    def resume(self, parts, device):
        self.done = self.first = super().resume(parts, device)
        return self.first

    def due(self) -> bool:
        self.done += 1
        if self.kill and self.done == 5:
            raise Killed
        return self.done == 3


@pytest.mark.parametrize("name", LONG)
def test_a_killed_training_ends_with_the_same_bytes(name, fitted, tmp_path) -> None:
    with pytest.raises(Killed):
        fit(name, checkpoint=Script(tmp_path / "scratch", "the work"))
    again = Script(tmp_path / "scratch", "the work")
    again.kill = False
    resumed = fit(name, checkpoint=again)
    assert again.first == 3
    assert hashes(resumed, tmp_path / "resumed") == hashes(fitted[name], tmp_path / "whole")


@pytest.mark.parametrize("name", LONG)
def test_a_training_that_is_no_longer_finite_says_so(name, monkeypatch) -> None:
    """Whatever the cause: here the optimiser writes what is no number."""
    import torch

    def broken(self, *_) -> None:
        for group in self.param_groups:
            for weights in group["params"]:
                weights.data.fill_(math.nan)

    monkeypatch.setattr(torch.optim.Adam, "step", broken)
    with pytest.raises(UserError, match=r"is nan at step 6; lower train\.learning_rate"):
        fit(name)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "gan"])
def test_points_of_several_classes_or_not_finite_are_refused(name) -> None:
    data = points()
    with pytest.raises(UserError, match=rf"model\.family: {name} models points of one class"):
        fit(name, TrainingPoints(data.points, data.labels, 2))
    broken = data.points.copy()
    broken[3, 1] = np.nan
    with pytest.raises(UserError, match="train: 1 of 48 points are not finite"):
        fit(name, TrainingPoints(broken, data.labels, 1))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "gan"])
def test_a_density_integrates_to_one(name) -> None:
    model = fit(name, points(60, 2))
    ticks = np.linspace(-14, 18, 161)
    grid = np.array(list(itertools.product(ticks, ticks)))
    density = np.exp(model.log_likelihoods(grid, np.zeros(len(grid), int), None, {}))
    assert abs(density.sum() * (ticks[1] - ticks[0]) ** 2 - 1.0) < 0.01


# One by one


def test_a_gaussian_is_the_unbiased_estimate() -> None:
    data = points(30, 4)
    model = fit("gaussian", data)
    np.testing.assert_allclose(model.means[0], data.points.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(model.covariances[0], np.cov(data.points.T.astype(float)))
    drawn = draw(model, "gaussian", 8_000, 0.5).astype(float)
    error = np.sqrt(0.5 * np.diag(model.covariances[0]) / len(drawn))
    assert (np.abs(drawn.mean(axis=0) - model.means[0]) < 4.5 * error).all()
    scale = np.sqrt(np.outer(*2 * [np.diag(model.covariances[0])]))
    assert np.abs(np.cov(drawn.T) - 0.5 * model.covariances[0]).max() < 0.03 * scale.max()


def test_a_loop_of_gaussians_keeps_the_mean_trace_up_to_lambda() -> None:
    """E tr Σ_t = λ^(t−1) tr Σ_1, and at λ = 1 E log det falls by its digamma sum a generation."""
    from scipy.special import digamma

    n, d, chains, generations = 20, 2, 200, 3
    for bias in (1.0, 0.8):
        traces, logs = np.empty((2, chains, generations))
        for chain in range(chains):
            data = TrainingPoints(
                np.random.default_rng(chain).standard_normal((n, d)).astype(np.float32),
                np.zeros(n, np.int64), 1,
            )  # fmt: skip
            for t in range(generations):
                model = fit_gaussian(data)
                traces[chain, t] = np.trace(model.covariances[0])
                logs[chain, t] = np.linalg.slogdet(model.covariances[0])[1]
                seed = (chain * generations + t) * n
                drawn = draw(model, "gaussian", n, bias, seed=seed)
                data = TrainingPoints(drawn, data.labels, 1)
        for t in range(generations):
            expected, error = bias**t * d, traces[:, t].std() / chains**0.5
            assert abs(traces[:, t].mean() - expected) < 4 * error
        if bias == 1.0:
            fall = sum(digamma((n - 1 - i) / 2) for i in range(d)) + d * math.log(2 / (n - 1))
            change = logs[:, 2] - logs[:, 1]
            assert abs(change.mean() - fall) < 4 * change.std() / chains**0.5


def fit_gaussian(data: TrainingPoints):
    return models.module("gaussian").fit(data, {}, {}, 0, "cpu", quiet)


def test_a_singular_gaussian_draws_and_has_no_density() -> None:
    model = fit("gaussian", points(3, 5))
    assert np.isfinite(draw(model, "gaussian")).all()
    with pytest.raises(UserError, match="singular covariance"):
        model.log_likelihoods(np.zeros((1, 5)), np.zeros(1, int), None, {})
    with pytest.raises(UserError, match="needs 2 points"):
        fit("gaussian", points(1))


def test_a_mixture_recovers_planted_modes() -> None:
    dataset = {
        "name": "grid_mixture", "side": 3, "spacing": 2.0, "deviation": 0.1, "count": 900,
        "data_seed": 0,
    }  # fmt: skip
    real, truth = grid_mixture.load(dataset), grid_mixture.truth(dataset)
    model, train, _ = options("mixture")
    data = TrainingPoints(real.points, real.labels, 1)
    found = models.module("mixture").fit(data, model | {"components": 9}, train, 1, "cpu", quiet)
    order = np.lexsort(found.means.round().T[::-1])
    np.testing.assert_allclose(found.means[order], truth.centres, atol=0.05)
    np.testing.assert_allclose(found.weights, 1 / 9, atol=0.04)
    assert modes_recovered(draw(found, "mixture", 300), truth) == 1.0
    with pytest.raises(UserError, match=r"model\.components: 3 components need as many points"):
        fit("mixture", points(2))


def test_a_flow_learns_what_a_gaussian_cannot() -> None:
    real = rosenbrock.load({"name": "rosenbrock", "count": 3000, "data_seed": 0}).points
    data = TrainingPoints(real[:2000], np.zeros(2000, np.int64), 1)
    model, train, _ = options("flow", steps=160, batch_size=250, learning_rate=0.01)
    flow = models.module("flow").fit(
        data, model | {"couplings": 4, "hidden": 16}, train, 1, "cpu", quiet
    )
    held_out, labels = real[2000:], np.zeros(1000, np.int64)
    truth = -math.log(2 * math.pi) + math.log(2) / 2 - 0.5 * 2.0
    learned = flow.log_likelihoods(held_out, labels, None, {}).mean()
    assert (
        fit_gaussian(data).log_likelihoods(held_out, labels, None, {}).mean() + 0.5
        < learned
        < truth + 0.1
    )
    # E x₂ = 1 and x₂ − x₁² has mean 0.
    x, y = flow.sample(np.zeros(2000, int), np.arange(2000), 1.0, {"batch_size": 500}, quiet).T
    assert abs(y.mean() - 1.0) < 0.3
    assert abs((y - x**2).mean()) < 0.3


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (16, 3), (28, 1)])
def test_a_gan_draws_pictures_of_the_class_that_was_asked_for(size, channels) -> None:
    model = fit("gan", pictures(6, size, channels), steps=2)
    seeds = np.zeros(3, np.uint64)
    drawn = model.sample(np.arange(3), seeds, 1.0, {"batch_size": 3}, quiet)
    assert drawn.shape == (3, size, size, channels)
    assert np.abs(drawn).max() <= 1.0
    # The same noise, three classes, three pictures.
    assert len(np.unique(drawn.reshape(3, -1), axis=0)) == 3


@pytest.mark.parametrize(
    ("name", "model", "size", "words"),
    [
        ("gan", {"channels": [8, 8]}, 6, "2 levels need a picture side that 4 divides"),
        ("flow", {}, 1, "points of 2 dimensions or more"),
    ],
)
def test_sizes_that_a_family_cannot_take_are_refused_before_anything_runs(
    name, model, size, words
) -> None:
    with pytest.raises(UserError, match=rf"model\.\w+: .*{words}"):
        models.module(name).check(model, {}, {}, size)
    models.module(name).check(model, {}, {}, None)


# Memory


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("place", ["torch.optim.Adam.step", "torch.nn.Module.to"])
def test_a_training_that_does_not_fit_is_one_line(name, place, monkeypatch) -> None:
    """Wherever in it memory runs out: Adam's state, for one, is made by its first step."""
    torch = pytest.importorskip("torch")

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(place, full)
    with pytest.raises(
        UserError,
        match=r"^train\.batch_size: fitting the model needs more memory than the device has free; "
        r"the batch is part of the experiment, .* lower model\.\w+.* or lower train\.batch_size$",
    ):
        fit(name)
