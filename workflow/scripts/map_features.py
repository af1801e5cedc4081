"""Where the preview's pictures lie in feature space."""

from autophagy.job import call
from autophagy.steps.map_features import map_features

call(
    snakemake,
    map_features,
    root=snakemake.params.root,
    network=snakemake.params.network,
    previews=snakemake.params.previews,
    threads=snakemake.threads,
)
