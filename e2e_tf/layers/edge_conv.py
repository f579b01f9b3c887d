"""Edge convolution on a given graph."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import activations
from spektral.layers.convolutional.edge_conv import EdgeConv as SpektralEdgeConv

from e2e_tf.layers._fast import use_fast
from e2e_tf.layers._fast.neighbours import neighbour_slots
from e2e_tf.layers.adjacency import as_edges, check_graph, positive
from e2e_tf.layers.aggregate import aggregate_edges, aggregate_slots, aggregation
from e2e_tf.layers.padded import take_nodes
from e2e_tf.layers.pair_mlp import PairMLP

__all__ = ["EdgeConv"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class EdgeConv(SpektralEdgeConv):
    r"""Edge convolution, Spektral's ``EdgeConv`` on Keras 3 and exportable.

    Wang et al., Dynamic Graph CNN for Learning on Point Clouds, https://arxiv.org/abs/1801.07829

    .. math::
        x'_i = \mathrm{AGGREGATE}_{j \in N(i)}\, \mathrm{MLP}(x_i \,\|\, x_j - x_i)

    Same constructor, weights (names, shapes, order) and numbers as ``spektral.layers.EdgeConv``. The first
    layer of the MLP is computed once per node. Departures: a node that receives nothing gives 0, for ``max``
    too; the paper takes the maximum, Spektral the sum, ParticleNet the mean, so name yours. Dense blocks
    hold all N² pairs: for sparse graphs of more than some tens of nodes take edges.

    Args:
        channels: output channels.
        mlp_hidden: units of the hidden layers.
        mlp_activation: their activation.
        aggregate: ``sum``, ``mean``, ``max``, ``min``, ``prod``, or on edges a function of messages,
            receivers and the number of nodes. On edges ``prod`` does not export.
        mlp_batchnorm: batch normalisation over the edges before each activation, as in ParticleNet.
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

    fast = True  # False makes a message for all pairs of nodes of a dense graph, see e2e_tf.layers.plain

    def __init__(
        self,
        channels: int,
        mlp_hidden: Any = None,
        mlp_activation: Any = "relu",
        aggregate: Any = "sum",
        *args: Any,
        mlp_batchnorm: bool = False,
        **kwargs: Any,
    ) -> None:
        hidden = [positive("mlp_hidden", units) for units in mlp_hidden or []]
        super().__init__(
            positive("channels", channels), hidden, mlp_activation, aggregation(aggregate), *args, **kwargs
        )
        self.mlp_batchnorm = bool(mlp_batchnorm)

    def build(self, input_shape: Any) -> None:
        hidden = len(self.mlp_hidden)
        keys = ("kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer")
        self.mlp = PairMLP(
            [*self.mlp_hidden, self.channels],
            [self.mlp_activation] * hidden + [self.activation],
            [True] * hidden + [self.use_bias],
            relative=True,
            batchnorm=self.mlp_batchnorm,
            options={key: getattr(self, key) for key in (*keys, "kernel_constraint", "bias_constraint")},
            dtype=self.dtype_policy,
            name="mlp",
        )
        self.mlp.build(input_shape[0][-1])
        self.built = True

    def call(self, inputs: Any, training: Any = None) -> Any:
        x, a = inputs
        receive, send = self.mlp.parts(x)
        if not check_graph(x, a):
            senders, receivers, _ = as_edges(a, rows="senders")
            h = tf.gather(receive, receivers) + tf.gather(send, senders)  # (n_edges, C)
            message = self.mlp.finish(h, tf.ones(tf.shape(senders), x.dtype), training)
            return aggregate_edges(message, receivers, tf.shape(x)[0], self.agg)
        weight, send = tf.cast(a, x.dtype), send[..., None, :, :]
        if len(x.shape) == 3 and use_fast(self, xla=False, gpu=True):
            weight, index = neighbour_slots(weight)
            send = take_nodes(send[:, 0], index)
        h = receive[..., :, None, :] + send  # (B, N, N, C), or (B, N, K, C) of K neighbours
        message = self.mlp.finish(h, weight, training)
        return aggregate_slots(message, weight, self.agg)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], self.channels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mlp_activation": activations.serialize(self.mlp_activation),
            "mlp_batchnorm": self.mlp_batchnorm,
        }
