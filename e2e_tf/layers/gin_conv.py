"""Graph isomorphism network."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import activations
from spektral.layers.convolutional.gin_conv import GINConv as SpektralGINConv

from e2e_tf.errors import InputError
from e2e_tf.layers.adjacency import as_edges, check_graph, positive
from e2e_tf.layers.aggregate import aggregate_blocks, aggregate_edges, aggregation
from e2e_tf.layers.batch_norm import WeightedBatchNormalization

__all__ = ["GINConv"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class GINConv(SpektralGINConv):
    r"""Graph isomorphism network, Spektral's ``GINConv`` on Keras 3 and exportable.

    Xu et al., How Powerful are Graph Neural Networks?, https://arxiv.org/abs/1810.00826

    .. math::
        x'_i = \mathrm{MLP}\Big((1 + \epsilon) x_i + \sum_{j \in N(i)} x_j\Big)

    Same constructor, parameters (names, shapes, order) and numbers as ``spektral.layers.GINConv``. Departures:
    dense blocks are accepted, with a mask, because batch normalisation in the MLP must not see empty slots;
    all parameters are made in ``build``.

    Args:
        channels: output channels.
        epsilon: weight of the node itself; None makes it a weight of the layer.
        mlp_hidden: units of the hidden layers.
        mlp_activation: their activation.
        mlp_batchnorm: batch normalisation after each hidden layer.
        aggregate: ``sum``, ``mean``, ``max``, ``min``, ``prod``, or on edges a function of messages,
            receivers and the number of nodes.
        activation, use_bias, kernel_initializer, ...: as in Spektral.

    Call arguments:
        inputs: ``[x, a]``, one of
            ``x`` (B, N, F) with ``a`` (B, N, N), ``a[b, receiver, sender]`` the number of such edges, and
            a third input ``mask`` (B, N) if there is batch normalisation;
            ``x`` (n, F) with ``a = (senders, receivers)``, both int (n_edges,);
            ``x`` (n, F) with a sparse ``a`` (n, n) whose rows are senders, as Spektral's layer reads it.

    Output:
        (B, N, channels) or (n, channels).

    Raises:
        InputError: an argument is out of range, ``a`` has none of these forms or does not fit ``x``, or
            blocks come without the mask that batch normalisation needs.
    """

    def __init__(
        self,
        channels: int,
        epsilon: float | None = None,
        mlp_hidden: Any = None,
        mlp_activation: Any = "relu",
        mlp_batchnorm: bool = True,
        aggregate: Any = "sum",
        *args: Any,
        **kwargs: Any,
    ) -> None:
        hidden = [positive("mlp_hidden", units) for units in mlp_hidden or []]
        super().__init__(
            positive("channels", channels),
            epsilon,
            hidden,
            mlp_activation,
            mlp_batchnorm,
            aggregation(aggregate),
            *args,
            **kwargs,
        )

    def build(self, input_shape: Any) -> None:
        shared = ("kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint")
        options = {key: getattr(self, key) for key in shared}

        def dense(units: int, activation: Any, use_bias: bool = True) -> Any:
            return keras.layers.Dense(
                units,
                activation,
                use_bias=use_bias,
                kernel_initializer=self.kernel_initializer.clone(),
                bias_initializer=self.bias_initializer.clone(),
                dtype=self.dtype_policy,
                **options,
            )

        layers = []
        for units in self.mlp_hidden:
            layers.append(dense(units, self.mlp_activation))
            if self.mlp_batchnorm:
                layers.append(WeightedBatchNormalization(dtype=self.dtype_policy))
        layers.append(dense(self.channels, self.activation, self.use_bias))
        self.mlp = layers
        shape = (None, input_shape[0][-1])
        for layer in layers:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        if self.epsilon is None:
            self.eps = self.add_weight(shape=(1,), initializer="zeros", name="eps")
        self.built = True

    def call(self, inputs: Any, training: Any = None) -> Any:
        x, a, *rest = inputs
        dense = check_graph(x, a)
        normalised = self.mlp_batchnorm and bool(self.mlp_hidden)
        if dense and len(x.shape) == 3 and normalised and not rest:
            raise InputError(
                "blocks need the inputs [x, a, mask], since batch normalisation leaves out empty slots by the mask; "
                "got [x, a]"
            )
        if dense:
            received = aggregate_blocks(x, tf.cast(a, x.dtype), self.agg)
        else:
            senders, receivers, _ = as_edges(a, rows="senders")
            received = aggregate_edges(tf.gather(x, senders), receivers, tf.shape(x)[0], self.agg)
        eps = tf.cast(self.eps, x.dtype) if self.epsilon is None else self.epsilon
        output = (1 + eps) * x + received
        present = tf.cast(rest[0], x.dtype) if rest else tf.ones(tf.shape(x)[:-1], x.dtype)
        for layer in self.mlp:
            if isinstance(layer, WeightedBatchNormalization):
                output = layer(output, present, training=training)
            else:
                output = layer(output)
        return output

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], self.channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mlp_activation": activations.serialize(self.mlp_activation)}
