"""Features of hits, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from few_jets import hits_of, jets_at, row

from e2e_tf.data.grid import PITCH
from e2e_tf.errors import InputError
from e2e_tf.training.baseline import hit_features


def test_two_hits_by_hand():
    # The window of a jet at (0, 0) starts at crystal (-60, -60): cell (60, 60) is crystal (0, 0), whose
    # middle is half a pitch away on both axes; tower (12, 24) has its middle in crystal (2, 62), 2.5 and 62.5
    # pitches away.
    hits = {
        "track": hits_of([], [], [0]),
        "ecal": hits_of([60 * 125 + 60], [3.0], [1]),
        "hcal": hits_of([12 * 25 + 24], [1.0], [1]),
    }
    found = row(hit_features(jets_at([0], [0], [20], hits)))
    near, far = np.hypot(0.5, 0.5) * PITCH, np.hypot(2.5, 62.5) * PITCH
    assert found["jet_pt"] == 20
    assert found["jet_mass"] == 2
    assert (found["n_track"], found["n_ecal"], found["n_hcal"]) == (0, 1, 1)
    assert (found["track_sum"], found["ecal_sum"], found["hcal_sum"]) == (0, 3, 1)
    assert (found["track_fraction"], found["ecal_fraction"], found["hcal_fraction"]) == (0, 0.75, 0.25)
    assert (found["track_leading_fraction"], found["ecal_leading_fraction"]) == (0, 1)
    assert found["ecal_mean_delta_r"] == pytest.approx(near)
    assert found["ecal_rms_delta_r"] == pytest.approx(near)
    assert found["hcal_mean_delta_r"] == pytest.approx(far)
    assert found["ecal_sum_0_0.1"] == 3
    assert found["ecal_sum_0.1_0.2"] == found["ecal_sum_0.2_0.5"] == 0
    assert found["hcal_sum_0_0.1"] == found["hcal_sum_0.2_0.5"] == 0  # 1.09 rad is outside all rings
    assert found["ecal_share_0_0.1"] == 1
    assert found["calorimeter_mass_0_0.2"] == pytest.approx(0, abs=1e-3)
    # Two massless hits: m² = 2 pT1 pT2 (cosh Δη - cos Δφ).
    pt = 3 / np.cosh(0.5 * PITCH), 1 / np.cosh(2.5 * PITCH)
    mass = np.sqrt(2 * pt[0] * pt[1] * (np.cosh(2 * PITCH) - np.cos(62 * PITCH)))
    assert found["calorimeter_mass"] == pytest.approx(mass)


def test_widths_and_rings_of_two_hits_in_one_channel():
    # Crystals (0, 0) and (8, 0): the second at 8.5 pitches = 0.148, in the middle ring.
    hits = {"ecal": hits_of([60 * 125 + 60, 68 * 125 + 60], [3.0, 1.0], [2])}
    found = row(hit_features(jets_at([0], [0], [20], hits)))
    near, far = np.hypot(0.5, 0.5) * PITCH, np.hypot(8.5, 0.5) * PITCH
    assert found["ecal_mean_delta_r"] == pytest.approx((3 * near + far) / 4)
    assert found["ecal_rms_delta_r"] == pytest.approx(np.sqrt((3 * near**2 + far**2) / 4))
    assert found["ecal_leading_fraction"] == 0.75
    assert (found["ecal_sum_0_0.1"], found["ecal_sum_0.1_0.2"], found["ecal_sum_0.2_0.5"]) == (3, 1, 0)
    assert (found["n_ecal_0_0.1"], found["n_ecal_0.1_0.2"]) == (1, 1)


def test_hits_across_phi_equal_pi_are_near():
    # At φ = 3.13 the window starts at crystal 115; column 70 is crystal 185, on the other side of π.
    found = row(hit_features(jets_at([0], [3.13], [20], {"ecal": hits_of([60 * 125 + 70], [3.0], [1])})))
    assert found["ecal_mean_delta_r"] == pytest.approx(np.hypot(0.5 * PITCH, 185.5 * PITCH - 3.13), abs=1e-5)


def test_jets_do_not_mix_and_empty_ones_are_finite():
    hits = {
        "track": hits_of([7812], [5.0], [0, 1, 0]),
        "ecal": hits_of([60 * 125 + 60, 9, 7812], [3.0, 2.0, 0.0], [1, 2, 0]),
        "hcal": hits_of([312], [1.0], [1, 0, 0]),
    }
    jets = jets_at([0, 0, 0], [0, 0, 0], [20, 20, 0], hits)
    _, table = hit_features(jets)
    assert np.all(np.isfinite(table))
    for i in (0, 1, 2):
        np.testing.assert_array_equal(hit_features(jets.take(np.array([i])))[1][0], table[i])
    assert row(hit_features(jets), 2)["ecal_sum"] == 0
    assert hit_features(jets.take(np.array([], int)))[1].shape[0] == 0


def test_missing_parts_are_named():
    with pytest.raises(InputError, match="have no hits"):
        hit_features(jets_at([0], [0], [20]))
