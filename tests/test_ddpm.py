"""The diffusion model: pictures are functions of (model, seed, label), files are plain."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from autophagy import seeds as seeding
from autophagy.errors import UserError
from autophagy.models import ddpm
from autophagy.models.base import TrainingData
from autophagy.models.order import Order
from autophagy.models.pictures import Pictures
from conftest import quiet, tiny_content
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

MODEL, TRAIN = tiny_content()["model"], tiny_content()["train"]
SAMPLERS = ("dpm-solver++", "ddim", "ancestral")
BATCH = 4
LABELS = np.array([0, 1, 2, 1, 0, 2, 2])
SEEDS = seeding.derive_rows(len(LABELS), "test")


def pictures(n: int = 12, size: int = 8, channels: int = 1, n_classes: int = 3) -> TrainingData:
    rng = np.random.default_rng(n)
    images = rng.integers(0, 17, (n, size, size, channels), dtype=np.uint8)
    return TrainingData(images, np.arange(n) % n_classes, 17, n_classes)


def fit(data: TrainingData | None = None, seed: int = 1, model=None, report=quiet, **train):
    torch.use_deterministic_algorithms(True)
    return ddpm.fit(
        data or pictures(), MODEL | (model or {}), TRAIN | train, seed, "cpu", report
    )  # fmt: skip


def draw(model, labels=LABELS, seeds=SEEDS, bias=1.0, sampler="ddim", steps=3, batch_size=BATCH):
    options = {"scheduler": sampler, "steps": steps, "batch_size": batch_size}
    return model.sample(np.asarray(labels), np.asarray(seeds), bias, options, quiet)


def saved(model, folder: Path) -> dict[str, bytes]:
    folder.mkdir(parents=True)
    model.save(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def model():
    return fit(steps=20)


@pytest.mark.parametrize("timesteps", [2, 8, 9])
def test_likelihoods_are_numbers_however_few_timesteps_there_are(timesteps) -> None:
    few = fit(model={"timesteps": timesteps}, steps=1)
    rows = few.sample(LABELS, SEEDS, 1.0, {"scheduler": "ancestral", "steps": 1, "batch_size": 4},
                      quiet)  # fmt: skip
    found = few.log_likelihoods(rows, LABELS, SEEDS, {"batch_size": 4})
    assert found.shape == LABELS.shape
    assert np.isfinite(found).all()


@pytest.mark.parametrize("bias", [1.0, 0.5])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_picture_is_a_function_of_model_seed_and_label_bit_for_bit(sampler, bias, model) -> None:
    whole = draw(model, bias=bias, sampler=sampler)
    assert whole.dtype == np.float32
    assert whole.shape == (7, 8, 8, 1)
    assert np.isfinite(whole).all()

    def same(rows: list[int]) -> None:
        again = draw(model, LABELS[rows], SEEDS[rows], bias, sampler)
        np.testing.assert_array_equal(again, whole[rows])

    for row in (0, 3, 6):
        same([row])
    same([6, 2, 0, 5, 1, 4, 3])
    same([0, 1, 2])
    same([3, 4, 5, 6])
    same([5, 5, 1, 5])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_seed_label_and_bias_each_matter(sampler, model) -> None:
    one = draw(model, [1], [7], sampler=sampler)
    for other in (
        draw(model, [1], [8], sampler=sampler),
        draw(model, [1], [7 + 2**32], sampler=sampler),
        draw(model, [2], [7], sampler=sampler),
        draw(model, [1], [7], bias=0.5, sampler=sampler),
    ):
        assert np.abs(other - one).max() > 1e-3


def test_samplers_and_steps_matter(model) -> None:
    found = [draw(model, [1], [7], sampler=sampler) for sampler in SAMPLERS]
    found.append(draw(model, [1], [7], sampler="ddim", steps=5))
    for place, one in enumerate(found):
        for other in found[place + 1 :]:
            assert np.abs(one - other).max() > 1e-3


def noise_of(seed: int, *shape: int) -> torch.Tensor:
    """A picture's first noise, drawn from its own stream on the host."""
    return torch.from_numpy(seeding.stream(seed).standard_normal(shape, dtype=np.float32))


