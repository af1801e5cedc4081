"""Nothing runs from data: no reader of ours can execute what a file holds, and traps stay shut."""

from __future__ import annotations

import ast
import json
import pickle
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from autophagy import cli, data, sets
from autophagy import config as configuration
from autophagy.errors import UserError
from autophagy.features import lenet
from autophagy.models import ddpm
from bad_input.archives import ROOT, good, seal
from bad_input.datasets import Trap, objects
from conftest import REPOSITORY, SCRIPTS, TESTS

OURS = [
    file
    for folder in (SCRIPTS, REPOSITORY / "tools", REPOSITORY / "benchmarks")
    for file in sorted(folder.rglob("*.py"))
]
RULES = [REPOSITORY / "Snakefile", *sorted((REPOSITORY / "rules").glob("*.smk"))]
#: Modules whose readers execute what they read, or that run text as a command.
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal",
                     "pty", "code", "codeop"}  # fmt: skip
#: Calls by their dotted name, as it is written.
FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.unsafe_load",
    "yaml.full_load", "yaml.load_all", "pandas.read_pickle", "pd.read_pickle", "np.fromregex",
    "torch.jit.load", "torch.hub.load", "subprocess.getoutput", "subprocess.getstatusoutput",
}  # fmt: skip
#: Keyword arguments of any call that may have one value alone.
ONLY = {"allow_pickle": False, "weights_only": True, "trust_remote_code": False, "shell": False}


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def executes(text: str) -> list[str]:
    """What in a module would run data as code, each as `line: what`."""
    tree = ast.parse(text)
    loaders = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and [dotted(b) for b in node.bases] == ["yaml.SafeLoader"]
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            named = [alias.name for alias in node.names]
            named += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{node.lineno}: imports {name}" for name in named
                      if name.partition(".")[0] in FORBIDDEN_MODULES]  # fmt: skip
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        if name in FORBIDDEN_CALLS:
            found.append(f"{node.lineno}: calls {name}")
        for key, value in ONLY.items():
            if key in given and getattr(given[key], "value", None) is not value:
                found.append(f"{node.lineno}: {name} with {key} other than {value}")
        if name == "torch.load" and "weights_only" not in given:
            found.append(f"{node.lineno}: torch.load without weights_only=True")
        if name in ("np.load", "numpy.load") and "allow_pickle" not in given:
            found.append(f"{node.lineno}: {name} does not say allow_pickle=False")
        if name == "yaml.load" and dotted(given.get("Loader", ast.Name("?"))) not in loaders:
            found.append(f"{node.lineno}: yaml.load with another loader than a safe one")
        loads_weights = name.endswith(".from_pretrained") and "Scheduler" not in name
        if loads_weights and "use_safetensors" not in given:
            found.append(f"{node.lineno}: {name} does not say use_safetensors=True")
    return found


@pytest.mark.parametrize("file", OURS, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_no_code_of_ours_executes_data(file) -> None:
    assert executes(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.name)
def test_no_rule_executes_data(file) -> None:
    """Rules are no Python, so their text is searched."""
    text = re.sub(r"#.*", "", file.read_text(encoding="utf-8"))
    words = "|".join([*FORBIDDEN_MODULES, *map(re.escape, FORBIDDEN_CALLS)])
    assert re.findall(rf"\b(?:{words})\b\s*[(.]|shell\s*=\s*True|^\s*shell:", text, re.M) == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle", "from joblib import load", "import a, dill as d", "eval(x)",
        "exec(open(p).read())", "os.system(x)", "__import__(x)", "np.load(p)",
        "np.load(p, allow_pickle=True)", "np.load(p, allow_pickle=flag)", "torch.load(p)",
        "torch.load(p, weights_only=False)", "yaml.load(x)", "yaml.load(x, Loader=yaml.Loader)",
        "yaml.load(x, Loader=yaml.FullLoader)", "yaml.full_load(x)",
        "subprocess.run(x, shell=True)", "load_dataset(x, trust_remote_code=True)",
        "Pipeline.from_pretrained(p)",
    ],
)  # fmt: skip
def test_the_search_finds_what_it_looks_for(text) -> None:
    assert len(executes(text)) == 1


