from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from e2e_tf import InputError
from e2e_tf.layers import AuxiliaryLoss

SCORE = np.array([[0.2], [0.7]], np.float32)
PREDICTED = np.array([[0.0, 1.0], [3.0, -2.0]], np.float32)
TARGET = np.array([[0.5, 1.0], [0.0, -1.0]], np.float32)
LOSS = (0.5**2 / 2 + 0 + (3 - 0.5) + 0.5) / 4


@pytest.mark.parametrize("policy", ["float32", "float64", "mixed_float16", "mixed_bfloat16"])
def test_adds_the_mean_huber_loss_in_training_only(policy):
    layer = AuxiliaryLoss(0.25, dtype=policy)
    inputs = [tf.constant(values) for values in (SCORE, PREDICTED, TARGET)]
    np.testing.assert_allclose(layer(inputs, training=True), SCORE, rtol=1e-2)
    assert [float(loss) for loss in layer.losses] == pytest.approx([0.25 * LOSS], rel=1e-6)
    np.testing.assert_allclose(layer(inputs, training=False), SCORE, rtol=1e-2)
    assert layer.losses == []


def test_gradients_reach_the_prediction_and_pass_the_score():
    layer = AuxiliaryLoss(2.0)
    score, predicted = tf.constant(SCORE), tf.constant(PREDICTED)
    with tf.GradientTape() as tape:
        tape.watch([score, predicted])
        loss = tf.reduce_sum(layer([score, predicted, tf.constant(TARGET)], training=True)) + layer.losses[0]
    of_score, of_predicted = tape.gradient(loss, [score, predicted])
    np.testing.assert_array_equal(of_score, np.ones_like(SCORE))
    # λ / 4 entries, times the distance within ±1.
    np.testing.assert_allclose(of_predicted, 0.5 * np.array([[-0.5, 0], [1, -1]]), atol=1e-7)


def test_a_model_trains_on_it_and_validates_without():
    x, told = keras.Input((1,), name="x"), keras.Input((2,), name="told")
    score = keras.layers.Dense(1, kernel_initializer="ones", name="score")(x)
    predicted = keras.layers.Dense(2, kernel_initializer="zeros", name="predicted")(x)
    model = keras.Model([x, told], AuxiliaryLoss(0.5, name="task")([score, predicted, told]))
    model.compile(keras.optimizers.SGD(0.0), "mean_squared_error")
    inputs = [SCORE, TARGET]
    history = model.fit(inputs, SCORE - 1, validation_data=(inputs, SCORE - 1), verbose=0).history
    assert history["val_loss"] == pytest.approx([1.0])
    assert history["loss"] == pytest.approx([1.0 + 0.5 * (0.5**2 / 2 + 3 * 0.0 + 0.5 + 0.5) / 4])
    again = keras.models.model_from_json(model.to_json())
    assert again.get_layer("task").factor == 0.5


def test_errors():
    for wrong in (-1, float("nan"), "strong", True):
        with pytest.raises(InputError, match="factor must be a finite number of at least 0, got"):
            AuxiliaryLoss(wrong)
    with pytest.raises(
        InputError, match="inputs must be a score, a prediction and its target, not 2 tensors"
    ):
        AuxiliaryLoss()([tf.constant(SCORE), tf.constant(SCORE)])
