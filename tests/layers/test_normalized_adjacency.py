from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from layer_checks import check_layer
from layer_graphs import BLOCKS, EDGES, OTHER, STANDARD, Form, pair_rows, sparse, tensors
from references import gcn_filter, matrix
from spektral.utils import gcn_filter as spektral_filter

from e2e_tf import InputError
from e2e_tf.layers import NormalizedAdjacency

PAIRS = Form("pairs", BLOCKS.feed, lambda out, g: pair_rows(out, g)[:, None], blocks=True)


def in_blocks(m, graphs):
    parts = [
        m[s : s + n, s : s + n].reshape(-1, 1) for s, n in zip(graphs.starts, graphs.n_node, strict=True)
    ]
    return np.concatenate(parts)


def test_normalized_adjacency():
    check_layer(
        NormalizedAdjacency,
        [PAIRS],
        "pair",
        reference=lambda w, g: in_blocks(gcn_filter(g), g),
        gradients=False,
    )


RECEIVERS = Form("sparse", lambda g: [g.x, sparse(g, "receivers")], lambda out, g: out, exports=False)


@pytest.mark.parametrize("form", [EDGES, RECEIVERS], ids=lambda f: f.name)
@pytest.mark.parametrize("graphs", [STANDARD, OTHER], ids=["standard", "other"])
def test_edges_are_spektrals_filter(form, graphs):
    senders, receivers, weights = NormalizedAdjacency()(tensors(form.feed(graphs)))
    m = np.zeros((len(graphs.x), len(graphs.x)))
    np.add.at(m, (receivers.numpy(), senders.numpy()), weights.numpy())
    np.testing.assert_allclose(m, gcn_filter(graphs), atol=1e-6)
    expected = spektral_filter(scipy.sparse.csr_matrix(matrix(graphs))).toarray()
    np.testing.assert_allclose(m, expected, atol=1e-6)


def test_hand_computed():
    # 0 -> 1: node 0 has only its loop, node 1 the loop and one edge: D = (1, 2).
    x = np.zeros((2, 1), np.float32)
    out = NormalizedAdjacency()([x, np.array([[0.0, 0.0], [1.0, 0.0]], np.float32)])
    np.testing.assert_allclose(out, [[1, 0], [np.sqrt(0.5), 0.5]], atol=1e-6)


def test_errors():
    with pytest.raises(InputError, match="same rank"):
        NormalizedAdjacency()([STANDARD.x, np.zeros((1, 3, 3), np.float32)])
