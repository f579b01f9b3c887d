"""Batch normalisation over rows that count differently often."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

__all__ = ["WeightedBatchNormalization"]

_MOMENTUM, _EPSILON = 0.99, 1e-3  # Keras' own


class WeightedBatchNormalization(keras.layers.Layer):
    r"""Batch normalisation of the last axis, each row counted ``weight`` times; a part of other layers.

    Ioffe and Szegedy, https://arxiv.org/abs/1502.03167

    .. math::
        y = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + 10^{-3}}} + \beta

    Weights, their order and numbers are those of ``keras.layers.BatchNormalization``, whose mask only knows
    rows that count or do not; padded blocks need an edge that is listed twice to count twice. A batch
    without rows leaves the moving statistics as they are.

    Call arguments:
        inputs: (..., C).
        weight: (...), how often each row counts.
        training: use and learn the statistics of the batch.

    Output:
        (..., C).
    """

    def build(self, input_shape: Any) -> None:
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")
        # The statistics are sums over many rows: kept out of half precision.
        options = {"shape": shape, "trainable": False, "autocast": False}
        self.moving_mean = self.add_weight(initializer="zeros", name="moving_mean", **options)
        self.moving_variance = self.add_weight(initializer="ones", name="moving_variance", **options)
        self.built = True

    def call(self, inputs: Any, weight: Any, training: Any = None) -> Any:
        mean, variance = tf.convert_to_tensor(self.moving_mean), tf.convert_to_tensor(self.moving_variance)
        x = tf.cast(inputs, mean.dtype)
        if training:
            weight = tf.cast(weight, x.dtype)[..., None]
            axes = list(range(len(x.shape) - 1))
            total = tf.reduce_sum(weight)
            count = tf.where(total > 0, total, 1.0)
            before, mean = mean, tf.reduce_sum(weight * x, axis=axes) / count
            old, variance = variance, tf.reduce_sum(weight * tf.square(x - mean), axis=axes) / count
            step = tf.where(total > 0, 1 - _MOMENTUM, 0.0)
            self.moving_mean.assign(before + step * (mean - before))
            self.moving_variance.assign(old + step * (variance - old))
        scale = tf.cast(self.gamma, x.dtype) * tf.math.rsqrt(variance + _EPSILON)
        return tf.cast(x * scale + (tf.cast(self.beta, x.dtype) - mean * scale), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