@torch.inference_mode()
def test_unbiased_sampling_is_the_plain_conditional_model(model) -> None:
    from diffusers import DDIMScheduler

    unet = model.pipeline.unet
    scheduler = DDIMScheduler.from_config(
        model.pipeline.scheduler.config, timestep_spacing="trailing", clip_sample=False
    )
    scheduler.set_timesteps(4)
    x = torch.stack([noise_of(int(seed), 1, 8, 8) for seed in SEEDS[:BATCH]])
    for t in scheduler.timesteps:
        output = unet(x, t, torch.from_numpy(LABELS[:BATCH])).sample
        x = scheduler.step(output, t, x).prev_sample
    found = draw(model, LABELS[:BATCH], SEEDS[:BATCH], steps=4)
    np.testing.assert_array_equal(found, x.permute(0, 2, 3, 1).numpy())


#: ᾱ at t = T − 1 of the linear β, 1e-4 … 0.02 over the tiny configuration's 50 timesteps.
KEPT = float(np.prod(1 - np.linspace(1e-4, 0.02, 50)))


@pytest.fixture(scope="module")
def epsilon_model():
    """Its scheduler's β are the linear 1e-4 … 0.02."""
    return fit(steps=5, model={"prediction": "epsilon", "beta_schedule": "linear"})


@torch.inference_mode()
@pytest.mark.parametrize("bias", [1.0, 0.5, 0.25])
def test_guidance_by_hand_on_one_step(bias, epsilon_model) -> None:
    """ε = ε(∅) + (ε(c) − ε(∅))/λ, then x₀ = (x − √(1−ᾱ) ε)/√ᾱ, not clipped.

    One DDIM step starts at t = T − 1 and ends at the picture.
    """
    unet = epsilon_model.pipeline.unet
    x = torch.stack([noise_of(int(seed), 1, 8, 8) for seed in SEEDS[:2]])
    conditional = unet(x, 49, torch.from_numpy(LABELS[:2])).sample
    unconditional = unet(x, 49, torch.tensor([3, 3])).sample
    epsilon = unconditional + (conditional - unconditional) / bias
    expected = (x - (1 - KEPT) ** 0.5 * epsilon) / KEPT**0.5
    assert expected.abs().max() > 1.5
    # The tolerance must be far below what the term amounts to.
    assert (((1 - KEPT) / KEPT) ** 0.5 * (conditional - unconditional)).abs().max() > 1e-2
    found = draw(epsilon_model, LABELS[:2], SEEDS[:2], bias, "ddim", steps=1, batch_size=2)
    np.testing.assert_allclose(found, expected.permute(0, 2, 3, 1).numpy(), atol=2e-6)


def test_the_paper_s_bias_is_the_inverse_of_the_guidance_scale(model, monkeypatch) -> None:
    """λ = 1/(1 + w) and s = 1 + w: λ = 1, 1/2, 1/4 are s = 1, 2, 4."""
    heard = []

    class Recorder:
        unet, networks = model.pipeline.unet, model.pipeline.networks

        def __call__(self, labels, seeds, guidance_scale, **others):
            heard.append(guidance_scale)
            return np.zeros((len(labels), 8, 8, 1), np.float32)

    for bias in (1.0, 0.5, 0.25):
        draw(ddpm.DDPM(Recorder()), bias=bias, batch_size=7)
    assert heard == [1.0, 2.0, 4.0]


def test_the_null_class_is_what_dropped_conditions_train() -> None:
    """Always dropped, labels cannot matter; never dropped, the null class stays as it began."""

    def labelled(labels: list[int], dropout: float, steps: int = 4) -> dict[str, torch.Tensor]:
        data = pictures()
        data = TrainingData(data.images, np.array(labels), data.levels, data.n_classes)
        return fit(
            data, model={"condition_dropout": dropout}, steps=steps
        ).pipeline.unet.state_dict()

    ones, twos = [1] * 12, [2] * 12
    always = labelled(ones, 1 - 1e-12), labelled(twos, 1 - 1e-12)
    never = labelled(ones, 0.0), labelled(twos, 0.0)
    for name in always[0]:
        assert torch.equal(always[0][name], always[1][name])
    assert any(not torch.equal(never[0][name], never[1][name]) for name in never[0])
    embedding = "class_embedding.weight"
    before = labelled(ones, 0.0, steps=1)[embedding]
    assert before.shape[0] == 4
    assert torch.equal(never[0][embedding][3], before[3])
    assert torch.equal(never[0][embedding][2], before[2])
    assert not torch.equal(never[0][embedding][1], before[1])
    assert not torch.equal(always[0][embedding][3], before[3])


