from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from events import beam

from e2e_tf.sim.detector import CMS
from e2e_tf.sim.helix import CURVATURE
from e2e_tf.sim.objects import VertexObjects
from e2e_tf.sim.pileup import CollisionPoints
from e2e_tf.sim.track_objects import found_tracks, nearest_is_first, vertices_of
from e2e_tf.sim.tracker import measure_tracks

EXACT = replace(
    CMS,
    track_efficiency=1.0,
    track_efficiency_low_pt=1.0,
    track_pt_resolution=(0.0, 0.0, 0.0),
    track_eta_resolution=0.0,
    track_phi_resolution=0.0,
)


def test_place_at_the_ecal_by_hand():
    # pT 2 GeV at η = 0.4, φ = 0.5 from the centre: the circle of radius R = pT / 1.139 meets 1.29 m turned by
    # asin(1.29 / 2R), after an arc of 2R times that angle, along which z rises by sinh 0.4.
    count = 5
    pions = beam(count, 211, 1.0, 2.0, eta=0.4, phi=0.5)
    tracks = measure_tracks(np.random.default_rng(0), pions, np.zeros(count), EXACT)
    vertices = VertexObjects(np.arange(count), np.zeros(count), np.ones(count), np.ones(count))
    found = found_tracks(np.random.default_rng(1), pions, tracks, vertices, EXACT)
    angle = np.arcsin(1.29 * CURVATURE / (2 * 2.0))
    np.testing.assert_allclose(found.phi_face, 0.5 - angle, atol=1e-9)
    arc = 2 * 2.0 / CURVATURE * angle
    np.testing.assert_allclose(found.eta_face, np.arcsinh(arc * np.sinh(0.4) / 1.29), atol=1e-9)
    np.testing.assert_array_equal(found.charge, 1)
    np.testing.assert_array_equal(found.from_pv, 1)
    np.testing.assert_array_equal(found.origin, np.arange(count))


def test_hits_and_fit():
    count = 4000
    pions = beam(count, 211, 1.0, 5.0, eta=0.0)
    pions.vertex[count // 2 :, 0] = 0.08  # behind the second pixel layer
    tracks = measure_tracks(np.random.default_rng(0), pions, np.zeros(count), EXACT)
    vertices = VertexObjects(np.arange(count), np.zeros(count), np.ones(count), np.ones(count))
    found = found_tracks(np.random.default_rng(1), pions, tracks, vertices, EXACT)
    near = found.origin < count // 2
    assert found.n_hits[near].mean() == pytest.approx(13 * 0.97, rel=0.01)
    assert found.n_pixel_hits[near].mean() == pytest.approx(3 * 0.99, rel=0.01)
    assert found.n_pixel_hits[~near].max() == 1
    assert found.n_hits.min() >= 4
    # The mean of χ² / ndf is 1, its variance 2 / ndf, with 2 · 13 − 5 = 21 degrees of freedom.
    assert found.chi2[near].mean() == pytest.approx(1, abs=0.02)
    assert found.chi2[near].std() == pytest.approx(np.sqrt(2 / 20.2), rel=0.05)


def test_vertices_by_hand():
    # Two events; the second has pileup with two tracks and with one, which makes no vertex.
    pions = beam(6, 211, 1.0, 3.0)
    pions.event[:] = [0, 0, 1, 1, 1, 1]
    tracks = measure_tracks(np.random.default_rng(0), pions, np.zeros(2), EXACT)
    collisions = CollisionPoints(np.array([0, 1, 1, 1]), np.array([0.01, -0.02, 0.03, 0.05]))
    vertices = vertices_of(np.random.default_rng(1), tracks, collisions, np.array([0, 0, 1, 2, 2, 3]))
    np.testing.assert_array_equal(vertices.event, [0, 1, 1])
    # 5 cm from the chosen vertex, give or take 140 µm / √2.
    np.testing.assert_allclose(vertices.z, [0, 0, 5.0], atol=0.05)
    np.testing.assert_array_equal(vertices.n_tracks, [2, 1, 2])
    np.testing.assert_allclose(vertices.sum_pt2, [18, 9, 18])


def test_the_nearest_vertex():
    vertices = VertexObjects(
        np.array([0, 0, 0, 1]), np.array([0.0, 1.0, -3.0, 0.0]), np.ones(4), np.full(4, 5)
    )
    event = np.array([0, 0, 0, 0, 1, 1])
    dz = np.array([0.1, 0.6, -1.4, -1.6, 7.0, -20.0])
    np.testing.assert_array_equal(nearest_is_first(event, dz, vertices), [1, 0, 1, 0, 1, 1])
