from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import STANDARD, Form, flat_rows
from model_references import cell_summaries

from e2e_tf import InputError
from e2e_tf.layers import CellSummaries


def nodes(graphs):
    """The 13 columns, functions of the node alone; a third of the nodes of each kind."""
    x = graphs.x
    kind = np.floor(3 * (np.tanh(x[:, 4]) + 1) / 2.0001).astype(int)
    parts = [0.2 * x[:, :2], np.exp(x[:, 2:4]), np.sign(x[:, 3:4]), x[:, 1:2] ** 2, 3 + x[:, 2:3]]
    parts += [0.01 * x[:, 3:4], 0.1 * x[:, 4:5], x[:, :1] > 0, np.eye(3)[kind]]
    return np.concatenate(parts, axis=1).astype(x.dtype)


BLOCKS = Form("blocks", lambda g: [g.blocks(nodes(g)), g.mask()], flat_rows, blocks=True)


def reference(weights, graphs):
    p = nodes(graphs).astype(float)
    return np.array(
        [cell_summaries(p[graphs.graph_id == graph], 5, 0.5) for graph in range(len(graphs.n_node))]
    )


def test_cell_summaries():
    """Nothing in front of it learns, so that its gradient is not asked for."""
    layer = check_layer(CellSummaries, [BLOCKS], "graph", reference=reference, half=None, gradients=False)
    assert not layer.weights
    flat = layer([nodes(STANDARD), STANDARD.n_node]).numpy()
    np.testing.assert_allclose(flat, reference([], STANDARD), atol=1e-5)


def row(deta, dphi, kind, **values):
    names = ("energy", "pt", "charge", "chi2", "hits", "d0", "dz", "chosen")
    return [deta, dphi, *(values.get(name, 0.0) for name in names), *(float(kind == k) for k in range(3))]


def test_two_crystals_a_tower_and_two_tracks_by_hand():
    p = [
        row(0.0, 0.0, 1, energy=3.0),
        row(0.05, -0.05, 1, energy=1.0),
        row(-0.45, 0.15, 2, energy=4.0),
        row(0.02, 0.0, 0, pt=6.0, charge=1.0, chi2=1.5, hits=4, d0=0.01, dz=0.1, chosen=1.0),
        row(-0.02, 0.04, 0, pt=2.0, charge=-1.0, chi2=0.5, hits=8, d0=-0.01, dz=0.5),
        row(0.4, 0.4, 1, energy=100.0),  # in the square, beyond the radius
    ]
    cells = CellSummaries()([np.array(p, np.float32), np.array([6])]).numpy()
    assert cells.shape == (1, 5, 5, 21)
    middle, tower = cells[0, 2, 2], cells[0, 0, 3]
    # Σ E², (Σ E)²: 10 - 16 / 2 over 1.
    np.testing.assert_allclose(middle[:5], [4.0, 2.0, 2.0, 0.05 / 4, -0.05 / 4], rtol=1e-5)
    np.testing.assert_array_equal(middle[5:10], 0)
    np.testing.assert_allclose(middle[10:15], [8.0, 2.0, 1.0, 6.0, 0.0], rtol=1e-6)
    # 2 · 4 - 5 = 3 and, of six hits at the most, 7.
    expected = [0.01, 0.01, 1.25, (6 * 3 + 2 * 7) / 8, 0.005, 0.2]
    np.testing.assert_allclose(middle[15:], expected, rtol=1e-4)
    np.testing.assert_allclose(tower[5:10], [4.0, 1.0, 0.0, -0.45, 0.15], rtol=1e-6)
    cells[0, 2, 2] = cells[0, 0, 3] = 0
    np.testing.assert_array_equal(cells, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cells": 0}, "cells must be a positive integer, got 0"),
        ({"radius": 0}, "radius must be positive, got 0"),
    ],
)
def test_errors(options, message):
    with pytest.raises(InputError, match=message):
        CellSummaries(**options)
    with pytest.raises(InputError, match=r"the inputs are p of 13 columns and members; got \(2, 3\), \(1,\)"):
        CellSummaries()([np.zeros((2, 3), np.float32), np.array([2])])
