from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from events import beam

from e2e_tf.data.grid import PITCH, TOWER
from e2e_tf.sim.calorimeters import Deposits, impact_on_calorimeters
from e2e_tf.sim.cluster import ReconstructedJets
from e2e_tf.sim.detector import CMS, READOUT
from e2e_tf.sim.kinematics import four_momentum, pt_eta_phi
from e2e_tf.sim.particles import Particles
from e2e_tf.sim.readout import arrival_times, depth_shares, read_crystals, read_towers

LIGHT = 0.299792458  # m / ns
QUIET = replace(CMS, ecal_noise=(1e-9, 1e-9), empty_cell_sigmas=30.0)
SILENT = replace(READOUT, hcal_noise=1e-9)


def shot(
    pdg_id: int, pt: float, eta: float, phi: float, count: int = 1
) -> tuple[Deposits, ReconstructedJets]:
    """Deposits of copies of one neutral particle, one per event, and a jet around each."""
    particles = beam(count, pdg_id, 0.0, pt, eta, phi)
    deposits = impact_on_calorimeters(np.random.default_rng(0), particles)
    axis = np.full(count, eta), np.full(count, phi)
    return deposits, ReconstructedJets(np.arange(count), np.full(count, pt), *axis, np.ones(count))


def test_light_from_the_centre_is_on_time():
    photons = beam(3, 22, 0.0, 5.0, eta=0.9)
    deposits = impact_on_calorimeters(np.random.default_rng(0), photons)
    time = np.array([0.0, 0.1, -0.2])
    np.testing.assert_allclose(arrival_times(deposits, np.zeros(3), time), time, atol=1e-12)


def test_slow_and_displaced_particles_are_late():
    # A neutron of pT 1 GeV at η = 0 has β = 1 / √(1 + 0.94²); the face is 1.29 m away.
    neutron = beam(1, 2112, 0.0, 1.0, eta=0.0)
    neutron.momentum[:, 3] = np.hypot(1.0, 0.94)
    late = arrival_times(impact_on_calorimeters(np.random.default_rng(0), neutron), np.zeros(1), np.zeros(1))
    assert late[0] == pytest.approx(1.29 / LIGHT * (np.hypot(1.0, 0.94) - 1))
    # A photon straight up from z = 0.6 m flies 1.29 m to a point √(1.29² + 0.6²) from the centre.
    photon = beam(1, 22, 0.0, 1.0, eta=0.0)
    photon.vertex[:, 2] = 0.6
    early = arrival_times(
        impact_on_calorimeters(np.random.default_rng(0), photon), np.full(1, 0.6), np.zeros(1)
    )
    assert early[0] == pytest.approx((1.29 - np.hypot(1.29, 0.6)) / LIGHT)


def test_one_crystal_by_hand():
    axis = (20.5 * PITCH, 40.5 * PITCH)
    deposits, jets = shot(22, 20.0, *axis)
    found = read_crystals(np.random.default_rng(1), 1, jets, deposits, np.array([3.0]), QUIET)
    leading = found.take(np.argmax(found.energy)[None])
    assert (leading.eta[0], leading.phi[0]) == pytest.approx(axis)
    # Shares of the two Gaussians within half a crystal: 0.83 · erf(0.5 / (0.24 √2))² + 0.17 · erf(0.5 / (0.9 √2))².
    inside = 0.83 * 0.96279**2 + 0.17 * 0.42153**2
    assert leading.energy[0] == pytest.approx(inside * deposits.ecal[0], rel=2e-3)
    # 24 ns · 1e-9 / E ⊕ 20 ps around the arrival.
    np.testing.assert_allclose(found.time, 3.0, atol=0.1)
    # Without a threshold nothing is lost.
    everything = replace(QUIET, ecal_threshold=(0.0, 0.0))
    total = read_crystals(np.random.default_rng(1), 1, jets, deposits, np.zeros(1), everything).energy.sum()
    assert total == pytest.approx(deposits.ecal[0], rel=1e-3)
    assert (np.diff(found.key) > 0).all()


def test_time_is_weighted_by_energy():
    eta, phi = np.full(2, 20.5 * PITCH), np.full(2, 40.5 * PITCH)
    particles = Particles(
        np.zeros(2, np.int64),
        np.full(2, 22, np.int32),
        np.zeros(2),
        four_momentum(np.array([30.0, 10.0]), eta, phi, 0.0),
        np.zeros((2, 3)),
        np.arange(2),
    )
    deposits = impact_on_calorimeters(np.random.default_rng(0), particles)
    jets = ReconstructedJets(np.zeros(1, np.int64), np.full(1, 40.0), eta[:1], phi[:1], np.ones(1))
    found = read_crystals(np.random.default_rng(1), 1, jets, deposits, np.array([0.0, 4.0]), QUIET)
    wanted = 4.0 * deposits.ecal[1] / deposits.ecal.sum()
    assert found.time[np.argmax(found.energy)] == pytest.approx(wanted, abs=0.1)


