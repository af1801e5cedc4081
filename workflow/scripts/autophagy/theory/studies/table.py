"""The studies there are; a module of the same name beside this one holds each."""

#: limits: fig. 11, 12, 30, 31. trajectories: fig. 10 left. mixture: fig. 14, 15.
STUDIES = ("limits", "trajectories", "mixture", "regression")

#: The figures there are, and the study each shows.
FIGURES = {
    "convergence": "trajectories",
    "collapse": "trajectories",
    "size-map": "limits",
    "bias-map": "limits",
    "memory": "limits",
    "share": "limits",
    "modes": "mixture",
    "regression": "regression",
}
