"""The network on pairs of nodes that edge convolutions and edge scores share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from e2e_tf.layers.batch_norm import WeightedBatchNormalization
from e2e_tf.layers.linear import linear

__all__ = ["PairMLP"]


class PairMLP(keras.layers.Layer):
    r"""Dense layers on the features of two nodes, the first of them taken apart.

    .. math::
        W [x_i \,\|\, x_j - x_i] + b = (W_1 - W_2) x_i + b + W_2 x_j

    so that the first product is made once per node rather than once per edge. A part of a layer, built by it.

    Args:
        units: outputs of each dense layer.
        activations: activation of each.
        use_bias: bias of each.
        relative: the sender enters as the difference to the receiver.
        batchnorm: normalise before each activation, over the pairs that exist.
        options: initializers, regularizers and constraints of the dense layers.
    """

    def __init__(
        self,
        units: Sequence[int],
        activations: Sequence[Any],
        use_bias: Sequence[bool],
        relative: bool,
        batchnorm: bool = False,
        options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.relative = relative
        self.activations = list(activations)
        options = dict(options or {})
        shared = {
            key: options.pop(key) for key in ("kernel_initializer", "bias_initializer") if key in options
        }
        self.layers = [
            keras.layers.Dense(
                n,
                use_bias=bias,
                dtype=self.dtype_policy,
                # A copy each: Keras warns about an initializer without seed that is used twice.
                **{key: value.clone() for key, value in shared.items()},
                **options,
            )
            for n, bias in zip(units, use_bias, strict=True)
        ]
        self.norms = [WeightedBatchNormalization(dtype=self.dtype_policy) for _ in units] if batchnorm else []

    def build(self, features: int, edge_features: int = 0) -> None:
        """Make the parameters, for nodes with ``features`` and edges with ``edge_features``."""
        self.features = features
        width = 2 * features + edge_features
        for i, layer in enumerate(self.layers):
            layer.build((None, width))
            width = layer.units
            if self.norms:
                self.norms[i].build((None, width))
        self.built = True

    def parts(self, x: Any) -> tuple[Any, Any]:
        """What a node (..., F) adds to the first layer as receiver, bias included, and as sender.

        Args:
            x: node features (..., F).

        Returns:
            (..., units[0]) as receiver and as sender.
        """
        first, f = self.layers[0], self.features
        kernel = tf.convert_to_tensor(first.kernel)
        own, other = kernel[:f], kernel[f : 2 * f]
        receive = linear(x, own - other if self.relative else own)
        if first.use_bias:
            receive = receive + tf.cast(first.bias, receive.dtype)
        return receive, linear(x, other)

    def edge_part(self, e: Any) -> Any:
        """What edge features (..., E) add to the first layer.

        Args:
            e: edge features (..., E).

        Returns:
            (..., units[0]).
        """
        return linear(e, tf.convert_to_tensor(self.layers[0].kernel)[2 * self.features :])

    def finish(self, h: Any, weight: Any, training: Any) -> Any:
        """The rest of the network on the sums of the parts (..., units[0]).

        Args:
            h: output of the first product.
            weight: (...), how often each pair counts in the normalisation.
            training: as in Keras.

        Returns:
            (..., units[-1]).
        """
        for i, layer in enumerate(self.layers):
            if i:
                h = layer(h)
            if self.norms:
                h = self.norms[i](h, weight, training=training)
            h = self.activations[i](h)
        return h
