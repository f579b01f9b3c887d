"""GraphSAGE."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from spektral.layers.convolutional.graphsage_conv import GraphSageConv as SpektralGraphSageConv

from e2e_tf.layers.adjacency import add_self_loops, as_edges, check_graph, positive, self_loops
from e2e_tf.layers.aggregate import aggregate_blocks, aggregate_edges, aggregation
from e2e_tf.layers.linear import linear

__all__ = ["GraphSageConv"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class GraphSageConv(SpektralGraphSageConv):
    r"""GraphSAGE, Spektral's ``GraphSageConv`` on Keras 3 and exportable.

    Hamilton et al., Inductive Representation Learning on Large Graphs, https://arxiv.org/abs/1706.02216

    .. math::
        x'_i = \sigma\Big(\frac{h_i}{\|h_i\|}\Big), \quad
        h_i = W \big[x_i \,\|\, \mathrm{AGGREGATE}_{j \in N(i) \cup \{i\}}\, x_j\big] + b

    Same constructor, parameters (names, shapes, order) and numbers as ``spektral.layers.GraphSageConv``.
    Departures from the paper, as in Spektral: the node is in its own neighbourhood, all neighbours are taken
    rather than a sample, and the activation follows the normalisation. Departure from Spektral: dense blocks
    are accepted. On edges ``prod`` does not export.

    Args:
        channels: output channels.
        aggregate: ``mean``, ``sum``, ``max``, ``min``, ``prod``, or on edges a function of messages,
            receivers and the number of nodes.
        activation, use_bias, kernel_initializer, ...: as in Spektral.

    Call arguments:
        inputs: ``[x, a]``, one of
            ``x`` (B, N, F) with ``a`` (B, N, N), ``a[b, receiver, sender]`` the number of such edges;
            ``x`` (n, F) with ``a = (senders, receivers)``, both int (n_edges,);
            ``x`` (n, F) with a sparse ``a`` (n, n) whose rows are senders, as Spektral's layer reads it.

    Output:
        (B, N, channels) or (n, channels).

    Raises:
        InputError: an argument is out of range, ``a`` has none of these forms or does not fit ``x``.
    """

    def __init__(self, channels: int, aggregate: Any = "mean", *args: Any, **kwargs: Any) -> None:
        super().__init__(positive("channels", channels), aggregation(aggregate), *args, **kwargs)

    def call(self, inputs: Any) -> Any:
        x, a = inputs
        kernel = tf.convert_to_tensor(self.kernel)
        own, other = kernel[: x.shape[-1]], kernel[x.shape[-1] :]
        if check_graph(x, a):
            received = aggregate_blocks(x, tf.cast(self_loops(a), x.dtype), self.agg)
        else:
            senders, receivers, _ = as_edges(a, rows="senders")
            n_nodes = tf.shape(x)[0]
            senders, receivers, keep = add_self_loops(senders, receivers, n_nodes)
            received = aggregate_edges(tf.gather(x, senders), receivers, n_nodes, self.agg, keep)
        output = linear(x, own) + linear(received, other)
        if self.use_bias:
            output = output + tf.cast(self.bias, output.dtype)
        # In float32: the floor under the squared norm, 1e-12, is 0 in float16.
        wide = output if output.dtype == tf.float64 else tf.cast(output, tf.float32)
        output = tf.cast(tf.math.l2_normalize(wide, axis=-1), output.dtype)
        return output if self.activation is None else self.activation(output)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], self.channels)
