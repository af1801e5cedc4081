"""Distance, precision and recall over generations, all loops."""

from autophagy.job import call
from autophagy.steps.draw_curves import draw_curves

call(
    snakemake,
    draw_curves,
    root=snakemake.params.root,
    loops=snakemake.params.loops,
    seed=snakemake.params.seed,
    title=snakemake.params.title,
    space=snakemake.params.space,
    classes=snakemake.params.classes,
    stem=snakemake.output.png.removesuffix(".png"),
)
