"""One part of a run of the exact loops."""

from autophagy.job import run
from autophagy.steps.theory import theory_part

run(snakemake, theory_part)
