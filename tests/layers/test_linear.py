from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from e2e_tf.layers.linear import heads_inside, join_heads, leaky_relu, linear, split_heads


@pytest.mark.parametrize("shape", [(4, 3), (2, 4, 3), (2, 5, 4, 3), (0, 4, 3)])
def test_linear(shape):
    rng = np.random.default_rng(0)
    x, kernel, bias = rng.normal(size=shape), rng.normal(size=(3, 2)), rng.normal(size=2)
    np.testing.assert_allclose(linear(tf.constant(x), kernel), x @ kernel, rtol=1e-12)
    np.testing.assert_allclose(linear(tf.constant(x), kernel, bias), x @ kernel + bias, rtol=1e-12)


def test_linear_computes_in_the_dtype_of_the_features():
    assert linear(tf.ones((2, 3), tf.float16), tf.ones((3, 1)), tf.ones(1)).dtype == tf.float16


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_leaky_relu(dtype):
    x = tf.constant([-2.0, -1e-3, 0.5, 3.0], dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = leaky_relu(x, 0.2)
    np.testing.assert_allclose(y, [-0.4, -2e-4, 0.5, 3.0], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(y, x), [0.2, 0.2, 1, 1], rtol=1e-6)


def test_heads():
    x = np.arange(2 * 3 * 8, dtype=np.float32).reshape(2, 3, 8)
    parts = split_heads(tf.constant(x), 4)
    assert parts.shape == (2, 4, 3, 2)
    np.testing.assert_array_equal(parts[1, 2, 0], x[1, 0, 4:6])
    np.testing.assert_array_equal(join_heads(parts), x)
    np.testing.assert_array_equal(join_heads(split_heads(tf.constant(x), 1)), x)
    np.testing.assert_array_equal(join_heads(parts[0]), x[0])
    np.testing.assert_array_equal(heads_inside(parts), x.reshape(2, 3, 4, 2))
