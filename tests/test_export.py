"""Exports answer an auditor's questions by themselves: read here as plain JSON and YAML."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from autophagy import audit, cli, export, lineage, manifests
from autophagy.archive import Archive
from conftest import Made, child_environment

CHOSEN = "loops/augmentation/seed-1/gen-003/samples"
BIASED = "loops/biased/seed-1/gen-002/samples"


@pytest.fixture(scope="module")
def written(tiny_experiment: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Format -> the folder that holds it."""
    folder = tmp_path_factory.mktemp("exports")
    for form in export.FORMATS:
        export.export(tiny_experiment.root, form, folder / form)
    return {form: folder / form for form in export.FORMATS}


@pytest.fixture(scope="module")
def archive(tiny_experiment: Made) -> Archive:
    return Archive(tiny_experiment.root)


def of_kind(archive: Archive, *kinds: str) -> list[str]:
    names = archive.artifacts()
    return [name for name in names if archive.manifest(name)["kind"] in kinds]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Prov:
    """PROV-JSON, asked in its own words."""

    def __init__(self, file: Path) -> None:
        self.content = json.loads(file.read_text())
        self.label = {e: v["prov:label"] for e, v in self.content["entity"].items()}
        self.named = {label: entity for entity, label in self.label.items()}

    def run_of(self, name: str) -> str:
        generated = self.content["wasGeneratedBy"].values()
        entity = self.named[name]
        [run] = [g["prov:activity"] for g in generated if g["prov:entity"] == entity]
        return run

    def used(self, run: str) -> set[str]:
        uses = self.content["used"].values()
        return {self.label[u["prov:entity"]] for u in uses if u["prov:activity"] == run}

    def shares(self, name: str) -> dict[str, float]:
        return {
            self.label[d["prov:usedEntity"]]: float(d["autophagy:share"]["$"])
            for d in self.content["wasDerivedFrom"].values()
            if d["prov:generatedEntity"] == self.named[name] and "autophagy:share" in d
        }


def test_prov_leads_from_every_sample_set_to_the_real_data(written, archive) -> None:
    prov = Prov(written["prov"] / "prov.json")
    for name in of_kind(archive, "sample_set"):
        run = prov.run_of(name)
        assert prov.content["activity"][run]["autophagy:step"] == "sample"
        assert prov.used(run) == set(archive.parents(name))
        reached, ahead = set(), [name]
        while ahead:
            new = prov.used(prov.run_of(ahead.pop())) - reached
            reached |= new
            ahead += new
        assert "real/loop" in reached
        assert reached.isdisjoint({"real/reference", "real/features"})


def test_prov_tells_the_share_of_every_source(written, archive) -> None:
    prov = Prov(written["prov"] / "prov.json")
    assert set(prov.named) == set(archive.artifacts())
    for name in archive.artifacts():
        assert prov.shares(name) == lineage.shares(archive, name)
    assert prov.shares(CHOSEN.replace("samples", "training_set.parquet"))["real/loop"] == 0.5


def test_prov_tells_seed_parameters_code_and_depth(written, archive) -> None:
    prov, manifest = Prov(written["prov"] / "prov.json"), archive.manifest(BIASED)
    run = prov.run_of(BIASED)
    activity = prov.content["activity"][run]
    assert activity["autophagy:seed"] == {"$": str(manifest["seed"]), "type": "xsd:unsignedLong"}
    assert json.loads(activity["autophagy:params"])["sampling_bias"] == 0.5
    [agent] = [
        a["prov:agent"]
        for a in prov.content["wasAssociatedWith"].values()
        if a["prov:activity"] == run
    ]
    assert agent == f"code:{manifest['code']}"
    assert prov.content["agent"].keys() >= {agent}
    entity = prov.content["entity"][prov.named[CHOSEN]]
    assert json.loads(entity["autophagy:depths"]) == {"1": 0.5, "2": 0.25, "3": 0.25}
    assert prov.named[CHOSEN] == f"artifact:{sha256(archive.root / manifests.path_of(CHOSEN))}"


