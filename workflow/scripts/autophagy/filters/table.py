"""The filters by the name that a loop's `filter.kind` takes; each is a module of this package.

Steps reach a filter by its name alone (`filters.module`), so a line added here reruns nothing.
"""

FILTERS = ("confidence", "likelihood", "reward", "verifier")
