"""A diffusers pipeline for class-conditional pixel diffusion with classifier-free guidance.

diffusers ships none for a class-conditional `UNet2DModel`: its `DDPMPipeline` never passes labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from autophagy import seeds as seeding
from autophagy.models import acceleration
from autophagy.models.diffusers_parts import (
    DDIMScheduler,
    DiffusionPipeline,
    DPMSolverMultistepScheduler,
)

#: Pictures, one timestep and classes in, the U-Net's answer out.
Network = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
Networks = Callable[[Any], Network]

#: name -> (scheduler, its settings, the settings of each of its steps, does a step draw noise).
#: The spacing of the timesteps is stated, so that every trajectory begins at t = T: a scheduler
#: made from a saved one would take over that one's, which may begin well below.
SAMPLERS: dict[str, tuple[Any, dict[str, Any], dict[str, Any], bool]] = {
    "dpm-solver++": (
        DPMSolverMultistepScheduler,
        {"algorithm_type": "dpmsolver++", "timestep_spacing": "linspace"},
        {},
        False,
    ),
    "ddim": (DDIMScheduler, {"timestep_spacing": "trailing"}, {"eta": 0.0}, False),
    # Ho et al. 2020's ancestral sampler is DDIM at η = 1 (Song et al. 2021, eq. 16); DDIM's step
    # takes its noise as an argument, DDPM's does not.
    "ancestral": (DDIMScheduler, {"timestep_spacing": "trailing"}, {"eta": 1.0}, True),
}


class ClassConditionalPipeline(DiffusionPipeline):
    """p(x | class) by a U-Net whose last class embedding is the null class.

    Args:
        unet: a `UNet2DModel` with `num_class_embeds` = classes + 1.
        scheduler: the `DDPMScheduler` the network was trained with.
        image_size: side of the pictures where the network's `sample_size` is larger (padding).
    """

    def __init__(self, unet: Any, scheduler: Any, image_size: int | None = None) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)
        self.register_to_config(image_size=image_size)

    def networks(self, say: Callable[[str], None] = lambda note: None) -> Networks:
        """Of each U-Net it is asked for, what computes its answers best on the pipeline's device.

        Kept from batch to batch, it prepares each U-Net once.
        """
        execution = acceleration.of(self.device.type)
        made: dict[Any, Network] = {}

        def of(unet: Any) -> Network:
            if unet not in made:
                made[unet] = execution.repeated(lambda *inputs: unet(*inputs).sample, say)
            return made[unet]

        return of

    @torch.inference_mode()
    def __call__(
        self,
        labels: np.ndarray,
        seeds: np.ndarray,
        guidance_scale: float,
        sampler: str,
        steps: int,
        report: Callable[[int, int], None] = lambda done, total: None,
        away: tuple[Any, float] | None = None,
        networks: Networks | None = None,
    ) -> np.ndarray:
        """One batch of pictures.

        Args:
            labels: int64 (n,), the class of each picture.
            seeds: uint64 (n,), the key of each picture's own noise.
            guidance_scale: s >= 1 in ε = ε(∅) + s (ε(class) − ε(∅)) (Ho & Salimans 2022 with
                s = 1 + w); the paper's sampling bias is λ = 1/s.
            sampler: a name in `SAMPLERS`.
            steps: network evaluations along the trajectory.
            away: (U-Net, w) of another model: the output is (1 + w) times this network's, less w
                times that of the other, each guided by its own null class.
            networks: what `networks` gave for an earlier batch.

        Returns:
            float32 n×H×W×C, nominally in [-1, 1].
        """
        networks = networks or self.networks()
        scheduler_class, settings, step_settings, noisy = SAMPLERS[sampler]
        scheduler = scheduler_class.from_config(self.scheduler.config, **settings)
        scheduler.set_timesteps(steps, device=self.device)
        streams = [seeding.stream(int(seed)) for seed in seeds]
        side = self.unet.config.sample_size
        shape = (self.unet.config.in_channels, side, side)

        classes = torch.as_tensor(labels, dtype=torch.long, device=self.device)
        null = torch.full_like(classes, self.unet.config.num_class_embeds - 1)
        guided = guidance_scale != 1.0

        def predicted(unet: Any, inputs: torch.Tensor, t: Any) -> torch.Tensor:
            if not guided:
                return networks(unet)(inputs, t, classes)
            both = networks(unet)(inputs.repeat(2, 1, 1, 1), t, torch.cat([classes, null]))
            conditional, unconditional = both.chunk(2)
            return unconditional + guidance_scale * (conditional - unconditional)

        x = self._noise(streams, shape) * scheduler.init_noise_sigma
        for done, t in enumerate(scheduler.timesteps, start=1):
            inputs = scheduler.scale_model_input(x, t)
            output = predicted(self.unet, inputs, t)
            if away is not None:
                other, weight = away
                output = (1.0 + weight) * output - weight * predicted(other, inputs, t)
            noise = {"variance_noise": self._noise(streams, shape)} if noisy else {}
            x = scheduler.step(output, t, x, **step_settings, **noise).prev_sample
            report(done, len(scheduler.timesteps))

        size = self.config["image_size"] or side
        margin = (side - size) // 2
        inner = slice(margin, margin + size)
        return x[:, :, inner, inner].permute(0, 2, 3, 1).float().cpu().numpy()

    def _noise(self, streams: list[np.random.Generator], shape: tuple[int, ...]) -> torch.Tensor:
        # Drawn on the host, one stream a picture: the same on every device and in every batch.
        drawn = np.stack([s.standard_normal(shape, dtype=np.float32) for s in streams])
        return torch.from_numpy(drawn).to(self.device, self.unet.dtype)
