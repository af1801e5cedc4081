"""The feature networks by the name that `evaluate.features` takes; each a module of this package.

Steps reach a network by its name alone (`features.module`), so a line added here, which changes no
existing network, reruns none of its work.
"""

NETWORKS = ("lenet", "identity", "inception", "lenet_random")
