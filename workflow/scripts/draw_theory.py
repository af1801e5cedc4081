"""The figure of a theory experiment, and its runs' tables as one."""

from autophagy.job import call
from autophagy.steps.draw_theory import draw_theory

call(
    snakemake,
    draw_theory,
    root=snakemake.params.root,
    runs=snakemake.params.runs,
    figure=snakemake.params.figure,
    title=snakemake.params.title,
    stem=snakemake.output.png.removesuffix(".png"),
    table=snakemake.output.table,
)
