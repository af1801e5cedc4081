"""The variational bound of a ddpm model: an estimate of each picture's log-likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np

from autophagy import seeds as seeding
from autophagy.models.order import whole_pass

#: Timesteps of the estimate, one a stratum.
STRATA = 8


def log_likelihoods(
    pipeline: Any, pictures: np.ndarray, labels: np.ndarray, seeds: np.ndarray, batch_size: int
) -> np.ndarray:
    """−½ Σ_t (SNR(t−1) − SNR(t)) ‖x − x̂(z_t)‖² for each picture, float64 (n,).

    That is the bound of Kingma et al. 2021 (Variational Diffusion Models) without its
    prior and reconstruction terms, which do not depend on the network. The sum over t is estimated
    at `STRATA` timesteps, each the middle of an equal part of them: the same for every picture, so
    that pictures are compared at the same noise levels. The noise is the picture's own stream.

    Args:
        pictures: float32 n×H×W×C in [-1, 1]. seeds: uint64 (n,), those that drew them.
        batch_size: pictures a forward pass, the last one padded as in sampling.
    """
    import torch

    unet, scheduler = pipeline.unet.eval(), pipeline.scheduler
    alphas = scheduler.alphas_cumprod.double().cpu().numpy()
    snr = alphas / (1.0 - alphas)
    strata = np.array_split(np.arange(1, len(alphas)), min(STRATA, len(alphas) - 1))
    side, n = unet.config.sample_size, len(labels)
    before = (side - pictures.shape[1]) // 2
    after = side - pictures.shape[1] - before
    padding = ((0, 0), (0, 0), (before, after), (before, after))
    clean = np.pad(pictures.transpose(0, 3, 1, 2), padding, constant_values=-1.0)
    # Stream 0 of a picture's seed drew it.
    noise = np.stack(
        [
            seeding.stream(int(seed), 1).standard_normal(clean.shape[1:], dtype=np.float32)
            for seed in seeds
        ]
    )
    total = np.zeros(n)
    with torch.inference_mode():
        for stratum in strata:
            t = int(stratum[len(stratum) // 2])
            weight = 0.5 * (snr[stratum - 1] - snr[stratum]).sum()
            root, sigma = np.float32(np.sqrt(alphas[t])), np.float32(np.sqrt(1.0 - alphas[t]))
            noisy = root * clean + sigma * noise
            for start in range(0, n, batch_size):
                rows = whole_pass(start, batch_size, n)
                z = torch.from_numpy(noisy[rows]).to(pipeline.device)
                condition = torch.from_numpy(labels[rows]).to(pipeline.device)
                output = unet(z, t, condition).sample
                if scheduler.config.prediction_type == "v_prediction":
                    estimate = root * z - sigma * output
                else:
                    estimate = (z - sigma * output) / root
                missed = torch.from_numpy(clean[rows]).to(pipeline.device) - estimate
                error = missed.square().sum((1, 2, 3)).double().cpu().numpy()
                total[start : start + batch_size] -= weight * error[: n - start]
    return total
