from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from layer_graphs import BLOCKS, STANDARD, set_weights

from e2e_tf.layers import EdgeConv
from e2e_tf.layers._fast.neighbours import neighbour_slots
from e2e_tf.layers.plain import plain


def test_slots():
    a = np.array([[[0, 2, 0], [1, 0, 1], [0, 0, 0]]], np.float32)
    weight, sender = neighbour_slots(tf.constant(a))
    np.testing.assert_array_equal(weight, [[[2, 0], [1, 1], [0, 0]]])
    np.testing.assert_array_equal(sender[0, :2], [[1, 0], [0, 2]])


def test_no_edges_leave_one_slot_and_no_nodes_none():
    assert neighbour_slots(tf.zeros((2, 3, 3)))[0].shape == (2, 3, 1)
    assert neighbour_slots(tf.zeros((2, 0, 0)))[0].shape == (2, 0, 0)
    assert neighbour_slots(tf.zeros((0, 3, 3)))[0].shape == (0, 3, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("how", ["sum", "mean", "max"])
def test_is_the_formula_of_the_layer(how, dtype):
    """Forward, and the gradient to features, graph and every weight."""
    layer = EdgeConv(3, [4], aggregate=how, mlp_activation="tanh", dtype=dtype)
    x, a = (tf.constant(part, dtype) for part in BLOCKS.feed(STANDARD))
    layer([x, a])
    set_weights(layer)

    def found():
        with tf.GradientTape() as tape:
            tape.watch([x, a])
            output = layer([x, a])
            loss = tf.reduce_sum(tf.sin(3.0 * output))
        by_x, by_a, *others = tape.gradient(loss, [x, a, *layer.trainable_weights])
        if by_a is not None:  # only pairs with an edge have a slot
            by_a = tf.where(a > 0, by_a, tf.zeros((), dtype))
        return [output, by_x, *others] + ([] if by_a is None else [by_a])

    fast = found()
    with plain(layer):
        expected = found()
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    for one, other in zip(fast, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
