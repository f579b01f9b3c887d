from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.jets import Ragged
from e2e_tf.sim.calorimeters import impact_on_calorimeters
from e2e_tf.sim.cluster import ReconstructedJets
from e2e_tf.sim.detector import CMS
from e2e_tf.sim.event_objects import ObjectMaker, detector_objects
from e2e_tf.sim.kinematics import four_momentum
from e2e_tf.sim.particles import Particles

EVENTS = 40
KINDS = ("track", "ecal", "hcal", "pixel", "vertex", "candidate")


@pytest.fixture(scope="module")
def particles() -> Particles:
    """Events with a muon of 20 GeV, a photon of 10 GeV and a neutron of 30 GeV, apart in η, from z = 5 cm."""
    pdg_id = np.tile(np.array([13, 22, 2112], np.int32), EVENTS)
    count = len(pdg_id)
    momentum = four_momentum(
        np.tile([20.0, 10.0, 30.0], EVENTS), np.tile([0.3, 0.5, 0.7], EVENTS), np.full(count, 1.0), 0.0
    )
    return Particles(
        np.repeat(np.arange(EVENTS), 3),
        pdg_id,
        np.where(pdg_id == 13, -1.0, 0.0),
        momentum,
        np.tile([0.0, 0.0, 0.05], (count, 1)),
        np.arange(count),
    )


def jets_of(*events: int) -> ReconstructedJets:
    count = len(events)
    axis = np.full(count, 0.5), np.full(count, 1.0)
    return ReconstructedJets(np.array(events, np.int64), np.full(count, 60.0), *axis, np.ones(count))


def objects_of(particles: Particles, jets: ReconstructedJets, seed: int = 0) -> dict[str, Ragged]:
    deposits = impact_on_calorimeters(np.random.default_rng(9), particles)
    maker = ObjectMaker(np.random.default_rng(seed))
    return detector_objects(maker, jets, particles, deposits, np.full(EVENTS, 0.05), None, CMS)


def test_a_muon_a_photon_and_a_neutron(particles: Particles):
    jets = jets_of(*range(EVENTS))
    found = objects_of(particles, jets)
    assert tuple(found) == KINDS
    tracks, crystals, vertices = found["track"], found["ecal"], found["vertex"]
    muons = np.abs(tracks["pt"] - 20) < 2
    assert muons.sum() > 0.9 * EVENTS
    np.testing.assert_allclose(tracks["deta"][muons], -0.2, atol=0.01)
    assert set(tracks["charge"][muons]) == {-1}
    np.testing.assert_array_equal(tracks["from_pv"][muons], 1)
    # One track makes no vertex: the beam spot stands in, with no tracks.
    assert vertices.counts.tolist() == [1] * EVENTS
    np.testing.assert_array_equal(vertices["z"], 0)
    # From 5 cm off the middle the photon points at sinh η' = sinh 0.5 + 0.05 / 1.29; most do not convert.
    eta = np.arcsinh(np.sinh(0.5) + 0.05 / 1.29) - 0.5
    near = np.hypot(crystals["deta"] - eta, crystals["dphi"]) < 0.06
    energy = np.bincount(crystals.owner[near], crystals["energy"][near], EVENTS)
    assert np.median(energy) == pytest.approx(10 * np.cosh(0.5), rel=0.05)
    # Particle flow calls the muon a muon, and most of the rest is neutral.
    candidates = found["candidate"]
    kinds = {kind: int((candidates["pdg_id"] == kind).sum()) for kind in (13, 22, 130, 211)}
    assert kinds[13] > 0.85 * EVENTS
    assert kinds[22] > 0.7 * EVENTS
    assert kinds[130] > 0.6 * EVENTS
    assert kinds[211] < 0.6 * EVENTS
    np.testing.assert_array_equal(candidates["from_pv"] == -1, candidates["charge"] == 0)


def test_hadrons_leave_what_they_leave_in_hits(particles: Particles):
    deposits = impact_on_calorimeters(np.random.default_rng(9), particles)
    neutrons = np.flatnonzero(particles.pdg_id == 2112)
    found = objects_of(particles, jets_of(*range(EVENTS)))["hcal"]
    total = np.bincount(found.owner, found["energy"], EVENTS)
    # But for thresholds, noise, the muon's 2 GeV and the few that interact in the tracker: within 20 % and 4 GeV.
    energy = deposits.hcal[neutrons]
    same = np.abs(total - 2 - energy) < 0.2 * energy + 4
    assert same.mean() > 0.6
    others = np.abs(total - 2 - np.roll(energy, 1)) < 0.2 * energy + 4
    assert same.mean() > others.mean() + 0.2


def test_only_events_with_jets_are_followed(particles: Particles):
    all_of_them, some = objects_of(particles, jets_of(*range(EVENTS))), objects_of(particles, jets_of(4, 17))
    assert some["track"].counts.tolist() <= [2, 2]
    for kind in KINDS:
        assert len(some[kind]) == 2
        assert len(all_of_them[kind]) == EVENTS
    muons = np.abs(some["track"]["pt"] - 20) < 2
    np.testing.assert_allclose(some["track"]["deta"][muons], -0.2, atol=0.01)
    # The same random numbers give the same objects.
    again = objects_of(particles, jets_of(4, 17))
    for kind in KINDS:
        for name, column in some[kind].columns.items():
            np.testing.assert_array_equal(column, again[kind][name])
    assert not np.array_equal(
        objects_of(particles, jets_of(4, 17), seed=1)["ecal"]["energy"], some["ecal"]["energy"]
    )


def test_no_jets_no_objects(particles: Particles):
    found = objects_of(particles, jets_of())
    assert {kind: (len(objects), objects.offsets.tolist()) for kind, objects in found.items()} == {
        kind: (0, [0]) for kind in KINDS
    }
