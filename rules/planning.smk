# How Snakemake plans: what it does anew for each job is done once, its garbage is not looked for,
# and it plans when a job ends. benchmarks/NOTES.md says what each is worth in a plan of 3000 jobs.
import atexit
import functools
import gc
import inspect

import smart_open
from snakemake.common import overwrite_function_params
from snakemake.dag import ScriptProcessor
from snakemake.resources import Resource

# A plan is no garbage: looking for some again and again is an eighth of the time it takes, and a
# sixth to look through it once more when all is done and take it apart.
gc.set_threshold(500_000)
atexit.register(gc.freeze)
# Asked of each job's script, and smart_open makes a class to tell it.
smart_open.parse_uri = functools.cache(smart_open.parse_uri)


def asked_of_each_job(function):
    """`function`, its parameters noted where Snakemake looks before it inspects them anew."""
    overwrite_function_params(function, inspect.signature(function).parameters)
    return function


asked_of_each_job(Resource.evaluate)


def tried_once(process_job):
    """Snakemake opens a script for each job that will run it, to see that it can: once is enough.

    Not where wildcards in its name make it another file for another job.
    """
    tried = set()

    def process(processor, job):
        name = str(getattr(job.rule, processor.script_type))
        if "{" in name or (job.rule.basedir, name) not in tried:
            process_job(processor, job)
            tried.add((job.rule.basedir, name))

    return process


ScriptProcessor.process_job = tried_once(ScriptProcessor.process_job)


def plan_when_a_job_ends():
    """Take Snakemake's default rate of 100 jobs a second from its scheduler.

    To keep it, Snakemake 9 plans anew a second after every planning, and at every job's end besides:
    plannings multiply while jobs wait for a core. A rate that somebody asked for stays.
    """
    limiter = workflow.scheduler.job_rate_limiter
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
