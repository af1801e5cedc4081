"""The kernels of `fused_norm`, for triton: one program takes a share of a picture's rows.

A tensor is N pictures of P = height · width rows of C channels that lie side by side. Every
function takes float32 or bfloat16, and calculates in float32. Sums over a picture are made in two
parts, each program's own, then over programs and over the channels of a group, in one order.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl


@triton.jit
def _rows(picture, share, P, C, SHARES: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    """Of a program: its first row, the row after its last, offsets of ROWS × BLOCK numbers."""
    each = tl.cdiv(P, SHARES)
    first = share * each
    rows, channels = tl.arange(0, ROWS), tl.arange(0, BLOCK)
    start = picture.to(tl.int64) * P * C
    return first, tl.minimum(first + each, P), start + rows[:, None] * C + channels[None, :]


@triton.jit
def _moment_parts(
    x_at, parts_at, P, C, SHARES: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr
):
    picture, share = tl.program_id(0), tl.program_id(1)
    first, end, offsets = _rows(picture, share, P, C, SHARES, ROWS, BLOCK)
    rows, channels = tl.arange(0, ROWS), tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK,), tl.float32)
    squares = tl.zeros((BLOCK,), tl.float32)
    for row in range(first, end, ROWS):
        here = (row + rows[:, None] < end) & (channels[None, :] < C)
        x = tl.load(x_at + offsets + row * C, here, 0.0).to(tl.float32)
        total += tl.sum(x, 0)
        squares += tl.sum(x * x, 0)
    to = parts_at + (picture * SHARES + share) * 2 * C + channels
    tl.store(to, total, channels < C)
    tl.store(to + C, squares, channels < C)


@triton.jit
def _over_group(
    parts_at, picture, scale_at, C, K: tl.constexpr, SHARES: tl.constexpr, BLOCK: tl.constexpr,
    SCALED: tl.constexpr,
):  # fmt: skip
    """Of each channel: both sums over its group's channels and all programs, scaled by channel."""
    channels, shares = tl.arange(0, BLOCK), tl.arange(0, SHARES)
    from_here = parts_at + (picture * SHARES + shares)[:, None] * 2 * C
    one = tl.zeros((BLOCK,), tl.float32)
    two = tl.zeros((BLOCK,), tl.float32)
    # Unrolled: the loads do not wait for each other.
    for member in tl.static_range(K):
        other = channels // K * K + member
        scale = tl.full((BLOCK,), 1.0, tl.float32)
        if SCALED:
            scale = tl.load(scale_at + other, channels < C, 0.0).to(tl.float32)
        at = from_here + other[None, :]
        one += scale * tl.sum(tl.load(at, channels[None, :] < C, 0.0), 0)
        two += scale * tl.sum(tl.load(at + C, channels[None, :] < C, 0.0), 0)
    return one, two


@triton.jit
def _moments(
    parts_at, moments_at, P, C, eps, K: tl.constexpr, SHARES: tl.constexpr, BLOCK: tl.constexpr
):
    picture, channels = tl.program_id(0), tl.arange(0, BLOCK)
    total, squares = _over_group(parts_at, picture, parts_at, C, K, SHARES, BLOCK, False)
    mean = total / (P * K)
    variance = tl.maximum(squares / (P * K) - mean * mean, 0.0)
    to = moments_at + picture * 2 * C + channels
    tl.store(to, mean, channels < C)
    tl.store(to + C, 1.0 / tl.sqrt(variance + eps), channels < C)


@triton.jit
def _by_channel(moments_at, weight_at, bias_at, picture, C, BLOCK: tl.constexpr):
    channels = tl.arange(0, BLOCK)
    at = moments_at + picture * 2 * C + channels
    mean = tl.load(at, channels < C, 0.0)
    rstd = tl.load(at + C, channels < C, 0.0)
    weight = tl.load(weight_at + channels, channels < C, 0.0).to(tl.float32)
    bias = tl.load(bias_at + channels, channels < C, 0.0).to(tl.float32)
    return mean[None, :], rstd[None, :], weight[None, :], bias[None, :]


