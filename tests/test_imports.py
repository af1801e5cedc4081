"""What a torch job is spared importing, and that it is there for who asks for it."""

from __future__ import annotations

import subprocess
import sys

from conftest import child_environment

SPARED = """
import sys
import numpy as np
from autophagy.models import compiler, ddpm
from autophagy.models.base import TrainingData

images = np.zeros((8, 8, 8, 1), np.uint8)
model = {"channels": [8, 8], "layers_per_block": 1, "norm_groups": 4, "attention": False,
         "timesteps": 10, "beta_schedule": "squaredcos_cap_v2", "prediction": "v_prediction",
         "condition_dropout": 0.1, "pad": False}
train = {"steps": 1, "batch_size": 4, "learning_rate": 0.001, "warmup_steps": 1,
         "weight_decay": 0.0, "ema_decay": 0.9}
fitted = ddpm.fit(TrainingData(images, np.arange(8) % 2, 17, 2), model, train, 1, "cpu",
                  lambda done, total, note: None)
assert isinstance(sys.modules["torch._dynamo"], compiler.Deferred)
found = {"sympy", "torch.distributed.fsdp", "scipy", "transformers"} & set(sys.modules)
assert not found, found

import torch
import torch._dynamo.config
assert not isinstance(sys.modules["torch._dynamo"], compiler.Deferred)
assert torch.distributed.is_available()
twice = torch.compile(lambda x: 2 * x, backend="eager")
assert twice(torch.ones(3)).tolist() == [2, 2, 2]
"""


def test_a_training_imports_neither_the_compiler_nor_what_joins_processes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SPARED], env=child_environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
