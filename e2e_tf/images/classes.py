"""Metrics of a classifier of several classes, for each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["class_metrics"]


def class_metrics(
    label: np.ndarray, score: np.ndarray, classes: Sequence[str], weight: np.ndarray | None = None
) -> dict[str, Any]:
    """Accuracy, confusion matrix, and precision, recall, F1 and one-against-rest ROC-AUC of every class.

    The predicted class is the one of largest score, the first of equal ones.

    Args:
        label: int (n,), numbers of classes.
        score: (n, classes).
        classes: names of the classes.
        weight: (n,), event weights; None means 1.

    Returns:
        ``accuracy``; ``confusion``, a list of rows, row = true class, column = predicted; ``classes``, name to
        ``precision``, ``recall``, ``f1``, ``auc`` and ``events``, None where it is not defined.

    Raises:
        InputError: lengths disagree, a label has no name, or a score is NaN or infinite.
    """
    from e2e_tf.training.metrics import roc_auc

    label, score = np.asarray(label), np.asarray(score, np.float64)
    count = len(classes)
    if score.ndim != 2 or score.shape[1] != count or not np.isfinite(score).all():
        raise InputError(f"score must be finite of shape (n, {count}), got shape {score.shape}")
    if label.shape != (len(score),) or not np.issubdtype(label.dtype, np.integer):
        raise InputError(
            f"label must be one integer per score ({len(score)}), got {label.dtype} {label.shape}"
        )
    if label.size and (label.min() < 0 or label.max() >= count):
        raise InputError(f"label must be from 0 to {count - 1}, got {label.min()} to {label.max()}")
    w = np.ones(len(label)) if weight is None else np.asarray(weight, np.float64)
    if w.shape != label.shape:
        raise InputError(f"weight must have one entry per label ({len(label)}), got shape {w.shape}")
    predicted = score.argmax(axis=1)
    confusion = np.bincount(label * count + predicted, w, count * count).reshape(count, count)

    def ratio(part: float, whole: float) -> float | None:
        return float(part / whole) if whole > 0 else None

    evaluated = {}
    for i, name in enumerate(classes):
        hits, true, found = confusion[i, i], confusion[i].sum(), confusion[:, i].sum()
        both = 0 < true < w.sum()
        evaluated[name] = {
            "precision": ratio(hits, found),
            "recall": ratio(hits, true),
            "f1": ratio(2 * hits, true + found),
            "auc": float(roc_auc((label == i).astype(np.int8), score[:, i], w)) if both else None,
            "events": int((label == i).sum()),
        }
    return {
        "accuracy": ratio(np.trace(confusion), w.sum()),
        "confusion": confusion.tolist(),
        "classes": evaluated,
    }
