from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from e2e_tf.layers import Embedding


@pytest.mark.parametrize("shape", [(4,), (2, 3), (0, 3)])
def test_it_is_keras_embedding(shape):
    ids = np.random.default_rng(0).integers(0, 5, shape)
    ours, theirs = Embedding(5, 3), keras.layers.Embedding(5, 3)
    for layer in (ours, theirs):
        layer.build(ids.shape)
        layer.set_weights([np.arange(15.0).reshape(5, 3)])
    np.testing.assert_array_equal(ours(ids), theirs(ids))
    np.testing.assert_array_equal(ours(ids.astype(float)), theirs(ids))
    gradients = []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(ids)))
        gradients.append(tape.gradient(loss, layer.trainable_weights[0].value))
    assert isinstance(gradients[0], tf.Tensor)
    np.testing.assert_allclose(gradients[0], tf.convert_to_tensor(gradients[1]), rtol=1e-6)


def test_config():
    layer = Embedding(5, 3, name="kinds")
    again = Embedding.from_config(json.loads(json.dumps(layer.get_config())))
    assert again.get_config() == layer.get_config()


def test_a_gradient_too_large_for_float16_leaves_the_step_out():
    inputs = keras.Input((1,), dtype="int32")
    vectors = Embedding(2, 3, dtype="mixed_float16")(inputs)
    model = keras.Model(inputs, keras.ops.cast(vectors, "float32"))
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=2.0**15)
    model.compile(optimizer, lambda true, predicted: keras.ops.sum(1e3 * predicted))
    before = model.get_weights()[0]
    model.train_on_batch(np.zeros((4, 1), np.int32), np.zeros((4, 1)))
    np.testing.assert_array_equal(model.get_weights()[0], before)
    assert float(optimizer.dynamic_scale) == 2.0**14
