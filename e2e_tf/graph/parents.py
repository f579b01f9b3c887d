"""Decay trees: a particle linked to its mother."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph._check import as_counts, as_offsets
from e2e_tf.graph.union import union

__all__ = ["parent_daughter"]

_DIRECTIONS = ("both", "down", "up")


def parent_daughter(mother: Any, n_node: Any, *, direction: str = "both") -> tuple[np.ndarray, np.ndarray]:
    """Link every particle to its mother.

    Args:
        mother: integers (n,), index of each particle's mother within its graph, -1 for none.
        n_node: integers (B,), nodes of each graph.
        direction: ``"down"`` for edges from mother to daughter, ``"up"`` for daughter to mother, ``"both"``.

    Returns:
        ``(senders, receivers)``, int32 (n_edges,), absolute node indices sorted by receiver, then sender.

    Raises:
        InputError: a mother is not another particle of the same graph, or an argument has the wrong shape or
            type.
    """
    array = np.asarray(mother)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InputError(f"mother must be integers of rank 1, got {array.dtype} with shape {array.shape}")
    if direction not in _DIRECTIONS:
        raise InputError(f"direction must be 'both', 'down' or 'up', got {direction!r}")
    array = array.astype(np.int64)
    counts = as_counts(n_node, len(array), "mother")
    starts = np.repeat(as_offsets(counts)[:-1], counts)
    own = np.arange(len(array)) - starts
    wrong = (array < -1) | (array >= np.repeat(counts, counts)) | (array == own)
    if wrong.any():
        node = int(np.argmax(wrong))
        raise InputError(
            f"mother must be another particle of the same graph, or -1 for none, got {array[node]} for "
            f"particle {own[node]} of a graph of {np.repeat(counts, counts)[node]}"
        )
    daughters = np.flatnonzero(array >= 0)
    mothers = (array + starts)[daughters]
    down, up = (mothers, daughters), (daughters, mothers)
    return union({"both": (down, up), "down": (down,), "up": (up,)}[direction], counts)
