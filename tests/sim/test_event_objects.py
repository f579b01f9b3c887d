from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from e2e_tf.data.jets import Ragged
from e2e_tf.sim.calorimeters import impact_on_calorimeters
from e2e_tf.sim.cluster import ReconstructedJets
from e2e_tf.sim.detector import CMS
from e2e_tf.sim.event_objects import detector_objects
from e2e_tf.sim.kinematics import four_momentum
from e2e_tf.sim.particles import Particles
from e2e_tf.sim.pileup import CollisionPoints
from e2e_tf.sim.tracker import measure_tracks

SURE = replace(CMS, track_efficiency=1.0, empty_cell_sigmas=30.0)


def objects_of(order: np.ndarray, jets: ReconstructedJets, seed: int = 0) -> dict[str, Ragged]:
    """Three events with a pion of 20 GeV and a photon of 10 GeV each, 0.2 apart in η, at z = 5 cm."""
    pdg_id = np.tile(np.array([211, 22], np.int32), 3)[order]
    count = len(order)
    momentum = four_momentum(np.tile([20.0, 10.0], 3), np.tile([0.3, 0.5], 3), np.full(6, 1.0), 0.0)[order]
    particles = Particles(
        np.repeat(np.arange(3), 2)[order],
        pdg_id,
        np.where(pdg_id == 211, 1.0, 0.0),
        momentum,
        np.tile([0.0, 0.0, 0.05], (count, 1)),
        np.arange(count),
    )
    z = np.full(3, 0.05)
    tracks = measure_tracks(np.random.default_rng(0), particles, z, SURE)
    deposits = impact_on_calorimeters(np.random.default_rng(0), particles, SURE)
    collisions = CollisionPoints(np.arange(3), z)
    rng = np.random.default_rng(seed)
    return detector_objects(rng, jets, particles, tracks, deposits, collisions, particles.event, SURE)


def jets_of(*events: int) -> ReconstructedJets:
    count = len(events)
    return ReconstructedJets(
        np.array(events), np.full(count, 30.0), np.full(count, 0.4), np.full(count, 1.0), np.ones(count)
    )


def test_a_pion_and_a_photon():
    found = objects_of(np.arange(6), jets_of(0, 2))
    assert found["track"].counts.tolist() == [1, 1]
    np.testing.assert_allclose(found["track"]["pt"], 20, rtol=0.05)
    np.testing.assert_allclose(found["track"]["deta"], -0.1, atol=0.005)
    np.testing.assert_array_equal(found["track"]["from_pv"], 1)
    # From 5 cm off the middle the photon points at sinh η' = sinh 0.5 + 0.05 / 1.29.
    crystals = found["ecal"]
    for jet in range(2):
        rows = slice(*crystals.offsets[jet : jet + 2])
        eta = crystals["deta"][rows] + 0.4
        photon = np.abs(eta - np.arcsinh(np.sinh(0.5) + 0.05 / 1.29)) < 0.08
        energy = float(crystals["energy"][rows][photon].sum())
        assert energy == pytest.approx(10 * np.cosh(0.5), rel=0.1)
    # The pion's clusters in the pixels are its track's, and a photon leaves none.
    assert found["pixel"].counts.tolist() == [0, 0]
    assert found["vertex"]["n_tracks"].tolist() == [1, 1]


def test_the_order_of_particles_does_not_matter():
    first, second = (
        objects_of(order, jets_of(0, 1, 2)) for order in (np.arange(6), np.array([1, 0, 2, 3, 5, 4]))
    )
    for found in (first, second):
        assert found["track"].counts.tolist() == [1, 1, 1]
        np.testing.assert_allclose(found["track"]["pt"], 20, rtol=0.05)
        total = np.bincount(found["ecal"].owner, found["ecal"]["energy"])
        assert (total > 9).all()


def test_no_jets_no_objects():
    none = jets_of(0).take(np.zeros(0, np.int64))
    found = objects_of(np.arange(6), none)
    assert {kind: (len(objects), objects.offsets.tolist()) for kind, objects in found.items()} == {
        kind: (0, [0]) for kind in ("track", "ecal", "hcal", "pixel", "vertex")
    }
