from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_checks import check_layer
from layer_graphs import BLOCKS, EDGES, SPARSE, STANDARD, make_graphs, run, set_weights
from references import gat

from e2e_tf import InputError
from e2e_tf.layers import ChebConv, GATConv, ScaledLaplacian
from e2e_tf.layers.plain import plain


@pytest.mark.parametrize(("heads", "concat", "loops"), [(1, True, True), (3, True, True), (2, False, False)])
def test_gat_conv(heads, concat, loops):
    layer = check_layer(
        lambda: GATConv(4, heads, concat_heads=concat, dropout_rate=0.0, add_self_loops=loops),
        [EDGES, BLOCKS, SPARSE],
        "node",
        reference=lambda w, g: gat(w, g, heads, concat, loops),
        half=16,
    )
    assert [w.name for w in layer.weights] == ["kernel", "attn_kernel_self", "attn_kernel_neigh", "bias"]
    assert [tuple(w.shape) for w in layer.weights] == [
        (5, heads, 4),
        (4, heads, 1),
        (4, heads, 1),
        (4 * heads if concat else 4,),
    ]


def test_hand_computed():
    # One channel: h = 2x = (2, 4). Node 1 receives from 0 and from itself, with logits
    # leaky(1 h_1 - 1 h_0) = 2 and leaky(h_1 - h_1) = 0; node 0 only from itself.
    layer = GATConv(1, dropout_rate=0.0, return_attn_coef=True)
    x = tf.constant([[1.0], [2.0]])
    edges = (tf.constant([0]), tf.constant([1]))
    layer([x, edges])
    layer.set_weights([np.full((1, 1, 1), 2.0), np.ones((1, 1, 1)), -np.ones((1, 1, 1)), np.array([0.5])])
    output, alpha = layer([x, edges])
    from_0 = np.exp(2) / (np.exp(2) + 1)
    np.testing.assert_allclose(output, [[2.5], [2 * from_0 + 4 * (1 - from_0) + 0.5]], rtol=1e-6)
    np.testing.assert_allclose(alpha[:, 0, 0], [from_0, 1, 1 - from_0], rtol=1e-6)


def test_coefficients_agree_between_forms():
    layer = GATConv(3, 2, dropout_rate=0.0, return_attn_coef=True)
    edges = tf.nest.map_structure(tf.constant, EDGES.feed(STANDARD))
    layer(edges)
    set_weights(layer)
    flat = layer(edges)[1].numpy()
    dense = layer(tf.nest.map_structure(tf.constant, BLOCKS.feed(STANDARD)))[1].numpy()
    assert dense.shape == (6, 6, 2, 6)
    np.testing.assert_allclose(dense.sum(axis=-1), 1, atol=1e-6)
    graph, receiver, sender = STANDARD.local
    single = STANDARD.dense()[STANDARD.local] == 1
    kept = single & (receiver != sender)
    here = flat[: len(graph), :, 0][kept]
    np.testing.assert_allclose(here, dense[graph, receiver, :, sender][kept], atol=1e-6)


def test_large_logits_stay_exact():
    # Neighbours whose logits lie far below the largest one of the graph: nothing may underflow.
    graphs = make_graphs([4], [0], seed=0, features=1)
    x = np.array([[1000.0], [-1000.0], [-1001.0], [-900.0]], np.float32)
    s, r = np.array([2, 3], np.int32), np.array([1, 0], np.int32)
    graphs = type(graphs)(x, s, r, graphs.n_node)
    layer = GATConv(1, dropout_rate=0.0)
    run(layer, EDGES, graphs)
    weights = [np.ones((1, 1, 1)), np.ones((1, 1, 1)), np.ones((1, 1, 1)), np.zeros(1)]
    layer.set_weights(weights)
    expected = gat(weights, graphs, 1)
    for form in (EDGES, BLOCKS):
        np.testing.assert_allclose(run(layer, form, graphs), expected, rtol=1e-5)


@pytest.mark.parametrize("heads", [1, 2])
def test_many_small_graphs_at_once(heads):
    """TensorFlow's product of 64 blocks with a batch of one matrix reads memory of others."""
    layer = GATConv(32, heads, dropout_rate=0.0)
    graphs = make_graphs([4] * 64, [6] * 64, seed=0, features=17)
    run(layer, BLOCKS, graphs)
    with plain(layer):
        np.testing.assert_allclose(run(layer, BLOCKS, graphs), run(layer, EDGES, graphs), atol=1e-5)


