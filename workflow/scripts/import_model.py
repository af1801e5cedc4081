"""G^1 of a loop that starts from a checkpoint of the user's."""

from autophagy.job import run
from autophagy.steps.import_start import import_model

run(snakemake, import_model, source=snakemake.params.source)
