from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_checks import check_layer
from layer_graphs import BLOCKS, STANDARD, Form, flat_rows, make_graphs, node_rows, run, sparse
from references import cheb, laplacian

from e2e_tf import InputError
from e2e_tf.layers import ChebConv
from e2e_tf.layers.plain import plain


def edge_weights(graphs):
    """Entries of the Laplacian of each edge, both directions, zeros included."""
    m = laplacian(graphs)
    s = np.concatenate([graphs.senders, graphs.receivers])
    r = np.concatenate([graphs.receivers, graphs.senders])
    # An entry of the matrix is shared by the edges that make it.
    times = np.zeros_like(m)
    np.add.at(times, (r, s), 1)
    return s, r, (m[r, s] / times[r, s]).astype(graphs.x.dtype)


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


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [3, 5, 8])  # of 5 features: narrower, as wide, wider
def test_exported_form_of_any_width(channels, order):
    layer = ChebConv(channels, K=order, activation="relu", bias_initializer="random_normal")
    for form in FORMS[:2]:
        expected = run(layer, form, STANDARD)
        with plain(layer):
            found = run(layer, form, STANDARD)
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("channels", "products", "exported"),
    [(4, [(5, 4)] * 3, [(5, 4)] * 3), (5, [(5, 5)] * 3, [(15, 5)]), (6, [(15, 6)], [(15, 6)])],
)
def test_the_narrower_of_input_and_output_is_propagated(channels, products, exported):
    """Of equal width TensorFlow multiplies by each kernel, and other runtimes once."""
    x, a = FORMS[1].feed(STANDARD)
    layer = ChebConv(channels, K=3)
    layer([x, a])

    def shapes():
        traced = tf.function(lambda: layer([x, a]), autograph=False).get_concrete_function()
        return [tuple(op.inputs[1].shape) for op in traced.graph.get_operations() if op.type == "MatMul"]

    assert shapes() == products
    with plain(layer):
        assert shapes() == exported


def test_hand_computed():
    # L = [[0, -1], [-1, 0]], so T_2 = 2 L² - 1 = 1: y = x W_0 + L x W_1 + x W_2.
    x = np.array([[1.0], [3.0]], np.float32)
    edges = (np.array([0, 1]), np.array([1, 0]), np.array([-1.0, -1.0], np.float32))
    layer = ChebConv(1, K=3, use_bias=False)
    layer([x, edges])
    layer.set_weights([np.array([[[1.0]], [[10.0]], [[100.0]]])])
    np.testing.assert_allclose(layer([x, edges]), [[1 - 30 + 100], [3 - 10 + 300]])


@pytest.mark.parametrize("kind", ["both directions", "any order", "one direction", "odd"])
def test_gradients_on_edges_are_those_of_the_matrix(kind):
    rng = np.random.default_rng(5)
    senders, receivers, weights = edge_weights(STANDARD)
    if kind == "any order":
        order = rng.permutation(len(senders))
        senders, receivers, weights = senders[order], receivers[order], weights[order]
    elif kind == "one direction":  # not symmetric, and sorted
        order = np.argsort(receivers[::3], kind="stable")
        senders, receivers, weights = (part[::3][order] for part in (senders, receivers, weights))
    elif kind == "odd":
        senders, receivers, weights = senders[1:], receivers[1:], weights[1:]
    n = len(STANDARD.x)
    layer = ChebConv(3, K=3)
    x, values = tf.constant(STANDARD.x), tf.constant(weights)
    place = tf.constant(np.stack([receivers, senders], axis=1))
    found = []
    for graph in (lambda: (senders, receivers, values), lambda: tf.scatter_nd(place, values, (n, n))):
        with tf.GradientTape() as tape:
            tape.watch([x, values])
            output = layer([x, graph()])
            loss = tf.reduce_sum(output**3)
        found.append([output, *tape.gradient(loss, [x, values, *layer.trainable_weights])])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_layers_share_the_sorted_matrix():
    x, edges = tf.constant(STANDARD.x), [tf.constant(part) for part in edge_weights(STANDARD)]
    layers = [ChebConv(5, K=3) for _ in range(3)]

    @tf.function(autograph=False)
    def call(x, *edges):
        for layer in layers:
            x = layer([x, edges])
        return x

    kinds = [op.type for op in call.get_concrete_function(x, *edges).graph.get_operations()]
    assert kinds.count("SparseTensorToCSRSparseMatrix") == 2  # M, and again for Mᵀ, empty if M is all
    expected = x
    for layer in layers:
        expected = layer([expected, edges])
    np.testing.assert_allclose(call(x, *edges), expected, atol=1e-6)


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
