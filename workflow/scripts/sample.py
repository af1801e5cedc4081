"""S^t and its preview, drawn from G^t."""

from autophagy.job import run
from autophagy.steps.sample import sample

run(snakemake, sample)