def test_training_is_a_function_of_its_seed(tmp_path) -> None:
    one, again, other = (fit(seed=seed) for seed in (5, 5, 6))
    files = saved(one, tmp_path / "one")
    assert saved(again, tmp_path / "again") == files
    weights = "unet/diffusion_pytorch_model.safetensors"
    assert saved(other, tmp_path / "other")[weights] != files[weights]


def test_the_first_weights_use_all_64_bits_of_the_seed() -> None:
    weights = [
        fit(seed=seed, steps=1, learning_rate=1e-30).pipeline.unet.conv_in.weight
        for seed in (5, 5, 6, 5 + 2**32)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[3])


def test_a_model_is_the_running_mean_of_its_weights() -> None:
    last, mean = (fit(steps=6, ema_decay=decay).pipeline.unet for decay in (0.0, 0.9))
    first = fit(steps=6, learning_rate=1e-30).pipeline.unet
    gone, meant = (
        sum((one - other).norm() ** 2 for one, other in zip(a, b, strict=True)) ** 0.5
        for a, b in (
            (list(last.parameters()), list(first.parameters())),
            (list(mean.parameters()), list(first.parameters())),
        )
    )
    # It lags behind the last weights on their way from the first.
    assert 0.1 * gone < meant < 0.99 * gone


def test_seeds_that_share_32_bits_train_apart(tmp_path) -> None:
    one, other = (saved(fit(seed=seed), tmp_path / str(seed)) for seed in (5, 5 + 2**32))
    assert one != other


def watched(data: TrainingData, steps: int):
    """A model, and the losses it reported, by step."""
    heard: dict[int, float] = {}

    def report(done: int, total: int, note: str) -> None:
        assert total == steps
        heard[done] = float(note.removeprefix("loss "))

    return fit(
        data, model={"channels": [8]}, steps=steps, learning_rate=0.01, report=report
    ), heard  # fmt: skip


def test_training_learns_its_pictures() -> None:
    """Dark pictures of class 0, bright ones of class 1: each is drawn when asked for."""
    images = np.full((8, 4, 4, 1), 2, np.uint8)
    images[1::2] = 14
    data = TrainingData(images, np.arange(8) % 2, 17, 2)
    model, losses = watched(data, steps=200)
    assert losses.keys() == {50, 100, 150, 200}
    _, first = watched(data, steps=1)
    assert losses[200] < 0.2 * first[1]
    drawn = draw(model, [0, 0, 1, 1], [1, 2, 3, 4], steps=10).mean(axis=(1, 2, 3))
    # The levels 2 and 14 of 0..16 are −0.75 and 0.75.
    np.testing.assert_allclose(drawn, [-0.75, -0.75, 0.75, 0.75], atol=0.25)