# Traps


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A folder to spring traps in: they make the folder `sprung`, or import the module `canary`."""
    monkeypatch.chdir(tmp_path)
    # A stranger's folder is importable where Python is started in it.
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "canary.py").write_text("import os\nos.mkdir('sprung')\n")
    yield tmp_path
    sys.modules.pop("canary", None)
    assert not (tmp_path / "sprung").exists()


def test_the_traps_work(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Trap()))
    assert (tmp_path / "sprung").exists()


def test_a_pickle_in_an_array_is_not_loaded(here) -> None:
    np.savez(here / "own.npz", images=objects())
    with pytest.raises(UserError, match=r"own\.npz"):
        data.load({"name": "npz", "path": "own.npz"})
    np.save(here / "labels.npy", objects(), allow_pickle=True)
    (here / "images.npy").write_bytes(pickle.dumps(Trap()))
    for name in ("labels", "images"):
        with pytest.raises(UserError, match=rf"{name}\.npy"):
            sets.read_array(here, ".", name)


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.mkdir ['sprung']",
        "!!python/object/new:os.mkdir ['sprung']",
        "!!python/module:canary",
        "!!python/name:canary.x",
        "!!python/object:canary.X {}",
        "!<tag:yaml.org,2002:python/object/apply:os.mkdir> ['sprung']",
        "?__import__('os').mkdir('sprung')",
    ],
)
def test_a_configuration_runs_nothing(here, tag, capsys) -> None:
    text = (TESTS / "configs" / "tiny.yaml").read_text()
    (here / "bad.yaml").write_text(text.replace("tiny", tag, 1))
    assert cli.main(["check", "bad.yaml"]) == 2
    assert capsys.readouterr().err.startswith("autophagy: bad.yaml: ")


def test_a_template_is_refused_though_snakemake_would_run_it(here) -> None:
    text = (TESTS / "configs" / "tiny.yaml").read_text()
    (here / "bad.yaml").write_text(f"__use_yte__: true\n{text}")
    with pytest.raises(UserError, match="__use_yte__: unknown key; templates run code"):
        configuration.load("bad.yaml")


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A model folder as a run leaves it, but for the training."""
    from diffusers import DDPMScheduler, UNet2DModel

    unet = UNet2DModel(
        sample_size=8, in_channels=1, out_channels=1, block_out_channels=(8, 8),
        down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2,
        layers_per_block=1, norm_num_groups=4, add_attention=False, num_class_embeds=11,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("saved")
    ddpm.DDPM.of(unet, DDPMScheduler(50), 8).save(folder)
    return folder


@pytest.fixture
def model(saved, here) -> Path:
    shutil.copytree(saved, here / "model")
    return here / "model"


def test_the_model_itself_loads(model) -> None:
    assert ddpm.load(model, "cpu").pipeline.unet.config.num_class_embeds == 11


@pytest.mark.parametrize(
    "index",
    [
        {"_class_name": ["canary", "Pipeline"]},
        {"_class_name": "canary.Pipeline"},
        {"_class_name": "StableDiffusionPipeline"},
        {"unet": ["canary", "UNet2DModel"]},
        {"unet": ["diffusers", "AutoencoderKL"]},
        {"unet": ["os", "system"]},
        {"unet": "canary"},
        {"unet": [None, None]},
        {"scheduler": ["canary", "Scheduler"]},
        {"scheduler": ["..canary", "Scheduler"]},
        {"safety_checker": ["canary", "Checker"]},
        {"custom_pipeline": "canary"},
        {"_custom_pipeline": "canary.py"},
        {"image_size": "canary"},
        {"image_size": 10**9},
    ],
    ids=str,
)
def test_a_model_names_no_code(model, index) -> None:
    """diffusers imports whatever library an index names, and looks for modules in the folder."""
    file = model / "model_index.json"
    (model / "unet" / "canary.py").write_text("import os\nos.mkdir('sprung')\n")
    (model / "pipeline.py").write_text("import os\nos.mkdir('sprung')\n")
    file.write_text(json.dumps(json.loads(file.read_text()) | index))
    with pytest.raises(UserError, match=r"model: not a saved ddpm model"):
        ddpm.load(model, "cpu")


@pytest.mark.parametrize("name", ["diffusion_pytorch_model.bin", "pytorch_model.bin"])
def test_weights_in_a_pickle_are_not_loaded(model, name) -> None:
    (model / "unet" / name).write_bytes(pickle.dumps(Trap()))
    ddpm.load(model, "cpu")
    (model / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model: not a saved ddpm model"):
        ddpm.load(model, "cpu")


@pytest.mark.parametrize(
    "content",
    [pickle.dumps(Trap()), b"", b"\xff" * 100, b"\x10\0\0\0\0\0\0\0" + b"{" * 16],
    ids=["pickle", "empty", "noise", "broken header"],
)
def test_weights_that_are_none_are_refused(model, content) -> None:
    (model / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"model: not a saved ddpm model"):
        ddpm.load(model, "cpu")


@pytest.mark.parametrize(
    "change",
    [
        {"_class_name": "canary.UNet"}, {"auto_map": {"AutoModel": "canary.UNet"}},
        {"block_out_channels": "x"}, {"sample_size": -1}, {"num_class_embeds": None},
        {"down_block_types": ["canary", "canary"]}, {"quantization_config": {"quant_method": "x"}},
    ],
    ids=str,
)  # fmt: skip
def test_a_network_s_configuration_runs_nothing(model, change) -> None:
    """It loads without it or is refused."""
    file = model / "unet" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    try:
        ddpm.load(model, "cpu")
    except UserError as error:
        message = str(error)
        assert "model: not a saved ddpm model" in message


def test_a_feature_network_in_a_pickle_is_refused(here) -> None:
    (here / "lenet").mkdir()
    config = {"size": 8, "channels": 1, "levels": 17, "n_classes": 10}
    (here / "lenet/config.json").write_text(json.dumps(config))
    (here / "lenet/weights.safetensors").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(UserError, match="lenet: not a saved feature network"):
        lenet.load(here / "lenet", "cpu")


# Text of strangers in what others read

MARKUP = "<script>alert(1)</script> [x](javascript:alert(1)) ![x](http://x/y.png) `a` | b\n---\n# c"


@pytest.mark.parametrize("form", ["card", "prov", "croissant", "ro-crate"])
def test_text_of_a_stranger_stays_text(here, form) -> None:
    root = good(here)
    for name in ("loop", "reference", "features"):
        file = root / f"real/{name}.manifest.json"
        content = json.loads(file.read_text())
        content["facts"]["source"] |= {"name": MARKUP, "licence": MARKUP}
        file.write_text(json.dumps(content))
    seal(root)
    assert cli.main(["export", ROOT, "--format", form, "--out", "exported"]) == 0
    for file in (here / "exported").rglob("*"):
        text = file.read_text() if file.is_file() else ""
        if file.suffix == ".json":
            json.loads(text)
        elif file.suffix == ".md":
            front, _, body = text.removeprefix("---\n").partition("\n---\n")
            assert yaml.safe_load(front)["license_name"] == MARKUP
            # Every mark that could begin markup is escaped.
            assert re.findall(r"(?<!\\)[<>`\[\]]", body) == []
            assert "\n# c" not in body
            assert r"\<script\>" in body
