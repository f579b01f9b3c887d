from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import Form, flat_rows, node_rows

from e2e_tf import InputError
from e2e_tf.layers import GraphContext

KINDS = 3


def kinds(graphs):
    """One-hot, a function of the node alone."""
    return np.eye(KINDS, dtype=graphs.x.dtype)[np.argmax(graphs.x[:, :KINDS], axis=1)]


FORMS = [
    Form("counts", lambda g: [g.x, g.n_node], flat_rows),
    Form("blocks", lambda g: [g.blocks(), g.mask()], node_rows, blocks=True),
]
WITH_KINDS = [
    Form("counts and kinds", lambda g: [g.x, g.n_node, kinds(g)], flat_rows),
    Form("blocks and kinds", lambda g: [g.blocks(), g.mask(), g.blocks(kinds(g))], node_rows, blocks=True),
]


@pytest.mark.parametrize("of_kinds", [0, KINDS])
def test_graph_context(of_kinds):
    def reference(weights, graphs):
        pool, pool_bias, send, send_bias = weights
        x = graphs.x.astype(float)
        h = np.tanh(x @ pool + pool_bias)
        code = np.argmax(kinds(graphs), axis=1) if of_kinds else np.zeros(len(x), int)
        rows = np.zeros_like(x)
        for i, graph in enumerate(graphs.graph_id):
            same = graphs.graph_id == graph
            sums = [h[same & (code == k)].sum(axis=0) for k in range(max(of_kinds, 1))]
            rows[i] = x[i] + 0.1 * np.concatenate(sums) @ send + send_bias
        return rows

    layer = check_layer(
        lambda: GraphContext(4, of_kinds, "tanh"),
        WITH_KINDS if of_kinds else FORMS,
        "node",
        reference=reference,
        half=16,
    )
    assert [tuple(w.shape) for w in layer.weights] == [(5, 4), (4,), (4 * max(of_kinds, 1), 5), (5,)]


def test_hand_computed():
    layer = GraphContext(1, 2)
    x = np.array([[2.0], [3.0], [4.0]], np.float32)
    inputs = [x, np.array([2, 0, 1]), np.array([[1, 0], [0, 1], [0, 1]], np.float32)]
    np.testing.assert_array_equal(layer(inputs), x)  # nothing at the start
    layer.set_weights([np.array([[1.0]]), np.array([0.0]), np.array([[10.0], [100.0]]), np.array([0.5])])
    # The first graph has 2 of the first kind and 3 of the other, the last one nothing and 4.
    np.testing.assert_allclose(layer(inputs), [[34.5], [35.5], [44.5]], rtol=1e-6)


def test_errors():
    x, n = np.zeros((2, 3), np.float32), np.array([2])
    with pytest.raises(InputError, match="units must be a positive integer, got 0"):
        GraphContext(0)
    with pytest.raises(
        InputError, match=r"with kinds = 4 the inputs are x, members and kind, of 4 columns; got 2"
    ):
        GraphContext(3, 4)([x, n])
    with pytest.raises(InputError, match=r"with kinds = 0 the inputs are x and members; got 3"):
        GraphContext(3)([x, n, x])
