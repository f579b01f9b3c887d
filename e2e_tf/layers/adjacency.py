"""The three forms in which convolution layers take a graph, told apart by type and never by values."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

__all__ = ["EDGES_HELP", "add_self_loops", "as_edges", "is_dense"]

Tensor = Any

EDGES_HELP = (
    "the graph must be dense blocks (B, N, N) with a[b, receiver, sender], a sparse (n, n) matrix, or a tuple "
    "(senders, receivers) or (senders, receivers, weights) of shape (n_edges,)"
)


def is_dense(a: Any) -> bool:
    """True for dense blocks (B, N, N) or one dense matrix (N, N), False for edges.

    Raises:
        ValueError: ``a`` has none of the accepted forms.
    """
    if isinstance(a, (tuple, list)):
        if len(a) not in (2, 3):
            raise ValueError(f"{EDGES_HELP}. Received a tuple of {len(a)}")
        return False
    if isinstance(a, (tf.SparseTensor, tf.sparse.SparseTensor)) or getattr(a, "sparse", False):
        return False
    rank = len(a.shape)
    if rank not in (2, 3):
        raise ValueError(f"{EDGES_HELP}. Received: shape={tuple(a.shape)}")
    return True


def as_edges(a: Any, rows: str) -> tuple[Tensor, Tensor, Tensor | None]:
    """``(senders, receivers, weights)`` of a graph that is not dense.

    Args:
        a: tuple of edges, or a sparse matrix.
        rows: what the rows of a sparse matrix are, ``"senders"`` (Spektral's GATConv) or ``"receivers"``
            (a matrix that multiplies node features from the left).
    """
    if isinstance(a, (tuple, list)):
        senders, receivers = a[0], a[1]
        return senders, receivers, (a[2] if len(a) == 3 else None)
    first, second = a.indices[:, 0], a.indices[:, 1]
    if rows == "senders":
        return first, second, a.values
    return second, first, a.values


def add_self_loops(senders: Tensor, receivers: Tensor, n_nodes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Edges with one loop at every node appended, and a mask of the edges that count.

    Loops that are there already do not count twice: they are masked rather than removed, which keeps the
    number of edges independent of values.

    Returns:
        ``(senders, receivers, keep)``, each (n_edges + n_nodes,); ``keep`` is bool.
    """
    loop = tf.range(tf.cast(n_nodes, senders.dtype), dtype=senders.dtype)
    keep = tf.concat([senders != receivers, tf.ones_like(loop, tf.bool)], axis=0)
    return tf.concat([senders, loop], axis=0), tf.concat([receivers, loop], axis=0), keep
