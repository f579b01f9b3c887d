"""Global pooling: one row per graph, graphs without nodes included."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from e2e_tf.layers.ops import graph_ids, segment_sum

__all__ = ["GlobalAvgPool"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class GlobalAvgPool(keras.layers.Layer):
    """Mean over the nodes of each graph; a graph without nodes gives 0.

    Unlike ``spektral.layers.GlobalAvgPool`` the number of graphs is given by the counts, so that empty graphs
    at the end of a batch keep their row.

    Call arguments:
        inputs: ``[x, mask]`` with blocks (B, N, F) and (B, N), or ``[x, n_node]`` with (n, F) and int (B,).

    Output:
        (B, F).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        x, members = inputs
        if len(x.shape) == 3:
            present = tf.cast(members, x.dtype)
            total = tf.squeeze(tf.matmul(present[:, None, :], x), axis=1)
            count = tf.reduce_sum(present, axis=1)
        else:
            n_node = tf.cast(members, tf.int32)
            total = segment_sum(x, graph_ids(n_node, tf.shape(x)[0]), tf.shape(n_node)[0])
            count = tf.cast(n_node, x.dtype)
        return total / tf.maximum(count, 1)[:, None]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[1][0], input_shape[0][-1])
