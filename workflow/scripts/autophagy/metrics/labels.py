"""Metrics of labels: those asked of the generator, those a classifier sees in its samples."""

from __future__ import annotations

import numpy as np

from autophagy.metrics.base import Undefined


def label_accuracy(requested: np.ndarray, predicted: np.ndarray) -> float:
    """Share of samples whose predicted class is the requested one, in [0, 1].

    Both are n integer labels. Raises Undefined for n = 0, ValueError for unequal lengths.
    """
    requested, predicted = np.asarray(requested), np.asarray(predicted)
    if requested.shape != predicted.shape:
        raise ValueError(f"{requested.shape} requested labels, {predicted.shape} predicted")
    if requested.size == 0:
        raise Undefined("no labels")
    return float((requested == predicted).mean())


def class_entropy(predicted: np.ndarray, n_classes: int) -> float:
    """Entropy of the histogram of predicted classes, in nats: 0 (one class) to ln n_classes.

    predicted is n integer labels in [0, n_classes). Raises Undefined for n = 0, ValueError for
    a label outside the range.
    """
    from scipy.special import entr

    predicted = np.asarray(predicted)
    if predicted.size == 0:
        raise Undefined("no labels")
    if predicted.min() < 0 or predicted.max() >= n_classes:
        raise ValueError(f"predicted labels must lie in 0 … {n_classes - 1}")
    shares = np.bincount(predicted, minlength=n_classes) / predicted.size
    return float(entr(shares).sum())
