"""The laws of a finished experiment: a run that ends green is audited."""

from autophagy.job import call
from autophagy.steps.audit import audit_experiment

call(
    snakemake,
    audit_experiment,
    root=snakemake.params.root,
    artifacts=snakemake.params.artifacts,
)
