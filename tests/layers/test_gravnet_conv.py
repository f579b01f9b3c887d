from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import COUNTED, COUNTED_BLOCKS, STANDARD
from references import nearest

from e2e_tf import InputError
from e2e_tf.layers import GravNetConv


def reference(weights, graphs, k, loops):
    ws, bs, wh, bh, wo, bo = (w.astype(float) for w in weights)
    x = graphs.x.astype(float)
    s, h = x @ ws + bs, x @ wh + bh
    gathered = []
    for i, js in enumerate(nearest(s, graphs.n_node, k, loops)):
        messages = np.array([np.exp(-10 * ((s[i] - s[j]) ** 2).sum()) * h[j] for j in js])
        zero = np.zeros(h.shape[1])
        gathered.append(
            np.concatenate([messages.mean(axis=0), messages.max(axis=0)])
            if js
            else np.concatenate([zero, zero])
        )
    return np.concatenate([x, np.array(gathered)], axis=1) @ wo + bo


@pytest.mark.parametrize(("k", "loops"), [(2, False), (3, True), (40, False)])
def test_gravnet_conv(k, loops):
    check_layer(
        lambda: GravNetConv(4, k, space_dim=2, propagate_dim=3, loops=loops),
        [COUNTED, COUNTED_BLOCKS],
        "node",
        reference=lambda w, g: reference(w, g, k, loops),
        half=None if k < 40 else 64,
    )


def test_hand_computed():
    # s = h = x on a line at 0, 0.1, 2: node 0 has neighbour 1 with e^{-0.1} 0.1 as mean and as maximum.
    layer = GravNetConv(1, k=1, space_dim=1, propagate_dim=1)
    x = np.array([[0.0], [0.1], [2.0]], np.float32)
    layer([x, np.array([3])])
    one, zero = np.ones((1, 1)), np.zeros(1)
    layer.set_weights([one, zero, one, zero, np.array([[1.0], [10.0], [100.0]]), zero])
    far = np.exp(-10 * 1.9**2) * 0.1
    expected = [110 * 0.1 * np.exp(-0.1), 0.1, 2 + 110 * far]
    np.testing.assert_allclose(layer([x, np.array([3])])[:, 0], expected, rtol=1e-5)


def test_errors():
    with pytest.raises(InputError, match="k must be a positive integer, got 0"):
        GravNetConv(4, 0)
    with pytest.raises(InputError, match="space_dim must be a positive integer, got -1"):
        GravNetConv(4, space_dim=-1)
    with pytest.raises(InputError, match="nodes must come as"):
        GravNetConv(4)([STANDARD.x, STANDARD.mask()])
