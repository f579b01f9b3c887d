from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from layer_checks import check_layer
from layer_graphs import STANDARD, Form, flat_rows

from e2e_tf import InputError
from e2e_tf.layers import GradientReversal

NODES = Form("nodes", lambda g: g.x, flat_rows, blocks=True)


def test_is_the_identity():
    # The forward pass does not know the weight.
    form = Form("nodes", lambda g: g.x, flat_rows)
    check_layer(
        lambda: GradientReversal(0.5), [form], "node", reference=lambda w, g: g.x, gradients=False, half=4
    )


@pytest.mark.parametrize("scale", [1.0, 0.25, 0.0])
def test_reverses_the_gradient(scale):
    x = tf.constant(STANDARD.x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(GradientReversal(scale)(x) ** 2)
    np.testing.assert_allclose(tape.gradient(loss, x), -scale * 2 * STANDARD.x, rtol=1e-6)


def test_scale_can_be_raised_during_training():
    layer = GradientReversal(0.0)
    x = tf.constant([[3.0]])

    @tf.function(jit_compile=True)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x) ** 2)
        return tape.gradient(loss, x)

    assert gradient(x).numpy() == 0
    layer.scale.assign(2.0)
    assert gradient(x).numpy() == -12
    assert layer.trainable_weights == []


def test_errors():
    for wrong in (-1, float("inf"), "strong", True):
        with pytest.raises(InputError, match="scale must be a finite number of at least 0, got"):
            GradientReversal(wrong)
