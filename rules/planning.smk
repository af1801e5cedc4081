# What Snakemake does anew for each job of a plan, done once: benchmarks/NOTES.md says what each is
# worth in a plan of 3000 jobs.
import atexit
import functools
import gc
import inspect

import smart_open
from snakemake import script as scripts
from snakemake.common import overwrite_function_params
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


def read_once(get_source):
    """Snakemake's `get_source`, which opens a script for each job that runs it to see that it can.

    No path of ours has wildcards in it, so a script is one file.
    """
    found = {}

    def source_of(path, sourcecache, basedir=None, *job):
        if (path, basedir) not in found:
            found[path, basedir] = get_source(path, sourcecache, basedir, *job)
        return found[path, basedir]

    return source_of


scripts.get_source = read_once(scripts.get_source)


def plan_when_a_job_ends():
    """Take Snakemake's default rate of 100 jobs a second from its scheduler.

    To keep it, Snakemake 9 plans anew a second after every planning, and at every job's end besides:
    plannings multiply while jobs wait for a core. A rate that somebody asked for stays.
    """
    limiter = workflow.scheduler.job_rate_limiter
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
