"""Latent diffusion: an autoencoder and a U-Net in its latents, as one model."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from autophagy import cli, devices, ledger, sets, store
from autophagy import config as configuration
from autophagy import seeds as seeding
from autophagy.errors import UserError
from autophagy.models import autoencoder, autoencoder_adopted, budgets, latent, latent_cost
from autophagy.models.base import TrainingData
from autophagy.models.checkpoints import Checkpoint
from autophagy.page import asked
from conftest import REPOSITORY, TESTS, make, plan_of, quiet
from PIL import Image
from snakemake.utils import update_config

torch = pytest.importorskip("torch")

CONTENT = yaml.safe_load((TESTS / "configs" / "latent.yaml").read_text())
MODEL, TRAIN = CONTENT["model"], CONTENT["train"]
SAMPLE = {"scheduler": "ddim", "steps": 2, "batch_size": 4}
TABLE, WEIGHTS = "training_set.parquet", "diffusion_pytorch_model.safetensors"
LABELS, SEEDS = np.arange(6) % 3, seeding.derive_rows(6, "test")


def pictures(n: int = 12, size: int = 16) -> TrainingData:
    images = np.random.default_rng(1).integers(0, 256, (n, size, size, 3), dtype=np.uint8)
    return TrainingData(images, np.arange(n) % 3, 256, 3)


def fit(data=None, seed: int = 1, checkpoint=None, flattening=None, **train):
    devices.prepare(1, "cpu")
    return latent.fit(
        data or pictures(), MODEL, TRAIN | train, seed, "cpu", quiet, checkpoint, flattening
    )


def draw(model, chosen=slice(None), bias: float = 1.0) -> np.ndarray:
    return model.sample(LABELS[chosen], SEEDS[chosen], bias, SAMPLE, quiet)


def hashes(model, folder: Path) -> dict[str, str]:
    folder.mkdir(parents=True)
    model.save(folder)
    return store.hashes(folder)


@pytest.fixture(scope="module")
def model():
    return fit()


def test_the_same_fit_is_the_same_bytes_and_another_seed_is_not(model, tmp_path) -> None:
    first = hashes(model, tmp_path / "first")
    assert hashes(fit(), tmp_path / "again") == first
    other = hashes(fit(seed=2), tmp_path / "other")
    for part in ("unet", "vae"):
        weights = f"{part}/diffusion_pytorch_model.safetensors"
        assert other[weights] != first[weights]
    assert {Path(file).suffix for file in first} == {".json", ".safetensors"}
    for file in (tmp_path / "first").rglob("*.json"):
        assert str(tmp_path) not in file.read_text()
        assert "_name_or_path" not in file.read_text()


def test_a_picture_is_a_function_of_model_seed_and_label_bit_for_bit(model) -> None:
    whole = draw(model)
    assert whole.dtype == np.float32
    assert whole.shape == (6, 16, 16, 3)
    assert np.isfinite(whole).all()
    for chosen in ([3], [5, 0], [5, 4, 3, 2, 1, 0]):
        np.testing.assert_array_equal(draw(model, chosen), whole[chosen])
    assert np.abs(draw(model, bias=0.5) - whole).max() > 1e-4
    assert len(np.unique(whole.reshape(6, -1), axis=0)) == 6


def test_a_saved_model_draws_the_same_and_is_plain_diffusers(model, tmp_path) -> None:
    from diffusers import AutoencoderKL, UNet2DModel

    hashes(model, tmp_path / "model")
    np.testing.assert_array_equal(draw(latent.load(tmp_path / "model", "cpu")), draw(model))
    vae = AutoencoderKL.from_pretrained(tmp_path / "model" / "vae", use_safetensors=True)
    unet = UNet2DModel.from_pretrained(tmp_path / "model" / "unet", use_safetensors=True)
    assert vae.config.latent_channels == unet.config.in_channels == 3
    assert unet.config.sample_size == 8
    for file in ("model_index.json", "vae/config.json", "vae/diffusion_pytorch_model.safetensors"):
        kept = (tmp_path / "model" / file).read_bytes()
        (tmp_path / "model" / file).write_bytes(b"nonsense")
        with pytest.raises(UserError, match=r"not a saved (ddpm|latent) model"):
            latent.load(tmp_path / "model", "cpu")
        (tmp_path / "model" / file).write_bytes(kept)


def test_a_card_without_room_for_a_saved_model_is_no_broken_file(
    model, tmp_path, monkeypatch
) -> None:
    hashes(model, tmp_path / "model")

    def full(folder, device):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(latent.autoencoder, "load", full)
    with pytest.raises(torch.OutOfMemoryError):
        latent.load(tmp_path / "model", "cpu")


def test_latents_are_standardised_and_decoded_from_where_they_were(model) -> None:
    data = pictures()
    latents = model.coder.encode(data)
    assert latents.shape == (12, 3, 8, 8)
    assert abs(latents.mean()) < 1e-4
    assert abs(latents.std() - 1) < 1e-3
    with torch.inference_mode():
        scaled = torch.from_numpy(data.images.astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
        mean = model.coder.network.encode(scaled).latent_dist.mean
        expected = model.coder.network.decode(mean).sample.permute(0, 2, 3, 1)
    found = model.coder.decode(latents.permute(0, 2, 3, 1).numpy(), 12)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


def test_an_autoencoder_learns_its_pictures() -> None:
    """Even pictures of eight greys come back as they went in."""
    greys = np.linspace(20, 230, 8).astype(np.uint8)
    data = TrainingData(np.tile(greys[:, None, None, None], (1, 8, 8, 3)), np.zeros(8, int), 256, 1)
    budget = {"steps": 200, "batch_size": 8, "learning_rate": 0.01, "kl_weight": 1e-6}
    devices.prepare(1, "cpu")
    coder = autoencoder.fit(
        data, MODEL, {"autoencoder": budget}, 1, "cpu", quiet, Checkpoint()
    )  # fmt: skip
    found = coder.decode(coder.encode(data).permute(0, 2, 3, 1).numpy(), 8)
    expected = np.broadcast_to(data.images / 127.5 - 1, found.shape)
    assert np.abs(found - expected).mean() < 0.1


class Killed(BaseException):
    """What no `except Exception` hears."""


class Script(Checkpoint):
    """Of both parts: saves after each step, and is killed after a step of one of them."""

    kill: tuple[str, int] | None = None
    first: dict[str, int]

    def of(self, part: str) -> Script:
        found = Script(self.folder / part, self.key)
        found.part, found.kill, found.first = part, self.kill, self.first
        return found

    def resume(self, parts, device):
        self.first[self.part] = super().resume(parts, device)
        return self.first[self.part]

    def due(self) -> bool:
        return True

    def save(self, step, parts):
        super().save(step, parts)
        if self.kill == (self.part, step):
            raise Killed


@pytest.mark.parametrize(
    ("kill", "first"),
    [(("autoencoder", 3), {"autoencoder": 3, "unet": 0}),
     (("unet", 2), {"autoencoder": 5, "unet": 2})],
)  # fmt: skip
def test_a_killed_training_ends_with_the_same_bytes(kill, first, model, tmp_path) -> None:
    script = Script(tmp_path / "scratch", "the work")
    script.kill, script.first = kill, {}
    with pytest.raises(Killed):
        fit(checkpoint=script)
    script.kill = None
    resumed = fit(checkpoint=script)
    assert script.first == first
    assert hashes(resumed, tmp_path / "resumed") == hashes(model, tmp_path / "whole")


def test_a_coarse_copy_trains_nearly_the_same_autoencoder(model, coarse_copies) -> None:
    one, two = (
        torch.cat([p.detach().flatten() for p in made.coder.network.parameters()])
        for made in (model, fit())
    )
    assert two.dtype == torch.float32
    assert 1e-6 < (two - one).norm() / one.norm() < 0.05


def test_a_training_until_flat_looks_at_latents() -> None:
    rule = {"held_out": 0.25, "interval": 1, "patience": 1, "tolerance": 0.99, "max_steps": 4}
    data, flattening = budgets.divided({"until_flat": rule}, pictures(), 1)
    fit(data, flattening=flattening, batch_size=256)
    assert len(flattening.losses) == 2
    assert np.isfinite(flattening.losses).all()


def test_an_autoencoder_that_breaks_down_says_so() -> None:
    monstrous = TRAIN["autoencoder"] | {"learning_rate": 1e38}
    with pytest.raises(UserError, match=r"^train\.autoencoder: the loss is nan at step 5; lower"):
        fit(autoencoder=monstrous)


def test_what_does_not_fit_is_refused() -> None:
    sample = SAMPLE | {"steps": 5}
    latent.check(MODEL, TRAIN, sample, 16)
    with pytest.raises(UserError, match=r"^model\.channels: 2 levels on latents of 2 pixels .* 4 "):
        latent.check(MODEL, TRAIN, sample, 18)
    wide = MODEL | {"autoencoder": MODEL["autoencoder"] | {"channels": [8, 6]}}
    with pytest.raises(UserError, match=r"^model\.autoencoder\.channels: 6 is not a multiple"):
        latent.check(wide, TRAIN, sample, 16)
    with pytest.raises(UserError, match=r"^train\.processes: 4 does not divide train\.autoencoder"):
        latent.check(MODEL, TRAIN | {"batch_size": 8, "processes": 4}, sample, 16)
    assert latent.budget(TRAIN) == "4 steps of 6, after 5 steps of 6 of the autoencoder"


def test_an_experiment_is_made_of_it(tmp_path) -> None:
    """Its pictures are those of the model, in the data set's levels."""
    home = "real-only/full/seed-1"
    wanted = {f"{home}/{name}" for name in ("training_set.parquet", "model", "samples")}
    plan = plan_of(CONTENT)
    make(plan, tmp_path, lambda path: path in wanted)
    images, labels, seeds = (
        sets.read_array(tmp_path, f"{home}/samples", name) for name in ("images", "labels", "seeds")
    )
    assert images.shape[1:] == (8, 8, 1)
    assert images.max() <= 16
    model = latent.load(tmp_path / home / "model", "cpu")
    drawn = model.sample(labels, seeds, 1.0, CONTENT["sample"], quiet)
    expected = np.clip(np.rint((drawn + 1) * 8), 0, 16)
    np.testing.assert_array_equal(images, expected)


