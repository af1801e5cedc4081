"""G^t, fitted to D^t."""

from autophagy.job import run, scratch_of
from autophagy.steps.train import train

run(snakemake, train, scratch=scratch_of(snakemake), source=snakemake.params.source)
