from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import BLOCKS, EDGES, MASKED, SPARSE, STANDARD, run, set_weights
from references import combine, mlp, neighbours, normalise, relu

from e2e_tf import InputError
from e2e_tf.layers import GINConv


@pytest.mark.parametrize(("epsilon", "how"), [(None, "sum"), (0.25, "mean")])
def test_gin_conv(epsilon, how):
    def reference(weights, graphs):
        x = graphs.x.astype(float)
        eps, layers = (epsilon, weights) if epsilon is not None else (weights[0][0], weights[1:])
        received = np.array([combine(x[s], how, 5) for s in neighbours(graphs, "keep")])
        return mlp(layers, (1 + eps) * x + received)

    layer = check_layer(
        lambda: GINConv(4, epsilon=epsilon, mlp_hidden=[6], mlp_batchnorm=False, aggregate=how),
        [EDGES, BLOCKS, SPARSE],
        "node",
        reference=reference,
        half=24,
    )
    assert [tuple(w.shape) for w in layer.weights][-4:] == [(5, 6), (6,), (6, 4), (4,)]


def test_batch_normalisation():
    def reference(weights, graphs):
        # Hidden layers are normalised after their activation, as in Spektral.
        eps, kernel, bias, *norm, last_kernel, last_bias = (w.astype(float) for w in weights)
        x = graphs.x.astype(float)
        received = np.array([combine(x[s], "sum", 5) for s in neighbours(graphs, "keep")])
        h = relu(((1 + eps) * x + received) @ kernel + bias)
        return normalise(h, *norm) @ last_kernel + last_bias

    layer = check_layer(
        lambda: GINConv(4, mlp_hidden=[6]),
        [EDGES, MASKED, SPARSE],
        "node",
        reference=reference,
        half=24,
        training=True,
    )
    assert len(layer.trainable_weights) == 7
    assert len(layer.non_trainable_weights) == 2


def test_batch_normalisation_leaves_out_empty_slots():
    layer = GINConv(2, epsilon=0.0, mlp_hidden=[3], mlp_activation=None)
    run(layer, EDGES, STANDARD)
    set_weights(layer)
    before = [np.array(w) for w in layer.weights]
    layer(MASKED.feed(STANDARD), training=True)
    moving = np.array(layer.mlp[1].moving_mean)
    x = STANDARD.x.astype(float)
    received = np.array([combine(x[s], "sum", 5) for s in neighbours(STANDARD, "keep")])
    mean = ((x + received) @ before[0] + before[1]).mean(axis=0)
    np.testing.assert_allclose(moving, 0.99 * before[4] + 0.01 * mean, atol=1e-5)
    with pytest.raises(InputError, match=r"need the inputs \[x, a, mask\], .*; got \[x, a\]"):
        layer(BLOCKS.feed(STANDARD))


def test_hand_computed():
    layer = GINConv(1, epsilon=0.5)
    x = np.array([[1.0], [3.0]], np.float32)
    edges = (np.array([0, 0]), np.array([1, 1]))
    layer([x, edges])
    layer.set_weights([np.array([[2.0]]), np.array([-1.0])])
    np.testing.assert_allclose(layer([x, edges]), [[2 * 1.5 - 1], [2 * (4.5 + 2) - 1]])


def test_errors():
    with pytest.raises(InputError, match="mlp_hidden must be a positive integer, got 0"):
        GINConv(4, mlp_hidden=[0])
    with pytest.raises(InputError, match="aggregate must be one of"):
        GINConv(4, aggregate="average")
