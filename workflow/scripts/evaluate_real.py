"""The metrics of real images: the baseline of every table."""

from autophagy.job import run
from autophagy.steps.evaluate import evaluate_real

run(snakemake, evaluate_real)
