"""Run, measure and audit self-consuming (autophagous) generative loops."""
