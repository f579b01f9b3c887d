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
    wrap = as_period(period, points.shape[1])
    sizes = np.diff(offsets)
    others = min(int(k) - bool(loops), max(len(points), 1))
    taken = np.minimum(others, sizes - 1) + bool(loops)
    edges = as_offsets(np.where(sizes > 0, sizes * taken, 0))
    senders, receivers = np.empty((2, edges[-1]), np.int32)
    small = (sizes <= neighbours.MATRIX_NODES) & (taken <= neighbours.MATRIX_K)
    if small.any():
        side = int(sizes[small].max())
        neighbours.knn_small(
            *(points, points.shape[1], offsets, len(sizes), others, bool(loops), wrap, side),
            *(np.empty((points.shape[1], side)), np.empty(points.shape[1]), np.empty((side, side))),
            *(
                np.empty((neighbours.MATRIX_K, side)),
                np.empty(side),
                np.empty(side, np.int64),
                senders,
                receivers,
            ),
        )
    for graph in np.flatnonzero(~small):
        own = slice(edges[graph], edges[graph + 1])
        nodes = points[offsets[graph] : offsets[graph + 1]]
        _link(nodes, int(offsets[graph]), others, bool(loops), wrap, senders[own], receivers[own])
    return senders, receivers


def _link(
    points: np.ndarray,
    start: int,
    k: int,
    loops: bool,
    period: np.ndarray,
    senders: np.ndarray,
    receivers: np.ndarray,
) -> None:
    """Link the nodes of one graph to ``k`` others each, and to themselves with ``loops``."""
    from e2e_tf.graph._kernels import neighbours

    n, dimensions = points.shape
    if k >= n - 1:
        linked = np.ones((n, n), bool)
        np.fill_diagonal(linked, loops)
        receivers[:], senders[:] = np.nonzero(linked)
        receivers += start
        senders += start
    elif k == 0:
        receivers[:] = senders[:] = np.arange(start, start + len(senders))
    else:
        # The first coordinate that does not wrap can be sorted.
        straight = np.flatnonzero(period == 0)
        axis = int(straight[0]) if len(straight) else -1
        order = np.argsort(points[:, axis], kind="stable") if axis >= 0 else np.arange(n)
        neighbours.knn_large(
            *(points[order].astype(np.float64), order, dimensions, n, k, axis, period, loops),
            *(np.empty(k), np.empty(k + 1, np.int64), start, senders, receivers),
        )
