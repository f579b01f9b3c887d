"""The normalised adjacency that graph convolutions propagate with, from the raw edges."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from e2e_tf.layers.adjacency import as_edges, check_graph, diagonal, weighted_spec
from e2e_tf.layers.segments import segment_sum

__all__ = ["NormalizedAdjacency"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class NormalizedAdjacency(keras.layers.Layer):
    r"""Symmetrically normalised adjacency with self loops, inside the model.

    Kipf and Welling, https://arxiv.org/abs/1609.02907

    .. math::
        \hat A = D^{-1/2} (A + 1) D^{-1/2}, \quad D_{ii} = \sum_j (A + 1)_{ij}

    The numbers of ``spektral.utils.gcn_filter``: D counts what a node receives, an edge listed twice counts
    twice, and a loop that is there already comes on top of the one added.

    Call arguments:
        inputs: ``[x, a]`` as for :class:`GATConv`; ``x`` only tells the number of nodes.

    Output:
        (B, N, N) for dense blocks, else ``(senders, receivers, weights)``, the added loops last.

    Raises:
        InputError: ``a`` has none of the forms or does not fit ``x``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        x, a = inputs
        if check_graph(x, a):
            a = tf.cast(a, x.dtype)
            a = a + tf.cast(diagonal(a), x.dtype)
            # At least 1, through the loop.
            root = tf.math.rsqrt(tf.reduce_sum(a, axis=-1))
            return root[..., :, None] * a * root[..., None, :]
        senders, receivers, _ = as_edges(a, rows="receivers")
        n_nodes = tf.shape(x)[0]
        loop = tf.cast(tf.range(n_nodes), senders.dtype)
        senders, receivers = tf.concat([senders, loop], axis=0), tf.concat([receivers, loop], axis=0)
        root = tf.math.rsqrt(segment_sum(tf.ones(tf.shape(receivers), x.dtype), receivers, n_nodes))
        return senders, receivers, tf.gather(root, receivers) * tf.gather(root, senders)

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        return weighted_spec(inputs[1], self.compute_dtype)
