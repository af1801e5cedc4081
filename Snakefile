# Self-consuming generative loops: train, sample, mix and evaluate, generation after generation.
import sys

from snakemake.utils import min_version

min_version("9.0")
sys.path.insert(0, f"{workflow.basedir}/workflow/scripts")


# A --configfile replaces the default experiment: Snakemake would merge the two key by key.
# --config key=value changes keys of whichever it is.
if not workflow.overwrite_configfiles:

    configfile: f"{workflow.basedir}/config/config.yaml"


include: "rules/planning.smk"
include: "rules/common.smk"


if EXPERIMENT.kind == "theory":

    include: "rules/theory.smk"

else:

    include: "rules/real.smk"
    include: "rules/import.smk"
    include: "rules/mix.smk"
    include: "rules/train.smk"
    include: "rules/sample.smk"
    include: "rules/evaluate.smk"
    include: "rules/record.smk"
    include: "rules/report.smk"
    include: "rules/drop.smk"


rule all:
    default_target: True
    input:
        every_artifact(),


onstart:
    refuse_what_is_in_the_way()
    plan_when_a_job_ends()


onsuccess:
    record_default_experiment()
