from __future__ import annotations

import numpy as np
from events import record

from e2e_tf.sim.detector import CMS
from e2e_tf.sim.particles import collision_points, visible_particles


def test_what_is_final_central_and_no_neutrino_is_visible():
    events = record(
        (23, -22, (2, 3), 50.0),  # decays
        (211, 1, (0, 0), 10.0, 0.5),
        (16, 1, (0, 0), 10.0),  # a neutrino
        (22, 1, (0, 0), 5.0, 3.4),  # too far forward
        (22, 1, (0, 0), 0.05),  # too soft
        (-13, 1, (0, 0), 3.0, -2.0),
    )
    events.vertex[2] = (1.0, 2.0, 3.0)  # mm
    particles = visible_particles(events, np.array([0.01]))
    np.testing.assert_array_equal(particles.pdg_id, [211, -13])
    np.testing.assert_allclose(particles.vertex, [[0.001, 0.002, 0.013], [0, 0, 0.01]])
    np.testing.assert_array_equal(particles.origin, [0, 1])


def test_collisions_spread_along_the_beam():
    z = collision_points(np.random.default_rng(0), 20_000)
    assert abs(z.mean()) < 1e-3
    np.testing.assert_allclose(z.std(), CMS.beam_spot_sigma_z, rtol=0.02)
