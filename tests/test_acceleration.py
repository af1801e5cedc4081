"""How a device computes: the same mathematics, and on a CPU the same bits."""

from __future__ import annotations

import dataclasses
import hashlib
import threading

import numpy as np
import pytest
from autophagy import devices
from autophagy import seeds as seeding
from autophagy.errors import UserError
from autophagy.models import acceleration, ddpm, ddpm_training, precision
from autophagy.models.base import TrainingData
from autophagy.models.order import Order
from conftest import quiet, tiny_content

torch = pytest.importorskip("torch")

MODEL, TRAIN = tiny_content()["model"], tiny_content()["train"]
SAMPLE = {"scheduler": "dpm-solver++", "steps": 3, "batch_size": 4}
LABELS, SEEDS = np.arange(6) % 3, seeding.derive_rows(6, "test")


def fitted(report=quiet, checkpointing=None, **train):
    torch.use_deterministic_algorithms(True)
    images = np.random.default_rng(1).integers(0, 17, (12, 8, 8, 1), dtype=np.uint8)
    data = TrainingData(images, np.arange(12) % 3, 17, 3)
    model = MODEL | ({"checkpointing": checkpointing} if checkpointing else {})
    return ddpm.fit(data, model, TRAIN | {"steps": 5} | train, 1, "cpu", report)


def weights(model) -> str:
    digest = hashlib.sha256()
    for parameter in model.pipeline.unet.parameters():
        digest.update(parameter.detach().numpy().tobytes())
    return digest.hexdigest()


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.pipeline.unet.parameters()])


def drawn(model, bias: float = 1.0) -> np.ndarray:
    return model.sample(LABELS, SEEDS, bias, SAMPLE, quiet)


@pytest.fixture(scope="module")
def plain_model():
    return fitted()


def as_on_a_card(monkeypatch, **choices) -> None:
    """Let the CPU compute as a card does; its graphs are what `replayed_here` stands in for."""
    there = dataclasses.replace(acceleration.TABLE["cuda"], device="cpu", **choices)
    monkeypatch.setitem(acceleration.TABLE, "cpu", there)
    monkeypatch.setattr(acceleration, "capture", replayed_here)


def replayed_here(function, held):
    """A graph without a card: a replay reads `held` and writes the first result's memory."""
    result = function(*held)

    def replay() -> None:
        result.copy_(function(*held))

    return replay, result


def test_a_cpu_computes_plainly() -> None:
    assert acceleration.TABLE["cpu"] == acceleration.Execution("cpu")
    function = object()
    assert acceleration.of("cpu").repeated(function) is function


def test_graphs_and_work_done_ahead_change_no_bit(plain_model, monkeypatch) -> None:
    as_on_a_card(monkeypatch, coarse=None)
    ahead = fitted()
    assert weights(ahead) == weights(plain_model)
    for bias in (1.0, 0.5):
        np.testing.assert_array_equal(drawn(ahead, bias), drawn(plain_model, bias))


def test_a_coarse_copy_trains_nearly_the_same_model(plain_model, monkeypatch) -> None:
    as_on_a_card(monkeypatch)
    coarse = fitted()
    one, two = flat(plain_model), flat(coarse)
    assert two.dtype == torch.float32
    assert 1e-6 < (two - one).norm() / one.norm() < 0.05


def test_a_coarse_copy_does_what_the_network_would(monkeypatch) -> None:
    """A batch in parts up to rounding; activations computed again, to the same bits."""
    as_on_a_card(monkeypatch)
    whole, parts, again = fitted(), fitted(accumulate=4), fitted(checkpointing=True)
    assert 0 < (flat(parts) - flat(whole)).norm() / flat(whole).norm() < 0.05
    assert weights(again) == weights(whole)


def test_gradients_of_a_pass_that_failed_are_not_added_to_the_next(monkeypatch) -> None:
    """As where a graph cannot be captured and kernels are launched one by one from then on."""
    as_on_a_card(monkeypatch, graphs=False)
    expected = weights(fitted())

    def failing(function, held):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(precision.Coarse, "collect", lambda self: None)
            function(*held)
        raise RuntimeError("operation not permitted when stream is capturing")

    as_on_a_card(monkeypatch)
    monkeypatch.setattr(acceleration, "capture", failing)
    assert weights(fitted()) == expected


