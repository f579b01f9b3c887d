from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import BLOCKS, EDGES, STANDARD, Form, flat_rows, node_rows, run
from references import neighbours, softmax

from e2e_tf import InputError
from e2e_tf.layers import GATv2Conv


def features(graphs):
    """Features that follow the edge wherever it is listed, others for the way back."""
    send, receive = graphs.x[graphs.senders], graphs.x[graphs.receivers]
    return np.concatenate([send[:, :2] * receive[:, 1:3], send[:, 4:] - receive[:, 4:]], axis=1)


def dense_features(graphs):
    e = np.zeros((len(graphs.n_node), graphs.size, graphs.size, 3), graphs.x.dtype)
    e[graphs.local] = features(graphs)
    return e


WITH_FEATURES = [
    Form("edges", lambda g: [*EDGES.feed(g), features(g)], flat_rows),
    Form("blocks", lambda g: [*BLOCKS.feed(g), dense_features(g)], node_rows, blocks=True),
]


def reference(weights, graphs, heads, with_features, loops):
    weights = [w.astype(float) for w in weights]
    w_receive, w_send = weights[:2]
    w_edge = weights.pop(2) if with_features else None
    b_receive, b_send, bias, attention = weights[2:]
    x, out = graphs.x.astype(float), []
    e = features(graphs).astype(float)
    send = x @ w_send + b_send
    for i, js in enumerate(neighbours(graphs, "once" if loops else "keep")):
        edges = [
            row for row in np.flatnonzero(graphs.receivers == i) if not (loops and graphs.senders[row] == i)
        ]
        rows = []
        for place, j in enumerate(js):
            h = x[i] @ w_receive + b_receive + send[j]
            if w_edge is not None and place < len(edges):  # an added loop, the last one, has features of 0
                assert graphs.senders[edges[place]] == j
                h = h + e[edges[place]] @ w_edge
            h = np.where(h > 0, h, 0.2 * h).reshape(heads, -1)
            rows.append((h * attention).sum(axis=1))
        total = np.zeros((heads, attention.shape[1]))
        for head in range(heads):
            if js:
                alpha = softmax(np.array(rows)[:, head])
                total[head] = alpha @ send[js].reshape(len(js), heads, -1)[:, head]
        out.append(np.tanh(total.ravel() + bias))
    return np.array(out)


def test_gat_v2_conv():
    layer = check_layer(
        lambda: GATv2Conv(4, 3, activation="tanh"),
        WITH_FEATURES,
        "node",
        reference=lambda w, g: reference(w, g, 3, True, True),
        half=32,
    )
    shapes = [(5, 12), (5, 12), (3, 12), (12,), (12,), (12,), (3, 4)]
    assert [tuple(w.shape) for w in layer.weights] == shapes


@pytest.mark.parametrize("form", [EDGES, BLOCKS], ids=lambda form: form.name)
@pytest.mark.parametrize("loops", [True, False])
def test_without_features_of_edges(form, loops):
    layer = GATv2Conv(4, 2, loops, activation="tanh")
    rows = run(layer, form, STANDARD, reset=True)
    expected = reference([np.array(w) for w in layer.weights], STANDARD, 2, False, loops)
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-5)


def test_hand_computed():
    # Scores LeakyReLU(x_i - x_j): node 0 prefers 0 and 1 with e^0 and e^-0.2, by an order that depends on x_i.
    layer = GATv2Conv(1)
    x = np.array([[1.0], [2.0]], np.float32)
    inputs = [x, (np.array([1, 0]), np.array([0, 1]))]
    layer(inputs)
    one, none = np.ones((1, 1)), np.zeros(1)
    layer.set_weights([-one, one, none, none, np.array([0.5]), one])
    low, high = np.exp(0.0), np.exp(1.0)
    first = (low * 1 + high * 2) / (low + high)  # scores x_j - x_i: 0 and 1
    second = (np.exp(-0.2) * 1 + np.exp(0.0) * 2) / (np.exp(-0.2) + np.exp(0.0))
    np.testing.assert_allclose(layer(inputs), [[first + 0.5], [second + 0.5]], rtol=1e-6)
    np.testing.assert_allclose(layer([x, np.array([[0.0, 1], [1, 0]], np.float32)]), layer(inputs), rtol=1e-6)


def test_each_node_may_rank_the_others_in_its_own_order():
    """The point of the paper: scores |x_i - x_j| from two hidden units, which no GATConv can give."""
    layer = GATv2Conv(2, add_self_loops=False)
    x = np.array([[0.0], [1.0], [0.1], [0.9]], np.float32)
    edges = (np.array([2, 3, 2, 3]), np.array([0, 0, 1, 1]))
    layer([x, edges])
    signs = np.array([[1.0, -1.0]])
    zero = np.zeros(2)
    layer.set_weights([-20 * signs, 20 * signs, zero, zero, zero, -np.ones((1, 2))])
    out = np.asarray(layer([x, edges]))[:2, 0] / 20
    assert out[0] < 0.2  # node 0 looks at the one at 0.1
    assert out[1] > 0.8  # node 1 at the one at 0.9


def test_dropout_is_for_training_only():
    layer = GATv2Conv(4, 2, dropout_rate=0.5)
    feed = EDGES.feed(STANDARD)
    np.testing.assert_array_equal(layer(feed), layer(feed))
    assert np.abs(np.asarray(layer(feed, training=True)) - np.asarray(layer(feed))).max() > 1e-3


def test_errors():
    with pytest.raises(InputError, match="channels must be a positive integer, got 0"):
        GATv2Conv(0)
    with pytest.raises(InputError, match="attn_heads must be a positive integer, got 1.5"):
        GATv2Conv(4, 1.5)
    with pytest.raises(InputError, match=r"dropout_rate must be in \[0, 1\), got 1"):
        GATv2Conv(4, dropout_rate=1)
