"""D^t: the index of a training set."""

from autophagy.job import run
from autophagy.steps.mix import mix

run(snakemake, mix)
