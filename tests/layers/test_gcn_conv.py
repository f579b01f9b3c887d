from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import BLOCKS, EDGES, STANDARD, Form, flat_rows, node_rows, sparse
from references import matrix

from e2e_tf import InputError
from e2e_tf.layers import GCNConv


def some_weights(graphs):
    return np.linspace(0.5, 1.5, len(graphs.senders)).astype(np.float32)


def by_edge(graphs):
    """A weight that follows the edge wherever it is listed: from the features of its nodes."""
    return np.tanh(graphs.x[graphs.senders, 0] * graphs.x[graphs.receivers, 1])


WEIGHTED = [
    Form("edges", lambda g: [g.x, (g.senders, g.receivers, by_edge(g))], flat_rows),
    Form("blocks", lambda g: [g.blocks(), g.dense(by_edge(g))], node_rows, blocks=True),
    Form("sparse", lambda g: [g.x, sparse(g, "receivers", by_edge(g))], flat_rows, exports=False),
]


@pytest.mark.parametrize("channels", [3, 8])
def test_gcn_conv(channels):
    def reference(weights, graphs):
        kernel, bias = (w.astype(float) for w in weights)
        return matrix(graphs, by_edge(graphs)) @ graphs.x @ kernel + bias

    layer = check_layer(lambda: GCNConv(channels), WEIGHTED, "node", reference=reference, half=16)
    assert [(w.name, tuple(w.shape)) for w in layer.weights] == [
        ("kernel", (5, channels)),
        ("bias", (channels,)),
    ]


def test_edges_without_weights_count_one_each():
    layer = GCNConv(2)
    flat = layer(EDGES.feed(STANDARD))
    np.testing.assert_allclose(flat, BLOCKS.rows(layer(BLOCKS.feed(STANDARD)), STANDARD), atol=1e-6)


def test_hand_computed():
    layer = GCNConv(1, activation="relu")
    x = np.array([[1.0], [2.0]], np.float32)
    a = np.array([[0.5, 2.0], [0.0, -3.0]], np.float32)
    layer([x, a])
    layer.set_weights([np.array([[2.0]]), np.array([1.0])])
    np.testing.assert_allclose(layer([x, a]), [[2 * (0.5 + 4) + 1], [0]])


def test_errors():
    with pytest.raises(InputError, match=r"channels must be a positive integer, got True"):
        GCNConv(True)
    with pytest.raises(InputError, match=r"one entry per edge each, got \[2, 2, 3\]"):
        GCNConv(2)(
            [np.zeros((3, 1), np.float32), (np.zeros(2, int), np.zeros(2, int), np.zeros(3, np.float32))]
        )
