"""Every two loops of a run beside each other."""

from autophagy.job import call
from autophagy.steps.compare_loops import compare_loops

call(snakemake, compare_loops, root=snakemake.params.root, plan=snakemake.params.plan)
