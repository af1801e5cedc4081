"""Networks trained elsewhere: a folder of Hugging Face's layout, and Inception from its file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from autophagy import config as configuration
from autophagy import (
    evaluations,
    features,
    layout,
    manifests,
    paths,
    store,
    summary,
    tables,
    tabular,
)
from autophagy.errors import UserError
from autophagy.features import inception, local, pretrained
from autophagy.steps.compare_opinions import compare_opinions
from autophagy.steps.evaluate import _within_memory, evaluate, evaluate_real
from autophagy.steps.features import train_features
from autophagy.verdict import opinions
from conftest import changed, make, plan_of, quiet

torch = pytest.importorskip("torch")
FACTS = {"levels": 17, "classes": ["dark", "bright", "never seen"]}
PREPROCESSOR = {
    "do_resize": True, "size": {"shortest_edge": 16}, "do_center_crop": True,
    "crop_size": {"height": 14, "width": 14}, "resample": 3, "do_rescale": True,
    "do_normalize": True, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.5, 0.25],
}  # fmt: skip


@pytest.fixture(scope="module")
def backbone(tmp_path_factory) -> Path:
    """A random DINOv2 of 8 numbers, saved as Hugging Face saves one."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("models") / "Tiny DINOv2"
    torch.manual_seed(0)
    network = transformers.Dinov2Model(
        transformers.Dinov2Config(
            hidden_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=14, patch_size=7
        )
    )
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    content = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(content | {"_name_or_path": "/home/someone"}))
    return folder


def pictures() -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(1)
    labels = np.arange(70) % 2
    images = draws.integers(0, 6, (70, 8, 8, 1), dtype=np.uint8)
    images[labels == 1] += 10
    return images, labels


def test_features_are_the_backbones_pooled_output_of_prepared_pictures(backbone, tmp_path) -> None:
    from transformers import Dinov2Model

    images, labels = pictures()
    network = local.fit(images, labels, FACTS, 1, "cpu", quiet, str(backbone))
    found, predicted = network(images)
    assert (found.dtype, found.shape, network.dimension) == (np.float32, (70, 8), 8)
    grey = torch.from_numpy(images[:3, None, ..., 0].astype(np.float32) / 16).expand(-1, 3, -1, -1)
    large = torch.nn.functional.interpolate(grey, (16, 16), mode="bicubic", antialias=True)
    mean, std = (torch.tensor(PREPROCESSOR[f"image_{name}"]) for name in ("mean", "std"))
    x = (large.clamp(0, 1)[:, :, 1:15, 1:15] - mean[:, None, None]) / std[:, None, None]
    with torch.inference_mode():
        expected = Dinov2Model.from_pretrained(backbone)(x).pooler_output.numpy()
    np.testing.assert_allclose(found[:3], expected, rtol=1e-4, atol=1e-5)
    assert (predicted == labels).mean() > 0.95

    network.save(tmp_path)
    again = local.load(tmp_path, "cpu")
    for mine, its in zip(network(images[:9]), again(images[:9]), strict=True):
        np.testing.assert_array_equal(mine, its)
    text = "".join(file.read_text() for file in tmp_path.rglob("*.json"))
    assert str(backbone.parent) not in text
    assert "/home" not in text


def test_an_experiment_is_measured_in_the_space_of_a_folder(backbone, tmp_path) -> None:
    value = f"{backbone}/"
    plan = plan_of(changed(("evaluate.features", value), ("seeds", [1])))
    network = layout.network_path(plan.experiment)
    assert network == "features/local-tiny-dinov2"
    real = paths.evaluation_path("real", 1, 0)
    assert str(backbone.parent) not in json.dumps([plan.record(path) for path in plan.nodes])
    make(plan, tmp_path, lambda path: False)
    train_features(tmp_path, [plan.record(network)], quiet, source=str(backbone))
    evaluate_real(tmp_path, [plan.record(real)], quiet)
    measured = store.read_json(tmp_path / real)["output"]
    assert measured["frechet_distance"] > 0
    weights = manifests.read(tmp_path, network)["facts"]["weights"]
    assert weights["model.safetensors"] == store.sha256(backbone / "model.safetensors")
    assert features.space("local-tiny-dinov2") == "tiny-dinov2"
    assert features.dimension("local-tiny-dinov2", tmp_path) == 8
    # Of the loops nothing was made: their rows stand in for it.
    listed = [entry | {"path": real} for entry in evaluations.of(plan.experiment)]
    tables.write_csv(tmp_path, listed)
    assert "Fréchet distance (tiny-dinov2" in summary.text(tmp_path, plan.experiment)


