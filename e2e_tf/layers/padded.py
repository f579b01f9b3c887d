"""Padded blocks (B, N, F) of a flat node array (n, F), and back."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from e2e_tf.layers.segments import graph_ids

__all__ = ["block_index", "from_blocks", "node_mask", "take_nodes", "to_blocks"]

Tensor = Any


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
    """Rows (n, F) of the flat array on padded blocks (B, N, F), 0 in empty slots.

    Args:
        values: (n, F).
        index: int32 (B, N), from :func:`block_index`.

    Returns:
        (B, N, F).
    """
    return tf.gather(tf.pad(values, [[0, 1], [0, 0]]), index)


def from_blocks(blocks: Tensor, n_node: Tensor) -> Tensor:
    """Rows (n, F) of padded blocks (B, N, F) in the flat order; the inverse of :func:`to_blocks`.

    Args:
        blocks: (B, N, F).
        n_node: int32 (B,).

    Returns:
        (n, F).
    """
    size = tf.shape(blocks)[1]
    graph = graph_ids(n_node, tf.reduce_sum(n_node))
    start = tf.cumsum(n_node, exclusive=True)
    node = tf.range(tf.shape(graph)[0]) - tf.gather(start, graph)
    return tf.gather(tf.reshape(blocks, (-1, blocks.shape[-1])), graph * size + node)


def node_mask(members: Tensor, dtype: Any) -> tuple[Tensor, Tensor]:
    """``(mask, count)`` of padded blocks: 1 for a node (B, N), and the nodes of each graph, int32 (B,).

    Args:
        members: bool or number (B, N), from :func:`block_index`.
        dtype: of the mask.

    Returns:
        ``(mask, count)``: (B, N) in ``dtype``, and int32 (B,).
    """
    # Counted in float32: bfloat16 counts to 256 only.
    count = tf.cast(tf.reduce_sum(tf.cast(members, tf.float32), axis=1), tf.int32)
    return tf.cast(members, dtype), count


def take_nodes(values: Tensor, index: Tensor) -> Tensor:
    """Rows of each block: (B, N, F) at slots (B, N, k) gives (B, N, k, F).

    Args:
        values: (B, N, F).
        index: int (B, N, k), slots of the same block.

    Returns:
        (B, N, k, F).
    """
    size = tf.shape(values)[1]
    first = tf.range(tf.shape(values)[0]) * size
    return tf.gather(tf.reshape(values, (-1, values.shape[-1])), first[:, None, None] + index)
