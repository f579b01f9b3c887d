from __future__ import annotations

import numpy as np
import pytest
from events import record

from e2e_tf.sim.cluster import HadronicTaus, cluster_jets, hadronic_taus, match_taus
from e2e_tf.sim.kinematics import four_momentum

pytest.importorskip("fastjet", reason="needs the extra 'sim'")


def test_jets_by_hand(capfd: pytest.CaptureFixture[str]):
    # Event 0: two candidates 0.3 apart make one jet, a third is 1 away. Event 1 is empty, event 2 is soft.
    event = np.array([0, 0, 0, 2])
    pt, eta = np.array([20.0, 10.0, 15.0, 4.0]), np.array([0.0, 0.3, 1.3, 0.0])
    p4 = four_momentum(pt, eta, np.zeros(4), 0.0)
    jets = cluster_jets(event, p4, 3, 0.4, 5.0)
    np.testing.assert_array_equal(jets.event, [0, 0])
    np.testing.assert_allclose(jets.pt, [30, 15])
    total = p4[0] + p4[1]
    assert jets.eta[0] == pytest.approx(np.arcsinh(total[2] / 30))
    assert jets.mass[0] == pytest.approx(np.sqrt(total[3] ** 2 - (total[:3] ** 2).sum()))
    assert capfd.readouterr().out == ""


def test_decay_mode_looks_into_resonances():
    # τ radiates, then decays to ω π ν with ω → π+ π− π0 and π0 → γγ: three prongs and one π0, code 11.
    events = record(
        (15, -23, (2, 3), 40.0),
        (15, -2, (4, 6), 39.0),
        (22, 1, (0, 0), 1.0),
        (16, 1, (0, 0), 9.0),
        (-211, 1, (0, 0), 10.0),
        (223, -91, (7, 9), 20.0),
        (211, 1, (0, 0), 8.0),
        (-211, 1, (0, 0), 7.0),
        (111, -91, (10, 11), 5.0),
        (22, 1, (0, 0), 3.0),
        (22, 1, (0, 0), 2.0),
    )
    taus = hadronic_taus(events)
    np.testing.assert_array_equal(taus.decay_mode, [11])
    # Visible: 39 - 9 GeV.
    assert taus.momentum[0, 0] == pytest.approx(30)


def test_leptonic_taus_are_left_out():
    events = record(
        (15, -2, (2, 4), 30.0), (16, 1, (0, 0), 10.0), (13, 1, (0, 0), 10.0), (-14, 1, (0, 0), 10.0)
    )
    assert len(hadronic_taus(events)) == 0


def test_nearest_tau_of_the_same_event():
    zero = np.zeros(1)
    p4 = four_momentum(
        np.array([20.0, 20.0, 20.0]), np.array([0.15, 0.05, 0.0]), np.full(3, np.pi - 0.01), 0.0
    )
    taus = HadronicTaus(np.array([0, 0, 1]), p4, np.zeros(3, np.int8))
    event = np.array([0, 1, 2])
    jets = cluster_jets(
        event, four_momentum(np.full(3, 30.0), np.zeros(3), np.full(3, -np.pi + 0.01), 0.0), 3, 0.4, 5.0
    )
    np.testing.assert_array_equal(match_taus(jets, taus, 0.2), [1, 2, -1])
    np.testing.assert_array_equal(match_taus(jets, taus, 0.04), [-1, 2, -1])
    empty = HadronicTaus(np.zeros(0, np.int64), np.zeros((0, 4)), zero[:0].astype(np.int8))
    np.testing.assert_array_equal(match_taus(jets, empty, 0.2), -1)
