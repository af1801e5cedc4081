"""What a run may claim of its loops: verdicts over seeds, and effective sample sizes."""
