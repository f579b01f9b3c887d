from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import STANDARD, Form, flat_rows, node_rows
from references import softmax

from e2e_tf import InputError
from e2e_tf.layers import ParticleAttention


def pairs(graphs):
    x = graphs.blocks()
    return np.concatenate([x[:, :, None] * x[:, None], x[:, :, None, :1] - x[:, None, :, 1:2]], axis=-1)


FORMS = [
    Form("counts", lambda g: [g.x, pairs(g), g.n_node], flat_rows),
    Form("blocks", lambda g: [g.blocks(), pairs(g), g.mask()], node_rows, blocks=True),
]


def reference(heads, weights, graphs):
    (wq, bq, wk, bk, wv, bv, wo, bo, wp) = (w.astype(float) for w in weights)
    e, out = pairs(graphs).astype(float), []
    for g, (start, n) in enumerate(zip(graphs.starts, graphs.n_node, strict=True)):
        if n == 0:
            continue
        x = graphs.x[start : start + n].astype(float)
        q, k, v = ((x @ w + b).reshape(n, heads, -1) for w, b in ((wq, bq), (wk, bk), (wv, bv)))
        for i in range(n):
            parts = []
            for h in range(heads):
                logits = np.array(
                    [q[i, h] @ k[j, h] / np.sqrt(q.shape[-1]) + e[g, i, j] @ wp[:, h] for j in range(n)]
                )
                parts.append(softmax(logits) @ v[:, h])
            out.append(np.concatenate(parts) @ wo + bo)
    return np.array(out)


@pytest.mark.parametrize(("heads", "channels"), [(1, None), (3, 5)])
def test_particle_attention(heads, channels):
    layer = check_layer(
        lambda: ParticleAttention(heads, 4, channels),
        FORMS,
        "node",
        reference=lambda w, g: reference(heads, w, g),
        half=32,
    )
    assert layer.count_params() == 3 * 6 * 4 * heads + (4 * heads + 1) * (channels or 4 * heads) + 6 * heads


def test_hand_computed():
    # Queries 0, so that only the pairs decide: e_01 = ln 3 gives node 0 weights 1/4 and 3/4.
    layer = ParticleAttention(1, 1)
    x = np.array([[[1.0], [5.0]]], np.float32)
    e = np.array([[[[0.0], [np.log(3)]], [[0.0], [0.0]]]], np.float32)
    inputs = [x, e, np.ones((1, 2), np.float32)]
    layer(inputs)
    one, zero = np.ones((1, 1)), np.zeros(1)
    layer.set_weights([0 * one, zero, one, zero, one, zero, 2 * one, zero + 1, one])
    np.testing.assert_allclose(layer(inputs)[0, :, 0], [2 * (0.25 + 3.75) + 1, 2 * 3 + 1], rtol=1e-6)


def test_empty_slots_give_zero():
    layer = ParticleAttention(2, 3)
    out = np.array(layer(FORMS[1].feed(STANDARD)))
    assert np.all(out[STANDARD.mask() == 0] == 0)


def test_errors():
    with pytest.raises(InputError, match="heads must be a positive integer, got 0"):
        ParticleAttention(0, 4)
    with pytest.raises(InputError, match="key_dim must be a positive integer, got None"):
        ParticleAttention(2, None)
    with pytest.raises(InputError, match=r"dropout_rate must be in \[0, 1\), got 1.5"):
        ParticleAttention(2, 4, dropout_rate=1.5)
    x, e, mask = FORMS[1].feed(STANDARD)
    with pytest.raises(InputError, match=r"pairs must have shape \(B, N, N, P\), got \(6, 6, 6\)"):
        ParticleAttention(2, 4)([x, e[..., 0], mask])


def test_pairs_that_are_not_projected_shift_one_head_each():
    x = np.random.default_rng(0).normal(size=(2, 4, 5)).astype(np.float32)
    e = np.random.default_rng(1).normal(size=(2, 4, 4, 3)).astype(np.float32)
    mask = np.array([[1, 1, 1, 0], [1, 1, 1, 1]], np.float32)
    plain = ParticleAttention(3, 2, project_pairs=False)
    projected = ParticleAttention(3, 2)
    expected_inputs = [x, e, mask]
    plain(expected_inputs)
    projected(expected_inputs)
    projected.set_weights([*plain.get_weights(), np.eye(3)])
    np.testing.assert_allclose(plain(expected_inputs), projected(expected_inputs), rtol=1e-5, atol=1e-6)
    assert len(plain.weights) == 8
    again = ParticleAttention.from_config(plain.get_config())
    assert not again.project_pairs
    with pytest.raises(InputError, match=r"pairs must have one feature a head \(2\), got 3"):
        ParticleAttention(2, 2, project_pairs=False)([x, e, mask])
