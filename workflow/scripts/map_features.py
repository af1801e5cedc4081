"""Where the previews' rows lie in feature space."""

from autophagy.job import call
from autophagy.steps.map_features import map_features

call(
    snakemake,
    map_features,
    root=snakemake.params.root,
    network=snakemake.params.network,
    previews=snakemake.params.previews,
    title=snakemake.params.title,
    stem=snakemake.output.png.removesuffix(".png"),
    threads=snakemake.params.threads,
)
