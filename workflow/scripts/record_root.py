"""The root of a loop or of a real-only model."""

from autophagy.job import run
from autophagy.steps.record_root import record_root

run(snakemake, record_root)
