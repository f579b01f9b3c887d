"""k nearest neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph._check import Period, as_counts, as_offsets, as_period, as_points

__all__ = ["knn"]


def knn(
    points: Any, n_node: Any, k: int, *, period: Period = None, loops: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Link every node to the ``k`` nearest other nodes of its graph, which send to it.

    Points are rounded to float32; squared distances are float64, summed in the order of the dimensions
    without fused multiply-add. Of equally distant nodes the ones of lower index are taken. A graph of at most
    ``k`` nodes becomes fully linked.

    Args:
        points: (n, D) positions, D >= 1.
        n_node: integers (B,), nodes of each graph.
        k: neighbours of a node.
        period: length at which coordinates wrap, one for all dimensions or one (or None) per dimension; for
            (η, φ) it is ``(None, 2 * np.pi)``.
        loops: link every node to itself too; the loop counts as one of the ``k``.

    Returns:
        ``(senders, receivers)``, int32 (n_edges,), absolute node indices sorted by receiver, then sender.

    Raises:
        InputError: an argument has the wrong shape or type, ``k`` is not positive or a point is not finite.
    """
    from e2e_tf.graph._kernels import neighbours

    points = as_points(points)
    offsets = as_offsets(as_counts(n_node, len(points)))
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InputError(f"k must be a positive integer, got {k!r}")
    return neighbours.knn(points, offsets, int(k), as_period(period, points.shape[1]), bool(loops))
