from __future__ import annotations

import numpy as np

from e2e_tf.data.histogram import histogram_text


def test_blocks_are_as_high_as_the_bins():
    values = np.repeat([0.0, 1.0, 2.0, 3.0], [8, 1, 0, 4])
    assert histogram_text(values, 4) == "█▁ ▄"
    assert histogram_text(np.append(values, [np.nan, np.inf]), 4) == "█▁ ▄"


def test_one_value_and_none():
    assert histogram_text(np.full(3, 7)) == "█"
    assert histogram_text(np.empty(0)) == ""
