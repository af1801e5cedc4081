"""Run, measure and audit self-consuming (autophagous) generative loops."""

import importlib


def open(folder):
    """A finished experiment, results/<experiment>, to work with in Python: `results.Results`.

    Raises:
        UserError: the folder holds no finished experiment with pictures or points.
    """
    # By name: what stands here is part of every step's fingerprint, and no step reads results so.
    return importlib.import_module("autophagy.results").Results.of(folder)
