"""A network computed in a coarser type than that of its weights.

The float32 network is the one that learns, is averaged and is saved. Its copy in the coarser type
computes its loss and gradients: products, norms and what lies between them, so that half the bytes
are moved. What is summed (in norms, products, gradients of weights) is summed in float32.
"""

from __future__ import annotations

import copy
from typing import Any


class Itself:
    """A network computed in its own type."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def current(self) -> Any:
        """What to call, with float inputs of its `dtype`."""
        return self._network

    def collect(self) -> None:
        """After a backward pass: its gradients stand beside the network's weights."""


class Coarse(Itself):
    """A network computed by a copy of it.

    What this reads and writes is changed in place, so that it may be part of a CUDA graph.
    """

    def __init__(self, network: Any, kind: Any) -> None:
        """
        Args:
            kind: torch's type of the copy.
        """
        import torch

        super().__init__(network)
        self._copy = copy.deepcopy(network)
        for parameter in self._copy.parameters():
            parameter.data = parameter.data.to(kind)
        for name, buffer in self._copy.named_buffers():
            if buffer.is_floating_point():
                raise TypeError(f"a network whose buffer {name} would be rounded")
        self._weights = list(network.parameters())
        self._copies = list(self._copy.parameters())
        self._gradients = [torch.zeros_like(weight) for weight in self._weights]

    def current(self) -> Any:
        import torch

        self._copy.train(self._network.training)
        with torch.no_grad():
            torch._foreach_copy_(self._copies, self._weights)
        return self._copy

    def collect(self) -> None:
        import torch

        given = [copied.grad for copied in self._copies]
        with torch.no_grad():
            if self._weights[0].grad is None:
                torch._foreach_copy_(self._gradients, given)
                for weight, gradient in zip(self._weights, self._gradients, strict=True):
                    weight.grad = gradient
            else:
                for weight, part in zip(self._weights, given, strict=True):
                    weight.grad.add_(part)
        for copied in self._copies:
            copied.grad = None