class Crate:
    """An RO-Crate's graph, its references followed."""

    def __init__(self, folder: Path) -> None:
        content = json.loads((folder / "ro-crate-metadata.json").read_text())
        self.graph = {entity["@id"]: entity for entity in content["@graph"]}
        assert len(self.graph) == len(content["@graph"])
        self.root = self.graph["./"]

    def get(self, entity: dict[str, Any], key: str) -> list[dict[str, Any]]:
        value = entity.get(key, [])
        values = value if isinstance(value, list) else [value]
        return [self.graph[v["@id"]] for v in values]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [e for e in self.graph.values() if kind in (e["@type"], *e["@type"])]


@pytest.fixture(scope="module")
def crate(written) -> Crate:
    return Crate(written["ro-crate"])


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for entry in value for found in references(entry)]
    return [value["@id"]] if isinstance(value, dict) else []


def test_the_crate_states_its_profiles_and_every_reference_in_it_leads_somewhere(crate) -> None:
    profiles = {entity["@id"] for entity in crate.get(crate.root, "conformsTo")}
    assert "https://w3id.org/ro/wfrun/provenance/0.5" in profiles
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in profiles
    for entity in crate.graph.values():
        for key, value in entity.items():
            if (entity["@id"], key) != ("ro-crate-metadata.json", "conformsTo"):
                assert set(references(value)) <= set(crate.graph), (entity["@id"], key)


def test_which_workflow_ran_and_what_orchestrated_which_steps(crate, archive) -> None:
    [workflow] = crate.get(crate.root, "mainEntity")
    assert {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"} == set(
        workflow["@type"]
    )
    assert crate.get(workflow, "programmingLanguage")
    [organised] = crate.of_type("OrganizeAction")
    assert [engine["name"] for engine in crate.get(organised, "instrument")] == ["Snakemake"]
    [run] = crate.get(organised, "result")
    assert crate.get(run, "instrument") == [workflow]
    assert [source["name"] for source in crate.get(run, "object")] == ["digits"]
    controls = crate.get(organised, "object")
    assert len(controls) == len(list(archive.artifacts()))
    for control in controls:
        [step], [action] = crate.get(control, "instrument"), crate.get(control, "object")
        assert step in crate.get(workflow, "step")
        assert crate.get(step, "workExample") == crate.get(action, "instrument")
        assert crate.get(step, "workExample")[0] in crate.get(workflow, "hasPart")


def test_inputs_outputs_parameters_and_software_of_every_step_run(crate, archive) -> None:
    made = set()
    for action in crate.of_type("CreateAction"):
        [tool] = crate.get(action, "instrument")
        if "File" in tool["@type"]:
            continue
        [result] = crate.get(action, "result")
        name = result["name"]
        manifest = archive.manifest(name)
        inputs = crate.get(action, "object")
        kept = {e["name"] for e in inputs if e["@type"] == "Collection" and e["@id"] != "#source"}
        assert kept == set(archive.parents(name))
        values = {e["name"]: e["value"] for e in inputs if e["@type"] == "PropertyValue"}
        expected = manifest["params"] | {"seed": manifest["seed"], "device": manifest["device"]}
        assert {
            k: v if isinstance(expected[k], str) else json.loads(v) for k, v in values.items()
        } == {k: v for k, v in expected.items() if v is not None}
        for entity in inputs:
            for formal in crate.get(entity, "exampleOfWork"):
                assert entity in crate.get(formal, "workExample")
                assert formal in crate.get(tool, "input")
        software = crate.get(tool, "softwareRequirements")
        assert {e["name"]: e["version"] for e in software} == manifest["software"]
        assert (tool["name"], tool["version"]) == (manifest["step"], manifest["code"])
        made.add(name)
    assert made == set(archive.artifacts())


def test_hashes_of_every_file_in_the_crate_and_of_the_results(crate, written, archive) -> None:
    parts = {e["@id"]: e for e in crate.get(crate.root, "hasPart")}
    local = {name: entity for name, entity in parts.items() if "://" not in name}
    on_disk = {
        p.relative_to(written["ro-crate"]).as_posix()
        for p in written["ro-crate"].rglob("*")
        if p.is_file()
    }
    assert set(local) == on_disk - {"ro-crate-metadata.json"}
    for name, entity in local.items():
        assert sha256(written["ro-crate"] / name) == entity["sha256"]
    for name in of_kind(archive, "sample_set", "model", "training_set", "real_set"):
        collection = crate.graph[f"#artifact/{name}"]
        [own] = crate.get(collection, "mainEntity")
        files = {e["name"]: e["sha256"] for e in crate.get(collection, "hasPart") if e != own}
        payload = archive.root / name
        for file, digest in files.items():
            assert sha256(payload / file if payload.is_dir() else payload) == digest
        assert files.keys() == archive.manifest(name)["files"].keys()


