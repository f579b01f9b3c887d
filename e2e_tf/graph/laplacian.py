"""The scaled graph Laplacian of Chebyshev convolutions, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph._check import as_counts, as_offsets
from e2e_tf.graph.union import as_edges

__all__ = ["scaled_laplacian", "scaled_laplacian_dense"]


def scaled_laplacian(
    senders: Any, receivers: Any, n_node: Any, *, lambda_max: float | None = 2.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L̃ = 2 / λmax · (I − D^-1/2 S D^-1/2) − I as edges, with S = (A + Aᵀ) / 2 without loops.

    The same definition as the layer ``e2e_tf.layers.ScaledLaplacian``, which models use: an undirected graph
    keeps its adjacency, an edge in one direction only counts one half, an edge listed twice counts twice.

    With λmax = 2 that is −D^-1/2 A D^-1/2 without a diagonal: the row of an isolated node is zero. With
    another λmax every node, isolated ones too, has 2 / λmax − 1 on the diagonal. This equals Spektral's
    ``rescale_laplacian(normalized_laplacian(a), lmax)``, whose isolated nodes have I − 0 = 1 before scaling.

    Args:
        senders: integers (n_edges,), absolute node indices.
        receivers: integers (n_edges,).
        n_node: integers (B,), nodes of each graph.
        lambda_max: largest eigenvalue to scale by; None for that of each graph, by dense diagonalisation.

    Returns:
        ``(senders, receivers, values)``: int32, int32 and float64 (n_entries,), sorted by receiver, then
        sender; diagonal entries only where they are not zero.

    Raises:
        InputError: an index is not that of a node, or ``lambda_max`` is not positive.
    """
    counts = as_counts(n_node)
    n_nodes = int(counts.sum())
    senders, receivers = as_edges(senders, receivers, n_nodes)
    kept = senders != receivers
    senders, receivers = senders[kept], receivers[kept]
    both = np.concatenate([receivers, senders]).astype(np.int64) * n_nodes
    entries, times = np.unique(both + np.concatenate([senders, receivers]), return_counts=True)
    receivers, senders = (part.astype(np.int32) for part in np.divmod(entries, max(n_nodes, 1)))
    weights = 0.5 * times
    degree = np.bincount(receivers, weights, minlength=n_nodes)
    values = -weights / np.sqrt(degree[senders] * degree[receivers])
    if lambda_max is None:
        scale = np.repeat(2 / _largest(senders, receivers, values, counts), counts)
    elif 0 < lambda_max < np.inf:
        scale = np.full(n_nodes, 2 / lambda_max)
    else:
        raise InputError(f"lambda_max must be a positive number or None, got {lambda_max!r}")
    diagonal = np.flatnonzero(scale != 1).astype(np.int32)
    values = np.concatenate([values * scale[receivers], scale[diagonal] - 1])
    senders = np.concatenate([senders, diagonal])
    receivers = np.concatenate([receivers, diagonal])
    order = np.lexsort((senders, receivers))
    return senders[order], receivers[order], values[order]


def _largest(
    senders: np.ndarray, receivers: np.ndarray, values: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Largest eigenvalue of I + values of each graph, 1 for a graph without edges or nodes."""
    offsets = as_offsets(counts)
    edges = np.searchsorted(receivers, offsets)
    result = np.ones(len(counts))
    for graph in np.flatnonzero(np.diff(edges)):
        start, part = offsets[graph], slice(edges[graph], edges[graph + 1])
        laplacian = np.eye(counts[graph])
        laplacian[receivers[part] - start, senders[part] - start] += values[part]
        result[graph] = np.linalg.eigvalsh(laplacian)[-1]
    return result


def scaled_laplacian_dense(a: Any, *, lambda_max: float | None = 2.0) -> np.ndarray:
    """:func:`scaled_laplacian` of one graph, dense.

    Args:
        a: (n, n), the number of edges to row from column; other entries than 0 and 1 count as one.
        lambda_max: largest eigenvalue to scale by; None for that of the graph.

    Returns:
        float64 (n, n).

    Raises:
        InputError: ``a`` is not square, or ``lambda_max`` is not positive.
    """
    array = np.asarray(a)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise InputError(f"a must be square, got shape {array.shape}")
    rows, columns = np.nonzero(array)
    senders, receivers, values = scaled_laplacian(rows, columns, [len(array)], lambda_max=lambda_max)
    result = np.zeros(array.shape)
    result[receivers, senders] = values
    return result
