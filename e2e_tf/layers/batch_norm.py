"""Batch normalisation over rows that count several times or not at all."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from e2e_tf.layers._fast import use_fast
from e2e_tf.layers._fast.batch_norm import normalised

__all__ = ["WeightedBatchNormalization"]

_MOMENTUM, _EPSILON = 0.99, 1e-3  # Keras' own


class WeightedBatchNormalization(keras.layers.Layer):
    r"""Batch normalisation of the last axis, each row counted ``weight`` times; a part of other layers.

    Ioffe and Szegedy, https://arxiv.org/abs/1502.03167

    .. math::
        y = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + 10^{-3}}} + \beta

    Parameters, their order and numbers are those of ``keras.layers.BatchNormalization``, whose mask only knows
    rows that count or do not; padded blocks need an edge that is listed twice to count twice. A batch
    without rows leaves the moving statistics as they are.

    Call arguments:
        inputs: (..., C).
        weight: (...), how often each row counts.
        training: use and learn the statistics of the batch.

    Output:
        (..., C).
    """

    fast = True  # False leaves the gradient in training to TensorFlow, see e2e_tf.layers.plain

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
        gamma, beta = tf.cast(self.gamma, x.dtype), tf.cast(self.beta, x.dtype)
        if not training:
            scale = gamma * tf.math.rsqrt(variance + _EPSILON)
            return tf.cast(x * scale + (beta - mean * scale), self.compute_dtype)
        weight = tf.cast(weight, x.dtype)
        if use_fast(self, xla=True, gpu=True):
            output, batch_mean, batch_variance = normalised(x, weight, gamma, beta, _EPSILON)
        else:
            w, rows = weight[..., None], list(range(len(x.shape) - 1))
            count = tf.reduce_sum(w)
            count = tf.where(count > 0, count, tf.ones_like(count))
            batch_mean = tf.reduce_sum(w * x, axis=rows) / count
            batch_variance = tf.reduce_sum(w * tf.square(x - batch_mean), axis=rows) / count
            output = gamma * (x - batch_mean) * tf.math.rsqrt(batch_variance + _EPSILON) + beta
        step = (1 - _MOMENTUM) * tf.cast(tf.reduce_sum(weight) > 0, x.dtype)
        self.moving_mean.assign(mean + step * (batch_mean - mean))
        self.moving_variance.assign(variance + step * (batch_variance - variance))
        return tf.cast(output, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
