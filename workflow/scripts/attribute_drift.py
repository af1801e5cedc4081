"""What a loop's drift comes from: a table of loops that differ from it in what is changed."""

from autophagy.job import call
from autophagy.steps.attribute_drift import attribute_drift

call(
    snakemake,
    attribute_drift,
    root=snakemake.params.root,
    asked=snakemake.params.asked,
    title=snakemake.params.title,
    space=snakemake.params.space,
    stem=snakemake.output.png.removesuffix(".png"),
)
