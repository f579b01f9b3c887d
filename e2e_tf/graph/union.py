"""Union of edge sets, and the one order of edges used everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph._check import as_counts

__all__ = ["as_edges", "sort_edges", "union"]


def as_edges(senders: Any, receivers: Any, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges as int32 (n_edges,), checked to join existing nodes.

    Args:
        senders: integers (n_edges,).
        receivers: integers (n_edges,).
        n_nodes: number of nodes.

    Returns:
        ``(senders, receivers)``, int32 (n_edges,), in the given order.

    Raises:
        InputError: an end is not an integer from 0 to ``n_nodes - 1``, or the lengths differ.
    """
    ends = []
    for name, end in (("senders", senders), ("receivers", receivers)):
        array = np.asarray(end)
        if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
            raise InputError(f"{name} must be integers of rank 1, got {array.dtype} with shape {array.shape}")
        if array.size and (array.min() < 0 or array.max() >= n_nodes):
            wrong = array[(array < 0) | (array >= n_nodes)][0]
            raise InputError(f"{name} must be node indices from 0 to {n_nodes - 1}, got {wrong}")
        ends.append(array.astype(np.int32, copy=False))
    if len(ends[0]) != len(ends[1]):
        raise InputError(f"senders and receivers must be equally long, got {len(ends[0])} and {len(ends[1])}")
    return ends[0], ends[1]


def sort_edges(senders: np.ndarray, receivers: np.ndarray) -> np.ndarray:
    """The order that sorts edges by receiver, then sender.

    Args:
        senders: integers (n_edges,).
        receivers: integers (n_edges,).

    Returns:
        int64 (n_edges,), a stable order.
    """
    return np.lexsort((senders, receivers))


def union(edges: Iterable[tuple[Any, Any]], n_node: Any) -> tuple[np.ndarray, np.ndarray]:
    """Every edge that is in at least one of the given sets, once.

    Args:
        edges: pairs ``(senders, receivers)`` of absolute node indices; quickest when each is sorted already,
            as the builders of this package return them.
        n_node: integers (B,), nodes of each graph.

    Returns:
        ``(senders, receivers)``, int32 (n_edges,), sorted by receiver, then sender.

    Raises:
        InputError: an index is not that of a node, or arrays have the wrong shape or type.
    """
    from e2e_tf.graph._kernels import edges as kernel

    n_nodes = int(as_counts(n_node).sum())
    result: tuple[np.ndarray, np.ndarray] | None = None
    for pair in edges:
        senders, receivers = as_edges(*pair, n_nodes)
        senders, receivers = np.ascontiguousarray(senders), np.ascontiguousarray(receivers)
        if not kernel.is_sorted(senders, receivers, len(senders)):
            key = np.unique(receivers.astype(np.int64) * n_nodes + senders)
            senders, receivers = (key % n_nodes).astype(np.int32), (key // n_nodes).astype(np.int32)
        result = (senders, receivers) if result is None else _merged(*result, senders, receivers)
    if result is None:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    return result


def _merged(
    senders_a: np.ndarray, receivers_a: np.ndarray, senders_b: np.ndarray, receivers_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The union of two sorted sets of edges."""
    from e2e_tf.graph._kernels import edges as kernel

    senders, receivers = np.empty((2, len(senders_a) + len(senders_b)), np.int32)
    used = kernel.merge(
        *(senders_a, receivers_a, len(senders_a), senders_b, receivers_b, len(senders_b), senders, receivers)
    )
    return senders[:used].copy(), receivers[:used].copy()
