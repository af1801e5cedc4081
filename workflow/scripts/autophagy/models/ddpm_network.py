"""The network of a ddpm model: what of the configuration decides it, and how it is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Network:
    """A class-conditional `UNet2DModel`; see `model` in docs/configuration.md.

    side, colours: of what it denoises, and of its answer. n_classes: without the null class, which
    it knows besides as the last.
    """

    side: int
    colours: int
    n_classes: int
    widths: tuple[int, ...]
    layers: int
    groups: int
    attention: bool

    @classmethod
    def of(cls, model: dict[str, Any], side: int, colours: int, n_classes: int) -> Network:
        """The network that `model`, the configuration's section as plain values, asks for."""
        options = model["layers_per_block"], model["norm_groups"], model["attention"]
        return cls(side, colours, n_classes, tuple(model["channels"]), *options)

    def build(self) -> Any:
        """It, with fresh weights from torch's stream."""
        from autophagy.models.diffusers_parts import UNet2DModel

        return UNet2DModel(
            sample_size=self.side,
            in_channels=self.colours,
            out_channels=self.colours,
            block_out_channels=self.widths,
            down_block_types=("DownBlock2D",) * len(self.widths),
            up_block_types=("UpBlock2D",) * len(self.widths),
            layers_per_block=self.layers,
            norm_num_groups=self.groups,
            add_attention=self.attention,
            num_class_embeds=self.n_classes + 1,
        )
