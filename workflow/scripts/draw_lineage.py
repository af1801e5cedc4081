"""The lineage graph: what each training set holds, generation by generation."""

from autophagy.job import call
from autophagy.steps.draw_lineage import draw_lineage

call(
    snakemake,
    draw_lineage,
    root=snakemake.params.root,
    loops=snakemake.params.training_sets,
    title=snakemake.params.title,
    stem=snakemake.output.png.removesuffix(".png"),
)
