from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from e2e_tf.layers.batch_norm import WeightedBatchNormalization

DIGITS = {"float32": 1.0, "float64": 1e-8}  # of the tolerances below
both = pytest.mark.parametrize("dtype", DIGITS)


def rows(seed=0, dtype="float32"):
    """(4, 5, 3), far from 0, with how often each counts: some never, some twice."""
    rng = np.random.default_rng(seed)
    x = rng.normal(50, 3, (4, 5, 3)).astype(dtype)
    return x, rng.integers(0, 3, (4, 5)).astype(dtype)


def made(seed=0, dtype="float32"):
    layer = WeightedBatchNormalization(dtype=dtype)
    layer.build((None, None, 3))
    rng = np.random.default_rng(seed)
    layer.gamma.assign(rng.normal(size=3))
    layer.beta.assign(rng.normal(size=3))
    return layer


@both
def test_rows_that_count_twice_are_two_rows(dtype):
    x, weight = rows(dtype=dtype)
    layer, keras_layer = made(dtype=dtype), keras.layers.BatchNormalization(momentum=0.99, dtype=dtype)
    repeated = np.repeat(x.reshape(-1, 3), weight.reshape(-1).astype(int), axis=0)
    keras_layer.build(repeated.shape)
    keras_layer.set_weights(layer.get_weights())
    expected = keras_layer(repeated, training=True)
    found = np.repeat(
        np.array(layer(x, weight, training=True)).reshape(-1, 3), weight.reshape(-1).astype(int), 0
    )
    np.testing.assert_allclose(found, expected, atol=2e-5 * DIGITS[dtype])
    for one, other in zip(layer.get_weights(), keras_layer.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5 * DIGITS[dtype])
    np.testing.assert_allclose(
        np.array(layer(x, weight)).reshape(-1, 3), keras_layer(x.reshape(-1, 3)), rtol=1e-4 * DIGITS[dtype]
    )


@both
def test_gradients_are_those_of_the_formula(dtype):
    x, weight = (tf.constant(part) for part in rows(dtype=dtype))
    layer = made(dtype=dtype)

    def formula():
        w = weight[..., None]
        count = tf.reduce_sum(w)
        mean = tf.reduce_sum(w * x, axis=(0, 1)) / count
        variance = tf.reduce_sum(w * (x - mean) ** 2, axis=(0, 1)) / count
        return layer.gamma * (x - mean) * tf.math.rsqrt(variance + 1e-3) + layer.beta

    gradients = []
    for call in (lambda: layer(x, weight, training=True), formula):
        with tf.GradientTape() as tape:
            tape.watch([x, weight])
            y = call()
            loss = tf.reduce_sum(tf.sin(y) * y**2)
        gradients.append(tape.gradient(loss, [x, weight, *layer.trainable_weights]))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3 * DIGITS[dtype], atol=2e-3 * DIGITS[dtype])


@both
def test_a_batch_without_rows_teaches_nothing(dtype):
    layer = made(dtype=dtype)
    before = layer.get_weights()
    x, _ = rows(dtype=dtype)
    output = layer(x, np.zeros((4, 5), dtype), training=True)
    assert np.isfinite(output).all()
    assert layer(np.zeros((0, 3), dtype), np.zeros(0, dtype), training=True).shape == (0, 3)
    for one, other in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
