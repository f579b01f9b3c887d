"""Graph convolution."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from spektral.layers.convolutional.gcn_conv import GCNConv as SpektralGCNConv

from e2e_tf.layers.adjacency import as_edges, check_graph, positive
from e2e_tf.layers.linear import linear
from e2e_tf.layers.segments import propagate

__all__ = ["GCNConv"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class GCNConv(SpektralGCNConv):
    r"""Graph convolution, Spektral's ``GCNConv`` on Keras 3 and exportable.

    Kipf and Welling, Semi-Supervised Classification with Graph Convolutional Networks,
    https://arxiv.org/abs/1609.02907

    .. math::
        X' = \sigma(\hat A X W + b), \quad \hat A = D^{-1/2} (A + 1) D^{-1/2}

    Same constructor, parameters (names, shapes, order) and numbers as ``spektral.layers.GCNConv``, which also
    takes :math:`\hat A` ready made: :class:`NormalizedAdjacency` makes it inside the model. The narrower of
    input and output is propagated. Departure: no mask is applied (padded slots send nothing).

    Args:
        channels: output channels.
        activation, use_bias, kernel_initializer, ...: as in Spektral.

    Call arguments:
        inputs: ``[x, a]``, one of
            ``x`` (B, N, F) with ``a`` (B, N, N), ``a[b, receiver, sender]``;
            ``x`` (n, F) with ``a = (senders, receivers, weights)``, or without weights for 1 each;
            ``x`` (n, F) with a sparse ``a`` (n, n), whose rows are receivers.

    Output:
        (B, N, channels) or (n, channels).

    Raises:
        InputError: ``channels`` is not positive, ``a`` has none of these forms or does not fit ``x``.
    """

    def __init__(self, channels: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(positive("channels", channels), *args, **kwargs)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        x, a = inputs
        dense = check_graph(x, a)
        narrow = self.channels <= x.shape[-1]
        output = linear(x, self.kernel) if narrow else x
        if dense:
            output = tf.matmul(tf.cast(a, output.dtype), output)
        else:
            output = propagate(output, *as_edges(a, rows="receivers"))
        if not narrow:
            output = linear(output, self.kernel)
        if self.use_bias:
            output = output + tf.cast(self.bias, output.dtype)
        return self.activation(output)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], self.channels)
