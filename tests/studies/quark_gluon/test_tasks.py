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


def test_trees_see_the_tracks_one_by_one():
    from studies.quark_gluon.tasks import track_columns

    jets = Jets(
        columns={"pt": np.array([100, 50, 20], np.float32)},
        event=np.arange(3),
        weight=np.ones(3, np.float32),
        label=np.zeros(3, np.int8),
        candidates=Ragged.from_counts(
            {
                "is_charged": np.array([1, 0, 1, 1], np.float32),
                "ptrel": np.array([0.2, 0.5, 0.3, 0.4], np.float32),
                "trackSip3dSig": np.array([-4, 0, 1, 2], np.float32),
            },
            np.array([3, 1, 0]),
        ),
    )
    found = np.stack(track_columns(jets), axis=1)
    nan = np.nan
    ptrel = [[0.25, 0.4, 0], [0.13 / 0.5, 0.4, 0], [0.3, 0.4, nan], [0.2, 0.4, nan]]
    significance = [[-1.5, 2, 0], [-1.0, 2, 0], [1, 2, nan], [-4, 2, nan]]
    none = [nan] * 3
    by_pt = [[0.3, 0.4, nan], [1, 2, nan], [0.2, nan, nan], [-4, nan, nan], *[none] * 6]
    by_significance = [[0.2, 0.4, nan], [-4, 2, nan], [0.3, nan, nan], [1, nan, nan], none, none]
    expected = np.array([*ptrel, *significance, *by_pt, *by_significance]).T
    np.testing.assert_allclose(found, expected, rtol=1e-6)
