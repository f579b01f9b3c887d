"""The nearest neighbours of each node, found inside a model."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from e2e_tf.layers.padded import node_mask

__all__ = ["nearest"]

Tensor = Any

_DIRECT = 4  # dimensions up to which squared differences are summed one by one


def nearest(points: Tensor, mask: Tensor, k: int, loops: bool) -> tuple[Tensor, Tensor]:
    """The ``k`` nearest nodes of each node, within its graph.

    Args:
        points: (B, N, D).
        mask: (B, N), 1 for a node; nodes come first in each block.
        k: neighbours of a node, fewer where the graph has fewer.
        loops: a node is its own neighbour, the nearest.

    Returns:
        ``(index, valid)``, both (B, N, min(k, N)): int32 slots in the block, and bool, True for a neighbour.
        Of equally distant nodes the one of lower index comes first.
    """
    points = tf.cast(points, tf.float32) if points.dtype != tf.float64 else points
    size = points.shape[1] if points.shape[1] is not None else tf.shape(points)[1]
    _, count = node_mask(mask, points.dtype)
    slot = tf.range(size)
    present = slot[None, :] < count[:, None]
    if points.shape[-1] <= _DIRECT:
        # A column at a time, so that no (B, N, N, D) array is held.
        columns = tf.unstack(points, axis=-1)
        squares = [tf.math.squared_difference(c[:, :, None], c[:, None, :]) for c in columns]
        distance = tf.add_n(squares)
    else:
        # |x - y|² = |x|² + |y|² - 2 xy loses digits far from the origin, so the origin is the graph's mean.
        weight = tf.cast(present, points.dtype)[:, :, None]
        centre = tf.reduce_sum(points * weight, axis=1, keepdims=True)
        points = points - centre / tf.maximum(tf.reduce_sum(weight, axis=1, keepdims=True), 1)
        norm = tf.reduce_sum(tf.square(points), axis=-1)
        product = tf.matmul(points, points, transpose_b=True)
        distance = norm[:, :, None] + norm[:, None, :] - 2.0 * product
    same = slot[:, None] == slot[None, :]
    worst = points.dtype.max
    distance = tf.where(same, tf.constant(-1.0 if loops else worst, points.dtype), distance)
    distance = tf.where(present[:, None, :], distance, tf.constant(worst, points.dtype))
    # The node itself, when it is no neighbour, sorts before empty slots or after them; either way it comes
    # after the other nodes, and the count says how many of those there are.
    width = min(k, size) if isinstance(size, int) else tf.minimum(k, size)
    index = tf.math.top_k(-distance, width).indices
    others = count if loops else count - 1
    valid = present[:, :, None] & (tf.range(width)[None, None, :] < others[:, None, None])
    return index, valid
