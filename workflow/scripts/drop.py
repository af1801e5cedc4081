"""Delete what `keep` does not retain of a loop, and record what that is."""

from autophagy.job import call
from autophagy.steps.drop import drop_payloads

call(
    snakemake,
    drop_payloads,
    root=snakemake.params.root,
    loop=snakemake.wildcards.loop,
    policy=snakemake.params.keep,
    artifacts=snakemake.params.artifacts,
)