def test_faces_start_with_few_steps_once_there_is_a_folder_of_them(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = REPOSITORY / "config" / "faces-latent"
    with pytest.raises(UserError, match="no folder faces"):
        configuration.load(folder / "config.yaml")
    (tmp_path / "faces").mkdir()
    Image.new("RGB", (80, 100)).save(tmp_path / "faces" / "1.png")
    experiment = configuration.load(folder / "config.yaml")
    assert experiment.dataset.size == 128
    content = yaml.safe_load((folder / "config.yaml").read_text())
    update_config(content, yaml.safe_load((folder / "few-steps.yaml").read_text()))
    started = configuration.parse(content, "few-steps.yaml")
    assert autoencoder.factor(started.model.autoencoder.model_dump()) == 4
    assert started.loops.keys() == experiment.loops.keys()


def given(folder: Path, channels: int = 1, **changes) -> Path:
    """An autoencoder of somebody else's, as plain diffusers saves it."""
    from diffusers import AutoencoderKL

    devices.prepare(1, "cpu")
    torch.manual_seed(5)
    options = {
        "block_out_channels": (8, 8), "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2, "norm_num_groups": 4, "latent_channels": 3,
    }  # fmt: skip
    network = AutoencoderKL(in_channels=channels, out_channels=channels, **options, **changes)
    network.save_pretrained(folder)
    return folder


def with_given(folder: Path) -> dict:
    train = {key: value for key, value in TRAIN.items() if key != "autoencoder"}
    return CONTENT | {"model": MODEL | {"autoencoder": str(folder)}, "train": train}


def test_an_autoencoder_of_the_users_is_used_as_it_is(tmp_path) -> None:
    folder = given(tmp_path / "vae", 3, scaling_factor=2.0, shift_factor=0.5)
    content = with_given(folder)
    model = latent.recipe(content["model"])
    assert str(tmp_path) not in str(model)
    fitted = latent.fit(
        pictures(), model, content["train"], 1, "cpu", quiet, source=str(folder)
    )  # fmt: skip
    before, after = (
        autoencoder.load(place, "cpu").network.state_dict()
        for place in (_moved(folder, tmp_path / "plain"), _saved(fitted, tmp_path / "model"))
    )
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    data = pictures()
    with torch.inference_mode():
        scaled = torch.from_numpy(data.images.astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
        mean = fitted.coder.network.encode(scaled).latent_dist.mean
        expected = fitted.coder.network.decode(mean).sample.permute(0, 2, 3, 1)
    latents = fitted.coder.encode(data)
    torch.testing.assert_close(latents, (mean - 0.5) * 2.0)
    found = fitted.coder.decode(latents.permute(0, 2, 3, 1).numpy(), 12)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)
    np.testing.assert_array_equal(draw(latent.load(tmp_path / "model", "cpu")), draw(fitted))
    for file in (tmp_path / "model").rglob("*.json"):
        assert str(tmp_path) not in file.read_text()


def _moved(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to / autoencoder.FOLDER)
    return to


def _saved(model, folder: Path) -> Path:
    hashes(model, folder)
    return folder


def test_another_file_is_another_run_and_another_place_is_not(tmp_path) -> None:
    home = "real-only/full/seed-1/model"
    plan = plan_of(with_given(given(tmp_path / "vae")))
    make(plan, tmp_path / "run", lambda path: path in (home, home.replace("model", TABLE)))
    manifest = store.read_json(tmp_path / "run" / f"{home}.manifest.json")
    assert manifest["params"]["model"]["autoencoder"]["files"].keys() == {
        "config.json", "diffusion_pytorch_model.safetensors",
    }  # fmt: skip
    shutil.copytree(tmp_path / "vae", tmp_path / "elsewhere")
    assert plan_of(with_given(tmp_path / "elsewhere")).record(home) == plan.record(home)
    assert str(tmp_path) not in str([plan.record(path) for path in plan.nodes])
    assert str(tmp_path) not in str(asked.of_images(plan))
    stage = yaml.safe_load(ledger.text(plan, "config/x/config.yaml"))["stages"]["real-only"]["do"]
    assert str(tmp_path / "vae") in stage["deps"]
    given(tmp_path / "vae", scaling_factor=0.5)
    assert plan_of(with_given(tmp_path / "vae")).record(home) != plan.record(home)
    with pytest.raises(UserError, match="was changed since the run was planned"):
        make(plan, tmp_path / "late", lambda path: path in (home, home.replace("model", TABLE)))


def _said(vae: Path, before: str, after: str) -> None:
    file = vae / "config.json"
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda vae: (vae / "config.json").unlink(), "has no config.json"),
        (lambda vae: (vae / "config.json").write_text("{"), "config.json: Expecting"),
        (lambda vae: (vae / "config.json").write_text('{"_class_name": "UNet2DModel"}'),
         "is not of an AutoencoderKL"),
        (lambda vae: (vae / WEIGHTS).rename(vae / "diffusion_pytorch_model.bin"),
         f"has no {WEIGHTS}; weights in other formats run code"),
        (lambda vae: (vae / WEIGHTS).write_bytes(b"nonsense"), "no safetensors: "),
        (lambda vae: given(vae, 3), "its in_channels are 3; the data set's pictures have 1"),
        (lambda vae: _said(vae, '"latent_channels": 3', '"latent_channels": 0'),
         "latent_channels 0 is not a whole number"),
        (lambda vae: given(vae, scaling_factor=0.0), "scaling_factor 0.0 is not allowed"),
    ],
)  # fmt: skip
def test_an_autoencoder_that_does_not_fit_is_refused_before_anything_runs(
    spoil, words, tmp_path
) -> None:
    spoil(given(tmp_path / "vae"))
    with pytest.raises(UserError) as raised:
        plan_of(with_given(tmp_path / "vae"))
    [line] = str(raised.value).splitlines()
    assert "model.autoencoder: " in line
    assert words in line