def test_a_weight_without_a_gradient_keeps_none() -> None:
    class Half(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))

    network = Half()
    computed = precision.Coarse(network, torch.bfloat16)
    for times in (1, 2):
        computed.current().used.sum().backward()
        computed.collect()
        assert network.used.grad.tolist() == [times, times]
    assert network.used.grad.dtype == torch.float32
    assert network.unused.grad is None


def test_a_copy_that_would_not_share_its_buffers_is_refused() -> None:
    with pytest.raises(TypeError, match="running_mean"):
        precision.Coarse(torch.nn.BatchNorm2d(3), torch.bfloat16)


def test_sampling_is_float32_everywhere(plain_model, monkeypatch) -> None:
    expected = drawn(plain_model)
    as_on_a_card(monkeypatch)
    np.testing.assert_array_equal(drawn(plain_model), expected)


def test_work_done_ahead_comes_in_order_and_fails_in_its_place() -> None:
    threads = set()

    def work(index: int) -> int:
        threads.add(threading.get_ident())
        if index == 7:
            raise UserError("seven")
        return index * index

    ahead = dataclasses.replace(acceleration.of("cpu"), workers=2)
    assert list(ahead.prepared(work, range(3, 7))) == [9, 16, 25, 36]
    assert threading.get_ident() not in threads
    found = ahead.prepared(work, range(5, 20))
    assert [next(found), next(found)] == [25, 36]
    with pytest.raises(UserError, match="seven"):
        next(found)


def test_a_graph_is_captured_for_each_shape_and_its_results_stay(monkeypatch) -> None:
    captures = []

    def capture(function, held):
        captures.append(held[0].shape)
        return replayed_here(function, held)

    monkeypatch.setattr(acceleration, "capture", capture)
    twice = acceleration.Replayed(lambda x: 2 * x, lambda note: None)
    inputs = [torch.full((n,), float(value)) for n, value in ((3, 1), (3, 2), (5, 3), (3, 4))]
    results = [twice(x) for x in inputs]
    for x, result in zip(inputs, results, strict=True):
        assert torch.equal(result, 2 * x)
    assert captures == [(3,), (5,)]


def test_what_cannot_be_captured_is_called_and_said(monkeypatch) -> None:
    def capture(function, held):
        raise RuntimeError("operation not permitted when stream is capturing\nlong story")

    monkeypatch.setattr(acceleration, "capture", capture)
    heard: list[str] = []
    twice = acceleration.Replayed(lambda x: 2 * x, heard.append)
    for value in (1.0, 2.0):
        assert twice(torch.tensor(value)) == 2 * value
    assert heard == [
        "no CUDA graph, kernels are launched one by one: operation not permitted when stream is "
        "capturing"
    ]


@pytest.mark.parametrize("hidden", [False, True])
def test_a_capture_that_runs_out_of_memory_says_so(hidden, monkeypatch) -> None:
    """Its end, which fails too, may hide the reason: `within_memory` must see that to halve."""

    def capture(function, held):
        try:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB")
        finally:
            if hidden:
                raise RuntimeError("captures_underway.empty() INTERNAL ASSERT FAILED")

    monkeypatch.setattr(acceleration, "capture", capture)
    heard: list[str] = []
    with pytest.raises(torch.OutOfMemoryError):
        acceleration.Replayed(lambda x: 2 * x, heard.append)(torch.tensor(1.0))
    assert heard == []


def test_draws_are_those_of_their_seed_and_step() -> None:
    """Rows, noise, t and dropped conditions of a step, as the first release drew them."""
    order = Order(7, 4, 11)
    draws = ddpm_training._Draws(order, (4, 1, 2, 2), 50, 0.5, 12)
    rows, noise, t, dropped = draws.of(3)
    stream = seeding.stream(12, 3)
    np.testing.assert_array_equal(noise, stream.standard_normal((4, 1, 2, 2), dtype=np.float32))
    times = (stream.permutation(4) + stream.random(4)) / 4
    np.testing.assert_array_equal(t, (times * 50).astype(np.int64))
    np.testing.assert_array_equal(dropped, stream.random(4) < 0.5)
    epochs = [seeding.stream(11, epoch).permutation(7) for epoch in (1, 2)]
    np.testing.assert_array_equal(rows, [*epochs[0][5:], *epochs[1][:2]])


# Memory


def too_much(above: int, calls: list[int]):
    def work(size: int) -> str:
        calls.append(size)
        if size > above:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB")
        return "done"

    return work


