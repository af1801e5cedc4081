"""Which CUDA card a job computes on: a token a card, so that jobs spread over a machine's cards.

Snakemake counts cards (`resources: gpu`) and hands out none. A job therefore takes a lock, one file
a card, which the system gives back when the job ends, however it ends.

A job that Slurm gave cards counts them from 0, whichever they are, where the cluster hides the
others. A card is then one job's alone, so tokens there are the job's: two jobs that both speak of
card 0 do not wait for each other.
"""

from __future__ import annotations

import fcntl
import glob
import io
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from autophagy.errors import UserError

VISIBLE = "CUDA_VISIBLE_DEVICES"
#: Slurm's: the job, its step, and one of these where it was given cards.
JOB, STEP = "SLURM_JOB_ID", "SLURM_STEP_ID"
GIVEN = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS")
#: Seconds between two looks for a free card.
INTERVAL = 0.5

_held: IO[str] | None = None


def present() -> bool:
    """Is there a card that this process may use?"""
    return bool(_installed() and visible())


def _installed() -> list[str]:
    """The cards that the driver shows, by CUDA's numbers, without importing torch.

    CUDA counts from 0 whatever the files are called: a container that was given the machine's third
    card has /dev/nvidia2 alone, and there it is card 0.
    """
    return [str(number) for number in range(len(glob.glob("/dev/nvidia[0-9]*")))]


def visible() -> list[str]:
    """The cards that this process may use, as `CUDA_VISIBLE_DEVICES` names them.

    That variable where it is set (a scheduler's choice, or the user's), otherwise all that the
    driver shows. It ends, as in CUDA, at the first name that is none.
    """
    if VISIBLE not in os.environ:
        return _installed()
    cards = []
    for name in os.environ[VISIBLE].split(","):
        if not name.strip() or name.strip().startswith("-"):
            break
        cards.append(name.strip())
    return cards


def take() -> str:
    """Make one card this process's own and the only one that torch will see; wait for a free one.

    To be called before torch is imported. A second call finds the card taken by the first.

    Returns:
        The card, as `CUDA_VISIBLE_DEVICES` names it.

    Raises:
        UserError: no card is visible, or tokens cannot be written.
    """
    global _held
    if _held is not None:
        return os.environ[VISIBLE]
    cards = visible()
    if not cards:
        raise UserError(
            "device: cuda is not usable here: no card is visible; set device: cpu, or look at "
            f"{VISIBLE}"
        )
    waits = False
    while True:
        for card in cards:
            _held = _token(card)
            if _held is not None:
                os.environ[VISIBLE] = card
                return card
        if not waits:
            print(f"autophagy: waits for a card; in use: {', '.join(cards)}", file=sys.stderr)
            waits = True
        time.sleep(INTERVAL)


def take_several(count: int) -> dict[str, IO[str]]:
    """Cards for the processes that this one starts, each told its own by `given`; waits for them.

    Returns:
        Card -> its lock, which holds until it is closed or this process ends.

    Raises:
        UserError: tokens cannot be written.
    """
    held: dict[str, IO[str]] = {}
    # One at a time gathers, or two could wait for each other's cards.
    while (turn := _token("several")) is None:
        time.sleep(INTERVAL)
    with turn:
        while True:
            for card in visible():
                if card not in held and (token := _token(card)) is not None:
                    held[card] = token
                if len(held) == count:
                    return held
            time.sleep(INTERVAL)


def given(card: str) -> None:
    """Take a card, whose token the process that started this one holds, for this one's own."""
    global _held
    os.environ[VISIBLE] = card
    _held = io.StringIO()


def _token(card: str) -> IO[str] | None:
    """The lock of a card, or None where another process holds it."""
    folder = Path(tempfile.gettempdir(), f"autophagy-cards-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        file = (folder / re.sub(r"[^A-Za-z0-9-]", "_", _named(card))).open("w")
    except OSError as error:
        raise UserError(f"{folder}: cannot be written: {error.strerror or error}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _named(card: str) -> str:
    """The card among all that processes of this user may speak of on this machine."""
    if not any(os.environ.get(name) for name in GIVEN) or not os.environ.get(JOB):
        return card
    return f"slurm-{os.environ[JOB]}-{os.environ.get(STEP, 'batch')}-{card}"
