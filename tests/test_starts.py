"""Loops that start from outside: a checkpoint of the user's as G^1, pictures as S^1."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from autophagy import (
    config as configuration,
)
from autophagy import (
    export,
    ledger,
    lineage,
    lineage_text,
    manifests,
    paths,
    starts,
    store,
    summary,
    tables,
    trace,
)  # fmt: skip
from autophagy.archive import Archive
from autophagy.audit import audit
from autophagy.errors import UserError
from autophagy.features import lenet
from autophagy.models import ddpm, ddpm_model
from autophagy.models.ddpm_adopted import adopt
from autophagy.steps.import_start import import_pictures
from conftest import Made, make, plan_of, quiet, tiny_content

torch = pytest.importorskip("torch")
FACTS = {"size": 8, "channels": 1, "levels": 17, "classes": list("0123456789")}
LOOP = {"sampling_bias": 1.0, "n_synthetic": 60}


def pictures(n: int = 70) -> dict[str, np.ndarray]:
    images = np.random.default_rng(5).integers(0, 256, (n, 8, 8), dtype=np.uint8)
    return {"images": images, "labels": np.arange(n) % 10}


def network(**changes: Any) -> Any:
    from diffusers import UNet2DModel

    torch.manual_seed(0)
    settings = {
        "sample_size": 8, "in_channels": 1, "out_channels": 1, "block_out_channels": (4, 4),
        "down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2,
        "layers_per_block": 1, "norm_num_groups": 2, "add_attention": False,
    }  # fmt: skip
    return UNet2DModel(**settings | changes)


def plain(folder: Path, **changes: Any) -> Path:
    """A checkpoint as diffusers' own pipeline saves it."""
    from diffusers import DDPMPipeline, DDPMScheduler

    scheduler = DDPMScheduler(num_train_timesteps=20)
    DDPMPipeline(network(**changes), scheduler).save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def outside(tmp_path_factory) -> Path:
    """A folder with a checkpoint of ours and a .npz."""
    folder = tmp_path_factory.mktemp("outside")
    write_outside(folder)
    return folder


def write_outside(folder: Path) -> None:
    from diffusers import DDPMScheduler

    np.savez(folder / "set.npz", **pictures())
    (folder / "ours").mkdir()
    unet = network(num_class_embeds=11)
    ddpm.DDPM.of(unet, DDPMScheduler(num_train_timesteps=20), 8).save(folder / "ours")


def content(outside: Path) -> dict[str, Any]:
    loops = {
        "known": {"regime": "fully_synthetic", "start_from": "full", "n_real": 0},
        "from-pictures": {"regime": "fresh_data", "start_from": f"{outside}/set.npz", "n_real": 20},
        "from-model": {
            "regime": "synthetic_augmentation", "start_from": f"{outside}/ours", "n_real": 60,
        },
    }  # fmt: skip
    whole = tiny_content() | {"seeds": [1], "generations": 2, "real_only": {"full": 60}}
    whole["loops"] = {name: LOOP | loop for name, loop in loops.items()}
    whole["loops"]["from-model"]["sampling_bias"] = 0.5
    return whole


@pytest.fixture(scope="module")
def made(outside, tmp_path_factory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    plan = plan_of(content(outside))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lenet, "TRAINING", lenet.TRAINING | {"epochs": 5})
        plan = plan_of(content(outside))
        make(plan, folder / plan.root)
    return Made(plan, folder / plan.root, folder)


def test_loops_from_outside_run_to_the_report_and_keep_every_law(made, outside) -> None:
    assert audit(Archive(made.root)) == []
    for file in made.root.rglob("*.json"):
        assert str(outside) not in file.read_text(), file
    root = manifests.read(made.root, paths.root_path("loops", "from-model"))["params"]
    assert (root["n_initial"], root["loop"]["start_from"]) == (0, "imported")
    table = tables.read(made.root)
    first = table[(table["loop"] == "from-pictures") & (table["generation"] == 1)]
    assert first["recall"].notna().all()
    assert (first["n_train"] == 0).all()
    assert "from-pictures" in summary.text(made.root, made.plan.experiment)


