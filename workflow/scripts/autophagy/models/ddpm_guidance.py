"""A ddpm model guided away from what it becomes when it is tuned on its own samples."""

from __future__ import annotations

import copy

from autophagy.models.ddpm_model import DDPM


def guide(model: DDPM, auxiliary: DDPM, kind: str, weight: float) -> DDPM:
    """See `Family.guide`.

    sims: score (1 + w) s_model − w s_auxiliary at every step (Alemohammad et al. 2024, SIMS,
    2408.16333). Weights add up to one, so the same combination of ε or v is meant; at λ < 1
    each of the two is guided by its own null class first. neon: one network with the weights
    (1 + w) θ_model − w θ_auxiliary (Alemohammad et al. 2025, 2510.03597).
    """
    if kind == "sims":
        return DDPM(model.pipeline, (auxiliary.pipeline.unet, weight))
    unet = copy.deepcopy(model.pipeline.unet)
    away = auxiliary.pipeline.unet.state_dict()
    mixed = {
        name: (1.0 + weight) * value - weight * away[name] if value.is_floating_point() else value
        for name, value in unet.state_dict().items()
    }
    unet.load_state_dict(mixed)
    pipeline = model.pipeline
    return DDPM.of(unet, pipeline.scheduler, pipeline.config["image_size"]).to(pipeline.device)
