from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.sim.candidates import Candidates
from e2e_tf.sim.kinematics import four_momentum, pt_eta_phi
from e2e_tf.sim.particles import Particles
from e2e_tf.sim.pileup import (
    Collisions,
    Pool,
    density,
    from_primary_vertex,
    minimum_bias,
    overlay,
    placed_rows,
    pool_columns,
    pool_of_columns,
    turned,
)


@pytest.fixture(scope="module")
def pool() -> Pool:
    """Three collisions: of two particles, of none and of one with a displaced vertex."""
    momentum = four_momentum(np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0]), np.zeros(3), 0.0)
    vertex = np.array([[0, 0, 0], [0, 0, 0], [0.002, 0.0, 0.01]])
    particles = Particles(
        np.array([0, 0, 2]),
        np.array([211, 22, 211], np.int32),
        np.array([1.0, 0, 1]),
        momentum,
        vertex,
        np.arange(3),
    )
    return Pool(particles, np.array([0, 2, 2, 3]))


def test_collisions_are_poisson_turned_and_mirrored(pool: Pool):
    events, mean = 4000, 6.0
    particles, collisions = overlay(np.random.default_rng(0), pool, events, mean)
    number = np.bincount(collisions.event, minlength=events)
    assert number.mean() == pytest.approx(mean, abs=0.12)
    assert number.var() == pytest.approx(mean, abs=0.5)
    assert len(particles) / events == pytest.approx(mean, abs=0.2)  # one particle a collision on average
    np.testing.assert_array_equal(particles.origin, np.arange(len(particles)))
    pt, eta, phi = pt_eta_phi(particles.momentum)
    np.testing.assert_allclose(sorted(set(np.round(pt, 9))), [1, 2, 3])
    np.testing.assert_allclose(np.abs(eta), np.array([0, 0.5, 1.0, 2.0])[np.round(pt).astype(int)])
    assert (eta > 0).mean() == pytest.approx(0.5, abs=0.02)
    assert np.abs(np.exp(1j * phi).mean()) < 0.02
    # The displaced vertex turns with the momentum: still 2 mm along it.
    along = (particles.vertex[:, :2] * particles.momentum[:, :2]).sum(1) / pt
    np.testing.assert_allclose(along, np.where(pt > 2.5, 0.002, 0.0), atol=1e-12)
    # 3.5 cm along the beam.
    assert particles.vertex[pt < 2.5, 2].std() == pytest.approx(0.035, rel=0.05)


def test_particles_of_a_collision_share_a_vertex(pool: Pool):
    particles, collisions = overlay(np.random.default_rng(1), pool, 50, 1.0)
    _, collision = placed_rows(collisions, pool.offsets)
    z = particles.vertex[:, 2]
    np.testing.assert_array_equal(collisions.event[collision], particles.event)
    assert (np.diff(collisions.event) >= 0).all()
    prompt = np.hypot(*particles.vertex[:, :2].T) == 0
    np.testing.assert_array_equal(collisions.z[collision][prompt], z[prompt])
    pions = np.flatnonzero(np.isclose(pt_eta_phi(particles.momentum)[0], 1.0))
    np.testing.assert_array_equal(z[pions], z[pions + 1])


def test_pool_keeps_its_columns(pool: Pool):
    again = pool_of_columns(pool_columns(pool))
    np.testing.assert_array_equal(again.particles.momentum, pool.particles.momentum)
    np.testing.assert_array_equal(again.offsets, pool.offsets)


def test_minimum_bias_in_order(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("pythia8mc", reason="needs the extra 'sim'")
    # Without diffraction Pythia starts in a fraction of the time.
    monkeypatch.setattr("e2e_tf.sim.pileup.MINIMUM_BIAS", ("SoftQCD:nonDiffractive = on",))
    monkeypatch.setattr("e2e_tf.sim.pileup._BATCH", 3)
    minimum_bias.cache_clear()
    made = minimum_bias(4, 5)
    minimum_bias.cache_clear()
    assert len(made) == 5
    assert made.offsets[-1] == len(made.particles) > 100
    np.testing.assert_array_equal(np.bincount(made.particles.event, minlength=5), np.diff(made.offsets))
    assert not np.isin(np.abs(made.particles.pdg_id), (12, 14, 16)).any()


def test_density_by_hand():
    # 96 cells of 0.55 x 0.5236; 2 GeV in all of them but nothing in 40: the median is 2 GeV / 0.288.
    rows, columns = np.divmod(np.arange(96), 12)
    eta, phi = -2.2 + 0.55 * (rows + 0.5), -np.pi + 2 * np.pi / 12 * (columns + 0.5)
    p4 = four_momentum(np.full(96, 2.0), eta, phi, 0.0)
    rho = density(np.ones(56, np.int64), p4[40:], 3)
    np.testing.assert_allclose(rho, [0, 2 / (0.55 * 2 * np.pi / 12), 0])
    np.testing.assert_allclose(density(np.zeros(40, np.int64), p4[:40], 1), [0])


def test_tracks_of_other_vertices_are_flagged():
    zero = np.zeros(5)
    candidates = Candidates(
        np.zeros(5, np.int64),
        np.array([211, 211, 211, 211, 22], np.int16),
        np.array([1, -1, 1, 1, 0], np.int8),
        np.zeros((5, 4)),
        zero,
        np.array([0.05, -0.5, 0.2, -0.2, 0.0]),
        zero,
        np.array([0.003, 0.003, 0.003, 0.1, 0.0]),
    )
    np.testing.assert_array_equal(from_primary_vertex(candidates), [1, 0, 0, 1, -1])


def test_vectors_of_the_pool_are_turned_and_mirrored():
    # (1, 2, 3) turned by a quarter is (−2, 1, 3); the second collision is mirrored in z as well.
    of_events = Collisions(
        np.array([0, 0]), np.array([0, 0]), np.zeros(2), np.array([np.pi / 2, 0.0]), np.array([1.0, -1.0])
    )
    vectors = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    result = turned(vectors, of_events, np.array([0, 1]))
    np.testing.assert_allclose(result, [[-2.0, 1.0, 3.0], [1.0, 2.0, -3.0]], atol=1e-12)
    np.testing.assert_array_equal(vectors[0], [1.0, 2.0, 3.0])


def test_rows_of_the_pool_by_collision():
    of_events = Collisions(np.array([0, 1, 1]), np.array([2, 0, 2]), *np.zeros((3, 3)))
    rows, of = placed_rows(of_events, np.array([0, 2, 2, 5]))
    np.testing.assert_array_equal(rows, [2, 3, 4, 0, 1, 2, 3, 4])
    np.testing.assert_array_equal(of, [0, 0, 0, 1, 1, 2, 2, 2])
