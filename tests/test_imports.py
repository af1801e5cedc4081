"""What a job is spared, and that it is there for who asks for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from autophagy.page.asked import of_images
from autophagy.paths import PAGE
from autophagy.verdict.plan import asked as verdicts_asked
from conftest import child_environment, plan_of
from test_verdict_tables import longer, write

SPARED = """
import sys
from pathlib import Path
import numpy as np
from autophagy import deferred, devices
from autophagy.models import ddpm
from autophagy.models.base import TrainingData

devices.prepare(1, "cpu")
images = np.zeros((8, 8, 8, 1), np.uint8)
model = {"channels": [8, 8], "layers_per_block": 1, "norm_groups": 4, "attention": False,
         "timesteps": 10, "beta_schedule": "squaredcos_cap_v2", "prediction": "v_prediction",
         "condition_dropout": 0.1, "pad": False}
train = {"steps": 1, "batch_size": 4, "learning_rate": 0.001, "warmup_steps": 1,
         "weight_decay": 0.0, "ema_decay": 0.9}
fitted = ddpm.fit(TrainingData(images, np.arange(8) % 2, 17, 2), model, train, 1, "cpu",
                  lambda done, total, note: None)
fitted.save(Path(sys.argv[1]))
for name in (deferred.COMPILER, deferred.KERNELS):
    assert isinstance(sys.modules[name], deferred.Deferred), name
unused = {"sympy", "torch.distributed.fsdp", "torch.distributed.tensor", "scipy", "transformers"}
assert not unused & set(sys.modules), unused & set(sys.modules)

import importlib.metadata
import torch
ASK
assert not isinstance(sys.modules[deferred.KERNELS], deferred.Deferred)
assert torch.distributed.is_available()
assert importlib.metadata.packages_distributions()["numpy"]
empty = torch.nn.Embedding(3, 2, device="meta")(torch.zeros(4, dtype=torch.long, device="meta"))
assert empty.shape == (4, 2)
twice = torch.compile(lambda x: 2 * x, backend="eager")
assert twice(torch.ones(3)).tolist() == [2, 2, 2]
"""


#: What asks for one of them first.
FIRST = {
    "compiler": "import torch._dynamo.config",
    "tensors without data": "deferred.whole()",
}


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_a_training_imports_no_part_of_torch_that_it_does_not_use(first: str, tmp_path) -> None:
    script = SPARED.replace("ASK\n", f"{first}\n")
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "model")], env=child_environment(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


#: Of what diffusers asks for, as far as one finds it beside torch: imported where it is installed.
OTHERS = (
    "bitsandbytes", "flash_attn", "flashinfer", "gguf", "kernels", "onnxruntime", "sageattention",
    "timm", "torchao", "torchvision", "xformers",
)  # fmt: skip


def test_what_else_is_installed_is_not_imported_with_diffusers(tmp_path) -> None:
    """torchvision, for one, imports parts of torch that are deferred."""
    for name in OTHERS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise ImportError('{name} was imported')\n")
        (tmp_path / f"{name}-9.0.dist-info").mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.0\n"
        (tmp_path / f"{name}-9.0.dist-info" / "METADATA").write_text(metadata)
    script = "from autophagy.models import ddpm_training, diffusers_parts as d; d.autoencoder()"
    environment = child_environment()
    environment["PYTHONPATH"] += f"{os.pathsep}{tmp_path}"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "was imported" not in done.stderr


LIGHT = """
import atexit, gc, sys
from pathlib import Path
import numpy as np

# What is registered first runs last, and sees what the job's own end has done.
atexit.register(lambda: print("looked through again:", gc.get_freeze_count() == 0))
from autophagy import data, figures, job
from autophagy.steps.draw_grid import draw_grid
from autophagy.figures import grid

data.load({"name": "digits"})
drawn = grid.draw({"real": np.zeros((4, 8, 8, 1), np.uint8)}, 17, "title")
figures.save(drawn, "caption", Path(sys.argv[1]))
print("imported:", *sorted({"pandas", "sklearn", "scipy", "torch"} & set(sys.modules)))
"""


TABLES = """
import json, sys
from autophagy.steps.draw_curves import draw_curves
from autophagy.steps.judge_loops import judge_loops
from autophagy.steps.write_page import write_page

root, asked, plan = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
judge_loops(root, plan)
draw_curves(root, list(asked["loops"]), asked["seeds"][0], "title", "LeNet", f"{root}/curves")
write_page(root, asked)
print("imported:", *sorted({"pandas", "sklearn", "scipy", "torch"} & set(sys.modules)))
"""


def test_a_job_that_judges_draws_curves_or_writes_the_page_is_spared_pandas(
    tiny_experiment, tmp_path
) -> None:
    root = shutil.copytree(tiny_experiment.root, tmp_path / "tiny")
    (root / PAGE).unlink()
    plan = tiny_experiment.plan
    asked = map(json.dumps, (of_images(plan), verdicts_asked(plan.experiment)))
    done = subprocess.run(
        [sys.executable, "-c", TABLES, str(root), *asked],
        env=child_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["imported:"]
    assert (root / "curves.png").exists()
    assert (root / PAGE).exists()


INFERRED = """
import json, sys
import numpy as np
from autophagy.metrics import OF_FEATURES
from autophagy.steps import attribute_drift, compare_opinions
from autophagy.steps.compare_loops import compare_loops
from autophagy.steps.draw_effective_size import draw_effective_size
from autophagy.verdict import attribution, drawing, opinions

root, plan = sys.argv[1], json.loads(sys.argv[2])
compare_loops(root, plan)
draw_effective_size(root, plan, "title", "LeNet", f"{root}/size")
distances = {"a": np.eye(3), "b": np.eye(3)[::-1]}
drawing.attribution(attribution.table(distances, distances, distances), "title", "LeNet")
rows = [
    {"loop": loop, "seed": 1, "generation": 1} | dict.fromkeys(OF_FEATURES, 1.0) for loop in "abc"
]
opinions.table(rows, rows, ["one", "two"], "5 steps")
print("imported:", *sorted({"pandas", "sklearn", "torch"} & set(sys.modules)))
print("scipy:", "scipy.special" in sys.modules, "scipy.stats" in sys.modules)
"""


def test_a_job_that_infers_over_seeds_is_spared_pandas_and_most_of_scipy(tmp_path) -> None:
    """Student's t alone is scipy's."""
    experiment = plan_of(longer()).experiment
    write(tmp_path, experiment)
    done = subprocess.run(
        [sys.executable, "-c", INFERRED, str(tmp_path), json.dumps(verdicts_asked(experiment))],
        env=child_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["imported:", "scipy: True False"]
    assert (tmp_path / "size.png").exists()


def test_a_job_that_reads_digits_or_draws_a_grid_is_spared_what_neither_uses(tmp_path) -> None:
    """And at its end nothing is taken apart: a third of a second of a torch job."""
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, str(tmp_path / "grid")], env=child_environment(),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["imported:", "looked through again: False"]
    assert (tmp_path / "grid.png").exists()
