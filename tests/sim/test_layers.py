from __future__ import annotations

import numpy as np
import pytest
from events import beam

from e2e_tf.data.helix import propagate
from e2e_tf.sim.layers import LAYERS, crossings, double_sided, relative_thickness


def crossed(particles, layers=LAYERS):
    return crossings(particles.charge, particles.momentum, particles.vertex, layers)


def test_a_straight_particle_meets_every_cylinder_at_its_radius():
    found = crossed(beam(1, 22, 0.0, 5.0, eta=0.0))
    for arc, layer in zip(found.arc[0], LAYERS, strict=True):
        assert arc == pytest.approx(layer.at if layer.barrel else np.inf, rel=1e-6)


def test_a_particle_at_two_units_meets_the_discs_within_their_radii():
    found = crossed(beam(1, 22, 0.0, 5.0, eta=2.0))
    for arc, layer in zip(found.arc[0], LAYERS, strict=True):
        radius = layer.at / np.sinh(2.0)
        if not layer.barrel:
            assert np.isfinite(arc) == (layer.low < radius < layer.high)
            assert arc == pytest.approx(radius, rel=1e-6) or np.isinf(arc)
        else:
            assert np.isfinite(arc) == (layer.at * np.sinh(2.0) < layer.high)


def test_a_soft_particle_turns_back_before_the_outer_layers():
    # 0.4 GeV: a circle of radius 0.351 m through the beam reaches 0.702 m.
    found = crossed(beam(1, 211, 1.0, 0.4, eta=0.0))
    for arc, layer in zip(found.arc[0], LAYERS, strict=True):
        if layer.barrel:
            assert np.isfinite(arc) == (layer.at < 0.702)
    # Half the chord over the radius is the sine of half the angle turned.
    assert found.arc[0, 3] == pytest.approx(2 * 0.3511 * np.arcsin(0.255 / 2 / 0.3511), rel=1e-3)


def test_displaced_particles_cross_where_the_helix_meets_the_cylinder():
    rng = np.random.default_rng(0)
    particles = beam(200, 211, 1.0, 1.0)
    particles.momentum[:, :3] = rng.normal(size=(200, 3))
    particles.vertex[:] = rng.uniform(-0.1, 0.1, (200, 3))
    found = crossed(particles)
    layer = LAYERS[3]
    face = propagate(particles.charge, particles.momentum, particles.vertex, layer.at, layer.high)
    reaches = np.abs(np.hypot(face.position[:, 0], face.position[:, 1]) - layer.at) < 1e-6
    np.testing.assert_array_equal(np.isfinite(found.arc[:, 3]), reaches)
    pt = np.hypot(particles.momentum[:, 0], particles.momentum[:, 1])
    arc = (face.position[:, 2] - particles.vertex[:, 2]) / particles.momentum[:, 2] * pt
    np.testing.assert_allclose(found.arc[reaches, 3], arc[reaches], rtol=1e-6)


def test_nothing_is_crossed_from_outside():
    particles = beam(1, 211, 1.0, 5.0, eta=0.0, phi=0.0)
    particles.vertex[:] = (0.08, 0.0, 0.0)
    found = crossed(particles)
    assert np.isinf(found.arc[0, :2]).all()  # pixel layers at 4.4 and 7.3 cm
    assert found.arc[0, 2] == pytest.approx(0.022, abs=1e-4)


def test_first_two_strip_layers_count_twice():
    found = crossed(beam(1, 22, 0.0, 5.0, eta=0.0))
    hits = np.isfinite(found.arc[0])
    double = double_sided(found, LAYERS)[0] & hits
    assert [layer.at for layer, twice in zip(LAYERS, double, strict=True) if twice] == [
        0.255,
        0.339,
        0.608,
        0.692,
    ]


@pytest.mark.parametrize("eta", [0.0, 0.8, 1.5, 2.2])
def test_shares_of_the_material_add_up_to_one(eta):
    # From all places of the luminous region, with which a layer at its edge is met by some only.
    count = 4000
    photons = beam(count, 22, 0.0, 5.0, eta=eta)
    photons.vertex[:, 2] = 0.035 * np.random.default_rng(0).standard_normal(count)
    met = np.isfinite(crossed(photons).arc)
    share = (relative_thickness(np.full(count, eta)) * met).sum(1)
    assert share.mean() == pytest.approx(1.0, abs=0.05)