def test_batches_are_halved_until_they_fit() -> None:
    calls: list[int] = []
    heard: list[str] = []
    assert devices.within_memory(too_much(30, calls), 100, heard.append) == ("done", 25)
    assert calls == [100, 50, 25]
    assert heard == [f"out of memory: going on with batches of {size}" for size in (50, 25)]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB"), True),
        (torch.AcceleratorError("CUDA error: out of memory", 2), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("CUDA error: out of memory"), False),
    ],
)
def test_memory_that_ran_out_is_known_by_any_name(error, expected) -> None:
    assert devices.is_out_of_memory(error) is expected


def test_a_batch_of_one_that_does_not_fit_is_a_user_error() -> None:
    calls: list[int] = []
    with pytest.raises(UserError, match="too small for batches of 1"):
        devices.within_memory(too_much(0, calls), 5, lambda note: None)
    assert calls == [5, 2, 1]


@pytest.mark.parametrize(
    "place",
    ["diffusers.UNet2DModel.to", "diffusers.UNet2DModel.forward", "torch.optim.AdamW.step",
     "autophagy.models.pictures.Pictures.__init__", "diffusers.training_utils.EMAModel.step"],
)  # fmt: skip
def test_a_training_that_does_not_fit_names_the_batch(place, monkeypatch) -> None:
    """Wherever in it memory runs out: AdamW's state, for one, is made by its first step."""

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(place, full)
    with pytest.raises(UserError) as told:
        fitted()
    assert str(told.value) == (
        "train.batch_size: fitting the model needs more memory than the device has free; the batch "
        "is part of the experiment, so nothing makes it smaller by itself: free memory, raise "
        "train.accumulate, set model.checkpointing: true, lower model.channels or lower "
        "train.batch_size"
    )


def passes(monkeypatch) -> list[int]:
    """Pictures of each pass of a network from here on."""
    from diffusers import UNet2DModel

    seen: list[int] = []
    forward = UNet2DModel.forward

    def watched(self, x, *others, **named):
        seen.append(len(x))
        return forward(self, x, *others, **named)

    monkeypatch.setattr(UNet2DModel, "forward", watched)
    return seen


def test_a_batch_in_parts_is_the_same_batch(plain_model, monkeypatch) -> None:
    """Its rows, noise and timesteps, and up to rounding its loss and its gradients."""
    losses: dict[str, list[float]] = {}

    def told(name: str):
        return lambda done, total, note: losses.setdefault(name, []).append(float(note[5:]))

    whole = fitted(told("whole"))
    seen = passes(monkeypatch)
    parts = fitted(told("parts"), accumulate=4)
    assert seen == [4] * 20
    np.testing.assert_allclose(losses["parts"], losses["whole"], atol=1e-4)
    one, two = flat(whole), flat(parts)
    assert 0 < (two - one).norm() / one.norm() < 1e-4
    as_on_a_card(monkeypatch, coarse=None)
    assert weights(fitted(accumulate=4)) == weights(parts)


def test_what_is_computed_again_is_the_same_to_the_last_bit(plain_model, monkeypatch) -> None:
    from torch.utils import checkpoint

    options: list[dict] = []
    inner = checkpoint.checkpoint

    def watched(function, *arguments, **chosen):
        options.append(chosen)
        return inner(function, *arguments, **chosen)

    monkeypatch.setattr(checkpoint, "checkpoint", watched)
    assert weights(fitted(checkpointing=True)) == weights(plain_model)
    # A stream's state cannot be read while a graph is captured.
    assert options
    assert all(chosen["preserve_rng_state"] is False for chosen in options)


def test_activations_that_are_computed_again_are_not_kept() -> None:
    """Of a training step, what the graph of the loss holds until the gradients are asked for."""

    def held(checkpointing: bool) -> int:
        from autophagy.models.ddpm_network import Network

        unet = Network.of(MODEL | {"channels": [8, 8, 8]}, 8, 1, 3).build()
        if checkpointing:
            unet.enable_gradient_checkpointing(acceleration.recomputed)
        kept: dict[int, int] = {}

        def pack(tensor):
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            unet(torch.zeros(64, 1, 8, 8), 1, torch.zeros(64, dtype=torch.long))
        return sum(kept.values())

    assert held(True) < 0.5 * held(False)
