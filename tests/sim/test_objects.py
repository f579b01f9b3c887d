from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from events import beam

from e2e_tf.data.helix import CURVATURE
from e2e_tf.sim.flight import CONVERSION, DECAY, NUCLEAR_INTERACTION, PRIMARY
from e2e_tf.sim.objects import track_objects
from e2e_tf.sim.tracking import RecoTracks
from e2e_tf.sim.vertices import Vertices


def tracks(count: int, **columns: list) -> RecoTracks:
    """Tracks of 2 GeV at η = 0.4, φ = 0.5, one per event."""
    values = {field.name: np.zeros(count) for field in fields(RecoTracks)}
    values |= {"event": np.arange(count), "pt": np.full(count, 2.0), "charge": np.ones(count, np.int8)}
    values |= {"eta": np.full(count, 0.4), "phi": np.full(count, 0.5), "origin": np.arange(count)}
    return RecoTracks(**values | {name: np.array(column) for name, column in columns.items()})


def middle(count: int) -> Vertices:
    """A vertex in the middle of the detector for each event."""
    values = {field.name: np.zeros(count) for field in fields(Vertices)}
    return Vertices(**values | {"event": np.arange(count), "chosen": np.ones(count, bool)})


def test_place_at_the_ecal_by_hand():
    # The circle of radius R = pT / 1.139 meets 1.29 m turned by asin(1.29 / 2R), after an arc of 2R times that angle,
    # along which z rises by sinh 0.4.
    found = track_objects(tracks(2, charge=[1, -1]), middle(2), beam(2, 211, 1.0, 2.0))
    angle = np.arcsin(1.29 * CURVATURE / (2 * 2.0))
    np.testing.assert_allclose(found.phi_face, [0.5 - angle, 0.5 + angle], atol=1e-9)
    arc = 2 * 2.0 / CURVATURE * angle
    np.testing.assert_allclose(found.eta_face, np.arcsinh(arc * np.sinh(0.4) / 1.29), atol=1e-9)
    # One that curls up and never drifts to an endcap has its own direction.
    flat = replace(tracks(1), pt=np.array([0.5]), eta=np.zeros(1))
    found = track_objects(flat, middle(1), beam(1, 211, 1.0, 2.0))
    assert (found.eta_face[0], found.phi_face[0]) == (0.0, 0.5)


def test_the_kind_behind_a_track():
    particles = beam(5, 13, -1.0, 2.0)
    particles.pdg_id[:] = (13, 22, 310, 211, 11)
    origin = [0, 1, 2, 3, 4, -1]
    process = [PRIMARY, CONVERSION, DECAY, NUCLEAR_INTERACTION, PRIMARY, -1]
    found = track_objects(tracks(6, origin=origin, process=process), middle(6), particles)
    assert found.pdg_id.tolist() == [13, 11, 211, 211, 11, 0]
    np.testing.assert_array_equal(found.origin, origin)
