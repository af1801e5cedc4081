"""One part of a run of the exact loops."""

from autophagy.job import run
from autophagy.steps.theory_part import theory_part

run(snakemake, theory_part)
