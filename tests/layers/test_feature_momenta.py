from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import Form, node_rows

from e2e_tf import InputError
from e2e_tf.layers import FeatureMomenta

ARGUMENTS = {"columns": (2, 0, 1), "median": (0.5, 0.01, -0.02), "norm_factor": (1.5, 12.0, 10.0)}


def test_hand_computed():
    # ln pT = ln 8, Δη = 0.03 and Δφ = -0.12, normalised.
    x = [(0.03 - 0.01) * 12, (-0.12 + 0.02) * 10, (np.log(8) - 0.5) * 1.5, 7.0]
    got = FeatureMomenta(**ARGUMENTS)(np.array([[x]], np.float32))
    np.testing.assert_allclose(got, [[[8, 0.03, -0.12, 0]]], rtol=1e-6, atol=1e-7)


def test_feature_momenta():
    def reference(weights, graphs):
        x = graphs.x.astype(float)
        pt, eta, phi = (
            x[:, c] / f + m for c, m, f in zip(*ARGUMENTS.values(), strict=True)
        )  # column, median, factor
        return np.stack([np.exp(pt), eta, phi, 0 * eta], axis=1)

    form = Form("features", lambda g: g.blocks(g.x), node_rows, blocks=True)
    check_layer(
        lambda: FeatureMomenta(**ARGUMENTS),
        [form],
        "node",
        reference=reference,
        gradients=False,
        slopes=True,
        half=None,
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": (0, 1)}, r"columns must be three numbers, of pT, Δη and Δφ, got \(0, 1\)"),
        ({"columns": (0, 1, -1)}, "columns must not be negative"),
        ({"norm_factor": (1, 0, 1)}, "norm_factor must not be 0"),
        ({"median": (1, float("nan"), 1)}, "median must be a finite number"),
    ],
)
def test_mistakes_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        FeatureMomenta(**{**ARGUMENTS, **changes})


def test_columns_that_are_not_there():
    with pytest.raises(InputError, match=r"columns must be of x, 0 to 1, got \(2, 0, 1\)"):
        FeatureMomenta(**ARGUMENTS)(np.zeros((1, 1, 2), np.float32))
