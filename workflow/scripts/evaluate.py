"""The metrics of S^t, both views."""

from autophagy.job import run
from autophagy.steps.evaluate import evaluate

run(snakemake, evaluate)
