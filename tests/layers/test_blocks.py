from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
import tf2onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_exports import check_symbolic, functional
from layer_graphs import EMPTY, OTHER, STANDARD, Form, make_graphs, tensors

from e2e_tf import InputError
from e2e_tf.layers import DisjointToBlocks

FLAT = Form("flat", lambda g: [g.x, g.senders, g.receivers, g.n_node], lambda out, g: out)


def check(parts, graphs):
    x, a, mask = (np.array(part) for part in parts)
    np.testing.assert_array_equal(x, graphs.blocks())
    np.testing.assert_array_equal(a, graphs.dense())
    np.testing.assert_array_equal(mask, graphs.mask())


@pytest.mark.parametrize("graphs", [STANDARD, OTHER, EMPTY], ids=["standard", "other", "empty"])
def test_blocks(graphs):
    check(DisjointToBlocks()(tensors(FLAT.feed(graphs))), graphs)


def test_hand_computed():
    # Two graphs, 0 -> 1 twice in the first, a loop in the second.
    x = np.array([[1.0], [2.0], [3.0]], np.float32)
    out = DisjointToBlocks()([x, np.array([0, 0, 2]), np.array([1, 1, 2]), np.array([2, 1])])
    np.testing.assert_array_equal(out[0][..., 0], [[1, 2], [3, 0]])
    np.testing.assert_array_equal(out[1], [[[0, 0], [2, 0]], [[1, 0], [0, 0]]])
    np.testing.assert_array_equal(out[2], [[1, 1], [1, 0]])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), min_size=1, max_size=6), st.integers(0, 2**31)
)
def test_any_batch(sizes, seed):
    graphs = make_graphs([n for n, _ in sizes], [m if n else 0 for n, m in sizes], seed)
    check(DisjointToBlocks()(tensors(FLAT.feed(graphs))), graphs)


def test_shapes_config_and_reload():
    layer = DisjointToBlocks(name="there")
    again = DisjointToBlocks.from_config(json.loads(json.dumps(layer.get_config())))
    assert again.get_config() == layer.get_config()
    check_symbolic(layer, FLAT)


def test_exports():
    shapes = [((None, 5), tf.float32), ((None,), tf.int32), ((None,), tf.int32), ((None,), tf.int32)]
    signature = [tf.TensorSpec(s, d, f"in{i}") for i, (s, d) in enumerate(shapes)]
    layer = DisjointToBlocks()
    call = tf.function(lambda *flat: layer(list(flat)), input_signature=signature, autograph=False)
    model, _ = tf2onnx.convert.from_function(call, input_signature=signature, opset=18)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for graphs in (STANDARD, OTHER, EMPTY):
        feed = {f"in{i}": np.array(part) for i, part in enumerate(FLAT.feed(graphs))}
        check(session.run(None, feed), graphs)


def test_gradient_reaches_the_nodes():
    x = tf.constant(STANDARD.x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(DisjointToBlocks()([x, *FLAT.feed(STANDARD)[1:]])[0] ** 2)
    np.testing.assert_allclose(tape.gradient(loss, x), 2 * STANDARD.x, rtol=1e-6)


WRONG = [
    ((0, 2), "an edge must join two nodes of one graph", "got an edge from node 0 to node 2"),
    ((2, 0), "an edge must join two nodes of one graph", "got an edge from node 2 to node 0"),
    ((3, 2), "an edge must join two nodes of one graph", "got an edge from node 3 to node 2"),
    ((0, 4), "must be nodes of the batch", "got 0 to 4 for 4 nodes"),
    ((-1, 0), "must be nodes of the batch", "got -1 to 1 for 4 nodes"),
]


@pytest.mark.parametrize(("edge", "message", "came"), WRONG)
def test_edges_that_leave_their_graph_are_refused(edge, message, came):
    # Graphs of two, none, one and one node. The other edges are right.
    x, n_node = np.ones((4, 1), np.float32), np.array([2, 0, 1, 1])
    senders, receivers = np.array([0, edge[0], 1]), np.array([1, edge[1], 0])
    layer = DisjointToBlocks()
    with pytest.raises(InputError, match=f"{message}.*{came}"):
        layer([x, senders, receivers, n_node])
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        tf.function(layer)([tf.constant(part) for part in (x, senders, receivers, n_node)])
    model = functional(layer, FLAT)
    feed = [
        np.repeat(x, 5, axis=1),
        senders.astype(np.int32),
        receivers.astype(np.int32),
        n_node.astype(np.int32),
    ]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        tf.function(model)([tf.constant(part) for part in feed])


def test_errors():
    with pytest.raises(InputError, match=r"n_node must add up to the nodes of x \(16\), got \[3\]"):
        DisjointToBlocks()([*FLAT.feed(STANDARD)[:3], np.array([3], np.int32)])
    with pytest.raises(InputError, match=r"one entry per edge each, got \[23, 22\]"):
        DisjointToBlocks()([STANDARD.x, STANDARD.senders, STANDARD.receivers[:-1], STANDARD.n_node])
    with pytest.raises(InputError, match=r"x must have shape \(n, F\)"):
        DisjointToBlocks()([STANDARD.x[None], *FLAT.feed(STANDARD)[1:]])
