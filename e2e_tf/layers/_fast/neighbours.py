"""The neighbours of each node of a dense graph, so that no message is made for a pair without an edge."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

__all__ = ["neighbour_slots"]


def neighbour_slots(a: Any) -> tuple[Any, Any]:
    """As many slots as the largest node has neighbours: of 80 nodes each has some 8, not 80.

    Args:
        a: (B, N, N), ``a[b, receiver, sender]`` how often an edge counts, at least 0.

    Returns:
        ``(weight, sender)``, both (B, N, K): how often the edge in a slot counts, 0 in an empty one, and
        the int32 sender.
    """
    counts = tf.reshape(tf.reduce_sum(tf.cast(a > 0, tf.float32), axis=-1), (-1,))
    most = tf.cast(tf.reduce_max(tf.concat([[1.0], counts], axis=0)), tf.int32)
    return tf.math.top_k(a, tf.minimum(most, tf.shape(a)[-1]))
