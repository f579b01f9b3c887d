"""Neighbours within a fixed distance."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph._check import Period, as_counts, as_offsets, as_period, as_points, larger

__all__ = ["radius"]


def radius(
    points: Any, n_node: Any, r: float, *, period: Period = None, loops: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Link the nodes of a graph that are at most ``r`` apart, in both directions.

    A pair is linked where its squared distance, computed as in :func:`e2e_tf.graph.knn`, is at most ``r * r``
    in float64.

    Args:
        points: (n, D) positions, D >= 1.
        n_node: integers (B,), nodes of each graph.
        r: distance in the unit of ``points``, positive.
        period: length at which coordinates wrap, one for all dimensions or one (or None) per dimension.
        loops: link every node to itself too.

    Returns:
        ``(senders, receivers)``, int32 (n_edges,), absolute node indices sorted by receiver, then sender.

    Raises:
        InputError: an argument has the wrong shape or type, ``r`` is not positive or a point is not finite.
    """
    from e2e_tf.graph._kernels import neighbours

    points = as_points(points)
    offsets = as_offsets(as_counts(n_node, len(points)))
    if isinstance(r, bool) or not isinstance(r, int | float | np.number) or not 0 < r < np.inf:
        raise InputError(f"r must be a positive number, got {r!r}")
    wrap = as_period(period, points.shape[1])
    largest = int(np.diff(offsets).max(initial=0))
    columns = np.empty((points.shape[1], largest))
    widths, distances = np.empty(points.shape[1]), np.empty(largest)
    senders, receivers = np.empty((2, max(16, 8 * len(points))), np.int32)
    state = np.zeros(3, np.int64)
    while True:
        neighbours.radius(
            *(points, points.shape[1], offsets, len(offsets) - 1, float(r) * float(r), bool(loops), wrap),
            *(largest, columns, widths, distances, state, len(senders), senders, receivers),
        )
        used, graph = state[:2]
        if graph == len(offsets) - 1:
            return senders[:used].copy(), receivers[:used].copy()
        senders, receivers = (larger(ends, used, used + largest) for ends in (senders, receivers))
