"""Write report.html."""

from autophagy.job import call
from autophagy.steps.write_page import write_page

call(snakemake, write_page, root=snakemake.params.root, asked=snakemake.params.asked)
