"""The data sets by the name that `dataset.name` takes; each is a module of this package.

Steps reach a data set by its name alone (`data.module`), so a line added here, which changes no
existing data set, reruns none of its work.
"""

DATASETS = (
    "digits", "mnist", "fashion_mnist", "npz", "imagefolder", "hf",
    "gaussian", "grid_mixture", "rosenbrock",
)  # fmt: skip

#: The number of classes, where it is known before anything is read.
CLASSES = {"digits": 10, "mnist": 10, "fashion_mnist": 10}
