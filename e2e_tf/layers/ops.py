"""Tensor helpers shared by the layers; every one exports to ONNX and takes the number of segments explicitly.

An empty segment gives 0 for sums and means. Nothing here is inferred from values or from the last id, so that
graphs without nodes and nodes without edges keep their place.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

__all__ = ["block_index", "graph_ids", "segment_max", "segment_sum", "to_blocks"]

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

    Args and returns: as :func:`segment_sum`.
    """
    shape = tf.concat([[n_segments], tf.shape(values)[1:]], axis=0)
    start = tf.fill(shape, tf.cast(empty, values.dtype))
    return tf.tensor_scatter_nd_max(start, segment[:, None], values)


def graph_ids(n_node: Tensor, n_nodes: Tensor) -> Tensor:
    """int32 (n_nodes,): the graph of each node, from the counts int32 (B,)."""
    ends = tf.cumsum(n_node)
    return tf.reduce_sum(tf.cast(tf.range(n_nodes)[:, None] >= ends[None, :], tf.int32), axis=1)


def block_index(n_node: Tensor) -> tuple[Tensor, Tensor]:
    """Where the slots of padded blocks lie in the flat node array.

    Args:
        n_node: int32 (B,).

    Returns:
        ``(index, mask)``, both (B, N) with N the largest count, at least 1: int32 rows of the flat array
        (n for an empty slot, one past the last), and True for a slot that holds a node.
    """
    start = tf.cumsum(n_node, exclusive=True)
    size = tf.maximum(tf.reduce_max(tf.concat([n_node, [1]], axis=0)), 1)
    slot = tf.range(size)
    mask = slot[None, :] < n_node[:, None]
    return tf.where(mask, start[:, None] + slot[None, :], tf.reduce_sum(n_node)), mask


def to_blocks(values: Tensor, index: Tensor) -> Tensor:
    """Rows (n, F) of the flat array on padded blocks (B, N, F), 0 in empty slots."""
    return tf.gather(tf.pad(values, [[0, 1], [0, 0]]), index)
