"""What a long experiment retains: the policy `keep`.

A policy speaks of the models and sample sets below loops/. Training sets, previews, evaluations,
every manifest, real-only models and the last generation always stay, so whatever was dropped can be
made again, and more generations can follow. No manifest holds the policy: the same results have the
same roots, whatever is retained of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

ALL = "all"
PATTERN = r"^(all|samples|last|every-([2-9]|[1-9]\d{1,2}))$"
#: The pattern in words, for messages.
ALLOWED = "all, samples, last or every-K with K from 2 to 999"
#: Kinds of artifacts that a policy may drop.
DROPPABLE = ("model", "sample_set")


def drops(policy: str, kind: str, generation: int, generations: int) -> bool:
    """Does a policy drop an artifact of a loop?

    Args:
        policy: `all`; `samples` drops models; `every-K` drops all but generations 1, K, 2K, …;
            `last` drops all. None drops anything of the last generation.
        generations: T, the number of the last one.
    """
    if kind not in DROPPABLE or generation == generations or policy == ALL:
        return False
    if policy == "samples":
        return kind == "model"
    if policy == "last":
        return True
    return generation > 1 and generation % int(policy.removeprefix("every-")) != 0


def dropped_of(policy: str, made: Iterable[tuple[str, str]], generations: int) -> list[str]:
    """What a policy drops of a loop, sorted.

    Args:
        made: (path, kind) of what the loop's root certifies.
    """
    found = []
    for path, kind in made:
        generation = re.match(r"loops/[^/]+/seed-\d+/gen-(\d{3})/", path)
        if generation and drops(policy, kind, int(generation[1]), generations):
            found.append(path)
    return sorted(found)
