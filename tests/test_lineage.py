"""Ancestry: depths against closed forms, shares, descendants, and one row back to its origin."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
from autophagy import cli, lineage, manifests, sets, store, trace, training_sets
from autophagy.archive import Archive
from autophagy.errors import UserError
from autophagy.locate import locate
from conftest import changed, plan_of
from frames import gather

GENERATIONS = 6


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Archive:
    """The manifests of three loops of equal sizes, without the payloads they would describe."""
    root = tmp_path_factory.mktemp("manifests")
    content = changed(
        ("generations", GENERATIONS), ("seeds", [1]), ("real_only.small", 40),
        ("loops.fresh.n_real", 10), ("loops.fresh.n_synthetic", 30),
        ("loops.augmentation.n_real", 15), ("loops.augmentation.n_synthetic", 45),
    )  # fmt: skip
    plan = plan_of(content)
    for path in plan.nodes:
        record = plan.record(path)
        rows = sum(part["count"] for part in record["params"].get("parts", [])) or 120
        manifest = {key: record[key] for key in manifests.PLANNED}
        manifest |= {"schema": 1, "path": path, "files": {}, "rows": rows, "facts": {}}
        manifest["materials"] = [{"path": p, "sha256": ""} for p in record["materials"]]
        store.write_json(root / manifests.path_of(path), manifest)
    return Archive(root)


def training_set(loop: str, t: int) -> str:
    if t == 1:
        return f"real-only/{'small' if loop == 'fresh' else 'full'}/seed-1/training_set.parquet"
    return f"loops/{loop}/seed-1/gen-{t:03d}/training_set.parquet"


@pytest.mark.parametrize("t", range(1, GENERATIONS + 1))
def test_fully_synthetic_training_sets_lie_t_minus_1_deep(archive, t) -> None:
    assert lineage.depths(archive, training_set("fully-synthetic", t)) == {t - 1: 1.0}


@pytest.mark.parametrize("t", range(1, GENERATIONS + 1))
@pytest.mark.parametrize("loop", ["fresh", "augmentation"])
def test_real_shares_give_a_truncated_geometric_law(archive, loop, t) -> None:
    p = 0.25
    found = lineage.depths(archive, training_set(loop, t))
    expected = {k: p * (1 - p) ** k for k in range(t - 1)} | {t - 1: (1 - p) ** (t - 1)}
    assert found == pytest.approx(expected)
    mean = (1 - p) * (1 - (1 - p) ** (t - 1)) / p
    assert lineage.mean_depth(found) == pytest.approx(mean)
    assert math.fsum(found.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("t", range(2, GENERATIONS + 1))
def test_distinct_real_ancestors_tell_fresh_from_fixed_data(archive, t) -> None:
    assert lineage.real_ancestors(archive, training_set("fresh", t)) == 40 + (t - 1) * 10
    assert lineage.real_ancestors(archive, training_set("augmentation", t)) == 60


def test_samples_lie_one_deeper_than_what_their_model_saw(archive) -> None:
    of_rows = lineage.depths(archive, training_set("fresh", 3))
    of_samples = lineage.depths(archive, "loops/fresh/seed-1/gen-003/samples")
    assert of_samples == {depth + 1: share for depth, share in of_rows.items()}


def test_inherited_labels_are_no_share_of_the_pictures(archive) -> None:
    assert lineage.depths(archive, "loops/biased/seed-1/gen-002/samples") == {2: 1.0}


def test_descendants_hold_as_much_as_their_rows_do(archive) -> None:
    found = lineage.descendants(archive, "real-only/small/seed-1/samples")
    for t in range(2, GENERATIONS + 1):
        assert found[training_set("fresh", t)] == pytest.approx(0.75 ** (t - 1))
        assert found[f"loops/fresh/seed-1/gen-{t:03d}/model"] == pytest.approx(0.75 ** (t - 1))
    assert found["loops/fresh/manifest.json"] is None
    assert found["evaluation/fresh/seed-1/gen-002/metrics.json"] is None
    assert not any("augmentation" in path or "fully" in path for path in found)


def test_everything_descends_from_the_real_loop_split_but_the_features(archive) -> None:
    found = lineage.descendants(archive, "real/loop")
    assert {path for path in archive.artifacts() if path not in found} == {
        "real/loop", "real/reference", "real/features", "features/lenet"
    }  # fmt: skip
    assert found[training_set("fully-synthetic", 5)] == pytest.approx(1.0)


def test_the_tree_lists_every_ancestor_and_no_subtree_twice(archive) -> None:
    nodes = []

    def walk(node) -> None:
        nodes.append(node)
        for parent in node["parents"]:
            walk(parent)

    walk(lineage.tree(archive, training_set("augmentation", 4)))
    whole = [node["path"] for node in nodes if "seen" not in node]
    assert len(whole) == len(set(whole)) == 11
    [first] = [node for node in nodes if node["path"] == training_set("augmentation", 4)]
    assert [parent["share"] for parent in first["parents"]] == [0.25, 0.75]


def test_a_row_of_a_training_set_is_traced_to_its_picture(tiny_experiment) -> None:
    archive = Archive(tiny_experiment.root)
    path = training_set("fresh", 2)
    table = training_sets.read(tiny_experiment.root / path).frame()
    images = gather(tiny_experiment.root, table)
    for row in (0, len(table) - 1):
        first, last = trace.trace(archive, path, row)
        assert (first["row"], first["label"]) == (row, last["label"])
        picture = sets.read_array(tiny_experiment.root, last["path"], "images")[last["row"]]
        np.testing.assert_array_equal(picture, images[row])
        if first["origin"] == "synthetic":
            [model] = last["models"]
            assert model["path"] == "real-only/small/seed-1/model"
            assert len(last["real_source_rows"]) == last["real_ancestors"] == 40
            assert last["generation"] == 1
        else:
            sources = sets.read_array(tiny_experiment.root, "real/loop", "source_rows")
            assert last["source_row"] == sources[last["row"]]


@pytest.mark.parametrize("loop", ["biased", "fresh"])
def test_a_sample_is_made_again_byte_for_byte_and_a_changed_one_is_found(
    tiny_experiment, tmp_path, loop
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(tiny_experiment.root, root)
    artifact = f"loops/{loop}/seed-1/gen-002/samples"
    assert trace.regenerate(Archive(root), artifact, 7) == {
        "identical": True, "largest_difference": 0, "unit": "grey levels", "same_code": True
    }  # fmt: skip
    images = np.load(root / artifact / "images.npy")
    images[7, 3, 3] = (images[7, 3, 3] + 5) % 17
    np.save(root / artifact / "images.npy", images)
    assert not trace.regenerate(Archive(root), artifact, 7)["identical"]
    assert trace.regenerate(Archive(root), artifact, 6)["identical"]


@pytest.mark.parametrize(("fault", "reason"), [("lost", "is missing"), ("cut", "is not the file")])
def test_weights_that_no_manifest_vouches_for_are_not_loaded(
    tiny_experiment, tmp_path, capsys, fault, reason
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(tiny_experiment.root, root)
    generation = root / "loops/fresh/seed-1/gen-002"
    [weights] = (generation / "model").rglob("*.safetensors")
    content = weights.read_bytes()
    weights.unlink()
    if fault == "cut":
        weights.write_bytes(content[:-1])
    assert cli.main(["trace", f"{generation}/samples", "0", "--regenerate"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"autophagy: {weights}: {reason}")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["lineage", "{root}/nowhere"], "does not exist in the experiment tiny"),
        (["lineage", "{root}"], "is a whole experiment"),
        (["lineage", "{root}/real/loop/none.npy"], "does not exist in the experiment tiny"),
        (["lineage", "{root}/real/loop/.."], "is no artifact of tiny but a folder of some"),
        (["descendants", "{root}/features/lenet", "5"], "is a feature_network; a row of a real"),
        (["lineage", "{root}/loops/fresh/seed-1"], "a folder of some: gen-00"),
        (["lineage", "/"], "lies in no experiment"),
        (["lineage", "/nowhere/at/all"], "does not exist"),
        (["descendants", "{root}/real/loop", "120"], "has no row 120; its rows are 0..119"),
        (["trace", "{root}/real/loop", "120"], "has no row 120; its rows are 0..119"),
        (["trace", "{root}/real/loop", "-1"], "has no row -1"),
        (["trace", "{root}/loops/fresh/seed-1/gen-002/model", "0"], "has no rows"),
        (["descendants", "{root}/loops"], "is no artifact of tiny but a folder of some"),
    ],
)
def test_wrong_paths_and_rows_are_one_line(tiny_experiment, capsys, arguments, reason) -> None:
    assert cli.main([part.format(root=tiny_experiment.root) for part in arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("autophagy: ")
    assert reason in line


def test_commands_print_text_and_json(tiny_experiment, capsys) -> None:
    path = str(tiny_experiment.root / training_set("fresh", 2))
    for arguments in (["lineage", path], ["trace", path, "1"], ["descendants", path]):
        assert cli.main(arguments) == 0
        assert capsys.readouterr().out
        assert cli.main([*arguments, "--json"]) == 0
        json.loads(capsys.readouterr().out)


def test_lineage_as_json_is_a_graph_and_its_edges_carry_the_shares(archive) -> None:
    path = training_set("fresh", 3)
    tree = lineage.tree(archive, path)
    graph = lineage.flat(tree)
    assert graph["nodes"][0]["path"] == graph["path"] == path
    assert {node["path"] for node in graph["nodes"]} == set(archive.parents_first([path]))
    assert len(graph["nodes"]) == len(archive.parents_first([path]))
    assert graph["nodes"][0]["real_share"] == tree["real_share"]
    edges = {(edge["child"], edge["parent"]): edge["share"] for edge in graph["edges"]}
    assert len(edges) == len(graph["edges"])
    for node in graph["nodes"]:
        shares = lineage.shares(archive, node["path"])
        for parent in archive.parents(node["path"]):
            assert edges[node["path"], parent] == shares.get(parent)


def test_a_seed_of_64_bits_is_text_in_json(tiny_experiment, capsys) -> None:
    """Readers that know doubles alone would round it."""
    artifact = "loops/fresh/seed-1/gen-002/samples"
    assert cli.main(["trace", str(tiny_experiment.root / artifact), "3", "--json"]) == 0
    [step] = json.loads(capsys.readouterr().out)["steps"]
    assert step["seed"] == str(sets.read_array(tiny_experiment.root, artifact, "seeds")[3])


def test_any_file_of_an_artifact_names_it(tiny_experiment) -> None:
    root, artifact = tiny_experiment.root, "loops/fresh/seed-1/gen-002/model"
    for name in (artifact, f"{artifact}.manifest.json", f"{artifact}/unet/config.json"):
        assert locate(root / name)[1] == artifact
    assert locate(root / "loops" / "fresh")[1] == "loops/fresh/manifest.json"


def test_tables_and_figures_name_the_report_that_vouches_for_them(tiny_experiment) -> None:
    for name in ("metrics.csv", "figures/curves.png", "figures"):
        assert locate(tiny_experiment.root / name)[1] == "figures/manifest.json"


def test_what_no_job_has_finished_is_said_to_be_unfinished(tiny_experiment, tmp_path) -> None:
    shutil.copytree(tiny_experiment.root, tmp_path / "tiny")
    (tmp_path / "tiny/loops/fresh/seed-1/gen-002/samples.manifest.json").unlink()
    with pytest.raises(UserError, match="is no finished artifact of tiny: it has no manifest"):
        locate(tmp_path / "tiny/loops/fresh/seed-1/gen-002/samples")


def test_a_folder_without_manifests_is_refused(tmp_path) -> None:
    with pytest.raises(UserError, match="lies in no experiment"):
        locate(tmp_path)


SAMPLING = {"family": "ddpm", "n": 40, "sampling_bias": 1.0, "sample": {}, "threads": 1}


def planted(root, manifest_of: dict[str, dict]) -> Archive:
    """An archive of manifests made by hand: path -> what differs from an empty one."""
    for path, content in manifest_of.items():
        sampled = content["kind"] == "sample_set"
        manifest = {
            "schema": 1, "path": path, "step": "x", "files": {}, "facts": {}, "seed": 7,
            "rows": 40 if sampled else None, "code": "", "software": {}, "device": "cpu",
            "params": SAMPLING if sampled else {},
        }  # fmt: skip
        manifest |= {key: value for key, value in content.items() if key != "parents"}
        manifest["materials"] = [{"path": p, "sha256": ""} for p in content.get("parents", [])]
        store.write_json(root / manifests.path_of(path), manifest)
    return Archive(root)


def mix(rows: int, **counts: int) -> dict:
    """A training set of so many rows; real ones begin the permutation."""
    parts = [
        {
            "artifact": name, "count": n, "start": 0, "generation": 0,
            "origin": "real" if name.startswith("real") else "synthetic",
        }
        for name, n in counts.items()
    ]  # fmt: skip
    return {"kind": "training_set", "rows": rows, "params": {"parts": parts}, "parents": [*counts]}


REAL = {"kind": "real_set", "rows": 100}


def two_generations(root, **second) -> Archive:
    """Generation 2 as `second` says: its `model` or `samples`."""
    content = {
        "real": REAL,
        "d1": mix(40, real=40),
        "g1": {"kind": "model", "parents": ["d1"]},
        "s1": {"kind": "sample_set", "parents": ["g1"]},
        "d2": mix(40, s1=40),
        "g2": {"kind": "model", "parents": ["d2"]},
        "s2": {"kind": "sample_set", "parents": ["g2"]},
        "network": {"kind": "feature_network", "parents": ["held"]},
        "held": {"kind": "real_set", "rows": 25},
    }
    return planted(root, content | second)


def test_a_fine_tuned_model_inherits_depth_through_its_weights(tmp_path) -> None:
    """Half of the training was its own, half is in the weights it began with."""
    tuned = {
        "kind": "model", "parents": ["d2", "g1"], "params": {"shares": {"d2": 500.0, "g1": 500.0}},
    }  # fmt: skip
    archive = two_generations(tmp_path, g2=tuned)
    assert lineage.depths(archive, "g2") == {0: 0.5, 1: 0.5}
    assert lineage.depths(archive, "s2") == {1: 0.5, 2: 0.5}
    assert lineage.descendants(archive, "s1")["s2"] == 0.5


def test_guidance_away_from_a_model_counts_that_model(tmp_path) -> None:
    """s = (1 + w) s_real - w s_self: both know their training images, by |weight|."""
    guided = {
        "kind": "sample_set", "parents": ["g1", "g2"],
        "params": SAMPLING | {"shares": {"g1": 1.5, "g2": 0.5}},
    }  # fmt: skip
    archive = two_generations(tmp_path, s2=guided)
    assert lineage.depths(archive, "s2") == {1: 0.75, 2: 0.25}
    assert lineage.real_ancestors(archive, "s2") == 40


def test_a_filter_counts_its_training_images_but_not_as_rows(tmp_path) -> None:
    chosen = {"kind": "sample_set", "parents": ["g2", "network"]}
    archive = two_generations(tmp_path, s2=chosen)
    assert lineage.depths(archive, "s2") == {2: 1.0}
    assert lineage.real_ancestors(archive, "s2") == 40 + 25
    assert lineage.descendants(archive, "held") == {"network": 1.0, "s2": None}


def test_sources_without_shares_are_refused_not_guessed(tmp_path) -> None:
    archive = two_generations(tmp_path, g2={"kind": "model", "parents": ["d2", "g1"]})
    with pytest.raises(UserError, match="g2: its manifest states no shares of d2, g1"):
        lineage.depths(archive, "s2")


def test_one_row_withdrawn_takes_only_what_holds_it(tiny_experiment) -> None:
    archive = Archive(tiny_experiment.root)
    path = training_set("fresh", 2)
    table = training_sets.read(tiny_experiment.root / path).frame()
    fresh = table[table["origin"] == "real"]["row"].iloc[0]
    found = lineage.descendants(archive, "real/loop", int(fresh))
    assert found[path] == pytest.approx(1 / len(table))
    assert training_set("fresh", 1) not in found
    assert found["real-only/full/seed-1/samples"] == pytest.approx(
        1 / archive.manifest("real-only/full/seed-1/training_set.parquet")["rows"]
    )


def test_a_manifest_among_its_own_ancestors_is_refused(tmp_path) -> None:
    archive = two_generations(tmp_path, d1=mix(40, s2=40))
    with pytest.raises(UserError, match="is made from itself"):
        archive.parents_first(["s2"])


def test_hundreds_of_generations_are_drawn_and_written(tmp_path, capsys) -> None:
    """Accumulating chains have as many parents as generations, fine-tuned ones nest as deep."""
    content: dict = {"real/loop": REAL, "d1": mix(40, **{"real/loop": 40})}
    for t in range(1, 401):
        content[f"g{t}"] = {"kind": "model", "parents": [f"d{t}"]}
        content[f"s{t}"] = {"kind": "sample_set", "parents": [f"g{t}"]}
        content[f"d{t + 1}"] = mix(40, **{"real/loop": 10, f"s{t}": 30})
    planted(tmp_path, content)
    assert cli.main(["lineage", str(tmp_path / "s400")]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) < 200
    assert cli.main(["lineage", str(tmp_path / "s400"), "--json"]) == 0
    nodes = json.loads(capsys.readouterr().out)["nodes"]
    assert sum(node["kind"] == "model" for node in nodes) == 400


def test_accumulated_sets_have_the_harmonic_mean_depth(tmp_path) -> None:
    """D^t holds D^1 and equal S^1 … S^{t-1}: mean depth H_t - 1."""
    content: dict = {"real": REAL, "d1": mix(40, real=40)}
    for t in range(1, 8):
        content[f"g{t}"] = {"kind": "model", "parents": [f"d{t}"]}
        content[f"s{t}"] = {"kind": "sample_set", "parents": [f"g{t}"]}
        earlier = {"real": 40} | {f"s{i}": 40 for i in range(1, t + 1)}
        content[f"d{t + 1}"] = mix(40 * (t + 1), **earlier)
    archive = planted(tmp_path, content)
    for t in range(1, 9):
        harmonic = math.fsum(1 / i for i in range(1, t + 1))
        assert lineage.mean_depth(lineage.depths(archive, f"d{t}")) == pytest.approx(harmonic - 1)
        assert lineage.real_ancestors(archive, f"d{t}") == 40


def test_descendants_hold_first_and_touched_after(archive) -> None:
    found = list(lineage.descendants(archive, "real-only/small/seed-1/model").items())
    touched = [share is None for _, share in found]
    assert touched == sorted(touched)
    paths = [path for path, share in found if share is not None]
    assert paths == sorted(paths)
    assert any(path.endswith("preview") for path in paths)


def test_a_missing_ancestor_is_said_to_be_missing(tiny_experiment, tmp_path, capsys) -> None:
    root = tmp_path / "tiny"
    shutil.copytree(tiny_experiment.root, root)
    (root / "loops/fresh/seed-1/gen-002/model.manifest.json").unlink()
    assert cli.main(["lineage", str(root / "loops/fresh/seed-1/gen-003/samples")]) == 2
    assert "model.manifest.json: is missing; `autophagy audit" in capsys.readouterr().err
