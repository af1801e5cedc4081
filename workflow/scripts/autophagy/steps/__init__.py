"""One file a step of the workflow: read materials, call pure functions, write artifact + manifest.

Each step is called as step(root, records, report): the experiment's folder, the plan's record of
every artifact it makes, and where to tell progress.
"""
