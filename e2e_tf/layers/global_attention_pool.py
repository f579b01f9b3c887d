"""Gated sum over the nodes of a graph."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import constraints, initializers, regularizers

from e2e_tf.layers.adjacency import positive
from e2e_tf.layers.pooling import GlobalPool

__all__ = ["GlobalAttentionPool"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class GlobalAttentionPool(GlobalPool):
    r"""Gated sum over the nodes of each graph; a graph without nodes gives 0.

    Li et al., Gated Graph Sequence Neural Networks, https://arxiv.org/abs/1511.05493

    .. math::
        y = \sum_i \sigma(W_2 x_i + b_2) \odot (W_1 x_i + b_1)

    Constructor, parameters and numbers are those of ``spektral.layers.GlobalAttentionPool``. Departure from the
    paper: no tanh around the features and the sum, as in Spektral.

    Args:
        channels: output features.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint,
            bias_constraint: of both dense layers.

    Call arguments:
        inputs: ``[x, mask]`` with blocks (B, N, F) and (B, N), or ``[x, n_node]`` with (n, F) and int (B,).

    Output:
        (B, channels).

    Raises:
        InputError: ``channels`` is not positive, the ranks do not go together or the counts do not add up.
    """

    def __init__(
        self,
        channels: int,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels = positive("channels", channels)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Any) -> None:
        def dense(name: str, activation: str | None) -> Any:
            layer = keras.layers.Dense(
                self.channels,
                activation=activation,
                # A copy each: Keras warns about an initializer without seed that is used twice.
                kernel_initializer=self.kernel_initializer.clone(),
                bias_initializer=self.bias_initializer.clone(),
                kernel_regularizer=self.kernel_regularizer,
                bias_regularizer=self.bias_regularizer,
                kernel_constraint=self.kernel_constraint,
                bias_constraint=self.bias_constraint,
                dtype=self.dtype_policy,
                name=name,
            )
            layer.build(input_shape[0])
            return layer

        self.features_layer = dense("features_layer", None)
        self.attention_layer = dense("attn_layer", "sigmoid")
        self.built = True

    def pool(self, x: Any, nodes: Any) -> Any:
        """Sum the gated nodes of each graph.

        Args:
            x: as in :meth:`GlobalPool.pool`.
            nodes: as there.

        Returns:
            (B, channels).
        """
        gated = self.features_layer(x) * self.attention_layer(x)
        return nodes.total(tf.cast(gated, x.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[1][0], self.channels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "channels": self.channels,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
