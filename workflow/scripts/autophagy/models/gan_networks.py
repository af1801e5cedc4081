"""Generator and critic of the `gan` family: small convolutions, conditioned on a class."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn


class Generator(nn.Module):
    """Latent and class in, pictures in [-1, 1] out.

    Args:
        size, colours: side and channels of the pictures.
        n_classes: each has a learned vector that stands beside the latent.
        latent: numbers in z.
        channels: widths, from the coarsest level to the finest; each level doubles the side.
    """

    def __init__(
        self, size: int, colours: int, n_classes: int, latent: int, channels: list[int]
    ) -> None:
        super().__init__()
        self.side, self.first = size // 2 ** len(channels), channels[0]
        self.classes = nn.Embedding(n_classes, latent)
        self.begin = nn.Linear(2 * latent, self.first * self.side**2)
        levels: list[nn.Module] = []
        for before, width in zip([self.first, *channels[:-1]], channels, strict=True):
            levels += [
                nn.Upsample(scale_factor=2),
                nn.Conv2d(before, width, 3, padding=1),
                # Not of batches: a picture must not depend on those drawn with it.
                nn.GroupNorm(1, width),
                nn.ReLU(),
            ]
        self.levels = nn.Sequential(*levels, nn.Conv2d(channels[-1], colours, 3, padding=1))

    def forward(self, z: Any, labels: Any) -> Any:
        x = self.begin(torch.cat([z, self.classes(labels)], dim=1)).relu()
        return torch.tanh(self.levels(x.view(len(z), self.first, self.side, self.side)))


class Critic(nn.Module):
    """A number for a picture and its class (projection of Miyato & Koyama 2018).

    Without normalisation, whose dependence between rows the gradient penalty does not allow
    (Gulrajani et al. 2017, section 4). Arguments as for `Generator`.
    """

    def __init__(self, size: int, colours: int, n_classes: int, channels: list[int]) -> None:
        super().__init__()
        widths = [colours, *reversed(channels)]
        levels: list[nn.Module] = []
        for before, width in pairwise(widths):
            levels += [nn.Conv2d(before, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        features = channels[0] * (size // 2 ** len(channels)) ** 2
        self.levels = nn.Sequential(*levels, nn.Flatten())
        self.end = nn.Linear(features, 1)
        self.classes = nn.Embedding(n_classes, features)
        # Embeddings begin as N(0, 1), whose projection would drown the rest.
        nn.init.normal_(self.classes.weight, std=features**-0.5)

    def forward(self, pictures: Any, labels: Any) -> Any:
        features = self.levels(pictures)
        return self.end(features)[:, 0] + (self.classes(labels) * features).sum(dim=1)
