from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.sim.detector import CMS
from e2e_tf.sim.kinematics import four_momentum
from e2e_tf.sim.response import (
    CURVATURE,
    Particles,
    hadron_response,
    impact_on_calorimeters,
    measure_tracks,
    pass_material,
    propagate,
)

BARREL = (1.29, 3.17)


def beam(count: int, pdg_id: int, charge: float, pt: float, eta: float = 0.3, phi: float = 0.5) -> Particles:
    """Copies of one particle, one per event, from the middle of the detector."""
    momentum = four_momentum(np.full(count, pt), np.full(count, eta), np.full(count, phi), 0.0)
    return Particles(
        np.arange(count),
        np.full(count, pdg_id, np.int32),
        np.full(count, charge),
        momentum,
        np.zeros((count, 3)),
        np.arange(count),
    )


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


def test_impact_parameters_of_a_displaced_track():
    # Born 2 mm to the side (+y) and 5 mm up the beam of a track along +x: d0 = (-x py + y px) / pT = +2 mm.
    count = 2000
    pions = beam(count, 211, 1.0, 10.0, eta=0.0, phi=0.0)
    pions.vertex[:] = (0.001, 0.002, 0.035)
    tracks = measure_tracks(np.random.default_rng(0), pions, np.full(count, 0.030))
    assert tracks.d0.mean() == pytest.approx(0.2, abs=1e-3)
    assert tracks.dz.mean() == pytest.approx(0.5, abs=1e-3)
    # 10 µm and 85 µm GeV / pT in quadrature, at η = 0.
    assert tracks.d0_error[0] == pytest.approx(np.hypot(0.0010, 0.0085 / 10))
    assert tracks.d0.std() == pytest.approx(tracks.d0_error[0], rel=0.1)
    # Born 2 mm out, a track keeps nearly all of its layers.
    assert tracks.found.mean() == pytest.approx(CMS.track_efficiency, abs=0.02)


def test_photons_convert_with_the_material():
    # 1 - exp(-7/9 * 0.4) = 0.267 at η = 0.
    photons = beam(20_000, 22, 0.0, 5.0, eta=0.0)
    behind = pass_material(np.random.default_rng(0), photons)
    legs = behind.take(np.flatnonzero(behind.pdg_id != 22))
    assert len(legs) / 2 / 20_000 == pytest.approx(1 - np.exp(-7 / 9 * 0.4), abs=0.01)
    assert legs.charge.sum() == 0
    energy = np.bincount(behind.origin, behind.momentum[:, 3])
    np.testing.assert_allclose(energy, 5.0)


def test_electrons_keep_their_energy_in_two_parts():
    electrons = beam(500, -11, 1.0, 20.0, eta=1.0)
    behind = pass_material(np.random.default_rng(0), electrons)
    assert len(behind) == 1000
    np.testing.assert_allclose(np.bincount(behind.origin, behind.momentum[:, 3]), 20 * np.cosh(1.0))


def test_hadrons_are_seen_with_their_response():
    energy = np.array([2.0, 5.0, 50.0, 300.0])
    response = hadron_response(energy)
    np.testing.assert_allclose(response, 1 - 0.55 * energy**-0.33)
    assert 0.6 < response[1] < 0.8
    assert 0.83 < response[2] < 0.9
    kaons = beam(20_000, 130, 0.0, 10.0, eta=0.0)
    deposits = impact_on_calorimeters(np.random.default_rng(0), kaons)
    total = deposits.ecal + deposits.hcal
    assert total.mean() == pytest.approx(10 * hadron_response(np.array([10.0]))[0], rel=0.01)
    assert total.std() / total.mean() == pytest.approx(np.hypot(1.10 / np.sqrt(10), 0.09), rel=0.05)
    assert 0.3 < deposits.ecal.mean() / total.mean() < 0.5
    assert (total > 0).all()


def test_photons_are_seen_fully_and_only_in_the_ecal():
    deposits = impact_on_calorimeters(np.random.default_rng(0), beam(20_000, 22, 0.0, 10.0, eta=0.0))
    assert deposits.ecal.mean() == pytest.approx(10, rel=1e-3)
    # 2.8 % / sqrt(10) and 0.3 % in quadrature.
    assert deposits.ecal.std() / 10 == pytest.approx(np.hypot(0.028 / np.sqrt(10), 0.003), rel=0.05)
    assert not deposits.hcal.any()


def test_nothing_beyond_the_calorimeters():
    deposits = impact_on_calorimeters(np.random.default_rng(0), beam(100, 22, 0.0, 10.0, eta=3.2))
    assert not deposits.ecal.any()
    # 0.9 GeV reaches the ECAL but not the HCAL's 1.9 m (0.3 * 3.8 * 1.9 / 2 = 1.08 GeV).
    soft = impact_on_calorimeters(np.random.default_rng(0), beam(100, 211, 1.0, 0.9, eta=0.0))
    assert soft.ecal.any()
    assert not soft.hcal.any()
