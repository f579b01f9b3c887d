"""Gradient reversal."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from e2e_tf.layers.adjacency import number

__all__ = ["GradientReversal"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class GradientReversal(keras.layers.Layer):
    r"""The identity, whose gradient is reversed: what follows learns a domain, what precedes unlearns it.

    Ganin and Lempitsky, Unsupervised Domain Adaptation by Backpropagation, https://arxiv.org/abs/1409.7495

    .. math::
        y = x, \quad \frac{\partial L}{\partial x} = -\lambda \frac{\partial L}{\partial y}

    Args:
        scale: λ at the start. It is a weight that is not trained, so that a callback can raise it during
            training: ``layer.scale.assign(...)``.

    Call arguments:
        inputs: a tensor of any shape.

    Output:
        The same tensor.

    Raises:
        InputError: ``scale`` is negative or not a finite number.
    """

    def __init__(self, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = number("scale", scale)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(self.start),
            trainable=False,
            autocast=False,
            name="scale",
        )
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        scale = tf.convert_to_tensor(self.scale)

        @tf.custom_gradient
        def reverse(x: Any) -> Any:
            return tf.identity(x), lambda upstream: -tf.cast(scale, upstream.dtype) * upstream

        return reverse(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.start}
