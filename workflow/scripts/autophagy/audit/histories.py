"""Whose a loop's generations are: a fork shares those up to its own with another loop."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from autophagy import regimes
from autophagy.audit.case import Case
from autophagy.errors import UserError

#: How a loop's root calls a start that came from outside; see `starts`.
IMPORTED = "imported"

Params = dict[str, Any]


def shared(params: Params) -> int:
    """How many generations of a loop, by its root's params, are another loop's."""
    start = params["loop"]["start_from"]
    return start["generation"] if isinstance(start, dict) else 0


def root_of_start(params: Params) -> str | None:
    """The root of the loop that a fork shares its history with; None where there is none."""
    start = params["loop"]["start_from"]
    return f"loops/{start['loop']}/manifest.json" if isinstance(start, dict) else None


def chain(case: Case, params: Params) -> list[Params]:
    """The params of a loop's root and of the roots of those whose history it shares, its own first.

    Raises:
        UserError: a root is missing, or a fork shares no more than the loop it forks from does.
    """
    found = [params]
    while (root := root_of_start(found[-1])) is not None:
        before = case.archive.manifest(root)["params"]
        if shared(before) >= shared(found[-1]):
            raise UserError(
                f"{found[-1]['loop']['name']} shares {shared(found[-1])} generations with "
                f"{before['loop']['name']}, which shares {shared(before)} itself"
            )
        found.append(before)
    return found


def owner(case: Case, params: Params, t: int) -> Params:
    """The params of the loop that made generation t.

    Raises:
        UserError: t is no generation.
    """
    for of in chain(case, params):
        if t > shared(of):
            return of
    raise UserError(f"{t} is no generation of {params['loop']['name']}")


def fork(case: Case, params: Params) -> regimes.Fork | None:
    """Where a loop leaves the history that it shares; None where it has its own."""
    found = None
    histories = chain(case, params)
    for of, before in reversed(list(pairwise(histories))):
        loop = before["loop"]
        used = regimes.real_rows_needed(
            regime(loop), shared(of), before["n_initial"], loop["n_real"], loop["n_synthetic"],
            found,
        )  # fmt: skip
        found = regimes.Fork(shared(of), used)
    return found


def regime(loop: dict[str, Any]) -> regimes.Regime:
    """The axes of a loop, as its root states them."""
    return regimes.Regime(**{axis: loop[axis] for axis in regimes.AXES if axis in loop})


def first_folder(case: Case, params: Params, seed: int) -> str:
    """Where the start of a loop's history lies: a real-only model's folder, or one from outside."""
    loop = chain(case, params)[-1]["loop"]
    if loop["start_from"] == IMPORTED:
        return f"{IMPORTED}/{loop['name']}"
    return f"real-only/{loop['start_from']}/seed-{seed}"


def folder(case: Case, params: Params, seed: int, t: int) -> str:
    """Where D^t and G^t of a loop lie."""
    if t == 1:
        return first_folder(case, params, seed)
    return f"loops/{owner(case, params, t)['loop']['name']}/seed-{seed}/gen-{t:03d}"


def samples(case: Case, params: Params, seed: int, t: int) -> str:
    """S^t: a loop's own, or its start's where it has none."""
    of = owner(case, params, t)
    name = of["loop"]["name"]
    own = f"loops/{name}/seed-{seed}/gen-{t:03d}/samples"
    if t > 1 or own in case.archive.parents(f"loops/{name}/manifest.json"):
        return own
    return f"{first_folder(case, params, seed)}/samples"


def begins_known(case: Case, params: Params) -> bool:
    """Is D^1 known? Not what a start from outside was trained on."""
    return chain(case, params)[-1]["loop"]["start_from"] != IMPORTED


def goes_on(case: Case, params: Params, t: int) -> bool:
    """Does G^t go on from the weights of G^(t-1)?"""
    return t > 1 and owner(case, params, t)["loop"]["start"] == "previous"


def trainings(case: Case, params: Params, t: int) -> int:
    """How many trainings the weights of G^t have gone through."""
    count = 1
    while goes_on(case, params, t):
        count, t = count + 1, t - 1
    return count
