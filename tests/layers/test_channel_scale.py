from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from layer_checks import check_layer
from layer_graphs import Form, flat_rows, node_rows

from e2e_tf import InputError
from e2e_tf.layers import ChannelScale


@pytest.mark.parametrize("groups", [1, 5])
def test_channel_scale(groups):
    forms = [
        Form("nodes", lambda g: g.x, flat_rows),
        Form("blocks", lambda g: g.blocks(g.x), node_rows, blocks=True),
    ]
    layer = check_layer(
        lambda: ChannelScale(groups),
        forms,
        "node",
        reference=lambda w, g: g.x.astype(float) * np.repeat(w[0].astype(float), 5 // groups),
        gradients=False,  # which are those of a list of inputs; below
    )
    assert [tuple(w.shape) for w in layer.weights] == [(groups,)]


def test_hand_computed():
    layer = ChannelScale(2)
    x = np.arange(1.0, 7.0, dtype=np.float32).reshape(1, 6)
    np.testing.assert_array_equal(layer(x), x)  # factors start at 1
    layer.factors.assign([10.0, -1.0])
    np.testing.assert_array_equal(layer(x), [[10, 20, 30, -4, -5, -6]])


def test_gradients():
    layer, x = ChannelScale(2), tf.constant([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(layer(x) * [1.0, 10.0, 100.0, 1000.0])
    by_factor, by_x = tape.gradient(loss, (layer.factors.value, x))
    np.testing.assert_allclose(by_factor, [1 + 5 + 20 + 60, 300 + 700 + 4000 + 8000])
    np.testing.assert_allclose(by_x, [[1, 10, 100, 1000]] * 2)


def test_errors():
    with pytest.raises(InputError, match="groups must be a positive integer, got 0"):
        ChannelScale(0)
    with pytest.raises(InputError, match="groups must divide the 5 channels, got 2"):
        ChannelScale(2)(np.ones((3, 5), np.float32))