def test_order_of_edges_changes_nothing():
    layer = GATConv(3, 2, dropout_rate=0.0)
    x, (senders, receivers) = EDGES.feed(STANDARD)
    run(layer, EDGES, STANDARD)
    set_weights(layer)
    found = []
    for order in (np.argsort(receivers, kind="stable"), np.argsort(-receivers, kind="stable")):
        with tf.GradientTape() as tape:
            output = layer([tf.constant(x), (senders[order], receivers[order])])
            loss = tf.reduce_sum(output**3)
        found.append([output, *tape.gradient(loss, layer.trainable_weights)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-5)


def test_padding_with_more_slots_changes_nothing():
    layer = GATConv(3, dropout_rate=0.0)
    run(layer, BLOCKS, STANDARD)
    x, a = BLOCKS.feed(STANDARD)
    wide = layer([np.pad(x, [(0, 0), (0, 3), (0, 0)]), np.pad(a, [(0, 0), (0, 3), (0, 3)])])
    np.testing.assert_allclose(wide[:, :6], layer([x, a]), atol=1e-6)


def test_dropout_only_in_training():
    layer = GATConv(3, dropout_rate=0.5)
    still = run(layer, BLOCKS, STANDARD)
    np.testing.assert_array_equal(still, run(layer, BLOCKS, STANDARD))
    assert np.abs(BLOCKS.rows(layer(BLOCKS.feed(STANDARD), training=True), STANDARD) - still).max() > 0


_LAYER = GATConv(3, 2, dropout_rate=0.0)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 25)), min_size=1, max_size=5), st.integers(0, 2**31)
)
def test_forms_agree_on_any_graphs(sizes, seed):
    graphs = make_graphs([n for n, _ in sizes], [m if n else 0 for n, m in sizes], seed)
    edges, blocks = run(_LAYER, EDGES, graphs), run(_LAYER, BLOCKS, graphs)
    np.testing.assert_allclose(edges, blocks, atol=5e-6)
    if len(graphs.x):
        weights = [np.array(w) for w in _LAYER.weights]
        np.testing.assert_allclose(edges, gat(weights, graphs, 2), atol=5e-6)


def test_xla_compiles_edge_lists_too():
    """With Chebyshev layers behind it; TensorFlow's sparse matrices, which XLA lacks, stay outside."""
    graphs = STANDARD
    attention, laplacian = GATConv(4, 2, dropout_rate=0.0), ScaledLaplacian()
    chebyshev = ChebConv(3, K=3)

    def call(x, senders, receivers):
        with tf.GradientTape() as tape:
            tape.watch(x)
            edges = (senders, receivers)
            h = attention([x, edges], training=True)
            y = chebyshev([h, laplacian([x, edges])], training=True)
            loss = tf.reduce_sum(y**2)
        return y, tape.gradient(loss, x)

    inputs = [tf.constant(part) for part in (graphs.x, graphs.senders, graphs.receivers)]
    expected = call(*inputs)
    for one, other in zip(
        tf.function(call, jit_compile=True, autograph=False)(*inputs), expected, strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_errors():
    x, a = np.zeros((2, 3, 5), np.float32), np.zeros((2, 3, 3), np.float32)
    edges = (np.zeros(2, np.int32), np.zeros(2, np.int32))
    with pytest.raises(InputError, match=r"channels must be a positive integer, got 0"):
        GATConv(0)
    with pytest.raises(InputError, match=r"attn_heads must be a positive integer, got -1"):
        GATConv(4, -1)
    with pytest.raises(InputError, match=r"dropout_rate must be in \[0, 1\), got 1.0"):
        GATConv(4, dropout_rate=1.0)
    layer = GATConv(4)
    with pytest.raises(InputError, match=r"same rank, got x \(2, 3, 5\) and a \(3, 3\)"):
        layer([x, a[0]])
    with pytest.raises(InputError, match=r"shape \(\.\.\., N, N\) .* got x \(2, 3, 5\) and a \(2, 4, 4\)"):
        layer([x, np.zeros((2, 4, 4), np.float32)])
    with pytest.raises(InputError, match=r"x must have shape \(n, F\) .* got \(2, 3, 5\)"):
        layer([x, edges])
    with pytest.raises(InputError, match=r"one entry per edge each, got \[2, 1\]"):
        layer([x[0], (edges[0], edges[1][:1])])
    with pytest.raises(InputError, match=r"senders must have shape \(n_edges,\), got \(1, 2\)"):
        layer([x[0], (edges[0][None], edges[1])])
    with pytest.raises(InputError, match="got shape"):
        layer([x[0], np.zeros(3, np.float32)])
