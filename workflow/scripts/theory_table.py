"""A run's table, from its parts."""

from autophagy.job import run
from autophagy.steps.theory_table import theory_table

run(snakemake, theory_table)
