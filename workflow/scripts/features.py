"""The feature network, from the features split and, if it was trained elsewhere, its files."""

from autophagy.job import run
from autophagy.steps.features import train_features

run(snakemake, train_features, source=snakemake.params.source)
