"""Norm and SiLU as one: the numbers and gradients of torch's own two, on a card or interpreted."""

from __future__ import annotations

import copy
import os

import pytest
from autophagy import cards, devices

if not cards.present():
    # Read when triton is imported: kernels are then run as Python, on the CPU.
    os.environ["TRITON_INTERPRET"] = "1"
pytest.importorskip("triton", reason="triton comes with torch for CUDA and is not installed here")
torch = pytest.importorskip("torch")
from autophagy.models import precision  # noqa: E402
from autophagy.models.ddpm_network import Network  # noqa: E402
from autophagy.models.fused_norm import NormSiLU, _Twice, fuse  # noqa: E402

DEVICE = "cuda" if cards.present() else "cpu"
MODEL = {"channels": [8, 12], "layers_per_block": 1, "norm_groups": 4, "attention": False}


@pytest.fixture(autouse=True, scope="module")
def prepared() -> None:
    devices.prepare(1, DEVICE)


def apart(found, expected) -> float:
    return float((found.detach().cpu().double() - expected.cpu()).norm() / expected.norm())


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("n", "channels", "groups", "height", "width"),
    [(3, 6, 3, 4, 4), (2, 24, 4, 8, 8), (2, 192, 32, 16, 16), (1, 8, 8, 5, 7), (2, 64, 32, 32, 32)],
)
def test_numbers_and_gradients_are_those_of_the_two(n, channels, groups, height, width, kind):
    generator = torch.Generator().manual_seed(0)
    x, given = (torch.randn(n, channels, height, width, generator=generator) for _ in range(2))
    norm = torch.nn.GroupNorm(groups, channels, 1e-5)
    for parameter in norm.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    norm, x, given = norm.to(kind), (x + 1.0).to(kind), given.to(kind)
    exact, there = copy.deepcopy(norm).double(), x.double().requires_grad_()
    expected = torch.nn.functional.silu(exact(there))
    expected.backward(given.double())

    fused = NormSiLU.of(norm.to(DEVICE))
    here = x.to(DEVICE).contiguous(memory_format=torch.channels_last).requires_grad_()
    found = fused(here)
    found.backward(given.to(DEVICE))
    assert found.dtype == kind
    assert found.is_contiguous(memory_format=torch.channels_last)
    allowed = 1e-6 if kind == torch.float32 else 1e-2
    assert apart(found, expected) < allowed
    assert apart(here.grad, there.grad) < allowed
    assert apart(fused.weight.grad, exact.weight.grad) < allowed
    assert apart(fused.bias.grad, exact.bias.grad) < allowed


def network():
    torch.manual_seed(1)
    return Network.of(MODEL, 8, 1, 3).build().to(DEVICE)


def inputs():
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(5, 1, 8, 8, generator=generator)
    return [
        a.to(DEVICE) for a in (x, torch.tensor([3, 9, 20, 1, 7]), torch.tensor([0, 3, 1, 2, 2]))
    ]


def test_a_fused_network_is_the_same_one() -> None:
    plain, fused = network(), fuse(network())
    names = [name for name, _ in plain.named_parameters()]
    assert [name for name, _ in fused.named_parameters()] == names
    assert sum(isinstance(module, NormSiLU) for module in fused.modules()) == 17
    assert sum(isinstance(module, _Twice) for module in fused.modules()) == 1
    assert not any(type(module) is torch.nn.GroupNorm for module in fused.modules())
    expected, found = (model(*inputs()).sample for model in (plain, fused))
    # A card's convolutions round to TF32, in another order for each layout.
    allowed = 1e-3 if DEVICE == "cuda" else 1e-5
    assert apart(found, expected.detach()) < allowed
    expected.square().mean().backward()
    found.square().mean().backward()
    for name, one, two in zip(names, plain.parameters(), fused.parameters(), strict=True):
        assert apart(two.grad, one.grad) < 10 * allowed, name


def test_the_same_bits_again() -> None:
    grads = []
    for _ in range(2):
        computed = precision.Coarse(unet := network(), torch.bfloat16, fused=True)
        x, *others = inputs()
        current = computed.current()
        current(x.to(current.dtype), *others).sample.float().square().mean().backward()
        computed.collect()
        grads.append(torch.cat([weight.grad.flatten() for weight in unet.parameters()]))
    assert torch.equal(*grads)
    assert grads[0].dtype == torch.float32
