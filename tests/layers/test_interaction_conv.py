from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import STANDARD, F, Form, flat_rows, node_rows, run, set_weights

from e2e_tf import InputError
from e2e_tf.layers import InteractionConv

K = 3


def features(graphs):
    """Features that follow the edge wherever it is listed, others for the way back."""
    send, receive = graphs.x[graphs.senders], graphs.x[graphs.receivers]
    return np.concatenate([send[:, :2] * receive[:, 1:3], send[:, 4:] - receive[:, 4:]], axis=1)


def dense_features(graphs):
    e = np.zeros((len(graphs.n_node), graphs.size, graphs.size, 3), graphs.x.dtype)
    e[graphs.local] = features(graphs)
    return e


def kinds(graphs):
    return np.eye(K, dtype=graphs.x.dtype)[np.argmax(graphs.x[:, :K], axis=1)]


FORMS = [
    Form("edges", lambda g: [g.x, (g.senders, g.receivers), features(g)], flat_rows),
    Form("blocks", lambda g: [g.blocks(), g.dense(), dense_features(g)], node_rows, blocks=True),
]
WITH_KINDS = [
    Form("edges", lambda g: [*FORMS[0].feed(g), kinds(g)], flat_rows),
    Form("blocks", lambda g: [*FORMS[1].feed(g), g.blocks(kinds(g))], node_rows, blocks=True),
]


def relu(values):
    return np.maximum(values, 0)


def reference(weights, graphs, how="mean", residual=True, messages=2, with_kinds=True):
    """Edge by edge, the whole pair beside each other."""
    weights = [w.astype(float) for w in weights]
    bias_of_kinds = weights.pop(0) if with_kinds else None
    phi, psi = weights[: 2 * messages], weights[2 * messages :]
    x, e, kind = graphs.x.astype(float), features(graphs).astype(float), np.argmax(kinds(graphs), axis=1)
    out = []
    for i in range(len(x)):
        received = []
        for row in np.flatnonzero(graphs.receivers == i):
            j = graphs.senders[row]
            h = np.concatenate([x[i], x[j], e[row]])
            for layer in range(messages):
                h = h @ phi[2 * layer] + phi[2 * layer + 1]
                if layer == 0 and bias_of_kinds is not None:
                    h = h + bias_of_kinds[kind[i], kind[j]]
                h = relu(h)
            received.append(h)
        combine = {"mean": np.mean, "sum": np.sum, "max": np.max}[how]
        m = combine(received, axis=0) if received else np.zeros(phi[-1].shape)
        h = np.concatenate([x[i], m])
        for layer in range(len(psi) // 2):
            h = h @ psi[2 * layer] + psi[2 * layer + 1]
            h = relu(h) if layer < len(psi) // 2 - 1 else h
        out.append(x[i] + h if residual else h)
    return np.array(out)


def test_with_kinds():
    layer = check_layer(
        lambda: InteractionConv(F, (6, 4), (7,), kinds=K), WITH_KINDS, "node", reference=reference, half=32
    )
    shapes = [(3, 3, 6), (13, 6), (6,), (6, 4), (4,), (9, 7), (7,), (7, 5), (5,)]
    assert [tuple(w.shape) for w in layer.weights] == shapes


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_without_kinds_and_residual(form):
    layer = InteractionConv(2, (4,), (), "sum", residual=False)
    rows = run(layer, form, STANDARD, reset=True)
    expected = reference([np.array(w) for w in layer.weights], STANDARD, "sum", False, 1, False)
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", WITH_KINDS, ids=lambda form: form.name)
def test_maximum(form):
    layer = InteractionConv(F, (6, 4), (7,), "max", kinds=K)
    rows = run(layer, form, STANDARD, reset=True)
    expected = reference([np.array(w) for w in layer.weights], STANDARD, "max")
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-5)


def test_without_features_of_edges():
    """The parameters of edge features at 0 leave the same layer."""
    bare, full = InteractionConv(F, (6, 4), (7,)), InteractionConv(F, (6, 4), (7,))
    for graph in FORMS:
        full(graph.feed(STANDARD))
        bare(graph.feed(STANDARD)[:2])
        weights = [np.array(w) for w in full.weights]
        weights[0][2 * F :] = 0
        full.set_weights(weights)
        bare.set_weights([weights[0][: 2 * F], *weights[1:]])
        found = graph.rows(bare(graph.feed(STANDARD)[:2]), STANDARD)
        np.testing.assert_allclose(
            found, graph.rows(full(graph.feed(STANDARD)), STANDARD), rtol=1e-5, atol=1e-6
        )


def test_hand_computed():
    # φ = relu(x_i + 10 x_j + 100 e + b of the kinds), ψ = x - 2 m; node 1 receives from 0 once and from itself.
    layer = InteractionConv(1, (1,), (), kinds=2)
    x, e = np.array([[1.0], [3.0]], np.float32), np.array([[0.5], [-1.0]], np.float32)
    inputs = [x, (np.array([0, 1]), np.array([1, 1])), e, np.array([[1, 0], [0, 1]], np.float32)]
    layer(inputs)
    bias = np.zeros((2, 2, 1))
    bias[1, 0] = 0.25  # receiver of kind 1, sender of kind 0
    bias[0, 1] = 1000
    column = np.array([[1.0], [10.0], [100.0]])
    layer.set_weights([bias, column, np.zeros(1), np.array([[1.0], [-2.0]]), np.zeros(1)])
    m = (3 + 10 + 50 + 0.25) / 2  # and relu(3 + 30 - 100) = 0
    np.testing.assert_allclose(layer(inputs), [[1 + 1], [3 + 3 - 2 * m]], rtol=1e-6)
    one = [x, np.array([[0.0, 0.0], [1.0, 1.0]], np.float32), np.zeros((2, 2, 1), np.float32), inputs[3]]
    one[2][1, :, 0] = e[:, 0]
    np.testing.assert_allclose(layer(one), [[2], [6 - 2 * m]], rtol=1e-6)  # a single dense graph


def test_a_node_without_edges_has_no_messages():
    layer = InteractionConv(F, kinds=K)
    run(layer, WITH_KINDS[0], STANDARD)
    set_weights(layer)
    none = np.zeros(0, np.int32)
    alone = replace(STANDARD, senders=none, receivers=none)
    rows = run(layer, WITH_KINDS[0], alone)
    h = np.concatenate([alone.x, np.zeros((len(alone.x), 32))], axis=1)
    (w1, b1), (w2, b2) = ([np.array(w) for w in part.weights] for part in layer.updates)
    np.testing.assert_allclose(rows, alone.x + relu(h @ w1 + b1) @ w2 + b2, rtol=1e-4, atol=1e-5)


def test_errors():
    with pytest.raises(InputError, match="aggregate must be one of sum, mean, max, min, got 'prod'"):
        InteractionConv(4, aggregate="prod")
    with pytest.raises(InputError, match="message must have at least one layer"):
        InteractionConv(4, ())
    with pytest.raises(InputError, match="kinds must be a positive integer, got -1"):
        InteractionConv(4, kinds=-1)
    with pytest.raises(InputError, match="residual needs x of 4 channels, got 5"):
        InteractionConv(4)(FORMS[0].feed(STANDARD))
    message = "with kinds = 2 the inputs are x, a, e and kind, of 2 columns; got 3, the last of shape (23, 3)"
    with pytest.raises(InputError, match=re.escape(message)):
        InteractionConv(F, kinds=2)(FORMS[0].feed(STANDARD))
