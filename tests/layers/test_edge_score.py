from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import EDGE_ROWS, EDGES, STANDARD, Form, edge_rows, flat_rows
from references import mlp, sigmoid

from e2e_tf import InputError
from e2e_tf.layers import EdgeScore


def features(graphs):
    """Features that follow the edge wherever it is listed."""
    return (graphs.x[graphs.senders, :3] * graphs.x[graphs.receivers, 1:4]).astype(np.float32)


def dense_features(graphs):
    e = np.zeros((len(graphs.n_node), graphs.size, graphs.size, 3), np.float32)
    e[graphs.local] = features(graphs)
    return e


WITH_FEATURES = [
    Form("edges", lambda g: [*EDGES.feed(g), features(g)], flat_rows),
    Form("blocks", lambda g: [*EDGE_ROWS.feed(g), dense_features(g)], edge_rows, blocks=True),
]


@pytest.mark.parametrize(
    ("channels", "hidden", "given"), [(1, (6,), False), (3, (6, 4), True), (1, (), False)]
)
def test_edge_score(channels, hidden, given):
    def reference(weights, graphs):
        pair = [graphs.x[graphs.receivers], graphs.x[graphs.senders], *([features(graphs)] if given else [])]
        return mlp(weights, np.concatenate(pair, axis=1).astype(float), sigmoid)

    check_layer(
        lambda: EdgeScore(channels, hidden),
        WITH_FEATURES if given else [EDGES, EDGE_ROWS],
        "edge",
        reference=reference,
        half=16,
    )


def test_hand_computed():
    # Receiver counts 1, sender 10.
    layer = EdgeScore(hidden=(), activation=None)
    x = np.array([[1.0], [2.0]], np.float32)
    edges = (np.array([0, 1]), np.array([1, 1]))
    layer([x, edges])
    layer.set_weights([np.array([[1.0], [10.0]]), np.array([0.5])])
    np.testing.assert_allclose(layer([x, edges]), [[12.5], [22.5]])
    blocks = layer([x[None], np.array([[[0.0, 0.0], [1.0, 1.0]]], np.float32)])
    np.testing.assert_allclose(blocks[0, :, :, 0], [[0, 0], [12.5, 22.5]])


def test_errors():
    with pytest.raises(InputError, match="hidden must be a positive integer, got 0"):
        EdgeScore(hidden=(0,))
    with pytest.raises(InputError, match=r"e must have shape \(n_edges, E\), or .* got \(23, 1, 3\)"):
        EdgeScore()([*EDGES.feed(STANDARD), features(STANDARD)[:, None]])