def test_what_is_used_as_it_is_is_not_trained(tmp_path) -> None:
    content = with_given(given(tmp_path / "vae"))
    assert latent.budget(content["train"]) == "4 steps of 6, behind a given autoencoder"
    with pytest.raises(UserError, match=r"train\.autoencoder: is not allowed; model\.autoencoder"):
        plan_of(content | {"train": TRAIN})
    with pytest.raises(UserError, match=r"train\.autoencoder: is missing"):
        plan_of(CONTENT | {"train": content["train"]})
    with pytest.raises(UserError, match=r"model\.channels: 4 levels on latents of 2 pixels"):
        plan_of(content | {"model": content["model"] | {"channels": [8] * 4}})


def test_a_plan_of_an_autoencoder_that_diffusers_cannot_build_is_one_line(tmp_path) -> None:
    vae = given(tmp_path / "vae")
    said = json.loads((vae / "config.json").read_text())
    (vae / "config.json").write_text(json.dumps(said | {"down_block_types": ["Foo", "Foo"]}))
    model = with_given(vae)["model"]
    with pytest.raises(UserError, match=r"model\.autoencoder: .*no such autoencoder: .*Foo"):
        latent_cost.of(model, (16, 1), 3)


def test_weights_of_another_network_fail_their_job(tmp_path) -> None:
    from safetensors.numpy import load_file, save_file

    vae = given(tmp_path / "vae", 3)
    weights = load_file(vae / WEIGHTS)
    save_file({k: v for k, v in weights.items() if "mid_block" not in k}, vae / WEIGHTS)
    with pytest.raises(UserError, match=r"model\.autoencoder: .* missing keys: .*mid_block"):
        autoencoder_adopted.load(str(vae), autoencoder_adopted.hashes(str(vae)), 3, "cpu")


