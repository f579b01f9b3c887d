"""Images on their own largest value, and as bytes."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.images import dequantised, max_normalised, quantised


def test_max_normalised_and_quantised() -> None:
    images = np.zeros((3, 2, 2, 2), np.float32)
    images[0, :, :, 0] = [[0, 1], [2, 4]]
    images[0, :, :, 1] = [[-2, 0], [1, 0.5]]
    images[1, 0, 0, 0] = 7
    scaled = max_normalised(images)
    assert scaled[0, :, :, 0].tolist() == [[0, 0.25], [0.5, 1]]
    assert scaled[0, :, :, 1].tolist() == [[-1, 0], [0.5, 0.25]]
    assert scaled[1, 0, 0, 0] == 1
    assert not scaled[2].any()
    stored = quantised(images)
    assert stored.dtype == np.uint8
    assert stored[0, :, :, 0].tolist() == [[0, 64], [128, 255]]
    assert stored[0, :, :, 1].tolist() == [[0, 0], [255, 128]]
    positive = np.random.default_rng(0).exponential(size=(4, 5, 5, 2)).astype(np.float32)
    assert np.abs(dequantised(quantised(positive)) - max_normalised(positive)).max() <= 1 / 510 + 1e-6
    with pytest.raises(InputError, match="images must be uint8, got float32"):
        dequantised(positive)
    with pytest.raises(InputError, match=r"images must have shape \(n, H, W, C\), got \(5, 5\)"):
        quantised(np.zeros((5, 5)))
    with pytest.raises(InputError, match="images must be finite"):
        max_normalised(np.full((1, 1, 1, 1), np.nan))
