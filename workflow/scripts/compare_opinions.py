"""Do two feature networks rank the loops alike?"""

from autophagy.job import call
from autophagy.steps.compare_opinions import compare_opinions

call(
    snakemake,
    compare_opinions,
    root=snakemake.params.root,
    evaluations=snakemake.params.evaluations,
    spaces=snakemake.params.spaces,
)
