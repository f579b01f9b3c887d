from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.helix import CURVATURE, along, closest_approach, propagate
from e2e_tf.sim.kinematics import four_momentum

BARREL = (1.29, 3.17)


def test_pion_of_one_gev_bends_by_hand():
    # Radius 1 / (0.299792458 * 3.8) = 0.877800 m; the chord of 1.29 m is reached after half an angle of
    # asin(1.29 / (2 * 0.877800)) = 0.825359 rad, by which the point lies off the initial direction.
    assert np.reciprocal(CURVATURE) == pytest.approx(0.877800, abs=1e-6)
    p4 = four_momentum(np.ones(3), np.zeros(3), np.full(3, 0.2), 0.0)
    face = propagate(np.array([1.0, -1.0, 0.0]), p4, np.zeros((3, 3)), *BARREL)
    half = np.arcsin(1.29 / (2 * 0.877800))
    np.testing.assert_allclose(face.phi, [0.2 - half, 0.2 + half, 0.2], atol=1e-6)
    np.testing.assert_allclose(np.hypot(*face.position[:, :2].T), 1.29, rtol=1e-9)
    assert face.reached.all()


def test_slope_follows_the_arc():
    # z is the transverse arc length, 2 R asin(...), times sinh η: further than along the chord.
    p4 = four_momentum(np.ones(1), np.full(1, 0.8), np.zeros(1), 0.0)
    face = propagate(np.ones(1), p4, np.zeros((1, 3)), *BARREL)
    arc = 2 * 0.877800 * np.arcsin(1.29 / (2 * 0.877800))
    assert face.position[0, 2] == pytest.approx(arc * np.sinh(0.8), rel=1e-6)
    assert face.eta[0] > 0.8


def test_soft_particles_curl_up_or_drift_to_the_endcap():
    # Below 0.3 * 3.8 * 1.29 / 2 = 0.735 GeV the circle stays inside the barrel.
    p4 = four_momentum(np.array([0.72, 0.75, 0.5]), np.array([0.0, 0.0, 1.0]), np.zeros(3), 0.0)
    face = propagate(np.ones(3), p4, np.zeros((3, 3)), *BARREL)
    np.testing.assert_array_equal(face.reached, [False, True, True])
    assert face.position[2, 2] == pytest.approx(3.17)


def test_helix_agrees_with_small_steps():
    rng = np.random.default_rng(3)
    count, step = 60, 5e-4
    pt, eta, phi = rng.uniform(0.8, 10, count), rng.uniform(-2.5, 2.5, count), rng.uniform(-3, 3, count)
    charge = rng.choice([-1.0, 0.0, 1.0], count)
    vertex = rng.normal(0, 0.1, (count, 3))
    face = propagate(charge, four_momentum(pt, eta, phi, 0.0), vertex, *BARREL)
    point, angle = vertex.copy(), phi.copy()
    inside = np.ones(count, bool)
    for _ in range(8000):
        turned = np.where(inside, -charge * CURVATURE / pt * step, 0)
        way = np.stack([np.cos(angle + turned / 2), np.sin(angle + turned / 2), np.sinh(eta)], 1)
        point += step * way * inside[:, None]
        angle += turned
        inside &= (np.hypot(point[:, 0], point[:, 1]) < BARREL[0]) & (np.abs(point[:, 2]) < BARREL[1])
    assert not inside.any()
    # The last step overshoots by at most its length, which is longest along z.
    tolerance = 1.05 * step * np.cosh(eta)
    assert np.all(np.linalg.norm(point - face.position, axis=1) < tolerance)


def test_along_turns_positive_particles_clockwise_and_comes_back():
    # 1 GeV in 3.8 T: a circle of radius 1 / (0.2998 · 3.8) = 0.8778 m; a quarter of it ends below the x axis.
    momentum = np.array([[1.0, 0.0, 0.5, 2.0]])
    vertex = np.array([[0.1, 0.2, 0.3]])
    quarter = np.array([np.pi / 2 * 0.8778])
    place, there = along(np.array([1.0]), momentum, vertex, quarter)
    np.testing.assert_allclose(place[0], [0.1 + 0.8778, 0.2 - 0.8778, 0.3 + 0.5 * quarter[0]], atol=1e-4)
    np.testing.assert_allclose(there[0], [0.0, -1.0, 0.5, 2.0], atol=1e-4)
    back, again = along(np.array([1.0]), there, place, -quarter)
    np.testing.assert_allclose(back, vertex, atol=1e-9)
    np.testing.assert_allclose(again, momentum, atol=1e-9)


def test_closest_approach_of_a_particle_from_the_beam_is_its_beginning():
    rng = np.random.default_rng(0)
    momentum = np.concatenate([rng.normal(size=(30, 3)), np.full((30, 1), 4.0)], 1)
    charge = np.tile([1.0, -1.0, 0.0], 10)
    arc = rng.uniform(0.01, 0.4, 30)
    place, there = along(charge, momentum, np.zeros((30, 3)), arc)
    np.testing.assert_allclose(closest_approach(charge, there, place), -arc, atol=1e-9)


def test_closest_approach_is_nearest():
    rng = np.random.default_rng(1)
    momentum = np.concatenate([rng.normal(size=(20, 3)), np.full((20, 1), 4.0)], 1)
    charge = np.tile([1.0, -1.0], 10)
    vertex = rng.uniform(-0.2, 0.2, (20, 3))
    arc = closest_approach(charge, momentum, vertex)
    distances = []
    for step in (-1e-3, 0.0, 1e-3):
        place, _ = along(charge, momentum, vertex, arc + step)
        distances.append(np.hypot(place[:, 0], place[:, 1]))
    assert (distances[1] <= distances[0]).all()
    assert (distances[1] <= distances[2]).all()
