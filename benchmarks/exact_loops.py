"""What one chain-generation of the exact loops takes at several n: `make theory-cost`.

Usage: python benchmarks/exact_loops.py

Processor time of one thread: the least of several rounds, so that other work counts for little.
"""

from __future__ import annotations

import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
from rows import machine
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "workflow" / "scripts"))

from autophagy.theory import loops
from autophagy.theory.loops import Loop

DIMENSIONS, CHAINS = 100, 8
SIZES = (10**3, 10**5, 10**7)
LOOPS = {
    "fully synthetic": lambda d, n: Loop(d, n, 0, n, real="none"),
    "fresh data, a tenth real": lambda d, n: Loop(d, n, n // 10, n - n // 10),
}


def milliseconds(loop: Loop, chains: int = CHAINS, generations: int = 10, rounds: int = 7) -> float:
    """Of one generation of one chain, on one thread."""
    models = loops.chains(loop, chains, np.random.default_rng(1))
    next(models)
    taken = []
    with threadpool_limits(1):
        for _ in range(rounds):
            start = time.process_time()
            next(islice(models, generations - 1, None))
            taken.append(time.process_time() - start)
    return 1000 * min(taken) / generations / chains


def table(dimensions: int = DIMENSIONS) -> str:
    """As docs/theory.md has it."""
    lines = ["| | " + " | ".join(f"n = {n:,}" for n in SIZES) + " |", "|---" * 4 + "|"]
    for name, made in LOOPS.items():
        cells = [f"{milliseconds(made(dimensions, n)):.2f} ms" for n in SIZES]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(f"d = {DIMENSIONS}, one thread on {machine.told(machine.described())}\n\n{table()}")
