from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tables import crystals_at, nothing, towers_at, tracks_at

from e2e_tf.data.grid import PITCH, TOWER
from e2e_tf.data.helix import CURVATURE
from e2e_tf.sim.links import Links, link_tracks
from e2e_tf.sim.objects import Crystals, Segments, TrackObjects
from e2e_tf.sim.particle_flow import cluster_calorimeters


def links_of(tracks: TrackObjects, crystals: Crystals, towers: Segments) -> Links:
    return link_tracks(tracks, *cluster_calorimeters(crystals, towers), np.zeros(2))


def test_the_nearest_of_what_is_met():
    # Clusters at columns 2 and 4; tracks in column 3 nearer to the second, in column 7, and in another event.
    crystals = crystals_at((0, 2, 2, 5.0), (0, 2, 4, 5.0), (0, 2, 20, 5.0))
    eta = 2.5 * PITCH
    tracks = tracks_at(
        (0, 50.0, eta, 3.6 * PITCH, 211), (0, 50.0, eta, 7.5 * PITCH, 211), (1, 50.0, eta, 2.5 * PITCH, 211)
    )
    links = links_of(tracks, crystals, nothing(Segments))
    assert links.ecal.tolist() == [1, -1, -1]
    assert links.ecal_track.tolist() == [0, 0, -1]
    np.testing.assert_allclose(links.ecal_distance, [1.1 * PITCH, 0.9 * PITCH, np.inf])
    assert links.hcal.tolist() == [-1, -1, -1]


def test_a_track_bends_on_to_the_hcal():
    # From φ = 0 at the vertex to −asin(1.90 · 1.139 / (2 · 2)) = −0.572 there, in the tower around −0.567.
    column = int(np.floor(-np.arcsin(1.90 * CURVATURE / 4) / (TOWER * PITCH)))
    tracks = tracks_at((0, 2.0, 0.04, 0.0, 211))
    assert links_of(tracks, nothing(Crystals), towers_at((0, 0, column, 5.0))).hcal.tolist() == [0]
    assert links_of(tracks, nothing(Crystals), towers_at((0, 0, 0, 5.0))).hcal.tolist() == [-1]


@pytest.mark.parametrize(
    ("column", "linked"), [(-22, False), (-20, True), (-15, True), (-5, True), (0, False)]
)
def test_where_bremsstrahlung_arrives(column: int, linked: bool):
    # From φ = −19.5 crystals at the vertex to −9.5 at the ECAL: tangents end between, a slower electron up to half as
    # much further, at −4.5; 0.02 or 1.1 crystals are added on both sides.
    track = replace(tracks_at((0, 5.0, 2.5 * PITCH, -9.5 * PITCH, 11)), phi=np.array([-19.5 * PITCH]))
    links = links_of(track, crystals_at((0, 2, -10, 5.0), (0, 2, column, 1.0)), nothing(Segments))
    assert links.brems_track.tolist() == [0] * linked
    # Four rows on is another η.
    links = links_of(track, crystals_at((0, 2, -10, 5.0), (0, 6, column, 1.0)), nothing(Segments))
    assert not len(links.brems)