def test_a_folder_gives_a_second_opinion(backbone, tiny_experiment, tmp_path) -> None:
    """The finished tiny experiment, its last generations measured in the backbone's space, too."""
    plan = plan_of(changed(("evaluate.second", str(backbone)), ("seeds", [1])))
    root = tmp_path / "tiny"
    shutil.copytree(tiny_experiment.root, root)
    path = "features/local-tiny-dinov2"
    train_features(root, [plan.record(path)], quiet, source=str(backbone))
    last = [
        entry
        for entry in evaluations.of(plan.experiment)
        if entry["loop"] in plan.experiment.loops and entry["generation"] == 3
    ]
    for entry in last:
        before = store.read_json(root / entry["path"])
        evaluate(root, [plan.record(entry["path"])], quiet)
        content = store.read_json(root / entry["path"])
        assert content.pop("second")["model"]["frechet_distance"] > 0
        assert content == before
        materials = manifests.read(root, entry["path"])["materials"]
        assert path in {material["path"] for material in materials}
    compare_opinions(str(root), last, ["LeNet", features.space("local-tiny-dinov2")])
    made = tabular.read(root / paths.SECOND_OPINION, opinions.COLUMNS)
    assert set(made["second"]) == {"tiny-dinov2"}
    assert set(made["items"]) == {len(plan.experiment.loops)}
    of_distance = made[(made["metric"] == "frechet_distance") & (made["ranked"] == "loops")]
    assert -1 <= of_distance["correlation"].item() <= 1


