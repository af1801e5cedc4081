"""G^t, fitted to D^t."""

from autophagy.job import run
from autophagy.steps.train import train

run(snakemake, train)
