from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import Form, edge_rows, flat_rows

from e2e_tf import InputError
from e2e_tf.layers import FaceRelations


def places(graphs):
    """η, φ, ln E and the four flags, functions of the node alone."""
    x = graphs.x
    flags = np.eye(4, dtype=x.dtype)[np.argmax(x[:, :4], axis=1)]
    return np.concatenate([x[:, :2] * x.dtype.type(0.1), x[:, 2:3], flags], axis=1)


FORMS = [
    Form("edges", lambda g: [places(g), (g.senders, g.receivers)], flat_rows),
    Form("blocks", lambda g: [g.blocks(places(g)), g.dense()], edge_rows, blocks=True),
]


def reference(weights, graphs):
    p, rows = places(graphs).astype(float), []
    for s, r in zip(graphs.senders, graphs.receivers, strict=True):
        deta, dphi = p[s, :2] - p[r, :2]
        ratio = 0.0
        for track, deposit in ((s, r), (r, s)):
            if p[track, 3] and (p[deposit, 4] or p[deposit, 5]):
                ratio += p[deposit, 2] - p[track, 2]
        rows.append([deta / 0.1, dphi / 0.1, 0.5 * np.log((deta**2 + dphi**2) / 0.01 + 0.0025), ratio])
    return np.array(rows)


def test_face_relations():
    check_layer(FaceRelations, FORMS, "edge", reference=reference, half=32, gradients=False, slopes=True)


def test_hand_computed():
    # A track of 4 GeV at (0, 0), a crystal of 2 GeV at (0.03, 0.04), a cluster at the crystal's place.
    p = np.array(
        [
            [0, 0, np.log(4), 1, 0, 0, 0],
            [0.03, 0.04, np.log(2), 0, 1, 0, 0],
            [0.03, 0.04, -14, 0, 0, 0, 1],
        ],
        np.float32,
    )
    near = 0.5 * np.log(0.25 + 0.0025)
    expected = [
        [0.3, 0.4, near, np.log(0.5)],  # crystal to track
        [-0.3, -0.4, near, np.log(0.5)],  # and back: it is energy over momentum from either end
        [0, 0, np.log(0.05), 0],
        [0.3, 0.4, near, 0],  # a cluster has no energy
    ]
    edges = (np.array([1, 0, 1, 2]), np.array([0, 1, 2, 0]))
    np.testing.assert_allclose(FaceRelations()([p, edges]), expected, rtol=1e-5, atol=1e-6)


def test_errors():
    with pytest.raises(InputError, match=r"p must have 7 columns, got shape \(2, 5\)"):
        FaceRelations()([np.zeros((2, 5), np.float32), (np.array([0]), np.array([1]))])
