"""The picture grid of one loop."""

from autophagy.job import call
from autophagy.steps.draw_grid import draw_grid

call(
    snakemake,
    draw_grid,
    root=snakemake.params.root,
    loop=snakemake.wildcards.loop,
    seed=int(snakemake.wildcards.seed),
    previews=snakemake.params.previews,
    title=snakemake.params.title,
    stem=snakemake.output.png.removesuffix(".png"),
)
