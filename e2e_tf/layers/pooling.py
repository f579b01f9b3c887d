"""What the global pooling layers share: where the nodes of a graph are, and the checks."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from e2e_tf.layers.adjacency import check_members
from e2e_tf.layers.padded import node_mask
from e2e_tf.layers.segments import graph_ids, segment_max, segment_sum

__all__ = ["GlobalPool"]


class GlobalPool(keras.layers.Layer):
    """Base of the layers that make one row of each graph. Subclasses write :meth:`pool`.

    The number of graphs comes from the counts, unlike in Spektral, where it comes from the largest graph
    index: empty graphs keep their row, at the end of a batch too.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        x, members = inputs
        # Sums of many nodes leave the range of float16, and the digits of bfloat16, where their mean does not.
        x = x if x.dtype in (tf.float32, tf.float64) else tf.cast(x, tf.float32)
        pooled = self.pool(x, nodes_of(members, x, x))
        return tf.cast(pooled, self.compute_dtype)

    def pool(self, x: Any, nodes: Any) -> Any:
        """One row per graph from ``x`` and ``nodes``, which sums and counts the nodes of each graph.

        Args:
            x: node features, (B, N, F) for :class:`Blocks` and (n, F) for :class:`Segments`.
            nodes: :class:`Blocks` or :class:`Segments`.
        """
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[1][0], input_shape[0][-1])


def nodes_of(members: Any, x: Any, values: Any) -> Blocks | Segments:
    """Where the nodes of each graph are, in the form in which they are given.

    Args:
        members: (B, N), 1 for a node and 0 for an empty slot, or int (B,), the nodes of each graph.
        x: node features, (B, N, F) or (n, F).
        values: of the same nodes, what will be summed; they give the type.

    Returns:
        :class:`Blocks` or :class:`Segments`.

    Raises:
        InputError: ``members`` does not fit ``x``.
    """
    return Blocks(members, values) if check_members(x, members) else Segments(members, values)


class Blocks:
    """Reductions over the nodes of padded blocks (B, N, F)."""

    def __init__(self, mask: Any, x: Any) -> None:
        self.mask, self.count = node_mask(mask, x.dtype)
        # The numbers of nodes as they are added up, (B, 1): no integers on the way.
        total = tf.reduce_sum(tf.cast(mask, tf.float32), axis=1, keepdims=True)
        self.divisor = tf.cast(tf.maximum(total, 1), x.dtype)

    def total(self, values: Any) -> Any:
        """Sum over the nodes of each graph.

        Args:
            values: (B, N, F).

        Returns:
            (B, F).
        """
        return tf.squeeze(tf.matmul(self.mask[:, None, :], values), axis=1)

    def largest(self, values: Any, empty: float) -> Any:
        """Maximum over the nodes of each graph.

        Args:
            values: (B, N, F).
            empty: given for a graph without nodes.

        Returns:
            (B, F).
        """
        lowest = tf.constant(empty, values.dtype)
        return tf.reduce_max(tf.where(self.mask[:, :, None] > 0, values, lowest), axis=1)

    def spread(self, rows: Any) -> Any:
        """Give every node what belongs to its graph.

        Args:
            rows: (B, F).

        Returns:
            (B, 1, F), which broadcasts over the slots.
        """
        return rows[:, None, :]

    def present(self, dtype: Any) -> Any:
        """Tell nodes from empty slots.

        Args:
            dtype: of the result.

        Returns:
            (B, N, 1), 1 for a node and 0 for an empty slot.
        """
        return tf.cast(self.mask, dtype)[:, :, None]


class Segments:
    """Reductions over the nodes of a disjoint batch (n, F)."""

    def __init__(self, n_node: Any, x: Any) -> None:
        self.count = tf.cast(n_node, tf.int32)
        self.graph, self.n_graph = graph_ids(self.count, tf.shape(x)[0]), tf.shape(n_node)[0]
        self.divisor = tf.cast(tf.maximum(self.count, 1), x.dtype)[:, None]

    def total(self, values: Any) -> Any:
        """Sum over the nodes of each graph.

        Args:
            values: (n, F).

        Returns:
            (B, F).
        """
        return segment_sum(values, self.graph, self.n_graph)

    def largest(self, values: Any, empty: float) -> Any:
        """Maximum over the nodes of each graph.

        Args:
            values: (n, F).
            empty: given for a graph without nodes.

        Returns:
            (B, F).
        """
        return segment_max(values, self.graph, self.n_graph, empty)

    def spread(self, rows: Any) -> Any:
        """Give every node what belongs to its graph.

        Args:
            rows: (B, F).

        Returns:
            (n, F).
        """
        return tf.gather(rows, self.graph)

    def present(self, dtype: Any) -> Any:
        """Tell nodes from empty slots; here all are nodes.

        Args:
            dtype: of the result.

        Returns:
            Scalar 1.
        """
        return tf.ones((), dtype)