@pytest.mark.parametrize("brought", [False, True])
def test_what_is_counted_is_what_is_computed(brought, tmp_path) -> None:
    """To the operation in sampling; a backward pass is a little less than twice the forward one."""
    from torch.utils.flop_counter import FlopCounterMode

    # torch's counter does not see the attention of a CPU, so there is none.
    vae = given(tmp_path / "vae", 3, mid_block_add_attention=False)
    content = with_given(vae) if brought else CONTENT
    model, train = content["model"], content["train"]
    data = pictures()
    counted = latent_cost.of(model, (16, 3), data.n_classes)
    devices.prepare(1, "cpu")
    with FlopCounterMode(display=False) as fitting:
        fitted = latent.fit(
            data, latent.recipe(model), train, 1, "cpu", quiet, source=latent.source(model)
        )
    expected = counted.training({"model": model, "train": train}, train["steps"], len(data.labels))
    assert fitting.get_total_flops() == pytest.approx(expected, rel=0.03)
    with FlopCounterMode(display=False) as sampling:
        draw(fitted, bias=0.5)
    params = {"sample": SAMPLE, "sampling_bias": 0.5}
    assert sampling.get_total_flops() == counted.sampling(params, len(LABELS))
    networks = (fitted.coder.network, fitted.ddpm.pipeline.unet)
    assert counted.weights == sum(p.numel() for net in networks for p in net.parameters())


