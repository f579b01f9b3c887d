"""Features of candidates, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from few_jets import TAU, candidates_of, jets_at, row

from e2e_tf.data.jets import Ragged
from e2e_tf.errors import InputError
from e2e_tf.training.baseline import candidate_features


def test_candidates_by_hand():
    found = row(candidate_features(jets_at([0], [0], [20], candidates=candidates_of(TAU, [4]))))
    assert (found["n_candidates"], found["n_charged"], found["n_charged_hadron"], found["n_photon"]) == (
        4,
        2,
        2,
        1,
    )
    assert (found["n_electron"], found["n_muon"], found["electron_fraction"]) == (0, 0, 0)
    assert found["charged_fraction"] == found["charged_hadron_fraction"] == pytest.approx(0.6)
    assert found["photon_fraction"] == found["leading_photon_fraction"] == pytest.approx(0.3)
    assert found["leading_candidate_fraction"] == found["leading_track_fraction"] == pytest.approx(0.4)
    assert found["pt_dispersion"] == pytest.approx(np.sqrt(64 + 16 + 36 + 4) / 20)
    assert found["mean_delta_r"] == pytest.approx((4 * 0.05 + 6 * 0.2 + 2 * 0.3) / 20)
    assert found["rms_delta_r"] == pytest.approx(np.sqrt((4 * 0.05**2 + 6 * 0.2**2 + 2 * 0.3**2) / 20))
    assert found["charged_mean_delta_r"] == pytest.approx(4 * 0.05 / 12)
    assert found["photon_rms_delta_r"] == pytest.approx(0.2)
    assert found["fraction_0_0.1"] == found["fraction_in_cone"] == pytest.approx(0.6)
    assert found["leading_track_delta_r"] == 0
    assert (found["n_charged_in_cone"], found["n_photon_in_cone"], found["charge_in_cone"]) == (2, 0, 0)
    assert (found["charged_isolation"], found["photon_isolation"], found["n_charged_around"]) == (0, 6, 0)
    mass = np.sqrt(2 * 8 * 4 * (np.cosh(0.03) - np.cos(0.04)))
    assert found["mass_charged"] == found["mass_charged_in_cone"] == pytest.approx(mass)
    assert found["mass_charged_photon_in_cone"] == pytest.approx(mass)
    assert found["leading_track_d0"] == pytest.approx(0.02)
    assert found["leading_track_d0_significance"] == 4
    assert found["largest_d0_significance"] == 6


def test_tracks_of_pileup_are_not_charged_candidates():
    candidates = candidates_of(TAU, [4])
    flagged = {**candidates.columns, "from_pv": np.array([1, 0, -1, -1])}
    jets = jets_at([0], [0], [20], candidates=Ragged(flagged, candidates.offsets))
    jets = replace(jets, columns={**jets.columns, "rho": np.array([1.5], np.float32)})
    found = row(candidate_features(jets))
    assert (found["n_candidates"], found["n_charged"], found["n_charged_in_cone"]) == (4, 1, 1)
    assert found["charged_fraction"] == pytest.approx(8 / 20)
    assert found["charge_in_cone"] == 1
    assert (found["n_pileup_tracks"], found["pileup_isolation"]) == (1, 0)  # it is in the signal cone
    assert found["pileup_fraction"] == pytest.approx(4 / 20)
    assert found["jet_rho"] == 1.5
    assert found["mass_charged"] == pytest.approx(0, abs=1e-3)
    plain = row(candidate_features(jets_at([0], [0], [20], candidates=candidates)))
    assert not [name for name in plain if "pileup" in name or "rho" in name]


def test_the_cone_shrinks_with_pt_and_follows_the_leading_track():
    # At 100 GeV the cone is 0.05 wide: the track at exactly that distance leaves it.
    found = row(candidate_features(jets_at([0], [0], [100], candidates=candidates_of(TAU, [4]))))
    assert (found["n_charged_in_cone"], found["charge_in_cone"], found["charged_isolation"]) == (1, 1, 4)
    # With the second track leading, the cone is around (.03, .04) and the photon 0.163 away from it.
    changed = [TAU[0], (*TAU[1][:2], 9.0, *TAU[1][3:]), ("photon", 0, 6.0, 0.03, 0.13, 0, 0), TAU[3]]
    found = row(candidate_features(jets_at([0], [0], [20], candidates=candidates_of(changed, [4]))))
    assert found["leading_track_delta_r"] == pytest.approx(0.05)
    assert (found["n_charged_in_cone"], found["n_photon_in_cone"]) == (2, 1)
    assert found["leading_track_d0_significance"] == 6


def test_jets_do_not_mix_and_empty_ones_are_finite():
    jets = jets_at([0, 0, 0], [0, 0, 0], [20, 20, 0], candidates=candidates_of([*TAU, TAU[2]], [0, 4, 1]))
    names, table = candidate_features(jets)
    assert len(names) >= 150
    assert np.all(np.isfinite(table))
    for i in (0, 1, 2):
        np.testing.assert_array_equal(candidate_features(jets.take(np.array([i])))[1][0], table[i])
    assert row(candidate_features(jets), 0)["n_candidates"] == 0
    # Without a track the cone is around the axis: the photon at 0.2 is outside.
    assert row(candidate_features(jets), 2)["photon_isolation"] == 6
    assert candidate_features(jets.take(np.array([], int)))[1].shape[0] == 0


def test_the_strip_takes_electrons_too():
    candidates = candidates_of([*TAU, ("electron", -1, 3.0, 0.02, 0.15, 0, 0)], [5])
    found = row(candidate_features(jets_at([0], [0], [20], candidates=candidates)))
    assert (found["tau_strip_pt"], found["tau_strip_n"]) == (9, 2)
    assert found["track_3_pt"] == 3  # and it is a track


def test_missing_parts_are_named():
    with pytest.raises(InputError, match="need candidates"):
        candidate_features(jets_at([0], [0], [20]))
    some = {k: v for k, v in candidates_of(TAU, [4]).columns.items() if k not in ("d0", "is_muon")}
    with pytest.raises(InputError, match="candidates lack the columns d0, is_muon"):
        candidate_features(jets_at([0], [0], [20], candidates=Ragged.from_counts(some, np.array([4]))))
