"""S^1 of a loop that starts from pictures of the user's."""

from autophagy.job import run
from autophagy.steps.import_start import import_pictures

run(snakemake, import_pictures, source=snakemake.params.source)