def test_faces_are_counted_without_their_pictures(capsys) -> None:
    file = REPOSITORY / "config" / "faces-latent" / "config.yaml"
    assert cli.main(["plan", str(file), "--tflops", "100"]) == 0
    assert "time of the networks at 100 TFLOP/s: " in capsys.readouterr().out
    assert cli.main(["plan", str(file), "--shape", "72x3"]) == 2
    assert "need a picture side that 16 divides" in capsys.readouterr().err


def test_too_little_memory_for_an_autoencoder_is_one_line(tmp_path, monkeypatch) -> None:
    """Of the network that it ran out for: each of them, its optimiser and what it passes on."""
    from diffusers import AutoencoderKL, UNet2DModel

    def full(*arguments, **named):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB")

    def adopted() -> None:
        content, folder = with_given(given(tmp_path / "vae", 3)), str(tmp_path / "vae")
        latent.fit(
            pictures(), latent.recipe(content["model"]), content["train"], 1, "cpu", quiet,
            source=folder,
        )  # fmt: skip

    for function, place, name, words in (
        (fit, AutoencoderKL, "decode", "train.autoencoder.batch_size: fitting the autoencoder"),
        (adopted, AutoencoderKL, "encode", "model.autoencoder: encoding 64 pictures at once"),
        (adopted, AutoencoderKL, "to", "model.autoencoder: loading it"),
        (fit, UNet2DModel, "forward", "train.batch_size: fitting the model"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, full)
            with pytest.raises(UserError, match=f"^{re.escape(words)} needs more memory"):
                function()
