"""From a disjoint batch to dense masked blocks: on small graphs a batched product beats a scatter."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from e2e_tf.layers.adjacency import check_graph, check_members
from e2e_tf.layers.exporting import is_exporting
from e2e_tf.layers.padded import block_index, to_blocks
from e2e_tf.layers.segments import graph_ids

__all__ = ["DisjointToBlocks"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class DisjointToBlocks(keras.layers.Layer):
    """Padded blocks of a disjoint batch.

    Call arguments:
        inputs: ``[x, senders, receivers, n_node]``: (n, F), int (n_edges,), int (n_edges,), int (B,).

    Output:
        ``(x, a, mask)``: (B, N, F), (B, N, N) and (B, N), float, N the largest count of the batch (at least
        1). ``a[b, receiver, sender]`` is the number of such edges; ``mask`` is 1 where a slot holds a node.

    Raises:
        InputError: a rank is wrong, or the counts do not add up to the nodes.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # The shapes change from batch to batch: XLA would compile anew for each.
        self.supports_jit = False

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, inputs: Any) -> Any:
        x, senders, receivers, n_node = inputs
        check_graph(x, (senders, receivers))
        check_members(x, n_node)
        senders, receivers = tf.cast(senders, tf.int32), tf.cast(receivers, tf.int32)
        n_node = tf.cast(n_node, tf.int32)
        index, mask = block_index(n_node)
        start = tf.cumsum(n_node, exclusive=True)
        graph = graph_ids(n_node, tf.shape(x)[0])
        size = tf.shape(index)[1]
        shape = tf.stack([tf.shape(n_node)[0], size, size])
        ones = tf.ones(tf.shape(senders), x.dtype)
        if is_exporting():
            edge_graph = tf.gather(graph, receivers)
            edge_start = tf.gather(start, edge_graph)
            where = tf.stack([edge_graph, receivers - edge_start, senders - edge_start], axis=1)
            a = tf.tensor_scatter_nd_add(tf.zeros(shape, x.dtype), where, ones)
        else:
            # Flat indices, and as much of them as there is to a node found once per node.
            wide, begin = tf.cast(size, tf.int64), tf.cast(tf.gather(start, graph), tf.int64)
            node = tf.range(tf.shape(x, out_type=tf.int64)[0]) - begin
            row = (tf.cast(graph, tf.int64) * wide + node) * wide - begin
            where = tf.gather(row, receivers) + tf.cast(senders, tf.int64)
            # Ten times as fast as the scatter. The entry that is dropped lets batches without edges export too.
            where = tf.concat([where, tf.constant([-1], tf.int64)], axis=0)
            counts = tf.concat([ones, tf.zeros((1,), x.dtype)], axis=0)
            entries = tf.reduce_prod(tf.cast(shape, tf.int64))
            a = tf.reshape(tf.math.unsorted_segment_sum(counts, where, entries), shape)
        return to_blocks(x, index), a, tf.cast(mask, x.dtype)

    def compute_output_spec(self, inputs: Any) -> Any:
        features = inputs[0].shape[-1]
        dtype = self.compute_dtype
        return (
            keras.KerasTensor((None, None, features), dtype=dtype),
            keras.KerasTensor((None, None, None), dtype=dtype),
            keras.KerasTensor((None, None), dtype=dtype),
        )
