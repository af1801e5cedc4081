"""The feature network, from the features split."""

from autophagy.job import run
from autophagy.steps.features import train_features

run(snakemake, train_features)