def test_a_card_without_room_is_no_broken_folder_and_halves_what_goes_through(
    backbone, tmp_path, monkeypatch
) -> None:
    images, labels = pictures()
    network = local.fit(images, labels, FACTS, 1, "cpu", quiet, str(backbone))
    network.save(tmp_path)
    asked: list[int] = []

    def full(config):
        raise torch.OutOfMemoryError("CUDA out of memory")

    def measure(read):
        asked.append(len(read(images)[0]))
        if len(asked) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")

    _, facts = _within_memory(network, measure, quiet)
    assert (asked, facts) == ([70, 70], {"batch_size": pretrained.BATCH // 2})
    with pytest.raises(torch.OutOfMemoryError):
        pretrained.loaded(tmp_path, full, lambda folder: None)


@pytest.mark.parametrize(
    ("remove", "write", "words"),
    [
        ("config.json", None, "has no config.json"),
        ("preprocessor_config.json", None, "has no preprocessor_config.json"),
        ("model.safetensors", None, "has no model.safetensors; weights in other formats run code"),
        ("model.safetensors", ("pytorch_model.bin", "x"), "has no model.safetensors"),
        (None, ("config.json", "{"), "config.json: not JSON"),
        (None, ("config.json", "{}"), "config.json: has no model_type"),
        (None, ("preprocessor_config.json", "[]"), "is no mapping"),
        (None, ("preprocessor_config.json", "{}"), "preprocessor_config.json: 'size' is missing"),
        (None, ("preprocessor_config.json", json.dumps(PREPROCESSOR | {"resample": 1})),
         "resample 1 is not one of"),
        (None, ("preprocessor_config.json", json.dumps(PREPROCESSOR | {"image_std": [1, 1, 0]})),
         "image_std are not three numbers"),
        (None, ("preprocessor_config.json", json.dumps(PREPROCESSOR | {"size": 9})),
         "crop_size exceeds size"),
        ("model.safetensors", ("model.safetensors.index.json",
                               '{"weight_map": {"a": "../../x.safetensors"}}'),
         "is no safetensors file of this folder"),
    ],
)  # fmt: skip
def test_a_folder_that_is_no_backbone_is_refused_before_anything_runs(
    remove, write, words, backbone, tmp_path
) -> None:
    folder = tmp_path / "net"
    shutil.copytree(backbone, folder)
    if remove:
        (folder / remove).unlink()
    if write:
        (folder / write[0]).write_text(write[1])
    with pytest.raises(UserError, match=r"^config\.yaml: evaluate\.features: ") as raised:
        configuration.parse(changed(("evaluate.features", str(folder))), "config.yaml")
    assert words in str(raised.value)


def test_code_in_a_folder_never_runs(backbone, tmp_path) -> None:
    folder, images = tmp_path / "net", pictures()[0]
    shutil.copytree(backbone, folder)
    content = {"model_type": "own", "auto_map": {"AutoConfig": "c.C", "AutoModel": "c.M"}}
    (folder / "config.json").write_text(json.dumps(content))
    (folder / "c.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(UserError, match=r"^evaluate\.features: net: no backbone"):
        local.fit(images, np.zeros(70, np.int64), FACTS, 1, "cpu", quiet, str(folder))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("size", "expected"),
    [(7, (7, 7)), ({"shortest_edge": 5}, (5, 5)), ({"height": 3, "width": 4}, (3, 4))],
)
def test_sizes_are_read_as_they_are_written(size, expected) -> None:
    found = local.preprocessing(PREPROCESSOR | {"size": size, "do_center_crop": False})
    assert (found.size, found.crop) == (expected, None)


def test_the_nearest_class_mean_is_what_a_picture_is_taken_for() -> None:
    means = np.array([[0, 0], [10, 0], [np.nan, np.nan]], np.float32)
    rows = np.array([[1, 0], [9, 1], [100, 0]], np.float32)
    assert pretrained.nearest(rows, means).tolist() == [0, 1, 1]
    assert pretrained.nearest(rows[:0], means).shape == (0,)


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({"evaluate.features": "./no/such"}, "evaluate.features: no folder no/such"),
        ({"evaluate.features": "inception"}, "evaluate.weights: is missing; inception needs"),
        ({"evaluate.features": "inception", "evaluate.weights": "no.pth"},
         "evaluate.weights: no file no.pth"),
        ({"evaluate.weights": "x.pth"}, "evaluate.weights: lenet takes no file of weights"),
        ({"evaluate.weights": ""}, 'evaluate.weights: "" is not allowed'),
    ],
)  # fmt: skip
def test_what_is_missing_is_told_by_its_key(edits, words) -> None:
    with pytest.raises(UserError) as raised:
        configuration.parse(changed(*edits.items()), "config.yaml")
    assert words in str(raised.value)


def test_a_missing_library_is_told_with_what_to_install(tmp_path, monkeypatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (tmp_path / "w.pth").write_bytes(b"")
    with pytest.raises(UserError, match=r"inception needs torch_fidelity and torchvision; pip"):
        inception.require(str(tmp_path / "w.pth"))


def test_weights_that_would_run_code_are_refused(tmp_path) -> None:
    import pickle

    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / "w.pth").write_bytes(pickle.dumps({"a": Trap()}))
    with pytest.raises(UserError, match=r"^w\.pth: not a file of weights"):
        inception._state(tmp_path / "w.pth")
    assert not (tmp_path / "ran").exists()


def test_inception_gives_2048_numbers_and_comes_back(tmp_path) -> None:
    """With random weights: what is tried is how the network is called and kept."""
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"torch-fidelity with its torchvision is not installed: {error}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "load", lambda *_, **__: {})
        patch.setattr(torch.nn.Module, "load_state_dict", lambda *_, **__: None)
        state = FeatureExtractorInceptionV3("x", ["2048"], "unused").state_dict()
    torch.save(state, tmp_path / "w.pth")
    images, labels = pictures()
    network = inception.fit(images[:4], labels[:4], FACTS, 1, "cpu", quiet, str(tmp_path / "w.pth"))
    found, _ = network(images[:4])
    assert found.shape == (4, 2048)
    (tmp_path / "out").mkdir()
    network.save(tmp_path / "out")
    np.testing.assert_array_equal(inception.load(tmp_path / "out", "cpu")(images[:4])[0], found)
