"""From a disjoint batch to dense masked blocks: on small graphs a batched product beats a scatter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from e2e_tf.errors import InputError
from e2e_tf.layers._fast import use_fast
from e2e_tf.layers._fast.segments import count_entries
from e2e_tf.layers.adjacency import check_graph, check_members
from e2e_tf.layers.padded import block_index, to_blocks
from e2e_tf.layers.segments import graph_ids

__all__ = ["DisjointToBlocks"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class DisjointToBlocks(keras.layers.Layer):
    """Padded blocks of a disjoint batch.

    An edge between two graphs, or to a node that there is not, is refused; in models that are exported whoever
    builds the graphs must see to that.

    Call arguments:
        inputs: ``[x, senders, receivers, n_node]``: (n, F), int (n_edges,), int (n_edges,), int (B,).

    Output:
        ``(x, a, mask)``: (B, N, F), (B, N, N) and (B, N), float, N the largest count of the batch (at least
        1). ``a[b, receiver, sender]`` is the number of such edges; ``mask`` is 1 where a slot holds a node.

    Raises:
        InputError: a rank is wrong, the counts do not add up to the nodes, or an edge does not join two nodes of
            one graph. (Inside a ``tf.function`` this last one is a ``tf.errors.InvalidArgumentError``.)
    """

    fast = True  # False counts edges, unchecked, as other runtimes can, see e2e_tf.layers.plain

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
        if use_fast(self, xla=True, gpu=True):
            where = _flat_entries(
                senders, receivers, graph, start, size, tf.reduce_prod(tf.cast(shape, tf.int64))
            )
            a = count_entries(where, shape, x.dtype)
        else:
            edge_graph = tf.gather(graph, receivers)
            edge_start = tf.gather(start, edge_graph)
            where = tf.stack([edge_graph, receivers - edge_start, senders - edge_start], axis=1)
            ones = tf.ones(tf.shape(senders), x.dtype)
            a = tf.tensor_scatter_nd_add(tf.zeros(shape, x.dtype), where, ones)
        return to_blocks(x, index), a, tf.cast(mask, x.dtype)

    def compute_output_spec(self, inputs: Any) -> Any:
        features = inputs[0].shape[-1]
        dtype = self.compute_dtype
        return (
            keras.KerasTensor((None, None, features), dtype=dtype),
            keras.KerasTensor((None, None, None), dtype=dtype),
            keras.KerasTensor((None, None), dtype=dtype),
        )


def _flat_entries(senders: Any, receivers: Any, graph: Any, start: Any, size: Any, entries: Any) -> Any:
    """int64 (n_edges,): where each edge lies in flat blocks.

    Args:
        senders, receivers: int32 (n_edges,).
        graph: int32 (n,), the graph of each node.
        start: int32 (B,), the first node of each graph.
        size: scalar int32 N.
        entries: scalar int64, B * N * N.

    Raises:
        InputError: an edge does not join two nodes of one graph; while a function is traced it becomes an assertion.
    """
    n_nodes = tf.shape(graph)[0]
    low = tf.minimum(tf.reduce_min(senders), tf.reduce_min(receivers))
    high = tf.maximum(tf.reduce_max(senders), tf.reduce_max(receivers))
    exist = _require(
        (low >= 0) & (high < n_nodes),
        "senders and receivers must be nodes of the batch, 0 to the number of nodes - 1",
        lambda: f"{int(low)} to {int(high)} for {int(n_nodes)} nodes",
    )
    with tf.control_dependencies(exist):
        # As much of the index as there is to a node is found once per node. Graphs lie ``entries`` apart in the
        # receiver's part and in the sender's, which cancels within a graph only.
        wide, apart = tf.cast(size, tf.int64), tf.cast(graph, tf.int64) * entries
        node = tf.cast(tf.range(n_nodes) - tf.gather(start, graph), tf.int64)
        row = (tf.cast(graph, tf.int64) * wide + node) * wide + apart
        where = tf.gather(row, receivers) + tf.gather(node - apart, senders)

    def first_wrong() -> str:
        edge = int(tf.argmax(tf.cast((where < 0) | (where >= entries), tf.int32)))
        return f"an edge from node {int(senders[edge])} to node {int(receivers[edge])}"

    joined = _require(
        (tf.size(where) == 0) | (tf.reduce_min(where) >= 0) & (tf.reduce_max(where) < entries),
        "an edge must join two nodes of one graph",
        first_wrong,
    )
    with tf.control_dependencies(joined):
        return tf.identity(where)


def _require(right: Any, message: str, came: Callable[[], str]) -> list[Any]:
    """Refuse what is not right: at once, or by an assertion in the function that is traced."""
    if not tf.executing_eagerly():
        return [tf.debugging.Assert(right, [message])]
    if not right:
        raise InputError(f"{message}, got {came()}")
    return []