def test_roc_validator_accepts_the_crate(written) -> None:
    try:
        urllib.request.urlopen("https://w3id.org/ro/crate/1.1/context", timeout=5).close()
    except (urllib.error.URLError, OSError) as error:
        pytest.skip(f"roc-validator needs the RO-Crate JSON-LD context: {error}")
    services = pytest.importorskip(
        "rocrate_validator.services", reason="roc-validator is not installed"
    )
    models = pytest.importorskip("rocrate_validator.models")
    settings = services.ValidationSettings(
        rocrate_uri=str(written["ro-crate"]),
        profile_identifier="provenance-run-crate",
        requirement_severity=models.Severity.REQUIRED,
    )
    result = services.validate(settings)
    assert [issue.message for issue in result.get_issues()] == []


def test_croissant_describes_the_arrays_of_every_sample_set(written, archive) -> None:
    files = {p.relative_to(written["croissant"]) for p in written["croissant"].rglob("*.json")}
    names = of_kind(archive, "sample_set")
    assert files == {Path(name) / "croissant.json" for name in names}
    for name in names:
        content = json.loads((written["croissant"] / name / "croissant.json").read_text())
        assert content["conformsTo"] == "http://mlcommons.org/croissant/1.1"
        distribution = {entry["@id"]: entry for entry in content["distribution"]}
        assert {k: v["sha256"] for k, v in distribution.items()} == archive.manifest(name)["files"]
        for entry in distribution.values():
            assert sha256(archive.root / name / entry["contentUrl"]) == entry["sha256"]
            array = np.load(archive.root / name / entry["contentUrl"])
            assert entry["autophagy:dtype"] == str(array.dtype)
            assert entry["autophagy:shape"] == ",".join(map(str, array.shape))
        [classes] = content["recordSet"]
        named = {row["classes/label"]: row["classes/name"] for row in classes["data"]}
        assert named == dict(enumerate(archive.manifest(name)["facts"]["classes"]))
        fields = {field["@id"] for field in classes["field"]}
        assert fields == {"classes/label", "classes/name"}
        assert classes["key"]["@id"] in fields


def test_croissant_defines_every_term_that_it_uses(written) -> None:
    content = json.loads((written["croissant"] / BIASED / "croissant.json").read_text())
    context = content.pop("@context")
    schema_org = {
        "contentUrl", "creator", "datePublished", "description", "distribution", "encodingFormat",
        "keywords", "license", "name", "sha256", "url", "version",
    }  # fmt: skip

    def terms(value: Any) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(terms, value))
        if not isinstance(value, dict):
            return set()
        own = {key for key in value if not key.startswith("@")}
        # What stands under `data` is JSON to JSON-LD, not terms.
        return own.union(*(terms(v) for key, v in value.items() if key != "data"))

    for term in terms(content) - schema_org:
        assert term.split(":")[0] in context, term
    assert context["cr"] == "http://mlcommons.org/croissant/"
    assert context["data"] == {"@id": "cr:data", "@type": "@json"}


def test_the_reference_reader_accepts_every_croissant(written, archive) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    for name in of_kind(archive, "sample_set"):
        read = mlcroissant.Dataset(jsonld=written["croissant"] / name / "croissant.json")
        assert read.metadata.ctx.issues.errors == set()
        assert read.metadata.ctx.issues.warnings == set()
        classes = archive.manifest(name)["facts"]["classes"]
        rows = [tuple(row.values()) for row in read.records("classes")]
        assert [(int(label), str(text)) for label, text in rows] == list(enumerate(classes))


