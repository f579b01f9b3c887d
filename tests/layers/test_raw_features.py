from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import Form, flat_rows, node_rows

from e2e_tf import InputError
from e2e_tf.layers import RawFeatures

ARGUMENTS = {"columns": (2, 0), "median": (0.5, -0.01), "norm_factor": (1.5, 12.0)}


def test_hand_computed():
    got = RawFeatures(**ARGUMENTS)(np.array([[[6.0, 9.0, 3.0]]], np.float32))
    np.testing.assert_allclose(got, [[[2.5, 0.49]]], rtol=1e-6)


def test_raw_features():
    def reference(weights, graphs):
        x = graphs.x.astype(float)
        return np.stack([x[:, 2] / 1.5 + 0.5, x[:, 0] / 12 - 0.01], axis=1)

    forms = [
        Form("rows", lambda g: g.x, flat_rows),
        Form("blocks", lambda g: g.blocks(), node_rows, blocks=True),
    ]
    check_layer(
        lambda: RawFeatures(**ARGUMENTS), forms, "node", reference=reference, gradients=False, slopes=True
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": (0,)}, "must be equally many, at least one, got 1, 2 and 2"),
        ({"columns": (), "median": (), "norm_factor": ()}, "at least one, got 0, 0 and 0"),
        ({"columns": (0, -1)}, "columns must not be negative"),
        ({"norm_factor": (1, 0)}, "norm_factor must not be 0"),
        ({"median": (1, float("nan"))}, "median must be a finite number"),
    ],
)
def test_mistakes_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        RawFeatures(**{**ARGUMENTS, **changes})


def test_columns_that_are_not_there():
    with pytest.raises(InputError, match=r"columns must be of x, 0 to 1, got \(2, 0\)"):
        RawFeatures(**ARGUMENTS)(np.zeros((1, 2), np.float32))
