from __future__ import annotations

import numpy as np

from e2e_tf.training.run_report.jets import best_and_worst


def test_best_and_worst():
    label = np.array([1, 1, 1, 0, 0, 0])
    score = np.array([0.9, 0.2, 0.5, 0.8, 0.1, 0.3])
    assert best_and_worst(label, score, 1) == [
        ("best signal", 0),
        ("worst signal", 1),
        ("best background", 4),
        ("worst background", 3),
    ]
    # No jet is in both lists.
    assert [row for what, row in best_and_worst(label, score, 2) if "signal" in what] == [0, 2, 1]
