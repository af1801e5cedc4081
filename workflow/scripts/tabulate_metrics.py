"""The tidy table and DVC's metrics, from every evaluation."""

from autophagy.job import call
from autophagy.steps.tabulate_metrics import tabulate_metrics

call(
    snakemake,
    tabulate_metrics,
    root=snakemake.params.root,
    evaluations=snakemake.params.evaluations,
)
