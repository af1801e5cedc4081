"""A fitted ddpm model: drawing pictures from it, and its files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autophagy.errors import UserError
from autophagy.models.order import whole_pass
from autophagy.progress import Report

#: What the index of a saved model names.
INDEX = {
    "_class_name": "ClassConditionalPipeline",
    "unet": ["diffusers", "UNet2DModel"],
    "scheduler": ["diffusers", "DDPMScheduler"],
}


@dataclass(frozen=True)
class DDPM:
    """A fitted class-conditional diffusion model; `pipeline` is a `ClassConditionalPipeline`.

    away: (U-Net, weight) that its samples are guided away from; no part of what is saved.
    """

    pipeline: Any
    away: tuple[Any, float] | None = None

    @classmethod
    def of(cls, unet: Any, scheduler: Any, size: int) -> DDPM:
        from autophagy.models.pipeline import ClassConditionalPipeline

        pipeline = ClassConditionalPipeline(unet, scheduler, image_size=size)
        pipeline.set_progress_bar_config(disable=True)
        return cls(pipeline)

    def sample(
        self,
        labels: np.ndarray,
        seeds: np.ndarray,
        sampling_bias: float,
        options: dict[str, Any],
        report: Report,
    ) -> np.ndarray:
        """See `Model.sample`; guidance_scale = 1/λ."""
        self.pipeline.unet.eval()
        n, size = len(labels), options["batch_size"]
        networks = self.pipeline.networks(lambda note: report(0, n, note))
        batches = []
        for start in range(0, n, size):
            rows = whole_pass(start, size, n)

            def progress(done: int, steps: int, start: int = start) -> None:
                share = done / steps
                reached = min(start + size, n) * share + start * (1 - share)
                report(max(1, round(reached)), n, "pictures")

            pictures = self.pipeline(
                labels[rows],
                seeds[rows],
                guidance_scale=1.0 / sampling_bias,
                sampler=options["scheduler"],
                steps=options["steps"],
                report=progress,
                away=self.away,
                networks=networks,
            )
            batches.append(pictures[: n - start])
        return np.concatenate(batches)

    def log_likelihoods(
        self, pictures: np.ndarray, labels: np.ndarray, seeds: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray:
        """See `Family`: an estimate of the variational bound, `ddpm_likelihood`."""
        from autophagy.models.ddpm_likelihood import log_likelihoods

        return log_likelihoods(self.pipeline, pictures, labels, seeds, options["batch_size"])

    def to(self, device: Any) -> DDPM:
        return DDPM(self.pipeline.to(device), self.away)

    def save(self, folder: Path) -> None:
        """A diffusers pipeline folder; plain diffusers loads its `unet` and `scheduler`."""
        from autophagy.models.diffusers_parts import saved_by_one_process

        with saved_by_one_process():
            self.pipeline.save_pretrained(folder, safe_serialization=True)
        for config in sorted(folder.rglob("*.json")):
            content = json.loads(config.read_text())
            # diffusers notes where a loaded part came from: an absolute path of this machine.
            content.pop("_name_or_path", None)
            config.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def load(folder: Path, device: str) -> DDPM:
    """A saved model, ready to sample.

    Raises:
        UserError: `folder` holds no such pipeline.
    """
    from autophagy.models.diffusers_parts import logging
    from autophagy.models.pipeline import ClassConditionalPipeline

    logging.disable_progress_bar()
    # Of a folder that is not there diffusers believes that it names a model on a hub.
    if not (folder / "model_index.json").is_file():
        raise UserError(f"{folder}: not a saved ddpm model: it has no model_index.json")
    try:
        _require_index(json.loads((folder / "model_index.json").read_text(encoding="utf-8")))
        pipeline = ClassConditionalPipeline.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, low_cpu_mem_usage=False
        )
        _require_size(pipeline.config["image_size"], pipeline.unet.config.sample_size)
    # What diffusers and torch raise on foreign files has no common base.
    except Exception as error:
        raise UserError(f"{folder}: not a saved ddpm model: {error}") from error
    return DDPM(pipeline.to(device))


def _require_index(index: Any) -> None:
    """Refuse an index of other parts than ours: diffusers imports whatever library it names."""
    named = {key: index[key] for key in index if key not in ("_diffusers_version", "image_size")}
    if named != INDEX:
        raise ValueError(f"model_index.json names {json.dumps(named)[:200]}")


def _require_size(size: Any, side: int) -> None:
    if size is not None and not (type(size) is int and 1 <= size <= side):
        raise ValueError(f"image_size {size!r} of a network of {side} pixels")
