from dataclasses import replace

import numpy as np
import pytest

from e2e_tf.data.grid import PITCH, window_corner
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.errors import InputError
from e2e_tf.training.baseline import baseline_score, candidate_features, hit_features, train_baseline
from e2e_tf.training.metrics import roc_auc

KINDS = ("charged_hadron", "neutral_hadron", "photon", "electron", "muon")


def jets_at(eta, phi, pt, hits=None, candidates=None):
    eta, phi, pt = (np.asarray(x, np.float32) for x in (eta, phi, pt))
    ieta, iphi = window_corner(eta, phi)
    columns = {"pt": pt, "eta": eta, "phi": phi, "mass": pt / 10, "ieta": ieta, "iphi": iphi}
    n = len(pt)
    return Jets(
        columns=columns,
        event=np.arange(n),
        weight=np.ones(n, np.float32),
        label=np.arange(n, dtype=np.int8) % 2,
        hits=hits or {},
        candidates=candidates,
    )


def hits_of(cells, values, counts):
    columns = {"cell": np.array(cells, np.int16), "value": np.array(values, np.float32)}
    return Ragged.from_counts(columns, np.array(counts))


def candidates_of(rows, counts):
    """Massless candidates from (kind, charge, pt, deta, dphi, d0, d0_significance); the jet is at η = 0."""
    kind, charge, pt, deta, dphi, d0, significance = (np.array(x) for x in zip(*rows, strict=True))
    columns = {
        "charge": charge,
        "pt": pt,
        "deta": deta,
        "dphi": dphi,
        "d0": d0,
        "d0_significance": significance,
    }
    columns |= {"energy": pt * np.cosh(deta)}
    columns |= {f"is_{name}": kind == name for name in KINDS}
    return Ragged.from_counts({k: v.astype(np.float64) for k, v in columns.items()}, np.array(counts))


def row(features, jet=0):
    names, table = features
    assert table.shape[1] == len(names) == len(set(names))
    assert table.dtype == np.float32
    return dict(zip(names, table[jet].tolist(), strict=True))


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


TAU = [  # pT 20 at η = 0: the signal cone is 3/20 cut down to 0.1
    ("charged_hadron", 1, 8.0, 0.0, 0.0, -0.02, -4.0),
    ("charged_hadron", -1, 4.0, 0.03, 0.04, 0.01, 6.0),
    ("photon", 0, 6.0, 0.0, 0.2, 0.0, 0.0),
    ("neutral_hadron", 0, 2.0, 0.3, 0.0, 0.0, 0.0),
]


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
    hits = {
        "track": hits_of([7812], [5.0], [0, 1, 0]),
        "ecal": hits_of([60 * 125 + 60, 9, 7812], [3.0, 2.0, 0.0], [1, 2, 0]),
        "hcal": hits_of([312], [1.0], [1, 0, 0]),
    }
    candidates = candidates_of([*TAU, TAU[2]], [0, 4, 1])
    jets = jets_at([0, 0, 0], [0, 0, 0], [20, 20, 0], hits, candidates)
    for make in (hit_features, candidate_features):
        _, table = make(jets)
        assert np.all(np.isfinite(table))
        for i in (0, 1, 2):
            np.testing.assert_array_equal(make(jets.take(np.array([i])))[1][0], table[i])
    assert row(hit_features(jets), 2)["ecal_sum"] == 0
    assert row(candidate_features(jets), 0)["n_candidates"] == 0
    # Without a track the cone is around the axis: the photon at 0.2 is outside.
    assert row(candidate_features(jets), 2)["photon_isolation"] == 6
    nobody = jets.take(np.array([], int))
    assert hit_features(nobody)[1].shape[0] == candidate_features(nobody)[1].shape[0] == 0


def test_missing_parts_are_named():
    bare = jets_at([0], [0], [20])
    with pytest.raises(InputError, match="have no hits"):
        hit_features(bare)
    with pytest.raises(InputError, match="need candidates"):
        candidate_features(bare)
    some = {k: v for k, v in candidates_of(TAU, [4]).columns.items() if k not in ("d0", "is_muon")}
    with pytest.raises(InputError, match="candidates lack the columns d0, is_muon"):
        candidate_features(jets_at([0], [0], [20], candidates=Ragged.from_counts(some, np.array([4]))))


def toy(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    # Neither feature alone separates the classes, their product does.
    features = rng.normal(size=(n, 2)).astype(np.float32)
    features[:, 1] = np.abs(features[:, 1]) * np.sign(features[:, 0]) * np.where(label == 1, 1, -1)
    return features + rng.normal(scale=0.1, size=(n, 2)).astype(np.float32), label


def test_the_baseline_separates_a_toy_that_needs_two_features():
    features, label = toy()
    estimator = train_baseline(features, label)
    unseen, truth = toy(seed=1)
    score = baseline_score(estimator, unseen)
    assert score.shape == (1000,)
    assert np.all((score >= 0) & (score <= 1))
    assert roc_auc(truth, score) > 0.93
    assert estimator.n_iter_ < 1000  # stopped by the held-out part


def test_the_baseline_is_deterministic_and_uses_weights():
    features, label = toy(600)
    first, again = (baseline_score(train_baseline(features, label, seed=7), features) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    heavy = baseline_score(train_baseline(features, label, np.where(label == 1, 20.0, 1.0), seed=7), features)
    assert heavy.mean() > first.mean() + 0.05


@pytest.mark.parametrize(
    ("features", "label", "weight", "message"),
    [
        (np.zeros((30, 2)), np.zeros(29), None, r"received \(30, 2\) and \(29,\)"),
        (np.zeros(30), np.zeros(30), None, "must be"),
        (np.full((30, 2), np.nan), np.arange(30) % 2, None, "finite"),
        (np.zeros((30, 2)), np.zeros(30), None, "0 signal and 30 background"),
        (np.zeros((30, 2)), np.arange(30) % 3, None, "10 signal and 10 background among 30"),
        (np.zeros((30, 2)), np.arange(30) % 2, np.ones(3), "weight must have shape"),
    ],
)
def test_unusable_training_input_is_refused(features, label, weight, message):
    with pytest.raises(InputError, match=message):
        train_baseline(features, label, weight)
