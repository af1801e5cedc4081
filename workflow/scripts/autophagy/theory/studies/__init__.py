"""Kinds of theory experiments: one module each, named in `table.STUDIES`.

Each has `Run` (the options of one entry of `runs`), `Effort` (the experiment's), `SOFTWARE`, and
    check(run, key, effort)             refuse what cannot be run
    parts(run, effort)                  what the run's jobs compute, plain values, one a job
    compute(part, effort, seed, report) the rows of one part
"""

from __future__ import annotations

import importlib
from types import ModuleType


def module(study: str) -> ModuleType:
    """The module of a study in `table.STUDIES`, imported only when asked for."""
    return importlib.import_module(module_name(study))


def module_name(study: str) -> str:
    """The dotted name of a study's module."""
    return f"autophagy.theory.studies.{study}"
