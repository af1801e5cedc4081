"""Group normalisation and SiLU as one, for tensors whose channels lie side by side.

silu(w · (x − mean) · rstd + b), mean and variance over a picture's group of channels (Wu & He 2018,
1803.08494; Elfwing et al. 2018, 1702.03118), and its gradients. Most of a U-Net's step on a card is
neither convolution nor product; torch's own norms read and write the tensor several times more, and
in the other layout, which convolutions on a card turn into this one and back.

Sums are taken in float32, in blocks of one fixed order: the same bits at every call.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import nn

#: Numbers that one program holds at once; programs that share a picture, at most.
_TILE, _SHARES = 4096, 16


def available() -> bool:
    """Is triton, which compiles for the card, installed? It comes with torch for CUDA on Linux."""
    return importlib.util.find_spec("triton") is not None


class NormSiLU(nn.GroupNorm):
    """A `GroupNorm` followed by SiLU."""

    @classmethod
    def of(cls, norm: nn.GroupNorm) -> NormSiLU:
        """That with the weights of a norm."""
        made = cls(norm.num_groups, norm.num_channels, norm.eps)
        made.weight, made.bias = norm.weight, norm.bias
        return made

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _NormSiLU.apply(x, self.weight, self.bias, self.num_groups, self.eps)[0]


class _AfterSiLU(nn.Linear):
    """A linear layer that is given what SiLU has not been applied to yet."""

    @classmethod
    def of(cls, linear: nn.Linear) -> _AfterSiLU:
        made = cls(linear.in_features, linear.out_features)
        made.weight, made.bias = linear.weight, linear.bias
        return made

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(nn.functional.silu(x))


class _Twice(nn.Module):
    """A diffusers `Upsample2D`, each number twice by twice; that turns channels to the front."""

    def __init__(self, upsample: Any) -> None:
        super().__init__()
        self.conv = upsample.conv

    def forward(self, x: torch.Tensor, size: None = None) -> torch.Tensor:
        if size is not None:
            raise ValueError(f"to a size of {size}, not twice")
        rows = x.permute(0, 2, 3, 1)
        n, height, width, channels = rows.shape
        twice = rows[:, :, None, :, None].expand(n, height, 2, width, 2, channels)
        larger = twice.reshape(n, 2 * height, 2 * width, channels)
        return self.conv(larger.permute(0, 3, 1, 2))


def fuse(network: nn.Module) -> nn.Module:
    """A diffusers network, changed in place: its pairs of norm and SiLU fused, channels last.

    Its parameters, their names and their order stay. What is not of this form stays as it is.
    """
    from diffusers.models.resnet import ResnetBlock2D

    for block in network.modules():
        if isinstance(block, ResnetBlock2D) and _fits(block):
            block.norm1, block.norm2 = NormSiLU.of(block.norm1), NormSiLU.of(block.norm2)
            block.nonlinearity = nn.Identity()
            if block.time_emb_proj is not None and not block.skip_time_act:
                block.time_emb_proj = _AfterSiLU.of(block.time_emb_proj)
        norm, act = (getattr(block, name, None) for name in ("conv_norm_out", "conv_act"))
        if type(norm) is nn.GroupNorm and type(act) is nn.SiLU:
            block.conv_norm_out, block.conv_act = NormSiLU.of(norm), nn.Identity()
        for place, upsample in enumerate(getattr(block, "upsamplers", None) or ()):
            if _doubles(upsample):
                block.upsamplers[place] = _Twice(upsample)
    return network.to(memory_format=torch.channels_last)


def _fits(block: Any) -> bool:
    plain = type(block.norm1) is type(block.norm2) is nn.GroupNorm
    between = block.time_embedding_norm == "scale_shift"
    return plain and not between and type(block.nonlinearity) is nn.SiLU


def _doubles(upsample: Any) -> bool:
    from diffusers.models.upsampling import Upsample2D

    if type(upsample) is not Upsample2D or upsample.norm is not None:
        return False
    convolves = upsample.use_conv and upsample.name == "conv" and not upsample.use_conv_transpose
    return convolves and upsample.interpolate


class _NormSiLU(torch.autograd.Function):
    @staticmethod
    def forward(
        x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, groups: int, eps: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        from autophagy.models import fused_norm_kernels as kernels

        x = x.contiguous(memory_format=torch.channels_last)
        moments = kernels.moments(x, groups, eps, _TILE, _SHARES)
        return kernels.normalised(x, moments, weight, bias, _TILE, _SHARES), moments

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        x, weight, bias, ctx.groups, _ = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(x, weight, bias, output[1])

    @staticmethod
    def backward(ctx: Any, given: torch.Tensor, _: Any) -> tuple[Any, ...]:
        from autophagy.models import fused_norm_kernels as kernels

        x, weight, bias, moments = ctx.saved_tensors
        x, given = (a.contiguous(memory_format=torch.channels_last) for a in (x, given))
        sums = kernels.sums(x, given, moments, weight, bias, _TILE, _SHARES)
        of_x, by_picture = kernels.gradients(
            x, given, moments, weight, bias, sums, ctx.groups, _TILE, _SHARES
        )
        of_bias, of_weight = by_picture.sum(0).to(weight.dtype)
        return of_x, of_weight, of_bias, None, None
