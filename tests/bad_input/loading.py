"""What the Snakefile and then the job of rule `real` do with a configuration.

A module of its own, which as a program imports nothing that those two would not.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

from autophagy import config as configuration
from autophagy import fingerprint
from autophagy import plan as planning
from autophagy.errors import UserError
from autophagy.schema import plain


def load(config: str) -> int | str:
    """What the Snakefile and then the job of rule `real` do with a configuration."""
    try:
        plan = planning.build(configuration.load(config))
    except UserError as error:
        return f"autophagy: {error}"
    Path("logs").mkdir(exist_ok=True)
    params = SimpleNamespace(
        root=plan.root,
        records=[plan.record(f"real/{split}") for split in ("loop", "reference", "features")],
        dataset=plain(plan.experiment.dataset),
    )
    job = SimpleNamespace(log=["logs/real.log"], rule="real", params=params)
    runpy.run_path(str(fingerprint.SCRIPTS / "real.py"), {"snakemake": job})
    return 0


if __name__ == "__main__":
    sys.exit(load(sys.argv[1]))
