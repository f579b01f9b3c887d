"""Weights of graphs by their class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["class_weighted"]


def class_weighted(
    label: np.ndarray | None, weight: np.ndarray | None, class_weight: Mapping[int, float] | None
) -> np.ndarray | None:
    """Weights of graphs, multiplied by a factor for each class.

    Args:
        label: int (B,); only needed with ``class_weight``.
        weight: float (B,); None means 1.
        class_weight: factor by label; None means 1.

    Returns:
        float32 (B,), or None where neither is given.

    Raises:
        InputError: a label has no factor, or labels are not one integer per graph.
    """
    out = None if weight is None else np.asarray(weight, np.float32)
    if class_weight is None:
        return out
    if label is None or np.asarray(label).ndim != 1:
        raise InputError("class_weight needs labels of one integer per graph")
    found = np.unique(label)
    missing = [int(value) for value in found if int(value) not in class_weight]
    if missing:
        raise InputError(f"class_weight must have a factor for every label, it lacks {missing}")
    factor = np.ones(len(label), np.float32) if out is None else out.copy()
    for value in found:
        factor[np.asarray(label) == value] *= np.float32(class_weight[int(value)])
    return factor
