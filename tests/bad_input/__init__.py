"""Malformed configurations, data sets, archives and command lines, and what refuses them.

`table.CASES` lists them; `python -m bad_input` (with tests/ on PYTHONPATH) tries each and counts.
"""
