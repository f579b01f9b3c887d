from __future__ import annotations

import numpy as np
import pytest
from events import record

from e2e_tf.sim.cluster import ReconstructedJets
from e2e_tf.sim.truth import hadronic_tops, hard_partons, heavy_flavour, near_prompt, top_of_jets


def jets_at(*eta: float) -> ReconstructedJets:
    count = len(eta)
    ones = np.ones(count)
    return ReconstructedJets(np.zeros(count, np.int64), 50 * ones, np.array(eta), 0 * ones, ones)


def test_partons_of_the_hard_scatter_only():
    events = record((2, -23, (0, 0), 60.0, 0.1), (21, -23, (0, 0), 60.0, 1.0), (1, -51, (0, 0), 60.0, 0.1))
    partons = hard_partons(events)
    np.testing.assert_array_equal(partons.pdg_id, [2, 21])
    np.testing.assert_array_equal(partons.match(jets_at(0.9, 0.0, 2.0), 0.3), [1, 0, -1])


def test_beauty_goes_before_charm():
    # B0 and its D0 in the first jet, a D0 alone in the second, a charmed baryon in the third, a soft B in the
    # fourth and light hadrons in the fifth.
    events = record(
        (511, -91, (0, 0), 20.0, 0.0),
        (421, -91, (0, 0), 12.0, 0.05),
        (-421, -91, (0, 0), 12.0, 0.8),
        (4122, -91, (0, 0), 12.0, 1.5),
        (511, -91, (0, 0), 3.0, -0.8),
        (-211, 1, (0, 0), 30.0, -1.5),
        (2112, 1, (0, 0), 30.0, -1.5),
    )
    np.testing.assert_array_equal(
        heavy_flavour(events, jets_at(0, 0.8, 1.5, -0.8, -1.5), 0.3), [5, 4, 4, 0, 0]
    )


def test_top_with_all_three_quarks_in_the_jet():
    # The top radiates (row 2 is its copy) and so does its W (row 5).
    events = record(
        (6, -22, (2, 2), 600.0, 0.0),
        (6, -62, (3, 4), 600.0, 0.0),
        (24, -22, (5, 5), 400.0, 0.0),
        (5, -23, (0, 0), 200.0, 0.3),
        (24, -52, (6, 7), 400.0, 0.0),
        (2, -23, (0, 0), 250.0, 0.1),
        (-1, -23, (0, 0), 150.0, -0.4),
    )
    tops = hadronic_tops(events)
    assert len(tops) == 1
    assert tops.pt[0] == pytest.approx(600)
    np.testing.assert_allclose(np.hypot(*tops.quarks[0, :, :2].T), [200, 250, 150])
    np.testing.assert_array_equal(top_of_jets(jets_at(0.0, 0.35, 0.5), tops, 0.8), [0, 0, -1])
    np.testing.assert_array_equal(top_of_jets(jets_at(0.0), tops, 0.35), [-1])


def test_leptonic_tops_are_left_out():
    events = record(
        (6, -62, (2, 3), 600.0, 0.0),
        (24, -22, (4, 5), 400.0, 0.0),
        (5, -23, (0, 0), 200.0, 0.3),
        (-13, 1, (0, 0), 250.0, 0.1),
        (14, 1, (0, 0), 150.0, -0.4),
    )
    assert len(hadronic_tops(events)) == 0


def test_prompt_muons_are_no_jets():
    events = record(
        (13, 1, (0, 0), 40.0, 0.0),
        (-13, 1, (0, 0), 40.0, 1.0),
        (13, 1, (0, 0), 2.0, 2.0),
        (11, 1, (0, 0), 40.0, -1.0),
    )
    events.vertex[2] = (0.3, 0.1, 0.4)  # from a decay in flight
    np.testing.assert_array_equal(
        near_prompt(events, jets_at(0.2, 1.0, 2.0, -1.0), 0.4), [True, False, False, False]
    )
