"""Activations in a form that exports."""

from __future__ import annotations

import math

import keras
import numpy as np

from e2e_tf.models.activations import gelu


def test_gelu_is_that_of_the_paper() -> None:
    """h Φ(h), at hand-checked points and as Keras' own, which does not export."""
    h = np.array([-6.0, -1.0, -0.5, 0.0, 0.5, 1.0, 6.0], np.float32)
    expected = [x * 0.5 * (1 + math.erf(x / math.sqrt(2))) for x in h]
    np.testing.assert_allclose(gelu(h), expected, rtol=1e-5, atol=1e-7)
    assert float(gelu(np.float32(1.0))) == np.float32(0.8413447)
    np.testing.assert_allclose(gelu(h), keras.activations.gelu(h, approximate=False), rtol=1e-5, atol=1e-7)
