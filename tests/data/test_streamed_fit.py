from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.features import Feature
from e2e_tf.data.preprocess import Normalisation
from e2e_tf.data.streamed_fit import fit_in_pieces


def columns(n):
    """Columns of every kind: smooth, of few values, mostly one value, negative, huge, without a finite value."""
    rng = np.random.default_rng(1)
    mostly = np.where(rng.random(n) < 0.9, 0, rng.exponential(3, n))
    broken = np.where(rng.random(n) < 0.2, [np.nan, np.inf, -np.inf, 2e32][n % 4], rng.normal(5, 2, n))
    zeros = rng.choice([-0.0, 0.0, 1e-42, -3.5], n)
    found = [rng.normal(-2, 1e-3, n), rng.integers(-2, 3, n), mostly, broken, zeros, rng.lognormal(0, 20, n)]
    return np.stack([*found, np.full(n, np.nan), np.full(n, 7.25)], axis=1).astype(np.float32)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 1001, 5000])
def test_fit_is_that_of_all_values_together(n):
    values = columns(n)
    features = [Feature(f"f{i}", "", "") for i in range(values.shape[1])]
    wanted = Normalisation.fit(features, values)
    cuts = sorted({0, min(3, n), n // 2, n // 2})  # an empty piece among them

    found = fit_in_pieces(features, lambda: np.split(values, cuts))

    for name in ("median", "norm_factor"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    assert found.features == wanted.features
    np.testing.assert_array_equal(found(values), wanted(values))
