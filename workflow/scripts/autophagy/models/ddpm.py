"""Class-conditional denoising diffusion (Ho et al. 2020) with classifier-free guidance.

The paper's MNIST model: T = 500, 10% of the conditions dropped in training, λ = 1/(1 + w).
Network, noise schedule, EMA, learning-rate schedule and file format are diffusers'.

What the family gives (see `base.Family`) stands in `ddpm_options`, `ddpm_training`, `ddpm_model`
and `ddpm_adopted`.
"""

from __future__ import annotations

from autophagy.models.ddpm_adopted import adopt, check_adopted
from autophagy.models.ddpm_guidance import guide
from autophagy.models.ddpm_model import DDPM, load
from autophagy.models.ddpm_options import Model, Sample, Train, check, check_biased
from autophagy.models.ddpm_training import fit

__all__ = [
    "ABILITIES",
    "DDPM",
    "SOFTWARE",
    "Model",
    "Sample",
    "Train",
    "adopt",
    "check",
    "check_adopted",
    "check_biased",
    "fit",
    "guide",
    "load",
]

#: What regimes may ask for besides fit and sample; see `base.Family`.
ABILITIES = ("adopt", "fine_tune", "flatten", "guide", "likelihood")
#: The libraries that set this family's numbers.
SOFTWARE = ("diffusers", "safetensors", "torch")
