from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_checks import BLOCKS, STANDARD, Form, check_layer, flat_rows, make_graphs, node_rows, run, sparse
from references import cheb, laplacian

from e2e_tf import InputError
from e2e_tf.layers import ChebConv


def edge_weights(graphs):
    """Entries of the Laplacian of each edge, both directions, zeros included."""
    m = laplacian(graphs)
    s = np.concatenate([graphs.senders, graphs.receivers])
    r = np.concatenate([graphs.receivers, graphs.senders])
    # An entry of the matrix is shared by the edges that make it.
    times = np.zeros_like(m)
    np.add.at(times, (r, s), 1)
    return s, r, (m[r, s] / times[r, s]).astype(np.float32)


def dense(graphs):
    s, r, w = edge_weights(graphs)
    return type(graphs)(graphs.x, s, r, graphs.n_node).dense(w)


def flat(graphs):
    return [graphs.x, edge_weights(graphs)]


def matrix(graphs):
    s, r, w = edge_weights(graphs)
    return [graphs.x, sparse(type(graphs)(graphs.x, s, r, graphs.n_node), "receivers", w)]


FORMS = [
    Form("edges", flat, flat_rows),
    Form("blocks", lambda g: [g.blocks(), dense(g)], node_rows, blocks=True),
    Form("sparse", matrix, flat_rows, exports=False),
]


@pytest.mark.parametrize(("channels", "order"), [(3, 3), (8, 3), (5, 1), (4, 5)])
def test_cheb_conv(channels, order):
    layer = check_layer(
        lambda: ChebConv(channels, K=order),
        FORMS,
        "node",
        reference=lambda w, g: cheb(w, g.x.astype(float), laplacian(g)),
        half=16,
    )
    assert [(w.name, tuple(w.shape)) for w in layer.weights] == [
        ("kernel", (order, 5, channels)),
        ("bias", (channels,)),
    ]


def test_hand_computed():
    # L = [[0, -1], [-1, 0]], so T_2 = 2 L² - 1 = 1: y = x W_0 + L x W_1 + x W_2.
    x = np.array([[1.0], [3.0]], np.float32)
    edges = (np.array([0, 1]), np.array([1, 0]), np.array([-1.0, -1.0], np.float32))
    layer = ChebConv(1, K=3, use_bias=False)
    layer([x, edges])
    layer.set_weights([np.array([[[1.0]], [[10.0]], [[100.0]]])])
    np.testing.assert_allclose(layer([x, edges]), [[1 - 30 + 100], [3 - 10 + 300]])


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 6), st.sampled_from([1, 5, 9]), st.integers(0, 2**31))
def test_forms_agree_for_any_order(order, channels, seed):
    graphs = make_graphs([4, 0, 7], [6, 0, 12], seed)
    layer = ChebConv(channels, K=order)
    outputs = [run(layer, form, graphs) for form in FORMS]
    expected = cheb([np.array(w) for w in layer.weights], graphs.x.astype(float), laplacian(graphs))
    for rows in outputs:
        np.testing.assert_allclose(rows, expected, atol=2e-5)


def test_errors():
    with pytest.raises(InputError, match=r"K must be a positive integer, got 0"):
        ChebConv(4, K=0)
    with pytest.raises(InputError, match=r"channels must be a positive integer, got 2.5"):
        ChebConv(2.5)
    with pytest.raises(InputError, match=r"\(senders, receivers, weights\); got \(senders, receivers\)"):
        ChebConv(4, K=2)([STANDARD.x, (STANDARD.senders, STANDARD.receivers)])
    with pytest.raises(InputError, match="same rank"):
        ChebConv(4)([STANDARD.x, BLOCKS.feed(STANDARD)[1]])
