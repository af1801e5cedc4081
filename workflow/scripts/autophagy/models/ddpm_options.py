"""What a ddpm experiment may say of its model, training and sampler, and which of it fits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from autophagy.errors import UserError
from autophagy.models import group
from autophagy.models.budgets import Budgeted
from autophagy.schema import LEVELS, Count, Sparse

#: diffusers' width of one attention head.
ATTENTION_HEAD = 8

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]


class Denoiser(Sparse):
    """The U-Net, one level for each entry of `channels`, and the noise that it is trained on."""

    family: str
    channels: Annotated[
        list[Annotated[int, Field(ge=4, le=4096)]], Field(min_length=1, max_length=LEVELS)
    ]
    layers_per_block: Annotated[int, Field(ge=1, le=8)] = 1
    norm_groups: Annotated[int, Field(ge=1, le=64)] = 8
    attention: bool = False
    timesteps: Annotated[int, Field(ge=2, le=10_000)] = 500
    beta_schedule: Literal["linear", "scaled_linear", "squaredcos_cap_v2"] = "linear"
    prediction: Literal["v_prediction", "epsilon"] = "v_prediction"
    condition_dropout: Fraction = 0.1
    checkpointing: bool | None = None


class Model(Denoiser):
    """`model:` of a ddpm experiment."""

    family: Literal["ddpm"]
    pad: bool = False


class Train(Budgeted):
    """`train:`: the budget and the optimiser (AdamW, linear warm-up, cosine decay, EMA).

    Under `until_flat` nobody knows when the decay to 0 should end, and there is none: the running
    mean of the weights, which is what is looked at and kept, settles without it.
    """

    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)]
    warmup_steps: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    weight_decay: Fraction = 0.0
    ema_decay: Fraction = 0.99
    accumulate: Count | None = None
    processes: Annotated[int, Field(ge=1, le=64)] | None = None


class Sample(Sparse):
    """`sample:`: how trajectories are followed, and how many at once.

    exact: what is drawn trains the next generation as it is, neither rounded nor clipped.
    """

    scheduler: Literal["dpm-solver++", "ddim", "ancestral"]
    steps: Annotated[int, Field(ge=1, le=10_000)]
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]
    exact: bool | None = None


def check(
    model: dict[str, Any], train: dict[str, Any], sample: dict[str, Any], size: int | None
) -> None:
    """Refuse before anything runs what pydantic's types cannot see.

    Raises:
        UserError: widths that groups or attention heads do not divide, a warm-up as long as the
            training, a batch without equal parts, sampler steps that do not fit the timesteps, a
            prediction that explodes at t = T, or pictures whose side (if known) the U-Net cannot
            halve often enough.
    """
    groups = model["norm_groups"]
    for width in model["channels"]:
        if width % groups:
            raise UserError(
                f"model.channels: {width} is not a multiple of model.norm_groups = {groups}"
            )
    if model["attention"] and model["channels"][-1] % ATTENTION_HEAD:
        raise UserError(
            f"model.attention: needs a last width in model.channels that {ATTENTION_HEAD} divides, "
            f"not {model['channels'][-1]}"
        )
    if (model["prediction"], model["beta_schedule"]) == ("epsilon", "squaredcos_cap_v2"):
        raise UserError(
            "model.prediction: epsilon explodes at t = T under model.beta_schedule = "
            "squaredcos_cap_v2, which leaves no signal there; use v_prediction"
        )
    if train["warmup_steps"] >= train["steps"]:
        raise UserError(
            f"train.warmup_steps: {train['warmup_steps']} must be below train.steps = "
            f"{train['steps']}"
        )
    parts, processes = train.get("accumulate", 1), train.get("processes", 1)
    if train["batch_size"] % (parts * processes):
        keys = [key for key in ("accumulate", "processes") if train.get(key, 1) > 1]
        shares = " × ".join(f"train.{key} = {train[key]}" for key in keys)
        raise UserError(f"{shares} does not divide train.batch_size = {train['batch_size']}")
    if processes > 1:
        group.require_launcher()
    check_sampler(sample, model["timesteps"])
    if size is not None:
        network_size(model, size)


def check_biased(model: dict[str, Any]) -> None:
    """Refuse λ < 1 of a model whose null class, from which guidance leads away, no step trains.

    Raises:
        UserError: condition_dropout is 0.
    """
    if model["condition_dropout"] == 0.0:
        raise UserError(
            "model.condition_dropout: 0 trains no null class, which λ < 1 needs; allowed: above 0"
        )


def check_sampler(sample: dict[str, Any], timesteps: int, of: str | None = None) -> None:
    """Refuse numbers of steps for which diffusers' schedulers go astray.

    Args:
        of: what errors call the timesteps; model.timesteps if None.

    Raises:
        UserError: how many steps there are, and the timesteps that they do not fit.
    """
    steps, scheduler = sample["steps"], sample["scheduler"]
    of = of or f"model.timesteps = {timesteps}"
    if scheduler == "dpm-solver++" and steps >= timesteps:
        # T points between T and 0 on T timesteps: one repeats, and its step has no length.
        raise UserError(f"sample.steps: {steps} must be below {of} for dpm-solver++")
    if scheduler != "dpm-solver++" and timesteps % steps:
        # Their steps have the length T // steps, whatever lies between two timesteps.
        raise UserError(f"sample.steps: {steps} does not divide {of}, which {scheduler} needs")


def network_size(model: dict[str, Any], size: int) -> int:
    """The side the network works at: `size`, or with `pad: true` the next one it can halve.

    Raises:
        UserError: the U-Net's depth does not divide `size` and `pad` is off.
    """
    factor = 2 ** (len(model["channels"]) - 1)
    padded = -(-size // factor) * factor
    if padded != size and not model["pad"]:
        raise UserError(
            f"model.channels: {len(model['channels'])} levels need a picture side that {factor} "
            f"divides, and the data set's is {size}; use fewer levels, or model.pad: true to pad "
            f"to {padded}"
        )
    return padded
