"""The three splits of the real data."""

from autophagy.job import run
from autophagy.steps.real import real

run(snakemake, real, dataset=snakemake.params.dataset)
