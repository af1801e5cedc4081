"""The verdict on every loop, and DVC's metrics."""

from autophagy.job import call
from autophagy.steps.judge_loops import judge_loops

call(snakemake, judge_loops, root=snakemake.params.root, plan=snakemake.params.plan)