def test_croissant_tells_the_derivation(written, archive) -> None:
    content = json.loads((written["croissant"] / BIASED / "croissant.json").read_text())
    derived = {entity["name"]: entity["@id"] for entity in content["prov:wasDerivedFrom"]}
    assert derived == {
        parent: f"hash://sha256/{sha256(archive.root / manifests.path_of(parent))}"
        for parent in archive.parents(BIASED)
    }
    activity = content["prov:wasGeneratedBy"]
    assert activity["name"] == "sample"
    assert activity["autophagy:sampling_bias"] == 0.5
    assert {used["@id"] for used in activity["prov:used"]} == set(derived.values())
    licence = "https://spdx.org/licenses/CC-BY-4.0.html"
    assert content["license"] == content["prov:hadPrimarySource"]["license"] == licence


def front(folder: Path, artifact: str) -> dict[str, Any]:
    _, header, _ = (folder / artifact / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(header)


def test_cards_agree_with_the_lineage(written, archive) -> None:
    names = of_kind(archive, "model", "sample_set")
    assert len(list(written["card"].rglob("README.md"))) == len(names)
    for name in names:
        header = front(written["card"], name)
        own = header["autophagy"]
        distribution = lineage.depths(archive, name)
        assert own["depths"] == distribution
        assert own["mean_depth"] == lineage.mean_depth(distribution)
        assert own["real_ancestors"] == lineage.real_ancestors(archive, name)
        training_set = name.rsplit("/", 1)[0] + "/training_set.parquet"
        if (archive.root / training_set).is_file():
            tree = lineage.tree(archive, training_set)
            assert own["real_share"] == tree["real_share"]
            shares = {row["path"]: row["share"] for row in own["trained_on"]}
            assert shares == lineage.shares(archive, training_set)
        assert [row["path"] for row in own["parents"]] == archive.parents(name)
        assert header["license"] == "cc-by-4.0"


def test_cards_of_sample_sets_name_their_bias_and_source(written) -> None:
    header = front(written["card"], BIASED)
    assert header["source_datasets"] == ["extended|digits"]
    assert "synthetic" in header["tags"]
    assert header["autophagy"]["sampling_bias"] == 0.5
    text = (written["card"] / BIASED / "README.md").read_text()
    assert "λ: 0.5" in text
    assert "CC BY 4.0" in text


def test_only_models_that_ate_samples_are_tagged_synthetic(written) -> None:
    folder = written["card"]
    assert "synthetic" not in front(folder, "real-only/full/seed-1/model")["tags"]
    header = front(folder, CHOSEN.replace("samples", "model"))
    assert "synthetic" in header["tags"]
    assert header["datasets"] == ["digits"]
    assert "base_model" not in header


def test_a_model_that_starts_from_another_names_it_as_its_base(tiny_experiment) -> None:
    from autophagy.export import card

    base, model = "real-only/full/seed-1/model", CHOSEN.replace("samples", "model")
    archive = Archive(tiny_experiment.root)
    tuned = json.loads(json.dumps(archive.manifest(model)))
    tuned["materials"].append({"path": base, "sha256": "0" * 64})
    training_set = CHOSEN.replace("samples", "training_set.parquet")
    tuned["params"]["shares"] = {base: 1.0, training_set: 1.0}
    archive._read[model] = tuned
    header = yaml.safe_load(card.card(archive, model).split("---\n")[1])
    assert header["base_model"] == [f"tiny/{base}"]


def test_a_licence_the_hub_does_not_know_is_named_as_it_stands(tiny_experiment) -> None:
    from autophagy.export import card, croissant

    archive = Archive(tiny_experiment.root)
    real = json.loads(json.dumps(archive.manifest("real/loop")))
    real["facts"]["source"]["licence"] = "not stated"
    archive._read["real/loop"] = real
    header = yaml.safe_load(card.card(archive, CHOSEN).split("---\n")[1])
    assert (header["license"], header["license_name"]) == ("other", "not stated")
    content = croissant.described(archive, CHOSEN)
    assert content["license"] == {"@type": "sc:CreativeWork", "name": "not stated"}


@pytest.mark.parametrize("form", export.FORMATS)
def test_the_same_manifests_give_the_same_bytes(form, written, tiny_experiment, tmp_path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "autophagy.cli", "export", str(tiny_experiment.root)),
            *("--format", form, "--out", str(tmp_path / "again")),
        ],
        check=True, capture_output=True, env=child_environment() | {"PYTHONHASHSEED": "7"},
    )  # fmt: skip
    files = {p.relative_to(written[form]): p for p in written[form].rglob("*") if p.is_file()}
    again = {p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*.*")}
    assert set(files) == {name for name in again if (tmp_path / "again" / name).is_file()}
    for name, file in files.items():
        assert file.read_bytes() == (tmp_path / "again" / name).read_bytes()


@pytest.mark.parametrize("form", export.FORMATS)
def test_it_reads_manifests_alone_and_leaves_the_results_clean(
    form, written, tiny_experiment, tmp_path, capsys
) -> None:
    root = tmp_path / "results" / "tiny"
    for file in tiny_experiment.root.rglob("*manifest.json"):
        copy = root / file.relative_to(tiny_experiment.root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    before = {p for p in root.rglob("*") if p.is_file()}
    assert cli.main(["export", str(root), "--format", form]) == 0
    printed = [Path(line) for line in capsys.readouterr().out.splitlines()]
    folder = tmp_path / "exports" / "tiny" / form
    assert printed == sorted(p for p in folder.rglob("*") if p.is_file())
    assert {p for p in root.rglob("*") if p.is_file()} == before
    assert cli.main(["export", str(root), "--format", form, "--json"]) == 0
    assert [Path(f) for f in json.loads(capsys.readouterr().out)["files"]] == printed
    for file in printed:
        assert file.read_bytes() == (written[form] / file.relative_to(folder)).read_bytes()


def refusal(capsys, *arguments: str) -> str:
    """The one line with which a command refuses."""
    try:
        status = cli.main(["export", *arguments])
    except SystemExit as ended:
        status = ended.code
    caught = capsys.readouterr()
    assert (status, caught.out) == (2, "")
    assert caught.err.startswith("autophagy: ")
    assert caught.err.count("\n") == 1
    return caught.err


def test_wrong_use_is_refused_in_one_line(tiny_experiment, tmp_path, capsys) -> None:
    root = str(tiny_experiment.root)
    assert "pdf" in refusal(capsys, root, "--format", "pdf")
    assert "--format" in refusal(capsys, root)
    assert "no experiment" in refusal(capsys, str(tmp_path), "--format", "prov")
    inside = f"{root}/exports"
    assert "among the results" in refusal(capsys, root, "--format", "card", "--out", inside)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("dear")
    for out in (tmp_path / "mine", tmp_path, tmp_path / "mine/thesis.txt"):
        refusal(capsys, root, "--format", "card", "--out", str(out))
    assert (tmp_path / "mine/thesis.txt").read_text() == "dear"
    assert audit.audit(Archive(tiny_experiment.root)) == []


@pytest.mark.parametrize(("form", "package"), [("prov", "prov.model"), ("ro-crate", "rocrate")])
def test_a_missing_package_is_named_with_its_extra(
    form, package, tiny_experiment, tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    arguments = (str(tiny_experiment.root), "--format", form, "--out", str(tmp_path / "out"))
    assert "pip install -e '.[export]'" in refusal(capsys, *arguments)
    assert not (tmp_path / "out").exists()


def test_an_unfinished_tree_is_refused(tiny_experiment, tmp_path, capsys) -> None:
    root = tmp_path / "tiny"
    shutil.copytree(tiny_experiment.root, root)
    (root / manifests.path_of(CHOSEN.replace("samples", "model"))).unlink()
    for form in export.FORMATS:
        out = tmp_path / "out" / form
        assert "gen-003" in refusal(capsys, str(root), "--format", form, "--out", str(out))
        assert not out.exists()


def test_a_tree_whose_manifests_disagree_is_refused(tiny_experiment, tmp_path, capsys) -> None:
    root = tmp_path / "tiny"
    shutil.copytree(tiny_experiment.root, root)
    file = root / manifests.path_of(CHOSEN)
    file.write_text(file.read_text().replace('"rows": 60', '"rows": 61'))
    message = refusal(capsys, str(root), "--format", "card", "--out", str(tmp_path / "out"))
    assert f"its parent {CHOSEN} has changed" in message


def test_links_in_a_circle_are_one_line(tiny_experiment, tmp_path, capsys) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    out = str(tmp_path / "loop")
    line = refusal(capsys, str(tiny_experiment.root), "--format", "card", "--out", out)
    assert f"{out}: is a link that leads nowhere; give another --out" in line
    assert (tmp_path / "loop").is_symlink()
