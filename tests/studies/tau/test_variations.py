"""Changes of jets, by hand and on the shipped sample."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.grid import PITCH


def test_signals_are_lost_at_the_given_rate_and_jets_stay(jets):
    from studies.tau.variations import dropped

    lost = dropped(jets, 0.2)
    assert len(lost) == len(jets)
    pairs = [(jets.hits[channel], lost.hits[channel]) for channel in jets.hits]
    for before, after in [*pairs, (jets.candidates, lost.candidates)]:
        n = before.offsets[-1]
        assert abs(after.offsets[-1] - 0.8 * n) < 4 * np.sqrt(0.16 * n)
        assert np.all(after.counts <= before.counts)
    nothing = dropped(jets, 0.0)
    np.testing.assert_array_equal(nothing.candidates["pt"], jets.candidates["pt"])
    np.testing.assert_array_equal(nothing.hits["ecal"]["value"], jets.hits["ecal"]["value"])


def test_a_dead_region_takes_calorimeter_signals_near_the_axis_only(jets):
    from studies.tau.variations import dead_region

    dead = dead_region(jets)
    assert dead.hits["track"] is jets.hits["track"]
    charged = jets.candidates["charge"] != 0
    np.testing.assert_array_equal(
        dead.candidates["pt"][dead.candidates["charge"] != 0], jets.candidates["pt"][charged]
    )
    reach = np.hypot(jets.candidates["deta"], jets.candidates["dphi"])
    far = ~charged & (reach > 0.2 + np.sqrt(2) * 5 * PITCH)
    assert np.isin(jets.candidates["pt"][far], dead.candidates["pt"]).all()
    for channel in ("ecal", "hcal"):
        lost = 1 - dead.hits[channel].offsets[-1] / jets.hits[channel].offsets[-1]
        assert 0.02 < lost < 0.6
    assert dead_region(jets).hits["ecal"].offsets[-1] == dead.hits["ecal"].offsets[-1]


def test_scales_move_calorimeters_and_the_jet_with_its_neutral_share(one_jet):
    from studies.tau.variations import scaled

    jet = scaled(one_jet, 1.1)
    assert jet.hits["track"]["value"].tolist() == [8]
    assert jet.hits["ecal"]["value"].tolist() == pytest.approx([8.8])
    assert jet.hits["hcal"]["value"].tolist() == pytest.approx([4.4])
    assert jet.candidates["pt"].tolist() == pytest.approx([8, 8.8, 4.4])
    assert jet["pt"].tolist() == pytest.approx([20 * (1 + 0.1 * 12 / 20)])
    assert jet["mass"].tolist() == pytest.approx([2 * 1.06])


def test_misidentified_particles_change_places(one_jet):
    from studies.tau.variations import misidentified

    jet = one_jet
    assert misidentified(jet, 1.0).candidates["pdg_id"].tolist() == [11, 130, 22]
    twice = misidentified(misidentified(jet, 1.0), 1.0)
    assert twice.candidates["pdg_id"].tolist() == [211, 22, 130]
    assert misidentified(jet, 0.0).candidates["pdg_id"].tolist() == [211, 22, 130]
