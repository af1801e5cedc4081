"""Effective sample sizes: the learning curve inverted at every loop, as a table and a figure."""

from autophagy.job import call
from autophagy.steps.draw_effective_size import draw_effective_size

call(
    snakemake,
    draw_effective_size,
    root=snakemake.params.root,
    plan=snakemake.params.plan,
    title=snakemake.params.title,
    space=snakemake.params.space,
    stem=snakemake.output.png.removesuffix(".png"),
)
