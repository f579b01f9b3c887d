"""Features around the leading track, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from few_jets import TAU

from e2e_tf.training.baseline.tau import Objects, tau_columns

# Of the jet at η = 0 of few_jets: two tracks, a photon, a neutral hadron.
KIND, CHARGE, PT, DETA, DPHI, _, SIGNIFICANCE = (np.array(x) for x in zip(*TAU, strict=True))


def objects(**changes):
    track = KIND == "charged_hadron"
    photon = KIND == "photon"
    fields = {
        "owner": np.zeros(4, int),
        "n": 1,
        "pt": PT,
        "deta": DETA,
        "dphi": DPHI,
        "eta": np.zeros(1),
        "track": track,
        "pileup": np.zeros(4, bool),
        "electromagnetic": photon,
        "strip": photon,
        "hadronic": KIND == "neutral_hadron",
        "charge": CHARGE.astype(float),
        "d0_significance": SIGNIFICANCE,
        "dz_significance": np.array([1.0, 2, 0, 0]),
    }
    return Objects(**fields | changes)


def columns(**changes):
    found = tau_columns(objects(**changes), np.array([20.0]))
    assert len(found) == 119
    return {name: values[0] for name, values in found.items()}


def test_rings_around_the_leading_track():
    found = columns()
    assert [found[f"tau_track_sum_{r}"] for r in ("0.05", "0.1", "0.5")] == [
        8,
        12,
        12,
    ]  # the second is at 0.05
    assert [found[f"tau_em_sum_{r}"] for r in ("0.2", "0.3")] == [0, 6]
    assert (found["tau_had_sum_0.3"], found["tau_had_sum_0.5"]) == (0, 2)
    assert (found["tau_n_track_0.1"], found["tau_n_em_0.5"], found["tau_pileup_sum_0.5"]) == (2, 1, 0)


def test_strip_and_masses():
    found = columns()
    assert (found["tau_strip_pt"], found["tau_strip_n"], found["tau_strip_dphi"]) == (6, 1, 0)
    strip = np.sqrt(2 * 8 * 6 * (1 - np.cos(0.2)))
    assert found["tau_mass_track_strip"] == pytest.approx(strip)
    assert (
        found["tau_mass_cone"]
        == found["tau_mass_tracks"]
        == pytest.approx(np.sqrt(2 * 8 * 4 * (np.cosh(0.03) - np.cos(0.04))))
    )
    assert found["tau_mass_tracks_em"] == found["tau_mass_cone_strip"] > found["tau_mass_track_strip"]
    # A second photon beside the first one is in the strip, one of 0.4 GeV or 0.06 away in η is not.
    for pt, deta, expected in ((3.0, 0.04, 9), (0.4, 0.04, 6), (3.0, 0.06, 6)):
        more = columns(
            pt=np.array([8, 4, 6, pt]), deta=np.array([0, 0.03, 0, deta]), dphi=np.array([0, 0.04, 0.2, 0.1]),
            electromagnetic=np.arange(4) > 1, strip=np.arange(4) > 1, hadronic=np.zeros(4, bool),
        )  # fmt: skip
        assert more["tau_strip_pt"] == expected


def test_shapes_impact_parameters_and_isolation():
    found = columns()
    assert found["tau_width"] == pytest.approx((4 * 0.05 + 6 * 0.2 + 2 * 0.3) / 20)
    assert (found["tau_width_em"], found["tau_width_em_cone"]) == (pytest.approx(0.2), 0)
    assert found["tau_track_share"] == pytest.approx(0.6)
    assert found["tau_d0"] == pytest.approx((8 * 4 + 4 * 6) / 12)
    assert (found["tau_n_displaced_2"], found["tau_n_displaced_4"]) == (2, 1)
    assert found["tau_d0_cone"] == 16 + 36
    assert found["tau_isolation"] == 8  # photon and hadron
    # A track of another vertex takes half of its pT off the neutral part, and is a track nowhere.
    other = columns(track=np.array([True, False, False, False]), pileup=np.array([False, True, False, False]))
    assert other["tau_isolation"] == 6
    assert (other["tau_pileup_sum_0.1"], other["tau_track_sum_0.5"]) == (4, 8)


def test_leading_and_most_displaced():
    found = columns()
    assert (found["track_1_pt"], found["track_2_pt"], found["track_3_pt"]) == (8, 4, 0)
    assert (found["track_2_share"], found["track_2_charge"]) == (pytest.approx(0.2), -1)
    assert (found["track_2_deta"], found["track_2_dphi"]) == (pytest.approx(0.03), pytest.approx(0.04))
    assert (found["track_1_d0"], found["track_2_d0"], found["track_2_abs_d0"]) == (-4, -6, 6)
    assert found["track_2_dz"] == 2
    assert (found["em_1_pt"], found["em_2_pt"], found["had_1_share"]) == (6, 0, pytest.approx(0.1))
    assert (found["displaced_1_abs_d0"], found["displaced_2_abs_d0"]) == (6, 4)
    assert found["displaced_1_delta_r"] == pytest.approx(0.05)


def test_without_a_track_the_axis_is_the_middle():
    found = columns(track=np.zeros(4, bool), pileup=KIND == "charged_hadron")
    assert found["tau_em_sum_0.2"] == 0
    assert found["tau_em_sum_0.3"] == 6
    assert found["tau_leading_share"] == found["track_1_pt"] == found["tau_mass_tracks"] == 0
