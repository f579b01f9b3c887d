"""What the networks of the data sets see."""

from __future__ import annotations

import numpy as np

from e2e_tf.data.jets import Jets, Ragged


def test_candidates_know_their_place():
    from studies.quark_gluon.tasks import with_order

    jets = Jets(
        columns={"pt": np.array([100, 50], np.float32)},
        event=np.arange(2),
        weight=np.ones(2, np.float32),
        label=np.zeros(2, np.int8),
        candidates=Ragged.from_counts(
            {
                "pt": np.array([20, 50, 30, 10], np.float32),
                "delta_r": np.array([0.1, 0.2, 0.3, 0], np.float32),
            },
            np.array([3, 1]),
        ),
    )
    found = with_order(jets).candidates
    np.testing.assert_allclose(found["rank"], np.log([3, 1, 2, 1]), rtol=1e-6)
    np.testing.assert_allclose(found["cumulative"], [1, 0.5, 0.8, 0.2], rtol=1e-6)
    np.testing.assert_allclose(found["log_delta_r"], np.log([0.101, 0.201, 0.301, 0.001]), rtol=1e-5)
    np.testing.assert_allclose(found["pt_delta_r"], [0.02, 0.1, 0.09, 0], rtol=1e-6)
