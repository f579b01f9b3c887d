from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import COUNTED, COUNTED_BLOCKS, STANDARD, Form, flat_rows, node_rows
from references import edge_conv, nearest, normalised_mlp

from e2e_tf import InputError
from e2e_tf.layers import DynamicEdgeConv

POINTS = [
    Form("points", lambda g: [g.x, g.x[:, :2], g.n_node], flat_rows, like=COUNTED.name),
    Form(
        "point blocks",
        lambda g: [g.blocks(), g.blocks()[..., :2], g.mask()],
        node_rows,
        blocks=True,
        like=COUNTED_BLOCKS.name,
    ),
]


@pytest.mark.parametrize(
    ("k", "how", "loops", "hidden"),
    [(3, "mean", False, [6]), (4, "max", True, None), (16, "sum", False, None)],
)
def test_dynamic_edge_conv(k, how, loops, hidden):
    def reference(weights, graphs):
        return edge_conv(weights, graphs.x, nearest(graphs.x, graphs.n_node, k, loops), how)

    check_layer(
        lambda: DynamicEdgeConv(4, k, hidden, aggregate=how, loops=loops),
        [COUNTED, COUNTED_BLOCKS],
        "node",
        reference=reference,
        half=None if k < 16 else 48,
    )


def test_points_choose_the_neighbours():
    def reference(weights, graphs):
        return edge_conv(weights, graphs.x, nearest(graphs.x[:, :2], graphs.n_node, 2, False), "mean")

    check_layer(lambda: DynamicEdgeConv(3, 2), POINTS, "node", reference=reference, half=None)


def test_batch_normalisation_leaves_out_missing_neighbours():
    check_layer(
        lambda: DynamicEdgeConv(4, 3, [6], mlp_batchnorm=True, activation="relu"),
        [COUNTED, COUNTED_BLOCKS],
        "node",
        reference=lambda w, g: edge_conv(w, g.x, nearest(g.x, g.n_node, 3, False), "mean", normalised_mlp),
        half=None,
        training=True,
    )


def test_hand_computed():
    # On a line at 0, 1, 5: the nearest of 0 is 1, of 1 is 0, of 5 is 1. W = (0, 1): x_j - x_i.
    layer = DynamicEdgeConv(1, k=1, use_bias=False)
    x = np.array([[0.0], [1.0], [5.0], [9.0]], np.float32)
    counts = np.array([3, 1])
    layer([x, counts])
    layer.set_weights([np.array([[0.0], [1.0]])])
    np.testing.assert_allclose(layer([x, counts]), [[1], [-1], [-4], [0]])


def test_errors():
    for k in (0, -1, 2.0, True):
        with pytest.raises(InputError, match=f"k must be a positive integer, got {k}"):
            DynamicEdgeConv(4, k)
    layer = DynamicEdgeConv(4, 2)
    with pytest.raises(InputError, match=r"n_node must add up to the nodes of x \(16\), got \[4\]"):
        layer([STANDARD.x, np.array([4])])
    with pytest.raises(InputError, match="nodes must come as"):
        layer([STANDARD.blocks(), STANDARD.n_node])
