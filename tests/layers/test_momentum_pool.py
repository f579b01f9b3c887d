from __future__ import annotations

import math

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
import tf2onnx
from layer_checks import check_layer
from layer_graphs import Form, flat_rows

from e2e_tf import InputError
from e2e_tf.layers import MomentumPool


def momenta(graphs):
    """pT, Δη, Δφ and charge, functions of the node alone."""
    x = graphs.x
    return np.concatenate([np.exp(x[:, :1] - 2), 0.1 * x[:, 1:3], np.sign(x[:, 3:4])], axis=1).astype(x.dtype)


FORMS = [
    Form("counts", lambda g: [g.x, momenta(g), g.n_node], flat_rows),
    Form("blocks", lambda g: [g.blocks(), g.blocks(momenta(g)), g.mask()], flat_rows, blocks=True),
]


def test_momentum_pool():
    def reference(weights, graphs):
        kernel, bias = weights
        x, p = graphs.x.astype(float), momenta(graphs).astype(float)
        rows = np.zeros((len(graphs.n_node), 6, 3))
        for graph in range(len(graphs.n_node)):
            nodes = np.flatnonzero(graphs.graph_id == graph)
            for k in range(3):
                weight = 1 / (1 + np.exp(-(x[nodes] @ kernel[:, k] + bias[k])))
                share = weight * p[nodes, 0]
                total = share.sum() + 1e-4
                eta, phi = (share * p[nodes, 1]).sum() / total, (share * p[nodes, 2]).sum() / total
                distance = (p[nodes, 1] - eta) ** 2 + (p[nodes, 2] - phi) ** 2
                spread = 3 + 0.5 * math.log((share * distance).sum() / total + 1e-5)
                charge = (weight * p[nodes, 3]).sum()
                pt = math.log(total)
                rows[graph, :, k] = pt, spread, spread + pt, 5 * eta, 5 * phi, charge
        return rows.reshape(len(rows), 18)

    layer = check_layer(lambda: MomentumPool(3), FORMS, "graph", reference=reference, half=16)
    assert [tuple(w.shape) for w in layer.weights] == [(5, 3), (3,)]


def test_the_mass_of_two_photons():
    """A π⁰ of the jet's pT into halves 0.2 apart: m = 0.5 · 0.2, and 0 of one photon alone."""
    layer = MomentumPool(1)
    x = np.array([[1.0], [1.0], [1.0]], np.float32)
    p = np.array([[0.5, 0.3, 0.0, 1.0], [0.5, 0.1, 0.0, -1.0], [0.5, 0.0, 0.2, 1.0]], np.float32)
    inputs = [x, p, np.array([2, 0, 1])]
    layer(inputs)
    layer.set_weights([np.array([[40.0]]), np.array([0.0])])  # every node belongs to the group
    pt, spread, mass, eta, phi, charge = layer(inputs).numpy().T
    np.testing.assert_allclose(np.exp(pt), [1.0001, 1e-4, 0.5001], rtol=1e-5)
    np.testing.assert_allclose(np.exp(mass - 3)[0], 0.5 * 0.2, rtol=1e-3)
    np.testing.assert_allclose(np.exp(spread - 3)[1:], math.sqrt(1e-5), rtol=2e-3)
    np.testing.assert_allclose(eta, [5 * 0.2, 0, 0], atol=1e-3)
    np.testing.assert_allclose(phi, [0, 0, 1], atol=1e-3)
    np.testing.assert_allclose(charge, [0, 0, 1], atol=1e-6)


def test_small_weights_keep_their_digits_in_onnx_runtime():
    """Its sigmoid gives 0 or 6e-8 for weights of 1e-9, and the logarithm of their sum would tell."""
    layer = MomentumPool(1)
    inputs = [keras.Input((1,)), keras.Input((4,)), keras.Input((), dtype="int32")]
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([np.array([[1.0]]), np.array([0.0])])
    x = np.linspace(-30, 0, 31, dtype=np.float32)[:, None]
    p = np.tile(np.array([[1e6, 0.1, 0.2, 1.0]], np.float32), (31, 1))
    signature = [tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype) for tensor in inputs]
    onnx_model, _ = tf2onnx.convert.from_keras(model, signature, opset=17)
    session = onnxruntime.InferenceSession(onnx_model.SerializeToString())
    names = [tensor.name for tensor in session.get_inputs()]
    feeds = dict(zip(names, (x, p, np.ones(31, np.int32)), strict=True))
    expected = np.log(1e6 / (1 + np.exp(-x[:, 0].astype(float))) + 1e-4)
    np.testing.assert_allclose(session.run(None, feeds)[0][:, 0], expected, rtol=1e-5, atol=1e-5)


def test_errors():
    x, n = np.zeros((2, 3), np.float32), np.array([2])
    with pytest.raises(InputError, match="units must be a positive integer, got 0"):
        MomentumPool(0)
    with pytest.raises(
        InputError, match=r"x, momenta of 4 columns and members; got \(2, 3\), \(2, 3\), \(1,\)"
    ):
        MomentumPool(2)([x, x, n])
    with pytest.raises(InputError, match="x, momenta of 4 columns and members"):
        MomentumPool(2)([x, n])
