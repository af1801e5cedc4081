"""The model families by the name that `model.family` takes; each is a module of this package.

Steps reach a family by its name alone (`models.module`), so a line added here, which changes no
existing family's numbers, reruns none of its work.
"""

FAMILIES = ("ddpm", "flow", "gan", "gaussian", "latent", "mixture")
