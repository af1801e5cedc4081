"""Every random draw, as a function of a recorded 64-bit seed.

Seeds are hashes of what they are for, so they never depend on order, and a stream is numpy's
Philox keyed by the seed: the same numbers on every machine and for every device. (torch's CPU
generator would use only the low 32 bits of a seed.)
"""

from __future__ import annotations

import hashlib
import json

import numpy as np


def derive(*purpose: str | int) -> int:
    """The 64-bit seed of a purpose, e.g. ``derive("train", "fully-synthetic", 1, 3)``.

    Returns:
        An integer in [0, 2**64): the first eight bytes of SHA-256 over the purpose as JSON.
    """
    digest = hashlib.sha256(json.dumps(purpose, separators=(",", ":")).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def derive_rows(n: int, *purpose: str | int) -> np.ndarray:
    """One seed a row: ``derive(*purpose, i)`` for i in 0..n-1, as uint64 of shape (n,).

    The seed of row i does not depend on n, so a longer set begins with the shorter one.
    """
    return np.fromiter((derive(*purpose, row) for row in range(n)), dtype=np.uint64, count=n)


def stream(seed: int, index: int = 0) -> np.random.Generator:
    """The random stream of a seed; `index` (a step, an epoch) opens independent streams of it.

    Philox is counter based: stream k costs nothing to reach, so a run that resumes at step k
    draws what an uninterrupted one draws.
    """
    return np.random.Generator(np.random.Philox(key=np.array([seed, index], dtype=np.uint64)))
