from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from events import beam

from e2e_tf.sim.decays import CHANNELS, LIFETIMES, MASSES, decay, decay_arcs, mass_of, three_body, two_body
from e2e_tf.sim.kinematics import four_momentum
from e2e_tf.sim.particles import Particles


def mothers(count: int, pdg_id: int, pt: float, charge: float = 0.0) -> Particles:
    particles = beam(count, pdg_id, charge, pt)
    mass = MASSES[abs(pdg_id)]
    momentum = four_momentum(np.full(count, pt), np.full(count, 0.7), np.full(count, 0.5), mass)
    return replace(particles, momentum=momentum)


def masses(momentum: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(momentum[:, 3] ** 2 - (momentum[:, :3] ** 2).sum(1), 0.0))


def test_a_kaon_at_rest_gives_back_to_back_pions_of_the_known_momentum():
    # p* = sqrt((m_K^2 - 4 m_pi^2)) / 2 = sqrt(0.49761^2 - 0.27914^2) / 2 = 0.20597 GeV.
    resting = np.array([[0.0, 0.0, 0.0, 0.49761]]).repeat(1000, 0)
    one, two = two_body(np.random.default_rng(0), resting, 0.13957, 0.13957)
    np.testing.assert_allclose(np.linalg.norm(one[:, :3], axis=1), 0.20597, atol=1e-5)
    np.testing.assert_allclose(one[:, :3], -two[:, :3], atol=1e-12)
    # Isotropic: cos θ is flat between −1 and 1, so its variance is 1/3.
    assert (one[:, 2] / 0.20597).var() == pytest.approx(1 / 3, abs=0.03)


def test_a_moving_lambda_keeps_its_mass_and_momentum():
    moving = mothers(2000, 3122, 5.0).momentum
    one, two = two_body(np.random.default_rng(0), moving, MASSES[2212], MASSES[211])
    np.testing.assert_allclose(one + two, moving, atol=1e-12)
    np.testing.assert_allclose(masses(one), MASSES[2212], atol=1e-6)
    np.testing.assert_allclose(masses(two), MASSES[211], atol=1e-6)
    # The proton takes its mean share of the energy, E*/M with E* = (M² + mp² − mπ²) / 2M.
    share = (1.11568**2 + 0.93827**2 - 0.13957**2) / (2 * 1.11568**2)
    assert (one[:, 3] / moving[:, 3]).mean() == pytest.approx(share, abs=0.005)


def test_decays_to_three_stay_within_the_limits_of_phase_space():
    moving = mothers(3000, 321, 3.0).momentum
    parts = three_body(np.random.default_rng(0), moving, MASSES[111], MASSES[11], 0.0)
    np.testing.assert_allclose(sum(parts), moving, atol=1e-12)
    pair = masses(parts[0] + parts[1])
    assert pair.min() >= MASSES[111] + MASSES[11] - 1e-6
    assert pair.max() <= MASSES[321] + 1e-6
    # Flat in phase space, two of the three masses zero: the density of the pair's squared mass s between m² and
    # M² is proportional to (M² − s)(s − m²) / s.
    s = np.linspace(MASSES[111] ** 2, MASSES[321] ** 2, 2001)
    density = (MASSES[321] ** 2 - s) * (s - MASSES[111] ** 2) / s
    assert (pair**2).mean() == pytest.approx((s * density).sum() / density.sum(), abs=0.002)


@pytest.mark.parametrize(("pdg_id", "pt"), [(310, 3.0), (3122, 3.0), (211, 1.0)])
def test_mean_way_is_beta_gamma_c_tau(pdg_id, pt):
    particles = mothers(20_000, pdg_id, pt, 1.0 if pdg_id == 211 else 0.0)
    arc = decay_arcs(np.random.default_rng(0), particles)
    # Along the flight βγ cτ, across the beam the share pT / p of it: cτ pT / m.
    expected = LIFETIMES[pdg_id] * pt / MASSES[pdg_id]
    assert arc.mean() == pytest.approx(expected, rel=0.03)
    assert np.median(arc) == pytest.approx(np.log(2) * expected, rel=0.03)


def test_stable_particles_do_not_decay():
    protons = mothers(10, 2212, 1.0, 1.0)
    assert np.isinf(decay_arcs(np.random.default_rng(0), protons)).all()


@pytest.mark.parametrize(
    ("pdg_id", "daughter", "share"), [(310, 211, 0.692), (3122, 2212, 0.641), (321, 13, 0.67)]
)
def test_branching_fractions(pdg_id, daughter, share):
    count = 20_000
    particles = mothers(count, pdg_id, 2.0, 1.0 if pdg_id == 321 else 0.0)
    found = decay(np.random.default_rng(0), particles)
    with_it = len(np.unique(found.origin[found.pdg_id == (daughter if daughter != 13 else -13)]))
    assert with_it / count == pytest.approx(share, abs=0.015)


@pytest.mark.parametrize("pdg_id", [310, 3122, -3122, 3222, 3112, -3312, 3334, 111])
def test_daughters_carry_charge_momentum_and_place_of_their_mother(pdg_id):
    # Decays without neutrinos lose nothing.
    charges = {3222: 1.0, 3112: -1.0, -3312: 1.0, 3334: -1.0}
    particles = mothers(500, pdg_id, 2.0, charges.get(pdg_id, 0.0))
    particles.vertex[:] = (0.01, 0.02, 0.03)
    found = decay(np.random.default_rng(0), particles)
    np.testing.assert_allclose(np.bincount(found.origin, found.charge), particles.charge)
    for column in range(4):
        total = np.bincount(found.origin, found.momentum[:, column])
        np.testing.assert_allclose(total, particles.momentum[:, column], atol=1e-9)
    np.testing.assert_array_equal(found.vertex, np.tile([0.01, 0.02, 0.03], (len(found), 1)))
    np.testing.assert_array_equal(found.event, particles.event[found.origin])
    np.testing.assert_allclose(masses(found.momentum), mass_of(found.pdg_id), atol=1e-6)


def test_an_antilambda_gives_an_antiproton():
    found = decay(np.random.default_rng(0), mothers(200, -3122, 2.0))
    assert set(found.pdg_id.tolist()) == {-2212, 211, -2112, 111}


def test_every_channel_is_possible_and_keeps_charge():
    charges = {11: -1, 13: -1, 211: 1, 321: 1, 2212: 1, 3112: -1, 3222: 1, 3312: -1, 3334: -1}
    for mother, channels in CHANNELS.items():
        for channel in channels:
            total = sum(charges.get(abs(code), 0) * np.sign(code) for code in channel.daughters)
            assert total == charges.get(mother, 0)
            assert sum(MASSES[abs(code)] for code in channel.daughters) < MASSES[mother]
        assert 0.9 < sum(channel.fraction for channel in channels) <= 1.0001
