"""Write report.html of an experiment of the exact loops."""

from autophagy.job import call
from autophagy.steps.write_theory_page import write_theory_page

call(snakemake, write_theory_page, root=snakemake.params.root, asked=snakemake.params.asked)
