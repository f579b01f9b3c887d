from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import Form, flat_rows, node_rows

from e2e_tf import InputError
from e2e_tf.layers import KindDense

KINDS = 3


def kinds(graphs):
    """One-hot, a function of the node alone."""
    return np.eye(KINDS, dtype=graphs.x.dtype)[np.argmax(graphs.x[:, :KINDS], axis=1)]


FORMS = [
    Form("rows", lambda g: [g.x, kinds(g)], flat_rows),
    Form("blocks", lambda g: [g.blocks(), g.blocks(kinds(g))], node_rows, blocks=True),
]


def test_kind_dense():
    def reference(weights, graphs):
        *kernels, bias = weights
        k = np.argmax(kinds(graphs), axis=1)
        rows = [x.astype(float) @ kernels[i] + bias[i] for x, i in zip(graphs.x, k, strict=True)]
        return np.tanh(np.array(rows))

    check_layer(lambda: KindDense(4, "tanh"), FORMS, "node", reference=reference)


def test_hand_computed():
    layer = KindDense(1, "relu")
    inputs = [np.array([[2.0], [3.0], [4.0]], np.float32), np.array([[1, 0], [0, 1], [0, 0]], np.float32)]
    layer(inputs)
    layer.set_weights([np.array([[10.0]]), np.array([[-1.0]]), np.array([[1.0], [5.0]])])
    np.testing.assert_allclose(layer(inputs), [[21], [2], [0]])


def test_errors():
    with pytest.raises(InputError, match="units must be a positive integer, got 0"):
        KindDense(0)
    with pytest.raises(InputError, match=r"x and kind must have the same rank, got \(2, 3, 4\) and \(3, 2\)"):
        KindDense(3)([np.zeros((2, 3, 4), np.float32), np.zeros((3, 2), np.float32)])
