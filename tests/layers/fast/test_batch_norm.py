from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from e2e_tf.layers import EdgeConv
from e2e_tf.layers.batch_norm import WeightedBatchNormalization
from e2e_tf.layers.plain import plain


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(4, 5, 3), (9, 3), (0, 3)])
def test_is_the_formula_of_the_layer(shape, dtype):
    """Forward, what the statistics become, and the gradient to rows, their weights, scale and shift."""
    rng = np.random.default_rng(1)
    x = tf.constant(rng.normal(2, 3, shape), dtype)
    weight = tf.constant(rng.integers(0, 3, shape[:-1]), dtype)

    def found(formula):
        layer = WeightedBatchNormalization(dtype=dtype)
        layer.build((None, 3))
        layer.gamma.assign([0.5, -1.0, 2.0])
        layer.beta.assign([0.1, 0.2, -0.3])
        layer.fast = not formula
        with tf.GradientTape() as tape:
            tape.watch([x, weight])
            output = layer(x, weight, training=True)
            loss = tf.reduce_sum(tf.sin(output) * output**2)
        gradients = tape.gradient(loss, [x, weight, *layer.trainable_weights])
        return [output, layer.moving_mean, layer.moving_variance, *gradients]

    tolerance = 1e-4 if dtype == "float32" else 1e-11
    for one, other in zip(found(False), found(True), strict=True):
        np.testing.assert_allclose(np.array(one), np.array(other), rtol=tolerance, atol=tolerance)


def test_plain_reaches_the_normalisation_inside_of_other_layers():
    layer = EdgeConv(2, mlp_batchnorm=True)
    layer.build([(None, 3), (None, None)])
    with plain(layer):
        assert not layer.mlp.norms[0].fast
    assert layer.mlp.norms[0].fast
