"""A network computed in a coarser type than that of its weights.

The float32 network is the one that learns, is averaged and is saved. Its copy in the coarser type
computes its loss and gradients: products, norms and what lies between them, so that half the bytes
are moved. What is summed (in norms, products, gradients of weights) is summed in float32;
`devices.prepare` tells cuBLAS so.
"""

from __future__ import annotations

import copy
from typing import Any


class AsItIs:
    """A network computed in its own type."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def current(self) -> Any:
        """The module to call, with float inputs of its `dtype`."""
        return self._network

    def collect(self) -> None:
        """After a backward pass: its gradients stand beside the network's weights."""


class Coarse(AsItIs):
    """A network computed by a copy of it.

    What this reads and writes is changed in place, so that it may be part of a CUDA graph.
    """

    def __init__(self, network: Any, dtype: Any) -> None:
        """
        Args:
            dtype: torch's type of the copy.

        Raises:
            TypeError: it has buffers of floats, which the copy would not share.
        """
        import torch

        super().__init__(network)
        for name, buffer in network.named_buffers():
            if buffer.is_floating_point():
                raise TypeError(f"a network with a buffer of floats, {name}")
        self._copy = copy.deepcopy(network)
        for parameter in self._copy.parameters():
            parameter.data = parameter.data.to(dtype)
        self._weights = list(network.parameters())
        self._copies = list(self._copy.parameters())
        self._gradients = [torch.zeros_like(weight) for weight in self._weights]

    def current(self) -> Any:
        import torch

        self._copy.train(self._network.training)
        with torch.no_grad():
            torch._foreach_copy_(self._copies, self._weights)
        for copied in self._copies:
            # Of a pass that ended before its gradients were collected.
            copied.grad = None
        return self._copy

    def collect(self) -> None:
        import torch

        used = [i for i, copied in enumerate(self._copies) if copied.grad is not None]
        parts = [self._copies[i].grad for i in used]
        weights = [self._weights[i] for i in used]
        with torch.no_grad():
            if all(weight.grad is None for weight in weights):
                gradients = [self._gradients[i] for i in used]
                torch._foreach_copy_(gradients, parts)
                for weight, gradient in zip(weights, gradients, strict=True):
                    weight.grad = gradient
            else:
                for weight, part in zip(weights, parts, strict=True):
                    weight.grad.add_(part)