@pytest.mark.parametrize("loop", ["from-pictures", "from-model"])
def test_generation_1_is_measured_without_a_training_set(loop, made) -> None:
    views = store.read_json(made.root / paths.evaluation_path(loop, 1, 1))
    for found in (views["output"], views["model"]):
        assert found["undefined"].keys() == {"memorisation", "frechet_distance_to_train"}
    assert (views["output"] == views["model"]) == (loop == "from-pictures")


def test_imported_pictures_are_the_users_in_our_levels_and_classes(made) -> None:
    folder, given = made.root / "imported/from-pictures/samples", pictures()
    rows = np.load(folder / "source_rows.npy")
    assert sorted(rows) == list(range(70))
    assert rows.tolist() != sorted(rows)
    expected = np.rint(given["images"][rows] / 255 * 16).astype(np.uint8)
    np.testing.assert_array_equal(np.load(folder / "images.npy")[..., 0], expected)
    np.testing.assert_array_equal(np.load(folder / "labels.npy"), given["labels"][rows])
    preview = np.load(made.root / "imported/from-pictures/preview/labels.npy")
    assert preview[:20].tolist() == [*range(10), *range(10)]


def test_lineage_says_what_it_does_not_know(made) -> None:
    archive = Archive(made.root)
    samples, model = "imported/from-pictures/samples", "imported/from-model/model"
    for artifact in (samples, model):
        assert archive.parents(artifact) == []
        assert lineage.origin(archive, artifact) == "unknown: brought by the user"
        assert lineage.real_ancestors(archive, artifact) == 0
        assert export.real_share(archive, artifact) == 0
    second = "loops/from-pictures/seed-1/gen-002/training_set.parquet"
    tree = lineage.tree(archive, second)
    assert (tree["real_share"], tree["unknown"], tree["mean_depth"]) == (0.25, 0.75, 0.75)
    assert tree["real_ancestors"] == 20
    text = "\n".join(lineage_text.drawn(tree))
    assert f"{samples}  imported set, 70 rows" in text
    assert "origin unknown: brought by the user" in text
    assert "75.0% descend from outside, origin unknown: depth counts from there" in text
    assert lineage.unknown(archive, "loops/from-model/seed-1/gen-002/samples") == 0.5
    assert lineage.unknown(archive, "loops/known/seed-1/gen-002/samples") == 0
    assert lineage.descendants(archive, samples, 3)[second] in (0.0, 1 / 80)


def test_rows_are_traced_to_what_came_from_outside(made) -> None:
    archive = Archive(made.root)
    steps = trace.trace(archive, "loops/from-pictures/seed-1/gen-002/training_set.parquet", 79)
    assert steps[-1]["kind"] == "imported_set"
    assert steps[-1]["source"] == "pictures of the user's"
    assert "its origin is unknown" in "\n".join(lineage_text.told(steps[-1]))
    [step] = trace.trace(archive, "loops/from-model/seed-1/gen-001/samples", 0)
    assert step["real_share"] is None
    assert "its training is unknown" in "\n".join(lineage_text.told(step))
    again = trace.regenerate(archive, "loops/from-model/seed-1/gen-001/samples", 0)
    assert again["identical"]


def test_every_format_of_others_can_say_it(made) -> None:
    pytest.importorskip("prov")
    from autophagy.export import card, croissant, prov, ro_crate

    for module in (card, croissant, prov, ro_crate):
        assert module.files(Archive(made.root))


def test_the_ledger_has_a_stage_for_each_start_and_sees_other_files(made, outside) -> None:
    stages = ledger.stage_nodes(made.plan)
    assert stages["import-from-model"] == ["imported/from-model/model"]
    assert ledger.findings(made.plan, made.root)["import-from-pictures"] is None
    text = ledger.text(made.plan, "config/x/config.yaml")
    assert f"{outside}/set.npz" in text
    assert "${item.start}" in text
    assert "real-only/${item.start_from}" not in text
    before = (outside / "set.npz").read_bytes()
    try:
        np.savez(outside / "set.npz", **pictures(71))
        assert "does not hold what" in ledger.findings(made.plan, made.root)["import-from-pictures"]
    finally:
        (outside / "set.npz").write_bytes(before)


