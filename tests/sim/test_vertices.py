from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.sim.measurement import Measured
from e2e_tf.sim.vertices import VERTEXING, Vertexing, Vertices, nearest_vertex, reconstruct_vertices


def tracks_of(event: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray, pt: float, rng) -> Measured:
    """Tracks from points (x, y, z) [cm], with errors of 50 µm in d0 and 100 µm in z0."""
    count = len(event)
    phi = rng.uniform(-np.pi, np.pi, count)
    d0_error, dz_error = np.full(count, 0.005), np.full(count, 0.010)
    return Measured(
        event=event,
        origin=np.arange(count),
        process=np.zeros(count, np.int8),
        pt=np.full(count, pt),
        eta=np.zeros(count),
        phi=phi,
        charge=np.ones(count, np.int8),
        d0=-x * np.sin(phi) + y * np.cos(phi) + d0_error * rng.standard_normal(count),
        z0=z + dz_error * rng.standard_normal(count),
        d0_error=d0_error,
        dz_error=dz_error,
        chi2=np.ones(count),
        n_hits=np.full(count, 15, np.int16),
        n_pixel_hits=np.full(count, 3, np.int16),
    )


def test_the_fit_finds_the_point_with_the_expected_resolution():
    rng = np.random.default_rng(0)
    events, each = 2000, 16
    event = np.repeat(np.arange(events), each)
    place = np.array([0.002, -0.003, 1.0])
    tracks = tracks_of(event, *np.tile(place[:, None], len(event)), 1.0, rng)
    free = Vertexing(beam_width=10.0)
    vertices = reconstruct_vertices(
        rng, tracks, event, np.arange(events), np.full(events, 0.01), events, free
    )
    assert len(vertices) == events
    assert vertices.n_tracks.mean() == pytest.approx(each, rel=0.02)
    # Each track measures one of two directions: σ / sqrt(n / 2).
    expected = 0.005 / np.sqrt(each / 2)
    for found, true in ((vertices.x, 0.002), (vertices.y, -0.003)):
        assert found.mean() == pytest.approx(true, abs=2e-4)
        assert found.std() == pytest.approx(expected, rel=0.1)
    assert vertices.xy_error.mean() == pytest.approx(expected, rel=0.1)
    assert (vertices.z - 1.0).std() == pytest.approx(0.010 / np.sqrt(each), rel=0.08)
    assert vertices.z_error.mean() == pytest.approx(0.010 / np.sqrt(each), rel=0.05)


def test_the_beam_constrains_vertices_of_few_tracks():
    rng = np.random.default_rng(0)
    events, each = 2000, 4
    event = np.repeat(np.arange(events), each)
    tracks = tracks_of(event, *np.zeros((3, len(event))), 1.0, rng)
    vertices = reconstruct_vertices(rng, tracks, event, np.arange(events), np.zeros(events), events)
    # 10 µm of the beam and 50 µm / sqrt(4 / 2) of the tracks.
    expected = (1 / 0.0010**2 + 2 / 0.005**2) ** -0.5
    assert vertices.x.std() == pytest.approx(expected, rel=0.06)
    assert np.median(vertices.xy_error) == pytest.approx(expected, rel=0.03)


def test_displaced_tracks_do_not_pull_the_vertex():
    rng = np.random.default_rng(0)
    events, each = 500, 10
    event = np.repeat(np.arange(events), each)
    x = np.where(np.arange(len(event)) % each == 0, 0.5, 0.0)
    tracks = tracks_of(event, x, 0 * x, 0 * x, 1.0, rng)
    vertices = reconstruct_vertices(rng, tracks, event, np.arange(events), np.zeros(events), events)
    assert abs(vertices.x.mean()) < 3e-4


def test_the_vertex_of_the_hardest_tracks_is_chosen():
    rng = np.random.default_rng(0)
    event = np.repeat([0, 0, 1, 1], 6)
    collision = np.repeat(np.arange(4), 6)
    z = np.repeat([-2.0, 2.0, -2.0, 2.0], 6)
    tracks = tracks_of(event, 0 * z, 0 * z, z, 1.0, rng)
    tracks.pt[(collision == 1) | (collision == 2)] = 3.0
    vertices = reconstruct_vertices(rng, tracks, collision, np.array([0, 0, 1, 1]), z[::6] / 100, 2)
    np.testing.assert_array_equal(vertices.event, [0, 0, 1, 1])
    np.testing.assert_array_equal(vertices.collision, [1, 0, 2, 3])
    np.testing.assert_array_equal(vertices.chosen, [True, False, True, False])
    np.testing.assert_allclose(vertices.sum_pt2, [54.0, 6.0, 54.0, 6.0])


def test_near_collisions_come_out_as_one():
    rng = np.random.default_rng(0)
    events = 2000
    for gap, merged in ((0.03, np.exp(-0.25)), (0.06, np.exp(-1)), (0.5, 0.0)):
        event = np.repeat(np.arange(events), 10)
        collision = np.repeat(np.arange(2 * events), 5)
        z = np.tile(np.repeat([0.0, gap], 5), events)
        tracks = tracks_of(event, 0 * z, 0 * z, z, 1.0, rng)
        found = reconstruct_vertices(
            rng, tracks, collision, np.repeat(np.arange(events), 2), np.tile([0.0, gap / 100], events), events
        )
        assert 2 - len(found) / events == pytest.approx(merged, abs=0.04), gap
    assert VERTEXING.merging == 0.06


def test_an_event_without_vertex_has_the_beam_spot():
    rng = np.random.default_rng(0)
    tracks = tracks_of(np.zeros(6, int), np.zeros(6), np.zeros(6), np.full(6, 1.0), 1.0, rng)
    vertices = reconstruct_vertices(rng, tracks, np.zeros(6, int), np.array([0]), np.array([0.01]), 3)
    np.testing.assert_array_equal(vertices.event, [0, 1, 2])
    np.testing.assert_array_equal(vertices.n_tracks[1:], [0, 0])
    np.testing.assert_array_equal(vertices.collision, [0, -1, -1])
    assert vertices.chosen.all()
    nothing = reconstruct_vertices(
        rng, tracks.take(np.zeros(0, int)), np.zeros(0, int), np.zeros(0, int), np.zeros(0), 2
    )
    assert len(nothing) == 2


def test_nearest_vertex_is_that_of_a_search_one_by_one():
    rng = np.random.default_rng(0)
    event = np.sort(rng.integers(0, 5, 40))
    event[:5] = np.arange(5)
    event = np.sort(event)
    z = rng.normal(0, 5, 40)
    zero = np.zeros(40)
    vertices = Vertices(event, zero, zero, z, zero, zero, zero, zero, zero, zero)
    of, place = rng.integers(0, 5, 200), rng.normal(0, 8, 200)
    found = nearest_vertex(of, place, vertices, 5)
    for row in range(200):
        apart = np.where(event == of[row], np.abs(z - place[row]), np.inf)
        assert found[row] == np.argmin(apart)
