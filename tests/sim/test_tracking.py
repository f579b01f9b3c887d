from __future__ import annotations

import numpy as np
import pytest
from events import beam

from e2e_tf.data.helix import propagate
from e2e_tf.data.table import joined
from e2e_tf.sim.detector import CMS
from e2e_tf.sim.flight import fly
from e2e_tf.sim.kinematics import four_momentum
from e2e_tf.sim.measurement import Measured, measure
from e2e_tf.sim.particles import Particles
from e2e_tf.sim.tracking import FAKES, RecoTracks, face_of_tracks, fake_tracks, reconstruct_tracks
from e2e_tf.sim.vertices import Vertices

EVENTS = 150


@pytest.fixture(scope="module")
def measured() -> tuple[Measured, np.ndarray]:
    """Events of two collisions, of 30 hard and 30 soft muons each, at z = 0 and z = 1.5 mm."""
    rng = np.random.default_rng(0)
    parts, numbers = [], []
    for collision, pt in ((0, 5.0), (1, 1.0)):
        count = 30 * EVENTS
        momentum = four_momentum(
            np.full(count, pt), rng.uniform(-2, 2, count), rng.uniform(-3, 3, count), 0.1057
        )
        muons = beam(count, 13, -1.0, pt)
        vertex = np.zeros((count, 3))
        vertex[:, 2] = 0.0015 * collision
        event = np.repeat(np.arange(EVENTS), 30)
        parts.append(
            Particles(
                event, muons.pdg_id, muons.charge, momentum, vertex, np.arange(count) + collision * count
            )
        )
        numbers.append(2 * event + collision)
    particles, number = joined(parts), np.concatenate(numbers)
    tracks = measure(rng, fly(rng, particles))
    return tracks, number[tracks.origin]


@pytest.fixture(scope="module")
def reconstructed(measured: tuple[Measured, np.ndarray]) -> tuple[RecoTracks, Vertices]:
    z = np.tile([0.0, 0.0015], EVENTS)
    return reconstruct_tracks(
        np.random.default_rng(1), measured[0], measured[1], np.repeat(np.arange(EVENTS), 2), z, EVENTS
    )


def test_tracks_are_told_apart_by_their_vertices(reconstructed: tuple[RecoTracks, Vertices]):
    tracks, vertices = reconstructed
    assert (vertices.collision[vertices.chosen] % 2 == 0).all()
    true = tracks.take(tracks.collision >= 0)
    hard = true.collision % 2 == 0
    assert true.from_pv[hard].mean() > 0.97
    # Half of 1.5 mm is seven errors of a soft track at η = 0 and two at |η| = 2.
    assert 0.002 < true.from_pv[~hard].mean() < 0.05
    np.testing.assert_array_equal(true.from_pv == 1, vertices.chosen[true.vertex])
    assert (np.diff(tracks.event) >= 0).all()


def test_impact_parameters_are_those_to_the_chosen_vertex(reconstructed: tuple[RecoTracks, Vertices]):
    tracks, vertices = reconstructed
    hard = tracks.take((tracks.collision >= 0) & (tracks.collision % 2 == 0))
    soft = tracks.take((tracks.collision >= 0) & (tracks.collision % 2 == 1))
    assert np.median(hard.dz) == pytest.approx(0.0, abs=5e-4)
    assert np.median(soft.dz) == pytest.approx(0.15, abs=2e-3)
    # The vertex of 30 tracks and the beam adds little to them, and is drawn to each of them; the core of the pulls is
    # 0.92, and a seventh is wider.
    pull = hard.d0 / hard.d0_error
    assert np.subtract(*np.percentile(pull, [84, 16])) / 2 == pytest.approx(0.97, abs=0.07)
    assert 0.0003 < vertices.x[vertices.chosen].std() < 0.0015


def test_fakes_are_as_many_as_set_and_unlike_tracks(measured: tuple[Measured, np.ndarray]):
    tracks = measured[0]
    rng = np.random.default_rng(3)
    fakes = joined([fake_tracks(rng, tracks, EVENTS) for _ in range(20)])
    number = np.bincount(tracks.event, minlength=EVENTS)
    base, slope = FAKES.share
    assert len(fakes) / 20 == pytest.approx((number * (base + slope * number / 1000)).sum(), rel=0.1)
    assert (fakes.origin == -1).all()
    assert np.abs(fakes.d0).mean() > 0.1
    assert fakes.chi2.mean() == pytest.approx(FAKES.chi2, rel=0.05)
    assert fakes.n_hits.mean() < tracks.n_hits.mean() - 5
    assert (fakes.n_hits >= fakes.n_pixel_hits + 3).all()
    # pT falls with the power set: half of the fakes are below 2^(1 / power) times the smallest.
    assert np.median(fakes.pt) == pytest.approx(CMS.track_min_pt * 2 ** (1 / FAKES.pt_power), rel=0.05)


def test_fakes_grow_faster_than_tracks():
    base, slope = FAKES.share
    assert 0.01 < base + slope * 0.05 < 0.02  # no pileup: about 50 tracks
    assert 0.02 < base + slope * 0.4 < 0.05  # 20 collisions: about 400


def test_faces_of_tracks_are_those_of_the_particles(reconstructed: tuple[RecoTracks, Vertices]):
    tracks, vertices = reconstructed
    rows = np.flatnonzero((tracks.collision >= 0) & (tracks.collision % 2 == 0))
    face = face_of_tracks(tracks, vertices).take(rows)
    good = tracks.take(rows)
    momentum = four_momentum(np.full(len(rows), 5.0), good.eta, good.phi, 0.1057)
    expected = propagate(
        good.charge.astype(float), momentum, np.zeros((len(rows), 3)), CMS.ecal_radius, CMS.ecal_half_length
    )
    near = np.abs(good.pt - 5.0) < 0.2
    np.testing.assert_allclose(face.eta[near], expected.eta[near], atol=0.02)
    assert np.median(np.abs(face.phi - expected.phi)) < 0.003


def test_events_without_tracks():
    empty = measure(np.random.default_rng(0), fly(np.random.default_rng(0), beam(0, 13, -1.0, 5.0)))
    tracks, vertices = reconstruct_tracks(
        np.random.default_rng(0), empty, np.zeros(0, int), np.arange(2), np.zeros(2), 2
    )
    assert len(tracks) == 0
    assert len(vertices) == 2
