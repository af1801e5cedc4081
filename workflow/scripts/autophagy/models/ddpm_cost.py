"""What a ddpm model costs: operations of its network, and how often a picture passes it."""

from __future__ import annotations

from functools import cache
from typing import Any

from autophagy.models.ddpm_options import network_size


def network(model: dict[str, Any], shape: tuple[int, int], n_classes: int) -> tuple[float, int]:
    """One picture's forward pass, in floating-point operations, and the number of weights.

    An addition and a product count 1 each. Counted by torch on a network without storage, so any
    size takes a second.

    Args:
        model: the configuration's section, as plain values.
        shape: side and channels of the pictures.

    Raises:
        UserError: the network cannot halve such pictures often enough.
    """
    side = network_size(model, shape[0])
    widths = tuple(model["channels"])
    options = (model["layers_per_block"], model["norm_groups"], model["attention"])
    return _counted(side, shape[1], n_classes, widths, *options)


@cache
def _counted(
    side: int, colours: int, n_classes: int, widths: tuple[int, ...], layers: int, groups: int,
    attention: bool,
) -> tuple[float, int]:  # fmt: skip
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from autophagy.models.diffusers_parts import UNet2DModel

    with torch.device("meta"):
        unet = UNet2DModel(
            sample_size=side, in_channels=colours, out_channels=colours,
            block_out_channels=widths, layers_per_block=layers, norm_num_groups=groups,
            down_block_types=("DownBlock2D",) * len(widths),
            up_block_types=("UpBlock2D",) * len(widths),
            add_attention=attention, num_class_embeds=n_classes + 1,
        )  # fmt: skip
        pictures, classes = torch.zeros(1, colours, side, side), torch.zeros(1, dtype=torch.long)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            unet(pictures, torch.zeros(1, dtype=torch.long), classes)
    return float(counter.get_total_flops()), sum(p.numel() for p in unet.parameters())


def evaluations(params: dict[str, Any]) -> int:
    """Network evaluations that one picture of a sample set takes; params: the sample set's.

    Classifier-free guidance (λ < 1) asks a network twice, and SIMS asks two networks.
    """
    networks = 2 if params.get("guidance", {}).get("kind") == "sims" else 1
    return params["sample"]["steps"] * networks * (2 if params["sampling_bias"] < 1.0 else 1)
