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
        gamma, beta = tf.cast(self.gamma, x.dtype), tf.cast(self.beta, x.dtype)
        if not training:
            scale = gamma * tf.math.rsqrt(variance + _EPSILON)
            return tf.cast(x * scale + (beta - mean * scale), self.compute_dtype)
        weight = tf.cast(weight, x.dtype)
        output, batch_mean, batch_variance = _normalised(x, weight, gamma, beta)
        step = (1 - _MOMENTUM) * tf.cast(tf.reduce_sum(weight) > 0, x.dtype)
        self.moving_mean.assign(mean + step * (batch_mean - mean))
        self.moving_variance.assign(variance + step * (batch_variance - variance))
        return tf.cast(output, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@tf.custom_gradient
def _normalised(x: Any, weight: Any, gamma: Any, beta: Any) -> Any:
    """What training gives, with mean and variance (C,), through which no gradient passes.

    Fewer passes over the rows than TensorFlow's own derivation makes, forth and back: they are what training an
    edge convolution takes most of its time for. Sums weighted by row are products with the weights.
    """
    rows = tf.reshape(x, (-1, x.shape[-1]))
    w = tf.reshape(weight, (-1, 1))
    total = tf.reduce_sum(w)
    count = tf.where(total > 0, total, tf.ones_like(total))
    mean = tf.matmul(w, rows, transpose_a=True) / count
    centred = rows - mean
    variance = tf.matmul(w, tf.square(centred), transpose_a=True) / count
    inverse = tf.math.rsqrt(variance + _EPSILON)
    scale = gamma * inverse
    output = tf.reshape(centred * scale + beta, tf.shape(x))

    def gradient(upstream: Any, *_: Any) -> Any:
        g = tf.reshape(upstream, tf.shape(rows))
        along = tf.reduce_sum(g, axis=0)
        across = tf.reduce_sum(g * centred, axis=0)
        shift, slope = scale * along / count, scale * inverse**2 * across / count
        by_row = shift + centred * slope
        # A row's weight moves the mean and the variance.
        weights = -tf.reduce_sum(centred * shift + 0.5 * (tf.square(centred) - variance) * slope, axis=1)
        found = g * scale - w * by_row, weights, across * tf.reshape(inverse, (-1,)), along
        return [
            tf.reshape(one, tf.shape(of)) for one, of in zip(found, (x, weight, gamma, beta), strict=True)
        ]

    return (tf.ensure_shape(output, x.shape), mean[0], variance[0]), gradient