def test_segments_of_a_tower_add_up():
    side = TOWER * PITCH
    deposits, jets = shot(130, 60.0, 3.5 * side, 7.5 * side, count=300)
    none = replace(SILENT, depth_threshold=(0.0,) * 4)
    every = replace(none, hcal_threshold=0.0)
    whole = read_towers(np.random.default_rng(1), 300, jets, deposits, QUIET, every)
    total = np.bincount(whole.event, whole.energy, minlength=300)
    deep = deposits.hcal > 20
    assert deep.sum() > 50
    np.testing.assert_allclose(total[deep], deposits.hcal[deep], rtol=1e-3)
    found = read_towers(np.random.default_rng(1), 300, jets, deposits, QUIET, none)
    towers, place = np.unique(found.key, return_inverse=True)
    assert (np.bincount(place, found.energy) > READOUT.hcal_threshold).all()
    assert len(towers) < len(found)
    assert set(found.depth) == {1, 2, 3, 4}
    order = np.lexsort((found.depth, found.key))
    np.testing.assert_array_equal(order, np.arange(len(found)))
    default = read_towers(np.random.default_rng(1), 300, jets, deposits, QUIET, SILENT)
    assert (default.energy > np.array(READOUT.depth_threshold)[default.depth - 1]).all()


def test_depths_by_hand():
    rng = np.random.default_rng(0)
    # A shower from the ECAL of 1 GeV: gamma distribution of shape 3/2 and scale 0.4 from the face on. With
    # x = 1 (edge 0.4): P(3/2, 1) = erf(1) − 2/√π e⁻¹ = 0.427593.
    shares = depth_shares(rng, np.array([0.5]), np.array([0.5]), np.array([False]))
    assert shares[0, 0] == pytest.approx(0.427593, abs=1e-6)
    # Muons leave the same per interaction length: 0.4, 1.0, 1.7 and again 1.7 of 4.8.
    shares = depth_shares(rng, np.array([0.3]), np.array([2.0]), np.array([True]))
    np.testing.assert_allclose(shares[0], np.array([0.4, 1.0, 1.7, 1.7]) / 4.8)
    late = depth_shares(rng, np.zeros(2000), np.full(2000, 20.0), np.zeros(2000, bool))
    early = depth_shares(rng, np.full(2000, 20.0), np.full(2000, 20.0), np.zeros(2000, bool))
    np.testing.assert_allclose(late.sum(1), 1)
    depth = np.arange(1, 5)
    assert (late @ depth).mean() > (early @ depth).mean() + 0.5


def test_what_is_far_from_jets_is_left_out():
    deposits, jets = shot(22, 20.0, 0.2, 0.5)
    far = replace(jets, phi=jets.phi + np.pi)
    found = read_crystals(np.random.default_rng(1), 1, far, deposits, np.zeros(1), QUIET)
    assert not len(found)
    assert pt_eta_phi(deposits.particles.momentum)[0][0] == pytest.approx(20)


def test_hadrons_have_a_second_shower_beside():
    # Of 30 GeV pions far from the HCAL's towers' edges a third of the energy, in the mean, lies 0.15 beside in η and φ.
    side = TOWER * PITCH
    deposits, jets = shot(130, 30.0, 0.5 * side, 0.5 * side, count=2000)
    every = replace(SILENT, depth_threshold=(0.0,) * 4, hcal_threshold=0.0, fragment_share=(15.0, 20.0))
    narrow = replace(QUIET, hcal_profile=(1.0, 0.01, 0.01))
    found = read_towers(np.random.default_rng(1), 2000, jets, deposits, narrow, every)
    own = np.hypot(found.eta - 0.5 * side, found.phi - 0.5 * side) < 0.01
    # 15 / 35 of the energy, but for the part of a Gaussian of σ = 0.15 that stays in the tower of 0.0873: 0.0523.
    within = 0.22889**2
    assert found.energy[own].sum() / deposits.hcal.sum() == pytest.approx(
        1 - 15 / 35 * (1 - within), abs=0.01
    )
    muons, _ = shot(13, 30.0, 0.5 * side, 0.5 * side, count=100)
    found = read_towers(np.random.default_rng(1), 100, jets.take(np.arange(100)), muons, narrow, every)
    np.testing.assert_allclose(found.eta, 0.5 * side)
