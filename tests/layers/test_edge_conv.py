from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import BLOCKS, EDGES, SPARSE, STANDARD, run, set_weights
from references import edge_conv, neighbours, normalised_mlp

from e2e_tf import InputError
from e2e_tf.layers import EdgeConv


@pytest.mark.parametrize(("how", "hidden"), [("sum", None), ("mean", [6]), ("max", [6]), ("min", None)])
def test_edge_conv(how, hidden):
    layer = check_layer(
        lambda: EdgeConv(4, hidden, aggregate=how),
        [EDGES, BLOCKS, SPARSE],
        "node",
        reference=lambda w, g: edge_conv(w, g.x, neighbours(g, "keep"), how),
        half=32,
    )
    wanted = [(10, 6), (6,), (6, 4), (4,)] if hidden else [(10, 4), (4,)]
    assert [tuple(w.shape) for w in layer.weights] == wanted


def test_batch_normalisation():
    layer = check_layer(
        lambda: EdgeConv(4, [6], aggregate="mean", mlp_batchnorm=True, activation="relu"),
        [EDGES, BLOCKS, SPARSE],
        "node",
        reference=lambda w, g: edge_conv(w, g.x, neighbours(g, "keep"), "mean", normalised_mlp),
        half=32,
        training=True,
    )
    assert len(layer.weights) == 12


def test_batch_normalisation_counts_edges():
    layer = EdgeConv(2, aggregate="mean", mlp_batchnorm=True)
    run(layer, EDGES, STANDARD)
    set_weights(layer)
    before = np.array(layer.mlp.norms[0].moving_mean)
    kernel, bias = (np.array(w) for w in layer.mlp.layers[0].weights)
    layer(BLOCKS.feed(STANDARD), training=True)
    s, r = STANDARD.senders, STANDARD.receivers
    pairs = np.concatenate([STANDARD.x[r], STANDARD.x[s] - STANDARD.x[r]], axis=1)
    mean = (pairs @ kernel + bias).mean(axis=0)
    np.testing.assert_allclose(layer.mlp.norms[0].moving_mean, 0.99 * before + 0.01 * mean, atol=1e-6)


def test_product():
    layer = EdgeConv(2, aggregate="prod")
    run(layer, EDGES, STANDARD)
    set_weights(layer)
    expected = edge_conv(
        [np.array(w) for w in layer.weights], STANDARD.x, neighbours(STANDARD, "keep"), "prod"
    )
    for form in (EDGES, BLOCKS):
        rows = run(layer, form, STANDARD)
        np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-6)


def test_hand_computed():
    # W = (1, 10): x_i + 10 (x_j - x_i); node 1 receives 0 -> 3 - 20, relu, and twice itself, 3.
    layer = EdgeConv(1, aggregate="mean", use_bias=False, activation="relu")
    x = np.array([[1.0], [3.0]], np.float32)
    edges = (np.array([0, 1, 1]), np.array([1, 1, 1]))
    layer([x, edges])
    layer.set_weights([np.array([[1.0], [10.0]])])
    np.testing.assert_allclose(layer([x, edges]), [[0], [(0 + 3 + 3) / 3]], rtol=1e-6)


def test_errors():
    with pytest.raises(InputError, match="aggregate must be one of sum, mean, max, min, prod, got None"):
        EdgeConv(4, aggregate=None)
    with pytest.raises(InputError, match="mlp_hidden must be a positive integer, got -2"):
        EdgeConv(4, [3, -2])
