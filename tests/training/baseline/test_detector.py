"""Features of detector objects, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from few_jets import jets_at, row

from e2e_tf.data.jets import Ragged
from e2e_tf.errors import InputError
from e2e_tf.training.baseline import detector_features


def ragged(counts, **columns):
    return Ragged.from_counts({k: np.array(v, np.float32) for k, v in columns.items()}, np.array(counts))


def jets(n=1):
    """A jet of 20 GeV at η = 0; with ``n = 2`` one without objects behind it."""
    none = [0] * (n - 1)
    objects = {
        "track": ragged(
            [3, *none],
            pt=[2, 10, 5],
            deta=[0, 0, 0.3],
            dphi=[0.02, 0, 0],
            deta_face=[0, 0, 0.3],
            dphi_face=[0.05, 0.1, 0],
            charge=[1, -1, 1],
            d0=[0.01, 0.02, 0],
            d0_error=[0.01, 0.01, 0.01],
            from_pv=[1, 1, 0],
            n_hits=[10, 14, 9],
        ),
        "ecal": ragged([3, *none], energy=[4, 1, 3], deta=[0, 0, 0.4], dphi=[0.1, 0.13, 0], time=[1, 0, 3]),
        "hcal": ragged([2, *none], energy=[6, 2], deta=[0, 0], dphi=[0.09, 0.1], depth=[1, 3]),
        "pixel": ragged([2, *none], deta=[0, 0.2], dphi=[0.01, 0], layer=[1, 2]),
        "vertex": ragged([3, *[1] * (n - 1)], z=[0, 2, -1, *none], sum_pt2=[90, 10, 20, *[5] * (n - 1)]),
    }
    made = jets_at([0] * n, [0] * n, [20] * n)
    return type(made)(**{**vars(made), "objects": objects})


def test_one_jet_by_hand():
    features = detector_features(jets())
    assert len(features[0]) >= 150
    found = row(features)
    # At the face the leading track, of 10 GeV, comes to (0, 0.1).
    assert [found[f"face_ecal_{r}"] for r in ("0.02", "0.05", "0.2")] == [
        pytest.approx(v) for v in (0.4, 0.5, 0.5)
    ]
    assert (found["face_hcal_0.05"], found["face_n_hcal_0.02"]) == (pytest.approx(0.8), 2)
    assert found["face_beside"] == 0
    assert found["face_width_phi"] == pytest.approx(np.sqrt(0.03**2 / 5))
    assert (found["n_track"], found["n_pileup_tracks"], found["pileup_sum"]) == (2, 1, 5)
    assert (found["n_tracks_in_cone"], found["charge_in_cone"]) == (2, 0)
    assert (found["ecal_sum"], found["n_ecal"]) == (pytest.approx(5 + 3 / np.cosh(0.4)), 3)
    assert (found["n_ecal_0_0.1"], found["n_ecal_0.1_0.2"], found["n_ecal_0.2_0.5"]) == (0, 2, 1)
    assert (found["hcal_depth_1"], found["hcal_depth_2"], found["hcal_depth_3"]) == (0.75, 0, 0.25)
    assert found["ecal_time"] == pytest.approx((4 + 9) / 8)
    assert (found["n_pixel_layer_1"], found["n_pixel_near_1"], found["n_pixel_near_2"]) == (1, 1, 0)
    assert (found["track_1_n_hits"], found["track_2_n_hits"], found["track_3_n_hits"]) == (14, 10, 0)
    assert (found["track_1_d0"], found["track_1_abs_d0"]) == (-2, 2)
    assert (found["n_vertices"], found["vertex_distance"], found["vertex_sum_pt2"]) == (3, 1, 90)
    assert found["vertex_sum_pt2_share"] == 0.75
    assert found["track_1_chi2"] == 0  # this sample has none


def test_jets_do_not_mix_and_empty_ones_are_finite():
    both = jets(2)
    names, table = detector_features(both)
    assert np.all(np.isfinite(table))
    np.testing.assert_array_equal(table[0], detector_features(jets())[1][0])
    empty = dict(zip(names, table[1].tolist(), strict=True))
    assert (empty["n_ecal"], empty["face_ecal_0.1"], empty["n_vertices"], empty["vertex_distance"]) == (
        0,
        0,
        1,
        1000,
    )
    assert detector_features(both.take(np.array([], int)))[1].shape == (0, len(names))


def test_missing_parts_are_named():
    with pytest.raises(InputError, match="features of detector objects need objects; these jets have none"):
        detector_features(jets_at([0], [0], [20]))
