from __future__ import annotations

import numpy as np
import pytest
from events import beam

from e2e_tf.sim.flown import FlownPool, fly_pool, place_arriving, place_tracks
from e2e_tf.sim.kinematics import pt_eta_phi
from e2e_tf.sim.pileup import Collisions, Pool, place


@pytest.fixture(scope="module")
def pool() -> Pool:
    """40 collisions of 5 muons each at η = 0.8 and five φ; ``origin`` starts anew, as batches of the generator do."""
    particles = beam(200, 13, -1.0, 5.0, eta=0.8)
    particles.event[:] = np.repeat(np.arange(40), 5)
    particles.origin[:] = np.tile(np.arange(100), 2)
    angle = np.tile(np.arange(5.0), 40)
    particles.momentum[:, 0], particles.momentum[:, 1] = 5 * np.cos(angle), 5 * np.sin(angle)
    return Pool(particles, np.arange(0, 201, 5))


@pytest.fixture(scope="module")
def flown(pool: Pool) -> FlownPool:
    return fly_pool(np.random.default_rng(0), pool)


@pytest.fixture(scope="module")
def collisions() -> Collisions:
    return Collisions(
        event=np.array([0, 0, 1]),
        chosen=np.array([39, 3, 3]),
        z=np.array([0.01, -0.02, 0.03]),
        angle=np.array([0.0, 1.0, 3.0]),
        mirror=np.array([1.0, 1.0, -1.0]),
    )


def test_particles_of_the_pool_arrive_where_their_collisions_are(pool, flown, collisions):
    arriving = place_arriving(collisions, flown)
    placed = place(collisions, pool)
    # Muons go through unchanged.
    assert len(arriving) == 15
    np.testing.assert_allclose(arriving.momentum, placed.momentum[arriving.origin])
    np.testing.assert_allclose(arriving.vertex, placed.vertex[arriving.origin])
    np.testing.assert_array_equal(arriving.event, placed.event[arriving.origin])


def test_tracks_of_the_pool_belong_to_their_particles(pool, flown, collisions):
    tracks, of = place_tracks(collisions, flown)
    placed = place(collisions, pool)
    _, eta, phi = pt_eta_phi(placed.momentum)
    assert len(tracks) > 12
    np.testing.assert_array_equal(tracks.event, collisions.event[of])
    np.testing.assert_array_equal(tracks.origin // 5, of)
    np.testing.assert_allclose(tracks.eta, eta[tracks.origin], atol=0.02)
    np.testing.assert_allclose(np.cos(tracks.phi - phi[tracks.origin]), 1.0, atol=1e-3)
    np.testing.assert_allclose(tracks.z0, 100 * collisions.z[of], atol=0.1)
