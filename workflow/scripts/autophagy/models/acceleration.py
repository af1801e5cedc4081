"""How arithmetic is carried out on a device: its precision, CUDA graphs, work done ahead.

What is computed stands in the families; this module may change its speed and its rounding. On a CPU
all of it is the plain call, and changes no bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from autophagy import devices
from autophagy.models.precision import AsItIs, Coarse

T = TypeVar("T")

#: Hears a remark.
Say = Callable[[str], None]

#: Runs before a capture, in which libraries choose and load their kernels.
WARM_UP = 3


@dataclass(frozen=True)
class Execution:
    """The choices of one device.

    coarse: the type in which the forward and backward pass of a training step are computed, or None
        for that of the weights. Weights, their running mean and the optimiser stay float32, and so
        does sampling.
    graphs: repeated work is captured once and replayed, which spares the launch of each kernel.
    workers: threads that prepare what the device will need next.
    """

    device: str
    coarse: str | None = None
    graphs: bool = False
    workers: int = 0

    def computed(self, network: Any) -> AsItIs:
        """How a training computes `network`, a diffusers model on this device."""
        if self.coarse is None:
            return AsItIs(network)
        import torch

        return Coarse(network, getattr(torch, self.coarse))

    def repeated(
        self, function: Callable[..., T], say: Say = lambda note: None
    ) -> Callable[..., T]:
        """`function`, to be called many times with tensors of the same shapes on the device.

        It may depend on its arguments and on tensors that are changed in place, and must leave
        behind nothing but its result and gradients. It returns one tensor.
        """
        return Replayed(function, say) if self.graphs else function

    def prepared(self, function: Callable[[int], T], indices: Iterable[int]) -> Iterator[T]:
        """function(i) for each i, in order; where there are workers, some of them in advance."""
        if not self.workers:
            yield from map(function, indices)
            return
        with ThreadPoolExecutor(self.workers) as pool:
            waiting: deque[Any] = deque()
            try:
                for index in indices:
                    waiting.append(pool.submit(function, index))
                    if len(waiting) > 2 * self.workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def from_host(self, array: Any) -> Any:
        """A numpy array as a tensor from which `to_device` copies without waiting."""
        import torch

        tensor = torch.from_numpy(array)
        return tensor.pin_memory() if self.device == "cuda" else tensor

    def to_device(self, tensor: Any) -> Any:
        return tensor.to(self.device, non_blocking=True)


def recomputed(function: Callable[..., T], *arguments: Any) -> T:
    """function(*arguments), whose activations are not kept but computed again for the gradients.

    Of functions without randomness: the state of a stream, which would be kept for it, cannot be
    read while a CUDA graph is captured.
    """
    from torch.utils.checkpoint import checkpoint

    return checkpoint(function, *arguments, use_reentrant=False, preserve_rng_state=False)


class Replayed:
    """A function captured as a CUDA graph: one for all arguments of the same shapes.

    A graph launches the kernels that the call itself would, so the bits are the same. What cannot
    be captured is called, and that is said.
    """

    def __init__(self, function: Callable[..., Any], say: Say) -> None:
        self.function, self.say = function, say
        self._graphs: dict[Any, Any] = {}

    def __call__(self, *arguments: Any) -> Any:
        key = tuple((tuple(argument.shape), argument.dtype) for argument in arguments)
        if key not in self._graphs:
            self._graphs[key] = self._captured(arguments)
        if self._graphs[key] is None:
            return self.function(*arguments)
        held, replay, result = self._graphs[key]
        for place, argument in zip(held, arguments, strict=True):
            place.copy_(argument, non_blocking=True)
        replay()
        # The next replay writes where this one did.
        return result.clone()

    def _captured(self, arguments: tuple[Any, ...]) -> Any:
        held = [argument.clone() for argument in arguments]
        try:
            return held, *capture(self.function, held)
        except RuntimeError as error:
            # Where memory ran out within a capture, its end fails too, and hides why.
            for reason in (error, error.__context__):
                if devices.is_out_of_memory(reason):
                    raise reason from None
            first = str(error).partition("\n")[0]
            self.say(f"no CUDA graph, kernels are launched one by one: {first[:200]}")
            return None


def capture(function: Callable[..., Any], held: list[Any]) -> tuple[Callable[[], None], Any]:
    """Capture function(*held): what replays it, and the tensor its result is written to."""
    import torch

    aside, current = _aside(), torch.cuda.current_stream()
    aside.wait_stream(current)
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            function(*held)
    current.wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    try:
        # Another thread may pin memory meanwhile, which by default would end the capture.
        with torch.cuda.graph(graph, stream=aside, capture_error_mode="thread_local"):
            result = function(*held)
    finally:
        # A capture that fails at its end leaves its stream in force.
        torch.cuda.set_stream(current)
    return graph.replay, result


@cache
def _aside() -> Any:
    """The stream of all captures: on each that it has seen, cuBLAS keeps 32 MiB."""
    import torch

    return torch.cuda.Stream()


#: Device -> how it computes.
TABLE = {
    "cpu": Execution("cpu"),
    "cuda": Execution("cuda", coarse="bfloat16", graphs=True, workers=2),
}


def of(device: str) -> Execution:
    return TABLE[device]
