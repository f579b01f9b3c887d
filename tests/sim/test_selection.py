from __future__ import annotations

import numpy as np
from events import record

from e2e_tf.sim.cluster import ReconstructedJets
from e2e_tf.sim.pythia import BACKGROUNDS, PROCESSES, Events, Source
from e2e_tf.sim.selection import select_jets


def jets_at(*eta: float) -> ReconstructedJets:
    n = len(eta)
    zero = np.zeros(n)
    return ReconstructedJets(np.zeros(n, np.int64), np.full(n, 40.0), np.array(eta), zero, zero)


def source_of(name: str, label: int) -> Source:
    return next(s for s in PROCESSES[name].sources if s.label == label)


def tau_event(pt: float) -> Events:
    """A tau to one pion and a neutrino, at η = 0."""
    return record((15, -22, (2, 3), pt + 1.0), (-211, 1, (0, 0), pt), (16, 1, (0, 0), 1.0))


def test_signal_needs_a_good_tau_and_background_none():
    jets = jets_at(0.05, 1.0)
    kept, truth = select_jets(PROCESSES["tau"], source_of("tau", 1), tau_event(20.0), jets)
    np.testing.assert_array_equal(kept, [True, False])
    np.testing.assert_array_equal(truth["decay_mode"], [0, -1])
    np.testing.assert_allclose(truth["visible_pt"], [20, 0], rtol=1e-6)
    soft, _ = select_jets(PROCESSES["tau"], source_of("tau", 1), tau_event(5.0), jets)
    np.testing.assert_array_equal(soft, [False, False])
    background, _ = select_jets(PROCESSES["tau"], source_of("tau", 0), tau_event(20.0), jets)
    np.testing.assert_array_equal(background, [False, True])


def test_a_jet_has_the_flavour_of_its_parton_unless_a_muon_is_near():
    events = record((2, -23, (0, 0), 50.0), (21, -23, (0, 0), 50.0, 1.0), (4, -23, (0, 0), 50.0, -1.5))
    quark = source_of("z_jet", 1)
    kept, truth = select_jets(PROCESSES["z_jet"], quark, events, jets_at(0.1, 1.1, -1.4, -3.0))
    np.testing.assert_array_equal(truth["parton"], [2, 21, 4, 0])
    np.testing.assert_array_equal(truth["is_uds"], [1, 0, 0, 0])
    np.testing.assert_array_equal(truth["is_gluon"], [0, 1, 0, 0])
    np.testing.assert_array_equal(kept, [True, False, True, False])
    events = record((2, -23, (0, 0), 50.0), (13, 1, (0, 0), 30.0, 0.2))
    kept, _ = select_jets(PROCESSES["z_jet"], quark, events, jets_at(0.1))
    assert not kept.any()


def test_backgrounds_of_taus():
    # An electron, a soft muon and a muon of the collision itself, and a quark of the hard scatter.
    events = record(
        (11, 1, (0, 0), 30.0, 0.0),
        (13, 1, (0, 0), 4.0, 0.5),
        (-13, 1, (0, 0), 20.0, 1.0),
        (2, -23, (0, 0), 40.0, -1.0),
    )
    jets = jets_at(0.05, 0.5, 1.1, -1.1, 2.0)
    process = PROCESSES["wtau_all"]
    wanted = {
        "qcd": [True] * 5,
        "electron": [True, False, False, False, False],
        "muon": [False, False, True, False, False],
        "z_jet": [False, False, False, True, False],
        "pileup": [True, True, False, True, True],
    }
    assert set(wanted) == {source.background for source in process.sources[1:]} == set(BACKGROUNDS[1:])
    for source in process.sources[1:]:
        kept, truth = select_jets(process, source, events, jets)
        assert kept.tolist() == wanted[source.background], source.background
        assert set(truth["background"]) == {BACKGROUNDS.index(source.background)}
    _, truth = select_jets(process, source_of("wtau_all", 1), tau_event(20.0), jets)
    assert set(truth["background"]) == {0}
    # Processes with one background need no column to tell them apart.
    assert "background" not in select_jets(PROCESSES["tau"], source_of("tau", 0), events, jets)[1]