def test_a_folder_alone_is_measured_and_audited(tmp_path, monkeypatch) -> None:
    """`generations: 1`, and one class a subfolder."""
    from PIL import Image

    for row, (image, label) in enumerate(zip(*pictures(50).values(), strict=True)):
        place = tmp_path / "mine" / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{row:03d}.png")
    monkeypatch.setattr(lenet, "TRAINING", lenet.TRAINING | {"epochs": 2})
    monkeypatch.chdir(tmp_path)
    whole = content(tmp_path) | {"generations": 1}
    loop = {"regime": "fully_synthetic", "start_from": "./mine", "n_real": 0, "n_synthetic": 40}
    whole["loops"] = {"mine": LOOP | loop}
    plan = plan_of(whole)
    make(plan, tmp_path / "results")
    assert audit(Archive(tmp_path / "results")) == []
    assert not [path for path in plan.nodes if path.startswith("loops/mine/seed-1")]


def test_a_network_without_classes_draws_what_it_drew_before(tmp_path) -> None:
    from diffusers import UNet2DModel

    folder = plain(tmp_path)
    model = adopt(folder, FACTS | {"classes": ["all"]}, True, "cpu")
    before = UNet2DModel.from_pretrained(folder / "unet").eval()
    x, t = torch.randn(3, 1, 8, 8), torch.tensor([3, 7, 11])
    with torch.inference_mode():
        for label in (0, 1):
            after = model.pipeline.unet.eval()(x, t, torch.full((3,), label)).sample
            torch.testing.assert_close(after, before(x, t).sample, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("changes", "facts", "biased", "words"),
    [
        ({}, {}, False, "it has no classes; the data set has 10"),
        ({"num_class_embeds": 10}, {}, True, "it has no null class, which sampling at"),
        ({"num_class_embeds": 7}, {}, False, "it has 7 classes; the data set has 10"),
        ({"num_class_embeds": 10, "sample_size": 16}, {}, False, "it has 16 pixels a side"),
        ({"num_class_embeds": 10}, {"channels": 3}, False, "it has 1 channels; the data set has 3"),
        ({"num_class_embeds": 10, "out_channels": 2}, {}, False, "it has 2 channels out"),
    ],
)
def test_a_checkpoint_of_other_pictures_is_refused(changes, facts, biased, words, tmp_path) -> None:
    with pytest.raises(UserError) as raised:
        adopt(plain(tmp_path, **changes), FACTS | facts, biased, "cpu")
    assert words in str(raised.value)


def test_a_checkpoint_with_classes_and_no_null_class_is_adopted(tmp_path) -> None:
    model = adopt(plain(tmp_path, num_class_embeds=10), FACTS, False, "cpu")
    assert model.pipeline.unet.config.num_class_embeds == 11


