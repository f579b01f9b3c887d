"""Sums and maxima over the rows that belong together; the number of segments is passed, never inferred.

Graphs without nodes and nodes without edges so keep their place, at the end of a batch too.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

__all__ = ["graph_ids", "propagate", "segment_max", "segment_softmax", "segment_sum"]

Tensor = Any


def segment_sum(values: Tensor, segment: Tensor, n_segments: Tensor) -> Tensor:
    """Sum of the rows of each segment.

    Args:
        values: (n, ...).
        segment: int (n,), the segment of each row, in any order.
        n_segments: scalar int.

    Returns:
        (n_segments, ...), 0 for an empty segment.
    """
    shape = tf.concat([[n_segments], tf.shape(values)[1:]], axis=0)
    # Exports to one ScatterND with reduction; unsorted_segment_sum becomes 22 nodes with TopK and Unique.
    return tf.tensor_scatter_nd_add(tf.zeros(shape, values.dtype), segment[:, None], values)


def segment_max(values: Tensor, segment: Tensor, n_segments: Tensor, empty: float) -> Tensor:
    """Maximum of the rows of each segment, and ``empty`` where it has none (a lower bound of all values).

    Args:
        values: (n, ...).
        segment: int (n,), the segment of each row, in any order.
        n_segments: scalar int.
        empty: a lower bound of all values.

    Returns:
        (n_segments, ...), ``empty`` for an empty segment.
    """
    shape = tf.concat([[n_segments], tf.shape(values)[1:]], axis=0)
    start = tf.fill(shape, tf.cast(empty, values.dtype))
    return tf.tensor_scatter_nd_max(start, segment[:, None], values)


def segment_softmax(logits: Tensor, segment: Tensor, n_segments: Tensor) -> Tensor:
    """Softmax over the rows of each segment, column by column.

    Args:
        logits: (n, C); the lowest finite number leaves a row out where its segment has others.
        segment, n_segments: as in :func:`segment_sum`.

    Returns:
        (n, C).
    """
    # The shift cancels in the ratio; no gradient needs to pass through the maximum.
    top = segment_max(tf.stop_gradient(logits), segment, n_segments, logits.dtype.min)
    weights = tf.exp(logits - tf.gather(top, segment))
    return weights / tf.gather(segment_sum(weights, segment, n_segments), segment)


def propagate(values: Tensor, senders: Tensor, receivers: Tensor, weights: Tensor | None) -> Tensor:
    """Product of a matrix, given as edges, with node features: each node sums what is sent to it.

    Args:
        values: (n, F).
        senders, receivers: int (n_edges,), column and row of each entry.
        weights: (n_edges,), the entries; 1 each if None.

    Returns:
        (n, F).
    """
    message = tf.gather(values, senders)
    if weights is not None:
        message = message * tf.cast(weights, values.dtype)[:, None]
    return segment_sum(message, receivers, tf.shape(values)[0])


def graph_ids(n_node: Tensor, n_nodes: Tensor) -> Tensor:
    """int32 (n_nodes,): the graph of each node, from the counts int32 (B,).

    Args:
        n_node: int32 (B,).
        n_nodes: scalar int, their sum.

    Returns:
        int32 (n_nodes,), rising.
    """
    # One at the first node of each graph, added up; a graph without nodes adds its one to the next.
    start = tf.cumsum(n_node, exclusive=True)
    first = segment_sum(tf.ones_like(start), start, n_nodes + 1)
    return tf.cumsum(first)[:-1] - 1