def test_timesteps_of_a_batch_are_stratified(monkeypatch) -> None:
    from diffusers import DDPMScheduler

    seen = []
    add_noise = DDPMScheduler.add_noise

    def recorded(self, clean, noise, t):
        seen.append((t.numpy(), noise.numpy()))
        return add_noise(self, clean, noise, t)

    monkeypatch.setattr(DDPMScheduler, "add_noise", recorded)
    fit(steps=30, batch_size=5)
    assert len(seen) == 30
    for t, _ in seen:
        assert sorted(t // 10) == [0, 1, 2, 3, 4]  # 50 timesteps in 5 strata
    everything = np.concatenate([t for t, _ in seen])
    assert everything.min() < 5
    assert everything.max() >= 45
    assert len({noise.tobytes() for _, noise in seen}) == 30


@settings(derandomize=True, max_examples=60)
@given(n=st.integers(1, 20), batch_size=st.integers(1, 45), seed=st.integers(0, 3))
def test_every_epoch_is_a_permutation(n, batch_size, seed) -> None:
    order = Order(n, batch_size, seed)
    rows = np.concatenate([order.batch(step) for step in range(-(-5 * n // batch_size))])
    epochs = rows[: 5 * n].reshape(5, n)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(n), (5, 1)))
    if n > 8:
        assert len({tuple(epoch) for epoch in epochs.tolist()}) == 5


def test_a_saved_model_is_plain_diffusers(model, tmp_path) -> None:
    from diffusers import DDPMScheduler, UNet2DModel

    files = saved(model, tmp_path / "model")
    unet = UNet2DModel.from_pretrained(tmp_path / "model" / "unet", use_safetensors=True)
    scheduler = DDPMScheduler.from_pretrained(tmp_path / "model" / "scheduler")
    assert scheduler.config.num_train_timesteps == MODEL["timesteps"]
    assert scheduler.config.prediction_type == MODEL["prediction"]
    assert scheduler.config.clip_sample is False
    for name, weights in model.pipeline.unet.state_dict().items():
        assert torch.equal(unet.state_dict()[name], weights)
    assert {Path(name).suffix for name in files} == {".json", ".safetensors"}


def test_saving_tells_no_path_and_loading_and_saving_changes_no_byte(model, tmp_path) -> None:
    files = saved(model, tmp_path / "first")
    again = saved(ddpm.load(tmp_path / "first", "cpu"), tmp_path / "second")
    assert again == files
    for content in (*files.values(), *again.values()):
        assert str(tmp_path).encode() not in content
        assert b"/root" not in content
        assert b"/home" not in content
    for name, content in files.items():
        if name.endswith(".json"):
            assert "_name_or_path" not in json.loads(content)


@pytest.fixture(scope="module")
def loaded(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("loaded") / "model"
    saved(model, folder)
    return ddpm.load(folder, "cpu")


@pytest.mark.parametrize("steps", [1, 3, 25])
@pytest.mark.parametrize("bias", [1.0, 0.5])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_loaded_model_draws_the_same_pictures(sampler, bias, steps, model, loaded) -> None:
    one, other = (draw(m, bias=bias, sampler=sampler, steps=steps) for m in (model, loaded))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("which", ["model", "loaded"])
@pytest.mark.parametrize(
    ("sampler", "steps"),
    [("dpm-solver++", steps) for steps in (1, 3, 25, 26, 49)]
    + [(sampler, steps) for sampler in ("ddim", "ancestral") for steps in (1, 5, 25, 50)],
)
def test_a_trajectory_begins_at_the_last_timestep(
    sampler, steps, which, request, monkeypatch
) -> None:
    """T = 50: more than T/2 steps are where leading spacings begin elsewhere."""
    chosen = request.getfixturevalue(which)
    seen: list[int] = []
    forward = chosen.pipeline.unet.forward

    def watched(x, t, labels):
        seen.append(int(t))
        return forward(x, t, labels)

    monkeypatch.setattr(chosen.pipeline.unet, "forward", watched)
    found = draw(chosen, LABELS[:2], SEEDS[:2], sampler=sampler, steps=steps, batch_size=2)
    assert seen[0] == MODEL["timesteps"] - 1 == 49
    assert len(seen) == steps
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] >= 0
    assert np.isfinite(found).all()


def test_the_samplers_state_how_their_timesteps_are_spaced() -> None:
    from autophagy.models.pipeline import SAMPLERS as table

    spacing = {name: entry[1]["timestep_spacing"] for name, entry in table.items()}
    assert spacing == {"dpm-solver++": "linspace", "ddim": "trailing", "ancestral": "trailing"}


def test_nothing_is_clipped_on_the_way() -> None:
    """A network that answers ε = 0 leaves x₀ = x/√ᾱ, far outside [-1, 1]."""
    model = fit(steps=1, model={"prediction": "epsilon", "beta_schedule": "linear"})
    model.pipeline.unet.forward = lambda x, t, labels: SimpleNamespace(sample=torch.zeros_like(x))
    x = torch.stack([noise_of(int(seed), 1, 8, 8) for seed in SEEDS[:2]])
    expected = (x / KEPT**0.5).permute(0, 2, 3, 1).numpy()
    assert np.abs(expected).max() > 2
    for sampler, steps in (("ddim", 1), ("ddim", 5), ("ancestral", 1)):
        found = draw(model, LABELS[:2], SEEDS[:2], 1.0, sampler, steps=steps, batch_size=2)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def spoil(folder: Path, how: str) -> Path:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    if how == "missing":
        return folder / "nowhere"
    if how == "empty":
        (folder / "empty").mkdir()
        return folder / "empty"
    if how == "no weights":
        weights.unlink()
    elif how == "cut weights":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif how == "foreign weights":
        weights.write_bytes(b"nonsense")
    elif how == "no unet":
        (folder / "unet" / "config.json").unlink()
    elif how == "broken index":
        (folder / "model_index.json").write_text("{")
    elif how == "other class":
        (folder / "model_index.json").write_text('{"_class_name": "DDPMPipeline"}')
    return folder


@pytest.mark.parametrize(
    "how",
    [
        "missing", "empty", "no weights", "cut weights", "foreign weights", "no unet",
        "broken index", "other class",
    ],
)  # fmt: skip
def test_what_is_no_model_is_named(how, model, tmp_path) -> None:
    saved(model, tmp_path / "model")
    folder = spoil(tmp_path / "model", how)
    with pytest.raises(UserError) as raised:
        ddpm.load(folder, "cpu")
    assert str(raised.value).startswith(f"{folder}: not a saved ddpm model")


@pytest.mark.parametrize(("size", "side"), [(6, 8), (5, 8), (8, 8)])
def test_padded_pictures_come_back_in_their_own_size(size, side, tmp_path) -> None:
    deep = {"channels": [8, 8, 8], "pad": True}
    model = fit(pictures(size=size), model=deep)
    assert model.pipeline.unet.config.sample_size == side
    assert draw(model).shape == (7, size, size, 1)
    saved(model, tmp_path / "model")
    loaded = draw(ddpm.load(tmp_path / "model", "cpu"))
    np.testing.assert_array_equal(loaded, draw(model))


def test_pictures_are_the_same_numbers_stored_as_levels_or_not() -> None:
    """And levels, a byte each, take a quarter of the memory."""
    data = pictures(5, size=6, channels=3)
    whole = TrainingData(data.images.astype(np.float32), data.labels, data.levels, data.n_classes)
    levels, numbers = (Pictures(given, 8, "cpu") for given in (data, whole))
    assert levels.shape == numbers.shape == (5, 3, 8, 8)
    assert levels[:].dtype == torch.float32
    for rows in (slice(None), slice(1, 3), torch.tensor([4, 0, 4])):
        assert torch.equal(levels[rows], numbers[rows])
    assert levels[:].min() == -1
    assert levels._stored.nbytes * 4 == numbers._stored.nbytes


@pytest.mark.parametrize("size", [5, 6, 8])
def test_the_crop_undoes_the_padding(size) -> None:
    """A network that answers with the picture it was trained on gives it back, uncut."""
    data = pictures(3, size=size)
    padded = Pictures(data, 8, "cpu")[:]
    assert padded.dtype == torch.float32
    assert padded.shape == (3, 1, 8, 8)
    expected = data.images.astype(np.float32) / 8 - 1
    margin = (8 - size) // 2
    inner = padded[:, 0, margin : margin + size, margin : margin + size]
    np.testing.assert_allclose(inner.numpy(), expected[..., 0], atol=1e-6)
    assert (padded == -1).sum() >= 3 * (64 - size**2)

    model = fit(steps=1, model={"prediction": "epsilon", "beta_schedule": "linear"})
    model.pipeline.register_to_config(image_size=size)

    def noise_towards_the_pictures(x, t, labels):
        assert int(t) == 49
        noise = (x - KEPT**0.5 * padded) / (1 - KEPT) ** 0.5
        return SimpleNamespace(sample=noise)

    model.pipeline.unet.forward = noise_towards_the_pictures
    found = draw(model, [0, 1, 2], [1, 2, 3], steps=1, batch_size=3)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_without_padding_an_odd_side_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.pad: true to pad to 8"):
        fit(pictures(size=6), model={"channels": [8, 8, 8]})


def test_colour_pictures() -> None:
    assert draw(fit(pictures(channels=3))).shape == (7, 8, 8, 3)


def test_one_unlabelled_class() -> None:
    model = fit(pictures(n_classes=1))
    assert model.pipeline.unet.config.num_class_embeds == 2
    assert np.abs(draw(model, [0], [1]) - draw(model, [0], [1], bias=0.5)).max() > 1e-4


@pytest.mark.parametrize("steps", [3, 60])
def test_training_that_breaks_down_is_said_so(steps) -> None:
    with pytest.raises(UserError, match=r"^train: the loss is nan at step \d+; lower train\.learn"):
        fit(steps=steps, learning_rate=1e38, warmup_steps=0)


@pytest.mark.parametrize(("n", "steps"), [(7, 3), (1, 10)])
def test_progress_of_sampling_rises_to_the_number_of_pictures(n, steps, model) -> None:
    heard: list[tuple[int, int]] = []
    options = {"scheduler": "ddim", "steps": steps, "batch_size": BATCH}
    model.sample(
        LABELS[:n], SEEDS[:n], 1.0, options, lambda done, total, note: heard.append((done, total))
    )
    done = [said for said, _ in heard]
    assert done == sorted(done)
    assert heard[-1] == (n, n)
    assert min(done) > 0