@triton.jit
def _normalised(
    x_at, moments_at, weight_at, bias_at, y_at, P, C,
    SHARES: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    picture, share = tl.program_id(0), tl.program_id(1)
    first, end, offsets = _rows(picture, share, P, C, SHARES, ROWS, BLOCK)
    rows, channels = tl.arange(0, ROWS), tl.arange(0, BLOCK)
    mean, rstd, weight, bias = _by_channel(moments_at, weight_at, bias_at, picture, C, BLOCK)
    for row in range(first, end, ROWS):
        here = (row + rows[:, None] < end) & (channels[None, :] < C)
        x = tl.load(x_at + offsets + row * C, here, 0.0).to(tl.float32)
        y = (x - mean) * rstd * weight + bias
        y = y * tl.sigmoid(y)
        tl.store(y_at + offsets + row * C, y.to(y_at.dtype.element_ty), here)


@triton.jit
def _before_silu(x, given, mean, rstd, weight, bias):
    """The normalised x, and the gradient before SiLU."""
    normal = (x - mean) * rstd
    y = normal * weight + bias
    share = tl.sigmoid(y)
    return normal, given * share * (1.0 + y * (1.0 - share))


@triton.jit
def _sum_parts(
    x_at, given_at, moments_at, weight_at, bias_at, parts_at, P, C,
    SHARES: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    picture, share = tl.program_id(0), tl.program_id(1)
    first, end, offsets = _rows(picture, share, P, C, SHARES, ROWS, BLOCK)
    rows, channels = tl.arange(0, ROWS), tl.arange(0, BLOCK)
    mean, rstd, weight, bias = _by_channel(moments_at, weight_at, bias_at, picture, C, BLOCK)
    total = tl.zeros((BLOCK,), tl.float32)
    products = tl.zeros((BLOCK,), tl.float32)
    for row in range(first, end, ROWS):
        here = (row + rows[:, None] < end) & (channels[None, :] < C)
        x = tl.load(x_at + offsets + row * C, here, 0.0).to(tl.float32)
        given = tl.load(given_at + offsets + row * C, here, 0.0).to(tl.float32)
        normal, before = _before_silu(x, given, mean, rstd, weight, bias)
        total += tl.sum(before, 0)
        products += tl.sum(before * normal, 0)
    to = parts_at + (picture * SHARES + share) * 2 * C + channels
    tl.store(to, total, channels < C)
    tl.store(to + C, products, channels < C)


@triton.jit
def _shifts(
    parts_at, weight_at, shifts_at, by_picture_at, P, C,
    K: tl.constexpr, SHARES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    picture, channels = tl.program_id(0), tl.arange(0, BLOCK)
    one, two = _over_group(parts_at, picture, weight_at, C, K, SHARES, BLOCK, True)
    to = shifts_at + picture * 2 * C + channels
    tl.store(to, one / (P * K), channels < C)
    tl.store(to + C, two / (P * K), channels < C)
    one, two = _over_group(parts_at, picture, weight_at, C, 1, SHARES, BLOCK, False)
    to = by_picture_at + picture * 2 * C + channels
    tl.store(to, one, channels < C)
    tl.store(to + C, two, channels < C)


@triton.jit
def _gradients(
    x_at, given_at, moments_at, weight_at, bias_at, shifts_at, of_x_at, P, C,
    SHARES: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    picture, share = tl.program_id(0), tl.program_id(1)
    first, end, offsets = _rows(picture, share, P, C, SHARES, ROWS, BLOCK)
    rows, channels = tl.arange(0, ROWS), tl.arange(0, BLOCK)
    mean, rstd, weight, bias = _by_channel(moments_at, weight_at, bias_at, picture, C, BLOCK)
    at = shifts_at + picture * 2 * C + channels
    one = tl.load(at, channels < C, 0.0)[None, :]
    two = tl.load(at + C, channels < C, 0.0)[None, :]
    for row in range(first, end, ROWS):
        here = (row + rows[:, None] < end) & (channels[None, :] < C)
        x = tl.load(x_at + offsets + row * C, here, 0.0).to(tl.float32)
        given = tl.load(given_at + offsets + row * C, here, 0.0).to(tl.float32)
        normal, before = _before_silu(x, given, mean, rstd, weight, bias)
        of_x = rstd * (weight * before - one - normal * two)
        tl.store(of_x_at + offsets + row * C, of_x.to(of_x_at.dtype.element_ty), here)


def _sizes(x: torch.Tensor, tile: int, shares: int) -> tuple[int, int, int, dict[str, int]]:
    n, channels, height, width = x.shape
    block = triton.next_power_of_2(channels)
    rows = max(1, min(tile // block, triton.next_power_of_2(height * width)))
    # A power of 2, as triton's blocks are; a share without rows adds nothing.
    shares = triton.next_power_of_2(max(1, min(shares, height * width // rows)))
    return n, height * width, channels, {"SHARES": shares, "ROWS": rows, "BLOCK": block}


def _new(x: torch.Tensor, *shape: int) -> torch.Tensor:
    return torch.empty(shape, dtype=torch.float32, device=x.device)


def moments(x: torch.Tensor, groups: int, eps: float, tile: int, shares: int) -> torch.Tensor:
    """float32 N×2×C: of each channel its group's mean and 1 / √(variance + eps)."""
    n, p, c, sizes = _sizes(x, tile, shares)
    parts, found = _new(x, n, sizes["SHARES"], 2, c), _new(x, n, 2, c)
    _moment_parts[(n, sizes["SHARES"])](x, parts, p, c, **sizes)
    whole = {key: sizes[key] for key in ("SHARES", "BLOCK")}
    _moments[(n,)](parts, found, p, c, eps, K=c // groups, **whole)
    return found


def normalised(
    x: torch.Tensor, moments: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor,
    tile: int, shares: int,
) -> torch.Tensor:  # fmt: skip
    """silu(w · (x − mean) · rstd + b), of x's type and layout."""
    n, p, c, sizes = _sizes(x, tile, shares)
    made = torch.empty_like(x)
    _normalised[(n, sizes["SHARES"])](x, moments, weight, bias, made, p, c, **sizes)
    return made


def sums(
    x: torch.Tensor, given: torch.Tensor, moments: torch.Tensor, weight: torch.Tensor,
    bias: torch.Tensor, tile: int, shares: int,
) -> torch.Tensor:  # fmt: skip
    """float32 N×shares×2×C: Σ g and Σ g · normalised x, g the gradient before SiLU."""
    n, p, c, sizes = _sizes(x, tile, shares)
    parts = _new(x, n, sizes["SHARES"], 2, c)
    _sum_parts[(n, sizes["SHARES"])](x, given, moments, weight, bias, parts, p, c, **sizes)
    return parts


def gradients(
    x: torch.Tensor, given: torch.Tensor, moments: torch.Tensor, weight: torch.Tensor,
    bias: torch.Tensor, parts: torch.Tensor, groups: int, tile: int, shares: int,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """The gradient of x, and float32 N×2×C: of bias and weight by picture."""
    n, p, c, sizes = _sizes(x, tile, shares)
    shifts, by_picture, of_x = _new(x, n, 2, c), _new(x, n, 2, c), torch.empty_like(x)
    whole = {key: sizes[key] for key in ("SHARES", "BLOCK")}
    _shifts[(n,)](parts, weight, shifts, by_picture, p, c, K=c // groups, **whole)
    _gradients[(n, sizes["SHARES"])](x, given, moments, weight, bias, shifts, of_x, p, c, **sizes)
    return of_x, by_picture