def test_a_broken_checkpoint_is_one_line(tmp_path) -> None:
    plain(tmp_path, num_class_embeds=10)
    (tmp_path / "unet/diffusion_pytorch_model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="not a checkpoint that can be adopted"):
        adopt(tmp_path, FACTS, False, "cpu")
    (tmp_path / "scheduler/scheduler_config.json").write_text('{"_class_name": "Evil"}')
    with pytest.raises(UserError, match="its scheduler is a Evil; allowed"):
        adopt(tmp_path, FACTS, False, "cpu")
    (tmp_path / "model_index.json").write_text("[]")
    with pytest.raises(UserError, match="not a diffusers checkpoint"):
        adopt(tmp_path, FACTS, False, "cpu")


def test_pipelines_of_our_class_without_classes_are_refused(tmp_path) -> None:
    plain(tmp_path)
    index = tmp_path / "model_index.json"
    content = json.loads(index.read_text()) | ddpm_model.INDEX | {"image_size": 8}
    index.write_text(json.dumps(content))
    with pytest.raises(UserError, match="it has 0 classes; the data set has 10"):
        adopt(tmp_path, FACTS, False, "cpu")


@pytest.mark.parametrize(
    ("schedule", "sample", "words"),
    [
        ({}, {"scheduler": "dpm-solver++", "steps": 20},
         "sample.steps: 20 must be below the checkpoint's num_train_timesteps = 20"),
        ({}, {"scheduler": "ddim", "steps": 25},
         "sample.steps: 25 does not divide the checkpoint's num_train_timesteps = 20"),
        ({"prediction_type": "sample"}, {}, "prediction_type 'sample' is not allowed"),
        ({"num_train_timesteps": "many"}, {}, "num_train_timesteps 'many' is not a whole number"),
    ],
)  # fmt: skip
def test_a_checkpoint_that_the_sampler_does_not_fit_is_refused_before_anything_runs(
    schedule, sample, words, tmp_path
) -> None:
    plain(tmp_path, num_class_embeds=10)
    file = tmp_path / "scheduler/scheduler_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | schedule))
    whole = tiny_content()
    whole["sample"] |= sample
    whole["loops"] = {"mine": whole["loops"]["fresh"] | {"start_from": str(tmp_path)}}
    with pytest.raises(UserError, match=r"^config\.yaml: loops\.mine\.start_from: ") as raised:
        configuration.parse(whole, "config.yaml")
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (pictures(59), "holds 59 pictures and 60 are needed"),
        ({"images": pictures()["images"]}, "its class 'all' is none of the data set's"),
        (pictures() | {"labels": np.arange(70) % 11}, "its class '10' is none"),
        (pictures() | {"images": np.zeros((70, 9, 9), np.uint8)}, "its pictures have 9 pixels"),
        (pictures() | {"images": np.zeros((70, 8, 8))}, "images are float64"),
    ],
)
def test_pictures_of_another_kind_fail_their_job_by_key(arrays, words, made, tmp_path) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    records = [
        made.plan.record(f"imported/from-pictures/{part}") for part in ("samples", "preview")
    ]
    shutil.copytree(made.root / "real", tmp_path / "root/real")
    with pytest.raises(UserError, match=r"^loops\.from-pictures\.start_from: ") as raised:
        import_pictures(tmp_path / "root", records, quiet, str(tmp_path / "x.npz"))
    assert words in str(raised.value)
    assert not (tmp_path / "root/imported").exists()


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({"start_from": "./nowhere"}, "start_from: no folder or .npz ./nowhere"),
        ({"start_from": "/etc/passwd"}, "start_from: /etc/passwd is a file and no .npz"),
        ({"start_from": "nowhere"}, "start_from: 'nowhere' is no real-only model; allowed: full"),
        ({"start_from": ""}, 'start_from: "" is not allowed'),
        ({"start_from": "{}/empty"}, "holds no pictures"),
        ({"start_from": "{}/pickled"}, "has no .safetensors; weights in other formats run code"),
        ({"start_from": "{}/ours", "labels": "inherited"}, "labels: inherited is not allowed"),
        ({"start_from": "{}/ours", "start": "previous"}, "start: previous is not allowed"),
        ({"start_from": "{}/set.npz", "guidance": {"kind": "sims", "weight": 0.5, "n": 40,
                                                   "steps": 3}}, "guidance: is not allowed"),
        ({"start_from": "{}/set.npz", "pool": "subsample", "synthetic": "all"},
         "pool: subsample is not allowed"),
    ],
)  # fmt: skip
def test_a_start_that_is_not_there_is_told_by_its_key(edits, words, outside) -> None:
    (outside / "empty").mkdir(exist_ok=True)
    (outside / "pickled").mkdir(exist_ok=True)
    (outside / "pickled/model_index.json").write_text(json.dumps({"_class_name": "DDPMPipeline"}))
    whole = content(outside)
    loop = {
        key: value.format(outside) if isinstance(value, str) else value
        for key, value in edits.items()
    }
    whole["loops"] = {"mine": whole["loops"]["from-model"] | loop}
    with pytest.raises(UserError, match=r"^config\.yaml: loops\.mine\.") as raised:
        configuration.parse(whole, "config.yaml")
    assert words in str(raised.value)


def test_a_loop_may_not_be_called_imported(outside) -> None:
    whole = content(outside)
    whole["loops"]["imported"] = whole["loops"]["known"]
    with pytest.raises(UserError, match="the name 'imported' is taken"):
        configuration.parse(whole, "config.yaml")


def test_what_lies_at_a_path_decides_what_it_is(outside) -> None:
    found = [starts.kind(f"{outside}/{name}") for name in ("ours", "set.npz")]
    assert found == [starts.MODEL, starts.PICTURES]
    assert starts.kind("full") is None
    assert {Path(name).name for name in starts.files(f"{outside}/ours")} == {
        "model_index.json", "config.json", "scheduler_config.json",
        "diffusion_pytorch_model.safetensors",
    }  # fmt: skip
