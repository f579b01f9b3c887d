"""A dense layer with weights of its own for each kind of node."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import activations, initializers

from e2e_tf.errors import InputError
from e2e_tf.layers.adjacency import positive
from e2e_tf.layers.linear import linear

__all__ = ["KindDense"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class KindDense(keras.layers.Layer):
    r"""A dense layer whose matrix and bias are those of the node's kind.

    Schlichtkrull et al., Modeling Relational Data with Graph Convolutional Networks,
    https://arxiv.org/abs/1703.06103, of which this is the term of the node itself, with weights by kind of node

    .. math::
        x'_i = \sigma\Big(\sum_k \kappa_{ik} (x_i W_k + b_k)\Big)

    with :math:`\kappa_{ik}` 1 where node i is of kind k, else 0. A node of no kind, such as an empty slot of padded
    blocks, gives σ(0).

    Args:
        units: output channels.
        activation: as in Keras.
        kernel_initializer: of the matrix of each kind.

    Call arguments:
        inputs: ``[x, kind]``: (..., F) and (..., K), one-hot.

    Output:
        (..., units).

    Raises:
        InputError: ``units`` is not a positive integer, or the ranks of ``x`` and ``kind`` differ.
    """

    def __init__(
        self, units: int, activation: Any = None, kernel_initializer: Any = "glorot_uniform", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive("units", units)
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        x, kind = input_shape
        if len(x) != len(kind):
            raise InputError(f"x and kind must have the same rank, got {tuple(x)} and {tuple(kind)}")
        self.kinds = kind[-1]
        # A matrix each, so that the initializer sees how many inputs a sum has.
        self.kernels = [
            self.add_weight(
                shape=(x[-1], self.units), initializer=self.kernel_initializer.clone(), name=f"kernel_{k}"
            )
            for k in range(self.kinds)
        ]
        self.bias = self.add_weight(shape=(self.kinds, self.units), initializer="zeros", name="bias")
        self.built = True

    def call(self, inputs: Any) -> Any:
        x, kind = inputs
        kind = tf.cast(kind, x.dtype)
        kernels = tf.concat([tf.convert_to_tensor(kernel) for kernel in self.kernels], axis=1)
        parts = tf.split(linear(x, kernels), self.kinds, axis=-1)
        chosen = [part * kind[..., k : k + 1] for k, part in enumerate(parts)]
        return self.activation(tf.add_n(chosen) + linear(kind, self.bias))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
        }
